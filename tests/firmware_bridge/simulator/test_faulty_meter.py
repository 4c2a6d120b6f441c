"""Faults of the meter: what it displays is what it sends, and what nobody measured is named."""

import itertools

import pytest

from firmware_bridge.simulator.emission import Emission
from firmware_bridge.simulator.faulty_household import GAS_MODULUS_L, RECOVERY_TELEGRAMS
from shared.readings import Medium
from shared.units import MS_PER_HOUR, MS_PER_MINUTE
from tests.support.faulty import SUMMER_MS, decode, decoded_keys, emissions, samples_of, shown_keys

PROTOCOLS = ["p1", "p1-encrypted", "sml", "dlms", "iec62056"]


def register(told: list[Emission], name: str) -> list[int]:
    """Return what the electricity meter displayed of one register, telegram by telegram."""
    return [one.shown[0].registers[name] for one in told]


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(
    "spec", ["swap@30m", "wrap=import,wrap=export", "stuck=export@20m+10m", "zero@30m+1m"]
)
def test_what_is_displayed_is_what_is_sent(spec: str, protocol: str) -> None:
    """The oracle tells the faulty display, the codec reads the same from the bytes."""
    told = list(emissions(spec, protocol=protocol))

    found = decode([one.telegram for one in told], protocol)

    assert decoded_keys(found) == shown_keys(told)


def test_a_new_meter_has_another_serial_and_begins_low() -> None:
    """The gas meter stays, and so does the household's use."""
    told = list(emissions("swap@30m"))
    plain = list(emissions("seed=0"))

    before, after = told[:180], told[180:]

    assert {one.shown[0].meter for one in before} == {"SIM-E-0003"}
    assert {one.shown[0].meter for one in after} == {"SIM-E-5002"}
    assert {one.shown[1].meter for one in told} == {"SIM-G-0003"}
    assert register(told, "power_export_w") == register(plain, "power_export_w")
    assert register(after, "export_t2_mwh")[0] < 50_000_000
    assert all(one.doubtful == () for one in told)
    ours, theirs = register(after, "export_t2_mwh"), register(plain[180:], "export_t2_mwh")
    assert [value - ours[0] for value in ours] == [value - theirs[0] for value in theirs]


def test_two_exchanges_are_two_new_meters() -> None:
    """Each with registers of its own."""
    told = list(emissions("swap@20m,swap@40m"))

    assert len({one.shown[0].meter for one in told}) == 3


def test_a_register_begins_near_its_end_and_goes_on_from_nought() -> None:
    """Both tariffs, and with them the total; the modulus is the display's."""
    told = list(emissions("wrap=import", protocol="sml", hours=30, cadence_s=60))

    for name in ("import_t1_mwh", "import_t2_mwh", "import_mwh"):
        values = register(told, name)
        falls = [(before, after) for before, after in itertools.pairwise(values) if after < before]
        assert len(falls) == 1
        assert falls[0][0] > 10**12 - 3_000_000
        assert falls[0][1] < 1_000_000
    assert all(one.doubtful == () for one in told)


def test_gas_wraps_at_its_own_digits() -> None:
    """Five digits of cubic metres."""
    told = list(emissions("wrap=gas", hours=0.1))

    assert GAS_MODULUS_L - 600 < told[-1].shown[1].registers["gas_l"] < GAS_MODULUS_L


def test_a_stuck_register_stands_and_goes_on_as_if_nothing_had_been() -> None:
    """It is in doubt while it stands, and for some telegrams after it has jumped."""
    told = list(emissions("stuck=export@20m+10m"))
    plain = list(emissions("seed=0"))

    values = register(told, "export_t2_mwh")

    assert len(set(values[120:180])) == 1
    assert values[:120] == register(plain, "export_t2_mwh")[:120]
    assert values[180:] == register(plain, "export_t2_mwh")[180:]
    doubted = [place for place, one in enumerate(told) if one.doubtful]
    assert doubted == list(range(120, 180 + RECOVERY_TELEGRAMS))
    assert set(told[120].doubtful) == {"export_t1_mwh", "export_t2_mwh"}


@pytest.mark.parametrize(
    ("spec", "expected"),
    [("glitch=export@20m", "lower"), ("invalid=export@20m", 999_999_999_000), ("zero@20m+5s", 0)],
)
def test_a_sentinel_or_a_fall_lasts_one_telegram(spec: str, expected: int | str) -> None:
    """The first at its time; the next shows the truth again."""
    told, plain = list(emissions(spec)), list(emissions("seed=0"))

    values, true = register(told, "export_t2_mwh"), register(plain, "export_t2_mwh")

    assert [place for place, value in enumerate(values) if value != true[place]] == [120]
    assert values[120] == (true[120] - 5_000_000 if expected == "lower" else expected)
    assert "export_t2_mwh" in told[120].doubtful


def test_gas_may_be_lost_for_a_while() -> None:
    """The telegram goes on without its lines."""
    told = list(emissions("lost=gas@20m+10m"))

    without = [place for place, one in enumerate(told) if len(one.shown) == 1]

    assert without == list(range(120, 180))
    found = samples_of(decode([one.telegram for one in told]))
    assert sum(one.medium is Medium.GAS for one in found) == 300


@pytest.mark.parametrize("protocol", [*PROTOCOLS, "raven"])
@pytest.mark.parametrize(
    ("spec", "off_ms"),
    [
        ("clock=+1h@20m", MS_PER_HOUR),
        ("clock=-90s@20m+10m", -90_000),
        ("clock=1970@20m", -(SUMMER_MS + 20 * MS_PER_MINUTE)),
    ],
)
def test_a_wrong_clock_is_printed_and_told(spec: str, off_ms: int, protocol: str) -> None:
    """The oracle keeps the true time and says how far the meter's own is off."""
    told = list(emissions(spec, protocol=protocol))

    wrong = [one for one in told if one.clock_off_ms]

    assert {one.clock_off_ms for one in wrong} == {off_ms}
    assert wrong[0].shown[0].taken_at_ms == SUMMER_MS + 20 * MS_PER_MINUTE
    printed = samples_of(decode([wrong[0].telegram], protocol))
    if off_ms > -(10**9) and printed:
        assert printed[0].meter_time_ms == wrong[0].shown[0].taken_at_ms + off_ms


def test_gas_is_stamped_with_the_wrong_clock_too() -> None:
    """Its capture is printed as wrongly, and told at its true time."""
    (gas, *_) = [one.shown[1] for one in emissions("clock=+1h@0s", hours=0.6) if one.clock_off_ms]
    (_, printed, *_) = samples_of(decode([next(emissions("clock=+1h@0s")).telegram]))

    assert gas.taken_at_ms == SUMMER_MS
    assert printed.meter_time_ms == SUMMER_MS + MS_PER_HOUR


def test_a_clock_drifts_by_whole_seconds() -> None:
    """Twenty-four seconds a day are one an hour."""
    told = list(emissions("drift=+24s/d", hours=3))

    assert [told[place].clock_off_ms for place in (0, 359, 360, 720)] == [0, 0, 1_000, 2_000]
