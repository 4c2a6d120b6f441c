"""A sample as the hub heard it, and when. Pure."""

from functools import lru_cache

import msgspec

from agent.registers import Verdict
from agent.rows import Instant
from shared.readings import COUNTERS, Sample

SHAPES = 64
"""Lists of registers whose kinds are remembered: a meter has two or three, a home has 32 meters."""


class Moment(msgspec.Struct, frozen=True, gc=False):
    """When a telegram was heard: the hub's monotonic time, and its UTC time where believed."""

    boot: int
    monotonic_ms: int
    utc_ms: int | None

    @property
    def instant(self) -> Instant:
        """When that was, whatever is believed of the time."""
        return self.boot, self.monotonic_ms


class Heard(msgspec.Struct, frozen=True, gc=False):
    """A sample as heard, with every clock that has a say, its doubted values taken out."""

    sample: Sample
    moment: Moment
    meter_clock_ms: int | None
    captured_at_ms: int | None
    at_ms: int
    changes: dict[str, Verdict] = {}

    @property
    def counters(self) -> dict[str, int]:
        """The counters of the sample."""
        return counters_of(self.sample)


def counters_of(sample: Sample) -> dict[str, int]:
    """Return the counters of a sample."""
    registers = sample.registers
    return {name: registers[name] for name in counters_among(tuple(registers))}


@lru_cache(maxsize=SHAPES)
def counters_among(names: tuple[str, ...]) -> tuple[str, ...]:
    """List the counters among registers, in their order: a meter's samples have the same ones."""
    return tuple(name for name in names if name in COUNTERS)
