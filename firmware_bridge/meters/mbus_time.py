"""The times M-Bus meters tell, as UTC: types F (minutes) and I (seconds) of EN 13757-3, annex A.

Pure but for the bounded cache of `civil_time`. Both are local time; a meter may say that summer
time holds, which decides the hour that happens twice and nothing else.
"""

from firmware_bridge.meters.civil_time import CivilTime

TYPE_G_BYTES, TYPE_F_BYTES, TYPE_I_BYTES = 2, 4, 6
_INVALID_BIT = 0x80
_LAST_YEAR = 99


def printed_time(data: bytes) -> str | None:
    """Return a time of type F or I as `YYMMDDhhmmss` and S or W; None where it is invalid or none.

    None too where the meter says itself that its clock is not set.
    """
    if len(data) == TYPE_F_BYTES:
        second, is_summer, rest = 0, bool(data[1] & 0x80), data
    elif len(data) == TYPE_I_BYTES:
        second, is_summer, rest = data[0] & 0x3F, bool(data[0] & 0x40), data[1:5]
    else:
        return None
    minute, hour, day, month = rest
    year = day >> 5 | (month & 0xF0) >> 1
    if minute & _INVALID_BIT or year > _LAST_YEAR:
        return None
    digits = (year, month & 0x0F, day & 0x1F, hour & 0x1F, minute & 0x3F, second)
    return "".join(f"{part:02d}" for part in digits) + ("S" if is_summer else "W")


def utc_ms_of(data: bytes, civil: CivilTime) -> int | None:
    """Return a time of type F or I in UTC milliseconds; None where it is none."""
    printed = printed_time(data)
    return None if printed is None else civil.to_utc_ms(printed)


def printed_date(data: bytes) -> str:
    """Return a date of type G as `YY-MM-DD`, and a time of type F or I as it is, readably."""
    if len(data) == TYPE_G_BYTES:
        day, month = data
        return f"{day >> 5 | (month & 0xF0) >> 1:02d}-{month & 0x0F:02d}-{day & 0x1F:02d}"
    printed = printed_time(data)
    if printed is None:
        return f"hex {data.hex()}"
    year, month_, day_, hour, minute, second = (printed[at : at + 2] for at in range(0, 12, 2))
    return f"{year}-{month_}-{day_} {hour}:{minute}:{second}"
