"""Cost today."""

import datetime as dt

from agent.home.money import ROUNDED_NOTE, WHOLE_NOTE, show_cost, view_cost
from shared.calendar import day_of, slot_of_sample
from shared.meterdays import SlotUsage
from shared.tariffs import Flat, SlotEnergy, Tariff, TariffVersion, price
from tests.support.home_inputs import LONDON, NOW_MS, at_ms, flat_tariff, home_inputs

TODAY = slot_of_sample(at_ms("2026-11-20T00:00:00+00:00")) + 1


def test_cost_today_has_standing_charge_and_vat() -> None:
    """(2 kWh at 24.5 p + 60.1 p) and 5 % VAT is £1.15."""
    slots = {TODAY - 1: SlotUsage(9_000_000, is_estimated=False)}
    slots[TODAY] = SlotUsage(2_000_000, is_estimated=False)

    cost = view_cost(home_inputs(electricity_slots=slots, tariff=flat_tariff()))

    assert (cost.state, cost.total_millionths, cost.text) == ("priced", 1_145_550, "£1.15")
    assert [(line.name, line.text) for line in cost.lines] == [
        ("2.00 kWh, all day", "£0.49"),
        ("Standing charge", "£0.60"),
        ("VAT 5 %", "£0.05"),
    ]
    assert cost.note == f"{WHOLE_NOTE}; {ROUNDED_NOTE}"


def test_lines_that_add_up_are_not_said_to_be_rounded() -> None:
    """2 kWh at 25 p, 60.1 p a day and no VAT: £0.50 and £0.60 are £1.10 as printed."""
    slots = {TODAY: SlotUsage(2_000_000, is_estimated=False)}

    cost = view_cost(
        home_inputs(electricity_slots=slots, tariff=flat_tariff(250_000, vat_permille=0))
    )

    assert [line.text for line in cost.lines] == ["£0.50", "£0.60"]
    assert (cost.text, cost.note) == ("£1.10", WHOLE_NOTE)


def test_credit_is_rounded_by_its_size() -> None:
    """Lines of minus 0.5 p and 0.5 p print as minus a penny and a penny, which add up."""
    tariff = Tariff(
        "Night sun",
        "GBP",
        [TariffVersion("v", dt.date(2026, 1, 1), 5_000, 0, Flat(-5_000))],
    )
    slots = {TODAY: SlotUsage(1_000_000, is_estimated=False)}

    cost = view_cost(home_inputs(electricity_slots=slots, tariff=tariff))

    assert [line.text for line in cost.lines] == ["\N{MINUS SIGN}£0.01", "£0.01"]
    assert cost.note == WHOLE_NOTE


def test_no_tariff_is_said_with_its_fix() -> None:
    """Without a tariff there is no amount, and the page names the command."""
    cost = view_cost(home_inputs(tariff=None))

    assert (cost.state, cost.total_millionths, cost.text) == ("no-tariff", None, "No tariff yet")
    assert "hearthlink tariff import" in cost.note


def test_tariff_that_has_not_begun_leaves_today_unpriced() -> None:
    """Unpriced is said, never £0."""
    cost = view_cost(home_inputs(tariff=flat_tariff(starts="2026-11-21")))

    assert (cost.state, cost.total_millionths, cost.text) == ("unpriced", None, "Unpriced")
    assert "no price for today" in cost.note


def test_nothing_used_yet_is_the_standing_charge_alone() -> None:
    """Just past midnight the day already costs its standing charge, and says why."""
    cost = view_cost(home_inputs(electricity_slots={}, tariff=flat_tariff(vat_permille=0)))

    assert (cost.state, cost.text) == ("priced", "£0.60")
    assert cost.note == "standing charge only: nothing measured yet today"


def test_energy_without_a_price_makes_the_total_a_least_one() -> None:
    """Where some half hours have no price the amount says that it is not the whole."""
    tariff = flat_tariff(starts="2026-11-20")
    energy = [SlotEnergy(TODAY - 1, 500_000), SlotEnergy(TODAY, 2_000_000)]
    day = day_of(dt.date(2026, 11, 20), LONDON)

    cost = show_cost(price(tariff, energy, *day, LONDON), tariff, has_energy=True)

    assert (cost.state, cost.text) == ("part-priced", "at least £1.15")
    assert cost.note.startswith("1 half hour without a price (0.50 kWh) not counted; each line")


def test_money_of_another_currency() -> None:
    """The tariff's currency is shown."""
    version = TariffVersion("v", flat_tariff().versions[0].starts_on, 0, 0, Flat(250_000))
    slots = {TODAY: SlotUsage(2_000_000, is_estimated=False)}

    cost = view_cost(
        home_inputs(NOW_MS, electricity_slots=slots, tariff=Tariff("Vast", "EUR", [version]))
    )

    assert cost.text == "€0.50"
