"""What a simulated meter sends at one instant, whatever it speaks, and in a history. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

from firmware_bridge.simulator.oracle import CadenceOracle, OracleLine, Shown
from firmware_bridge.simulator.timing import history_times


@dataclass(frozen=True, slots=True)
class Emission:
    """The bytes of one instant, and what they show of each meter, the electricity meter first.

    `is_damaged` says that the bytes do not carry it (none are left, or a fault struck them);
    `doubtful` names the registers whose meter shows what it never measured; `clock_off_ms` is how
    far the meter's own clock is from the time. `kept` is what meters keep of the past and tell
    when they are asked.
    """

    telegram: bytes
    shown: tuple[Shown, ...]
    is_damaged: bool = False
    doubtful: tuple[str, ...] = ()
    clock_off_ms: int = 0
    kept: tuple[Shown, ...] = ()


class SimulatedMeter(Protocol):
    """A household's meter behind one protocol."""

    def emit(self, time_ms: int) -> Emission:
        """Return what is sent at an instant, a whole second or more after the one before."""


def history_of(
    meter: SimulatedMeter, seed: int, start_ms: int, end_ms: int, cadence_s: int
) -> Iterator[Emission]:
    """Yield what a meter sends in `[start_ms, end_ms)`, in order; `seed` decides what is late."""
    for time_ms in history_times(seed, start_ms, cadence_s):
        if time_ms >= end_ms:
            return
        yield meter.emit(time_ms)


def with_oracle(emissions: Iterable[Emission]) -> Iterator[tuple[bytes, list[OracleLine]]]:
    """Yield each emission's bytes with its oracle lines, whose `must_log` is already decided."""
    oracle = CadenceOracle()
    last: Emission | None = None
    for before, after in pairwise(emissions):
        yield before.telegram, oracle.decide(before.shown, after.shown)
        last = after
    if last is not None:
        yield last.telegram, oracle.decide(last.shown, None)
