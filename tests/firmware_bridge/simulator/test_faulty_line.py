"""Faults on the line: what they hit is refused, what they spare arrives, by seed."""

import itertools
from collections import deque

import pytest

from firmware_bridge.meters.codec import Refused, Telegram
from firmware_bridge.simulator.emission import Emission
from firmware_bridge.simulator.fault_spec import read_faults
from firmware_bridge.simulator.faults import RadioFault
from firmware_bridge.simulator.faulty_line import Delivery, FaultyLine
from firmware_bridge.simulator.meters import METERS, Fitting
from tests.support.faulty import (
    SUMMER_MS,
    Key,
    decode,
    decoded_keys,
    emissions,
    samples_of,
    shown_keys,
)

CHECKED = ["p1", "p1-encrypted", "sml", "dlms", "dlms-encrypted"]
UNCHECKED = ["iec62056", "raven"]
ALL = [*CHECKED, *UNCHECKED, "glow", "mbus", "zigbee"]
STRIKES = ["flip=1/3000", "lose=1/3000", "drop=1/10", "cut=1/10"]


def test_without_faults_the_bytes_are_the_meters_own() -> None:
    """An empty script changes nothing, not even by chance."""
    plain = METERS["p1"].build(Fitting(3, SUMMER_MS))

    for emission in emissions("seed=1", hours=0.2):
        assert emission == plain.emit(emission.shown[0].taken_at_ms)


@pytest.mark.parametrize("protocol", CHECKED)
@pytest.mark.parametrize("spec", STRIKES)
def test_exactly_what_was_spared_is_decoded(spec: str, protocol: str) -> None:
    """A checksum tells each struck telegram; none beside it is lost, none gets through."""
    told = list(emissions(spec, protocol=protocol))

    found = decode([emission.telegram for emission in told], protocol)

    struck = [one for one in told if one.is_damaged]
    assert 10 < len(struck) < len(told) * 0.8
    assert decoded_keys(found) == shown_keys(told)
    assert sum(isinstance(one, Telegram) for one in found) == len(told) - len(struck)


@pytest.mark.parametrize("protocol", CHECKED)
def test_every_fault_at_once_lets_only_the_truth_through(protocol: str) -> None:
    """Nothing is decoded that was not displayed, and of what was spared all."""
    told = list(emissions(",".join(["seed=2", *STRIKES, "replay=1/9"]), protocol=protocol))

    found = decode([emission.telegram for emission in told], protocol)

    assert decoded_keys(found) == shown_keys(told)


@pytest.mark.parametrize("spec", ["flip=1/3000", "cut=1/9"])
def test_what_was_struck_is_refused_with_a_reason(spec: str) -> None:
    """Nothing vanishes: before each telegram that arrives, what was struck is refused."""
    told = list(emissions(spec))

    refused = [one for one in decode([one.telegram for one in told]) if isinstance(one, Refused)]

    runs = sum(one.is_damaged and not after.is_damaged for one, after in itertools.pairwise(told))
    assert len(refused) >= runs >= 20
    assert {one.reason for one in refused} <= {"bad-crc", "truncated", "noise"}


@pytest.mark.parametrize("protocol", UNCHECKED)
@pytest.mark.parametrize("spec", ["drop=1/10", "cut=1/10"])
def test_without_a_checksum_a_telegram_cut_short_is_no_other(spec: str, protocol: str) -> None:
    """What was spared is all there; what was cut shows nothing that was not displayed."""
    told = list(emissions(spec, protocol=protocol))

    got = decoded_keys(decode([one.telegram for one in told], protocol))

    assert shown_keys(told) <= got
    displayed = shown_keys([Emission(one.telegram, one.shown) for one in told])
    assert all(any(_is_part(key, other) for other in displayed) for key in got)


def _is_part(key: Key, other: Key) -> bool:
    return key[:2] == other[:2] and set(key[2]) <= set(other[2])


@pytest.mark.parametrize("protocol", ALL)
@pytest.mark.parametrize("spec", ["replay=1/5", "glue=1/3", "trickle=1/3"])
def test_repeated_and_glued_telegrams_cost_none(spec: str, protocol: str) -> None:
    """Every telegram arrives, and nothing else does."""
    told = list(emissions(spec, protocol=protocol))

    found = decode([one.telegram for one in told], protocol)

    assert not any(one.is_damaged for one in told)
    assert decoded_keys(found) == shown_keys(told)
    assert not any(isinstance(one, Refused) for one in found)


def test_a_repeated_telegram_is_one_that_was_sent_before() -> None:
    """Its time is behind that of the one before it, by ten minutes at most."""
    told = list(emissions("replay=1/5"))

    times = [one.meter_time_ms or 0 for one in samples_of(decode([e.telegram for e in told]))[::2]]

    back = [before - after for before, after in itertools.pairwise(times) if after < before]
    assert len(times) - len(told) > 40
    assert back
    assert max(back) <= 660_000


def test_the_same_script_and_seed_say_the_same() -> None:
    """Byte for byte; another seed strikes elsewhere."""
    spec = "flip=1/2000,drop=1/20,replay=1/9,glue=1/9"

    first, again, other = (
        [one.telegram for one in emissions(f"{spec},seed={seed}", hours=0.3)] for seed in (1, 1, 2)
    )

    assert first == again
    assert first != other


def test_while_the_cable_is_out_nothing_leaves() -> None:
    """Ten minutes from the first hour on; the sink is told to hang up for as long."""
    deliveries: deque[Delivery] = deque()
    faults = read_faults("unplug=10m@1h,stall=30s@30m")
    p1 = METERS["p1"]
    line = FaultyLine(p1.build(Fitting(3, SUMMER_MS)), faults, SUMMER_MS, p1, deliveries)

    told = [line.emit(SUMMER_MS + minute * 60_000) for minute in range(90)]

    assert [place for place, one in enumerate(told) if one.is_damaged] == list(range(60, 70))
    assert all(one.telegram == b"" for one in told if one.is_damaged)
    assert len(deliveries) == 90
    assert deliveries[60] == Delivery(unplug_s=600.0)
    assert deliveries[30] == Delivery(stall_s=30.0)
    assert sum(one != Delivery() for one in deliveries) == 2


def test_a_radios_faults_come_with_the_telegram_they_precede() -> None:
    """While its devices are away nothing leaves; they are back with the first that does."""
    deliveries: deque[Delivery] = deque()
    faults = read_faults("reset@20s,leave@40s+30s,error@90s")
    known = METERS["zigbee"]
    meter = known.build(Fitting(3, SUMMER_MS))
    line = FaultyLine(meter, faults, SUMMER_MS, known, deliveries)

    told = [line.emit(SUMMER_MS + second * 1_000) for second in range(10, 110, 10)]

    struck = {place: one.strikes for place, one in enumerate(deliveries) if one.strikes}
    assert struck == {
        1: (RadioFault.RESET,),
        3: (RadioFault.LEAVE,),
        6: (RadioFault.REJOIN,),
        8: (RadioFault.ERROR,),
    }
    lost = [place for place, one in enumerate(told) if one.is_damaged]
    assert lost == [3, 4, 5]
    assert not any(told[place].telegram for place in lost)


def test_every_byte_may_be_struck() -> None:
    """A rate of one in one leaves no telegram, and ends."""
    told = list(emissions("flip=1/1", hours=0.05))

    assert all(one.is_damaged for one in told)
