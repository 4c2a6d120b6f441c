"""The time floor: a time that is surely past, for a hub that wakes without a clock. Pure.

A Pi has no clock that runs while it is off: it wakes in 1970, or where it was last told to stop.
The floor is the newest of what cannot be in the future: this program's release, the time saved each
hour, the newest row and the newest piece of the clock ledger. It goes on with the boot-time clock.
A meter's clock may be years off, so its word helps to guess the time but raises no floor.
"""

from typing import NamedTuple

from agent.pieces import BelievedTime
from agent.timekeeping import METER_CLOCK_TOLERANCE_MS
from shared.units import MS_PER_DAY

RELEASED_MS = 1_795_219_200_000
"""2026-11-21T00:00Z: when this program was released; raised with each release."""

METER_LEAD_MS = 366 * MS_PER_DAY
"""A meter this far ahead is a hub that lay in a drawer; one further ahead is a wrong clock."""

WRONG_BY_MS = MS_PER_DAY
"""A machine's clock this far off what is believed is wrong: certificates are not judged by it."""


class KnownTime(NamedTuple):
    """A time to judge certificates by; not exact where it is only known to be past."""

    at_ms: int
    is_exact: bool


class TimeFloor:
    """A time that is surely past, and the best guess of now, by one boot-time clock."""

    def __init__(self, monotonic_ms: int, *past_ms: int) -> None:
        self._past_at_zero_ms = max((RELEASED_MS, *past_ms)) - monotonic_ms
        self._meter_at_zero_ms: int | None = None

    def at(self, monotonic_ms: int) -> int:
        """Tell the earliest that it can be at an instant of this boot."""
        return self._past_at_zero_ms + monotonic_ms

    def guess(self, monotonic_ms: int) -> int:
        """Tell the likeliest time: the meter's where it is plausible, else the floor."""
        floor_ms = self.at(monotonic_ms)
        if self._meter_at_zero_ms is None:
            return floor_ms
        meter_ms = self._meter_at_zero_ms + monotonic_ms
        return meter_ms if floor_ms <= meter_ms <= floor_ms + METER_LEAD_MS else floor_ms

    def raise_to(self, past_ms: int, monotonic_ms: int) -> None:
        """Take in a time that is surely past; an earlier one than is known changes nothing."""
        self._past_at_zero_ms = max(self._past_at_zero_ms, past_ms - monotonic_ms)

    def correct_to(self, past_ms: int, monotonic_ms: int) -> None:
        """Take in a time that is believed now; it overrules a floor that it shows to be wrong.

        A time service that once said 2036 must not bar the certificates of today for ever.
        """
        if self.at(monotonic_ms) - past_ms > WRONG_BY_MS:
            self._past_at_zero_ms = past_ms - monotonic_ms
        self.raise_to(past_ms, monotonic_ms)

    def hear_meter(self, meter_ms: int, monotonic_ms: int) -> None:
        """Take in what a meter's clock says now."""
        self._meter_at_zero_ms = meter_ms - monotonic_ms


def known_time(machine_ms: int, floor_ms: int, believed: BelievedTime | None) -> KnownTime | None:
    """Say by which time certificates are judged; None where the machine's clock will do.

    Where the hub knows the time and the machine does not, by that. Where nobody knows it and the
    machine's clock is behind the floor, by the floor, and that only as far as it goes.
    """
    if believed is not None:
        is_wrong = abs(machine_ms - believed.utc_ms) > WRONG_BY_MS + believed.uncertainty_ms
        return KnownTime(believed.utc_ms, is_exact=True) if is_wrong else None
    # Rows are dated by a meter's clock this far off, so the floor may be this far ahead.
    if machine_ms < floor_ms - METER_CLOCK_TOLERANCE_MS:
        return KnownTime(floor_ms, is_exact=False)
    return None
