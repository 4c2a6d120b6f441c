"""Joins what a link cuts up: HDLC segments, sequences of M-Bus frames, general block transfer.

Pure; each joiner keeps at most MAX_APDU_BYTES. A joiner returns whole APDUs, and refusals for
parts whose rest never came.
"""

from firmware_bridge.meters.codec import Refused, refuse
from firmware_bridge.meters.dlms_axdr import AxdrError, AxdrShortError, read_length
from firmware_bridge.meters.dlms_mbus import SEQUENCE_MASK, LongFrame
from firmware_bridge.meters.hdlc import HdlcFrame

MAX_APDU_BYTES = 8_192
"""The longest real notification has 1.2 KB; an encrypted P1 telegram with a full text has 4 KB."""

LLC_HEADERS = (b"\xe6\xe7\x00", b"\xe6\xe6\x00")
LLC_BYTES = 3

GENERAL_BLOCK_TRANSFER = 0xE0
LAST_BLOCK_BIT = 0x80
FIRST_BLOCK = b"\x00\x01"
BLOCK_HEAD_BYTES = 6
"""Tag, block control, block number, block number acknowledged."""

Part = bytes | Refused


class SegmentJoiner:
    """Joins the information fields of HDLC frames whose segmentation bit is set."""

    def __init__(self) -> None:
        self._pending = b""

    def take(self, frame: HdlcFrame) -> list[Part]:
        """Take the next frame of the link."""
        content = frame.content
        found: list[Part] = []
        if self._pending and content.startswith(LLC_HEADERS):
            if content[LLC_BYTES : LLC_BYTES + 1] == self._pending[LLC_BYTES : LLC_BYTES + 1]:
                found += self.end()
            else:
                # Some meters repeat the LLC header in front of every segment.
                content = content[LLC_BYTES:]
        if len(self._pending) + len(content) > MAX_APDU_BYTES:
            self._pending, pending = b"", self._pending
            return [*found, refuse("too-long", f"more than {MAX_APDU_BYTES} bytes", pending)]
        self._pending += content
        if frame.is_segment or not self._pending:
            return found
        found.append(self._pending)
        self._pending = b""
        return found

    def end(self) -> list[Part]:
        """Give up what is pending."""
        pending, self._pending = self._pending, b""
        return [refuse("truncated", "the last segment is missing", pending)] if pending else []


class FrameJoiner:
    """Joins M-Bus frames by the sequence number and the last-frame bit of their CI field.

    There are sixteen numbers, and number 0 begins anew: no more than 4,000 bytes are ever kept.
    """

    def __init__(self) -> None:
        self._pending = b""
        self._next = 0

    def take(self, frame: LongFrame) -> list[Part]:
        """Take the next frame of the link."""
        found: list[Part] = []
        if frame.sequence == 0:
            found += self.end()
        if frame.sequence != self._next:
            pending, self._pending, self._next = self._pending, b"", 0
            detail = f"frame {frame.sequence} came where another was due"
            return [*found, refuse("truncated", detail, pending + frame.content)]
        self._pending += frame.content
        self._next = frame.sequence + 1 & SEQUENCE_MASK
        if frame.is_last:
            found.append(self._pending)
            self._pending, self._next = b"", 0
        return found

    def end(self) -> list[Part]:
        """Give up what is pending."""
        pending, self._pending, self._next = self._pending, b"", 0
        return [refuse("truncated", "the last frame is missing", pending)] if pending else []


class BlockJoiner:
    """Joins the blocks of general block transfer (IEC 62056-5-3, 7.3.13), as pushed unconfirmed."""

    def __init__(self) -> None:
        self._pending = b""
        self._next = 1

    def is_due(self, block: bytes) -> bool:
        """Tell whether a block follows another, or is the first of its kind."""
        return self._next > 1 or block[2:4] == FIRST_BLOCK

    def take(self, data: bytes) -> list[Part]:
        """Take one or more whole blocks that follow each other."""
        found: list[Part] = []
        while data:
            try:
                content, number, is_last, size = read_block(data, 0)
            except AxdrError as error:
                return [*found, refuse("bad-value", error.message, data)]
            found += self._join(content, number, is_last=is_last)
            data = data[size:]
        return found

    def _join(self, content: bytes, number: int, *, is_last: bool) -> list[Part]:
        found: list[Part] = []
        if number == 1:
            found += self.end()
        if number != self._next or len(self._pending) + len(content) > MAX_APDU_BYTES:
            pending, self._pending = self._pending, b""
            detail = f"block {number} came where block {self._next} was due"
            self._next = 1
            return [*found, refuse("truncated", detail, pending + content)]
        self._pending += content
        self._next = number + 1
        if is_last:
            found.append(self._pending)
            self._pending, self._next = b"", 1
        return found

    def end(self) -> list[Part]:
        """Give up what is pending."""
        pending, self._pending, self._next = self._pending, b"", 1
        return [refuse("truncated", "the last block is missing", pending)] if pending else []


def read_block(data: bytes, start: int) -> tuple[bytes, int, bool, int]:
    """Read the block at `start`: its content, its number, whether it is the last, its size.

    Raises AxdrShortError where bytes are missing, AxdrError where it is no block.
    """
    if data[start] != GENERAL_BLOCK_TRANSFER:
        raise AxdrError(f"a block begins with {data[start]:#04x}")
    if len(data) < start + BLOCK_HEAD_BYTES:
        raise AxdrShortError("a block is cut off")
    number = data[start + 2] << 8 | data[start + 3]
    length, place = read_length(data, start + BLOCK_HEAD_BYTES)
    if length > MAX_APDU_BYTES:
        raise AxdrError(f"a block of {length} bytes")
    if place + length > len(data):
        raise AxdrShortError("a block is cut off")
    is_last = bool(data[start + 1] & LAST_BLOCK_BIT)
    return data[place : place + length], number, is_last, place + length - start
