"""Which periods a period is compared with, and what similar days would have used. Pure."""

import datetime as dt
from collections.abc import Mapping
from fractions import Fraction
from typing import NamedTuple
from zoneinfo import ZoneInfo

from cloud.readings.usage import Known, parts_by_interval
from shared.calendar import Interval, day_of, day_start_ms, local_date
from shared.errors import BadInputError
from shared.units import round_half_even

MAX_COMPARED_DAYS = 366
LOOKED_BACK_DAYS = 400
"""A year and some weeks: every season is in it, and the same one twice for a while."""

SIMILAR_DAYS = 28
"""At most so many, the latest: habits change."""

DAYS_PER_WEEK, WEEKEND = 7, 5
WEEKS_OF_A_YEAR_DAYS = 364
MONTHS_PER_YEAR, MONTHS_PER_SEASON = 12, 3


class Days(NamedTuple):
    """Local days `[first, end)`."""

    first: dt.date
    end: dt.date

    @property
    def length(self) -> int:
        """Number of days."""
        return (self.end - self.first).days

    def interval(self, zone: ZoneInfo) -> Interval:
        """Span them in UTC."""
        return Interval(day_start_ms(self.first, zone), day_start_ms(self.end, zone))


class Similar(NamedTuple):
    """What similar days would have used, by quantity, and how many were averaged."""

    amounts: dict[str, int | None]
    days: int


def whole_days(start_ms: int, end_ms: int, zone: ZoneInfo) -> Days:
    """Read a period as local days; raises BadInputError where it is not made of them."""
    days = Days(local_date(start_ms, zone), local_date(end_ms, zone))
    if days.interval(zone) != (start_ms, end_ms):
        raise BadInputError(
            "from and to are not both the beginning of a local day", hint="write dates: 2026-03-01"
        )
    if days.length > MAX_COMPARED_DAYS:
        raise BadInputError(
            f"from and to are {days.length} days apart",
            hint=f"compare at most {MAX_COMPARED_DAYS} days",
        )
    return days


def previous_of(days: Days) -> Days:
    """Give as many whole months before, where it is whole months, else as many days."""
    months = _months(days)
    if months:
        return Days(_by_months(days.first, -months), days.first)
    return Days(days.first - dt.timedelta(days=days.length), days.first)


def year_before(days: Days) -> Days:
    """Give the same dates a year before; of whole weeks the same weekdays, 52 weeks before."""
    is_weeks = days.first.weekday() == 0 and days.length % DAYS_PER_WEEK == 0
    if is_weeks and not _months(days):
        back = dt.timedelta(days=WEEKS_OF_A_YEAR_DAYS)
        return Days(days.first - back, days.end - back)
    # From a leap day on it is from the day before on; to a leap day it is to the day after.
    return Days(_year_back(days.first, (2, 28)), _year_back(days.end, (3, 1)))


def expect_similar(
    known: Mapping[str, Known], days: Days, zone: ZoneInfo, decided_by: str
) -> Similar | None:
    """Sum what each day's like used on average; None where a day has no like.

    Days are alike in the same season (three months from December on) that are both working days or
    both of a weekend. Only days that `decided_by` is wholly measured of are averaged.
    """
    past = [days.first - dt.timedelta(days=n) for n in range(1, LOOKED_BACK_DAYS + 1)]
    past.reverse()
    intervals = [day_of(day, zone) for day in past]
    columns = {name: list(parts_by_interval(one, intervals)) for name, one in known.items()}
    alike: dict[tuple[int, bool], list[int]] = {}
    for place, part in enumerate(columns[decided_by]):
        if part.known == part.slots and not part.estimated:
            alike.setdefault(kind_of_day(past[place]), []).append(place)
    wanted: dict[tuple[int, bool], int] = {}
    for n in range(days.length):
        kind = kind_of_day(days.first + dt.timedelta(days=n))
        wanted[kind] = wanted.get(kind, 0) + 1
    if any(kind not in alike for kind in wanted):
        return None
    chosen = {kind: alike[kind][-SIMILAR_DAYS:] for kind in wanted}
    amounts = {}
    for name, column in columns.items():
        means: list[Fraction] = []
        for kind, places in chosen.items():
            of_kind = [column[place].amount for place in places]
            sure = [one for one in of_kind if one is not None]
            if len(sure) == len(places):
                means.append(Fraction(wanted[kind] * sum(sure), len(sure)))
        amounts[name] = (
            round_half_even(sum(means, Fraction())) if len(means) == len(chosen) else None
        )
    return Similar(amounts, sum(map(len, chosen.values())))


def kind_of_day(day: dt.date) -> tuple[int, bool]:
    """Say which season a day is in, and whether it is of a weekend."""
    return day.month % MONTHS_PER_YEAR // MONTHS_PER_SEASON, day.weekday() >= WEEKEND


def change_permille(now: int | None, then: int | None) -> int | None:
    """Say how far `now` is above `then`; None where either is unknown or `then` is 0."""
    if now is None or not then:
        return None
    return round_half_even(Fraction((now - then) * 1_000, then))


def _months(days: Days) -> int:
    """Count the whole months that these days are; 0 where they are not."""
    if days.first.day != 1 or days.end.day != 1:
        return 0
    return (days.end.year - days.first.year) * MONTHS_PER_YEAR + days.end.month - days.first.month


def _by_months(first: dt.date, months: int) -> dt.date:
    months += first.year * MONTHS_PER_YEAR + first.month - 1
    return dt.date(months // MONTHS_PER_YEAR, months % MONTHS_PER_YEAR + 1, 1)


def _year_back(day: dt.date, instead: tuple[int, int]) -> dt.date:
    try:
        return day.replace(year=day.year - 1)
    except ValueError:
        return dt.date(day.year - 1, *instead)
