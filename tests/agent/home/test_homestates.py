"""What the home's entities say: the display's figures in Home Assistant's units, or nothing."""

import msgspec
import pytest

from agent.home.homestates import MAX_STATE_CHARS, say_messages, say_now, say_totals
from agent.home.inputs import Message, PrepaymentState
from agent.home.prepayment import STALE_AFTER_MS
from agent.home.shown import Shown, build_shown
from shared.calendar import slot_of_sample
from shared.meterdays import SlotUsage
from tests.support.home_inputs import (
    NOW_MS,
    electricity_meter,
    flat_tariff,
    home_inputs,
    hub_state,
)

TOLD = frozenset(
    {"power", "periods", "gas", "rate", "solar", "link", "budget", "prepayment", "messages"}
)
BY_OTHERS = {"now_ms", "is_clock_trusted", "cost", "usage"}
"""When it is; and today's cost and usage, which are told as the period of today."""


def credit(age_ms: int) -> PrepaymentState:
    return PrepaymentState(NOW_MS - age_ms, "GBP", -1_250_000, 8_750_000, None)


def test_the_budget_says_how_far_into_it_and_what_is_left() -> None:
    """The same figures as on the page."""
    shown = build_shown(home_inputs(budget_millionths=90_000_000))
    assert shown.budget is not None
    assert shown.budget.spent_millionths is not None

    told = say_totals(shown)

    assert told["budget"] == 90.0
    assert told["budget_left"] == (90_000_000 - shown.budget.spent_millionths) / 1e6
    assert told["budget_used"] == (shown.budget.used_permille or 0) / 10
    assert (told["budget_state"], told["month_gone"]) == (shown.budget.state, 65.8)


def test_a_budget_that_is_spent_has_nothing_left_and_no_less() -> None:
    """How far beyond is told in percent."""
    told = say_totals(build_shown(home_inputs(budget_millionths=10_000_000)))

    assert (told["budget_left"], told["budget_state"]) == (0.0, "over")
    assert told["budget_used"] > 100


def test_a_budget_without_a_price_is_not_known() -> None:
    """Neither 0 % nor all of it left."""
    told = say_totals(build_shown(home_inputs(budget_millionths=10_000_000, tariff=None)))

    assert (told["budget_left"], told["budget_used"], told["budget_state"]) == (None, None, None)


def test_credit_is_told_while_it_is_of_today() -> None:
    """A balance below 0 is emergency credit in use; a stale one is not known, and says since when.

    What the meter left out is not known either.
    """
    fresh = say_totals(build_shown(home_inputs(prepayment=credit(720_000))))
    stale = say_totals(build_shown(home_inputs(prepayment=credit(STALE_AFTER_MS + 1_000))))

    assert (fresh["balance"], fresh["emergency_credit"], fresh["debt"]) == (-1.25, 8.75, None)
    assert (stale["balance"], stale["emergency_credit"]) == (None, None)
    assert fresh["credit_as_of"] == "2026-11-20T18:00:00+00:00"
    assert stale["credit_as_of"] < fresh["credit_as_of"]


def test_a_long_message_is_cut_to_a_state_and_whole_beside_it() -> None:
    """Home Assistant takes 255 characters; a newer one that was read does not hide it."""
    text = "Wartungsarbeiten. " * 40
    messages = [Message(1, text, NOW_MS), Message(2, "read", NOW_MS, NOW_MS)]

    told = say_messages(build_shown(home_inputs(messages=messages)))

    assert told["messages_open"] == 1
    assert len(told["message"]) <= MAX_STATE_CHARS
    assert told["whole"] == {"text": text, "received_at": "2026-11-20T18:12:00+00:00"}


def test_without_a_message_none_is_told() -> None:
    """The entities are unavailable then."""
    assert say_messages(build_shown(home_inputs())) == {
        "messages_open": 0,
        "message": None,
        "whole": {},
    }


