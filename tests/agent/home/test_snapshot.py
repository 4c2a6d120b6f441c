"""What a panel is sent: the figures of every display, in its own units."""

import dataclasses
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from agent.home.inputs import PrepaymentState
from agent.home.shown import build_shown
from agent.home.snapshot import next_change_ms, snapshot_of, time_of
from firmware_bridge.display.body import encode_body
from firmware_bridge.display.framing import seal_frame
from firmware_bridge.display.messages import FIELDS, FRAME_BYTES_MAX, Display
from shared.units import MS_PER_DAY
from tests.support.home_inputs import (
    LONDON,
    NOW_MS,
    at_ms,
    electricity_meter,
    flat_tariff,
    gas_meter,
    home_inputs,
    hub_state,
)


def test_an_evening_is_told_as_the_page_shows_it() -> None:
    """Power, light, cost, periods, gas, rate and the next cheap half hour."""
    shown = build_shown(home_inputs())

    told = snapshot_of(shown, LONDON)

    assert told.power_w == 1_436 == shown.power.net_w
    assert told.light == 2
    assert told.power_age_s == 0
    assert told.link == 0
    assert told.currency == "GBP"
    assert shown.periods.today.energy_mwh is not None
    assert told.today_wh == round(shown.periods.today.energy_mwh / 1_000)
    assert shown.cost.total_millionths is not None
    assert told.today_millipence == round(shown.cost.total_millionths / 10)
    assert told.gas_as_of_min == 18 * 60
    assert told.gas_age_s == 12 * 60
    assert told.next_cheap_min == 30
    assert told.cost_per_h_millipence == 39_640
    assert told.rate_millipence_per_kwh == 27_604
    assert told.balance_millipence is None
    assert told.budget_millipence is None


@pytest.mark.parametrize(
    ("changes", "absent"),
    [
        ({"tariff": None}, ("currency", "today_millipence", "cost_per_h_millipence")),
        ({"meters": []}, ("power_w", "power_age_s", "light", "gas_today_wh", "gas_age_s")),
        ({"electricity_slots": {}}, ("today_wh", "week_wh", "month_wh", "yesterday_wh")),
    ],
    ids=["no tariff", "no meter", "no history"],
)
def test_what_is_not_known_is_absent(changes: dict[str, Any], absent: tuple[str, ...]) -> None:
    """Never 0 for "not yet": the field does not go on the wire."""
    told = snapshot_of(build_shown(home_inputs(**changes)), LONDON)

    assert {name: getattr(told, name) for name in absent} == dict.fromkeys(absent)


def test_a_silent_meter_leaves_its_number_without_light_or_cost() -> None:
    """The number carries its age; a colour would say that it holds now."""
    meters = [electricity_meter(age_ms=600_000)]

    told = snapshot_of(build_shown(home_inputs(meters=meters)), LONDON)

    assert (told.power_w, told.power_age_s) == (1_436, 600)
    assert (told.light, told.cost_per_h_millipence, told.link) == (None, None, 1)


def test_gas_that_has_not_reported_today_has_no_as_of() -> None:
    """Yesterday's minute of the day would be taken for today's; its age says all."""
    as_of_ms = at_ms("2026-11-19T23:40:00+00:00")

    told = snapshot_of(
        build_shown(home_inputs(meters=[electricity_meter(), gas_meter(as_of_ms)])), LONDON
    )

    assert (told.gas_today_wh, told.gas_as_of_min) == (None, None)
    assert told.gas_age_s == (NOW_MS - as_of_ms) // 1_000


def test_a_cost_that_lacks_some_energy_is_not_told() -> None:
    """The page says "at least"; a panel has no words for it."""
    starts_late = flat_tariff(starts="2026-11-20")

    told = snapshot_of(build_shown(home_inputs(tariff=starts_late)), LONDON)

    assert told.today_millipence is not None
    assert told.month_millipence is None
    assert told.month_wh is not None


