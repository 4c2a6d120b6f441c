"""What befalls a hub's card: bits that turn, and databases of an earlier or a later release.

Done behind the hub's back, by SQLite alone, while no hub has the file.
"""

import contextlib
import sqlite3
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from random import Random
from typing import NamedTuple

from agent.blocks import BlockHead, read_block
from agent.database import READABLE_FACT
from agent.rows import LogRow
from agent.writer import Writer

FIRST_SCHEMA = 1
LATER_SCHEMA = 1_000
LATER_TABLES = ("blocks", "damaged_ranges", "departures")
"""What the first release had not."""

STORED_BODIES = """
SELECT 'samples', 'seq', log, lower(hex(log_id)), seq, seq, body FROM samples JOIN logs USING (log)
UNION ALL
SELECT 'blocks', 'first_seq', log, lower(hex(log_id)), first_seq, last_seq, body
FROM blocks JOIN logs USING (log) ORDER BY 3, 5
"""


class Key(NamedTuple):
    """A sample's place in the world."""

    log_id: str
    seq: int


def flip_bits(disk: sqlite3.Connection, draw: Random, places: int, newest: int = 0) -> set[Key]:
    """Flip a bit in some rows and blocks; returns the samples that are damaged by it.

    Of the `newest` ones only, where that is not 0.
    """
    held = disk.execute(STORED_BODIES).fetchall()[-newest:]
    damaged: set[Key] = set()
    for table, column, log, log_id, first_seq, last_seq, body in draw.sample(
        held, min(len(held), places)
    ):
        flipped = bytearray(body)
        flipped[draw.randrange(len(flipped))] ^= 1 << draw.randrange(8)
        disk.execute(
            f"UPDATE {table} SET body = ? WHERE log = ? AND {column} = ?",  # noqa: S608 (constants)
            (bytes(flipped), log, first_seq),
        )
        damaged |= {Key(log_id, seq) for seq in range(first_seq, last_seq + 1)}
    return damaged


def age(database: Path) -> bool:
    """Make a database one that the first release wrote; False where it holds what that had not.

    The first release knew rows alone: neither blocks nor what is declared lost.
    """
    with contextlib.closing(sqlite3.connect(database, isolation_level=None)) as disk:
        rows = _rows_of_blocks(disk)
        if rows is None:
            return False
        disk.execute("BEGIN")
        writer = Writer(disk)
        for log, of_log in groupby(rows, itemgetter(0)):
            writer.write_loose(log, [row for _, row in of_log])
        for table in LATER_TABLES:
            disk.execute(f"DROP TABLE {table}")
        disk.execute("DELETE FROM facts WHERE name = ?", (READABLE_FACT,))
        disk.execute(f"PRAGMA user_version = {FIRST_SCHEMA}")
        disk.execute("COMMIT")
    return True


def come_from_later(database: Path, readable_from: int) -> None:
    """Make a database one that a later release wrote, with its word on who may go on with it."""
    with contextlib.closing(sqlite3.connect(database, isolation_level=None)) as disk:
        disk.execute("BEGIN")
        disk.execute(
            "INSERT OR REPLACE INTO facts VALUES (?, ?)", (READABLE_FACT, b"%d" % readable_from)
        )
        disk.execute(f"PRAGMA user_version = {LATER_SCHEMA}")
        disk.execute("COMMIT")


def name_schema(database: Path, name: str) -> str:
    """Give the schema of a cloud's database another name; return the one it had."""
    with contextlib.closing(sqlite3.connect(database, isolation_level=None)) as store:
        (had,) = store.execute("SELECT version_num FROM alembic_version").fetchone()
        store.execute("UPDATE alembic_version SET version_num = ?", (name,))
    return str(had)


def _rows_of_blocks(disk: sqlite3.Connection) -> list[tuple[int, LogRow]] | None:
    """Unpack every block; None where one is damaged or thinned, or something is declared lost."""
    (lost,) = disk.execute("SELECT count(*) FROM damaged_ranges").fetchone()
    (thinned,) = disk.execute(
        "SELECT count(*) FROM blocks WHERE row_count <> last_seq - first_seq + 1"
    ).fetchone()
    if lost or thinned:
        return None
    rows: list[tuple[int, LogRow]] = []
    for *head, kept, body in disk.execute("SELECT * FROM blocks ORDER BY log, first_seq"):
        unpacked = read_block(BlockHead(*head), body, kept)
        if unpacked is None:
            return None
        rows += [(head[0], row) for row in unpacked]
    return rows
