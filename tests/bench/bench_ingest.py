"""How many samples a second ingest merges on SQLite, beside inserting a row for each of them."""

import random
import sqlite3
import tempfile
import time
from pathlib import Path
from typing import Any

from cloud.bootstrap import open_database
from cloud.config import load
from cloud.ingest.hubbatch import Rules
from cloud.ingest.intake import Message
from cloud.ingest.service import IngestService
from shared.clock import SystemClock
from shared.frames import encode_frame, frame_of
from shared.readings import StampedSample
from shared.units import MS_PER_DAY

FRAMES = 400
SAMPLES_PER_FRAME = 360
BATCH = 64
EVERY_MS = 10_000
LOG_ID = bytes(range(16))


def measure() -> list[dict[str, Any]]:
    """Merge some weeks of ten-second samples, and insert the same as rows, on the same disk."""
    rows, messages = _history()
    with tempfile.TemporaryDirectory(prefix="hearthlink-bench-") as folder:
        ours = len(rows) / _merge(Path(folder), messages)
        theirs = len(rows) / _insert(Path(folder) / "rows.db", rows)
    return [
        {
            "name": "ingest, frames of 360 samples to committed meter-days",
            "ours": round(ours),
            "unit": "samples/s",
            "peer": "sqlite3 row for each value, executemany, one commit for 64 frames",
            "theirs": round(theirs),
            "ratio": round(ours / theirs, 2),
            "target": 1,
            "note": "four tariff registers and power; synchronous=FULL; one process",
        }
    ]


def _history() -> tuple[list[tuple[int, int]], list[Message]]:
    rng = random.Random(7)
    now_ms = SystemClock().utc_ms()
    start_ms = now_ms - 60 * MS_PER_DAY
    rows: list[tuple[int, int]] = []
    messages = []
    value = 1_000_000_000
    for first in range(0, FRAMES * SAMPLES_PER_FRAME, SAMPLES_PER_FRAME):
        samples = []
        for seq in range(first, first + SAMPLES_PER_FRAME):
            value += rng.randint(0, 3) * 1_000
            at_ms = start_ms + seq * EVERY_MS
            rows.append((at_ms, value))
            registers = {
                "import_t1_mwh": value,
                "import_t2_mwh": 5_000_000,
                "export_t1_mwh": 0,
                "export_t2_mwh": 0,
                "power_import_w": rng.randint(100, 500),
            }
            samples.append(StampedSample(seq, at_ms, registers))
        payload = encode_frame(frame_of(LOG_ID, "M1", 0, samples))
        messages.append(Message("hub-1", payload, now_ms))
    return rows, messages


def _merge(folder: Path, messages: list[Message]) -> float:
    clock = SystemClock()
    config = load(None, environment={"HEARTHLINK_CLOUD_STATE_DIR": str(folder)})
    database = open_database(config, clock)
    service = IngestService(database, clock, Rules())
    started_s = time.perf_counter()
    for place in range(0, len(messages), BATCH):
        receipts = service.ingest(messages[place : place + BATCH])
    took_s = time.perf_counter() - started_s
    assert receipts[-1].receipt.stored == [(0, FRAMES * SAMPLES_PER_FRAME - 1, 0)]
    database.close()
    return took_s


def _insert(path: Path, rows: list[tuple[int, int]]) -> float:
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(
            "CREATE TABLE readings (meter TEXT, register TEXT, at_ms INTEGER, value INTEGER, "
            "PRIMARY KEY (meter, register, at_ms)) WITHOUT ROWID"
        )
        registers = ("import_t1_mwh", "import_t2_mwh", "export_t1_mwh", "export_t2_mwh", "power_w")
        started_s = time.perf_counter()
        size = BATCH * SAMPLES_PER_FRAME
        for place in range(0, len(rows), size):
            connection.executemany(
                "INSERT INTO readings VALUES ('M1', ?, ?, ?) ON CONFLICT DO NOTHING",
                [(name, *row) for row in rows[place : place + size] for name in registers],
            )
            connection.commit()
        return time.perf_counter() - started_s


if __name__ == "__main__":
    for line in measure():
        print(line)
