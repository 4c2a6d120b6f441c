"""The demo's proof: what the meter says it emitted, against what the cloud has stored and serves.

Never a comparison of our own counters. With the simulated meter the truth is its oracle: set
equality of (meter, time, registers) between what it says must be logged and the decoded stored
frames, and register by register at the API. With a replayed capture there is no oracle: the truth
is what the hub's log holds.
"""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import msgspec

from agent.demo.stage import Stage
from agent.log import Log
from agent.rows import LogRow
from agent.timekeeping import ANY_CLOCK_MS, ClockLedger
from shared.readings import COUNTERS, REGISTERS
from shared.units import SLOT_MS

MAX_BOUNDARIES = 2_000
"""Six weeks of half hours, each asked of the API."""


class Truth(msgspec.Struct, frozen=True):
    """One sample as the truth knows it."""

    meter: str
    taken_at_ms: int
    registers: dict[str, int]
    must_log: bool = True
    doubtful: tuple[str, ...] = ()
    """Registers that the meter displayed and never measured: a hub may leave them out."""

    def is_told_by(self, registers: dict[str, int]) -> bool:
        """Tell whether these registers are what was displayed, but for doubtful ones left out."""
        missing = self.registers.keys() - registers.keys()
        return registers.items() <= self.registers.items() and missing <= set(self.doubtful)

    def certain_registers(self) -> dict[str, int]:
        """Return what the meter displayed and measured."""
        return {name: v for name, v in self.registers.items() if name not in self.doubtful}


Place = tuple[str, int]
"""A meter, and when a sample of it was taken."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What came of everything the meter emitted."""

    decoded: int
    logged: int
    stored: int
    served: int
    lost: int
    duplicated: int
    altered: int
    energy_difference_mwh: int
    gas_difference_l: int
    other_difference: int

    def is_whole(self) -> bool:
        """Tell whether nothing was lost, doubled or altered."""
        differences = (self.energy_difference_mwh, self.gas_difference_l, self.other_difference)
        return self.served > 0 and not any((self.lost, self.duplicated, self.altered, *differences))

    def sentence(self) -> str:
        """Say it in a line."""
        return (
            f"{self.logged} samples logged, {self.stored} stored, {self.served} register values "
            f"served; lost {self.lost}, duplicated {self.duplicated}, altered {self.altered}, "
            f"energy difference {self.energy_difference_mwh} mWh, "
            f"gas difference {self.gas_difference_l} l"
        )


def check_demo(stage: Stage) -> Summary:
    """Compare after the hub has stopped; the cloud still serves."""
    log = Log(stage.hub_database)
    try:
        held = list(_held(log))
        decoded = int(log.fact("telegrams_decoded") or 0)
    finally:
        log.close()
    truth = list(_read_oracle(stage)) if stage.oracle_paths else held
    displayed, stored = _by_place(truth), _by_place(_read_stored(stage))
    served, differences = _compare_served(stage, _known_to_cloud(truth, stored))
    return Summary(
        decoded=decoded,
        logged=len(held),
        stored=sum(map(len, stored.values())),
        served=served,
        lost=_count_lost(displayed, stored),
        duplicated=sum(len(copies) - len(_different(copies)) for copies in stored.values()),
        altered=_count_altered(displayed, stored),
        energy_difference_mwh=differences.energy_mwh,
        gas_difference_l=differences.gas_l,
        other_difference=differences.other,
    )


def _by_place(samples: Iterable[Truth]) -> dict[Place, list[Truth]]:
    places: dict[Place, list[Truth]] = {}
    for sample in samples:
        places.setdefault((sample.meter, sample.taken_at_ms), []).append(sample)
    return places


def _different(copies: list[Truth]) -> set[tuple[tuple[str, int], ...]]:
    return {tuple(sorted(one.registers.items())) for one in copies}


def _count_lost(displayed: dict[Place, list[Truth]], stored: dict[Place, list[Truth]]) -> int:
    """Count what must be logged and is told by no stored sample of that meter and time."""
    return sum(
        not any(must.is_told_by(one.registers) for one in stored.get(place, ()))
        for place, shown in displayed.items()
        for must in shown
        if must.must_log
    )


