"""Times at the API: RFC 3339 in UTC out; RFC 3339 with an offset, or a date, in. Pure."""

import datetime as dt
from functools import lru_cache
from zoneinfo import ZoneInfo

from shared.calendar import day_start_ms
from shared.errors import BadInputError
from shared.units import (
    EARLIEST_PLAUSIBLE_MS,
    LATEST_PLAUSIBLE_MS,
    MS_PER_DAY,
    MS_PER_SECOND,
    SLOT_MS,
    SLOTS_PER_UTC_DAY,
)

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MILLISECOND = dt.timedelta(milliseconds=1)

_TIMES = [f"T{slot // 2:02}:{slot % 2 * 30:02}:00Z" for slot in range(SLOTS_PER_UTC_DAY)]
"""Of each half hour: what nearly all instants of an answer are."""

DATES_KEPT = 1_024
"""Dates that are written already: three years of them."""


def format_utc(at_ms: int) -> str:
    """Write an instant as RFC 3339 with Z; milliseconds only where there are any."""
    day, in_day_ms = divmod(at_ms, MS_PER_DAY)
    if not in_day_ms % SLOT_MS:
        return _date(day) + _TIMES[in_day_ms // SLOT_MS]
    second, millisecond = divmod(in_day_ms, MS_PER_SECOND)
    minute, second = divmod(second, 60)
    hour, minute = divmod(minute, 60)
    fraction = f".{millisecond:03}" if millisecond else ""
    return f"{_date(day)}T{hour:02}:{minute:02}:{second:02}{fraction}Z"


@lru_cache(maxsize=DATES_KEPT)
def _date(day: int) -> str:
    """Write a date, counted from 1970: of one answer's instants most have the same."""
    return (_EPOCH + dt.timedelta(days=day)).date().isoformat()


def parse_instant(text: str, name: str, zone: ZoneInfo) -> int:
    """Read an instant (RFC 3339 with an offset) or a date (its midnight in `zone`), in ms.

    Raises BadInputError that names the parameter.
    """
    hint = "write 2026-03-01 or 2026-03-01T00:00:00Z"
    # A '+' that was not percent-encoded arrives as a space.
    cleaned = text.strip().replace(" ", "+")
    try:
        if len(cleaned) == len("2026-03-01"):
            at_ms = day_start_ms(dt.date.fromisoformat(cleaned), zone)
        else:
            at = dt.datetime.fromisoformat(cleaned)
            if at.tzinfo is None:
                raise BadInputError(f"{name} = {text!r} has no offset", hint=hint)
            at_ms = (at - _EPOCH) // _MILLISECOND
    except (ValueError, OverflowError) as error:
        raise BadInputError(f"{name} = {text!r} is no time", hint=hint) from error
    if not EARLIEST_PLAUSIBLE_MS <= at_ms < LATEST_PLAUSIBLE_MS:
        raise BadInputError(f"{name} = {text!r} is not in this century", hint=hint)
    return at_ms
