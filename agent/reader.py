"""Reads the log, rows and blocks alike, through one connection and by one path.

Sees only what is committed, and changes nothing. Serves the hub beside the writer, and `doctor` on
a connection of its own. Every method may raise sqlite3.Error.
"""

import sqlite3
import struct
from bisect import bisect_left
from collections import deque
from collections.abc import Iterator
from typing import Any, NamedTuple

from agent.blocks import BlockHead, read_columns
from agent.columns import Columns, joined
from agent.pieces import Piece
from agent.records import Hole, MeterLog, RunChange
from agent.rows import LogRow, checksum, decode_body
from shared.errors import BadInputError
from shared.frames import MAX_SEQ, GapKind
from shared.meterdays import unpack_day
from shared.ranges import Range, union
from shared.readings import Medium

ROW, BLOCK, DAMAGE = range(3)

READ_BACK_ROWS = 1_000
"""How far the newest sound row is looked for: three blocks, should the card have lost two."""

ROWS_AT_ONCE = 60

UNPACKED_BLOCKS = 2
"""Kept as they were unpacked: a frame looks at the row before it, which is of the block before."""

# One statement is one snapshot: a segment that is being sealed is seen as rows or as its block.
ITEMS = """
SELECT 0, seq AS first_seq, seq, boot, monotonic_ms, meter_clock_ms, captured_at_ms, body, checksum
FROM samples WHERE log = ?1 AND seq BETWEEN ?2 AND ?3
UNION ALL
SELECT 1, first_seq, last_seq, row_count, detail, NULL, NULL, body, checksum
FROM blocks WHERE log = ?1 AND first_seq <= ?3 AND last_seq >= ?2 AND first_seq >= coalesce(
    (SELECT max(first_seq) FROM blocks WHERE log = ?1 AND first_seq <= ?2), ?2)
UNION ALL
SELECT 2, first_seq, last_seq, 0, 0, NULL, NULL, NULL, 0
FROM damaged_ranges WHERE log = ?1 AND first_seq <= ?3 AND last_seq >= ?2
ORDER BY 2
"""

SPANS = """
SELECT min(seq), max(seq) FROM (
    SELECT seq, seq - row_number() OVER (ORDER BY seq) AS island FROM samples WHERE log = ?1
) GROUP BY island
UNION ALL SELECT first_seq, last_seq FROM blocks WHERE log = ?1
UNION ALL SELECT first_seq, last_seq FROM damaged_ranges WHERE log = ?1
"""


class LogEntry(NamedTuple):
    """One meter's log as its table lists it."""

    log: int
    log_id: bytes
    meter: str
    medium: Medium
    next_seq: int
    is_open: bool