def test_budget_and_credit_are_told_where_there_are_any() -> None:
    """The month's budget; balance, emergency credit and debt while they are of today."""
    fresh = PrepaymentState(NOW_MS - 60_000, "GBP", 12_340_000, 5_000_000, 0)
    old = dataclasses.replace(fresh, taken_at_ms=NOW_MS - 2 * MS_PER_DAY)
    home = home_inputs(budget_millionths=60_000_000, prepayment=fresh)

    told = snapshot_of(build_shown(home), LONDON)
    later = snapshot_of(build_shown(dataclasses.replace(home, prepayment=old)), LONDON)

    assert told.budget_millipence == 6_000_000
    assert (told.balance_millipence, told.emergency_millipence) == (1_234_000, 500_000)
    assert told.debt_millipence == 0
    assert later.balance_millipence is None


def test_credit_names_the_currency_and_is_left_out_in_a_second_one() -> None:
    """A panel has one for all its amounts: a tariff's pounds must not stand behind euros."""
    euros = PrepaymentState(NOW_MS - 60_000, "EUR", 12_340_000)

    alone = snapshot_of(build_shown(home_inputs(prepayment=euros, tariff=None)), LONDON)
    beside = snapshot_of(build_shown(home_inputs(prepayment=euros)), LONDON)

    assert (alone.currency, alone.balance_millipence) == ("EUR", 1_234_000)
    assert (beside.currency, beside.balance_millipence) == ("GBP", None)


def test_export_is_below_zero() -> None:
    """A roof that feeds the grid."""
    told = snapshot_of(build_shown(home_inputs(meters=[electricity_meter(-2_000)])), LONDON)

    assert told.power_w == -2_000


def test_a_hub_that_is_offline_says_so() -> None:
    """Its cloud is away; the meter is not."""
    offline = hub_state(cloud_connected=False)

    assert snapshot_of(build_shown(home_inputs(hub=offline)), LONDON).link == 2


def test_a_figure_beyond_its_field_is_not_known() -> None:
    """What no panel could hold is left out, and the rest is told."""
    shown = build_shown(home_inputs())
    huge = msgspec.structs.replace(shown.power, net_w=2**40)

    told = snapshot_of(msgspec.structs.replace(shown, power=huge), LONDON)

    assert told.power_w is None
    assert told.today_wh is not None


def test_the_fullest_snapshot_fits_a_frame() -> None:
    """With every field there is, each at its longest."""
    fullest: dict[str, Any] = {
        field.name: "GBP" if field.name == "currency" else getattr(field.rule, "high", 0)
        for field in FIELDS[Display.TYPE]
    }

    wire = seal_frame(Display.TYPE, 255, encode_body(Display(**fullest)))

    assert len(wire) <= FRAME_BYTES_MAX + 4


@pytest.mark.parametrize(
    ("now", "zone", "offset", "change", "then"),
    [
        ("2026-11-20T18:12:00+00:00", "Europe/London", 0, "2027-03-28T01:00:00+00:00", 60),
        ("2026-07-01T00:00:00+00:00", "Europe/Amsterdam", 120, "2026-10-25T01:00:00+00:00", 60),
        ("2026-10-25T00:59:00+00:00", "Europe/London", 60, "2026-10-25T01:00:00+00:00", 0),
        ("2026-07-01T00:00:00+00:00", "Australia/Lord_Howe", 630, "2026-10-03T15:30:00+00:00", 660),
    ],
)
def test_time_tells_when_its_offset_changes(
    now: str, zone: str, offset: int, change: str, then: int
) -> None:
    """To the minute, so that a panel goes on by itself through the night of the change."""
    told = time_of(at_ms(now), ZoneInfo(zone))

    assert (told.unix_s, told.offset_min) == (at_ms(now) // 1_000, offset)
    assert (told.next_change_unix_s, told.next_offset_min) == (at_ms(change) // 1_000, then)


def test_a_zone_without_summer_time_has_no_next_change() -> None:
    """Nothing is made up."""
    told = time_of(NOW_MS, ZoneInfo("UTC"))

    assert (told.next_change_unix_s, told.next_offset_min) == (None, None)
    assert next_change_ms(NOW_MS, ZoneInfo("Asia/Tokyo")) is None


def test_money_is_rounded_to_millipence_as_everywhere() -> None:
    """A price in millionths of a pound, half even."""
    tariff = flat_tariff(price=245_005, vat_permille=0)

    told = snapshot_of(build_shown(home_inputs(tariff=tariff)), LONDON)

    assert told.rate_millipence_per_kwh == 24_500
