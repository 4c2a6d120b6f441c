"""Where a telegram may be struck so that its own checksum is sure to tell. Pure.

A fault there destroys that telegram and no other. What stands outside (a start, an end, the flag
between two frames) may be struck without harm, or cost the neighbour, and then nobody could say
what a hub must have logged.
"""

from collections.abc import Callable

CheckedSpan = Callable[[bytes], tuple[int, int]]
"""Says where in a telegram the certain part begins and ends."""

SML_FRAME_BYTES = 8
"""The escape and the version, or the escape, the fill and the checksum."""

HDLC_HEAD_BYTES = 3
"""The opening flag, and the format with the frame's length."""

MBUS_HEAD_BYTES = 4
"""Start, length, length again, start."""

ENVELOPE_HEAD_BYTES, TAG_BYTES = 19, 12
"""Tag, system title, length, security control and counter; and the tag that authenticates."""


def p1_span(telegram: bytes) -> tuple[int, int]:
    """Everything between the first `/` and the `!`."""
    return 1, telegram.rindex(b"!")


def sml_span(telegram: bytes) -> tuple[int, int]:
    """The messages between the two escapes of the transport."""
    return SML_FRAME_BYTES, len(telegram) - SML_FRAME_BYTES


def hdlc_span(telegram: bytes) -> tuple[int, int]:
    """The first frame behind its length: without it the other segments belong to nothing."""
    size = int.from_bytes(telegram[1:3], "big") & 0x7FF
    return HDLC_HEAD_BYTES, 1 + size


def envelope_span(telegram: bytes) -> tuple[int, int]:
    """What an encrypted P1 telegram's envelope holds."""
    return ENVELOPE_HEAD_BYTES, len(telegram) - TAG_BYTES


def mbus_span(telegram: bytes) -> tuple[int, int]:
    """The first frame behind its length: the one that holds the register and the clock."""
    return MBUS_HEAD_BYTES, MBUS_HEAD_BYTES + telegram[1]
