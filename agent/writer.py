"""Writes what a group commit has to say into the log's tables, in its caller's transaction.

Numbers registers and knows the shape of each log's rows. Begins and ends no transaction.
"""

import sqlite3
from collections.abc import Iterable, Mapping, Sequence

from agent.blocks import make_commit_block
from agent.departures import write_departures
from agent.records import Batch, RowsOfLog, Specimen
from agent.rows import LogRow, Shape, records_of, shape_of

LEAST_PACKED_ROWS = 4
"""Fewer are smaller as rows: a block carries the names of its registers."""

MOST_PACKED_ROWS = 60
"""What a rotten byte can take: ten minutes of a commit that wrote many rows at once."""

MAX_QUARANTINE_ROWS = 500
"""Whole specimens kept for a look; older ones are dropped, their counts stay."""

MAX_QUARANTINE_BYTES = 8 * 1024


class Writer:
    """Writes through one connection."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._cursor = db.cursor()
        """Kept for what every commit writes: to make one takes longer than to use it."""
        self._numbers: dict[str, int] = {}
        self._shapes: dict[int, Shape] = {}
        self.read_names()

    def read_names(self) -> None:
        """Read which register has which number: also after a transaction was undone."""
        self._numbers = dict(self._db.execute("SELECT name, number FROM register_names"))
        self._shapes.clear()

    def write(self, batch: Batch, parted: Sequence[RowsOfLog]) -> None:
        """Write a batch, whose rows come parted by their log."""
        self.write_rows(parted)
        if batch.run_changes:
            self._db.executemany(
                "INSERT OR REPLACE INTO register_runs VALUES (?, ?, ?, ?, ?)",
                [(c.log, c.register, c.from_seq, c.run, c.modulus) for c in batch.run_changes],
            )
        if batch.specimens:
            self._write_specimens(batch.specimens)
        # Read once: what is made anew meanwhile is taken out of the batch, and written after it.
        days = batch.days
        if days:
            self._db.executemany("INSERT OR REPLACE INTO meter_days VALUES (?, ?, ?, ?, ?)", days)
            self._db.executemany(
                "INSERT OR REPLACE INTO folded VALUES (?, ?)", list(batch.folded.items())
            )
        if batch.facts:
            self._db.executemany("INSERT OR REPLACE INTO facts VALUES (?, ?)", batch.facts.items())
        if batch.departures:
            write_departures(self._db, batch.departures)
        if batch.stored and batch.stored_by in (None, self._read_store()):
            self._write_stored(batch.stored)

    def write_rows(self, parted: Sequence[RowsOfLog]) -> None:
        """Write rows, each log's in order of sequence, and count its next sequence on."""
        for meter_log, rows in parted:
            log = meter_log.log
            for start in range(0, len(rows), MOST_PACKED_ROWS):
                self._write_some(log, rows[start : start + MOST_PACKED_ROWS])
            self._cursor.execute(
                "UPDATE logs SET next_seq = ? WHERE log = ?", (rows[-1].seq + 1, log)
            )

    def _write_some(self, log: int, rows: list[LogRow]) -> None:
        """Write rows as one block, which costs one place in a tree for all of them.

        Where they are few, or leave out a sequence, each is a row by itself.
        """
        if len(rows) < LEAST_PACKED_ROWS or rows[-1].seq - rows[0].seq != len(rows) - 1:
            self.write_loose(log, rows)
            return
        head, body, checksum = make_commit_block(log, rows)
        self._cursor.execute(
            "INSERT INTO blocks VALUES (?, ?, ?, ?, ?, ?, ?)", (*head, checksum, body)
        )

    def write_loose(self, log: int, rows: list[LogRow]) -> None:
        """Write rows of one log, each by itself."""
        shape = self._shapes.get(log) or self._new_shape(log, rows[0].registers)
        records = records_of(log, rows, shape, self._new_shape)
        self._cursor.executemany("INSERT INTO samples VALUES (?, ?, ?, ?, ?, ?, ?, ?)", records)

    def _new_shape(self, log: int, names: Iterable[str]) -> Shape:
        """Work out the shape of a log's samples anew, numbering registers not seen before."""
        for name in names:
            if name not in self._numbers:
                # A salvage may leave gaps: a number once given is never given again.
                number = max(self._numbers.values(), default=0) + 1
                self._db.execute("INSERT INTO register_names VALUES (?, ?)", (number, name))
                self._numbers[name] = number
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

    def _read_store(self) -> str:
        row = self._db.execute("SELECT value FROM facts WHERE name = 'store_id'").fetchone()
        return "" if row is None else bytes(row[0]).decode()

    def _write_stored(self, stored: Mapping[int, list[tuple[int, int, int]]]) -> None:
        for log, ranges in stored.items():
            self._db.execute("DELETE FROM stored_ranges WHERE log = ?", (log,))
            self._db.executemany(
                "INSERT INTO stored_ranges VALUES (?, ?, ?, ?)", [(log, *r) for r in ranges]
            )
