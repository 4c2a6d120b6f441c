"""What is written to the broker for discovery, and what is taken back."""

from typing import Any

import msgspec
import pytest

from agent.home.discovery import Message, Naming, Style, plan, read, slug
from agent.home.entities import Facts, announce
from agent.home.inputs import Counter
from tests.support.home_facts import GAS, IMPORT, home_facts
from tests.support.home_inputs import GAS_METER, METER, home_inputs

NAMING = Naming("hub-1")
ANEW = Counter("import_mwh", "r2", 5_000_000)


def applied(held: dict[str, bytes], messages: list[Message]) -> dict[str, bytes]:
    """What a broker holds after these messages."""
    after = dict(held)
    for one in messages:
        assert one.retain
        after.pop(one.topic, None)
        if one.payload:
            after[one.topic] = one.payload
    return after


def held_after(facts: Facts, held: dict[str, bytes], style: Style = "device") -> dict[str, bytes]:
    """What a broker holds after the hub has seen to it."""
    return applied(held, plan(held, announce(facts, NAMING), NAMING, style))


def keys(held: dict[str, bytes]) -> set[tuple[str, str]]:
    """The entities that a broker announces, by device and key."""
    return {(one.device, one.key) for topic in held for one in read(topic, held[topic])}


def config(payload: bytes) -> dict[str, Any]:
    """A configuration, decoded."""
    return msgspec.json.decode(payload, type=dict[str, Any])


def test_a_device_is_one_configuration_with_its_origin() -> None:
    """The home and its two meters are three devices, each with its components."""
    held = held_after(home_facts(), {})

    home = config(held["homeassistant/device/hearthlink-hub-2d-1/home/config"])
    assert len(held) == 3
    assert home["origin"] == {"name": "Hearthlink", "sw_version": "1.0"}
    assert home["components"]["power_w"]["platform"] == "sensor"
    assert home["device"]["identifiers"] == ["hearthlink-hub-2d-1"]


def test_an_entity_alone_says_its_device_and_origin() -> None:
    """Versions before 2024.11 read one configuration for each entity."""
    held = held_after(home_facts(), {}, "entity")

    topic = f"homeassistant/sensor/hearthlink-hub-2d-1/meter-{METER}_import_mwh/config"
    assert config(held[topic])["device"]["via_device"] == "hearthlink-hub-2d-1"
    assert "platform" not in config(held[topic])
    assert "homeassistant/binary_sensor/hearthlink-hub-2d-1/home_meter_link/config" in held


@pytest.mark.parametrize("style", ["device", "entity"])
def test_what_is_there_is_not_written_again(style: Style) -> None:
    """A hub that connects again to a broker that remembers announces nothing."""
    held = held_after(home_facts(), {}, style)

    assert plan(held, announce(home_facts(), NAMING), NAMING, style) == []


@pytest.mark.parametrize("style", ["device", "entity"])
def test_a_new_run_takes_the_place_of_the_old(style: Style) -> None:
    """The old entity goes with the value it had: nothing is ever subtracted from it."""
    held = held_after(home_facts(), {}, style)

    after = held_after(home_facts(counters={METER: [ANEW], GAS_METER: [GAS]}), held, style)

    assert (f"meter-{METER}", "import_mwh-r2") in keys(after)
    assert (f"meter-{METER}", "import_mwh") not in keys(after)
    assert (f"meter-{GAS_METER}", "gas_l") in keys(after)


def test_a_component_parts_with_its_platform_alone() -> None:
    """So Home Assistant removes it; left out without that, it would stay."""
    held = held_after(home_facts(), {})
    topic = NAMING.config("device", f"meter-{METER}")

    messages = plan(
        held,
        announce(home_facts(counters={METER: [ANEW], GAS_METER: [GAS]}), NAMING),
        NAMING,
        "device",
    )

    parting, final = [config(one.payload) for one in messages if one.topic == topic]
    assert parting["components"]["import_mwh"] == {"platform": "sensor"}
    assert list(final["components"]) == ["import_mwh-r2"]


@pytest.mark.parametrize("style", ["device", "entity"])
def test_a_meter_not_heard_since_the_start_stays(style: Style) -> None:
    """A hub's restart takes no meter out of Home Assistant."""
    held = held_after(home_facts(), {}, style)

    after = held_after(home_facts(counters={}), held, style)

    assert after == held


@pytest.mark.parametrize("style", ["device", "entity"])
def test_a_meter_that_is_gone_is_taken_out_with_its_states(style: Style) -> None:
    """An empty retained payload removes its device, and what it had said."""
    held = held_after(home_facts(), {}, style)
    swapped = home_facts(counters={METER: [IMPORT]}, present=frozenset({METER}))

    messages = plan(held, announce(swapped, NAMING), NAMING, style)

    assert not {device for device, _ in keys(applied(held, messages))} & {f"meter-{GAS_METER}"}
    assert Message(NAMING.meter(f"meter-{GAS_METER}"), b"", retain=True) in messages


def test_a_tariff_that_is_taken_away_takes_the_money_with_it() -> None:
    """No entity stays that nothing will ever be said of."""
    held = held_after(home_facts(), {})

    after = held_after(home_facts(home_inputs(tariff=None)), held)

    assert ("home", "cost_today") in keys(held)
    assert ("home", "cost_today") not in keys(after)
    assert ("home", "power_w") in keys(after)


def test_another_style_leaves_nothing_of_the_first() -> None:
    """Both together would be two devices of one name; the old is taken back before the new."""
    held = held_after(home_facts(), {}, "entity")

    messages = plan(held, announce(home_facts(), NAMING), NAMING, "device")

    assert keys(applied(held, messages)) == keys(held)
    assert all("/device/" in topic for topic in applied(held, messages))
    assert [bool(one.payload) for one in messages] == sorted(bool(one.payload) for one in messages)


@pytest.mark.parametrize("payload", [b"{", b"[]", b'{"components": 3}', b"\xff"])
def test_a_configuration_that_is_none_is_taken_back(payload: bytes) -> None:
    """What somebody else left under the hub's own name is not built on."""
    topic = NAMING.config("device", "other")

    after = held_after(home_facts(), {topic: payload})

    assert topic not in after


def test_names_stay_apart_in_the_letters_allowed() -> None:
    """A topic level takes letters, digits, hyphens and underscores."""
    names = {slug(name) for name in ("a b", "a-b", "a_b", "a/b", "ä", "ab")}

    assert len(names) == 6
    assert all(one.replace("-", "").isalnum() and one.isascii() for one in names)
