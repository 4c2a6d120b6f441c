"""Writes the stored copy of the newest schema: `python -m tests.support.schemas` after a migration.

Copies of older schemas under tests/agent/databases/ are never written again.
"""

import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

from agent.database import migrations
from agent.log import Log
from agent.pieces import Piece
from agent.records import Batch, RunChange, Specimen
from shared.readings import Medium
from tests.support.hubs import METER, START_MS, append, row_at

DATABASES = Path(__file__).parents[1] / "agent" / "databases"


def fill(path: Path) -> None:
    """Write a little of everything a hub keeps, of a fictional meter."""
    log = Log(path)
    boot = log.boot_number("boot-a")
    meter_log = log.meter_log(METER, Medium.ELECTRICITY)
    rows = [
        row_at(
            seq,
            seq * 10_000,
            {"import_mwh": 999_000 + seq * 1_000, "power_import_w": 220 + seq * 10},
            meter_clock_ms=START_MS + seq * 10_000,
        )
        for seq in (1, 2)
    ]
    append(log, meter_log, rows)
    log.add_clock_piece(Piece(boot, 0, START_MS, 10, "ntp"))
    log.commit(
        Batch(
            run_changes=[RunChange(meter_log.log, "import_mwh", 2, "run-a", 0)],
            specimens=[Specimen(START_MS, "link", "bad-crc", "CRC 1 for 2", b"raw")],
            stored={meter_log.log: [(1, 1, 0)]},
        )
    )
    log.hold(meter_log.log, 2, 2, "bad-value")
    log.put_fact("store_id", b"store-1")
    log.write("INSERT INTO consent VALUES (?, ?)", (START_MS, "10s"))
    log.close()


def main() -> None:
    """Dump a filled database of the newest schema as SQL."""
    number = migrations()[-1][0]
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "hub.sqlite"
        fill(path)
        with closing(sqlite3.connect(path)) as connection:
            dump = "\n".join(connection.iterdump())
    title = f"-- A hub's database as schema {number} wrote it, of a fictional meter."
    target = DATABASES / f"schema_{number}.sql"
    target.write_text(f"{title}\n{dump}\nPRAGMA user_version = {number};\n")


if __name__ == "__main__":
    main()
