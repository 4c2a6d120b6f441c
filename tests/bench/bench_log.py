"""Measures the log's group commit against raw sqlite3 inserting the same rows, also FULL.

Raw is measured twice: as sqlite3 comes, and in a database with all settings of the hub's own, so
that what is compared is the log and not the size of a page. Each is given readings, whose registers
are a dictionary, and makes of them what it stores: nobody can store a dictionary, so to code it is
part of raw's work too. It does so in the least way there is, all values of a row in one column of
MessagePack whose names are known from elsewhere. What the log does besides is in ours alone:
checksums, the next sequence of each log (a page more a commit), the marks that tell a rewound card.
Whose turn comes first changes with every round.

How far these differ is a matter of the disk: where a commit waits milliseconds for it, by little.
The note says how long this one takes to answer.
"""

import os
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from operator import itemgetter
from pathlib import Path

import msgspec

from agent.database import PAGE_BYTES, open_database
from agent.log import Log
from agent.marks import MARKS_NAME, Marks
from agent.records import Batch
from agent.rows import LogRow
from shared.readings import Medium
from tests.bench.rows import simulated_rows

LOG = 1
COMMITS = 800
ROUNDS = 40
TARGET = 0.8
OURS, AS_IT_COMES, OUR_SETTINGS = "ours", "raw sqlite3 as it comes", "raw sqlite3 in our settings"

SCHEMA = (
    "CREATE TABLE raw (log INTEGER, seq INTEGER, boot INTEGER, monotonic_ms INTEGER, "
    "meter_clock_ms INTEGER, captured_at_ms INTEGER, quality INTEGER, body BLOB, "
    "PRIMARY KEY (log, seq)) WITHOUT ROWID"
)

ANSWERS = 50
"""Of a disk: enough for a median, within a second where each takes some milliseconds."""

Commit = Callable[[list[LogRow]], None]


def measure() -> list[dict[str, object]]:
    """Time commits of 1, 8 and 60 rows, ours and both raw ones by turns, on the same disk."""
    return [row for rows_a_commit in (1, 8, 60) for row in _measure(rows_a_commit)]


def _measure(rows_a_commit: int) -> list[dict[str, object]]:
    rows = simulated_rows(COMMITS * rows_a_commit)
    share = len(rows) // ROUNDS
    took_s: dict[str, list[float]] = {OURS: [], AS_IT_COMES: [], OUR_SETTINGS: []}
    names = tuple(rows[0].registers)
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        answer_us = _answer_us(Path(folder))
        commits: list[tuple[str, Commit]] = [
            (OURS, _ours(stack, Path(folder))),
            (AS_IT_COMES, _raw(stack, _open_plain(Path(folder) / "plain.sqlite"), names)),
            (OUR_SETTINGS, _raw(stack, open_database(Path(folder) / "settings.sqlite"), names)),
        ]
        for turn in range(ROUNDS):
            batch = rows[turn * share : (turn + 1) * share]
            for name, commit in commits:
                took_s[name].append(_time(commit, batch, rows_a_commit))
            commits.append(commits.pop(0))
    note = f"{len(names)} registers a row; fdatasync of one page takes {answer_us:,} µs here"
    return [
        _row(rows_a_commit, share, took_s, peer) | {"note": note}
        for peer in (OUR_SETTINGS, AS_IT_COMES)
    ]


def _answer_us(folder: Path) -> int:
    """Measure how long the disk takes to answer for a page overwritten in place."""
    took_s = []
    with (folder / "answers").open("w+b", buffering=0) as file:
        for _ in range(ANSWERS):
            file.seek(0)
            file.write(bytes(PAGE_BYTES))
            began_s = time.perf_counter()
            os.fdatasync(file.fileno())
            took_s.append(time.perf_counter() - began_s)
    return round(statistics.median(took_s) * 1_000_000)


def _row(
    rows_a_commit: int, share: int, took_s: dict[str, list[float]], peer: str
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
    }


def _ours(stack: ExitStack, folder: Path) -> Commit:
    log = stack.enter_context(closing(Log(folder / "ours.sqlite")))
    log.use_marks(Marks(folder / MARKS_NAME, "bench"))
    meter_log = log.meter_log("SIM-E-0001", Medium.ELECTRICITY)

    def commit(rows: list[LogRow]) -> None:
        log.commit(Batch(rows=[(meter_log, row) for row in rows]))

    return commit


def _raw(stack: ExitStack, database: sqlite3.Connection, names: tuple[str, ...]) -> Commit:
    """Make the floor: a record for each sample, its values coded in one call, and nothing else."""
    stack.enter_context(closing(database))
    database.execute(SCHEMA)
    values, encode = itemgetter(*names), msgspec.msgpack.Encoder().encode

    def commit(rows: list[LogRow]) -> None:
        records = [
            (LOG, *fixed, quality, encode(values(registers)))
            for *fixed, registers, quality in map(msgspec.structs.astuple, rows)
        ]
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
    parts = [rows[at : at + rows_a_commit] for at in range(0, len(rows), rows_a_commit)]
    started = time.perf_counter()
    for part in parts:
        commit(part)
    return time.perf_counter() - started


if __name__ == "__main__":
    for line in measure():
        print(line)
