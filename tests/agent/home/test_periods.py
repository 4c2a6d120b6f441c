"""Yesterday, this week and this month in energy and money."""

import datetime as dt

from agent.home.periods import view_periods
from shared.calendar import day_of, slot_of_sample
from shared.meterdays import SlotUsage
from shared.tariffs import SlotEnergy, price
from tests.support.home_inputs import LONDON, NOW_MS, at_ms, flat_tariff, home_inputs


def from_day(day: str, until_ms: int = NOW_MS) -> dict[int, SlotUsage]:
    """A tenth of a kilowatt-hour in each half hour from a local day's start."""
    first = day_of(dt.date.fromisoformat(day), LONDON).start_ms // 1_800_000
    slots = range(first, slot_of_sample(until_ms) + 1)
    return dict.fromkeys(slots, SlotUsage(100_000, is_estimated=False))


def test_each_period_begins_where_the_household_says() -> None:
    """Friday 20 November: the week began on Monday the 16th, the month on the 1st."""
    periods = view_periods(home_inputs(electricity_slots=from_day("2026-10-20")))

    assert periods.yesterday.energy_mwh == 4_800_000
    assert periods.today.energy_mwh == 3_700_000
    assert periods.week.energy_mwh == 4 * 4_800_000 + 3_700_000
    assert periods.month.energy_mwh == 19 * 4_800_000 + 3_700_000
    assert periods.month.note == ""


def test_a_standing_charge_counts_for_each_day() -> None:
    """Five days of the week: 5 × 60.1p, and the energy, with VAT."""
    slots = from_day("2026-10-20")
    monday = day_of(dt.date(2026, 11, 16), LONDON).start_ms
    midnight = day_of(dt.date(2026, 11, 20), LONDON).end_ms
    energy = [SlotEnergy(one, 100_000) for one in slots if one * 1_800_000 >= monday]
    bill = price(flat_tariff(), energy, monday, midnight, LONDON)

    week = view_periods(home_inputs(electricity_slots=slots, tariff=flat_tariff())).week

    assert week.cost_millionths == bill.total_millionths
    assert sum(line.days for line in bill.lines if line.kind == "standing") == 5


def test_a_hub_that_came_later_counts_from_its_first_day() -> None:
    """No standing charge is asked for days of which the hub knows nothing."""
    since_18th = view_periods(
        home_inputs(electricity_slots=from_day("2026-11-18"), tariff=flat_tariff())
    )

    assert since_18th.month.note == "since Wednesday 18 November"
    assert since_18th.month.cost_millionths == since_18th.week.cost_millionths


def test_nothing_known_is_not_nothing_used() -> None:
    """An empty log has neither energy nor money, and a dash stands for both."""
    periods = view_periods(home_inputs(electricity_slots={}))

    assert {one.energy_mwh for one in (periods.today, periods.week, periods.month)} == {None}
    assert {one.cost_millionths for one in (periods.today, periods.week)} == {None}
    assert periods.week.cost_text == "\N{EN DASH}"


def test_holes_are_told() -> None:
    """A period with half hours missing says how many."""
    slots = from_day("2026-11-01")
    del slots[slot_of_sample(at_ms("2026-11-19T10:10:00+00:00"))]

    periods = view_periods(home_inputs(electricity_slots=slots))

    assert (periods.yesterday.missing_slots, periods.yesterday.note) == (1, "1 half hour missing")
    assert periods.today.missing_slots == 0


def test_energy_without_a_price_makes_a_least_cost() -> None:
    """A tariff that began this week prices a part of the week."""
    tariff = flat_tariff(starts="2026-11-18")

    week = view_periods(home_inputs(electricity_slots=from_day("2026-11-01"), tariff=tariff)).week

    assert week.is_least_cost
    assert week.cost_text.startswith("at least £")
    assert view_periods(home_inputs(tariff=None)).week.cost_text == "\N{EN DASH}"
