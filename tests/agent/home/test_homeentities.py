"""Which entities Home Assistant gets of the home itself, and when they are there."""

from typing import Any

import pytest

from agent.home.discovery import Naming
from agent.home.homeentities import NO_MESSAGE, list_home_entities
from agent.home.inputs import HomeInputs, Message, PrepaymentState
from agent.home.shown import build_shown
from tests.support.home_inputs import NOW_MS, flat_tariff, home_inputs, hub_state

NAMING = Naming("hub-1")
WAITING = [Message(3, "older", NOW_MS - 9), Message(7, "newer", NOW_MS)]


def configs_of(inputs: HomeInputs, currency: str = "GBP", gas: str = "GBP") -> dict[str, Any]:
    """The configurations of a home's entities, by key."""
    shown = build_shown(inputs)
    found = list_home_entities(
        shown,
        NAMING,
        currency,
        gas,
        has_gas=shown.gas is not None,
        has_cloud=inputs.hub.cloud_configured,
    )
    keys = [one.key for one in found]
    assert len(set(keys)) == len(keys)
    return {one.key: one.config | {"platform": one.platform} for one in found}


def test_a_budget_is_told_by_how_far_into_it_the_home_is() -> None:
    """In percent, by a word, and in money where a tariff says of which currency."""
    bare = configs_of(home_inputs(budget_millionths=60_000_000), currency="")
    priced = configs_of(home_inputs(budget_millionths=60_000_000))

    assert bare["budget_used"]["unit_of_measurement"] == "%"
    assert {"within", "ahead", "over"} < set(bare["budget_state"]["options"])
    assert "budget_left" not in bare
    assert priced["budget_left"]["unit_of_measurement"] == "GBP"
    assert "budget_used" not in configs_of(home_inputs())


def test_credit_is_told_in_the_meters_own_currency() -> None:
    """Without a tariff too: a prepayment meter knows what it was paid in."""
    credit = PrepaymentState(NOW_MS, "EUR", 4_000_000)

    found = configs_of(home_inputs(prepayment=credit), currency="")

    for key in ("balance", "emergency_credit", "debt"):
        assert found[key]["device_class"] == "monetary"
        assert found[key]["unit_of_measurement"] == "EUR"
        # Money that goes up and down has no statistics: Home Assistant takes `total` alone.
        assert "state_class" not in found[key]
    assert "balance" not in configs_of(home_inputs())


def test_the_button_reads_the_newest_message_that_waits_and_no_other() -> None:
    """It names its message, so that one that comes meanwhile is not read unseen."""
    waiting = configs_of(home_inputs(messages=WAITING))["acknowledge"]
    none = configs_of(home_inputs())["acknowledge"]

    assert (waiting["platform"], waiting["payload_press"]) == ("button", "7")
    assert waiting["command_topic"] == NAMING.acknowledge
    assert none["payload_press"] == NO_MESSAGE


@pytest.mark.parametrize("key", ["message", "acknowledge"])
def test_what_is_there_for_a_message_alone_is_unavailable_without_one(key: str) -> None:
    """And while the hub is off, as everything is."""
    config = configs_of(home_inputs())[key]

    assert [one["topic"] for one in config["availability"]] == [NAMING.status, NAMING.messages]
    assert config["availability_mode"] == "all"


def test_a_cheap_half_hour_is_announced_where_the_clock_sets_the_price() -> None:
    """A flat tariff has none, and an entity that can never say anything is not there."""
    night, flat = configs_of(home_inputs()), configs_of(home_inputs(tariff=flat_tariff()))

    assert night["next_cheap_at"]["device_class"] == "timestamp"
    assert night["cheap_now"]["platform"] == "binary_sensor"
    assert not {"next_cheap_at", "next_cheap_rate", "cheap_now"} & flat.keys()
    assert flat["rate"]["unit_of_measurement"] == "GBP/kWh"


def test_gas_is_priced_by_the_gas_tariff_alone() -> None:
    """One for electricity says nothing of gas."""
    without = configs_of(home_inputs(gas_tariff=None), gas="")
    foreign = configs_of(home_inputs(), gas="EUR")

    assert "gas_today" in without
    assert "gas_cost_today" not in without
    assert foreign["gas_cost_today"]["unit_of_measurement"] == "EUR"


def test_a_hub_without_a_cloud_has_no_connection_to_it() -> None:
    """Neither on nor off."""
    alone = home_inputs(hub=hub_state(cloud_configured=False, cloud_connected=False))

    assert "cloud_link" in configs_of(home_inputs())
    assert "cloud_link" not in configs_of(alone)


def test_words_and_instants_never_say_none() -> None:
    """Home Assistant takes a null there for the word "None", and complains each time."""
    every = home_inputs(
        budget_millionths=60_000_000,
        prepayment=PrepaymentState(NOW_MS, "GBP"),
        messages=WAITING,
    )

    for key, config in configs_of(every).items():
        is_number = "unit_of_measurement" in config or "state_class" in config
        is_counted = key == "messages_open" or config["platform"] in ("binary_sensor", "button")
        assert is_number or is_counted or " or '" in config["value_template"], key


def test_the_lights_thresholds_are_explained_beside_it() -> None:
    """As attributes, which are retained and change about once a day."""
    light = configs_of(home_inputs())["light"]

    assert light["json_attributes_topic"] == NAMING.totals
    assert light["options"] == ["low", "medium", "high", "unknown"]
