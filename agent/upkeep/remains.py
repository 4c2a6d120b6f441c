"""Copies what can be read of a damaged database into a new one, and remembers what could not.

Keeps a sample only where it is certain whose it is and what its numbers mean; moves no file.
"""

import contextlib
import sqlite3
import struct
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from agent.blocks import BlockHead, read_block
from agent.marks import Marks
from agent.reader import LogReader
from agent.rows import checksum, decode_body
from agent.upkeep.lostlogs import name_lost_logs, settle_next_seqs
from agent.upkeep.storage_days import FACT_PREFIX, fact_of
from shared.errors import BadInputError
from shared.frames import LOG_ID_BYTES, MAX_SEQ
from shared.ranges import Range, count, subtract
from shared.readings import Medium

MAX_BLOCKS = 1 << 20
"""More than a hundred meter-years of hours: where a damaged file cannot say how many it has."""

MAX_FAILURES = 20_000
"""Ranges of one table that may fail to be read: some thousand damaged pages, past which: a ruin."""

UNREADABLE = (sqlite3.DatabaseError, UnicodeDecodeError)
"""The second where SQLite's own message quotes bytes that rotted."""

BEFORE_SAMPLES = (
    *("boots", "clock_ledger", "logs", "register_names", "register_runs", "stored_ranges"),
    *("held_ranges", "damaged_ranges", "meter_days", "folded", "quarantine", "quarantine_counts"),
    *("facts", "consent", "departures"),
)
"""In this order no row comes before the one it names."""

MEDIA = frozenset(medium.value for medium in Medium)

_Row = tuple[Any, ...]


IN_ORDER_OF_COMING = frozenset({"clock_ledger"})
"""Tables whose rows keep their rowid: of two pieces of one instant the later one has the say."""


