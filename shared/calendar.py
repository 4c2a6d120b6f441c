"""Half-hour slots in UTC, and a household's local days to years through clock changes.

Intervals are `[start, end)` in UTC milliseconds. A register read exactly on a boundary belongs to
the interval it closes, so a sample's slot is found by `(start, end]`.
"""

import datetime as dt
import enum
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise, starmap
from typing import NamedTuple
from zoneinfo import ZoneInfo

from shared.errors import BadInputError
from shared.units import MS_PER_HOUR, MS_PER_SECOND, SLOT_MS, SLOTS_PER_UTC_DAY

ZONES_KEPT = 600
"""As many as there are: finding one, and that it is on half hours, is asked of every request."""

DAYS_KEPT = 1_024
"""Days whose beginning is known already: what leaves a home is judged sample by sample."""


ONE_DAY = dt.timedelta(days=1)


class Resolution(enum.StrEnum):
    """The lengths of interval that usage is served in."""

    HALF_HOUR = "half-hour"
    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    YEAR = "year"


class Interval(NamedTuple):
    """A span of time `[start_ms, end_ms)`."""

    start_ms: int
    end_ms: int


def slot_of_sample(taken_at_ms: int) -> int:
    """Number the slot a sample belongs to, counted from 1970: one on a boundary closes its slot."""
    return (taken_at_ms - 1) // SLOT_MS


def slot_start_ms(slot: int) -> int:
    """Say when a slot starts; it ends where the next one starts."""
    return slot * SLOT_MS


