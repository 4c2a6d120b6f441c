"""The demo's proof: what the meter says it emitted, against what the cloud has stored and serves.

Never a comparison of our own counters. With the simulated meter the truth is its oracle: set
equality of (meter, time, registers) between what it says must be logged and the decoded stored
frames, and register by register at the API. With a replayed capture there is no oracle: the truth
is what the hub's log holds.
"""

import datetime as dt
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import msgspec

from agent.demo.stage import Stage
from agent.log import Log
from agent.rows import LogRow
from agent.timekeeping import ANY_CLOCK_MS, ClockLedger
from shared.readings import COUNTERS
from shared.units import SLOT_MS

MAX_BOUNDARIES = 2_000
"""Six weeks of half hours, each asked of the API."""


class Truth(msgspec.Struct, frozen=True):
    """One sample as the truth knows it."""

    meter: str
    taken_at_ms: int
    registers: dict[str, int]
    must_log: bool = True


Key = tuple[str, int, tuple[tuple[str, int], ...]]


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

    def is_whole(self) -> bool:
        """Tell whether nothing was lost, doubled or altered."""
        faults = (self.lost, self.duplicated, self.altered, self.energy_difference_mwh)
        return self.served > 0 and not any(faults)

    def sentence(self) -> str:
        """Say it in a line."""
        return (
            f"{self.logged} samples logged, {self.stored} stored, {self.served} register values "
            f"served; lost {self.lost}, duplicated {self.duplicated}, altered {self.altered}, "
            f"energy difference {self.energy_difference_mwh} mWh"
        )


def check_demo(stage: Stage) -> Summary:
    """Compare after the hub has stopped; the cloud still serves."""
    log = Log(stage.hub_database)
    try:
        held = list(_held(log))
        decoded = int(log.fact("telegrams_decoded") or 0)
    finally:
        log.close()
    truth = _read_oracle(stage) if stage.oracle_path.exists() else held
    stored = Counter(_read_stored(stage))
    must = {_key(sample) for sample in truth if sample.must_log}
    may = {_key(sample) for sample in truth}
    served, difference_mwh = _compare_served(stage, truth)
    return Summary(
        decoded=decoded,
        logged=len(held),
        stored=sum(stored.values()),
        served=served,
        lost=len(must - stored.keys()),
        duplicated=sum(stored.values()) - len(stored),
        altered=len(stored.keys() - may),
        energy_difference_mwh=difference_mwh,
    )


def _key(sample: Truth) -> Key:
    return sample.meter, sample.taken_at_ms, tuple(sorted(sample.registers.items()))


def _read_oracle(stage: Stage) -> list[Truth]:
    decode = msgspec.json.Decoder(Truth).decode
    with stage.oracle_path.open("rb") as lines:
        return [decode(line) for line in lines]


def _read_stored(stage: Stage) -> Iterable[Key]:
    decode = msgspec.json.Decoder(Truth).decode
    process = stage.cloud("samples")
    for line in process.stdout or ():
        yield _key(decode(line))
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


def _compare_served(stage: Stage, truth: list[Truth]) -> tuple[int, int]:
    """Ask the API for the registers at every slot boundary: (equal values, worst difference)."""
    served = 0
    worst = 0
    by_meter: dict[str, list[Truth]] = {}
    for sample in truth:
        if sample.must_log:
            by_meter.setdefault(sample.meter, []).append(sample)
    for meter, samples in by_meter.items():
        samples.sort(key=lambda sample: sample.taken_at_ms)
        for at_ms, expected in _at_boundaries(samples):
            told = _registers_at(stage, meter, at_ms)
            served += sum(told.get(name) == value for name, value in expected.items())
            for name in expected.keys() & COUNTERS:
                worst = max(worst, abs(told.get(name, 0) - expected[name]))
    return served, worst


def _at_boundaries(samples: list[Truth]) -> Iterable[tuple[int, dict[str, int]]]:
    """Give, for each slot boundary and for the end, what the meter last displayed until then."""
    boundary_ms = (samples[0].taken_at_ms // SLOT_MS + 1) * SLOT_MS
    last = samples[0]
    asked = 0
    for sample in samples:
        while sample.taken_at_ms > boundary_ms and asked < MAX_BOUNDARIES:
            yield boundary_ms, last.registers
            boundary_ms += SLOT_MS
            asked += 1
        last = sample
    yield last.taken_at_ms, last.registers


def _registers_at(stage: Stage, meter: str, at_ms: int) -> dict[str, int]:
    at = rfc3339(at_ms)
    answer: Any = stage.get(f"{stage.api_url}/v1/meters/{meter}/registers?{urlencode({'at': at})}")
    return dict(answer["registers"])


def rfc3339(at_ms: int) -> str:
    """Write an instant as the API reads it, to the millisecond."""
    moment = dt.datetime.fromtimestamp(at_ms // 1_000, tz=dt.UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{at_ms % 1_000:03d}Z"
