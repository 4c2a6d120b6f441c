"""A recorded capture, read as fast as the reader takes it or at a pace; its end is final.

Without a pace a capture is read at full speed. With one it comes as it was recorded, so much
faster: by the timing that `hearthlink capture` wrote beside it, else at the line's own rate.
"""

import asyncio
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO

import msgspec

from firmware_bridge.links.port import READ_BYTES
from shared.errors import LinkError, OperatorError
from shared.units import MS_PER_SECOND

TIMING_SUFFIX = ".timing"
LINE_BYTES_PER_S = 11_520
"""115,200 baud of ten bits a byte: a P1 port."""

PACED_BYTES = 1_152
"""A tenth of a second of such a line."""


class Mark(msgspec.Struct, frozen=True):
    """From this byte of a capture on, the bytes came at this time of the recorder's clock."""

    offset: int
    monotonic_ms: int


class ReplayLink:
    """The raw bytes of a capture file; each piece waits until it is due."""

    is_finite = True
    longest_pause_s = 0.0

    def __init__(self, path: Path, file: BinaryIO, pieces: Iterator[tuple[int, float]]) -> None:
        self._path = path
        self._file = file
        self._pieces = pieces
        self._began_s: float | None = None

    async def read(self) -> bytes:
        """Return the next bytes of the file; raise LinkError at its end."""
        length, due_s = next(self._pieces, (READ_BYTES, 0.0))
        now_s = asyncio.get_running_loop().time()
        self._began_s = now_s if self._began_s is None else self._began_s
        # Files do not wait: without this the reader would never let the loop do its other work.
        await asyncio.sleep(max(0.0, self._began_s + due_s - now_s))
        if self._file.closed:
            raise LinkError(f"capture {self._path} is closed")
        chunk = self._file.read(length)
        if not chunk:
            raise LinkError(f"capture {self._path} has ended")
        return chunk

    async def close(self) -> None:
        """Close the file."""
        self._file.close()


def open_replay(path: Path, speed: float | None = None) -> ReplayLink:
    """Open a capture, to be played `speed` times as fast as it came; None is at full speed.

    Raises OperatorError when it cannot be read, for no retry will help.
    """
    try:
        pieces = iter(()) if speed is None else _paced(path, speed)
        return ReplayLink(path, path.open("rb"), pieces)
    except OSError as error:
        raise OperatorError(
            f"capture {path} cannot be read: {error.strerror}", hint="give an existing file"
        ) from error
    except msgspec.MsgspecError as error:
        raise OperatorError(
            f"the timing beside capture {path} cannot be read: {error}",
            hint=f"delete {path.name}{TIMING_SUFFIX} to play it at the line's own rate",
        ) from error


def _paced(path: Path, speed: float) -> Iterator[tuple[int, float]]:
    """Say how long each piece of the capture is, and how many seconds after the start it is due."""
    timing = path.with_name(path.name + TIMING_SUFFIX)
    if not timing.exists():
        return _at_line_rate(path.stat().st_size, speed)
    decode = msgspec.json.Decoder(Mark).decode
    marks = [decode(line) for line in timing.read_bytes().splitlines()]
    return _as_recorded(marks, path.stat().st_size, speed)


def _as_recorded(marks: list[Mark], size: int, speed: float) -> Iterator[tuple[int, float]]:
    ends = [*marks, Mark(size, 0)]
    for here, following in pairwise(ends):
        if following.offset > here.offset:
            after_ms = here.monotonic_ms - marks[0].monotonic_ms
            yield following.offset - here.offset, after_ms / MS_PER_SECOND / speed


def _at_line_rate(size: int, speed: float) -> Iterator[tuple[int, float]]:
    for place in range(0, size, PACED_BYTES):
        yield PACED_BYTES, place / LINE_BYTES_PER_S / speed
