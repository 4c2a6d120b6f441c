"""The traffic light and the gauge: what counts as low, medium and high in this very home.

Owns the thresholds; knows nothing of meters or money. Pure.
"""

import enum
from collections.abc import Mapping

import msgspec

from agent.home.words import format_threshold
from shared.meterdays import SlotUsage
from shared.units import MS_PER_HOUR, SLOT_MS

LOW_PERCENTILE = 60
HIGH_PERCENTILE = 90
"""Six half hours in ten are this home's quiet ones; one in ten is its busiest."""

HISTORY_SLOTS = 28 * 48
"""Four weeks: long enough to hold every weekday four times, short enough to follow the season."""

MIN_HISTORY_SLOTS = 48
"""A day of half hours; with fewer, nights or dinners alone would set the thresholds."""

DEFAULT_LOW_BELOW_W = 500
DEFAULT_HIGH_FROM_W = 2_000
"""Until then: above a fridge, lights and a television; a kettle, an oven or a car."""

MIN_LOW_BELOW_W = 200
"""A home whose panels cover most half hours buys about nothing; a lamp must not turn its light."""

MIN_MEDIUM_BAND_W = 400
"""A very even home still needs a medium band that its own fridge does not cross."""

FULL_SCALE_STEPS_W = (1_500, 2_000, 3_000, 4_000, 6_000, 8_000, 10_000, 15_000, 20_000, 30_000)
FULL_SCALE_OF_HIGH = 2
"""The gauge ends no lower than twice where high begins."""

THIRD_PERMILLE = 333


class Level(enum.StrEnum):
    """The light, in the words that the page shows beside it."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class Scale(msgspec.Struct, frozen=True):
    """Where the light changes and the gauge ends; `is_own` once the home's own history decides."""

    low_below_w: int
    high_from_w: int
    full_w: int
    low_below_text: str
    high_from_text: str
    full_text: str
    is_own: bool
    explanation: str


def scale_of(slots: Mapping[int, SlotUsage], running_slot: int) -> Scale:
    """Set the scale from this home's measured half hours before the running one.

    `slots` holds mWh bought by slot number. Half hours that were estimated or are still missing do
    not count.
    """
    first = running_slot - HISTORY_SLOTS
    powers_w = sorted(
        mean_power_w(usage.amount)
        for slot, usage in slots.items()
        if first <= slot < running_slot and not usage.is_estimated
    )
    if len(powers_w) < MIN_HISTORY_SLOTS:
        return _scale(
            DEFAULT_LOW_BELOW_W,
            DEFAULT_HIGH_FROM_W,
            0,
            "Until this home has a day of history: low is below "
            f"{format_threshold(DEFAULT_LOW_BELOW_W)}, high from "
            f"{format_threshold(DEFAULT_HIGH_FROM_W)}.",
            is_own=False,
        )
    low_w = max(_percentile(powers_w, LOW_PERCENTILE), MIN_LOW_BELOW_W)
    high_w = max(_percentile(powers_w, HIGH_PERCENTILE), low_w + MIN_MEDIUM_BAND_W)
    days = -(-len(powers_w) // MIN_HISTORY_SLOTS)
    return _scale(
        low_w,
        high_w,
        powers_w[-1],
        f"Measured against this home's last {days} days: about {LOW_PERCENTILE} % of half hours "
        f"stay below {format_threshold(low_w)} (low), and about {100 - HIGH_PERCENTILE} % reach "
        f"{format_threshold(high_w)} (high).",
        is_own=True,
    )


def mean_power_w(slot_mwh: int) -> int:
    """Mean power of a half hour in W, from its energy in mWh."""
    return slot_mwh * (MS_PER_HOUR // SLOT_MS) // 1_000


def level_of(power_w: int, scale: Scale) -> Level:
    """Say which light power bought from the grid turns on; exporting is low."""
    if power_w < scale.low_below_w:
        return Level.LOW
    return Level.MEDIUM if power_w < scale.high_from_w else Level.HIGH


def gauge_permille(power_w: int, scale: Scale) -> int:
    """Place power on the gauge, 0 to 1000: each third is one light, and even within itself.

    An even scale would press this home's everyday life into the first tenth.
    """
    if power_w <= 0:
        return 0
    if power_w < scale.low_below_w:
        return THIRD_PERMILLE * power_w // scale.low_below_w
    if power_w < scale.high_from_w:
        into = power_w - scale.low_below_w
        return THIRD_PERMILLE + THIRD_PERMILLE * into // (scale.high_from_w - scale.low_below_w)
    into = min(power_w, scale.full_w) - scale.high_from_w
    last_third = 1_000 - 2 * THIRD_PERMILLE
    return 2 * THIRD_PERMILLE + last_third * into // (scale.full_w - scale.high_from_w)


def _scale(low_w: int, high_w: int, peak_w: int, explanation: str, *, is_own: bool) -> Scale:
    wanted_w = max(high_w * FULL_SCALE_OF_HIGH, peak_w)
    full_w = next((step for step in FULL_SCALE_STEPS_W if step >= wanted_w), wanted_w)
    return Scale(
        low_below_w=low_w,
        high_from_w=high_w,
        full_w=full_w,
        low_below_text=format_threshold(low_w),
        high_from_text=format_threshold(high_w),
        full_text=format_threshold(full_w),
        is_own=is_own,
        explanation=explanation,
    )


def _percentile(ordered: list[int], percent: int) -> int:
    """Take the nearest-rank percentile of values in order."""
    return ordered[max(-(-len(ordered) * percent // 100) - 1, 0)]
