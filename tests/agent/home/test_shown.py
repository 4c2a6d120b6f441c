"""The one model of what a display shows."""

from agent.home.inputs import MeterState
from agent.home.power import STALE_AFTER_MS
from agent.home.shown import build_shown
from agent.home.solar import view_solar
from agent.home.view import build_view
from agent.roles import Role
from shared.calendar import slot_of_sample
from shared.meterdays import SlotUsage
from shared.readings import Medium
from tests.support.home_inputs import (
    NOW_MS,
    electricity_meter,
    gas_meter,
    home_inputs,
    hub_state,
)

RUNNING = slot_of_sample(NOW_MS)
SOLAR = MeterState("S1", Medium.ELECTRICITY, NOW_MS, 500, {}, Role.GENERATION)


def one_slot(mwh: int) -> dict[int, SlotUsage]:
    """Energy in the half hour before the running one."""
    return {RUNNING - 1: SlotUsage(mwh, is_estimated=False)}


def test_the_page_shows_the_models_own_figures() -> None:
    """No display computes a figure of its own."""
    inputs = home_inputs()

    shown, view = build_shown(inputs), build_view(inputs)

    assert (view.power, view.cost, view.usage) == (shown.power, shown.cost, shown.usage)
    assert (view.gas, view.periods, view.rate) == (shown.gas, shown.periods, shown.rate)
    assert shown.periods.today.energy_mwh == shown.usage.today.energy_mwh
    assert shown.periods.today.cost_millionths == shown.cost.total_millionths


def test_power_and_gas_carry_their_own_ages() -> None:
    """Gas has its own slower clock."""
    shown = build_shown(home_inputs(meters=[electricity_meter(), gas_meter(NOW_MS - 720_000)]))

    assert shown.gas is not None
    assert (shown.power.age_ms, shown.gas.age_ms) == (900, 720_000)
    assert shown.link.meter_age_ms == 900


def test_a_silent_meter_outweighs_a_lost_cloud() -> None:
    """The household can mend its meter's cable; the cloud comes back by itself."""
    offline = hub_state(cloud_connected=False)
    silent = [electricity_meter(age_ms=STALE_AFTER_MS + 60_000)]

    assert build_shown(home_inputs()).link.state == "ok"
    assert build_shown(home_inputs(hub=offline)).link.state == "offline"
    assert build_shown(home_inputs(hub=offline, meters=silent)).link.state == "meter-silent"
    alone = hub_state(cloud_configured=False, cloud_connected=False)
    assert build_shown(home_inputs(hub=alone)).link.state == "ok"


def test_what_was_made_and_not_exported_was_used_here() -> None:
    """Self-use is known where both a source and an export are measured."""
    solar = view_solar(
        home_inputs(
            meters=[electricity_meter(), SOLAR],
            generation_slots=one_slot(900_000),
            export_slots=one_slot(250_000),
        )
    )

    assert solar is not None
    assert (solar.generated_mwh, solar.exported_mwh, solar.self_use_mwh) == (
        900_000,
        250_000,
        650_000,
    )
    assert solar.text == "made 0.90 kWh, exported 0.25 kWh, used here 0.65 kWh"


def test_self_use_is_not_known_without_a_source_or_with_a_battery() -> None:
    """More exported than made is no negative use, and no 0."""
    export_only = view_solar(home_inputs(export_slots=one_slot(250_000)))
    battery = view_solar(
        home_inputs(
            meters=[electricity_meter(), SOLAR],
            generation_slots=one_slot(100_000),
            export_slots=one_slot(250_000),
        )
    )

    assert export_only is not None
    assert (export_only.exported_mwh, export_only.self_use_mwh) == (250_000, None)
    assert battery is not None
    assert battery.self_use_mwh is None


def test_a_home_without_solar_shows_none() -> None:
    """A meter that never exported anything has no line of it."""
    assert view_solar(home_inputs(export_slots=one_slot(0))) is None
