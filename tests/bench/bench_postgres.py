"""How fast ingest fills PostgreSQL, and how many bytes a half hour takes, beside plain rows.

Frames come from memory, some twice and some late, to as many processes as there are cores, on a
server of the bench's own that makes every commit durable.
"""

import random
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from typing import Any, NamedTuple

import psycopg

from cloud.db import Database
from cloud.ingest.hubbatch import Rules
from cloud.ingest.intake import Message
from cloud.ingest.service import IngestService
from shared.clock import SystemClock
from shared.frames import decode_frame, encode_frame, frame_of
from shared.readings import StampedSample
from shared.units import MS_PER_DAY
from tests.support.postgres import PostgresServer

WORKERS = 2
HUBS = 12
FRAMES = 120
"""Of each hub: five days of hours."""

SAMPLES = 360
EVERY_MS = 10_000
BATCH = 64
LATE_SHARE, TWICE_SHARE = 0.05, 0.10
LATE_FRAMES = 24
"""How much later one comes that is late."""

SETTINGS = {"shared_buffers": "256MB", "max_wal_size": "4GB", "wal_compression": "on"}
ROWS = "at_ms bigint, import_mwh bigint, export_mwh bigint, power_w integer"


class Work(NamedTuple):
    """What one process puts in: messages in order of arrival, to a database."""

    url: str
    messages: list[Message]


def history(number: int, frame_count: int) -> list[bytes]:
    """Frame the ten-second samples of one hub's meter, an hour each."""
    rng = random.Random(number)
    start_ms = SystemClock().utc_ms() // MS_PER_DAY * MS_PER_DAY - 60 * MS_PER_DAY
    log_id, meter = number.to_bytes(16), f"M{number}"
    imported, exported, payloads = 10**9, 10**6, []
    for first in range(0, frame_count * SAMPLES, SAMPLES):
        samples = []
        for seq in range(first, first + SAMPLES):
            power_w = rng.randint(100, 3_000)
            imported += power_w * 1_000 * EVERY_MS // 3_600_000
            exported += rng.randint(0, 1) * 1_000
            registers = {
                "import_mwh": imported,
                "export_mwh": exported,
                "power_import_w": power_w,
            }
            samples.append(StampedSample(seq, start_ms + (seq + 1) * EVERY_MS, registers))
        payloads.append(encode_frame(frame_of(log_id, meter, 0, samples)))
    return payloads


def arrivals(payloads: Sequence[bytes], rng: random.Random) -> list[bytes]:
    """Put frames in the order they arrive in: some twice, some late."""
    placed = []
    for place, payload in enumerate(payloads):
        late = rng.randrange(1, LATE_FRAMES) + 0.5 if rng.random() < LATE_SHARE else 0
        placed.append((place + late, payload))
        if rng.random() < TWICE_SHARE:
            placed.append((place + rng.randrange(1, LATE_FRAMES) + 0.25, payload))
    return [payload for _, payload in sorted(placed, key=lambda one: one[0])]


def by_hub(numbers: Sequence[int], *, is_backlog: bool) -> list[Message]:
    """Make what a worker takes: each hub's whole backlog, or every hub's hour after hour."""
    now_ms = SystemClock().utc_ms()
    lists = [
        [Message(f"hub-{number}", payload, now_ms) for payload in queue]
        for number in numbers
        for queue in [arrivals(history(number, FRAMES), random.Random(number))]
    ]
    if is_backlog:
        return [one for queue in lists for one in queue]
    longest = max(map(len, lists))
    return [queue[place] for place in range(longest) for queue in lists if place < len(queue)]


def merge(work: Work) -> float:
    """Ingest all of it; returns the seconds it took."""
    database = Database(work.url)
    service = IngestService(database, SystemClock(), Rules())
    started_s = time.perf_counter()
    for place in range(0, len(work.messages), BATCH):
        service.ingest(work.messages[place : place + BATCH])
    took_s = time.perf_counter() - started_s
    database.close()
    return took_s


if __name__ == "__main__":
    server = PostgresServer(SETTINGS)
    try:
        if sys.argv[1] == "profile":
            import cProfile, pstats
            url = server.url(server.migrated_database())
            messages = by_hub(range(6), is_backlog=sys.argv[2] == "backlog")
            profile = cProfile.Profile()
            t = time.perf_counter()
            took = profile.runcall(merge, Work(url, messages)) if len(sys.argv) > 3 else merge(Work(url, messages))
            print(len(messages), took, 6 * FRAMES * SAMPLES / took)
            if len(sys.argv) > 3:
                pstats.Stats(profile).sort_stats(sys.argv[3]).print_stats(35)
    finally:
        server.stop()
