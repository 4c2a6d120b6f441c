"""Watches each counter of a meter: what it may do, what is a wrap, what is an anomaly. Pure.

A register's identity is meter, register and run. A value that goes back is a wrap (it was near its
modulus and went on from zero) or an anomaly; one that rises faster than the fuse lets through is an
anomaly. Anomalies are quarantined, never a negative or a spike; only when the meter insists is the
register based anew, in a run of its own, so that no difference is ever taken across.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from shared.readings import REGISTERS, Medium
from shared.units import MS_PER_HOUR, MWH_PER_KWH

NOMINAL_VOLTS = 253
"""The highest voltage EN 50160 allows on a 230 V supply: the most a fuse lets through."""

PHASES = 3
DEFAULT_FUSE_A = 100
"""A British household's main fuse; three phases of it bound every home (DESIGN rule 3)."""

MAX_GAS_L_PER_HOUR = 40_000
"""A G25 meter's maximum flow: far more than a home burns."""

MAX_WATER_L_PER_HOUR = 20_000
MAX_HEAT_MJ_PER_HOUR = 1_000

MOST_PER_HOUR = {
    Medium.GAS: MAX_GAS_L_PER_HOUR,
    Medium.WATER: MAX_WATER_L_PER_HOUR,
    Medium.HEAT: MAX_HEAT_MJ_PER_HOUR,
}
"""By what a register rises at the most, in its unit; electricity's follows from the fuse."""

SLACK_MS = 60_000
"""Every bound allows a minute more: a meter's clock ticks whole seconds and its display lags."""

UNDATED_SLACK_MS = MS_PER_HOUR
"""A gas, water or heat register whose own capture time is not told steps by what went through since
it was read, up to an hour ago, however often it is repeated in between."""

CONSISTENT_SAMPLES = 6
"""So many refused readings, each going on from the one before, convince: the meter means it."""

WRAP_MODULI_MWH: tuple[int, ...] = (
    *(int(10**digits) * MWH_PER_KWH for digits in range(5, 9)),
    2**32 * 1_000,
    2**48 * 1_000,
)
"""Displays of five to eight digits of kWh, and 32- and 48-bit counters of Wh."""

WRAP_MODULI_OTHER: tuple[int, ...] = tuple(int(10**digits) * 1_000 for digits in range(4, 9))
"""Displays of four to eight digits of cubic metres or gigajoules."""


NEAR_DIVISOR = 10
"""A wrap goes from the last tenth of a register's span into its first; a longer fall is none."""


class Fault(StrEnum):
    """Why a counter's value was refused."""

    FELL = "register-fell"
    ROSE = "register-rose-impossibly"
    ZERO = "zero-after-boot"
    NEGATIVE = "negative-counter"


MAX_LAG_MS = MS_PER_HOUR
"""How far one way to a meter may be behind another: at the worst, a network's polls."""


