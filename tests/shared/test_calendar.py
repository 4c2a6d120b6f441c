"""The calendar: every slot in exactly one local day, through every change of the clocks."""

import datetime as dt
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.calendar import (
    Interval,
    Resolution,
    bounds_between,
    check_zone,
    day_of,
    day_start_ms,
    days_between,
    interval_at,
    intervals_between,
    local_date,
    slot_of_sample,
    slot_start_ms,
    slots_between,
    to_local,
    utc_day_of_slot,
)
from shared.errors import BadInputError
from shared.units import MS_PER_DAY, MS_PER_HOUR, SLOT_MS

ZONES = (
    "UTC",
    "Europe/London",
    "Europe/Amsterdam",
    "Australia/Lord_Howe",
    "America/St_Johns",
    "America/Havana",
    "Africa/Cairo",
    "Asia/Kolkata",
    "Pacific/Kiritimati",
)
"""Hour and half-hour changes, changes at midnight itself, none at all, and far from UTC."""

FIRST_YEAR, YEARS = 2020, 10
LONDON = ZoneInfo("Europe/London")
LORD_HOWE = ZoneInfo("Australia/Lord_Howe")
INSTANTS = st.integers(utc_ms := 1_577_836_800_000, utc_ms + YEARS * 365 * MS_PER_DAY)


def ms(text: str) -> int:
    """Read an instant in ISO 8601 with its offset."""
    return int(dt.datetime.fromisoformat(text).timestamp()) * 1_000


@pytest.mark.parametrize("name", ZONES)
def test_every_slot_of_ten_years_belongs_to_exactly_one_local_day(name: str) -> None:
    """Days follow each other without hole or overlap, and each slot lies in the one of its date."""
    zone = ZoneInfo(name)
    first = dt.date(FIRST_YEAR, 1, 1)
    days = [first + dt.timedelta(days=n) for n in range(YEARS * 365 + 3)]

    spans = [day_of(day, zone) for day in days]

    for before, after in pairwise(spans):
        assert before.end_ms == after.start_ms
    for day, span in zip(days, spans, strict=True):
        slots = slots_between(span.start_ms, span.end_ms)
        assert len(slots) in (46, 47, 48, 49, 50)
        assert span.start_ms % SLOT_MS == span.end_ms % SLOT_MS == 0
        assert {local_date(slot_start_ms(slot), zone) for slot in slots} == {day}


@pytest.mark.parametrize(
    ("zone", "day", "count"),
    [
        ("Europe/London", dt.date(2026, 3, 29), 46),
        ("Europe/London", dt.date(2026, 3, 30), 48),
        ("Europe/London", dt.date(2026, 10, 25), 50),
        ("Europe/Amsterdam", dt.date(2026, 3, 29), 46),
        ("Europe/Amsterdam", dt.date(2026, 10, 25), 50),
        ("America/St_Johns", dt.date(2026, 3, 8), 46),
        ("America/St_Johns", dt.date(2026, 11, 1), 50),
        ("Australia/Lord_Howe", dt.date(2026, 10, 4), 47),
        ("Australia/Lord_Howe", dt.date(2026, 4, 5), 49),
        ("Africa/Cairo", dt.date(2026, 4, 24), 46),
        ("America/Havana", dt.date(2026, 11, 1), 50),
    ],
)
def test_a_day_of_a_clock_change_is_shorter_or_longer(zone: str, day: dt.date, count: int) -> None:
    """46 half hours in spring and 50 in autumn; 47 and 49 where the change is a half hour."""
    span = day_of(day, ZoneInfo(zone))

    assert len(slots_between(span.start_ms, span.end_ms)) == count


def test_a_day_begins_at_its_first_instant_where_midnight_is_skipped() -> None:
    """In Cairo 24 April 2026 begins at one o'clock."""
    start_ms = day_start_ms(dt.date(2026, 4, 24), ZoneInfo("Africa/Cairo"))

    local = to_local(start_ms, ZoneInfo("Africa/Cairo"))
    assert (local.date(), local.hour) == (dt.date(2026, 4, 24), 1)
    assert local_date(start_ms - 1, ZoneInfo("Africa/Cairo")) == dt.date(2026, 4, 23)


@given(INSTANTS)
def test_a_sample_on_a_boundary_closes_its_slot(at_ms: int) -> None:
    """A sample's slot is the one of `(start, end]`."""
    slot = slot_of_sample(at_ms)

    assert slot_start_ms(slot) < at_ms <= slot_start_ms(slot + 1)