class LogReader:
    """What is committed, as one connection sees it."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._committed = connection
        self._names: dict[int, str] = {}
        self._unpacked: deque[tuple[tuple[object, ...], Columns | None]]
        self._unpacked = deque(maxlen=UNPACKED_BLOCKS)

    @property
    def committed(self) -> sqlite3.Connection:
        """A connection that reads what is committed, for rooms with tables of their own here."""
        return self._committed

    def read(self, log: int, first_seq: int, last_seq: int) -> Iterator[LogRow | Hole]:
        """Yield the rows of a range in order, and the holes that are known in it.

        A row or a block that fails its checksum comes as a damaged hole; what thinning gave up as
        a thinned one. A sequence that nothing is known of is passed over.
        """
        items = self._committed.execute(ITEMS, (log, first_seq, last_seq)).fetchall()
        expected = first_seq
        for place, item in enumerate(items):
            # A damaged number may say anything: a hole ends where the next item begins.
            end = items[place + 1][1] - 1 if place + 1 < len(items) else last_seq
            for one in self._read_item(log, item, (expected, last_seq), min(end, last_seq)):
                start = one.seq if isinstance(one, LogRow) else one.first_seq
                stop = one.seq if isinstance(one, LogRow) else one.last_seq
                if stop < expected or start > last_seq:
                    continue
                if isinstance(one, Hole):
                    one = Hole(max(start, expected), min(stop, last_seq), one.kind)  # noqa: PLW2901
                expected = stop + 1
                yield one

    def _read_item(
        self, log: int, item: tuple[Any, ...], within: Range, end: int
    ) -> Iterator[LogRow | Hole]:
        """Yield what an item has within a range; holes may reach beyond it, a damaged one to `end`.

        A block is not made rows of beyond what is asked for: often that is one of them.
        """
        form, first_seq, last_seq, *fields = item
        if form == ROW:
            row = self._sound_row(log, first_seq, fields)
            yield row if row is not None else Hole(first_seq, first_seq, GapKind.DAMAGED)
            return
        columns = self._unpack(log, item) if form == BLOCK else None
        if columns is None:
            is_number = isinstance(last_seq, int) and first_seq <= last_seq
            yield Hole(
                first_seq, max(first_seq, min(last_seq, end)) if is_number else end, GapKind.DAMAGED
            )
            return
        yield from _with_holes(columns, (first_seq, last_seq), within)

    def _unpack(self, log: int, item: tuple[Any, ...]) -> Columns | None:
        """Unpack a block, or take it from the last time: frames and the page ask for the same."""
        _, first_seq, last_seq, row_count, detail, _, _, body, kept = item
        head = BlockHead(log, first_seq, last_seq, row_count, detail)
        key = (*head, kept, body)
        for known, columns in self._unpacked:
            if known == key:
                return columns
        columns = read_columns(head, body, kept)
        self._unpacked.append((key, columns))
        return columns

    def read_columns(self, log: int, first_seq: int, last_seq: int) -> Columns | None:
        """Read a range as columns; None unless sound blocks have a row of each of its sequences.

        Nor where their registers differ, or any row lacks one. `read` reads whatever there is.
        """
        parts: list[Columns] = []
        expected = first_seq
        for item in self._committed.execute(ITEMS, (log, first_seq, last_seq)):
            columns = self._unpack(log, item) if item[0] == BLOCK else None
            part = columns.between(expected, last_seq) if columns is not None else None
            if part is None or not part.is_regular or part.seqs[0] != expected:
                return None
            parts.append(part)
            expected = part.seqs[-1] + 1
        return joined(parts) if parts and expected == last_seq + 1 else None

    def _sound_row(self, log: int, seq: int, fields: list[Any]) -> LogRow | None:
        """Decode a row; None for a damaged one, also where columns hold values of another kind."""
        boot, monotonic_ms, meter_clock_ms, captured_at_ms, body, kept = fields
        try:
            said = checksum(log, seq, boot, monotonic_ms, meter_clock_ms, captured_at_ms, body)
            if said != kept:
                return None
            registers, quality = self._decode_body(body)
        except (BadInputError, TypeError, ValueError, struct.error):
            return None
        return LogRow(seq, boot, monotonic_ms, meter_clock_ms, captured_at_ms, registers, quality)

    def _decode_body(self, body: bytes) -> tuple[dict[str, int], int]:
        try:
            return decode_body(body, self._names)
        except BadInputError:
            # A register may have been numbered since the names were read.
            self._names = dict(self._committed.execute("SELECT number, name FROM register_names"))
            return decode_body(body, self._names)

    def last_row(self, log: int) -> LogRow | None:
        """Read the newest sound row of a log."""
        held = self.held_range(log)
        if held is None:
            return None
        return next(self.rows_back(log, held[1], READ_BACK_ROWS), None)

    def rows_back(self, log: int, last_seq: int, count: int) -> Iterator[LogRow]:
        """Yield the sound rows of the last `count` sequences up to one, the newest first.

        A few are in memory at a time: what is looked for is mostly among them.
        """
        first_seq = max(last_seq - count + 1, 0)
        for end_seq in range(last_seq, first_seq - 1, -ROWS_AT_ONCE):
            items = list(self.read(log, max(end_seq - ROWS_AT_ONCE + 1, first_seq), end_seq))
            yield from (one for one in reversed(items) if isinstance(one, LogRow))

    def read_row(self, log: int, seq: int) -> LogRow | None:
        """Read one sound row; None where there is none."""
        return next((row for row in self.read(log, seq, seq) if isinstance(row, LogRow)), None)

    def held_range(self, log: int, within: Range = (0, MAX_SEQ)) -> Range | None:
        """Say from which sequence to which a log has something to say, within a range."""
        first, last = self._committed.execute(
            # Look-ups at the ends of each index; min and max in one would walk all of it.
            "SELECT min(a), max(b) FROM ("
            "SELECT (SELECT min(seq) FROM samples WHERE log = ?1 AND seq BETWEEN ?2 AND ?3) AS a, "
            "(SELECT max(seq) FROM samples WHERE log = ?1 AND seq BETWEEN ?2 AND ?3) AS b "
            "UNION ALL SELECT (SELECT first_seq FROM blocks WHERE log = ?1 AND last_seq >= ?2 "
            "AND first_seq <= ?3 ORDER BY first_seq LIMIT 1), (SELECT last_seq FROM blocks "
            "WHERE log = ?1 AND first_seq <= ?3 AND last_seq >= ?2 ORDER BY first_seq DESC LIMIT 1)"
            " UNION ALL SELECT min(first_seq), max(last_seq) FROM damaged_ranges WHERE log = ?1 "
            "AND first_seq <= ?3 AND last_seq >= ?2)",
            (log, *within),
        ).fetchone()
        if first is None:
            return None
        return max(int(first), within[0]), min(int(last), within[1])

    def held_ranges(self, log: int) -> list[Range]:
        """List the ranges of sequences that a log has rows of, or knows why it has none."""
        return union(self._committed.execute(SPANS, (log,)))

    def count_rows(self, log: int) -> int:
        """Count the rows a log holds, in either form."""
        (count,) = self._committed.execute(
            "SELECT (SELECT count(*) FROM samples WHERE log = ?1) + "
            "(SELECT coalesce(sum(row_count), 0) FROM blocks WHERE log = ?1)",
            (log,),
        ).fetchone()
        return int(count)

    def count_loose(self, log: int) -> int:
        """Count the rows of a log that are not sealed yet."""
        (count,) = self._committed.execute(
            "SELECT (SELECT count(*) FROM samples WHERE log = ?1) + (SELECT "
            "coalesce(sum(row_count), 0) FROM blocks WHERE log = ?1 AND detail < 0)",
            (log,),
        ).fetchone()
        return int(count)

    def entries(self) -> list[LogEntry]:
        """List every log, closed ones included."""
        return [
            LogEntry(log, log_id, meter, Medium(medium), next_seq, bool(is_open))
            for log, log_id, meter, medium, next_seq, is_open in self._committed.execute(
                "SELECT log, log_id, meter, medium, next_seq, is_open FROM logs ORDER BY log"
            )
        ]

    def all_logs(self) -> list[MeterLog]:
        """List every log that holds rows, closed ones included, and every open one."""
        return [
            MeterLog(one.log, one.log_id, one.meter, one.medium, one.next_seq)
            for one in self.entries()
            if one.is_open or self.held_range(one.log) is not None
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

    def held_refused(self, log: int) -> list[tuple[int, int, str]]:
        """List the ranges held because the cloud refused them."""
        return [
            (int(a), int(b), str(code))
            for a, b, code in self._committed.execute(
                "SELECT first_seq, last_seq, code FROM held_ranges WHERE log = ? "
                "ORDER BY first_seq",
                (log,),
            )
        ]

    def declared_damage(self, log: int) -> list[tuple[int, int, str]]:
        """List the ranges that will never have a row, with the reason."""
        return self._committed.execute(
            "SELECT first_seq, last_seq, reason FROM damaged_ranges WHERE log = ? "
            "ORDER BY first_seq",
            (log,),
        ).fetchall()

    def quarantine_counts(self) -> dict[str, int]:
        """Count the quarantined input by reason."""
        return dict(self._committed.execute("SELECT reason, count FROM quarantine_counts"))

    def fact(self, name: str) -> bytes | None:
        """Read a small fact."""
        row = self._committed.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return None if row is None else bytes(row[0])

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

    def clock_pieces(self) -> list[Piece]:
        """Read the clock ledger in order of time; pieces of one instant in the order they came."""
        return [
            Piece(*row)
            for row in self._committed.execute(
                "SELECT boot, monotonic_ms, utc_ms, uncertainty_ms, source FROM clock_ledger "
                "ORDER BY boot, monotonic_ms, rowid"
            )
        ]


def _with_holes(columns: Columns, span: Range, within: Range) -> Iterator[LogRow | Hole]:
    """Yield a block's rows within a range and, between them, what thinning gave up of its span."""
    start = bisect_left(columns.seqs, within[0])
    expected = columns.seqs[start - 1] + 1 if start else span[0]
    for row in columns.between(*within).rows():
        if row.seq > expected:
            yield Hole(expected, row.seq - 1, GapKind.THINNED)
        yield row
        expected = row.seq + 1
    stop = bisect_left(columns.seqs, expected)
    last_seq = columns.seqs[stop] - 1 if stop < len(columns.seqs) else span[1]
    if expected <= last_seq:
        yield Hole(expected, last_seq, GapKind.THINNED)
