"""Half-hour slots in UTC, and a household's local days to years through clock changes.

Intervals are `[start, end)` in UTC milliseconds. A register read exactly on a boundary belongs to
the interval it closes, so a sample's slot is found by `(start, end]`.
"""

import datetime as dt
import enum
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from shared.errors import BadInputError
from shared.units import MS_PER_HOUR, MS_PER_SECOND, SLOT_MS, SLOTS_PER_UTC_DAY

ZONES_KEPT = 600
"""As many as there are: finding one, and that it is on half hours, is asked of every request."""

DAYS_KEPT = 1_024
"""Days whose beginning is known already: what leaves a home is judged sample by sample."""


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
    return Interval(day_start_ms(day, zone), day_start_ms(day + dt.timedelta(days=1), zone))


def days_between(start_ms: int, end_ms: int, zone: ZoneInfo) -> list[dt.date]:
    """List the local days whose first instant lies in `[start_ms, end_ms)`."""
    day = local_date(start_ms, zone)
    if day_start_ms(day, zone) < start_ms:
        day += dt.timedelta(days=1)
    days = []
    while day_start_ms(day, zone) < end_ms:
        days.append(day)
        day += dt.timedelta(days=1)
    return days


def intervals_between(
    start_ms: int, end_ms: int, resolution: Resolution, zone: ZoneInfo, limit: int
) -> list[Interval]:
    """List the whole intervals that overlap `[start_ms, end_ms)`, in order and without a hole.

    All but half hours are local, weeks begin on Monday; the first and the last reach beyond what
    was asked where it did not fall on their boundaries. Raises BadInputError past `limit` of them.
    """
    found: list[Interval] = []
    if end_ms <= start_ms:
        return found
    if resolution is Resolution.HALF_HOUR:
        starts_ms = range(start_ms // SLOT_MS * SLOT_MS, end_ms, SLOT_MS)
        if len(starts_ms) > limit:
            raise _too_many(limit, resolution)
        return [Interval(ms, ms + SLOT_MS) for ms in starts_ms]
    interval = interval_at(start_ms, resolution, zone)
    while interval.start_ms < end_ms:
        if len(found) == limit:
            raise _too_many(limit, resolution)
        found.append(interval)
        interval = interval_at(interval.end_ms, resolution, zone)
    return found


def _too_many(limit: int, resolution: Resolution) -> BadInputError:
    return BadInputError(
        f"more than {limit} {resolution.value} intervals asked for",
        hint="ask for a shorter range or a coarser resolution",
    )


def interval_at(at_ms: int, resolution: Resolution, zone: ZoneInfo) -> Interval:
    """Give the interval that an instant lies in: local, but for half hours."""
    if resolution is Resolution.HALF_HOUR:
        start_ms = at_ms // SLOT_MS * SLOT_MS
        return Interval(start_ms, start_ms + SLOT_MS)
    if resolution is Resolution.HOUR:
        return _local_hour(at_ms, zone)
    day = local_date(at_ms, zone)
    if resolution is Resolution.DAY:
        return day_of(day, zone)
    if resolution is Resolution.WEEK:
        first = day - dt.timedelta(days=day.weekday())
        return Interval(day_start_ms(first, zone), day_start_ms(first + dt.timedelta(days=7), zone))
    if resolution is Resolution.YEAR:
        first = day.replace(month=1, day=1)
        following = first.replace(year=first.year + 1)
    else:
        first = day.replace(day=1)
        following = (first + dt.timedelta(days=32)).replace(day=1)
    return Interval(day_start_ms(first, zone), day_start_ms(following, zone))


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
