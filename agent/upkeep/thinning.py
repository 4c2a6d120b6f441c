"""Thinning: what is given up, and in which order, when there is no room to keep everything.

The written policy (docs/durability.md): ten-second detail goes before half-hours, half-hours before
days, the oldest first; of each, what the cloud has before what only this hub has. The openings and
closings that stay are read values, so the energy of every span kept stays exact.
"""

import sqlite3
from bisect import bisect_right
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from agent.blocks import BLOCK_ROWS, DAYS, EVERY_ROW, HALF_HOURS, make_block
from agent.log import Log
from agent.reader import LogReader
from agent.records import Hole, RunChange
from agent.rows import LogRow
from shared.calendar import local_date, slot_of_sample
from shared.frames import GapKind
from shared.ranges import Range, contains
from shared.readings import COUNTERS
from shared.units import SLOT_MS

POLICY = ((HALF_HOURS, True), (HALF_HOURS, False), (DAYS, True), (DAYS, False))
"""What is thinned first: (to what, whether the cloud has it)."""

BLOCKS_AT_ONCE = 24
"""A day of one meter: what one transaction thins, some tenths of a second on a small board."""

Resolve = Callable[[LogRow], tuple[int, int] | None]


@dataclass(frozen=True, slots=True)
class Thinner:
    """What thinning needs to know: the log, its times, the household's zone, what is stored."""

    log: Log
    resolve: Resolve
    zone: ZoneInfo
    stored: Callable[[int], Sequence[Range]]

    def thin(self) -> int:
        """Thin the next stretch that the policy names, of each log; return the rows given up.

        0 says that nothing is left to be thinned.
        """
        for detail, is_stored in POLICY:
            given_up = sum(
                self._thin_log(entry.log, detail, is_stored=is_stored)
                for entry in self.log.entries()
            )
            if given_up:
                return given_up
        return 0

    def _thin_log(self, log: int, detail: int, *, is_stored: bool) -> int:
        """Thin the oldest stretch of a log; one that gives nothing up is passed over."""
        while spans := self._oldest(log, detail, is_stored=is_stored):
            given_up = self._thin_blocks(log, spans, detail)
            if given_up:
                return given_up
        return 0

    def _oldest(self, log: int, detail: int, *, is_stored: bool) -> list[Range]:
        """Find the oldest neighbouring blocks that have more detail than this."""
        stored = self.stored(log)
        found: list[Range] = []
        for first_seq, last_seq in self.log.committed.execute(
            "SELECT first_seq, last_seq FROM blocks WHERE log = ? AND detail >= ? AND detail < ? "
            "ORDER BY first_seq",
            (log, EVERY_ROW, detail),
        ):
            is_next = not found or first_seq == found[-1][1] + 1
            if contains(stored, first_seq, last_seq) is is_stored and is_next:
                found.append((first_seq, last_seq))
            elif found:
                break
            if len(found) == BLOCKS_AT_ONCE:
                break
        return found

    def _thin_blocks(self, log: int, spans: list[Range], detail: int) -> int:
        with self.log.transaction() as db:
            reader = LogReader(db)
            rows: list[LogRow] = []
            for place, span in enumerate(spans):
                items = list(reader.read(log, *span))
                if any(isinstance(one, Hole) and one.kind is GapKind.DAMAGED for one in items):
                    if place == 0:
                        return _give_up_damaged(db, log, span)
                    spans = spans[:place]
                    break
                rows += [one for one in items if isinstance(one, LogRow)]
            kept = thin_rows(rows, reader.runs(log), self.resolve, detail, self.zone)
            _replace_blocks(db, log, (spans[0][0], spans[-1][1]), kept, detail)
        return len(rows) - len(kept)


def _give_up_damaged(db: sqlite3.Connection, log: int, span: Range) -> int:
    """Declare a damaged block, which only its room is good for; its rows were lost before."""
    db.execute("DELETE FROM blocks WHERE log = ? AND first_seq = ?", (log, span[0]))
    db.execute("INSERT OR REPLACE INTO damaged_ranges VALUES (?, ?, ?, 'checksum')", (log, *span))
    return span[1] - span[0] + 1


def _replace_blocks(
    db: sqlite3.Connection, log: int, span: Range, kept: list[LogRow], detail: int
) -> None:
    """Put blocks of the rows that stay in the place of those from `span`, covering all of it."""
    db.execute("DELETE FROM blocks WHERE log = ? AND first_seq BETWEEN ? AND ?", (log, *span))
    first_seq = span[0]
    for start in range(0, len(kept), BLOCK_ROWS):
        rows = kept[start : start + BLOCK_ROWS]
        last_seq = rows[-1].seq if start + BLOCK_ROWS < len(kept) else span[1]
        head, body, checksum = make_block(log, rows, detail=detail, span=(first_seq, last_seq))
        db.execute("INSERT INTO blocks VALUES (?, ?, ?, ?, ?, ?, ?)", (*head, checksum, body))
        first_seq = last_seq + 1


def thin_rows(
    rows: Sequence[LogRow],
    changes: Sequence[RunChange],
    resolve: Resolve,
    detail: int,
    zone: ZoneInfo,
) -> list[LogRow]:
    """Keep of each span, and of each register run in it, the first and the last value read.

    A span is a half hour, or a local day; of a row whose time is not known, a half hour of its
    boot. The very first and last row stay too. A row that stays, stays whole.
    """
    starts = [change.from_seq for change in changes]
    edges: dict[Hashable, tuple[tuple[int, int], tuple[int, int]]] = {}
    for row in rows:
        resolved = resolve(row)
        key: tuple[Hashable, ...] = ("boot", row.boot, (row.monotonic_ms - 1) // SLOT_MS)
        at_ms = row.monotonic_ms
        if resolved is not None:
            at_ms = resolved[0]
            key = ("day", local_date(at_ms - 1, zone))
            if detail == HALF_HOURS:
                key = ("slot", slot_of_sample(at_ms))
        place = (at_ms, row.seq)
        for register in COUNTERS.intersection(row.registers):
            of = (*key, register, bisect_right(starts, row.seq))
            opening, closing = edges.get(of, (place, place))
            edges[of] = (min(opening, place), max(closing, place))
    kept = {place[1] for pair in edges.values() for place in pair}
    kept |= {rows[0].seq, rows[-1].seq}
    return [row for row in rows if row.seq in kept]


def count_thinned(connection: sqlite3.Connection) -> dict[int, int]:
    """Count the rows given up by log."""
    return dict(
        connection.execute(
            "SELECT log, sum(last_seq - first_seq + 1 - row_count) FROM blocks GROUP BY log "
            "HAVING sum(last_seq - first_seq + 1 - row_count) > 0"
        )
    )
