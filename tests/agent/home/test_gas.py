"""Gas today."""

from agent.home.gas import view_gas
from shared.calendar import slot_of_sample
from shared.meterdays import SlotUsage
from tests.support.home_inputs import (
    NOW_MS,
    at_ms,
    electricity_meter,
    flat_tariff,
    gas_meter,
    home_inputs,
)

MIDNIGHT_MS = at_ms("2026-11-20T00:00:00+00:00")
FIRST = slot_of_sample(MIDNIGHT_MS) + 1


def test_gas_today_in_cubic_metres_and_energy_as_of_its_reading() -> None:
    """2 m³ × 1.02264 × 39.5 ÷ 3.6 is 22.44 kWh, as of the gas meter's own time."""
    as_of_ms = at_ms("2026-11-20T17:00:00+00:00")
    slots = {
        FIRST - 1: SlotUsage(9_000, is_estimated=False),
        FIRST: SlotUsage(2_000, is_estimated=False),
    }

    gas = view_gas(home_inputs(meters=[gas_meter(as_of_ms)], gas_slots=slots))

    assert gas is not None
    assert (gas.state, gas.volume_l, gas.volume_text) == ("measured", 2_000, "2.00 m³")
    assert (gas.energy_mwh, gas.energy_text) == (22_441_267, "22.4 kWh")
    assert gas.as_of_text == "as of 17:00"
    assert gas.cost_text == "£1.75"


def test_gas_without_a_reading_of_today_is_not_yet() -> None:
    """A reading at midnight closes yesterday: today has no figure, and it is not 0."""
    slots = {FIRST - 1: SlotUsage(9_000, is_estimated=False)}

    gas = view_gas(home_inputs(meters=[gas_meter(MIDNIGHT_MS)], gas_slots=slots))

    assert gas is not None
    assert (gas.state, gas.volume_l, gas.volume_text) == ("not-yet", None, "not yet")
    assert (gas.energy_mwh, gas.cost_text) == (None, "")
    assert gas.as_of_text == "last reading 00:00"


def test_gas_unused_is_a_true_zero() -> None:
    """A reading of today without any use is 0, and may say so."""
    slots = {FIRST: SlotUsage(0, is_estimated=False)}

    gas = view_gas(home_inputs(meters=[gas_meter(NOW_MS - 60_000)], gas_slots=slots))

    assert gas is not None
    assert (gas.state, gas.volume_text) == ("measured", "0.00 m³")


def test_old_gas_reading_is_stale() -> None:
    """A reading of the morning is shown in the evening as what it is."""
    slots = {FIRST: SlotUsage(500, is_estimated=False)}

    gas = view_gas(home_inputs(meters=[gas_meter(MIDNIGHT_MS + 1_800_000)], gas_slots=slots))

    assert gas is not None
    assert (gas.state, gas.as_of_text) == ("stale", "as of 00:30")


def test_home_without_gas_meter_has_no_gas() -> None:
    """No gas card for a home without gas."""
    assert view_gas(home_inputs(meters=[electricity_meter()])) is None


def test_gas_without_tariff_or_price_is_said() -> None:
    """Energy is then derived with a common calorific value; the cost is not 0."""
    no_tariff = view_gas(home_inputs(gas_tariff=None))
    later = view_gas(home_inputs(gas_tariff=flat_tariff(starts="2027-01-01")))

    assert no_tariff is not None
    assert later is not None
    assert no_tariff.cost_text == "no tariff"
    assert "common calorific value" in no_tariff.note
    assert later.cost_text == "unpriced"
