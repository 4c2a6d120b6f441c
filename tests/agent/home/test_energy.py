"""Today against other days, and the last 48 half hours."""

import datetime as dt

import pytest

from agent.home.energy import (
    HOLES_SENTENCE,
    amount_until,
    compare,
    mean_of_days,
    same_time_yesterday_ms,
    view_half_hours,
    view_usage,
)
from shared.calendar import day_of, slot_of_sample, slots_between
from shared.meterdays import SlotUsage
from tests.support.home_inputs import LONDON, NOW_MS, at_ms, day_slots, flat_tariff, home_inputs

RUNNING = slot_of_sample(NOW_MS)


def even_slots(first_day: str, until_ms: int, mwh: int = 100_000) -> dict[int, SlotUsage]:
    """The same energy in each half hour from a local day's start."""
    start_ms = day_of(dt.date.fromisoformat(first_day), LONDON).start_ms
    slots = range(start_ms // 1_800_000, slot_of_sample(until_ms) + 1)
    return dict.fromkeys(slots, SlotUsage(mwh, is_estimated=False))


def test_today_is_set_against_yesterday_by_now_and_whole() -> None:
    """At 12:15 yesterday by now is 24 half hours and half of the 25th."""
    now_ms = at_ms("2026-11-20T12:15:00+00:00")
    slots = even_slots("2026-11-19", now_ms)
    slots[slot_of_sample(now_ms)] = SlotUsage(50_000, is_estimated=True)

    usage = view_usage(home_inputs(now_ms, electricity_slots=slots))

    assert usage.today.energy_mwh == 2_450_000
    assert usage.yesterday_by_now.energy_mwh == 2_450_000
    assert usage.yesterday.energy_mwh == 4_800_000
    assert usage.sentence == "About the same as yesterday by 12:15"


@pytest.mark.parametrize(
    ("today", "slots"), [("2026-03-29", 46), ("2026-10-25", 50), ("2026-11-20", 48)]
)
def test_a_day_has_as_many_half_hours_as_its_clock_gives(today: str, slots: int) -> None:
    """On the day after a clock change yesterday is 23 or 25 hours long."""
    following = dt.date.fromisoformat(today) + dt.timedelta(days=1)
    now_ms = day_of(following, LONDON).start_ms + 3_600_000

    usage = view_usage(home_inputs(now_ms, electricity_slots=even_slots(today, now_ms)))

    assert usage.yesterday.energy_mwh == slots * 100_000
    assert usage.today.energy_mwh == 200_000


@pytest.mark.parametrize(
    ("now", "yesterday"),
    [
        ("2026-03-29T12:00:00+01:00", "2026-03-28T12:00:00+00:00"),
        ("2026-03-30T12:00:00+01:00", "2026-03-29T12:00:00+01:00"),
        ("2026-10-25T12:00:00+00:00", "2026-10-24T12:00:00+01:00"),
        ("2026-10-25T01:30:00+00:00", "2026-10-24T01:30:00+01:00"),
    ],
)
def test_the_same_time_yesterday_is_by_the_clock_on_the_wall(now: str, yesterday: str) -> None:
    """Noon is set against noon, though 23 or 25 hours lie between."""
    now_ms = at_ms(now)

    assert same_time_yesterday_ms(now_ms, home_inputs(now_ms)) == at_ms(yesterday)


def test_amount_until_takes_the_share_of_the_last_half_hour() -> None:
    """A third of the time is a third of the energy."""
    slots = {10: SlotUsage(900, is_estimated=False), 11: SlotUsage(300, is_estimated=False)}

    assert amount_until(slots, 10 * 1_800_000, 11 * 1_800_000 + 600_000).amount == 1_000
    assert amount_until(slots, 10 * 1_800_000, 11 * 1_800_000).amount == 900
    assert amount_until({}, 10 * 1_800_000, 11 * 1_800_000 + 1).amount is None


def test_average_leaves_out_days_with_holes() -> None:
    """A day of which half was missed would pull the average down."""
    slots = even_slots("2026-11-16", NOW_MS)
    day = day_of(dt.date(2026, 11, 18), LONDON)
    del slots[slots_between(day.start_ms, day.end_ms)[5]]
    inputs = home_inputs(electricity_slots=slots)

    assert mean_of_days(slots, dt.date(2026, 11, 20), 7, inputs) == (4_800_000, 3)
    assert view_usage(inputs).average_week.note == "from 3 whole days"


def test_average_without_a_whole_day_is_not_known() -> None:
    """On the first day there is no average, and it is not 0."""
    usage = view_usage(home_inputs(electricity_slots=day_slots(NOW_MS, count=6)))

    assert usage.average_week.energy_mwh is None
    assert usage.average_four_weeks.text == "\N{EN DASH}"
    assert usage.average_week.note == "no whole day yet"
    assert usage.yesterday.note == "not known"
    assert usage.sentence == "No figure for yesterday by 18:12 to compare with"


def test_missing_half_hours_forbid_the_comparison() -> None:
    """A day with a hole looks thrifty; it is said instead."""
    slots = day_slots(NOW_MS)
    for slot in (RUNNING - 6, RUNNING - 5):
        del slots[slot]

    usage = view_usage(home_inputs(electricity_slots=slots))

    assert usage.sentence == HOLES_SENTENCE
    assert usage.today.note == "2 half hours missing"


def test_nothing_measured_today_is_not_zero() -> None:
    """A minute past midnight before the first sample there is no figure for today."""
    now_ms = at_ms("2026-11-20T00:01:00+00:00")
    slots = even_slots("2026-11-19", at_ms("2026-11-20T00:00:00+00:00"))

    usage = view_usage(home_inputs(now_ms, electricity_slots=slots))

    assert (usage.today.energy_mwh, usage.today.text) == (None, "\N{EN DASH}")
    assert usage.sentence == "Nothing measured yet today"


@pytest.mark.parametrize(
    ("today", "yesterday", "sentence"),
    [
        (880, 1_000, "12 % less than yesterday by 9"),
        (1_500, 1_000, "50 % more than yesterday by 9"),
        (2_990, 1_000, "199 % more than yesterday by 9"),
        (3_000, 1_000, "3 times as much as yesterday by 9"),
        (27_220_000, 1_000, "27,220 times as much as yesterday by 9"),
        (1_020, 1_000, "About the same as yesterday by 9"),
        (5, 0, "No figure for yesterday by 9 to compare with"),
    ],
)
def test_comparison_in_words(today: int, yesterday: int, sentence: str) -> None:
    """The sentence says which way and by how much."""
    assert compare(today, yesterday, "9") == sentence


def test_chart_has_48_half_hours_with_their_quality() -> None:
    """Measured, estimated, running and missing are told apart; missing is not 0."""
    slots = day_slots(NOW_MS)
    del slots[RUNNING - 3]
    slots[RUNNING - 2] = SlotUsage(200_000, is_estimated=True)

    halves = view_half_hours(home_inputs(electricity_slots=slots, tariff=flat_tariff()))

    assert len(halves) == 48
    assert [half.quality for half in halves[-4:]] == ["missing", "estimated", "measured", "running"]
    missing, estimated = halves[-4:-2]
    assert (missing.import_mwh, missing.cost_millionths) == (None, None)
    assert (estimated.energy_text, estimated.cost_text) == ("0.20 kWh", "5.1p")


def test_chart_says_unpriced_and_no_tariff() -> None:
    """A half hour without a price never costs 0."""
    unpriced = view_half_hours(home_inputs(tariff=flat_tariff(starts="2027-01-01")))[0]
    no_tariff = view_half_hours(home_inputs(tariff=None))[0]

    assert (unpriced.cost_millionths, unpriced.cost_text) == (None, "unpriced")
    assert (no_tariff.cost_millionths, no_tariff.cost_text) == (None, "no tariff")


def test_running_half_hour_before_its_first_sample_is_running() -> None:
    """Ten seconds into a half hour nothing is missing yet."""
    slots = day_slots(NOW_MS)
    del slots[RUNNING]

    running = view_half_hours(home_inputs(electricity_slots=slots))[-1]

    assert (running.quality, running.import_mwh) == ("running", None)


def test_ticks_follow_local_hours_through_the_autumn_change() -> None:
    """The chart names 00, 06, 12 and 18 by the clock on the wall, midnight by its day."""
    now_ms = at_ms("2026-10-25T14:10:00+00:00")

    halves = view_half_hours(home_inputs(now_ms))

    assert [half.tick for half in halves if half.tick] == ["18:00", "Sun", "06:00", "12:00"]
    assert [half.label for half in halves].count("01:30 BST") == 1


def test_export_is_shown_where_there_is_any() -> None:
    """A home with panels sees what it exported beside each half hour."""
    exports = {RUNNING - 1: SlotUsage(250_000, is_estimated=False)}
    inputs = home_inputs(export_slots=exports)

    halves = view_half_hours(inputs)

    assert [half.export_mwh for half in halves[-3:]] == [None, 250_000, None]
