"""Just enough of PNG (W3C, third edition) to tell a picture's size, and whether it shows anything.

Reads what Chromium's screenshots are: eight bits a channel, not interlaced.
"""

import struct
import zlib
from typing import NamedTuple

SIGNATURE = b"\x89PNG\r\n\x1a\n"
LENGTH_AND_KIND = struct.Struct(">I4s")
CHECKSUM_BYTES = 4
BLANK_VALUES_MAX = 16
"""A picture of one colour comes to a few byte values under any of PNG's five filters."""


class Picture(NamedTuple):
    """A picture's width and height in pixels, and whether it is all of one colour."""

    size: tuple[int, int]
    is_blank: bool


def read_picture(png: bytes) -> Picture:
    """Read a PNG file; raises ValueError where it is none."""
    if not png.startswith(SIGNATURE):
        raise ValueError(f"not a PNG: it begins with {png[:8]!r}")
    chunks = _chunks(png)
    size: tuple[int, int] = struct.unpack_from(">II", chunks[b"IHDR"])
    values = set(zlib.decompress(chunks[b"IDAT"]))
    return Picture(size, len(values) <= BLANK_VALUES_MAX)


def _chunks(png: bytes) -> dict[bytes, bytes]:
    """Collect the chunks by kind; those of one kind, as the pixels are, are joined."""
    chunks: dict[bytes, bytes] = {}
    place = len(SIGNATURE)
    while place < len(png):
        length, kind = LENGTH_AND_KIND.unpack_from(png, place)
        start = place + LENGTH_AND_KIND.size
        chunks[kind] = chunks.get(kind, b"") + png[start : start + length]
        place = start + length + CHECKSUM_BYTES
    return chunks
