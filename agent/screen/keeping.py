"""Packs what luma's devices keep from one picture to the next: on 800x480 pixels, 1.5 MB.

Decides nothing of what is sent: a device sends the same parts of the same pictures as without.
"""

import zlib
from array import array
from collections.abc import Generator
from copy import copy
from typing import Any, NamedTuple

from luma.core.framebuffer import diff_to_previous  # type: ignore[import-untyped]
from PIL import Image

Part = tuple[Image.Image, tuple[int, int, int, int]]
"""A part of a picture, and where it lies: left, top, and outside of it right and bottom."""

FASTEST = 1
"""Of zlib's levels: it makes a picture of few colours a thirteenth and less of itself, in 1 to 3 ms
(measured, 320x240 and 800x480 pixels)."""

TABLE_LENGTH_LEAST, TABLE_NUMBER_MAX = 1_000, 0xFFFF
"""A table with a number for each pixel, and not the few of a chip's commands. An SSD1306 has two
such lists: 0.4 MB (measured)."""


class _Packed(NamedTuple):
    """A picture, compressed."""

    mode: str
    size: tuple[int, int]
    pixels: bytes


class PackedDifference:
    """luma's comparison with the picture before, which lies packed while nothing is drawn."""

    def __init__(self, difference: Any) -> None:
        self._difference = copy(difference)
        self._before = _pack(difference.prev_image)
        self._difference.prev_image = None

    def redraw(self, image: Image.Image) -> Generator[Part]:
        """Yield the parts that have changed since the picture before; the first time, all of it.

        A picture of which not every part was taken does not become the one before.
        """
        # One of its own: who is cut off by a fault of the bus may hold it for longer.
        difference = copy(self._difference)
        before = difference.prev_image = _unpack(self._before)
        yield from difference.redraw(image)
        if difference.prev_image is not before:
            self._before = _pack(difference.prev_image)


def keep_packed(device: Any) -> None:
    """Pack what one of luma's devices keeps: the picture before, and its tables of numbers."""
    for name, value in vars(device).items():
        if isinstance(value, diff_to_previous):
            setattr(device, name, PackedDifference(value))
        elif _is_table(value):
            setattr(device, name, array("H", value))


def _pack(picture: Image.Image | None) -> _Packed | None:
    if picture is None:
        return None
    return _Packed(picture.mode, picture.size, zlib.compress(picture.tobytes(), FASTEST))


def _unpack(packed: _Packed | None) -> Image.Image | None:
    if packed is None:
        return None
    return Image.frombytes(packed.mode, packed.size, zlib.decompress(packed.pixels))


def _is_table(value: Any) -> bool:
    """Tell whether something is a table of small numbers, each of which a list keeps as object."""
    return (
        isinstance(value, list)
        and len(value) >= TABLE_LENGTH_LEAST
        and all(isinstance(one, int) and 0 <= one <= TABLE_NUMBER_MAX for one in value)
    )
