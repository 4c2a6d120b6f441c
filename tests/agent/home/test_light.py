"""The traffic light and the gauge."""

import pytest

from agent.home.light import (
    DEFAULT_HIGH_FROM_W,
    DEFAULT_LOW_BELOW_W,
    MIN_HISTORY_SLOTS,
    MIN_LOW_BELOW_W,
    MIN_MEDIUM_BAND_W,
    Level,
    gauge_permille,
    level_of,
    mean_power_w,
    scale_of,
)
from shared.meterdays import SlotUsage

RUNNING = 500_000


def slots_of_w(powers_w: list[int], *, is_estimated: bool = False) -> dict[int, SlotUsage]:
    """Half hours before the running one with these mean powers."""
    first = RUNNING - len(powers_w)
    return {
        first + place: SlotUsage(power_w * 500, is_estimated)
        for place, power_w in enumerate(powers_w)
    }


def test_mean_power_of_a_half_hour_is_twice_its_energy() -> None:
    """Half a kilowatt-hour in half an hour is a kilowatt."""
    assert mean_power_w(500_000) == 1_000


def test_thresholds_are_the_sixtieth_and_ninetieth_percentile() -> None:
    """Six half hours in ten are below low's end, and one in ten reaches high's beginning."""
    scale = scale_of(slots_of_w([100 * step for step in range(1, 101)]), RUNNING)

    assert (scale.low_below_w, scale.high_from_w) == (6_000, 9_000)
    assert scale.is_own
    assert "60 % of half hours stay below 6 kW" in scale.explanation


@pytest.mark.parametrize("powers_w", [[], [300] * (MIN_HISTORY_SLOTS - 1)])
def test_defaults_hold_before_a_day_of_history(powers_w: list[int]) -> None:
    """A night alone must not set what this home calls low."""
    scale = scale_of(slots_of_w(powers_w), RUNNING)

    assert (scale.low_below_w, scale.high_from_w) == (DEFAULT_LOW_BELOW_W, DEFAULT_HIGH_FROM_W)
    assert not scale.is_own
    assert scale.explanation.startswith("Until this home has a day of history")


def test_estimated_running_and_old_half_hours_do_not_count() -> None:
    """Only measured half hours of the last four weeks say what is usual."""
    slots = slots_of_w([300] * 100, is_estimated=True)
    slots[RUNNING] = SlotUsage(10_000_000, is_estimated=False)
    slots |= {old: SlotUsage(10_000_000, is_estimated=False) for old in range(400_000, 400_100)}

    assert not scale_of(slots, RUNNING).is_own


def test_a_home_that_buys_nothing_keeps_sensible_bands() -> None:
    """Where panels cover nearly everything, a lamp does not turn the light."""
    scale = scale_of(slots_of_w([0] * 200), RUNNING)

    assert scale.low_below_w == MIN_LOW_BELOW_W
    assert scale.high_from_w == MIN_LOW_BELOW_W + MIN_MEDIUM_BAND_W


def test_scale_reaches_the_highest_half_hour() -> None:
    """The gauge ends at a round figure no lower than this home's own peak."""
    assert scale_of(slots_of_w([300] * 100 + [7_100]), RUNNING).full_w == 8_000
    assert scale_of(slots_of_w([300] * 100 + [45_000]), RUNNING).full_w == 45_000


@pytest.mark.parametrize(
    ("power_w", "level", "permille"),
    [
        (-3_000, Level.LOW, 0),
        (0, Level.LOW, 0),
        (250, Level.LOW, 166),
        (499, Level.LOW, 332),
        (500, Level.MEDIUM, 333),
        (1_999, Level.MEDIUM, 665),
        (2_000, Level.HIGH, 666),
        (3_000, Level.HIGH, 833),
        (90_000, Level.HIGH, 1_000),
    ],
)
def test_each_light_has_a_third_of_the_gauge(power_w: int, level: Level, permille: int) -> None:
    """The hand stands in the third of its light, at any power."""
    scale = scale_of({}, RUNNING)

    assert level_of(power_w, scale) is level
    assert gauge_permille(power_w, scale) == permille
