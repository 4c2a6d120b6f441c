"""HDLC frames as meters push them (IEC 62056-46, frame type 3): find, check, take the content.

Pure. Owns one frame at a time; joining segments is `dlms_assembly.py`'s.
"""

import enum
from typing import NamedTuple

from fastcrc import crc16

FLAG = 0x7E
FORMAT_MASK, FORMAT_TYPE_3 = 0xF0, 0xA0
SEGMENT_BIT = 0x08
LENGTH_HIGH_MASK = 0x07

MAX_FRAME_BYTES = 2_047
"""The length field has eleven bits."""

MAX_ADDRESS_BYTES = 4
CHECK_BYTES = 2


class Verdict(enum.Enum):
    """What bytes are that are no good frame."""

    WAIT = "more bytes are needed to tell"
    FOREIGN = "no frame begins here"


class Damaged(NamedTuple):
    """A frame with a wrong checksum, and the size it says it has."""

    size: int


class HdlcFrame(NamedTuple):
    """A good frame: its size without flags, whether more segments follow, its information field."""

    size: int
    is_segment: bool
    content: bytes


def hdlc_frame_at(data: bytes, start: int) -> HdlcFrame | Damaged | Verdict:
    """Judge the frame whose format field is at `start`, the place after its opening flag.

    A header whose own checksum (HCS) is wrong is no header: its length would be no guide.
    """
    header_end = _header_end(data, start)
    if isinstance(header_end, Verdict):
        return header_end
    size = (data[start] & LENGTH_HIGH_MASK) << 8 | data[start + 1]
    content_start, content_end = header_end, start + size - CHECK_BYTES
    if content_end != header_end:
        content_start += CHECK_BYTES
        if content_start > len(data):
            return Verdict.WAIT
        if content_end < content_start or not _is_checked(data, start, header_end):
            return Verdict.FOREIGN
    if content_end + CHECK_BYTES > len(data):
        return Verdict.WAIT
    if not _is_checked(data, start, content_end):
        return Damaged(size)
    is_segment = bool(data[start] & SEGMENT_BIT)
    return HdlcFrame(size, is_segment, data[content_start:content_end])


def is_header_at(data: bytes, start: int) -> bool:
    """Tell whether a whole header with a right checksum of its own has its format at `start`."""
    end = _header_end(data, start)
    if isinstance(end, Verdict) or end + CHECK_BYTES > len(data):
        return False
    return _is_checked(data, start, end)


def _header_end(data: bytes, start: int) -> int | Verdict:
    """Return the place after the control field; the low bit ends each of the two addresses."""
    if start < len(data) and data[start] & FORMAT_MASK != FORMAT_TYPE_3:
        return Verdict.FOREIGN
    place = start + 2
    for _ in range(2):
        last = place + MAX_ADDRESS_BYTES
        while place < len(data) and not data[place] & 1:
            place += 1
            if place == last:
                return Verdict.FOREIGN
        place += 1
    return Verdict.WAIT if place >= len(data) else place + 1


def _is_checked(data: bytes, start: int, end: int) -> bool:
    """Tell whether the CRC16/X-25 after `data[start:end]` is right."""
    wanted = data[end] | data[end + 1] << 8
    return crc16.ibm_sdlc(data[start:end]) == wanted
