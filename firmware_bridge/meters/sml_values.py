"""SML's binary encoding: type-length fields to plain values, in bounded depth. Pure.

Owns the encoding of one value; what a message means is `sml_message.py`'s. Source: BSI TR-03109-1,
detailed specification of the wired LMN interface, part b (SML 1.04, binary encoding).
"""

from shared.errors import BadInputError

MAX_DEPTH = 8
"""A list response nests five deep (message, body, list, entry, time); some are kept in reserve."""

MAX_LENGTH_BYTES = 4
"""Four length nibbles count to 65,535, which is beyond any frame that is kept."""

KIND_MASK, LENGTH_MASK, MORE = 0x70, 0x0F, 0x80
OCTETS, BOOLEAN, SIGNED, UNSIGNED, LIST = 0x00, 0x40, 0x50, 0x60, 0x70

Value = int | bytes | list["Value"] | None
"""An octet string, a number, a list, or None for an optional value left out."""


class MalformedError(BadInputError):
    """Bytes that are no SML value."""


def read_head(data: bytes, place: int) -> tuple[int, int, int]:
    """Read a type-length field; return the kind, the length and where the content begins.

    The length is that of the content in bytes, or a list's number of elements; -1 is `00`, the end
    of a message. Raises MalformedError.
    """
    start = place
    length, more, kind = 0, MORE, -1
    while more:
        if place >= len(data):
            raise MalformedError(f"the value at byte {start} is cut short")
        head = data[place]
        if kind < 0:
            kind = head & KIND_MASK
        elif head & KIND_MASK or place - start >= MAX_LENGTH_BYTES:
            raise MalformedError(f"the length at byte {start} cannot be read")
        length, more = length << 4 | head & LENGTH_MASK, head & MORE
        place += 1
    if kind == LIST:
        return kind, length, place
    return kind, length - (place - start), place


def read_value(data: bytes, place: int, depth: int = 0) -> tuple[Value, int]:
    """Read the value at `place`; return it and where the next begins. Raises MalformedError."""
    kind, length, start = read_head(data, place)
    if kind == LIST:
        if depth >= MAX_DEPTH:
            raise MalformedError(f"the lists at byte {place} nest deeper than {MAX_DEPTH}")
        items: list[Value] = []
        for _ in range(length):
            item, start = read_value(data, start, depth + 1)
            items.append(item)
        return items, start
    if kind == OCTETS and length <= 0:
        return None, start
    end = start + length
    if length <= 0 or end > len(data):
        raise MalformedError(f"the value at byte {place} is cut short")
    if kind == OCTETS:
        return data[start:end], end
    if kind not in (BOOLEAN, SIGNED, UNSIGNED):
        raise MalformedError(f"the value at byte {place} is of unknown type {kind:02X}")
    return int.from_bytes(data[start:end], "big", signed=kind == SIGNED), end
