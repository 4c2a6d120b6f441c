"""DLMS over wired M-Bus: the long frames of EN 13757-2 and the transport layer of EN 13757-1.

Pure. Owns one frame at a time; joining them is `dlms_assembly.py`'s.
"""

from typing import NamedTuple

from firmware_bridge.meters.hdlc import Damaged, Verdict

START, STOP = 0x68, 0x16
HEAD_BYTES, TAIL_BYTES = 4, 2
TRANSPORT_BYTES = 5
"""C field, address, CI field, and the two service access points."""

DLMS_CI_MAX = 0x1F
"""CI fields up to here are the DLMS transport layer: a sequence number, and a bit on the last."""

LAST_BIT, SEQUENCE_MASK = 0x10, 0x0F


class LongFrame(NamedTuple):
    """A good frame: its size, its place in the sequence, whether it is the last, its content."""

    size: int
    is_dlms: bool
    sequence: int
    is_last: bool
    content: bytes


def long_frame_at(data: bytes, start: int) -> LongFrame | Damaged | Verdict:
    """Judge the long frame at `start`: `68 L L 68`, L bytes, their sum, `16`."""
    available = len(data) - start
    if available < HEAD_BYTES:
        is_foreign = available >= HEAD_BYTES - 1 and data[start + 1] != data[start + 2]
        return Verdict.FOREIGN if is_foreign else Verdict.WAIT
    length = data[start + 1]
    if data[start + 2] != length or data[start + 3] != START or length < TRANSPORT_BYTES:
        return Verdict.FOREIGN
    size = HEAD_BYTES + length + TAIL_BYTES
    body_end = start + HEAD_BYTES + length
    if available < size:
        return Verdict.WAIT
    if data[body_end + 1] != STOP:
        return Verdict.FOREIGN
    body = data[start + HEAD_BYTES : body_end]
    if sum(body) & 0xFF != data[body_end]:
        return Damaged(size)
    ci = body[2]
    return LongFrame(
        size,
        ci <= DLMS_CI_MAX,
        ci & SEQUENCE_MASK,
        bool(ci & LAST_BIT),
        body[TRANSPORT_BYTES:],
    )
