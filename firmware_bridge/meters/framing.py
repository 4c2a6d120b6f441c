"""What the codecs of byte streams share: bytes that wait for their rest, and the way through them.

Pure. Owns when a codec is asked and what is kept between feeds; what a telegram is, and what is
noise, belongs to each codec.
"""

from abc import ABC, abstractmethod
from typing import ClassVar

from firmware_bridge.meters.codec import Refused, Telegram

Found = list[Telegram | Refused]


class StreamCodec(ABC):
    """A codec that takes one thing after another off the bytes that wait."""

    slice_bytes: ClassVar[int] = 64 * 1024
    """A large chunk is taken in slices, so that its copy is bounded too."""

    def __init__(self) -> None:
        self._pending = b""

    def feed(self, chunk: bytes) -> Found:
        """Take the next bytes; return the telegrams and refusals they complete, in order."""
        found: Found = []
        if not chunk:
            self._pending = self._pending[self._advance(self._pending, found, is_end=True) :]
            self._end(found)
        for start in range(0, len(chunk), self.slice_bytes):
            self._pending += chunk[start : start + self.slice_bytes]
            self._pending = self._pending[self._advance(self._pending, found, is_end=False) :]
        return found

    @property
    def pending_bytes(self) -> int:
        """How many bytes wait for the rest of their telegram."""
        return len(self._pending)

    def _advance(self, data: bytes, found: Found, *, is_end: bool) -> int:
        """Take all that is complete; return where what must wait begins."""
        place = 0
        while place < len(data):
            after = self._take(data, place, found, is_end=is_end)
            if after == place:
                break
            place = after
        return place

    @abstractmethod
    def _take(self, data: bytes, place: int, found: Found, *, is_end: bool) -> int:
        """Take what is at `place`, or noise; return its end, or `place` while it cannot be told."""

    def _end(self, found: Found) -> None:
        """Forget what belongs to the stream that has ended; most keep nothing but what waits."""
        del found
