"""Measures the log's group commit against raw sqlite3 inserting the same rows, also FULL."""

import sqlite3
import statistics
import tempfile
import time
from pathlib import Path

from agent.log import Log
from agent.marks import MARKS_NAME, Marks
from agent.records import Batch, MeterLog
from agent.rows import LogRow, records_of, shape_of
from shared.readings import Medium
from tests.bench.rows import simulated_rows

COMMITS = 800
ROUNDS = 40
TARGET = 0.8


def measure() -> list[dict[str, object]]:
    """Time commits of 1, 8 and 60 rows, ours and raw by turns, on the same disk."""
    return [_measure(rows_a_commit) for rows_a_commit in (1, 8, 60)]


def _measure(rows_a_commit: int) -> dict[str, object]:
    ours_s: list[float] = []
    raw_s: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        log = Log(Path(folder) / "ours.sqlite")
        log.use_marks(Marks(Path(folder) / MARKS_NAME, "bench"))
        meter_log = log.meter_log("SIM-E-0001", Medium.ELECTRICITY)
        rows = simulated_rows(COMMITS * rows_a_commit // ROUNDS * ROUNDS)
        raw = _RawLog(Path(folder) / "raw.sqlite", rows[0])
        share = len(rows) // ROUNDS
        for turn in range(ROUNDS):
            batch = rows[turn * share : (turn + 1) * share]
            ours_s.append(_time_ours(log, meter_log, batch, rows_a_commit))
            raw_s.append(_time_raw(raw, meter_log, batch, rows_a_commit))
        assert log.count_rows(meter_log.log) == len(rows)
        log.close()
        raw.database.close()
    ours, theirs = (share / statistics.median(took) for took in (ours_s, raw_s))
    ratio = statistics.median(b / a for a, b in zip(ours_s, raw_s, strict=True))
    return {
        "name": f"log append, {rows_a_commit} row(s) a commit",
        "ours": round(ours),
        "unit": "rows/s",
        "peer": "raw sqlite3, synchronous=FULL",
        "theirs": round(theirs),
        "ratio": round(ratio, 2),
        "target": TARGET,
        "note": f"{len(rows[0].registers)} registers a row; encoding and checksum are in ours",
    }


class _RawLog:
    """The floor: a row for each sample, its bytes ready made, and nothing else."""

    def __init__(self, path: Path, row: LogRow) -> None:
        self.shape = shape_of(row.registers, {name: n for n, name in enumerate(row.registers, 1)})
        self.database = sqlite3.connect(path, isolation_level=None)
        self.database.execute("PRAGMA journal_mode = WAL")
        self.database.execute("PRAGMA synchronous = FULL")
        self.database.execute(
            "CREATE TABLE samples (log INTEGER, seq INTEGER, boot INTEGER, monotonic_ms INTEGER, "
            "meter_clock_ms INTEGER, captured_at_ms INTEGER, body BLOB, checksum INTEGER, "
            "PRIMARY KEY (log, seq)) WITHOUT ROWID"
        )


def _time_ours(log: Log, meter_log: MeterLog, rows: list[LogRow], rows_a_commit: int) -> float:
    started = time.perf_counter()
    for at in range(0, len(rows), rows_a_commit):
        log.commit(Batch(rows=[(meter_log, row) for row in rows[at : at + rows_a_commit]]))
    return time.perf_counter() - started


def _time_raw(raw: _RawLog, meter_log: MeterLog, rows: list[LogRow], rows_a_commit: int) -> float:
    number, shape = meter_log.log, raw.shape
    ready = records_of(number, rows, shape, lambda *_: shape)
    database = raw.database
    started = time.perf_counter()
    for at in range(0, len(ready), rows_a_commit):
        database.execute("BEGIN IMMEDIATE")
        database.executemany(
            "INSERT INTO samples VALUES (?, ?, ?, ?, ?, ?, ?, ?)", ready[at : at + rows_a_commit]
        )
        database.execute("COMMIT")
    return time.perf_counter() - started
