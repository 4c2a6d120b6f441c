"""The log: every sample that must be kept, durable before anything else may happen to it.

One append-only log per meter, in one SQLite file; one transaction takes everything a group commit
has to say. Owns the tables of `schema/`; must not decide what is logged, sent or freed.
"""

import contextlib
import secrets
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from agent.database import open_database, open_reader
from agent.records import Batch, MeterLog, RunChange, Specimen
from agent.rows import LogRow, Shape, checksum, decode_body, records_of, shape_of
from agent.timekeeping import Piece
from shared.errors import BadInputError
from shared.frames import LOG_ID_BYTES, MAX_SEQ
from shared.meterdays import unpack_day
from shared.ranges import Range
from shared.readings import Medium

MAX_QUARANTINE_ROWS = 500
"""Whole specimens kept for a look; older ones are dropped, their counts stay."""

MAX_QUARANTINE_BYTES = 8 * 1024


class Log:
    """The hub's log in its file.

    `commit` may run in another thread: writing has a lock, and reading a connection of its own that
    sees only what is committed, so that nothing uncommitted can be framed.
    """

    def __init__(self, path: Path) -> None:
        self._db = open_database(path)
        self._committed = open_reader(path)
        self._writing = threading.Lock()
        self._numbers: dict[str, int] = {}
        self._names: dict[int, str] = {}
        self._shapes: dict[int, Shape] = {}
        self._read_names()
        self._started: list[tuple[MeterLog, int | None]] = []
        (newest,) = self._db.execute("SELECT max(log) FROM logs").fetchone()
        self._newest_log: int = newest or 0
        self.meters: dict[str, MeterLog] = {
            row[2]: MeterLog(row[0], row[1], row[2], Medium(row[3]), row[4])
            for row in self._db.execute(
                "SELECT log, log_id, meter, medium, next_seq FROM logs WHERE is_open = 1"
            )
        }

    @property
    def committed(self) -> sqlite3.Connection:
        """A connection that reads what is committed, for rooms with tables of their own here."""
        return self._committed

    def write(self, sql: str, values: Sequence[object]) -> None:
        """Run one statement of a room that keeps its own table here, durably."""
        with self._writing:
            self._db.execute(sql, values)

    def close(self) -> None:
        """Close the file; the WAL is folded back into it."""
        self._committed.close()
        self._db.close()

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
        self._newest_log += 1
        log_id = secrets.token_bytes(LOG_ID_BYTES)
        started = MeterLog(self._newest_log, log_id, meter, medium, 1)
        former = self.meters.get(meter)
        self._started.append((started, former.log if former else None))
        self.meters[meter] = started
        return started

    def _write_started(self, started: list[tuple[MeterLog, int | None]]) -> None:
        for one, _ in started:
            self._db.execute("UPDATE logs SET is_open = 0 WHERE meter = ?", (one.meter,))
            self._db.execute(
                "INSERT INTO logs VALUES (?, ?, ?, ?, 1, 1)",
                (one.log, one.log_id, one.meter, one.medium.value),
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
        started = list(self._started)
        with self._transaction():
            self._write_started(started)
            self._write(batch)
            self._carry_runs_over(started)
        # Another may have been started meanwhile, in the thread that reads the meter.
        del self._started[: len(started)]

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        """Commit what the block wrote, or undo all of it, names included."""
        with self._writing:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                self._read_names()
                raise

    def _read_names(self) -> None:
        self._names = dict(self._db.execute("SELECT number, name FROM register_names"))
        self._numbers = {name: number for number, name in self._names.items()}
        self._shapes.clear()

    def _write(self, batch: Batch) -> None:
        if batch.rows:
            self._write_rows(batch.rows)
        if batch.run_changes:
            self._db.executemany(
                "INSERT OR REPLACE INTO register_runs VALUES (?, ?, ?, ?, ?)",
                [(c.log, c.register, c.from_seq, c.run, c.modulus) for c in batch.run_changes],
            )
        if batch.specimens:
            self._write_specimens(batch.specimens)
        if batch.days:
            self._db.executemany(
                "INSERT OR REPLACE INTO meter_days VALUES (?, ?, ?, ?, ?)", batch.days
            )
            self._db.executemany(
                "INSERT OR REPLACE INTO folded VALUES (?, ?)", list(batch.folded.items())
            )
        self._db.executemany("INSERT OR REPLACE INTO facts VALUES (?, ?)", batch.facts.items())
        for log, ranges in batch.stored.items():
            self._db.execute("DELETE FROM stored_ranges WHERE log = ?", (log,))
            self._db.executemany(
                "INSERT INTO stored_ranges VALUES (?, ?, ?, ?)", [(log, *r) for r in ranges]
            )

    def _write_rows(self, rows: list[tuple[MeterLog, LogRow]]) -> None:
        by_log: dict[int, list[LogRow]] = {}
        for meter_log, row in rows:
            by_log.setdefault(meter_log.log, []).append(row)
        for log, its_rows in by_log.items():
            shape = self._shapes.get(log) or self._new_shape(log, its_rows[0].registers)
            records = records_of(log, its_rows, shape, self._new_shape)
            self._db.executemany("INSERT INTO samples VALUES (?, ?, ?, ?, ?, ?, ?, ?)", records)
            self._db.execute(
                "UPDATE logs SET next_seq = ? WHERE log = ?", (its_rows[-1].seq + 1, log)
            )

    def _new_shape(self, log: int, names: Iterable[str]) -> Shape:
        """Work out the shape of a log's samples anew, numbering registers not seen before."""
        for name in names:
            if name not in self._numbers:
                number = len(self._numbers) + 1
                self._db.execute("INSERT INTO register_names VALUES (?, ?)", (number, name))
                self._numbers[name] = number
                self._names[number] = name
        shape = self._shapes[log] = shape_of(names, self._numbers)
        return shape

    def _write_specimens(self, specimens: Sequence[Specimen]) -> None:
        for one in specimens:
            self._db.execute(
                "INSERT INTO quarantine_counts VALUES (?, 1) "
                "ON CONFLICT (reason) DO UPDATE SET count = count + 1",
                (one.reason,),
            )
        self._db.executemany(
            "INSERT INTO quarantine (at_ms, source, reason, detail, raw) VALUES (?, ?, ?, ?, ?)",
            [
                (one.at_ms, one.source, one.reason, one.detail, one.raw[:MAX_QUARANTINE_BYTES])
                for one in specimens[-MAX_QUARANTINE_ROWS:]
            ],
        )
        self._db.execute(
            "DELETE FROM quarantine WHERE id <= (SELECT max(id) FROM quarantine) - ?",
            (MAX_QUARANTINE_ROWS,),
        )

    def read(self, log: int, first_seq: int, last_seq: int) -> Iterator[LogRow | Range]:
        """Yield the rows of a range in order; a row that fails its checksum comes as its range."""
        rows = self._committed.execute(
            "SELECT seq, boot, monotonic_ms, meter_clock_ms, captured_at_ms, body, checksum "
            "FROM samples WHERE log = ? AND seq BETWEEN ? AND ? ORDER BY seq",
            (log, first_seq, last_seq),
        ).fetchall()
        for seq, boot, monotonic_ms, meter_clock_ms, captured_at_ms, body, kept in rows:
            said = checksum(log, seq, boot, monotonic_ms, meter_clock_ms, captured_at_ms, body)
            if said != kept:
                yield (seq, seq)
                continue
            try:
                registers, quality = decode_body(body, self._names)
            except BadInputError:
                yield (seq, seq)
                continue
            yield LogRow(
                seq, boot, monotonic_ms, meter_clock_ms, captured_at_ms, registers, quality
            )

    def last_row(self, log: int) -> LogRow | None:
        """Read the newest sound row of a log."""
        newest = self._committed.execute(
            "SELECT max(seq) FROM samples WHERE log = ?", (log,)
        ).fetchone()
        for seq in range(newest[0] or 0, max((newest[0] or 0) - 100, 0), -1):
            for row in self.read(log, seq, seq):
                if isinstance(row, LogRow):
                    return row
        return None

    def last_closings(self, meter: str) -> dict[tuple[str, str], tuple[int, int]]:
        """Tell when each register run of a meter was last read, and what it said, in days kept."""
        closings: dict[tuple[str, str], tuple[int, int]] = {}
        for register, run, utc_day, edges in self._committed.execute(
            "SELECT register, run, max(utc_day), edges FROM meter_days JOIN logs USING (log) "
            "WHERE meter = ? GROUP BY log, register, run",
            (meter,),
        ):
            _, last = max(unpack_day(edges, utc_day).items())
            closing = (last.closing_at_ms, last.closing)
            closings[register, run] = max(closing, closings.get((register, run), closing))
        return closings

    def held_range(self, log: int, within: Range = (0, MAX_SEQ)) -> Range | None:
        """Say from which sequence to which a log holds rows, within a range of sequences."""
        first, last = self._committed.execute(
            # Two look-ups at the ends of the index; min and max in one would walk all of it.
            "SELECT (SELECT min(seq) FROM samples WHERE log = ?1 AND seq BETWEEN ?2 AND ?3), "
            "(SELECT max(seq) FROM samples WHERE log = ?1 AND seq BETWEEN ?2 AND ?3)",
            (log, *within),
        ).fetchone()
        return None if first is None else (int(first), int(last))

    def all_logs(self) -> list[MeterLog]:
        """List every log that holds rows, closed ones included."""
        return [
            MeterLog(row[0], row[1], row[2], Medium(row[3]), row[4])
            for row in self._committed.execute(
                "SELECT log, log_id, meter, medium, next_seq FROM logs "
                "WHERE is_open = 1 OR EXISTS (SELECT 1 FROM samples WHERE samples.log = logs.log) "
                "ORDER BY log"
            )
        ]

    def runs(self, log: int) -> list[RunChange]:
        """List a log's register runs, oldest first."""
        return [
            RunChange(log, *row)
            for row in self._committed.execute(
                "SELECT register, from_seq, run, modulus FROM register_runs "
                "WHERE log = ? ORDER BY from_seq",
                (log,),
            )
        ]

    def stored_ranges(self, log: int) -> list[tuple[int, int, int]]:
        """List what receipts have said is stored: first, last, frame revision."""
        return [
            (int(a), int(b), int(r))
            for a, b, r in self._committed.execute(
                "SELECT first_seq, last_seq, revision FROM stored_ranges WHERE log = ? "
                "ORDER BY first_seq",
                (log,),
            )
        ]

    def hold(self, log: int, first_seq: int, last_seq: int, code: str) -> None:
        """Remember that the cloud refused a range twice: it is kept, shown, and not sent again."""
        self.write(
            "INSERT OR REPLACE INTO held_ranges VALUES (?, ?, ?, ?)",
            (log, first_seq, last_seq, code),
        )

    def held_refused(self, log: int) -> list[tuple[int, int, str]]:
        """List the ranges held because the cloud refused them."""
        return [
            (int(a), int(b), str(code))
            for a, b, code in self._committed.execute(
                "SELECT first_seq, last_seq, code FROM held_ranges WHERE log = ?", (log,)
            )
        ]

    def meet_store(self, store_id: str) -> None:
        """Take another store as the cloud, and forget all that receipts of the one before said."""
        with self._transaction():
            self._db.execute(
                "INSERT OR REPLACE INTO facts VALUES ('store_id', ?)", (store_id.encode(),)
            )
            self._db.execute("DELETE FROM stored_ranges")
            self._db.execute("DELETE FROM held_ranges")

    def free(self, log: int, first_seq: int, last_seq: int) -> int:
        """Delete a range of rows; the caller has made sure that they are stored and old enough."""
        with self._writing:
            return self._db.execute(
                "DELETE FROM samples WHERE log = ? AND seq BETWEEN ? AND ?",
                (log, first_seq, last_seq),
            ).rowcount

    def quarantine_counts(self) -> dict[str, int]:
        """Count the quarantined input by reason."""
        return dict(self._committed.execute("SELECT reason, count FROM quarantine_counts"))

    def fact(self, name: str) -> bytes | None:
        """Read a small fact."""
        row = self._committed.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return None if row is None else bytes(row[0])

    def put_fact(self, name: str, value: bytes) -> None:
        """Write a small fact, durably."""
        self.write("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, value))

    def clock_pieces(self) -> list[Piece]:
        """Read the clock ledger, oldest first."""
        return [
            Piece(*row)
            for row in self._committed.execute(
                "SELECT boot, monotonic_ms, utc_ms, uncertainty_ms, source FROM clock_ledger "
                "ORDER BY boot, monotonic_ms"
            )
        ]

    def add_clock_piece(self, piece: Piece) -> None:
        """Keep a piece of the clock ledger, durably."""
        self.write(
            "INSERT OR REPLACE INTO clock_ledger VALUES (?, ?, ?, ?, ?)",
            (piece.boot, piece.monotonic_ms, piece.utc_ms, piece.uncertainty_ms, piece.source),
        )
