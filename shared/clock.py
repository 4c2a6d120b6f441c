"""The clock port and its two adapters: the machine's own, and one driven by the meter."""

import time
from pathlib import Path
from typing import Protocol

BOOT_ID_PATH = Path("/proc/sys/kernel/random/boot_id")


class Clock(Protocol):
    """Where the process gets its time from; nothing else may ask the machine."""

    @property
    def boot_id(self) -> str:
        """Names the span in which `monotonic_ms` is comparable."""

    def monotonic_ms(self) -> int:
        """Milliseconds since some start, never stepping back, counting through suspend."""

    def utc_ms(self) -> int:
        """The wall time this clock believes, in UTC epoch milliseconds; it may be wrong."""


class SystemClock:
    """The machine's boot-time clock and wall clock."""

    def __init__(self) -> None:
        try:
            self._boot_id = BOOT_ID_PATH.read_text().strip()
        except OSError:
            self._boot_id = f"process-{time.time_ns()}"

    @property
    def boot_id(self) -> str:
        """The kernel's random id of this boot."""
        return self._boot_id

    def monotonic_ms(self) -> int:
        """CLOCK_BOOTTIME, which goes on through suspend where CLOCK_MONOTONIC stops."""
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000

    def utc_ms(self) -> int:
        """The machine's wall clock."""
        return time.time_ns() // 1_000_000


class DrivenClock:
    """A clock that stands at what it was last told, by a meter's time in replay or by a test.

    It never goes back, and each one is a boot of its own, so that its monotonic time is never
    compared with the machine's.
    """

    def __init__(self, utc_ms: int, boot_id: str = "") -> None:
        self._utc_ms = utc_ms
        self._boot_id = boot_id or f"driven-{time.time_ns()}"

    @property
    def boot_id(self) -> str:
        """This clock's own boot."""
        return self._boot_id

    def monotonic_ms(self) -> int:
        """The told time: a driven clock has no other."""
        return self._utc_ms

    def utc_ms(self) -> int:
        """The time last told."""
        return self._utc_ms

    def advance_to(self, utc_ms: int) -> None:
        """Move forward to `utc_ms`; an earlier time is ignored."""
        self._utc_ms = max(self._utc_ms, utc_ms)
