"""Builds ZCL frames as a device sends them, and reads the requests a hub makes of it.

Pure, and made apart from the codec, so that neither proves its own mistakes right. Source: ZigBee
Cluster Library (frame format, general commands, data types). All integers are little-endian.
"""

import struct
from collections.abc import Iterable
from dataclasses import dataclass

GENERAL_ANSWER = 0x18
"""Frame control: general command, server to client, no default response wanted."""

CLUSTER_ANSWER = 0x19
"""As above, for a command of the cluster's own."""

READ, READ_ANSWER, WRITE, WRITE_ANSWER = 0x00, 0x01, 0x02, 0x04
CONFIGURE, CONFIGURE_ANSWER, REPORT, DEFAULT_ANSWER = 0x06, 0x07, 0x0A, 0x0B
"""General commands."""

SUCCESS, UNSUPPORTED_COMMAND, UNSUPPORTED_GENERAL = 0x00, 0x81, 0x82
UNSUPPORTED_ATTRIBUTE, READ_ONLY, UNSUPPORTED_CLUSTER = 0x86, 0x88, 0xC3
"""Statuses."""

BITMAP8, BITMAP16, UINT8, UINT16, UINT24, UINT32, UINT48 = 0x18, 0x19, 0x20, 0x21, 0x22, 0x23, 0x25
INT16, INT24, INT32, ENUM8, OCTETS, TEXT, UTC, BOOLEAN = (
    0x29,
    0x2A,
    0x2B,
    0x30,
    0x41,
    0x42,
    0xE2,
    0x10,
)
"""Data types."""

_BYTES = {
    BITMAP8: 1, BITMAP16: 2, UINT8: 1, UINT16: 2, UINT24: 3, UINT32: 4, UINT48: 6, INT16: 2,
    INT24: 3, INT32: 4, ENUM8: 1, UTC: 4, BOOLEAN: 1,
}  # fmt: skip
_SIGNED = frozenset((INT16, INT24, INT32))

Attribute = tuple[int, int | str]
"""A data type and a value of it."""

Attributes = dict[int, Attribute]
"""A cluster's attributes by their ids."""


@dataclass(frozen=True, slots=True)
class Request:
    """A ZCL frame from the hub, taken apart as far as its header goes."""

    is_general: bool
    is_answer: bool
    tsn: int
    command: int
    payload: bytes


def read_request(frame: bytes) -> Request | None:
    """Take a frame from the hub apart; None where it is too short, or a manufacturer's own."""
    if len(frame) < 3 or frame[0] & 0x04:  # noqa: PLR2004 (the header)
        return None
    control, tsn, command = frame[0], frame[1], frame[2]
    return Request(control & 0x03 == 0, bool(control & 0x08), tsn, command, frame[3:])


def requested_ids(payload: bytes) -> list[int]:
    """Return the attribute ids of a read request."""
    return [one for (one,) in struct.iter_unpack("<H", payload[: len(payload) // 2 * 2])]


def report_of(tsn: int, attributes: Attributes) -> bytes:
    """Return a report of attributes."""
    body = b"".join(struct.pack("<H", number) + _typed(one) for number, one in attributes.items())
    return bytes((GENERAL_ANSWER, tsn, REPORT)) + body


def read_answer(tsn: int, attributes: Attributes, wanted: Iterable[int]) -> bytes:
    """Return the answer to a read: each wanted attribute, or that it is not supported."""
    body = b""
    for number in wanted:
        body += struct.pack("<H", number)
        one = attributes.get(number)
        body += bytes((UNSUPPORTED_ATTRIBUTE,)) if one is None else bytes((SUCCESS,)) + _typed(one)
    return bytes((GENERAL_ANSWER, tsn, READ_ANSWER)) + body


def general_answer(tsn: int, command: int, body: bytes) -> bytes:
    """Return any other general command's answer."""
    return bytes((GENERAL_ANSWER, tsn, command)) + body


def cluster_answer(tsn: int, command: int, body: bytes) -> bytes:
    """Return a command of the cluster's own, to the client."""
    return bytes((CLUSTER_ANSWER, tsn, command)) + body


def octets(text: str) -> bytes:
    """Return a text with its length in a byte before it."""
    content = text.encode("utf-8")
    return bytes((len(content),)) + content


def _typed(attribute: Attribute) -> bytes:
    kind, value = attribute
    if isinstance(value, str):
        return bytes((kind,)) + octets(value)
    return bytes((kind,)) + value.to_bytes(_BYTES[kind], "little", signed=kind in _SIGNED)
