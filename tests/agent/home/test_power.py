"""Power now, its age and its cost an hour."""

import dataclasses

from agent.home.inputs import MeterState
from agent.home.light import Level
from agent.home.power import STALE_AFTER_MS, generation_in_words, net_power_w, view_power
from agent.roles import Role
from shared.readings import Medium
from tests.support.home_inputs import (
    METER,
    NOW_MS,
    electricity_meter,
    flat_tariff,
    home_inputs,
)


def test_power_now_is_shown_with_light_and_cost() -> None:
    """1436 W at 24.5 p plus 5 % VAT is 36.94 p an hour."""
    power = view_power(home_inputs(tariff=flat_tariff()))

    assert (power.state, power.net_w, power.number, power.unit) == ("fresh", 1_436, "1.44", "kW")
    assert power.level is Level.HIGH
    assert power.cost_per_hour_millionths == 369_411
    assert (power.cost_per_hour_text, power.cost_per_hour_note) == ("36.9p", "an hour")
    assert power.sentence == "Using 1.44 kW, high for this home"


def test_rate_of_the_time_is_named() -> None:
    """A tariff with several rates says which one holds now."""
    assert view_power(home_inputs()).cost_per_hour_note == "an hour, day rate"


def test_export_is_negative_and_costs_nothing() -> None:
    """A home that exports is low, says so, and has no cost an hour."""
    power = view_power(home_inputs(meters=[electricity_meter(-1_830)]))

    assert (power.net_w, power.direction, power.level) == (-1_830, "exporting", Level.LOW)
    assert power.gauge_permille == 0
    assert power.cost_per_hour_millionths is None
    assert power.sentence == "Exporting 1.83 kW to the grid"


def test_silent_meter_is_shown_as_stale() -> None:
    """After a minute the number stays, with its age, and without light and cost."""
    power = view_power(home_inputs(meters=[electricity_meter(age_ms=STALE_AFTER_MS + 120_000)]))

    assert (power.state, power.net_w, power.age_text) == ("stale", 1_436, "3 min ago")
    assert power.level is None
    assert power.cost_per_hour_millionths is None
    assert power.sentence == "The meter is silent. At 18:09 it said 1.44 kW"


def test_a_minute_old_is_not_yet_stale() -> None:
    """The limit itself is still fresh."""
    assert (
        view_power(home_inputs(meters=[electricity_meter(age_ms=STALE_AFTER_MS)])).state == "fresh"
    )


def test_no_meter_is_not_zero() -> None:
    """Before the first telegram power is unknown."""
    power = view_power(home_inputs(meters=[]))

    assert (power.state, power.net_w, power.age_text) == ("missing", None, "no meter heard yet")


def test_meter_without_power_register_is_not_zero() -> None:
    """A meter that reports energy only leaves power unknown."""
    meter = MeterState(METER, Medium.ELECTRICITY, NOW_MS, 500, {"import_mwh": 5})

    power = view_power(home_inputs(meters=[meter]))

    assert (power.state, power.age_text) == ("missing", "no power reported")


def test_silent_meter_does_not_hold_back_another() -> None:
    """A meter that was swapped out stays silent; the new one's power is shown alone."""
    meters = [electricity_meter(9_000, age_ms=999_999), electricity_meter(400)]

    power = view_power(home_inputs(meters=meters))

    assert (power.state, power.net_w) == ("fresh", 400)


def test_meters_heard_are_summed() -> None:
    """Two meters in one home make one number, as old as the older."""
    meters = [electricity_meter(400, age_ms=9_000), electricity_meter(-150)]

    power = view_power(home_inputs(meters=meters))

    assert (power.net_w, power.age_ms) == (250, 9_000)


def test_phases_stand_in_for_a_missing_total() -> None:
    """Three phases sum to the home's power."""
    phases = {"power_import_l1_w": 100, "power_import_l2_w": 20, "power_export_l3_w": 50}

    assert net_power_w(phases) == 70


def test_cost_an_hour_is_said_to_be_unknown_without_a_price() -> None:
    """No tariff, or one that has not begun, is never a cost of nothing."""
    none = view_power(home_inputs(tariff=None))
    later = view_power(home_inputs(tariff=flat_tariff(starts="2027-01-01")))

    assert (none.cost_per_hour_millionths, none.cost_per_hour_note) == (None, "no tariff yet")
    assert later.cost_per_hour_millionths is None
    assert later.cost_per_hour_note == "the tariff has no price for now"


def test_what_the_home_makes_stands_beside_the_supply() -> None:
    """A solar meter is no part of what is bought; a silent one is not told of."""
    supply = electricity_meter(600)
    solar = MeterState(
        "S1", Medium.ELECTRICITY, NOW_MS, 1_000, {"power_export_w": 1_240}, Role.GENERATION
    )
    silent = dataclasses.replace(solar, age_ms=STALE_AFTER_MS + 1)

    inputs = home_inputs(meters=[supply, solar])

    assert view_power(inputs).net_w == 600
    assert generation_in_words(inputs) == "Own generation now: 1.24 kW"
    assert generation_in_words(home_inputs(meters=[supply, silent])) == ""


def test_a_plug_is_not_counted_twice() -> None:
    """What an appliance's own meter says is part of what the supply's counts."""
    plug = MeterState("P1", Medium.ELECTRICITY, NOW_MS, 1_000, {"power_import_w": 90}, Role.DEVICE)

    assert view_power(home_inputs(meters=[electricity_meter(600), plug])).net_w == 600


def test_a_meter_that_is_asked_each_minute_is_not_stale_in_between() -> None:
    """It has its own rhythm; a quarter of an hour is too old whatever the rhythm."""
    asked = dataclasses.replace(electricity_meter(age_ms=90_000), rhythm_ms=70_000)
    daily = dataclasses.replace(electricity_meter(age_ms=16 * 60_000), rhythm_ms=24 * 3_600_000)

    assert view_power(home_inputs(meters=[asked])).state == "fresh"
    assert view_power(home_inputs(meters=[daily])).state == "stale"
