"""A sample as the hub heard it, and when. Pure."""

from dataclasses import dataclass, field

from agent.registers import Verdict
from agent.rows import Instant
from shared.readings import COUNTERS, Sample


@dataclass(frozen=True, slots=True)
class Moment:
    """When a telegram was heard: the hub's monotonic time, and its UTC time where believed."""

    boot: int
    monotonic_ms: int
    utc_ms: int | None

    @property
    def instant(self) -> Instant:
        """When that was, whatever is believed of the time."""
        return self.boot, self.monotonic_ms


@dataclass(frozen=True, slots=True)
class Heard:
    """A sample as heard, with every clock that has a say, its doubted values taken out."""

    sample: Sample
    moment: Moment
    meter_clock_ms: int | None
    captured_at_ms: int | None
    at_ms: int
    changes: dict[str, Verdict] = field(default_factory=dict)

    @property
    def counters(self) -> dict[str, int]:
        """The counters of the sample."""
        return counters_of(self.sample)


def counters_of(sample: Sample) -> dict[str, int]:
    """Return the counters of a sample."""
    return {name: value for name, value in sample.registers.items() if name in COUNTERS}
