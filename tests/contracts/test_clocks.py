"""What every Clock keeps: run on the machine's own and on the one driven by a meter."""

import pytest

from shared.clock import Clock, DrivenClock, SystemClock
from shared.units import EARLIEST_PLAUSIBLE_MS

every_clock = pytest.mark.parametrize(
    "clock", [SystemClock(), DrivenClock(EARLIEST_PLAUSIBLE_MS + 1)]
)


@every_clock
def test_boot_has_a_name_that_stays(clock: Clock) -> None:
    """What was noted under it may be compared for as long as the clock stands."""
    assert clock.boot_id
    assert clock.boot_id == clock.boot_id.strip()
    assert clock.boot_id == clock.boot_id


@every_clock
def test_monotonic_time_never_steps_back(clock: Clock) -> None:
    """In whole milliseconds."""
    times = [clock.monotonic_ms() for _ in range(1_000)]

    assert times == sorted(times)
    assert {type(time_ms) for time_ms in times} == {int}


@every_clock
def test_wall_time_is_milliseconds_of_utc(clock: Clock) -> None:
    """Seconds or nanoseconds would lie far off."""
    time_ms = clock.utc_ms()

    assert type(time_ms) is int
    assert EARLIEST_PLAUSIBLE_MS < time_ms < 2 * EARLIEST_PLAUSIBLE_MS
