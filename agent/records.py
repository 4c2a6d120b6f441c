"""What a group commit writes, and what the log is read as: plain records. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import msgspec

from agent.rows import LogRow
from shared.frames import GapKind
from shared.readings import Medium


class Hole(NamedTuple):
    """Sequences of a log that have no row any more, both ends included, and why."""

    first_seq: int
    last_seq: int
    kind: GapKind


@dataclass(slots=True)
class MeterLog:
    """One meter's log: its number in this file, its id to the world, and the next sequence."""

    log: int
    log_id: bytes
    meter: str
    medium: Medium
    next_seq: int


@dataclass(frozen=True, slots=True)
class RunChange:
    """From this sequence on, a register is in this run, with this modulus."""

    log: int
    register: str
    from_seq: int
    run: str
    modulus: int

    def in_log(self, log: int, from_seq: int) -> "RunChange":
        """Return the same change as another log has it."""
        return RunChange(log, self.register, from_seq, self.run, self.modulus)


@dataclass(frozen=True, slots=True)
class Specimen:
    """Bad input, set aside with its reason."""

    at_ms: int
    source: str
    reason: str
    detail: str
    raw: bytes = b""


DayRow = tuple[int, str, str, int, bytes]
"""A day of openings and closings as its table has it: log, register, run, UTC day, packed edges."""


class RemadeDays(NamedTuple):
    """Days of one log, made anew from its rows: `rows` are all there is of these days now."""

    log: int
    utc_days: frozenset[int]
    rows: list[DayRow]


class DepartureKey(NamedTuple):
    """By what departures are added up: the UTC day, the meter, its log, what consent allowed."""

    utc_day: int
    meter: str
    log: int
    granularity: str


class Departed(NamedTuple):
    """What left: the rows that the frames spoke of, frames, samples sent and samples held back."""

    first_seq: int
    last_seq: int
    frames: int
    samples: int
    withheld: int

    def plus(self, other: "Departed") -> "Departed":
        """Add what left besides."""
        return Departed(
            min(self.first_seq, other.first_seq),
            max(self.last_seq, other.last_seq),
            self.frames + other.frames,
            self.samples + other.samples,
            self.withheld + other.withheld,
        )


RowsOfLog = tuple[MeterLog, list[LogRow]]
"""A log and rows of it, in order of sequence."""


def by_log(rows: Sequence[tuple[MeterLog, LogRow]]) -> list[RowsOfLog]:
    """Part rows by their log, each log's in the order in which they come."""
    if not rows:
        return []
    first = rows[0][0]
    its_rows = [row for meter_log, row in rows if meter_log is first]
    if len(its_rows) == len(rows):
        return [(first, its_rows)]
    parted: dict[int, RowsOfLog] = {}
    for meter_log, row in rows:
        parted.setdefault(meter_log.log, (meter_log, []))[1].append(row)
    return list(parted.values())


class Batch(msgspec.Struct):
    """What one group commit writes, all of it or none.

    `stored` is what receipts of the store `stored_by` have said; where the hub has met another
    meanwhile it is not written. `days` is replaced as a whole, never changed: the thread that
    writes may be reading it.
    """

    rows: list[tuple[MeterLog, LogRow]] = []
    run_changes: list[RunChange] = []
    specimens: list[Specimen] = []
    days: tuple[DayRow, ...] = ()
    folded: dict[int, int] = {}
    stored: dict[int, list[tuple[int, int, int]]] = {}
    stored_by: str | None = None
    facts: dict[str, bytes] = {}
    departures: list[tuple[DepartureKey, Departed]] = []

    def is_empty(self) -> bool:
        """Tell whether there is nothing to write."""
        parts = (self.rows, self.specimens, self.days, self.stored, self.run_changes, self.facts)
        return not (any(parts) or self.departures)
