"""Measures the log's group commit against raw sqlite3 inserting the same rows, also FULL.

Raw is measured twice: as sqlite3 comes, and in a database with all settings of the hub's own, so
that what is compared is the log and not the size of a page. Its records are ready made: encoding
and checksums are in ours alone. Whose turn comes first changes with every round.
"""

import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path

from agent.database import open_database
from agent.log import Log
from agent.marks import MARKS_NAME, Marks
from agent.records import Batch
from agent.rows import LogRow, Record, records_of, shape_of
from shared.readings import Medium
from tests.bench.rows import simulated_rows

COMMITS = 800
ROUNDS = 40
TARGET = 0.8
OURS, AS_IT_COMES, OUR_SETTINGS = "ours", "raw sqlite3 as it comes", "raw sqlite3 in our settings"

SCHEMA = (
    "CREATE TABLE raw (log INTEGER, seq INTEGER, boot INTEGER, monotonic_ms INTEGER, "
    "meter_clock_ms INTEGER, captured_at_ms INTEGER, body BLOB, checksum INTEGER, "
    "PRIMARY KEY (log, seq)) WITHOUT ROWID"
)

Commit = Callable[[list[LogRow], list[Record]], None]
"""Commits rows; or the same rows as records, which are ready made."""


def measure() -> list[dict[str, object]]:
    """Time commits of 1, 8 and 60 rows, ours and both raw ones by turns, on the same disk."""
    return [row for rows_a_commit in (1, 8, 60) for row in _measure(rows_a_commit)]


def _measure(rows_a_commit: int) -> list[dict[str, object]]:
    rows = simulated_rows(COMMITS * rows_a_commit)
    share = len(rows) // ROUNDS
    took_s: dict[str, list[float]] = {OURS: [], AS_IT_COMES: [], OUR_SETTINGS: []}
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        commits: list[tuple[str, Commit]] = [
            (OURS, _ours(stack, Path(folder))),
            (AS_IT_COMES, _raw(stack, _open_plain(Path(folder) / "plain.sqlite"))),
            (OUR_SETTINGS, _raw(stack, open_database(Path(folder) / "settings.sqlite"))),
        ]
        for turn in range(ROUNDS):
            batch = rows[turn * share : (turn + 1) * share]
            for name, commit in commits:
                took_s[name].append(_time(commit, batch, rows_a_commit))
            commits.append(commits.pop(0))
    return [
        _row(rows_a_commit, len(rows[0].registers), share, took_s, peer)
        for peer in (OUR_SETTINGS, AS_IT_COMES)
    ]


def _row(
    rows_a_commit: int, registers: int, share: int, took_s: dict[str, list[float]], peer: str
) -> dict[str, object]:
    ours, theirs = (share / statistics.median(took_s[name]) for name in (OURS, peer))
    pairs = zip(took_s[OURS], took_s[peer], strict=True)
    return {
        "name": f"log append, {rows_a_commit} row(s) a commit",
        "ours": round(ours),
        "unit": "rows/s",
        "peer": f"{peer}, synchronous=FULL",
        "theirs": round(theirs),
        "ratio": round(statistics.median(its_s / our_s for our_s, its_s in pairs), 2),
        "target": TARGET,
        "note": f"{registers} registers a row; encoding and checksum are in ours",
    }


def _ours(stack: ExitStack, folder: Path) -> Commit:
    log = stack.enter_context(closing(Log(folder / "ours.sqlite")))
    log.use_marks(Marks(folder / MARKS_NAME, "bench"))
    meter_log = log.meter_log("SIM-E-0001", Medium.ELECTRICITY)

    def commit(rows: list[LogRow], _records: list[Record]) -> None:
        log.commit(Batch(rows=[(meter_log, row) for row in rows]))

    return commit


def _raw(stack: ExitStack, database: sqlite3.Connection) -> Commit:
    """Make the floor: a record for each sample, and nothing else."""
    stack.enter_context(closing(database))
    database.execute(SCHEMA)

    def commit(_rows: list[LogRow], records: list[Record]) -> None:
        database.execute("BEGIN IMMEDIATE")
        database.executemany("INSERT INTO raw VALUES (?, ?, ?, ?, ?, ?, ?, ?)", records)
        database.execute("COMMIT")

    return commit


def _open_plain(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(path, isolation_level=None)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = FULL")
    return database


def _time(commit: Commit, rows: list[LogRow], rows_a_commit: int) -> float:
    shape = shape_of(rows[0].registers, {name: n for n, name in enumerate(rows[0].registers, 1)})
    records = records_of(1, rows, shape, lambda *_: shape)
    parts = [
        (rows[at : at + rows_a_commit], records[at : at + rows_a_commit])
        for at in range(0, len(rows), rows_a_commit)
    ]
    started = time.perf_counter()
    for part in parts:
        commit(*part)
    return time.perf_counter() - started


if __name__ == "__main__":
    for line in measure():
        print(line)
