"""The messages of one SML file: each list response with its entries, the others passed over. Pure.

Owns the shape of messages; what an entry's code and unit mean is `sml_list.py`'s. A message's own
checksum is judged only where the transport's, which covers it, is not the standard's: some firmware
(of Holley and Itron) is reported to compute the inner one in ways of its own.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from fastcrc import crc16

from firmware_bridge.meters.sml_values import (
    LIST,
    MalformedError,
    Value,
    read_head,
    read_value,
)

MESSAGE_FIELDS = 6
LIST_RESPONSE_FIELDS = 7
ENTRY_FIELDS = 7

LIST_RESPONSE = 0x0701
ATTENTION_RESPONSE = 0xFF01


class Entry(NamedTuple):
    """One line of a list: a six-byte code with its value, unit (DLMS number) and power of ten.

    `head` is the type-length byte of the value, which tells a signed number from an unsigned one.
    """

    name: bytes
    status: int | None
    unit: int | None
    scaler: int
    value: Value
    head: int


class ListResponse(NamedTuple):
    """What one meter shows: the server's id, its clocks as they were sent, and the entries."""

    server_id: bytes
    sensor_time: Value
    entries: list[Entry]
    gateway_time: Value


class OtherMessage(NamedTuple):
    """A message that holds no registers, by its tag; `detail` is an attention's number."""

    tag: int
    detail: str


def _short(kinds: bytes, lengths: range) -> bytes:
    """Return a pattern of values of one-byte heads: any of the kinds, of any of the lengths."""
    each = (
        b"[%s].{%d}" % (b"".join(b"\\x%02x" % (kind | length) for kind in kinds), length - 1)
        for length in lengths
    )
    return b"|".join(each)


_NUMBER = _short(b"\x50\x60", range(2, 10))
_ENTRY = re.compile(
    b"\\x77\\x07(.{6})"
    b"(?:\\x01|(" + _NUMBER + b"))"
    b"(?:\\x01|\\x72\\x62.(?:" + _NUMBER + b")|\\x65.{4})"
    b"(?:\\x01|\\x62(.))"
    b"(?:\\x01|\\x52(.))"
    b"(" + _NUMBER + b"|" + _short(b"\x00", range(2, 16)) + b")"
    b"\\x01",
    re.DOTALL,
)
"""An entry as nearly every one is, read at once; any other is read field by field."""


def read_messages(data: bytes) -> Iterator[ListResponse | OtherMessage]:
    """Yield the messages of a file whose escapes are taken out; raises MalformedError.

    Zeros between and after the messages are fill bytes.
    """
    place = 0
    while True:
        place = _skip_fill(data, place)
        if place == len(data):
            return
        message, place = _read_message(data, place)
        yield message


def are_messages_checked(data: bytes) -> bool:
    """Tell whether every message's own checksum is right: X25 or Kermit, in either byte order."""
    place = 0
    is_checked = False
    try:
        while (place := _skip_fill(data, place)) < len(data):
            start = place
            place = _open_list(data, place, MESSAGE_FIELDS, "a message")
            for _ in range(MESSAGE_FIELDS - 2):
                _, place = read_value(data, place)
            printed, after = read_value(data, place)
            is_checked = printed in _checksums_of(data[start:place])
            if not is_checked:
                return False
            _, place = read_value(data, after)
    except MalformedError:
        return False
    return is_checked


def _read_message(data: bytes, place: int) -> tuple[ListResponse | OtherMessage, int]:
    place = _open_list(data, place, MESSAGE_FIELDS, "a message")
    for _ in ("transaction", "group", "abort on error"):
        _, place = read_value(data, place)
    place = _open_list(data, place, 2, "a message's body")
    tag, place = read_value(data, place)
    message: ListResponse | OtherMessage
    if tag == LIST_RESPONSE:
        message, place = _read_list_response(data, place)
    else:
        body, place = read_value(data, place)
        message = OtherMessage(tag if isinstance(tag, int) else 0, _attention_of(tag, body))
    for _ in ("checksum", "end of message"):
        _, place = read_value(data, place)
    return message, place


def _skip_fill(data: bytes, place: int) -> int:
    while place < len(data) and data[place] == 0:
        place += 1
    return place


def _checksums_of(message: bytes) -> tuple[int, ...]:
    """Return what a message's checksum may be."""
    both = (crc16.ibm_sdlc(message), crc16.kermit(message))
    return (*both, *(crc >> 8 | (crc & 0xFF) << 8 for crc in both))


def _attention_of(tag: Value, body: Value) -> str:
    """Return the number of an attention response: the second of its fields, six bytes."""
    if tag != ATTENTION_RESPONSE or not isinstance(body, list) or len(body) < 2:  # noqa: PLR2004
        return ""
    return body[1].hex().upper() if isinstance(body[1], bytes) else ""


def _read_list_response(data: bytes, place: int) -> tuple[ListResponse, int]:
    place = _open_list(data, place, LIST_RESPONSE_FIELDS, "a list response")
    _, place = read_value(data, place)
    server_id, place = read_value(data, place)
    _, place = read_value(data, place)
    sensor_time, place = read_value(data, place)
    kind, count, place = read_head(data, place)
    if kind != LIST:
        raise MalformedError(f"the entries before byte {place} are no list")
    entries: list[Entry] = []
    for _ in range(count):
        entry, place = _read_entry(data, place)
        entries.append(entry)
    _, place = read_value(data, place)
    gateway_time, place = read_value(data, place)
    server = server_id if isinstance(server_id, bytes) else b""
    return ListResponse(server, sensor_time, entries, gateway_time), place


def _read_entry(data: bytes, place: int) -> tuple[Entry, int]:
    match = _ENTRY.match(data, place)
    if match is None:
        return _read_long_entry(data, place)
    name, status, unit, scaler, value = match.groups()
    power = scaler[0] if scaler else 0
    head = value[0]
    content: Value = value[1:]
    if head >= 0x50:  # noqa: PLR2004 (a number; below are octets)
        content = int.from_bytes(value[1:], "big", signed=head < 0x60)  # noqa: PLR2004
    return (
        Entry(
            name,
            int.from_bytes(status[1:], "big") if status else None,
            unit[0] if unit else None,
            power - 256 if power > 127 else power,  # noqa: PLR2004 (a signed byte)
            content,
            head,
        ),
        match.end(),
    )


def _read_long_entry(data: bytes, place: int) -> tuple[Entry, int]:
    place = _open_list(data, place, ENTRY_FIELDS, "an entry")
    name, place = read_value(data, place)
    status, place = read_value(data, place)
    _, place = read_value(data, place)
    unit, place = read_value(data, place)
    scaler, place = read_value(data, place)
    head = data[place] if place < len(data) else 0
    value, place = read_value(data, place)
    _, place = read_value(data, place)
    entry = Entry(
        name if isinstance(name, bytes) else b"",
        status if isinstance(status, int) else None,
        unit if isinstance(unit, int) else None,
        scaler if isinstance(scaler, int) else 0,
        value,
        head,
    )
    return entry, place


def _open_list(data: bytes, place: int, fields: int, what: str) -> int:
    kind, count, start = read_head(data, place)
    if kind != LIST or count != fields:
        raise MalformedError(f"{what} should begin at byte {place}, a list of {fields}")
    return start
