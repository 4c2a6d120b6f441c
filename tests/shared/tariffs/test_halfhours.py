"""Half hours laid out: local days as the calendar has them, runs without loss."""

import datetime as dt
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.calendar import day_start_ms, local_date
from shared.tariffs.halfhours import HalfHours, LocalDays, runs_of
from shared.tariffs.model import SlotEnergy
from shared.tariffs.rates import rate_at, version_spans
from shared.tariffs.slotprices import prices_by_slot
from shared.tariffs.tally import tally
from shared.units import SLOT_MS
from tests.support.household_years import household_year

ZONES = ("Europe/London", "America/Santiago", "Africa/Casablanca", "Australia/Lord_Howe", "UTC")
FIRST_SLOT = 946_684_800_000 // SLOT_MS


@settings(deadline=None)
@given(
    st.sampled_from(ZONES),
    st.integers(FIRST_SLOT, FIRST_SLOT + 48 * 365 * 60),
    st.integers(1, 48 * 500),
)
def test_days_are_those_of_the_calendar(name: str, start: int, count: int) -> None:
    """In zones that change at midnight, by half an hour, and for a month of fasting."""
    zone = ZoneInfo(name)

    days = LocalDays(start, start + count, zone)

    expected = [day_start_ms(days.day(n), zone) // SLOT_MS for n in range(days.count + 1)]
    assert days.starts == expected
    assert days.starts[0] <= start
    assert days.starts[-2] < start + count <= days.starts[-1]


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 300), st.integers(-5, 10**9)), max_size=200),
    st.integers(0, 300),
    st.integers(0, 300),
)
def test_no_energy_is_lost_between_runs(
    energy: list[tuple[int, int]], start: int, end: int
) -> None:
    """Any order, gaps, and slots that are named twice."""
    given_ = [SlotEnergy(FIRST_SLOT + slot, amount) for slot, amount in energy]
    half_hours = HalfHours.lay_out(given_, 0, 0, ZoneInfo("UTC")) if given_ else None

    runs = runs_of(given_)

    found = {slot for run in runs for slot in range(run.first_slot, run.end_slot)}
    assert found == {one.slot for one in given_}
    for one, following in pairwise(runs):
        assert one.end_slot < following.first_slot
    if half_hours is not None and start <= end:
        within = sum(amount for slot, amount in energy if start <= slot < end)
        assert half_hours.energy_mwh(FIRST_SLOT + start, FIRST_SLOT + end) == within


@pytest.mark.parametrize("number", range(12))
def test_price_of_each_slot_is_the_rate_that_holds(number: int) -> None:
    """The three ways to a price agree: at an instant, by slot, and in a bill."""
    home = household_year(number)
    half_hours = HalfHours.lay_out(home.energy, home.start_ms, home.end_ms, home.zone)
    slots = range(half_hours.start, half_hours.start + 48 * 40)

    asked = prices_by_slot(home.tariff, half_hours.days, slots[0], slots[-1] + 1)

    assert len(asked) == len(slots)
    for slot, price in zip(slots, asked, strict=True):
        rate = rate_at(home.tariff, slot * SLOT_MS, home.zone)
        expected = 0 if rate is None else rate.price_millionths_per_kwh
        factor = 1_000 + rate.version.vat_permille if rate else 0
        assert price == expected * factor


def test_spans_of_versions_leave_no_hole() -> None:
    """One after another, from the first day to the last, unpriced stretches included."""
    for number in range(30):
        home = household_year(number)
        days = LocalDays(home.start_ms // SLOT_MS, home.end_ms // SLOT_MS, home.zone)

        spans = list(version_spans(home.tariff, days))

        assert spans[0].start == days.starts[0]
        assert spans[-1].end == days.starts[-1]
        for one, following in pairwise(spans):
            assert one.end == following.start
            assert one.start < one.end


def test_a_year_cut_anywhere_has_the_same_energy_at_each_price() -> None:
    """Tiers included: what was used before fills them."""
    for number in range(12):
        home = household_year(number)
        half_hours = HalfHours.lay_out(home.energy, home.start_ms, home.end_ms, home.zone)
        ends = (half_hours.start, half_hours.end)
        middle = ends[0] + 7_919 * (number + 1) % (ends[1] - ends[0])

        whole = tally(home.tariff, half_hours, *ends)
        parts = [
            tally(home.tariff, half_hours, *span) for span in ((ends[0], middle), (middle, ends[1]))
        ]

        assert whole.unpriced_mwh == sum(part.unpriced_mwh for part in parts)
        for key, numerator in whole.numerators.items():
            assert numerator == sum(part.numerators.get(key, 0) for part in parts)


def test_days_of_a_span_that_begins_within_one() -> None:
    """The first day is whole though the span is not; a day outside it is at the span's end."""
    zone = ZoneInfo("Europe/London")
    start = day_start_ms(dt.date(2026, 3, 28), zone) // SLOT_MS

    days = LocalDays(start + 5, start + 100, zone)

    assert days.first_day == local_date(start * SLOT_MS, zone)
    assert (days.count, days.is_plain(0), days.is_plain(1)) == (3, True, False)
    assert days.minutes_of(1)[:3] == [0, 30, 120]
    assert list(days.between(start, start + 1)) == [0]
    assert list(days.between(start + 1, start + 48)) == []
    assert days.slot_of(dt.date(2026, 5, 1)) == days.starts[-1]
    assert days.slot_of(dt.date(2026, 1, 1)) == start
