"""Salvages a damaged database: what can be read goes into a new one, the rest is declared.

The damaged file is moved aside, never deleted. Every step can be cut by a power loss and is taken
up again at the next start: the new database takes the old one's place only when it is whole.
"""

import contextlib
import os
import shutil
import sqlite3
import struct
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from agent.blocks import BlockHead, read_block
from agent.database import open_copy, open_database
from agent.reader import LogReader
from agent.rows import checksum
from shared.errors import OperatorError
from shared.frames import MAX_SEQ
from shared.ranges import count, subtract

SALVAGE_FACT = "salvage"
CHECK_S = 20.0
"""SQLite's own check at start; a file that takes longer is taken as it is, and rows are checked."""

MAX_BLOCKS = 1 << 20
"""More than a hundred meter-years of hours: where a damaged file cannot say how many it has."""

MAX_FAILURES = 20_000
"""Ranges of one table that may fail to be read: some thousand damaged pages, past which: a ruin."""

PROGRESS_STEPS = 100_000
DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
UNREADABLE = (sqlite3.DatabaseError, UnicodeDecodeError)
"""The second where SQLite's own message quotes bytes that rotted."""

BEFORE_SAMPLES = (
    *("boots", "clock_ledger", "logs", "register_names", "register_runs", "stored_ranges"),
    *("held_ranges", "damaged_ranges", "meter_days", "folded", "quarantine", "quarantine_counts"),
    *("facts", "consent", "departures"),
)
"""In this order no row comes before the one it names."""

IN_ORDER_OF_COMING = frozenset({"clock_ledger"})
"""Tables whose rows keep their rowid: of two pieces of one instant the later one has the say."""


class Salvage(msgspec.Struct, frozen=True):
    """What a salvage found: where the damaged file lies, why, rows kept, sequences given up."""

    moved_to: str
    reason: str
    rows: int
    lost: int


def salvage_if_damaged(path: Path) -> Salvage | None:
    """Put a salvaged database in a damaged one's place; None where it is sound, or there is none.

    Raises OperatorError where the disk has no room for it, or another process has the file.
    """
    finished = Path(f"{path}.salvaged")
    if finished.exists():
        _put_in_place(finished, path)
    reason = why_damaged(path) if path.exists() else None
    if reason is None:
        return None
    aside = _keep_aside(path)
    building = Path(f"{path}.salvaging")
    for leftover in (building, *_side_files(building)):
        leftover.unlink(missing_ok=True)
    found = _rebuild(path, building, str(aside), reason)
    building.replace(finished)
    _sync_folder(path.parent)
    _put_in_place(finished, path)
    return found


def why_damaged(path: Path) -> str | None:
    """Say what SQLite finds wrong with a file; None where it finds nothing."""
    try:
        with contextlib.closing(open_database(path)) as connection:
            deadline_s = time.monotonic() + CHECK_S
            connection.set_progress_handler(lambda: time.monotonic() > deadline_s, PROGRESS_STEPS)
            said = str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
            return None if said == "ok" else said
    except (OperatorError, sqlite3.Error) as error:
        cause = error.__cause__ if isinstance(error, OperatorError) else error
        if getattr(cause, "sqlite_errorcode", 0) & 0xFF in DAMAGED:
            return str(cause)
        if getattr(cause, "sqlite_errorcode", 0) == sqlite3.SQLITE_INTERRUPT:
            return None
        raise


def _keep_aside(path: Path) -> Path:
    """Give the damaged files a second name; their bytes stay whatever happens to the first."""
    number = 1
    while (aside := Path(f"{path}.damaged-{number}")).exists():
        number += 1
    for source, target in zip(
        (path, *_side_files(path)), (aside, *_side_files(aside)), strict=True
    ):
        if source.exists():
            try:
                os.link(source, target)
            except OSError:
                shutil.copyfile(source, target)
    _sync_folder(path.parent)
    return aside


def _side_files(path: Path) -> list[Path]:
    return [Path(f"{path}-wal"), Path(f"{path}-shm")]


def _put_in_place(finished: Path, path: Path) -> None:
    for leftover in _side_files(path):
        leftover.unlink(missing_ok=True)
    finished.replace(path)
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    file = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def _rebuild(path: Path, building: Path, aside: str, reason: str) -> Salvage:
    with contextlib.closing(open_database(building)) as new:
        new.execute("BEGIN IMMEDIATE")
        # Rows may name others that are lost; they are kept all the same.
        new.execute("PRAGMA defer_foreign_keys = ON")
        with contextlib.suppress(OperatorError), open_copy(path, is_mended=True) as old:
            for table in BEFORE_SAMPLES:
                _copy_table(old, new, table)
            _copy_samples(old, new)
            _copy_blocks(old, new)
        new.execute(
            "INSERT OR IGNORE INTO boots SELECT DISTINCT boot, 'lost-' || boot FROM clock_ledger"
        )
        _drop_orphans(new)
        lost = _declare_lost(new)
        kept = sum(LogReader(new).count_rows(one.log) for one in LogReader(new).entries())
        found = Salvage(aside, reason, kept, lost)
        new.execute(
            "INSERT OR REPLACE INTO facts VALUES (?, ?)",
            (SALVAGE_FACT, msgspec.json.encode(found)),
        )
        new.execute("COMMIT")
        new.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return found


