"""The simulated household: deterministic, plausible, and its registers conserve energy."""

from datetime import UTC, date, datetime
from itertools import pairwise

import pytest

from firmware_bridge.simulator.household import Household
from firmware_bridge.simulator.p1_meter import emissions
from firmware_bridge.simulator.profiles import (
    MINUTES,
    ROOF_PEAK_W,
    gas_profile,
    load_profile,
    solar_profile,
)
from shared.units import MS_PER_DAY, MS_PER_HOUR


def utc_ms(*parts: int) -> int:
    """Return a UTC instant in milliseconds."""
    year, month, day, hour = parts
    return int(datetime(year, month, day, hour, tzinfo=UTC).timestamp()) * 1_000


def test_same_seed_sends_the_same_bytes_and_another_others() -> None:
    """To the last jitter and noise."""
    start_ms = utc_ms(2026, 6, 1, 5)

    def stream(seed: int) -> list[bytes]:
        return [e.telegram for e in emissions(seed, start_ms, start_ms + MS_PER_HOUR, 10)]

    assert stream(3) == stream(3)
    assert stream(3) != stream(4)


@pytest.mark.parametrize("start_ms", [utc_ms(2026, 6, 20, 3), utc_ms(2026, 10, 24, 20)])
def test_displayed_energy_is_power_times_time_within_rounding(start_ms: int) -> None:
    """Over a day, with export in June and a clock change in October: each register within 1 Wh."""
    household = Household(7, start_ms)
    first = last = household.advance(start_ms + 10_000)
    used = {"import": [0, 0], "export": [0, 0]}

    for step in range(2, 8_641):
        shown = household.advance(start_ms + step * 10_000)
        minute = (shown.local_ms - 1) % MS_PER_DAY // 60_000
        tariff = 0 if 30 <= minute < 450 else 1
        used["import" if shown.power_w >= 0 else "export"][tariff] += abs(shown.power_w) * 10_000
        last = shown

    for tariff in (0, 1):
        gained = last.import_wh[tariff] - first.import_wh[tariff]
        assert abs(gained - used["import"][tariff] / MS_PER_HOUR) <= 1
        gained = last.export_wh[tariff] - first.export_wh[tariff]
        assert abs(gained - used["export"][tariff] / MS_PER_HOUR) <= 1
    assert sum(used["import"]) > 0


def test_registers_only_rise_and_times_only_advance() -> None:
    """Through the day on which the clocks go back."""
    start_ms = utc_ms(2026, 10, 24, 22)

    shown = [e.shown for e in emissions(1, start_ms, start_ms + 6 * MS_PER_HOUR, 10)]

    for (before, gas_before), (after, gas_after) in pairwise(shown):
        assert before.taken_at_ms < after.taken_at_ms
        assert gas_before.taken_at_ms <= gas_after.taken_at_ms
        assert gas_before.registers["gas_l"] <= gas_after.registers["gas_l"]
        for name in ("import_t1_mwh", "import_t2_mwh", "export_t1_mwh", "export_t2_mwh"):
            assert before.registers[name] <= after.registers[name]


def test_gas_is_captured_on_the_half_hour_only() -> None:
    """Its register changes with its capture time and never between."""
    start_ms = utc_ms(2026, 1, 10, 5) + 123_000

    gas = [e.shown[1] for e in emissions(1, start_ms, start_ms + 5 * MS_PER_HOUR, 10)]

    assert all(sample.taken_at_ms % 1_800_000 == 0 for sample in gas)
    by_time = {(sample.taken_at_ms, sample.registers["gas_l"]) for sample in gas}
    assert len(by_time) == len({sample.taken_at_ms for sample in gas}) == 11


def test_household_begun_later_shows_no_lower_register() -> None:
    """A demo started again tomorrow does not look like a meter swap."""
    start_ms = utc_ms(2026, 1, 5, 0)
    household = Household(5, start_ms)
    for hour in range(1, 73):
        shown = household.advance(start_ms + hour * MS_PER_HOUR)

    later = Household(5, start_ms + 3 * MS_PER_DAY).advance(start_ms + 3 * MS_PER_DAY)

    assert all(a >= b for a, b in zip(later.import_wh, shown.import_wh, strict=True))
    assert all(a >= b for a, b in zip(later.export_wh, shown.export_wh, strict=True))
    assert later.gas_l >= shown.gas_l


def test_seasons_are_those_of_the_north() -> None:
    """Sun in June, gas in January, and nothing beyond a house's means."""
    june, january = date(2026, 6, 21), date(2026, 1, 10)

    summer, winter = solar_profile(1, june), solar_profile(1, january)

    assert sum(bool(w) for w in summer) > 15 * 60 > 10 * 60 > sum(bool(w) for w in winter)
    assert max(summer) <= ROOF_PEAK_W
    assert sum(gas_profile(1, january)) > 3 * sum(gas_profile(1, june))
    assert sum(gas_profile(1, january)) < 20_000_000
    assert len(summer) == len(gas_profile(1, june)) == len(load_profile(1, june)) == MINUTES


def test_daily_use_is_a_households() -> None:
    """Between 4 and 60 kWh a day over two months, the car included."""
    for seed in range(60):
        used_wh = sum(load_profile(seed, date(2026, 3, 1 + seed % 28))) // 60

        assert 4_000 < used_wh < 60_000
