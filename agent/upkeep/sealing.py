"""Seals full segments of the log into blocks: the same rows, a tenth of the room.

In one transaction each: a cut leaves a segment as rows or as its block, never as neither. Nothing
is deleted before its block was read again and found equal.
"""

import sqlite3
from collections.abc import Sequence

from agent.blocks import AS_COMMITTED, BLOCK_ROWS, make_block
from agent.log import Log
from agent.reader import LogReader
from agent.rows import LogRow
from shared.errors import BadInputError
from shared.ranges import Range

LOOSE = """
SELECT seq, seq, 1 FROM samples WHERE log = ?1 AND seq > ?2
UNION ALL
SELECT first_seq, last_seq, row_count FROM blocks
WHERE log = ?1 AND first_seq > ?2 AND detail = ?3
ORDER BY 1 LIMIT ?4
"""

BLOCKS_AT_ONCE = 4
"""What one hold of the log's lock seals: some 40 ms on a small board, then commits may go on."""


def seal(log: Log, most_blocks: int = BLOCKS_AT_ONCE) -> int:
    """Seal the oldest full segments; return how many rows were sealed, 0 where none is full."""
    sealed = 0
    for entry in log.entries():
        after_seq = _sealed_to(log.committed, entry.log)
        for _ in range(most_blocks):
            segment = _first_full(log.committed, entry.log, after_seq)
            if segment is None:
                break
            sealed += _seal_segment(log, entry.log, segment)
            after_seq = segment[1]
    return sealed


def _sealed_to(connection: sqlite3.Connection, log: int) -> int:
    found = connection.execute(
        "SELECT last_seq FROM blocks WHERE log = ? AND detail > ? ORDER BY first_seq DESC LIMIT 1",
        (log, AS_COMMITTED),
    ).fetchone()
    return int(found[0]) if found is not None else 0


def _first_full(connection: sqlite3.Connection, log: int, after_seq: int) -> Range | None:
    """Find the first rows, loose or as committed, that fill a block; None where they are fewer.

    Damaged ones stay as they are, for their bytes to be looked at; the rest is sealed around them.
    """
    rows, first_seq = 0, None
    for first, last, count in connection.execute(LOOSE, (log, after_seq, AS_COMMITTED, BLOCK_ROWS)):
        first_seq = first if first_seq is None else first_seq
        rows += count
        if rows >= BLOCK_ROWS:
            return int(first_seq), int(last)
    return None


def _seal_segment(log: Log, number: int, segment: Range) -> int:
    sealed = 0
    with log.transaction() as db:
        items = list(LogReader(db).read(number, *segment))
        for rows in _segments([one for one in items if isinstance(one, LogRow)]):
            sealed += _put_block(db, number, rows)
    return sealed


def _segments(rows: Sequence[LogRow]) -> list[list[LogRow]]:
    """Part rows where a sequence is missing or damaged: a block has no hole but thinned ones."""
    segments: list[list[LogRow]] = []
    for row in rows:
        if segments and segments[-1][-1].seq + 1 == row.seq:
            segments[-1].append(row)
        else:
            segments.append([row])
    return segments


def _put_block(db: sqlite3.Connection, log: int, rows: list[LogRow]) -> int:
    """Replace rows by their block; halves of it where the rows do not fit one."""
    try:
        head, body, checksum = make_block(log, rows)
    except BadInputError:
        if len(rows) == 1:
            return 0
        middle = len(rows) // 2
        return _put_block(db, log, rows[:middle]) + _put_block(db, log, rows[middle:])
    span = (log, head.first_seq, head.last_seq)
    db.execute("DELETE FROM samples WHERE log = ? AND seq BETWEEN ? AND ?", span)
    db.execute("DELETE FROM blocks WHERE log = ? AND first_seq >= ? AND last_seq <= ?", span)
    db.execute("INSERT INTO blocks VALUES (?, ?, ?, ?, ?, ?, ?)", (*head, checksum, body))
    return len(rows)
