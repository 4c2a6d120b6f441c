"""How fast ingest fills PostgreSQL, and how many bytes a half hour takes, beside plain rows.

Frames come from memory, some twice and some late, to as many processes as there are cores, on a
server of the bench's own that makes every commit durable.
"""

import random
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from typing import Any, NamedTuple

import psycopg

from cloud.bootstrap import open_database
from cloud.config import load
from cloud.db import Database
from cloud.ingest.hubbatch import Rules
from cloud.ingest.intake import Message
from cloud.ingest.repository import list_logs
from cloud.ingest.service import IngestService
from cloud.readings.repository import SqlReadingStore
from cloud.readings.store import Change, RunKey
from cloud.scope import Scope
from shared.clock import SystemClock
from shared.frames import decode_frame, encode_frame, frame_of
from shared.meterdays import Edges, SlotEdges
from shared.readings import StampedSample
from shared.units import MS_PER_DAY, SLOT_MS, SLOTS_PER_UTC_DAY
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

SETTINGS = {
    "shared_buffers": "256MB",
    "max_wal_size": "4GB",
    "wal_compression": "on",
    "autovacuum_naptime": "1s",
}
"""Two weeks of hours go by in seconds here: vacuuming is to come as often by the hour."""

ROWS = (
    "CREATE TABLE readings (meter integer, at_ms bigint, import_mwh bigint, export_mwh bigint,"
    " power_w integer, PRIMARY KEY (meter, at_ms))"
)
STAGE = "CREATE TEMPORARY TABLE stage (LIKE readings) ON COMMIT DELETE ROWS"
UPSERT = "INSERT INTO readings SELECT * FROM stage ON CONFLICT DO NOTHING"
LINE = "%d\t%d\t%d\t%d\t%d\n"

DISK_METERS, DISK_DAYS = 24, 56
DISK_BATCHES = 4
"""Hubs are heard in no order: one commit is of every fourth."""
COUNTERS = ("import_mwh", "export_mwh")


class Work(NamedTuple):
    """What one process puts in: these hubs' frames, to a database."""

    server: str
    database: str
    hubs: tuple[int, ...]
    is_backlog: bool


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


def merge(work: Work) -> tuple[float, float]:
    """Ingest all of it; returns when it began and ended, in seconds."""
    messages = by_hub(work.hubs, is_backlog=work.is_backlog)
    database = Database(f"postgresql://hearthlink@/{work.database}?host={work.server}")
    service = IngestService(database, SystemClock(), Rules())
    with database.reading():
        started_s = time.perf_counter()
    for place in range(0, len(messages), BATCH):
        service.ingest(messages[place : place + BATCH])
    ended_s = time.perf_counter()
    with database.reading() as connection:
        stored = {one.thing: one.coverage for one in list_logs(connection, Scope.of("home"))}
    assert all(stored[f"hub-{one}"] == [(0, FRAMES * SAMPLES - 1, 0)] for one in work.hubs)
    database.close()
    return started_s, ended_s


def insert_rows(work: Work, *, is_copy: bool) -> tuple[float, float]:
    """Write a row for each sample instead, in the same batches; times as of `merge`.

    COPY knows nothing of what is there: it gets each frame once.
    """
    messages = by_hub(work.hubs, is_backlog=work.is_backlog)
    if is_copy:
        messages = list({one.payload: one for one in messages}.values())
    with psycopg.connect(
        f"host={work.server} user=hearthlink dbname={work.database}"
    ) as connection:
        connection.execute(STAGE)
        connection.commit()
        table = "readings" if is_copy else "stage"
        started_s = time.perf_counter()
        for place in range(0, len(messages), BATCH):
            lines = [LINE % row for row in _rows(messages[place : place + BATCH])]
            with connection.cursor() as cursor:
                with cursor.copy(f"COPY {table} FROM STDIN".encode()) as copy:
                    copy.write("".join(lines))
                if not is_copy:
                    cursor.execute(UPSERT)
            connection.commit()
        return started_s, time.perf_counter()


def _rows(messages: Sequence[Message]) -> Iterator[tuple[int, ...]]:
    for message in messages:
        frame = decode_frame(message.payload)
        named: dict[str, Any] = {one.register: one.values for one in frame.columns}
        columns = (named["import_mwh"], named["export_mwh"], named["power_import_w"])
        meter = int(frame.meter[1:])
        for row in zip(frame.times_ms, *columns, strict=True):
            yield meter, *row


def rate(
    server: PostgresServer, way: Callable[[Work], tuple[float, float]], *, is_backlog: bool
) -> tuple[float, int]:
    """Run one way of storing on a database of its own; returns samples a second, and bytes.

    The bytes are of the table of frames or rows, with its indexes.
    """
    name = server.migrated_database()
    config = load(None, environment={"HEARTHLINK_CLOUD_DATABASE_URL": server.url(name)})
    open_database(config, SystemClock()).close()
    with psycopg.connect(server.conninfo(name, "hearthlink")) as connection:
        connection.execute(ROWS)
    shares = [tuple(range(first, HUBS, WORKERS)) for first in range(WORKERS)]
    folder = str(server.folder)
    with ProcessPoolExecutor(WORKERS, get_context("spawn")) as pool:
        times = list(pool.map(way, [Work(folder, name, one, is_backlog) for one in shares]))
    took_s = max(end for _, end in times) - min(start for start, _ in times)
    with psycopg.connect(server.conninfo(name)) as connection:
        found = connection.execute(
            "SELECT pg_total_relation_size('frames'), pg_total_relation_size('readings')"
        ).fetchone()
    assert found is not None
    return HUBS * FRAMES * SAMPLES / took_s, max(found)


