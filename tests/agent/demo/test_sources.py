"""The homes a demo can show: each source's table and how it is played."""

import pytest

from agent.config import read_config
from agent.demo.sources import HOMES, check_faults, home_of
from agent.roles import Role
from firmware_bridge.simulator.meters import METERS
from shared.errors import OperatorError

KEYS = ("0" * 32, "f" * 32)
PLACE = {"path": "/tmp/port", "topics": "mqtt://127.0.0.1:1883/glow"}


@pytest.mark.parametrize("home", sorted(HOMES))
def test_the_hub_takes_every_homes_tables(home: str) -> None:
    """What a demo writes for its hub is a configuration without a fault."""
    tables = [one.table(one.link.format(**PLACE), KEYS) for one in home_of(home).values()]

    config = read_config({"meter": tables}, {}, "demo")

    assert [meter.protocol for meter in config.meters] == [
        METERS[one.simulated].hub_protocol for one in home_of(home).values()
    ]


def test_only_a_meter_that_encrypts_is_given_keys() -> None:
    """The simulation and the hub get the same two; the others get none."""
    encrypted, plain = HOMES["dlms-encrypted"]["meter"], HOMES["dlms"]["meter"]

    assert encrypted.play_options(KEYS, 2)[-2:] == [f"--key={KEYS[0]}", f"--auth-key={KEYS[1]}"]
    assert encrypted.table("x", KEYS)["authentication_key"] == KEYS[1]
    assert "key" not in plain.table("x", KEYS)
    assert not any("key" in option for option in plain.play_options(KEYS, 2))


def test_the_mixed_home_has_one_supply_and_a_solar_meter_beside_it() -> None:
    """Electricity by radio, gas by a broker; what the panels make is not what is exported."""
    mixed = HOMES["mixed"]

    assert [one.shows for one in mixed.values()] == ["electricity", "gas", "solar"]
    assert [one.role for one in mixed.values()] == [Role.SUPPLY, Role.SUPPLY, Role.GENERATION]


def test_an_unknown_home_names_those_there_are() -> None:
    """The fix is in the error."""
    with pytest.raises(OperatorError, match="'morse' is not simulated") as caught:
        home_of("morse")

    assert "mixed" in caught.value.hint


def test_faults_that_prove_nothing_are_refused_before_anything_starts() -> None:
    """A flipped byte without a checksum may be read as a value; a wrong clock is the hub's call."""
    check_faults("flip=1/1000", HOMES["p1"])
    check_faults(None, HOMES["raven"])

    with pytest.raises(OperatorError, match="flip on raven"):
        check_faults("flip=1/1000", HOMES["raven"])
    with pytest.raises(OperatorError, match="clock"):
        check_faults("clock=+1h@1h", HOMES["p1"])


def test_a_radios_faults_are_for_a_home_of_radios() -> None:
    """Another source would end at once; a meter that is asked has no script at all."""
    check_faults("reset@10m,air=1/5", HOMES["zigbee"])

    with pytest.raises(OperatorError, match="air, reset: glow has no radio"):
        check_faults("reset@10m,air=1/5", HOMES["mixed"])
    with pytest.raises(OperatorError, match="that is asked"):
        check_faults("drop=1/9", HOMES["mbus-asked"])


def test_a_meter_that_is_asked_has_no_history() -> None:
    """It is played now; any other has as many days as the demo is told."""
    asked, pushing = HOMES["iec62056-asked"]["meter"], HOMES["iec62056"]["meter"]

    assert asked.play_options(KEYS, 14) == ["--protocol=iec62056", "--asked"]
    assert "--history-days=14" in pushing.play_options(KEYS, 14)
