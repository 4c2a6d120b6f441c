"""The true time of a run, and the clocks that hub and cloud are given instead of it."""

from dataclasses import dataclass
from random import Random

from tests.simulation.loop import VirtualLoop

WAKING_MS = 12 * 3_600_000
"""A machine without a battery begins at most so long after 1970 began."""


class TrueTime:
    """What time it really is."""

    def __init__(self, loop: VirtualLoop, start_ms: int) -> None:
        self._loop = loop
        self._start_ms = start_ms

    def ms(self) -> int:
        """True UTC in milliseconds."""
        return self._start_ms + self.since_start_ms()

    def since_start_ms(self) -> int:
        """Milliseconds since the run began."""
        return round(self._loop.time() * 1_000)


@dataclass
class CloudClock:
    """The cloud's clock: right, as a server's is."""

    truth: TrueTime
    boot_id: str = "cloud"

    def monotonic_ms(self) -> int:
        """Milliseconds since the run began."""
        return self.truth.since_start_ms()

    def utc_ms(self) -> int:
        """The true time."""
        return self.truth.ms()


class HubClock:
    """One boot of the hub's machine: a drifting crystal, and a wall clock that somebody may set.

    `error_ms` is what the kernel says of it: None while no NTP server was heard.
    """

    def __init__(self, truth: TrueTime, draw: Random, boot: int) -> None:
        self._truth = truth
        self._booted_ms = truth.since_start_ms()
        self._first_ms = draw.randint(1_000, 60_000)
        self._drift_ppm = draw.randint(-30, 30)
        self._claimed_ms: int | None = None
        self.boot_id = f"boot-{boot}"
        # Stale by days, in 1970, or what a good battery kept: all alike untrusted until NTP.
        self._off_ms = draw.choice(
            (0, -draw.randint(1, 40) * 86_400_000, draw.randint(0, WAKING_MS) - truth.ms())
        )

    def monotonic_ms(self) -> int:
        """The boot-time clock, as fast as its crystal."""
        passed_ms = self._truth.since_start_ms() - self._booted_ms
        return self._first_ms + passed_ms + passed_ms * self._drift_ppm // 1_000_000

    def utc_ms(self) -> int:
        """The wall clock, right or wrong."""
        return self._truth.ms() + self._off_ms

    def error_ms(self) -> int | None:
        """What the kernel claims of the wall clock."""
        return self._claimed_ms

    def synchronise(self, draw: Random) -> None:
        """Let NTP set the clock: it is off by no more than it says."""
        self._claimed_ms = draw.choice((5, 20, 200))
        self._off_ms = draw.randint(-self._claimed_ms, self._claimed_ms)

    def lose_ntp(self) -> None:
        """Let the kernel no longer vouch for the clock."""
        self._claimed_ms = None

    def step(self, ms: int) -> None:
        """Set the wall clock on or back; what the kernel says of it stays."""
        self._off_ms += ms
