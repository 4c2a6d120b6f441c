"""What each meter said last, for the page: its sample, its age and how often it speaks.

Pure.
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from agent.heard import SHAPES, Heard, counters_among
from agent.rows import LogRow

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
    if not _tells_power(heard) and _tells_power(before.heard):
        return before
    return Latest(heard, now_ms, (before.pauses_ms[1], now_ms - before.monotonic_ms))


def note_counters(counters: dict[str, dict[str, int]], meter: str, rows: Iterable[LogRow]) -> None:
    """Take in what a commit says of a meter's counters: the newest of each, by register."""
    said = counters.setdefault(meter, {})
    for row in rows:
        registers = row.registers
        said |= {name: registers[name] for name in counters_among(tuple(registers))}


def _tells_power(heard: Heard) -> bool:
    return _is_power_among(tuple(heard.sample.registers))


@lru_cache(maxsize=SHAPES)
def _is_power_among(names: tuple[str, ...]) -> bool:
    return any(name.startswith(POWER) for name in names)