def slots_between(start_ms: int, end_ms: int) -> range:
    """Number the slots of `[start_ms, end_ms)`; both must be slot boundaries."""
    return range(start_ms // SLOT_MS, end_ms // SLOT_MS)


def utc_day_of_slot(slot: int) -> int:
    """Number the UTC day of a slot, counted from 1970."""
    return slot // SLOTS_PER_UTC_DAY


def to_local(at_ms: int, zone: ZoneInfo) -> dt.datetime:
    """Tell the local time of an instant."""
    return dt.datetime.fromtimestamp(at_ms // MS_PER_SECOND, tz=zone)


def local_date(at_ms: int, zone: ZoneInfo) -> dt.date:
    """Tell the local date of an instant."""
    return to_local(at_ms, zone).date()


@lru_cache(maxsize=DAYS_KEPT)
def day_start_ms(day: dt.date, zone: ZoneInfo) -> int:
    """Say when a local day begins: its first instant, even where a clock change skips midnight."""
    midnight = dt.datetime(day.year, day.month, day.day, tzinfo=zone)
    return int(midnight.timestamp()) * MS_PER_SECOND


def day_of(day: dt.date, zone: ZoneInfo) -> Interval:
    """Span one local day: 23, 24 or 25 hours."""
    return Interval(day_start_ms(day, zone), day_start_ms(day + ONE_DAY, zone))


def days_between(start_ms: int, end_ms: int, zone: ZoneInfo) -> list[dt.date]:
    """List the local days whose first instant lies in `[start_ms, end_ms)`."""
    day = local_date(start_ms, zone)
    if day_start_ms(day, zone) < start_ms:
        day += ONE_DAY
    days = []
    while day_start_ms(day, zone) < end_ms:
        days.append(day)
        day += ONE_DAY
    return days


def intervals_between(
    start_ms: int, end_ms: int, resolution: Resolution, zone: ZoneInfo, limit: int
) -> list[Interval]:
    """List the whole intervals that overlap `[start_ms, end_ms)`, in order and without a hole.

    All but half hours are local, weeks begin on Monday; the first and the last reach beyond what
    was asked where it did not fall on their boundaries. Raises BadInputError past `limit` of them.
    """
    bounds_ms = bounds_between(start_ms, end_ms, resolution, zone, limit)
    return list(starmap(Interval, pairwise(bounds_ms)))


def bounds_between(
    start_ms: int, end_ms: int, resolution: Resolution, zone: ZoneInfo, limit: int
) -> Sequence[int]:
    """List where the intervals of `intervals_between` begin, and behind them where the last ends.

    Empty where there are none; raises as it.
    """
    if end_ms <= start_ms:
        return []
    if resolution is Resolution.HALF_HOUR:
        first_ms, last_ms = start_ms // SLOT_MS * SLOT_MS, -(-end_ms // SLOT_MS) * SLOT_MS
        bounds: Sequence[int] = range(first_ms, last_ms + 1, SLOT_MS)
    elif resolution is Resolution.HOUR:
        bounds = _bounds_of_hours(start_ms, end_ms, zone, limit)
    else:
        bounds = _bounds_of_days(start_ms, end_ms, resolution, zone, limit)
    if len(bounds) > limit + 1:
        raise BadInputError(
            f"more than {limit} {resolution.value} intervals asked for",
            hint="ask for a shorter range or a coarser resolution",
        )
    return bounds


def _bounds_of_hours(start_ms: int, end_ms: int, zone: ZoneInfo, limit: int) -> list[int]:
    """List hours, as many as one past `limit`."""
    first = _local_hour(start_ms, zone)
    bounds = [first.start_ms, first.end_ms]
    while bounds[-1] < end_ms and len(bounds) < limit + 2:
        bounds.append(_local_hour(bounds[-1], zone).end_ms)
    return bounds


def _bounds_of_days(
    start_ms: int, end_ms: int, resolution: Resolution, zone: ZoneInfo, limit: int
) -> list[int]:
    """List days or what is made of them, as many as one past `limit`, going by dates alone."""
    day = _first_day(local_date(start_ms, zone), resolution)
    bounds = [day_start_ms(day, zone)]
    while bounds[-1] < end_ms and len(bounds) < limit + 2:
        day = _following(day, resolution)
        at_ms = day_start_ms(day, zone)
        # A date that a zone left out, on its way across the date line, has no length.
        if at_ms > bounds[-1]:
            bounds.append(at_ms)
    return bounds


def interval_at(at_ms: int, resolution: Resolution, zone: ZoneInfo) -> Interval:
    """Give the interval that an instant lies in: local, but for half hours."""
    if resolution is Resolution.HALF_HOUR:
        start_ms = at_ms // SLOT_MS * SLOT_MS
        return Interval(start_ms, start_ms + SLOT_MS)
    if resolution is Resolution.HOUR:
        return _local_hour(at_ms, zone)
    first = _first_day(local_date(at_ms, zone), resolution)
    return Interval(day_start_ms(first, zone), day_start_ms(_following(first, resolution), zone))


def _first_day(day: dt.date, resolution: Resolution) -> dt.date:
    """Name the first day of the day, week, month or year that a day lies in."""
    if resolution is Resolution.DAY:
        return day
    if resolution is Resolution.WEEK:
        return day - dt.timedelta(days=day.weekday())
    if resolution is Resolution.YEAR:
        return day.replace(month=1, day=1)
    return day.replace(day=1)


def _following(first: dt.date, resolution: Resolution) -> dt.date:
    """Name the first day of the day, week, month or year after that which begins with `first`."""
    if resolution is Resolution.DAY:
        return first + ONE_DAY
    if resolution is Resolution.WEEK:
        return first + 7 * ONE_DAY
    if resolution is Resolution.YEAR:
        return first.replace(year=first.year + 1)
    return (first + 32 * ONE_DAY).replace(day=1)


def _local_hour(at_ms: int, zone: ZoneInfo) -> Interval:
    """Span a local hour; half of one, where the clock changes by half an hour in its middle."""
    offset_ms = _offset_ms(at_ms, zone)
    start_ms = (at_ms + offset_ms) // MS_PER_HOUR * MS_PER_HOUR - offset_ms
    middle_ms, end_ms = start_ms + SLOT_MS, start_ms + MS_PER_HOUR
    if at_ms < middle_ms:
        is_whole = _offset_ms(middle_ms, zone) == offset_ms
        return Interval(start_ms, end_ms if is_whole else middle_ms)
    is_whole = _offset_ms(start_ms, zone) == offset_ms
    return Interval(start_ms if is_whole else middle_ms, end_ms)


def _offset_ms(at_ms: int, zone: ZoneInfo) -> int:
    offset = to_local(at_ms, zone).utcoffset() or dt.timedelta()
    return int(offset.total_seconds()) * MS_PER_SECOND


@lru_cache(maxsize=ZONES_KEPT)
def check_zone(name: str) -> ZoneInfo:
    """Return the time zone of this name; raises BadInputError where unknown, or not on half hours.

    A zone whose days do not begin on a half hour of UTC (Nepal's, say) cannot be served from slots.
    """
    try:
        zone = ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise BadInputError(
            f"time zone {name!r} is unknown", hint="use an IANA name such as Europe/London"
        ) from error
    probe = dt.datetime(2026, 1, 1, tzinfo=zone).utcoffset() or dt.timedelta()
    if int(probe.total_seconds()) * MS_PER_SECOND % SLOT_MS:
        raise BadInputError(
            f"time zone {name!r} is not on half hours of UTC", hint="slots are half hours of UTC"
        )
    return zone
