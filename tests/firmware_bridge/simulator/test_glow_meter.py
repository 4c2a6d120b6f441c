"""The simulated Glow: its lines say what its oracle says, through both clock changes."""

import json
from datetime import UTC, datetime

import pytest

from firmware_bridge.meters.codec import Telegram
from firmware_bridge.meters.glow import GlowCodec
from firmware_bridge.simulator.glow_meter import GlowMeter, telegrams
from shared.readings import Medium
from shared.units import MS_PER_HOUR, SLOT_MS


def utc_ms(*parts: int) -> int:
    """Return a UTC instant in milliseconds."""
    year, month, day, hour = parts
    return int(datetime(year, month, day, hour, tzinfo=UTC).timestamp()) * 1_000


@pytest.mark.parametrize(
    "start_ms",
    [utc_ms(2026, 3, 28, 22), utc_ms(2026, 10, 24, 22), utc_ms(2026, 6, 20, 8)],
    ids=["clocks forward", "clocks back", "midsummer"],
)
def test_oracle_equals_what_the_codec_reads_from_the_bytes(start_ms: int) -> None:
    """Meters, times and every register, though neither is made from the other."""
    codec = GlowCodec()

    for content, lines in telegrams(11, start_ms, start_ms + 4 * MS_PER_HOUR, 10):
        found = codec.feed(content)
        assert all(isinstance(entry, Telegram) for entry in found)
        samples = [s for entry in found if isinstance(entry, Telegram) for s in entry.samples]
        decoded = [(s.meter, s.medium, s.meter_time_ms, s.registers) for s in samples]
        expected = [(s.meter, s.medium, s.taken_at_ms, s.registers) for s in lines]
        assert [one for one in decoded if one[3]] == expected

    assert codec.feed(b"") == []


def test_gas_must_be_logged_once_a_slot_and_when_it_changes() -> None:
    """Its message comes every ten seconds, with a new time in it each."""
    start_ms = utc_ms(2026, 1, 10, 7)

    lines = [one for _, some in telegrams(1, start_ms, start_ms + 6 * SLOT_MS) for one in some]

    gas = [one for one in lines if one.medium is Medium.GAS]
    logged = [one for one in gas if one.must_log]
    assert len(gas) > 1_000
    assert 6 <= len(logged) <= 14
    assert 1 < len({one.registers["gas_l"] for one in gas}) <= 6


def test_day_counter_turns_at_midnight_utc() -> None:
    """An hour after the household's own midnight in summer."""
    meter = GlowMeter(1, utc_ms(2026, 6, 20, 22))

    days = {}
    for hour_ms in range(utc_ms(2026, 6, 20, 22), utc_ms(2026, 6, 21, 3), MS_PER_HOUR):
        lines = meter.emit(hour_ms).telegram.splitlines()
        told = next(line for line in lines if b"SENSOR/electricitymeter" in line)
        content = json.loads(told.partition(b" ")[2])["electricitymeter"]
        days[hour_ms] = content["energy"]["import"]["day"]

    assert days[utc_ms(2026, 6, 20, 23)] > 0
    assert days[utc_ms(2026, 6, 21, 0)] == 0
    assert days[utc_ms(2026, 6, 21, 2)] > 0


@pytest.mark.parametrize("medium", [Medium.ELECTRICITY, Medium.GAS])
def test_meter_may_show_one_fuel_alone(medium: Medium) -> None:
    """As in a home whose other meter is read elsewhere."""
    meter = GlowMeter(1, utc_ms(2026, 6, 20, 22), shows=frozenset({medium}))

    emission = meter.emit(utc_ms(2026, 6, 20, 23))

    assert [one.medium for one in emission.shown] == [medium]


def test_state_is_told_every_five_minutes() -> None:
    """And holds no reading."""
    start_ms = utc_ms(2026, 6, 20, 22)
    meter = GlowMeter(1, start_ms)

    told = [b"/STATE " in meter.emit(start_ms + step * 10_000).telegram for step in range(1, 61)]

    assert sum(told) == 2