class Remains:
    """What is left of one damaged database: `copy` takes it over, inside the caller's transaction.

    `partly` names the tables that could not be read whole; `orphans` counts the samples that were
    readable, but of a log that is lost, so that nobody can tell which meter they are of.
    """

    def __init__(
        self, old: sqlite3.Connection, new: sqlite3.Connection, marks: Marks | None = None
    ) -> None:
        """`marks` are those of this very database, which name logs that it may have lost."""
        self._old, self._new, self._marks = old, new, marks
        self._logs: dict[int, int] = {}
        self._boots: set[int] = set()
        self._least: dict[int, int] = {}
        self.partly: list[str] = []
        self.orphans = 0

    def copy(self) -> None:
        """Copy everything; what could not be read is in `partly` and `orphans` afterwards."""
        for table in BEFORE_SAMPLES:
            if not self._copy_table(table):
                self.partly.append(table)
        used = {} if self._marks is None else name_lost_logs(self._new, self._marks)
        self._take_logs()
        self._copy_samples()
        self._copy_blocks()
        settle_next_seqs(self._new, used)
        self._take_logs()
        for table in ("blocks", "damaged_ranges"):
            self._ask_index(table)

    def _take_logs(self) -> None:
        self._logs = {one.log: one.next_seq for one in LogReader(self._new).entries()}

    def _copy_table(self, table: str) -> bool:
        """Copy a small table from both ends, and by its indexes: damage in it costs a page.

        Tell whether it was read from its beginning to its end.
        """
        fields = self._new.execute(f"PRAGMA table_info({table})").fetchall()
        columns = [field[1] for field in fields]
        if table in IN_ORDER_OF_COMING:
            columns.insert(0, "rowid")
        names = ", ".join(columns)
        keys = ", ".join(f"{field[1]} DESC" for field in fields if field[5])
        marks = ", ".join("?" * len(columns))
        insert = f"INSERT OR IGNORE INTO {table} ({names}) VALUES ({marks})"  # noqa: S608 (ours)
        is_whole = self._copy_until_damage(f"SELECT {names} FROM {table} NOT INDEXED", insert)  # noqa: S608
        for order in ("", f" ORDER BY {keys}"):
            self._copy_until_damage(f"SELECT {names} FROM {table}{order}", insert)  # noqa: S608
        return is_whole or self._is_older(table)

    def _copy_until_damage(self, select: str, insert: str) -> bool:
        """Copy what a statement reads; tell whether it came to its end."""
        try:
            for row in self._old.execute(select):
                if " INTO logs (" not in insert or _is_log(row):
                    with contextlib.suppress(sqlite3.IntegrityError):
                        self._new.execute(insert, row)
        except UNREADABLE:
            return False
        return True

    def _is_older(self, table: str) -> bool:
        """Tell whether a table is missing because its schema had none yet: nothing is lost."""
        try:
            there = set(_column(self._old, "SELECT name FROM sqlite_master"))
        except UNREADABLE:
            return False
        return "logs" in there and table not in there

    def _copy_samples(self) -> None:
        """Copy the rows that fit their checksum, and whose registers' numbers all have a name."""
        names = dict(self._new.execute("SELECT number, name FROM register_names"))
        for log, next_seq in self._logs.items():
            failed: list[Range] = []

            def fetch(first: int, last: int, log: int = log) -> list[Any]:
                return self._old.execute(
                    "SELECT * FROM samples WHERE log = ? AND seq BETWEEN ? AND ? ORDER BY seq",
                    (log, first, last),
                ).fetchall()

            for row in _readable(fetch, 1, _newest_possible(next_seq), failed):
                if _is_sound(row, names):
                    self._new.execute(
                        "INSERT OR IGNORE INTO samples VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row
                    )
                    self._boots.add(row[2])
                else:
                    self._suspect(log, row[1])
            if failed:
                self._note_partly("samples")
                self._suspect(log, min(first for first, _ in failed))
        self._count_orphans()

    def _count_orphans(self) -> None:
        """Count the rows of logs that are lost, as far as they can be read."""
        log: int | None = -(1 << 63)
        try:
            while log is not None:
                (log,) = self._old.execute(
                    "SELECT min(log) FROM samples WHERE log > ?", (log,)
                ).fetchone()
                if log is not None and log not in self._logs:
                    (rows,) = self._old.execute(
                        "SELECT count(*) FROM samples WHERE log = ?", (log,)
                    ).fetchone()
                    self.orphans += rows
        except UNREADABLE:
            self._note_partly("samples")

    def _copy_blocks(self) -> None:
        """Copy the blocks that fit their checksum and whose log is there."""

        def fetch(first: int, last: int) -> list[Any]:
            return self._old.execute(
                "SELECT * FROM blocks NOT INDEXED WHERE rowid BETWEEN ? AND ?", (first, last)
            ).fetchall()

        try:
            (newest,) = self._old.execute("SELECT max(rowid) FROM blocks NOT INDEXED").fetchone()
        except UNREADABLE:
            newest = MAX_BLOCKS
        failed: list[Range] = []
        for *fields, kept, body in _readable(fetch, 1, newest or 0, failed):
            head = BlockHead(*fields)
            rows = read_block(head, body, kept)
            if rows is None:
                continue
            if head.log not in self._logs:
                self.orphans += len(rows)
                continue
            self._new.execute(
                "INSERT OR IGNORE INTO blocks VALUES (?, ?, ?, ?, ?, ?, ?)", (*head, kept, body)
            )
            self._boots.update(row.boot for row in rows)
        if failed:
            self._note_partly("blocks")

    def _ask_index(self, table: str) -> None:
        """Ask a table's index, which lies in pages of its own, where each log began in it."""
        for log in self._logs:
            try:
                (first,) = self._old.execute(
                    f"SELECT min(first_seq) FROM {table} WHERE log = ?",  # noqa: S608 (ours)
                    (log,),
                ).fetchone()
            except UNREADABLE:
                first = 1 if table in self.partly else None
            if isinstance(first, int):
                self._suspect(log, max(first, 1))

    def _suspect(self, log: int, seq: int) -> None:
        """Remember that a log held something from this sequence on: earlier ones were freed."""
        self._least[log] = min(seq, self._least.get(log, seq))

    def _note_partly(self, table: str) -> None:
        if table not in self.partly:
            self.partly.append(table)

    def tie_up(self) -> int:
        """Name lost boots, drop what names a lost log, declare lost sequences; count these."""
        boots = {*self._boots, *_column(self._new, "SELECT DISTINCT boot FROM clock_ledger")}
        # A number that anything kept carries is never given to another boot.
        self._new.executemany(
            "INSERT OR IGNORE INTO boots VALUES (?, ?)", [(one, f"lost-{one}") for one in boots]
        )
        self._drop_orphans()
        return self._declare_lost()

    def _drop_orphans(self) -> None:
        """Drop what names a log that is lost: nobody could tell what it speaks of."""
        for table in {row[0] for row in self._new.execute("PRAGMA foreign_key_check").fetchall()}:
            self._new.execute(f"DELETE FROM {table} WHERE log NOT IN (SELECT log FROM logs)")  # noqa: S608
        known = {fact_of(log) for log in self._logs}
        for name in _column(self._new, "SELECT name FROM facts"):
            if str(name).startswith(FACT_PREFIX) and name not in known:
                self._new.execute("DELETE FROM facts WHERE name = ?", (name,))

    def _declare_lost(self) -> int:
        """Declare the sequences that neither came through nor were stored.

        Those before the first that the log held were freed; where receipts can be read whole, they
        tell that better.
        """
        reader, lost = LogReader(self._new), 0
        for log, next_seq in self._logs.items():
            held = reader.held_ranges(log)
            stored = [(a, b) for a, b, _ in reader.stored_ranges(log)]
            first_seq = min(held[0][0] if held else next_seq, self._least.get(log, next_seq))
            if stored and "stored_ranges" not in self.partly:
                first_seq = 1
            for first, last in subtract([(first_seq, next_seq - 1)], [*held, *stored]):
                if last >= first:
                    self._new.execute(
                        "INSERT OR REPLACE INTO damaged_ranges VALUES (?, ?, ?, 'salvaged')",
                        (log, first, last),
                    )
                    lost += count([(first, last)])
        return lost


def _column(connection: sqlite3.Connection, sql: str) -> list[Any]:
    return [row[0] for row in connection.execute(sql).fetchall()]


def _readable(
    fetch: Callable[[int, int], list[Any]], first: int, last: int, failed: list[Range]
) -> Iterator[Any]:
    """Yield what can be read of a range of keys, halving it where a page of it is damaged.

    What cannot be read is put into `failed`.
    """
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
            else:
                failed.append((first, last))
    failed += ranges


def _newest_possible(next_seq: int) -> int:
    return min(max(int(next_seq) - 1, 1), MAX_SEQ)


def _is_log(row: _Row) -> bool:
    """Tell whether a row of `logs` can be one: a number that rotted names no log of ours."""
    log, log_id, meter, medium, next_seq, _ = row
    return (
        isinstance(log, int)
        and isinstance(log_id, bytes)
        and len(log_id) == LOG_ID_BYTES
        and isinstance(meter, str)
        and medium in MEDIA
        and isinstance(next_seq, int)
    )


def _is_sound(row: _Row, names: Mapping[int, str]) -> bool:
    """Tell whether a row is as it was written, and can be read by the names that are left."""
    try:
        if checksum(*row[:7]) != row[7]:
            return False
        decode_body(row[6], names)
    except (BadInputError, TypeError, ValueError, struct.error):
        return False
    return True
