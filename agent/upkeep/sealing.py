"""Seals full segments of the log into blocks: the same rows, a tenth of the room.

In one transaction each: a cut leaves a segment as rows or as its block, never as neither. Nothing
is deleted before its block was read again and found equal.
"""

import sqlite3
from collections.abc import Sequence

from agent.blocks import BLOCK_ROWS, make_block
from agent.log import Log
from agent.reader import LogReader
from agent.rows import LogRow
from shared.errors import BadInputError

BLOCKS_AT_ONCE = 4
"""What one hold of the log's lock seals: some 40 ms on a small board, then commits may go on."""


def seal(log: Log, most_blocks: int = BLOCKS_AT_ONCE) -> int:
    """Seal the oldest full segments; return how many rows were sealed, 0 where none is full."""
    sealed = 0
    for entry in log.entries():
        after_seq = _sealed_to(log.committed, entry.log)
        for _ in range(most_blocks):
            first_seq = _first_full(log.committed, entry.log, after_seq)
            if first_seq is None:
                break
            sealed += _seal_segment(log, entry.log, first_seq)
            after_seq = first_seq + BLOCK_ROWS - 1
    return sealed


def _sealed_to(connection: sqlite3.Connection, log: int) -> int:
    found = connection.execute(
        "SELECT max(last_seq) FROM blocks WHERE log = ? AND first_seq = "
        "(SELECT max(first_seq) FROM blocks WHERE log = ?)",
        (log, log),
    ).fetchone()
    return int(found[0] or 0)


def _first_full(connection: sqlite3.Connection, log: int, after_seq: int) -> int | None:
    """Find the first of as many rows as a block takes; None where they are fewer.

    Damaged rows stay as they are, for their bytes to be looked at; the rest is sealed around them.
    """
    found = connection.execute(
        "SELECT min(seq), count(*) FROM "
        "(SELECT seq FROM samples WHERE log = ? AND seq > ? ORDER BY seq LIMIT ?)",
        (log, after_seq, BLOCK_ROWS),
    ).fetchone()
    return int(found[0]) if found[1] == BLOCK_ROWS else None


def _seal_segment(log: Log, number: int, first_seq: int) -> int:
    sealed = 0
    with log.transaction() as db:
        last_seq = first_seq + BLOCK_ROWS - 1
        items = list(LogReader(db).read(number, first_seq, last_seq))
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
    db.execute("INSERT INTO blocks VALUES (?, ?, ?, ?, ?, ?, ?)", (*head, checksum, body))
    db.execute(
        "DELETE FROM samples WHERE log = ? AND seq BETWEEN ? AND ?",
        (log, head.first_seq, head.last_seq),
    )
    return len(rows)
