"""The number in an M-Bus record, exactly, and what qualifies it. Pure. Source: EN 13757-3:2018."""

import math
import struct
from fractions import Fraction

from firmware_bridge.meters.mbus_library import Coding, Record

NEUTRAL = b"\x80\x00"
"""VIFE 0, with and without more to come: it says that the record is without error."""

_POSITIVE, _NEGATIVE = 0x3B, 0x3C
"""VIFEs: the quantity counts only what flows in, or only what flows out."""

_NO_ERROR = 0x00
"""VIFE: nothing is wrong with the record; ABB's meters say so of each."""

_FACTOR_FIRST, _FACTOR_LAST, _THOUSAND = 0x70, 0x77, 0x7D
"""VIFEs that multiply by 10 to the power of -6 to 1, or by 1000."""

_REAL_BYTES = 4


def correction_of(extensions: bytes) -> tuple[Fraction, bool] | None:
    """Return what VIFEs multiply by, and whether they say export; None for any other meaning."""
    factor, is_export = Fraction(1), False
    for place, byte in enumerate(extensions):
        code = byte & 0x7F
        if code == _NO_ERROR:
            continue
        if _FACTOR_FIRST <= code <= _FACTOR_LAST:
            factor *= Fraction(10) ** (code - _FACTOR_FIRST - 6)
        elif code == _THOUSAND:
            factor *= 1_000
        elif code in (_POSITIVE, _NEGATIVE) and place == 0:
            is_export = code == _NEGATIVE
        else:
            return None
    return factor, is_export


def number_of(record: Record) -> Fraction | None:
    """Return a record's number exactly; None where it has none or says that it is invalid."""
    data = record.data
    if not data:
        return None
    if record.coding is Coding.INTEGER:
        value = int.from_bytes(data, "little", signed=True)
        # The most negative value says "invalid" (EN 13757-3, annex A, type B).
        return None if value == -(1 << 8 * len(data) - 1) else Fraction(value)
    if record.coding is Coding.BCD:
        return _bcd(data)
    if record.coding is Coding.REAL and len(data) == _REAL_BYTES:
        (real,) = struct.unpack("<f", data)
        return Fraction(real) if math.isfinite(real) else None
    return None


def _bcd(data: bytes) -> Fraction | None:
    """Read digits, lowest first; a leading F is a minus sign, any other letter no number."""
    digits = data[::-1].hex()
    sign = -1 if digits.startswith("f") else 1
    digits = digits.removeprefix("f") if sign < 0 else digits
    return Fraction(sign * int(digits)) if digits.isdecimal() else None
