"""Samples that nobody will ever know the time of: named for the cloud, and counted. Pure reading.

The ledger decides which they are; their rows stay in the log as they were written.
"""

import sqlite3
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator

from agent.blocks import BLOCK_ROWS
from agent.reader import READ_BACK_ROWS, LogReader
from agent.records import Hole
from agent.rows import LogRow
from agent.timekeeping import ClockLedger
from shared.frames import GapKind

MAX_BOOTS_COUNTED = 32
"""The newest boots without a time whose samples the page counts: each costs some look-ups."""


Resolve = Callable[[LogRow], tuple[int, int] | None]


def told_once(resolve: Resolve) -> Resolve:
    """Keep the answer for the row that was asked about last: each of a backlog is dated twice.

    Here, whether it can be dated at all, and then where frames are cut.
    """
    asked: LogRow | None = None
    answer: tuple[int, int] | None = None

    def tell(row: LogRow) -> tuple[int, int] | None:
        nonlocal asked, answer
        if row is not asked:
            asked, answer = row, resolve(row)
        return answer

    return tell


def name_untimed(
    items: Iterable[LogRow | Hole], ledger: ClockLedger, boot: int, resolve: Resolve | None = None
) -> Iterator[LogRow | Hole]:
    """Pass a log's rows on, with holes in the place of those that can never be dated.

    `boot` is the one that runs: its newest rows may yet learn their time, and are passed on.
    `resolve` is the ledger's own where none is given.
    """
    dating = resolve or ledger.resolve
    hole: Hole | None = None
    for one in items:
        if (
            not isinstance(one, LogRow)
            or not ledger.is_settled(one.boot, one.monotonic_ms, boot)
            or dating(one) is not None
        ):
            if hole is not None:
                yield hole
            hole = None
            yield one
        elif hole is not None and hole.last_seq + 1 == one.seq:
            hole = Hole(hole.first_seq, one.seq, GapKind.UNTIMED)
        else:
            if hole is not None:
                yield hole
            hole = Hole(one.seq, one.seq, GapKind.UNTIMED)
    if hole is not None:
        yield hole


def undated_boots(connection: sqlite3.Connection) -> list[int]:
    """List the boots that no source has told the time in, oldest first."""
    rows = connection.execute(
        "SELECT boot FROM boots WHERE boot NOT IN (SELECT boot FROM clock_ledger) ORDER BY boot"
    )
    return [int(boot) for (boot,) in rows]


def count_boot_rows(connection: sqlite3.Connection, log: int, boot: int) -> int:
    """Count the sound rows that a log has of one boot, sealed or not.

    Boots follow each other in a log: those before and after it are not unpacked.
    """
    reader = LogReader(connection)
    held = reader.held_range(log)
    if held is None:
        return 0

    def boot_at(seq: int) -> int:
        rows = reader.read(log, seq, min(seq + READ_BACK_ROWS, held[1]))
        return next((row.boot for row in rows if isinstance(row, LogRow)), boot)

    seqs = range(held[0], held[1] + 1)
    count = 0
    for first in seqs[bisect_left(seqs, boot, key=boot_at) :: BLOCK_ROWS]:
        items = list(reader.read(log, first, min(first + BLOCK_ROWS - 1, held[1])))
        rows = [item for item in items if isinstance(item, LogRow)]
        count += sum(row.boot == boot for row in rows)
        if rows and rows[-1].boot > boot:
            break
    return count


def count_untimed(reader: LogReader, boot: int) -> int:
    """Count the samples held of the newest ended boots that no source told the time in."""
    ended = [one for one in undated_boots(reader.committed) if one != boot][-MAX_BOOTS_COUNTED:]
    return sum(
        count_boot_rows(reader.committed, entry.log, one)
        for entry in reader.entries()
        for one in ended
    )
