"""The data types of the ZigBee Cluster Library: how long each is, its value, and what is none.

Pure. Every type's length is known, so that what follows an attribute nobody knows is still read.
Source: ZigBee Cluster Library, data types and their non-values. Integers are little-endian.
"""

import math
import struct
from fractions import Fraction

Value = int | Fraction | str | bytes
"""An integer, a float as an exact fraction, a text, or bytes that are no text."""

_INTEGER_BYTES = {
    **{0x08 + n: n + 1 for n in range(8)},  # general data
    0x10: 1,  # boolean
    **{0x18 + n: n + 1 for n in range(8)},  # bitmaps
    **{0x20 + n: n + 1 for n in range(8)},  # unsigned
    **{0x28 + n: n + 1 for n in range(8)},  # signed
    0x30: 1,  # enumerations
    0x31: 2,
    0xE0: 4,  # time of day
    0xE1: 4,  # date
    0xE2: 4,  # UTC
    0xE8: 2,  # cluster id
    0xE9: 2,  # attribute id
    0xEA: 4,  # BACnet object id
    0xF0: 8,  # IEEE address
}
_HAVE_NO_NON_VALUE = frozenset(range(0x08, 0x10)) | frozenset(range(0x18, 0x20))
"""General data and bitmaps: every pattern is a value."""

_SIGNED = frozenset(range(0x28, 0x30))
_FLOATS = {0x38: ("<e", 2), 0x39: ("<f", 4), 0x3A: ("<d", 8)}
_STRINGS = {0x41: 1, 0x42: 1, 0x43: 2, 0x44: 2}
"""Octet and character strings, short and long: how long their length is."""

_TEXTS = frozenset((0x42, 0x44))
_LISTS = frozenset((0x48, 0x50, 0x51))
"""Array, set and bag: one type, a count, and so many values."""

_STRUCTURE = 0x4C
_KEY, _KEY_BYTES = 0xF1, 16
_NO_DATA = 0x00
_UNKNOWN = 0xFF

MAX_DEPTH = 4
"""Structures within structures; no known attribute has more than two."""

MAX_PARTS = 64
"""Values in a list or structure; a frame has no room for many more."""

_NO_COUNT = 0xFFFF


class ZclError(Exception):
    """A frame that cannot be read, with the reason it is counted by."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


def read_value(kind: int, content: bytes, place: int, depth: int = 0) -> tuple[Value | None, int]:
    """Return the value of a type at a place, None where it is the type's non-value, and its end.

    Raises ZclError where the content ends first or the type is none of the ZCL's.
    """
    size = _INTEGER_BYTES.get(kind)
    if size is not None:
        return _integer(kind, take(content, place, size)), place + size
    if kind in _FLOATS:
        form, size = _FLOATS[kind]
        return _fraction(form, take(content, place, size)), place + size
    if kind in _STRINGS:
        return _string(kind, content, place)
    if kind in _LISTS or kind == _STRUCTURE:
        return _composite(kind, content, place, depth)
    if kind == _KEY:
        return take(content, place, _KEY_BYTES), place + _KEY_BYTES
    if kind in (_NO_DATA, _UNKNOWN):
        return None, place
    raise ZclError("bad-value", f"type 0x{kind:02x} is none of the ZCL's")


def take(content: bytes, place: int, size: int) -> bytes:
    """Return `size` bytes from a place on; raise ZclError where there are fewer."""
    taken = content[place : place + size]
    if len(taken) < size:
        raise ZclError("truncated", f"{size} bytes are wanted, {len(taken)} are left")
    return taken


def printed(value: Value) -> str:
    """Return a value as text: numbers in decimal, bytes in hexadecimal."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Fraction):
        return str(float(value))
    return str(value)


def text_of(content: bytes) -> str:
    """Return bytes as text without what cannot be printed; "" where they are no text."""
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        return ""
    return "".join(character for character in text if character.isprintable()).strip()


def _integer(kind: int, taken: bytes) -> int | None:
    value = int.from_bytes(taken, "little", signed=kind in _SIGNED)
    if kind in _HAVE_NO_NON_VALUE:
        return value
    bits = 8 * len(taken)
    non_value = -(1 << bits - 1) if kind in _SIGNED else (1 << bits) - 1
    return None if value == non_value else value


def _fraction(form: str, taken: bytes) -> Fraction | None:
    (value,) = struct.unpack(form, taken)
    return Fraction(value) if math.isfinite(value) else None


def _string(kind: int, content: bytes, place: int) -> tuple[Value | None, int]:
    width = _STRINGS[kind]
    size = int.from_bytes(take(content, place, width), "little")
    start = place + width
    if size == (1 << 8 * width) - 1:
        return None, start
    taken = take(content, start, size)
    return (text_of(taken) if kind in _TEXTS else text_of(taken) or taken), start + size


def _composite(kind: int, content: bytes, place: int, depth: int) -> tuple[Value | None, int]:
    """Return the values of a list or structure, joined in one text."""
    if depth >= MAX_DEPTH:
        raise ZclError("bad-value", f"values lie deeper than {MAX_DEPTH} in each other")
    part_kind = _STRUCTURE
    if kind != _STRUCTURE:
        part_kind = take(content, place, 1)[0]
        place += 1
    count = int.from_bytes(take(content, place, 2), "little")
    place += 2
    if count == _NO_COUNT:
        return None, place
    if count > MAX_PARTS:
        raise ZclError("bad-value", f"a list of {count} values")
    parts = []
    for _ in range(count):
        one_kind = part_kind
        if kind == _STRUCTURE:
            one_kind = take(content, place, 1)[0]
            place += 1
        value, place = read_value(one_kind, content, place, depth + 1)
        parts.append("" if value is None else printed(value))
    return f"[{', '.join(parts)}]", place
