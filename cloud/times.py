"""Times at the API: RFC 3339 in UTC out; RFC 3339 with an offset, or a date, in. Pure."""

import datetime as dt
from zoneinfo import ZoneInfo

from shared.calendar import day_start_ms
from shared.errors import BadInputError
from shared.units import EARLIEST_PLAUSIBLE_MS, LATEST_PLAUSIBLE_MS, MS_PER_SECOND

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MILLISECOND = dt.timedelta(milliseconds=1)


def format_utc(at_ms: int) -> str:
    """Write an instant as RFC 3339 with Z; milliseconds only where there are any."""
    at = _EPOCH + at_ms * _MILLISECOND
    precision = "milliseconds" if at_ms % MS_PER_SECOND else "seconds"
    return at.replace(tzinfo=None).isoformat(timespec=precision) + "Z"


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
