"""Which entities Home Assistant gets of a home, and what they say."""

from typing import Any

import msgspec
import pytest

from agent.home.discovery import Entity, Naming
from agent.home.entities import MAX_METERS, Facts, announce, tell
from agent.home.inputs import Counter
from agent.home.power import STALE_AFTER_MS
from tests.support.home_facts import IMPORT, home_facts, with_clock
from tests.support.home_inputs import METER, electricity_meter, home_inputs

NAMING = Naming("hub-1")
ENERGY_CLASSES = {"energy": "kWh", "gas": "m³"}


def entity(facts: Facts, key: str) -> Entity:
    """The one entity with this key."""
    (found,) = [one for one in announce(facts, NAMING).entities if one.key == key]
    return found


def said(facts: Facts, topic: str) -> dict[str, Any]:
    """What is told on one topic."""
    (found,) = [one.payload for one in tell(facts, NAMING) if one.topic == topic]
    return msgspec.json.decode(found, type=dict[str, Any])


def test_counters_are_what_the_energy_dashboard_asks_for() -> None:
    """Import and gas only ever rise, in units that it knows, as the meter counts them."""
    facts = home_facts()
    bought, gas = entity(facts, "import_mwh").config, entity(facts, "gas_l").config

    assert (bought["device_class"], bought["state_class"]) == ("energy", "total_increasing")
    assert (gas["device_class"], gas["unit_of_measurement"]) == ("gas", "m³")
    assert said(facts, bought["state_topic"]) == {"import_mwh": 12_345.678}
    assert said(facts, gas["state_topic"]) == {"gas_l": 4_812.345}


def test_a_new_run_of_a_register_is_a_new_entity() -> None:
    """What Home Assistant has of the old one is neither taken back nor jumped over."""
    again = home_facts(counters={METER: [Counter("import_mwh", "ab:7", 5_000_000)]})

    new = entity(again, "import_mwh-ab-3a-7").config

    before = entity(home_facts(), "import_mwh").config
    assert new["unique_id"] != before["unique_id"]
    # Statistics are kept by the entity's id, which is made of its name.
    assert new["name"] != before["name"]
    assert said(again, new["state_topic"]) == {"import_mwh-ab-3a-7": 5.0}


def test_sums_of_a_day_name_their_beginning() -> None:
    """Money may be `total` alone, and its cycle began at the household's midnight."""
    facts = home_facts()
    config = entity(facts, "cost_today").config

    told = said(facts, NAMING.totals)

    assert (config["device_class"], config["state_class"]) == ("monetary", "total")
    assert config["unit_of_measurement"] == "GBP"
    assert told["cost_today"] == facts.shown.cost.total_millionths / 1e6  # type: ignore[operator]
    assert told["cost_today_since"] == "2026-11-20T00:00:00+00:00"


def test_a_beginning_is_told_only_with_a_number() -> None:
    """A clock that nobody confirmed begins no new cycle."""
    facts = home_facts(with_clock(home_inputs(), is_trusted=False))

    told = said(facts, NAMING.totals)

    assert told["energy_today"] is None
    assert {told[key] for key in told if key.endswith("_since")} == {None}


def test_power_of_a_silent_meter_is_not_known() -> None:
    """Neither the old number nor a 0 is told, and never retained."""
    fresh = home_facts()
    silent = home_facts(home_inputs(meters=[electricity_meter(age_ms=STALE_AFTER_MS + 60_000)]))

    assert said(fresh, NAMING.now)["power_w"] == 1_436
    assert said(silent, NAMING.now)["power_w"] is None
    assert said(silent, NAMING.now)["meter_link"] == "OFF"
    assert [one.retain for one in tell(silent, NAMING) if one.topic == NAMING.now] == [False]
    assert entity(silent, "power_w").config["expire_after"] == 60


def test_what_a_home_has_not_is_not_announced() -> None:
    """Without a tariff there is no money, without gas and solar neither of these."""
    bare = home_facts(
        home_inputs(tariff=None, meters=[electricity_meter()]),
        counters={METER: [IMPORT]},
        has_gas=False,
    )

    keys = {one.key for one in announce(bare, NAMING).entities}

    assert not {key for key in keys if "cost" in key or "gas" in key or "rate" in key}
    assert "self_use_today" not in keys


@pytest.mark.parametrize("key", ["import_mwh", "gas_l", "energy_today", "gas_today"])
def test_units_fit_their_class(key: str) -> None:
    """Home Assistant refuses statistics of a class in another unit."""
    config = entity(home_facts(), key).config

    assert config["unit_of_measurement"] == ENERGY_CLASSES[config["device_class"]]


def test_every_entity_says_who_it_is_and_when_it_is_there() -> None:
    """Identities are of their own, and all hang on the hub's status."""
    entities = announce(home_facts(), NAMING).entities

    identities = {one.config["unique_id"] for one in entities}
    assert len(identities) == len(entities)
    for one in entities:
        # Home Assistant takes one topic or a list, and refuses both together.
        topics = [at["topic"] for at in one.config.get("availability", [])]
        alone = [one.config["availability_topic"]] if not topics else []
        assert ([*alone, *topics][0], "availability_topic" in one.config) == (
            NAMING.status,
            not topics,
        )


def test_runs_of_one_log_have_names_of_their_own() -> None:
    """They differ in the sequence alone; a run of a name without one is named all the same."""
    runs = ["a" * 32 + ":7", "a" * 32 + ":19", "r2"]

    names = {
        announce(home_facts(counters={METER: [Counter("import_mwh", run, 5)]}), NAMING)
        .entities[-1]
        .config["name"]
        for run in runs
    }

    assert names == {
        "Electricity import run aaaaaa 7",
        "Electricity import run aaaaaa 19",
        "Electricity import run r2",
    }


def test_meters_without_end_are_not_announced() -> None:
    """A codec that invents serials fills nobody's Home Assistant."""
    many = home_facts(counters={f"M{number:04}": [IMPORT] for number in range(100)})

    devices = {one.device for one in announce(many, NAMING).entities}

    assert len(devices) == MAX_METERS + 1