def _count_altered(displayed: dict[Place, list[Truth]], stored: dict[Place, list[Truth]]) -> int:
    """Count the different stored samples that no meter ever displayed."""
    return sum(
        not any(shown.is_told_by(dict(registers)) for shown in displayed.get(place, ()))
        for place, copies in stored.items()
        for registers in _different(copies)
    )


def _read_oracle(stage: Stage) -> Iterable[Truth]:
    decode = msgspec.json.Decoder(Truth).decode
    for path in stage.oracle_paths:
        with path.open("rb") as lines:
            yield from map(decode, lines)


def _read_stored(stage: Stage) -> Iterable[Truth]:
    decode = msgspec.json.Decoder(Truth).decode
    process = stage.cloud("samples")
    for line in process.stdout or ():
        yield decode(line)
    if process.wait():
        raise RuntimeError(f"hearthlink cloud samples ended with status {process.returncode}")


def _held(log: Log) -> Iterable[Truth]:
    ledger = ClockLedger(log.clock_pieces(), ANY_CLOCK_MS)
    for meter_log in log.all_logs():
        first_seq, last_seq = log.held_range(meter_log.log) or (1, 0)
        for row in log.read(meter_log.log, first_seq, last_seq):
            resolved = ledger.resolve(row) if isinstance(row, LogRow) else None
            if isinstance(row, LogRow) and resolved is not None:
                yield Truth(meter_log.meter, resolved[0], row.registers)


def _known_to_cloud(truth: list[Truth], stored: dict[Place, list[Truth]]) -> list[Truth]:
    """Return what must be logged, and what else of the truth was: a half hour that was healed."""
    return [
        shown
        for shown in truth
        if shown.must_log
        or any(
            shown.is_told_by(one.registers)
            for one in stored.get((shown.meter, shown.taken_at_ms), ())
        )
    ]


@dataclass(slots=True)
class Differences:
    """The largest difference between a counter as served and as it should be, by what it counts.

    `other` is in the unit of each: water in litres, heat in megajoules, reactive energy in mvarh.
    """

    energy_mwh: int = 0
    gas_l: int = 0
    other: int = 0

    def note(self, register: str, difference: int) -> None:
        """Take in how far off one counter is."""
        unit = REGISTERS[register].unit
        if unit == "mwh":
            self.energy_mwh = max(self.energy_mwh, difference)
        elif register.startswith("gas_"):
            self.gas_l = max(self.gas_l, difference)
        else:
            self.other = max(self.other, difference)


def _compare_served(stage: Stage, truth: list[Truth]) -> tuple[int, Differences]:
    """Ask the API for the registers at every slot boundary: (equal values, worst differences)."""
    served, worst = 0, Differences()
    by_meter: dict[str, list[Truth]] = {}
    for sample in truth:
        by_meter.setdefault(sample.meter, []).append(sample)
    for meter, samples in by_meter.items():
        samples.sort(key=lambda sample: sample.taken_at_ms)
        for at_ms, expected in _at_boundaries(samples):
            told = _registers_at(stage, meter, at_ms)
            served += sum(told.get(name) == value for name, value in expected.items())
            for name in expected.keys() & COUNTERS:
                worst.note(name, abs(told.get(name, 0) - expected[name]))
    return served, worst


def _at_boundaries(samples: list[Truth]) -> Iterable[tuple[int, dict[str, int]]]:
    """Give, for each slot boundary and for the end, what the meter last displayed until then."""
    boundary_ms = (samples[0].taken_at_ms // SLOT_MS + 1) * SLOT_MS
    last = samples[0]
    asked = 0
    for sample in samples:
        while sample.taken_at_ms > boundary_ms and asked < MAX_BOUNDARIES:
            yield boundary_ms, last.certain_registers()
            boundary_ms += SLOT_MS
            asked += 1
        last = sample
    yield last.taken_at_ms, last.certain_registers()


def _registers_at(stage: Stage, meter: str, at_ms: int) -> dict[str, int]:
    at = rfc3339(at_ms)
    answer: Any = stage.get(f"{stage.api_url}/v1/meters/{meter}/registers?{urlencode({'at': at})}")
    return dict(answer["registers"])


def rfc3339(at_ms: int) -> str:
    """Write an instant as the API reads it, to the millisecond."""
    moment = dt.datetime.fromtimestamp(at_ms // 1_000, tz=dt.UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{at_ms % 1_000:03d}Z"
