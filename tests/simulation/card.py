"""The card a run's hub keeps its files on: emptied, imaged, put back, aged, and turned bit by bit.

What is done here is done behind the hub's back; only `age` and `flip_bits` know its tables.
"""

import shutil
import sqlite3
from pathlib import Path
from random import Random

from agent.blocks import BlockHead, read_block
from agent.database import open_database
from agent.marks import MARKS_NAME
from agent.records import MeterLog
from agent.rows import LogRow
from agent.writer import Writer
from shared.readings import Medium
from tests.simulation.witness import Key

DATABASE = "hub.sqlite"
FIRST_SCHEMA = 1
LATER_TABLES = ("blocks", "damaged_ranges", "departures")
STORED_BODIES = """
SELECT 'samples', 'seq', log, lower(hex(log_id)), seq, seq, body FROM samples JOIN logs USING (log)
UNION ALL
SELECT 'blocks', 'first_seq', log, lower(hex(log_id)), first_seq, last_seq, body
FROM blocks JOIN logs USING (log) ORDER BY 3, 5
"""


class Card:
    """One folder; the database's file keeps its place while its content comes and goes."""

    def __init__(self, folder: Path) -> None:
        self.database = folder / DATABASE
        self._marks = folder / MARKS_NAME
        self._template = folder / "template.sqlite"
        open_database(self._template).close()
        self._image: dict[Path, bytes | None] = {}

    def begin(self) -> None:
        """Begin with an empty database of the newest schema."""
        for path in self._files():
            if path != self.database:
                path.unlink(missing_ok=True)
        shutil.copyfile(self._template, self.database)
        self.take_image()

    def take_image(self) -> None:
        """Copy every file as it is at this moment: another card with the same on it."""
        self._image = {
            path: path.read_bytes() if path.exists() else None for path in self._files()
        }

    def put_back(self, *, is_whole: bool) -> None:
        """Put the last image back; one that is not whole is the database alone, its marks newer."""
        for path, content in self._image.items():
            if path == self._marks and not is_whole:
                continue
            if content is None:
                path.unlink(missing_ok=True)
            else:
                path.write_bytes(content)

    def _files(self) -> list[Path]:
        return [self.database, *(Path(f"{self.database}-{end}") for end in ("wal", "shm")), self._marks]

    def age(self) -> bool:
        """Make the database one that the first release wrote; False where it holds what that had not.

        The first release knew rows alone: neither blocks nor what is declared lost.
        """
        disk = sqlite3.connect(self.database, isolation_level=None)
        try:
            rows = _rows_of_blocks(disk)
            if rows is None:
                return False
            disk.execute("BEGIN")
            next_seqs = disk.execute("SELECT next_seq, log FROM logs").fetchall()
            Writer(disk).write_rows(rows)
            disk.executemany("UPDATE logs SET next_seq = ? WHERE log = ?", next_seqs)
            for table in LATER_TABLES:
                disk.execute(f"DROP TABLE {table}")
            disk.execute(f"PRAGMA user_version = {FIRST_SCHEMA}")
            disk.execute("COMMIT")
        finally:
            disk.close()
        return True

    def set_schema(self, number: int) -> int:
        """Say that the database has another schema; returns the one it had."""
        disk = sqlite3.connect(self.database, isolation_level=None)
        (before,) = disk.execute("PRAGMA user_version").fetchone()
        disk.execute(f"PRAGMA user_version = {number}")
        disk.close()
        return int(before)


def flip_bits(disk: sqlite3.Connection, draw: Random, places: int) -> set[Key]:
    """Flip a bit in some rows and blocks; returns the samples that are damaged by it."""
    held = disk.execute(STORED_BODIES).fetchall()
    damaged: set[Key] = set()
    for table, column, log, log_id, first_seq, last_seq, body in draw.sample(
        held, min(len(held), places)
    ):
        flipped = bytearray(body)
        flipped[draw.randrange(len(flipped))] ^= 1 << draw.randrange(8)
        disk.execute(
            f"UPDATE {table} SET body = ? WHERE log = ? AND {column} = ?",
            (bytes(flipped), log, first_seq),
        )
        damaged |= {Key(log_id, seq) for seq in range(first_seq, last_seq + 1)}
    return damaged


def _rows_of_blocks(disk: sqlite3.Connection) -> list[tuple[MeterLog, LogRow]] | None:
    """Unpack every block; None where one is damaged or thinned, or something is declared lost."""
    (lost,) = disk.execute("SELECT count(*) FROM damaged_ranges").fetchone()
    (thinned,) = disk.execute(
        "SELECT count(*) FROM blocks WHERE row_count <> last_seq - first_seq + 1"
    ).fetchone()
    if lost or thinned:
        return None
    rows: list[tuple[MeterLog, LogRow]] = []
    for *head, kept, body in disk.execute("SELECT * FROM blocks ORDER BY log, first_seq"):
        unpacked = read_block(BlockHead(*head), body, kept)
        if unpacked is None:
            return None
        meter_log = MeterLog(head[0], b"", "", Medium.ELECTRICITY, 1)
        rows += [(meter_log, row) for row in unpacked]
    return rows
