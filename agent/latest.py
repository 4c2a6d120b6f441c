"""What each meter said last, for the page: its sample, its age and how often it speaks.

Pure.
"""

from collections.abc import Iterable
from typing import NamedTuple

from agent.heard import Heard
from agent.rows import LogRow
from shared.readings import COUNTERS

POWER = ("power_import_", "power_export_")


class Latest(NamedTuple):
    """What a meter said last, when by the machine's clock, and the last two pauses before it."""

    heard: Heard
    monotonic_ms: int
    pauses_ms: tuple[int, int] = (0, 0)

    @property
    def rhythm_ms(self) -> int:
        """How far apart the meter is heard: two telegrams close together are one turn."""
        return max(self.pauses_ms)


def follow(before: Latest | None, heard: Heard, now_ms: int) -> Latest:
    """Take the newest sample; one of energy alone does not take the power of a moment ago away."""
    if before is None:
        return Latest(heard, now_ms)
    if _tells_power(before.heard) and not _tells_power(heard):
        return before
    return Latest(heard, now_ms, (before.pauses_ms[1], now_ms - before.monotonic_ms))


def note_counters(counters: dict[str, dict[str, int]], meter: str, rows: Iterable[LogRow]) -> None:
    """Take in what a commit says of a meter's counters: the newest of each, by register."""
    said = counters.setdefault(meter, {})
    for row in rows:
        said |= {name: value for name, value in row.registers.items() if name in COUNTERS}


def _tells_power(heard: Heard) -> bool:
    return any(name.startswith(POWER) for name in heard.sample.registers)