@given(INSTANTS)
def test_a_slot_belongs_to_one_utc_day(at_ms: int) -> None:
    """The UTC day of a slot holds it whole."""
    slot = at_ms // SLOT_MS

    start_ms = utc_day_of_slot(slot) * MS_PER_DAY

    assert start_ms <= slot_start_ms(slot) < slot_start_ms(slot + 1) <= start_ms + MS_PER_DAY


@given(INSTANTS, st.integers(0, 400 * MS_PER_HOUR), st.sampled_from(ZONES))
def test_the_days_between_are_those_that_begin_there(start_ms: int, length: int, name: str) -> None:
    """A standing charge is asked once for each: a period cut in two has the same days."""
    zone = ZoneInfo(name)
    end_ms = start_ms + length
    middle_ms = start_ms + length // 3

    days = days_between(start_ms, end_ms, zone)

    assert all(start_ms <= day_start_ms(day, zone) < end_ms for day in days)
    assert days == days_between(start_ms, middle_ms, zone) + days_between(middle_ms, end_ms, zone)


@given(
    INSTANTS,
    st.integers(1, 1_500 * MS_PER_HOUR),
    st.sampled_from(Resolution),
    st.sampled_from(ZONES),
)
def test_intervals_follow_each_other_and_do_not_depend_on_what_was_asked(
    start_ms: int, length: int, resolution: Resolution, name: str
) -> None:
    """They reach around what was asked, and each is the same when asked for alone."""
    zone = ZoneInfo(name)

    intervals = intervals_between(start_ms, start_ms + length, resolution, zone, 10_000)

    assert intervals[0].start_ms <= start_ms < intervals[0].end_ms
    assert intervals[-1].start_ms < start_ms + length <= intervals[-1].end_ms
    for before, after in pairwise(intervals):
        assert before.end_ms == after.start_ms
    for one in {intervals[0], intervals[len(intervals) // 2], intervals[-1]}:
        assert intervals_between(one.start_ms, one.end_ms, resolution, zone, 1) == [one]
        assert one.start_ms % SLOT_MS == one.end_ms % SLOT_MS == 0


@given(
    INSTANTS,
    st.integers(1, 100 * MS_PER_DAY),
    st.sampled_from([one for one in Resolution if one is not Resolution.HALF_HOUR]),
    st.sampled_from(ZONES),
)
def test_bounds_are_those_of_one_interval_after_the_other(
    start_ms: int, length_ms: int, resolution: Resolution, name: str
) -> None:
    """Whoever goes from date to date comes by the same instants."""
    zone = ZoneInfo(name)
    end_ms = start_ms + length_ms

    bounds = bounds_between(start_ms, end_ms, resolution, zone, 5_000)

    one = interval_at(start_ms, resolution, zone)
    walked = [*one]
    while one.end_ms < end_ms:
        one = interval_at(one.end_ms, resolution, zone)
        walked.append(one.end_ms)
    assert bounds == walked


def test_a_date_that_a_zone_left_out_has_no_interval() -> None:
    """Samoa went from 29 to 31 December 2011, across the date line."""
    samoa = ZoneInfo("Pacific/Apia")
    start_ms, end_ms = ms("2011-12-28T00:00:00-10:00"), ms("2012-01-02T00:00:00+14:00")

    bounds = bounds_between(start_ms, end_ms, Resolution.DAY, samoa, 10)

    dates = [local_date(at_ms, samoa).isoformat() for at_ms in bounds]
    assert dates == ["2011-12-28", "2011-12-29", "2011-12-31", "2012-01-01", "2012-01-02"]


def test_a_period_from_midnight_to_midnight_has_the_day_it_begins() -> None:
    """The first instant counts to a period and the last does not."""
    start_ms = day_start_ms(dt.date(2026, 6, 1), LONDON)

    days = days_between(start_ms, start_ms + MS_PER_DAY, LONDON)

    assert days == [dt.date(2026, 6, 1)]
    assert days_between(start_ms + 1, start_ms + MS_PER_DAY, LONDON) == []


def test_nothing_lies_between_an_instant_and_itself() -> None:
    """An empty or reversed period has no intervals."""
    assert intervals_between(SLOT_MS, SLOT_MS, Resolution.DAY, LONDON, 5) == []
    assert intervals_between(SLOT_MS, 0, Resolution.DAY, LONDON, 5) == []


@pytest.mark.parametrize(
    ("resolution", "first", "last"),
    [
        (Resolution.HALF_HOUR, "2026-03-29T00:30+00:00", "2026-03-29T01:00+00:00"),
        (Resolution.HOUR, "2026-03-29T00:00+00:00", "2026-03-29T01:00+00:00"),
        (Resolution.DAY, "2026-03-29T00:00+00:00", "2026-03-30T00:00+01:00"),
        (Resolution.WEEK, "2026-03-23T00:00+00:00", "2026-03-30T00:00+01:00"),
        (Resolution.MONTH, "2026-03-01T00:00+00:00", "2026-04-01T00:00+01:00"),
    ],
)
def test_an_interval_is_local(resolution: Resolution, first: str, last: str) -> None:
    """A week begins on Monday and a month on its first, at local midnight."""
    at_ms = ms("2026-03-29T00:40+00:00")

    intervals = intervals_between(at_ms, at_ms + 1, resolution, LONDON, 1)

    assert intervals == [Interval(ms(first), ms(last))]


def test_december_is_followed_by_january() -> None:
    """The month after the twelfth is the first of the next year."""
    intervals = intervals_between(
        ms("2026-12-31T23:00+00:00"), ms("2027-01-01T01:00+00:00"), Resolution.MONTH, LONDON, 9
    )

    assert [to_local(one.start_ms, LONDON).month for one in intervals] == [12, 1]


@pytest.mark.parametrize(
    ("day", "short_hours"),
    [
        ("2026-10-03T13:00+00:00", ["2026-10-03T15:30+00:00"]),
        ("2026-04-04T13:00+00:00", ["2026-04-04T15:00+00:00"]),
    ],
)
def test_a_change_of_half_an_hour_makes_one_hour_of_half_an_hour(
    day: str, short_hours: list[str]
) -> None:
    """On Lord Howe Island no half hour is counted in two hours."""
    start_ms = ms(day)

    hours = intervals_between(start_ms, start_ms + 5 * MS_PER_HOUR, Resolution.HOUR, LORD_HOWE, 9)

    short = [one.start_ms for one in hours if one.end_ms - one.start_ms == SLOT_MS]
    assert short == [ms(one) for one in short_hours]


def test_an_offset_that_changes_in_the_middle_of_an_hour_ends_it() -> None:
    """Caracas went from half an hour to a full one at half past two on 1 May 2016."""
    caracas = ZoneInfo("America/Caracas")
    start_ms = ms("2016-05-01T06:30+00:00")

    hours = intervals_between(start_ms, start_ms + MS_PER_HOUR, Resolution.HOUR, caracas, 9)

    assert hours == [
        Interval(start_ms, start_ms + SLOT_MS),
        Interval(start_ms + SLOT_MS, start_ms + 3 * SLOT_MS),
    ]


def test_more_intervals_than_the_limit_are_refused() -> None:
    """Exactly the limit is served; one more is bad input with the way out."""
    assert len(intervals_between(0, 4 * SLOT_MS, Resolution.HALF_HOUR, LONDON, 4)) == 4

    with pytest.raises(BadInputError, match="more than 4 half-hour intervals") as refused:
        intervals_between(0, 4 * SLOT_MS + 1, Resolution.HALF_HOUR, LONDON, 4)

    assert "coarser" in refused.value.hint


@pytest.mark.parametrize("name", ZONES)
def test_zones_on_half_hours_are_served(name: str) -> None:
    """The zone of that name is returned."""
    assert check_zone(name) == ZoneInfo(name)


@pytest.mark.parametrize(
    "name",
    ["Europe/Atlantis", "", "Europe", "../etc/passwd", "/etc/passwd", "a\0b", "x" * 5_000],
    ids=range(7),
)
def test_an_unknown_zone_is_refused(name: str) -> None:
    """Whatever the name is, it is bad input and nothing worse."""
    with pytest.raises(BadInputError, match="is unknown"):
        check_zone(name)


@pytest.mark.parametrize("name", ["Asia/Kathmandu", "Pacific/Chatham", "Australia/Eucla"])
def test_a_zone_off_the_half_hours_is_refused(name: str) -> None:
    """Its days cannot be made of slots."""
    with pytest.raises(BadInputError, match="half hours of UTC"):
        check_zone(name)