def _copy_table(old: sqlite3.Connection, new: sqlite3.Connection, table: str) -> None:
    """Copy what of a small table can be read, from both ends: damage in its middle costs a page."""
    columns = [row[1] for row in new.execute(f"PRAGMA table_info({table})")]
    if table in IN_ORDER_OF_COMING:
        columns.insert(0, "rowid")
    keys = ", ".join(
        f"{row[1]} DESC" for row in new.execute(f"PRAGMA table_info({table})") if row[5]
    )
    marks = ", ".join("?" * len(columns))
    names = ", ".join(columns)
    for order in ("", f" ORDER BY {keys}"):
        rows = _until_damage(old, f"SELECT {names} FROM {table}{order}")  # noqa: S608 (ours)
        for row in rows:
            with contextlib.suppress(sqlite3.IntegrityError):
                new.execute(f"INSERT OR IGNORE INTO {table} ({names}) VALUES ({marks})", row)  # noqa: S608


def _until_damage(old: sqlite3.Connection, sql: str) -> Iterator[tuple[Any, ...]]:
    with contextlib.suppress(*UNREADABLE):
        yield from old.execute(sql)


def _readable(fetch: Callable[[int, int], list[Any]], first: int, last: int) -> Iterator[Any]:
    """Yield what can be read of a range of keys, halving it where a page of it is damaged."""
    ranges, failures = [(first, last)], 0
    while ranges and failures < MAX_FAILURES:
        first, last = ranges.pop()
        try:
            yield from fetch(first, last)
        except UNREADABLE:
            failures += 1
            if first < last:
                middle = (first + last) // 2
                ranges += [(middle + 1, last), (first, middle)]


def _copy_samples(old: sqlite3.Connection, new: sqlite3.Connection) -> None:
    """Copy the rows that fit their checksum."""
    for entry in LogReader(new).entries():

        def fetch(first: int, last: int, log: int = entry.log) -> list[Any]:
            return old.execute(
                "SELECT * FROM samples WHERE log = ? AND seq BETWEEN ? AND ? ORDER BY seq",
                (log, first, last),
            ).fetchall()

        for row in _readable(fetch, 1, _newest_possible(entry.next_seq)):
            if _is_sound(row):
                new.execute("INSERT OR IGNORE INTO samples VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)


def _newest_possible(next_seq: int) -> int:
    return min(max(int(next_seq) - 1, 1), MAX_SEQ)


def _is_sound(row: tuple[Any, ...]) -> bool:
    try:
        return bool(checksum(*row[:7]) == row[7])
    except (TypeError, ValueError, struct.error):
        return False


def _copy_blocks(old: sqlite3.Connection, new: sqlite3.Connection) -> None:
    """Copy the blocks that fit their checksum."""

    def fetch(first: int, last: int) -> list[Any]:
        return old.execute(
            "SELECT * FROM blocks NOT INDEXED WHERE rowid BETWEEN ? AND ?", (first, last)
        ).fetchall()

    try:
        (newest,) = old.execute("SELECT max(rowid) FROM blocks NOT INDEXED").fetchone()
    except UNREADABLE:
        newest = MAX_BLOCKS
    for *head, kept, body in _readable(fetch, 1, newest or 0):
        if read_block(BlockHead(*head), body, kept) is not None:
            new.execute(
                "INSERT OR IGNORE INTO blocks VALUES (?, ?, ?, ?, ?, ?, ?)", (*head, kept, body)
            )


def _drop_orphans(new: sqlite3.Connection) -> None:
    """Drop what names a log that is lost: nobody could tell what it speaks of."""
    for table, *_ in new.execute("PRAGMA foreign_key_check").fetchall():
        new.execute(f"DELETE FROM {table} WHERE log NOT IN (SELECT log FROM logs)")  # noqa: S608


def _declare_lost(new: sqlite3.Connection) -> int:
    """Declare the sequences that neither came through nor were stored; close every log.

    The next rows go into logs with new ids: the tail of what was acknowledged may be lost with the
    damage, and no number may name two samples.
    """
    reader, lost = LogReader(new), 0
    for entry in reader.entries():
        held = reader.held_ranges(entry.log)
        stored = [(a, b) for a, b, _ in reader.stored_ranges(entry.log)]
        first_seq = 1 if stored else (held[0][0] if held else entry.next_seq)
        for first, last in subtract([(first_seq, entry.next_seq - 1)], [*held, *stored]):
            if last >= first:
                new.execute(
                    "INSERT OR REPLACE INTO damaged_ranges VALUES (?, ?, ?, 'salvaged')",
                    (entry.log, first, last),
                )
                lost += count([(first, last)])
    return lost