@dataclass(slots=True)
class _Counter:
    value: int
    at_ms: int
    modulus: int = 0
    suspect: int = 0
    suspect_at_ms: int = 0
    suspects: int = 0
    source: str | None = None
    heard: dict[str, tuple[int, int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is decided of one value: `fault` is None where it holds.

    `modulus` is not None where the register has just wrapped; `is_new_run` where it is based anew;
    `is_late` where another source has told more before: it is true, and nothing new.
    """

    fault: Fault | None = None
    modulus: int | None = None
    is_new_run: bool = False
    is_late: bool = False


HOLDS = Verdict()
LATE = Verdict(is_late=True)


def join_changes(first: Mapping[str, Verdict], then: Mapping[str, Verdict]) -> dict[str, Verdict]:
    """Join what changed in two samples that become one row: a wrap does not undo a new run."""
    joined = {**first, **then}
    for register in first.keys() & then.keys():
        if first[register].is_new_run:
            joined[register] = dataclasses.replace(then[register], is_new_run=True)
    return joined


class CounterWatch:
    """The counters of one meter, each with its last believed value."""

    def __init__(self, medium: Medium, fuse_a: int = DEFAULT_FUSE_A) -> None:
        self._counters: dict[str, _Counter] = {}
        power_w = fuse_a * NOMINAL_VOLTS * PHASES
        self._most_per_hour = MOST_PER_HOUR.get(medium, power_w * 1_000)
        self._rounding = 1 if medium is Medium.HEAT else 0

    def restore(self, register: str, value: int, at_ms: int, modulus: int) -> None:
        """Go on from what the log says of a register."""
        self._counters[register] = _Counter(value, at_ms, modulus)

    def last_value(self, register: str) -> int | None:
        """Return what is believed of a register; None where it was not read yet."""
        known = self._counters.get(register)
        return None if known is None else known.value

    def judge(
        self, register: str, value: int, at_ms: int, slack_ms: int = SLACK_MS, source: str = ""
    ) -> Verdict:
        """Decide on a counter's value read at `at_ms`, a time that never goes back.

        It may have been read up to `slack_ms` before. Each source's values are remembered by
        themselves: one that lags behind another goes back in nobody's eyes but the other's.

        A reading that a meter repeats is judged at the time it was first heard: then it gets the
        verdict it got, and however often it is repeated, it counts once.
        """
        if value < 0:
            return Verdict(Fault.NEGATIVE)
        known = self._counters.get(register)
        if known is None:
            known = self._counters[register] = _Counter(value, at_ms, source=source)
            known.heard[source] = (value, at_ms)
            return HOLDS
        risen = value - known.value
        # Most registers stand still: what is bounded is how far one may have risen.
        if risen == 0 or 0 < risen <= self._bound(at_ms - known.at_ms + slack_ms):
            known.value, known.at_ms, known.suspects = value, at_ms, 0
            known.source, known.heard[source] = source, (value, at_ms)
            return HOLDS
        if value < known.value:
            bound = self._bound(at_ms - known.at_ms + slack_ms)
            modulus = _wrap_modulus(register, known, value, bound)
            if modulus:
                known.value, known.at_ms, known.suspects = value, at_ms, 0
                known.modulus = modulus
                known.source, known.heard = source, {source: (value, at_ms)}
                return Verdict(modulus=modulus)
            if self._is_late(known, value, at_ms, slack_ms, source):
                known.heard[source] = (value, at_ms)
                return LATE
        return self._suspect(register, known, value, at_ms, slack_ms, source)

    def _suspect(
        self, register: str, known: _Counter, value: int, at_ms: int, slack_ms: int, source: str
    ) -> Verdict:
        if value == 0:
            return Verdict(Fault.ZERO)
        bound = self._bound(at_ms - known.suspect_at_ms + slack_ms)
        goes_on = known.suspects and known.suspect <= value <= known.suspect + bound
        if not goes_on:
            known.suspects = 1
        elif at_ms > known.suspect_at_ms:
            known.suspects += 1
        known.suspect, known.suspect_at_ms = value, at_ms
        if known.suspects < CONSISTENT_SAMPLES:
            return Verdict(Fault.FELL if value < known.value else Fault.ROSE)
        self._counters[register] = _Counter(value, at_ms, source=source)
        self._counters[register].heard[source] = (value, at_ms)
        return Verdict(is_new_run=True)

    def _is_late(self, known: _Counter, value: int, at_ms: int, slack_ms: int, source: str) -> bool:
        """Tell whether a lower value goes on from what its own source said, another being ahead.

        Where nothing was heard of the source yet, it may be as far behind as any may.
        """
        if known.source in (None, source) or value == 0:
            return False
        if known.value - value > self._bound(MAX_LAG_MS):
            return False
        if source not in known.heard:
            return True
        before, before_ms = known.heard[source]
        return before <= value <= before + self._bound(at_ms - before_ms + slack_ms)

    def _bound(self, elapsed_ms: int) -> int:
        return self._most_per_hour * max(elapsed_ms, SLACK_MS) // MS_PER_HOUR + self._rounding


def _wrap_modulus(register: str, known: _Counter, value: int, bound: int) -> int:
    """Find the modulus that makes a fall an ordinary rise; 0 where none does."""
    kind = REGISTERS.get(register)
    moduli = WRAP_MODULI_MWH if kind and kind.unit in ("mwh", "mvarh") else WRAP_MODULI_OTHER
    for modulus in (known.modulus, *moduli) if known.modulus else moduli:
        is_near = (
            value < modulus // NEAR_DIVISOR and modulus - known.value <= modulus // NEAR_DIVISOR
        )
        if is_near and known.value < modulus and value + modulus - known.value <= bound:
            return modulus
    return 0
