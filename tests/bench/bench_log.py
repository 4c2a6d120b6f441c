"""Measures the log's group commit against raw sqlite3 inserting the same rows, also FULL."""

import sqlite3
import statistics
import tempfile
import time
from itertools import islice
from pathlib import Path

from agent.log import Log
from agent.marks import MARKS_NAME, Marks
from agent.records import Batch, MeterLog
from agent.rows import LogRow
from firmware_bridge.simulator.p1_meter import telegrams
from shared.readings import Medium

START_MS = 1_767_225_600_000
COMMITS = 800
ROUNDS = 40
TARGET = 0.7


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
        raw = _RawLog(Path(folder) / "raw.sqlite")
        rows = _rows(COMMITS * rows_a_commit // ROUNDS * ROUNDS)
        share = len(rows) // ROUNDS
        for turn in range(ROUNDS):
            batch = rows[turn * share : (turn + 1) * share]
            ours_s.append(_time_ours(log, meter_log, batch, rows_a_commit))
            raw_s.append(_time_raw(raw, log, meter_log, batch, rows_a_commit))
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
    """The floor: the same table, the bytes ready made, and nothing else."""

    def __init__(self, path: Path) -> None:
        self.database = sqlite3.connect(path, isolation_level=None)
        self.database.execute("PRAGMA journal_mode = WAL")
        self.database.execute("PRAGMA synchronous = FULL")
        self.database.execute(
            "CREATE TABLE samples (log INTEGER, seq INTEGER, boot INTEGER, monotonic_ms INTEGER, "
            "meter_clock_ms INTEGER, captured_at_ms INTEGER, body BLOB, checksum INTEGER, "
            "PRIMARY KEY (log, seq)) WITHOUT ROWID"
        )


def _rows(count: int) -> list[LogRow]:
    emitted = telegrams(1, START_MS, START_MS + (count + 1) * 10_000)
    return [
        LogRow(seq, 1, lines[0].taken_at_ms, lines[0].taken_at_ms, None, lines[0].registers, 0)
        for seq, (_, lines) in enumerate(islice(emitted, count), 1)
    ]


def _time_ours(log: Log, meter_log: MeterLog, rows: list[LogRow], rows_a_commit: int) -> float:
    started = time.perf_counter()
    for at in range(0, len(rows), rows_a_commit):
        log.commit(Batch(rows=[(meter_log, row) for row in rows[at : at + rows_a_commit]]))
    return time.perf_counter() - started


def _time_raw(
    raw: _RawLog, log: Log, meter_log: MeterLog, rows: list[LogRow], rows_a_commit: int
) -> float:
    kept = log.committed.execute(
        "SELECT * FROM samples WHERE log = ? AND seq BETWEEN ? AND ? ORDER BY seq",
        (meter_log.log, rows[0].seq, rows[-1].seq),
    ).fetchall()
    database = raw.database
    started = time.perf_counter()
    for at in range(0, len(kept), rows_a_commit):
        database.execute("BEGIN IMMEDIATE")
        database.executemany(
            "INSERT INTO samples VALUES (?, ?, ?, ?, ?, ?, ?, ?)", kept[at : at + rows_a_commit]
        )
        database.execute("COMMIT")
    return time.perf_counter() - started
