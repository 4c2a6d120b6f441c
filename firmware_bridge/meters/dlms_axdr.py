"""A-XDR (IEC 61334-6) as DLMS uses it: typed bytes to plain Python values. Pure.

Owns the encoding only; what the values mean is `dlms_shapes.py`'s and `cosem.py`'s.
"""

import struct
from typing import NamedTuple, TypeAlias

from shared.errors import BadInputError

MAX_DEPTH = 8
"""Real notifications nest four deep; a deeper one is no notification."""

MAX_ELEMENTS = 512
"""Elements of one array or structure: the longest real push list has 70."""

MAX_STRING_BYTES = 4_096
"""The longest string a meter sends is a message to the household, of 1,024 characters at most."""

NULL, ARRAY, STRUCTURE, BOOLEAN, BIT_STRING = 0, 1, 2, 3, 4
OCTET_STRING, VISIBLE_STRING, UTF8_STRING = 9, 10, 12
DATE_TIME, DATE, TIME = 25, 26, 27
OBIS_BYTES = 6
DESCRIPTOR_BYTES = 9
PAIR = 2
MAX_MEDIUM, MAX_CHANNEL, MAX_ATTRIBUTE = 15, 64, 32
"""What a code and an attribute descriptor hold at most: anything larger is something else."""

CURRENT_INSTANCE = 0xFF

_FORMATS = {
    3: ">?", 5: ">i", 6: ">I", 15: ">b", 16: ">h", 17: ">B", 18: ">H", 20: ">q", 21: ">Q",
    22: ">B", 23: ">f", 24: ">d",
}  # fmt: skip
_FIXED = {
    tag: (struct.Struct(layout).unpack_from, struct.calcsize(layout))
    for tag, layout in _FORMATS.items()
}
"""How a number is read, and its size, by its tag."""

_STRING_TAGS = frozenset((OCTET_STRING, VISIBLE_STRING, UTF8_STRING, BIT_STRING))
_OPAQUE_BYTES = {13: 1, DATE_TIME: 12, DATE: 5, TIME: 4}


class Attribute(NamedTuple):
    """A COSEM attribute descriptor, sent without tags in front of its value (EGD, Sagemcom)."""

    class_id: int
    obis: bytes
    attribute: int


Value: TypeAlias = "int | float | bytes | str | Attribute | list[Value] | None"
"""Octet strings are bytes, visible strings str, arrays and structures lists."""


class Reading(NamedTuple):
    """How bytes are read: whether codes may be swapped, and whether more bytes may follow."""

    is_lenient: bool
    goes_on: bool


class AxdrError(BadInputError):
    """The bytes are no A-XDR."""


class AxdrShortError(AxdrError):
    """The bytes end before the value does."""


def read_value(data: bytes, place: int, *, goes_on: bool = False) -> tuple[Value, int]:
    """Read the value at `place`; return it with the place after it.

    Two makers' departures are understood: an untagged attribute descriptor before its value (EGD,
    Sagemcom), and, where plain reading fails, a code whose tag and length are swapped (Landis+Gyr).
    `goes_on` says that more bytes may follow the last: then the beginning of such a departure is
    too short, for it would read as something else.

    Raises AxdrShortError where the bytes end too early, AxdrError where they are none.
    """
    try:
        return _read(data, place, 0, Reading(is_lenient=False, goes_on=goes_on))
    except AxdrError as error:
        try:
            return _read(data, place, 0, Reading(is_lenient=True, goes_on=goes_on))
        except AxdrShortError:
            raise
        except AxdrError:
            raise error from None


def element_tags(data: bytes, place: int) -> list[int]:
    """Return the tags of the direct elements of the structure at `place`, already known good."""
    count, place = read_length(data, place + 1)
    tags = []
    for _ in range(count):
        tags.append(data[place])
        _, place = read_value(data, place)
    return tags


def read_length(data: bytes, place: int) -> tuple[int, int]:
    """Read a length or count of one byte, or of up to four after `8n`."""
    if place >= len(data):
        raise AxdrShortError("a length is missing")
    first = data[place]
    place += 1
    if first < 0x80:  # noqa: PLR2004 (the high bit says that a longer length follows)
        return first, place
    size = first & 0x7F
    if not 1 <= size <= 4:  # noqa: PLR2004 (of at most four bytes)
        raise AxdrError(f"a length of {size} bytes")
    if place + size > len(data):
        raise AxdrShortError("a length is cut off")
    return int.from_bytes(data[place : place + size], "big"), place + size


