"""The log: every sample that must be kept, durable before anything else may happen to it.

One append-only log per meter, in one SQLite file; one transaction takes everything a group commit
has to say. Owns the tables of `schema/`; must not decide what is logged, sent, sealed or freed.
"""

import secrets
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import overload

import msgspec

from agent.database import Transaction, open_database, open_reader
from agent.marks import Marks
from agent.pieces import Piece
from agent.reader import LogReader
from agent.records import Batch, Hole, MeterLog, RemadeDays, RowsOfLog, by_log
from agent.rows import LogRow
from agent.starts import STARTS_FACT, Starts, without
from agent.writer import Writer
from shared.frames import LOG_ID_BYTES
from shared.ranges import Range
from shared.readings import Medium

NUMBERED = (
    *("logs", "samples", "blocks", "register_runs", "stored_ranges", "held_ranges"),
    *("damaged_ranges", "meter_days", "folded", "departures"),
)
"""Tables whose rows name a log by its number: none of them may come to speak of a new one."""


class Log(LogReader):
    """The hub's log in its file.

    `commit` may run in another thread: writing has a lock, and reading a connection of its own that
    sees only what is committed, so that nothing uncommitted can be framed.
    """

    def __init__(self, path: Path) -> None:
        self._db = open_database(path)
        super().__init__(open_reader(path))
        self._marks: Marks | None = None
        self._writing = threading.Lock()
        self._writer = Writer(self._db)
        self._transaction = Transaction(self._db, self._writing, self._writer.read_names)
        self._started: list[tuple[MeterLog, int | None]] = []
        self._moved: dict[int, tuple[MeterLog, int]] = {}
        self._newest_log: int = max(
            self._db.execute(f"SELECT coalesce(max(log), 0) FROM {table}").fetchone()[0]  # noqa: S608
            for table in NUMBERED
        )
        self.meters: dict[str, MeterLog] = {
            one.meter: MeterLog(one.log, one.log_id, one.meter, one.medium, one.next_seq)
            for one in self.entries()
            if one.is_open
        }
        self.starts = Starts(self.fact(STARTS_FACT), self.entries())
        """From where on the cloud can know no row of this database's that it has not answered for.
        """

    def write(self, sql: str, values: Sequence[object]) -> None:
        """Run one statement of a room that keeps its own table here, durably."""
        with self._writing:
            self._db.execute(sql, values)

    def use_marks(self, marks: Marks) -> None:
        """Keep these marks ahead of what is committed from now on."""
        marks.name(self.meters.values())
        self._marks = marks

    def close(self) -> None:
        """Close the file once a commit under way is done; the WAL is folded back into it."""
        with self._writing:
            if self._marks is not None:
                self._marks.settle(self._next_seqs())
            self._committed.close()
            self._db.close()

    def _next_seqs(self) -> dict[bytes, int]:
        return {one.log_id: one.next_seq for one in self.entries() if one.is_open}

    def boot_number(self, boot_id: str) -> int:
        """Number a boot, once and for ever."""
        self.write("INSERT OR IGNORE INTO boots (boot_id) VALUES (?)", (boot_id,))
        row = self._committed.execute(
            "SELECT boot FROM boots WHERE boot_id = ?", (boot_id,)
        ).fetchone()
        return int(row[0])

    def meter_log(self, meter: str, medium: Medium) -> MeterLog:
        """Find a meter's open log, or start one with a random id and sequence 1."""
        known = self.meters.get(meter)
        return known if known is not None else self.start_log(meter, medium)

    def start_log(self, meter: str, medium: Medium) -> MeterLog:
        """Start a new log for a meter, closing the one it had, which stays and is still sent.

        It is written with the next group commit, before its first row. Registers go on in the runs
        they are in: a new log is no anomaly of the meter.
        """
        former = self.meters.get(meter)
        started = self._new_log(meter, medium, 1)
        self._started.append((started, former.log if former else None))
        self.meters[meter] = started
        self.starts.begin(started.log)
        return started

    def _new_log(self, meter: str, medium: Medium, next_seq: int) -> MeterLog:
        self._newest_log += 1
        log_id = secrets.token_bytes(LOG_ID_BYTES)
        return MeterLog(self._newest_log, log_id, meter, medium, next_seq)

    def restart_log(self, former: MeterLog, from_seq: int) -> MeterLog:
        """Go on in a new log, and take the rows from `from_seq` on into it, whose numbers are used.

        Somebody else has sent other rows under them: this database was rewound. Rows that wait for
        their commit follow, numbered as those that are moved now. A closed log's go on in one that
        is closed too.
        """
        started = self._new_log(former.meter, former.medium, former.next_seq - from_seq + 1)
        moving = LogReader(self._db)
        is_open = any(one.log == former.log for one in self.meters.values())
        with self.transaction() as db:
            span = (from_seq, self._written_next(former) - 1)
            items = list(moving.read(former.log, *span))
            before = self._give_back(moving, former, span)
            self._write_started([(started, former.log)], is_open=is_open)
            self._write_again(former, before)
            self._write_again(started, [_renumbered(one, from_seq) for one in items])
            self._carry_runs_over([(started, former.log)])
            db.execute(
                "UPDATE logs SET next_seq = ?, is_open = 0 WHERE log = ?", (from_seq, former.log)
            )
            self._forget_starts(former.log)
        self._moved[former.log] = (started, from_seq)
        self.starts.settle(former.log, None)
        self.starts.owed.discard(former.log)
        self.starts.begin(started.log)
        if is_open:
            self.meters[former.meter] = started
        return started

    def note_answered(self, log: int, from_seq: int) -> None:
        """Note, durably, that the cloud knows nothing of a log from a sequence on.

        On a full disk a later start asks once more: what was sent meanwhile may then be sent twice.
        """
        if self.starts.is_settled(log):
            return
        with self.transaction():
            self.starts.settle(log, from_seq)
            self._forget_starts(log)
        self.starts.owed.discard(log)

    def _forget_starts(self, log: int) -> None:
        kept = self._db.execute("SELECT value FROM facts WHERE name = ?", (STARTS_FACT,)).fetchone()
        rest = without(kept[0] if kept else None, log)
        if rest is not None:
            self._write_fact(STARTS_FACT, rest)

    def _write_fact(self, name: str, value: bytes) -> None:
        self._db.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, value))

    def _written_next(self, meter_log: MeterLog) -> int:
        """Read the next sequence of a log as it is on disk, where the rows that wait do not count.

        A rotted block's end may say anything: no hole is read past it.
        """
        row = self._db.execute(
            "SELECT next_seq FROM logs WHERE log = ?", (meter_log.log,)
        ).fetchone()
        return 1 if row is None else int(row[0])

    def _write_again(self, meter_log: MeterLog, items: Sequence[LogRow | Hole]) -> None:
        """Write what was read of a log: its rows, and of every hole that it will have no row."""
        rows = [one for one in items if isinstance(one, LogRow)]
        if rows:
            self._writer.write_rows([(meter_log, rows)])
        for hole in items:
            if isinstance(hole, Hole):
                self._db.execute(
                    "INSERT OR REPLACE INTO damaged_ranges VALUES (?, ?, ?, ?)",
                    (meter_log.log, hole.first_seq, hole.last_seq, hole.kind.value),
                )
                self._db.execute(
                    "UPDATE logs SET next_seq = max(next_seq, ?) WHERE log = ?",
                    (hole.last_seq + 1, meter_log.log),
                )

    def _give_back(self, reader: LogReader, former: MeterLog, within: Range) -> list[LogRow | Hole]:
        """Delete a log's end; return what a block deleted with it held before that.

        A hole that was declared behind the end stays: somebody else used those numbers.
        """
        from_seq, last_seq = within
        span = (former.log, from_seq)
        (first,) = self._db.execute(
            "SELECT min(first_seq) FROM blocks WHERE log = ? AND last_seq >= ?", span
        ).fetchone()
        before = list(reader.read(former.log, first or from_seq, from_seq - 1))
        self._db.execute("DELETE FROM blocks WHERE log = ? AND last_seq >= ?", span)
        self._db.execute("DELETE FROM samples WHERE log = ? AND seq >= ?", span)
        self._db.execute(
            "DELETE FROM damaged_ranges WHERE log = ? AND first_seq BETWEEN ? AND ?",
            (*span, last_seq),
        )
        self._db.execute(
            "UPDATE damaged_ranges SET last_seq = ?2 - 1 "
            "WHERE log = ?1 AND first_seq < ?2 AND last_seq >= ?2",
            span,
        )
        return before

    def _write_started(
        self, started: list[tuple[MeterLog, int | None]], *, is_open: bool = True
    ) -> None:
        for one, _ in started:
            if is_open:
                self._db.execute("UPDATE logs SET is_open = 0 WHERE meter = ?", (one.meter,))
            self._db.execute(
                "INSERT INTO logs VALUES (?, ?, ?, ?, 1, ?)",
                (one.log, one.log_id, one.meter, one.medium.value, is_open),
            )

    def _carry_runs_over(self, started: list[tuple[MeterLog, int | None]]) -> None:
        """Give each started log the runs that its meter's registers are in by now."""
        for one, former in started:
            self._db.execute(
                "INSERT OR IGNORE INTO register_runs SELECT ?, register, 1, run, modulus "
                "FROM (SELECT register, run, modulus, max(from_seq) FROM register_runs "
                "WHERE log = ? GROUP BY register)",
                (one.log, former),
            )

    def commit(self, batch: Batch) -> None:
        """Write a batch durably: when this returns, a power cut takes none of it."""
        if self._moved:
            self._follow(batch)
        parted = by_log(batch.rows)
        if self._marks is not None:
            self._marks.cover(parted)
        started = list(self._started)
        with self.transaction():
            if started:
                self._write_started(started)
            if batch.rows and not self.starts.is_written:
                self._write_fact(STARTS_FACT, self.starts.fact())
            self._write(batch, parted)
            if started:
                self._carry_runs_over(started)
        self.starts.is_written = self.starts.is_written or bool(batch.rows)
        # Another may have been started meanwhile, in the thread that reads the meter.
        del self._started[: len(started)]

    def _follow(self, batch: Batch) -> None:
        """Let rows that waited while their log was restarted follow into the new one."""
        for place, (meter_log, row) in enumerate(batch.rows):
            target, from_seq = self._moved.get(meter_log.log, (meter_log, 1))
            if target is not meter_log and row.seq >= from_seq:
                batch.rows[place] = (target, _renumbered(row, from_seq))
        for place, change in enumerate(batch.run_changes):
            moved = self._moved.get(change.log)
            if moved is not None and change.from_seq >= moved[1]:
                seq = change.from_seq - moved[1] + 1
                batch.run_changes[place] = change.in_log(moved[0].log, seq)

    def transaction(self) -> Transaction:
        """Commit what the block wrote, or undo all of it, names included."""
        return self._transaction

    def _write(self, batch: Batch, parted: Sequence[RowsOfLog]) -> None:
        self._writer.write(batch, parted)

    def hold(self, log: int, first_seq: int, last_seq: int, code: str) -> None:
        """Remember that the cloud refused a range twice: it is kept, shown, and not sent again."""
        self.write(
            "INSERT OR REPLACE INTO held_ranges VALUES (?, ?, ?, ?)",
            (log, first_seq, last_seq, code),
        )

    def let_go(self, log: int, first_seq: int, last_seq: int) -> None:
        """Forget that the cloud refused a range: it is to be sent again."""
        self.write(
            "DELETE FROM held_ranges WHERE log = ? AND first_seq = ? AND last_seq = ?",
            (log, first_seq, last_seq),
        )

    def meet_store(self, store_id: str) -> None:
        """Take another store as the cloud, and forget all that receipts of the one before said."""
        with self.transaction() as db:
            db.execute("INSERT OR REPLACE INTO facts VALUES ('store_id', ?)", (store_id.encode(),))
            db.execute("DELETE FROM stored_ranges")
            db.execute("DELETE FROM held_ranges")

    def free(self, log: int, first_seq: int, last_seq: int) -> int:
        """Delete a range; the caller has made sure that it is stored and old enough.

        A block goes when the whole of it may. Returns how many rows went.
        """
        span = (log, first_seq, last_seq)
        whole = "WHERE log = ? AND first_seq >= ? AND last_seq <= ?"
        with self.transaction() as db:
            (packed,) = db.execute(
                f"SELECT coalesce(sum(row_count), 0) FROM blocks {whole}",  # noqa: S608 (a constant)
                span,
            ).fetchone()
            db.execute(f"DELETE FROM blocks {whole}", span)  # noqa: S608 (a constant)
            db.execute(f"DELETE FROM damaged_ranges {whole}", span)  # noqa: S608 (a constant)
            deleted = db.execute(
                "DELETE FROM samples WHERE log = ? AND seq BETWEEN ? AND ?", span
            ).rowcount
        return int(packed) + deleted

    def declare_lost(self, log: int, first_seq: int, last_seq: int, reason: str) -> None:
        """Say of sequences that they will never have a row, so that the cloud stops waiting."""
        self.write(
            "INSERT OR REPLACE INTO damaged_ranges VALUES (?, ?, ?, ?)",
            (log, first_seq, last_seq, reason),
        )

    def put_fact(self, name: str, value: bytes) -> None:
        """Write a small fact, durably."""
        self.write("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, value))

    def add_clock_piece(self, piece: Piece, remade: Sequence[RemadeDays] = ()) -> None:
        """Keep a piece of the clock ledger, and the days whose samples it moves, durably."""
        with self.transaction() as db:
            db.execute(
                "INSERT OR REPLACE INTO clock_ledger VALUES (?, ?, ?, ?, ?)",
                (piece.boot, piece.monotonic_ms, piece.utc_ms, piece.uncertainty_ms, piece.source),
            )
            for one in remade:
                db.executemany(
                    "DELETE FROM meter_days WHERE log = ? AND utc_day = ?",
                    [(one.log, utc_day) for utc_day in one.utc_days],
                )
                db.executemany("INSERT INTO meter_days VALUES (?, ?, ?, ?, ?)", one.rows)


@overload
def _renumbered(one: LogRow, from_seq: int) -> LogRow: ...
@overload
def _renumbered(one: Hole, from_seq: int) -> Hole: ...
def _renumbered(one: LogRow | Hole, from_seq: int) -> LogRow | Hole:
    if isinstance(one, Hole):
        return Hole(one.first_seq - from_seq + 1, one.last_seq - from_seq + 1, one.kind)
    return msgspec.structs.replace(one, seq=one.seq - from_seq + 1)
