"""Reads a whole log against its checksums, and says what is in it. Changes nothing."""

import sqlite3
from collections.abc import Callable

import msgspec

from agent.reader import LogEntry, LogReader
from agent.records import Hole
from shared.frames import GapKind
from shared.ranges import Range, count, subtract, union

CHUNK_ROWS = 3_600
"""Ten hours at ten seconds are read at a time."""

MAX_DAMAGED = 100
"""Damaged ranges that are listed of one log; all are counted."""

Progress = Callable[[int, int], None]
"""Told how many of how many sequences were looked at."""


class LogState(msgspec.Struct, frozen=True):
    """One log: what it holds, counted in sequences; `damaged` are those whose checksum fails."""

    log_id: str
    meter: str
    medium: str
    is_open: bool
    held: Range | None
    next_seq: int
    rows: int
    sealed: int
    thinned: int
    declared_damaged: int
    stored: int
    refused: int
    damaged: int = 0
    damaged_ranges: list[Range] = []
    missing: int = 0


def describe(reader: LogReader, entry: LogEntry) -> LogState:
    """Count what a log holds without reading it."""
    blocks = reader.committed.execute(
        "SELECT coalesce(sum(row_count), 0), coalesce(sum(last_seq - first_seq + 1), 0) "
        "FROM blocks WHERE log = ? AND detail >= 0",
        (entry.log,),
    ).fetchone()
    return LogState(
        log_id=entry.log_id.hex(),
        meter=entry.meter,
        medium=entry.medium.value,
        is_open=entry.is_open,
        held=reader.held_range(entry.log),
        next_seq=entry.next_seq,
        rows=reader.count_rows(entry.log),
        sealed=int(blocks[0]),
        thinned=int(blocks[1]) - int(blocks[0]),
        declared_damaged=count([one[:2] for one in reader.declared_damage(entry.log)]),
        stored=count(reader.stored_ranges(entry.log)),
        refused=count(union([one[:2] for one in reader.held_refused(entry.log)])),
    )


def verify(reader: LogReader, entry: LogEntry, progress: Progress) -> LogState:
    """Read every row of a log: which are damaged, and which are missing without a word."""
    state = describe(reader, entry)
    if state.held is None:
        return state
    first_seq, last_seq = state.held
    declared = [one[:2] for one in reader.declared_damage(entry.log)]
    damaged: list[Range] = []
    for start in range(first_seq, last_seq + 1, CHUNK_ROWS):
        end = min(start + CHUNK_ROWS - 1, last_seq)
        damaged += [
            (one.first_seq, one.last_seq)
            for one in reader.read(entry.log, start, end)
            if isinstance(one, Hole) and one.kind is GapKind.DAMAGED
        ]
        progress(end - first_seq + 1, last_seq - first_seq + 1)
    broken = subtract(damaged, declared)
    stored = [one[:2] for one in reader.stored_ranges(entry.log)]
    missing = subtract([(first_seq, entry.next_seq - 1)], [*reader.held_ranges(entry.log), *stored])
    return msgspec.structs.replace(
        state, damaged=count(broken), damaged_ranges=broken[:MAX_DAMAGED], missing=count(missing)
    )


def check_file(connection: sqlite3.Connection) -> str:
    """Let SQLite check the file's structure; "" where it finds nothing."""
    said = str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
    return "" if said == "ok" else said


def is_sound(states: list[LogState], fault: str) -> bool:
    """Tell whether a verification found nothing wrong."""
    return not fault and not any(state.damaged or state.missing for state in states)