def _read(data: bytes, place: int, depth: int, reading: Reading) -> tuple[Value, int]:
    if place >= len(data):
        raise AxdrShortError("a value is missing")
    tag = data[place]
    if tag in (STRUCTURE, ARRAY):
        return _read_list(data, place + 1, depth, reading)
    if tag == NULL:
        return None, place + 1
    if tag in _STRING_TAGS:
        return _read_string(data, place + 1, tag)
    fixed = _FIXED.get(tag)
    size = _OPAQUE_BYTES.get(tag) if fixed is None else fixed[1]
    if size is None:
        raise AxdrError(f"tag {tag:#04x} at byte {place} is none of A-XDR")
    end = place + 1 + size
    if end > len(data):
        raise AxdrShortError("a value is cut off")
    return data[place + 1 : end] if fixed is None else fixed[0](data, place + 1)[0], end


def _read_list(data: bytes, place: int, depth: int, reading: Reading) -> tuple[list[Value], int]:
    """Read the elements of an array or structure, whose tag was before `place`."""
    if depth >= MAX_DEPTH:
        raise AxdrError(f"nested deeper than {MAX_DEPTH}")
    count, place = read_length(data, place)
    if count > MAX_ELEMENTS:
        raise AxdrError(f"a list of {count} elements")
    elements: list[Value] = []
    if reading.goes_on and _is_cut_off(data, place, count, is_lenient=reading.is_lenient):
        raise AxdrShortError("a code is cut off")
    if count == PAIR and (descriptor := _descriptor_at(data, place)) is not None:
        elements.append(descriptor)
        place += DESCRIPTOR_BYTES
    elif reading.is_lenient and count and (code := _swapped_code_at(data, place)) is not None:
        elements.append(code)
        place += 2 + OBIS_BYTES
    size = len(data)
    for _ in range(count - len(elements)):
        # Numbers, and codes, are most of what is sent: they are read here, without a call.
        tag = data[place] if place < size else NULL
        fixed = _FIXED.get(tag)
        if fixed is not None and place + fixed[1] < size:
            elements.append(fixed[0](data, place + 1)[0])
            place += 1 + fixed[1]
        elif tag == OCTET_STRING and place + 7 < size and data[place + 1] == OBIS_BYTES:
            elements.append(data[place + 2 : place + 8])
            place += 8
        else:
            value, place = _read(data, place, depth + 1, reading)
            elements.append(value)
    return elements, place


def _read_string(data: bytes, place: int, tag: int) -> tuple[Value, int]:
    length, place = read_length(data, place)
    if tag == BIT_STRING:
        length = (length + 7) // 8
    if length > MAX_STRING_BYTES:
        raise AxdrError(f"a string of {length} bytes")
    end = place + length
    if end > len(data):
        raise AxdrShortError("a string is cut off")
    content = data[place:end]
    if tag in (VISIBLE_STRING, UTF8_STRING):
        return content.decode("utf-8", "replace"), end
    return content, end


def _descriptor_at(data: bytes, place: int) -> Attribute | None:
    """Read the attribute descriptor in front of a value, sent without any tag: class, code, number.

    Its first byte, the high one of the class, would be a null: no push list pairs nulls with
    values, and the code after it ends as every present one does.
    """
    raw = data[place : place + DESCRIPTOR_BYTES]
    if len(raw) < DESCRIPTOR_BYTES or raw[0] or not raw[1] or raw[7] != CURRENT_INSTANCE:
        return None
    if raw[2] > MAX_MEDIUM or raw[3] > MAX_CHANNEL or not 0 < raw[8] <= MAX_ATTRIBUTE:
        return None
    return Attribute(raw[1], raw[2:8], raw[8])


def _is_cut_off(data: bytes, place: int, count: int, *, is_lenient: bool) -> bool:
    """Tell whether the bytes end within what may be one of the two departures."""
    left = data[place : place + DESCRIPTOR_BYTES]
    if count == PAIR and len(left) < DESCRIPTOR_BYTES and left[:1] == b"\0":
        is_code = left[2:3] <= bytes([MAX_MEDIUM]) and left[3:4] <= bytes([MAX_CHANNEL])
        return left[1:2] != b"\0" and is_code and left[7:8] in (b"", b"\xff")
    swapped = bytes((OBIS_BYTES, OCTET_STRING))
    return is_lenient and len(left) < len(swapped) + OBIS_BYTES and swapped.startswith(left[:2])


def _swapped_code_at(data: bytes, place: int) -> bytes | None:
    """Read a code whose tag and length are swapped, or None."""
    raw = data[place : place + 2 + OBIS_BYTES]
    is_swapped = raw[:2] == bytes((OBIS_BYTES, OCTET_STRING)) and raw[7:] == b"\xff"
    return raw[2:] if is_swapped else None