def test_the_cheap_half_hour_is_told_with_its_price() -> None:
    """And whether it is now, which an automation may wait for."""
    shown = build_shown(home_inputs())

    assert say_totals(shown)["next_cheap_at"] == "2026-11-21T00:30:00+00:00"
    assert say_totals(shown)["rate_name"] == "day rate"
    assert say_now(shown)["next_cheap_rate"] == 0.0924
    assert say_now(shown)["cheap_now"] == "OFF"
    assert say_totals(build_shown(home_inputs(tariff=flat_tariff())))["next_cheap_at"] is None


def test_periods_are_told_in_energy_and_money() -> None:
    """What the page shows of yesterday, the week and the month."""
    shown = build_shown(home_inputs())

    told = say_totals(shown)

    for name in ("yesterday", "week", "month"):
        figure = getattr(shown.periods, name)
        assert told[f"energy_{name}"] == figure.energy_mwh / 1e6
        assert told[f"cost_{name}"] == figure.cost_millionths / 1e6


def test_gas_that_has_not_reported_today_is_not_known() -> None:
    """Its last reading keeps its time."""
    yesterday = home_inputs()
    meter = yesterday.meters[1]
    late = type(meter)(meter.meter, meter.medium, NOW_MS - 90_000_000, 90_000_000, meter.registers)

    told = say_totals(build_shown(home_inputs(meters=[yesterday.meters[0], late])))

    assert (told["gas_today"], told["gas_energy_today"], told["gas_today_since"]) == (None,) * 3
    assert told["gas_as_of"] == "2026-11-19T17:12:00+00:00"


@pytest.mark.parametrize(("is_connected", "said"), [(True, "ON"), (False, "OFF")])
def test_the_cloud_is_connected_or_not(said: str, *, is_connected: bool) -> None:
    """Where there is one."""
    hub = hub_state(cloud_connected=is_connected)
    alone = hub_state(cloud_configured=False)

    assert say_now(build_shown(home_inputs(hub=hub)))["cloud_link"] == said
    assert say_now(build_shown(home_inputs(hub=alone)))["cloud_link"] is None


def everything() -> Shown:
    """A home of which every part of the model has something to say."""
    return build_shown(
        home_inputs(
            export_slots=one_slot(400_000),
            budget_millionths=60_000_000,
            prepayment=credit(60_000),
            messages=[Message(1, "Power off on 3 May", NOW_MS)],
        )
    )


def one_slot(mwh: int) -> dict[int, SlotUsage]:
    return {slot_of_sample(NOW_MS) - 1: SlotUsage(mwh, is_estimated=False)}


def nothing() -> Shown:
    """A home of which nothing is known but that its meter is silent."""
    silent = electricity_meter(age_ms=STALE_AFTER_MS)
    hub = hub_state(cloud_connected=False)
    return build_shown(
        home_inputs(meters=[silent], electricity_slots={}, tariff=None, gas_tariff=None, hub=hub)
    )


def test_the_model_has_no_part_that_is_not_told() -> None:
    """What a display shows and Home Assistant does not, somebody has left out."""
    assert {field.name for field in msgspec.structs.fields(Shown)} == TOLD | BY_OTHERS


@pytest.mark.parametrize("part", sorted(TOLD))
def test_each_part_of_the_model_is_told(part: str) -> None:
    """Where it changes on the displays, something changes in Home Assistant."""
    whole = everything()
    without = msgspec.structs.replace(whole, **{part: getattr(nothing(), part)})

    told = [(say_now(one), say_totals(one), say_messages(one)) for one in (whole, without)]

    assert told[0] != told[1]


def test_none_of_it_breaks_where_nothing_is_known() -> None:
    """No part is 0, and none says the word None."""
    told = say_now(nothing()) | say_totals(nothing()) | say_messages(nothing())

    known = {key: value for key, value in told.items() if value not in (None, {})}
    known.pop("light_scale")
    assert known.keys() == {"meter_link", "cloud_link", "messages_open", "heard_at"}
    assert b"None" not in msgspec.json.encode(told)