class Grown:
    """A meter whose days are known hour by hour."""

    def __init__(self, meter: str, scope: Scope, rng: random.Random, keys: list[RunKey]) -> None:
        self.meter = meter
        self.scope = scope
        self._rng = rng
        self._values = dict.fromkeys(keys, 10**9)
        self._edges: dict[RunKey, SlotEdges] = {}

    def next_hour(self, hour: int) -> Change:
        """Bring the day up to date with an hour, as a merge does."""
        utc_day = 20_000 + hour // 24
        if hour % 24 == 0:
            self._edges = {key: {} for key in self._values}
        for key, edges in self._edges.items():
            value = self._values[key]
            for half in (0, 1):
                slot = utc_day * SLOTS_PER_UTC_DAY + hour % 24 * 2 + half
                start_ms, opening = slot * SLOT_MS, value + 1_000
                value += self._rng.randint(20_000, 900_000)
                edges[slot] = Edges(start_ms + EVERY_MS, opening, start_ms + SLOT_MS, value)
            self._values[key] = value
        days = {(key, utc_day): edges for key, edges in self._edges.items()}
        return Change(dict.fromkeys(self._values, 0), days)


def disk(server: PostgresServer) -> tuple[float, float]:
    """Grow weeks of meter-days by the hour; returns bytes a half hour, and as plain rows.

    Households have ids of full length; what is kept of the runs themselves is counted in.
    """
    name = server.migrated_database()
    database = Database(server.url(name))
    rng = random.Random(3)
    keys = [RunKey(one, "") for one in COUNTERS]
    meters = [Grown(f"M{n}", Scope.of(f"{n:032x}"), rng, keys) for n in range(DISK_METERS)]
    for hour in range(DISK_DAYS * 24):
        for batch in range(DISK_BATCHES):
            with database.writing() as connection:
                store = SqlReadingStore(connection)
                for one in meters[batch::DISK_BATCHES]:
                    store.apply(one.scope, one.meter, one.next_hour(hour))
    database.close()
    slots = len(meters) * len(keys) * DISK_DAYS * SLOTS_PER_UTC_DAY
    with psycopg.connect(server.conninfo(name)) as connection:
        connection.execute(
            "CREATE TABLE half_hours (meter integer, register smallint, slot integer,"
            " opening_at_ms bigint, opening bigint, closing_at_ms bigint, closing bigint,"
            " PRIMARY KEY (meter, register, slot))"
        )
        connection.execute(
            "INSERT INTO half_hours SELECT n % 200, n % 2, n, n, n, n, n"
            f" FROM generate_series(1, {slots}) n"
        )
        found = connection.execute(
            "SELECT pg_total_relation_size('meter_days') + pg_total_relation_size('register_runs'),"
            " pg_total_relation_size('half_hours')"
        ).fetchone()
    assert found is not None
    return found[0] / slots, found[1] / slots


def measure() -> list[dict[str, Any]]:
    """Store the same samples in each way, one after the other on one server."""
    server = PostgresServer(SETTINGS)
    try:
        backlog, frame_bytes = rate(server, merge, is_backlog=True)
        spread, _ = rate(server, merge, is_backlog=False)
        upserted, row_bytes = rate(server, partial(insert_rows, is_copy=False), is_backlog=True)
        copied, _ = rate(server, partial(insert_rows, is_copy=True), is_backlog=True)
        ours_b, plain_b = disk(server)
    finally:
        server.stop()
    samples = HUBS * FRAMES * SAMPLES
    shape = "frames of 360, 10 % twice, 5 % late; durable commits; two processes and the server"
    upserts = "a row for each sample, decoded, by COPY and INSERT ON CONFLICT"
    copies = "decoded and copied by COPY with a primary key"
    whole = "decode, merge, coverage and receipt; a commit for up to 64 frames"
    lacks = "which keeps no coverage, repetitions or half hours"
    often = f"a commit for each {BATCH * WORKERS // HUBS} frames"
    hourly, half_hour = "half hours after frames in hourly order", "B/half hour and register"
    frame_b, row_b = frame_bytes / samples, row_bytes / samples
    edges = "opening and closing with their times; index in"
    return [
        _row("backlogs", backlog, "samples/s", upserts, upserted, 1, shape),
        _row("backlogs", backlog, "samples/s", copies, copied, None, lacks),
        _row("backlogs", backlog, "samples/s", "target", 1_000_000, 1, whole),
        _row("hubs in turn", spread, "samples/s", upserts, upserted, None, often),
        _row("frames and their indexes", frame_b, "B/sample", upserts, row_b, 1, "3 registers"),
        _row(hourly, ours_b, half_hour, "a row for each", plain_b, 1, edges),
        _row(hourly, ours_b, half_hour, "target", 6, 1, "autovacuum alone"),
    ]


def _row(
    name: str, ours: float, unit: str, peer: str, theirs: float, target: int | None, note: str
) -> dict[str, Any]:
    """Write a row; of bytes the fewer are the better."""
    ratio = theirs / ours if unit.startswith("B/") else ours / theirs
    return {
        "name": f"PostgreSQL, {name}",
        "ours": round(ours, 1) if ours < 1_000 else round(ours),
        "unit": unit,
        "peer": peer,
        "theirs": round(theirs, 1) if theirs < 1_000 else round(theirs),
        "ratio": round(ratio, 2),
        "target": target,
        "note": note,
    }


if __name__ == "__main__":
    for line in measure():
        print(line)
