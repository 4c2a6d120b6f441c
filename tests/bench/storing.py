"""Ways of storing frames in PostgreSQL, each in processes of its own: ours, and rows of samples."""

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from typing import Any, NamedTuple

import psycopg
from sqlalchemy import text

from cloud.bootstrap import open_database
from cloud.config import load
from cloud.db import Database
from cloud.ingest.arrivals import FRAMES, Arrivals
from cloud.ingest.hubbatch import Rules
from cloud.ingest.intake import Message
from cloud.ingest.repository import list_logs
from cloud.ingest.service import IngestService
from cloud.ingest.worker import MAX_BATCH
from cloud.scope import Scope
from shared.clock import SystemClock
from shared.frames import decode_frame
from tests.bench.feeds import Feed, first_of, messages_of
from tests.bench.processor import cpu_s, cpu_with_children_s
from tests.support.postgres import PostgresServer

WORKERS = os.cpu_count() or 1
"""As many processes as cores, as an operator starts ingest workers; the server shares them."""

ROWS = (
    "CREATE TABLE readings (meter integer, at_ms bigint, import_mwh bigint, export_mwh bigint,"
    " power_w integer, PRIMARY KEY (meter, at_ms))"
)
STAGE = "CREATE TEMPORARY TABLE stage (LIKE readings) ON COMMIT DELETE ROWS"
UPSERT = "INSERT INTO readings SELECT * FROM stage ON CONFLICT DO NOTHING"
SETTINGS = {
    "shared_buffers": "256MB",
    "max_wal_size": "4GB",
    "wal_compression": "on",
    "autovacuum_naptime": "1s",
}
"""Weeks of hours go by in seconds here: vacuuming is to come as often by the hour."""

LINE = "%d\t%d\t%d\t%d\t%d\n"


class Work(NamedTuple):
    """What one process puts in: these hubs' frames, to a database."""

    server: str
    server_pid: int
    database: str
    hubs: tuple[int, ...]
    feed: Feed


class Share(NamedTuple):
    """What one process took: when it began and ended, and its and its backend's processor time.

    `server_s` is what all of the server had taken when it began, and when it ended.
    """

    began_s: float
    ended_s: float
    worker_s: float
    backend_s: float
    server_s: tuple[float, float]


class Cost(NamedTuple):
    """What storing a feed took, in seconds, and what lies on disk and went to the WAL, in bytes.

    `rest_s` is of the server's other processes: the WAL's writer, checkpoints, vacuuming.
    """

    took_s: float
    worker_s: float
    backend_s: float
    rest_s: float
    table_bytes: int
    wal_bytes: int

    @property
    def cpu_s(self) -> float:
        """The processor time of all together."""
        return self.worker_s + self.backend_s + self.rest_s


Way = Callable[[Work], Share]


def merge(work: Work) -> Share:
    """Ingest all of it, as a worker does; the receipts are made and nobody hears them.

    A thread puts in the worker's queue what its network thread would.
    """
    messages = messages_of(work.hubs, work.feed)
    database = Database(f"postgresql://hearthlink@/{work.database}?host={work.server}")
    service = IngestService(database, SystemClock(), Rules())
    with database.reading() as connection:
        backend = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
    share = _measured(work.server_pid, backend, messages, partial(_ingest, service))
    last_seq = work.feed.frames * work.feed.samples - 1
    with database.reading() as connection:
        stored = {one.thing: one.coverage for one in list_logs(connection, Scope.of("home"))}
    assert all(stored[f"hub-{one}"] == [(0, last_seq, 0)] for one in work.hubs)
    database.close()
    return share


def _ingest(service: IngestService, messages: Sequence[Message]) -> None:
    arrivals, left = Arrivals(), len(messages)
    hearing = threading.Thread(target=_hear, args=(arrivals, messages), daemon=True)
    hearing.start()
    while left:
        batch = arrivals.gather(MAX_BATCH)
        left -= len(batch)
        service.merge([one.read for one in batch if one.read is not None])
    hearing.join()


def _hear(arrivals: Arrivals, messages: Sequence[Message]) -> None:
    for one in messages:
        arrivals.put(FRAMES, one)


def insert_rows(work: Work, *, is_copy: bool) -> Share:
    """Write a row for each sample instead, in the same batches.

    COPY knows nothing of what is there: it gets each frame once.
    """
    messages = messages_of(work.hubs, work.feed)
    if is_copy:
        messages = list({one.payload: one for one in messages}.values())
    conninfo = f"host={work.server} user=hearthlink dbname={work.database}"
    with psycopg.connect(conninfo) as connection:
        connection.execute(STAGE)
        connection.commit()
        write = partial(_write_batches, connection, is_copy=is_copy)
        return _measured(work.server_pid, connection.info.backend_pid, messages, write)


upsert_rows = partial(insert_rows, is_copy=False)
copy_rows = partial(insert_rows, is_copy=True)


def _write_batches(
    connection: "psycopg.Connection[Any]", messages: Sequence[Message], *, is_copy: bool
) -> None:
    for place in range(0, len(messages), MAX_BATCH):
        _write_rows(connection, messages[place : place + MAX_BATCH], is_copy=is_copy)


def _write_rows(
    connection: "psycopg.Connection[Any]", batch: Sequence[Message], *, is_copy: bool
) -> None:
    lines = [LINE % row for row in _rows(batch)]
    table = "readings" if is_copy else "stage"
    with connection.cursor() as cursor:
        with cursor.copy(f"COPY {table} FROM STDIN".encode()) as copy:
            copy.write("".join(lines))
        if not is_copy:
            cursor.execute(UPSERT)
    connection.commit()


def _rows(messages: Sequence[Message]) -> Iterator[tuple[int, ...]]:
    for message in messages:
        frame = decode_frame(message.payload)
        named: dict[str, Any] = {one.register: one.values for one in frame.columns}
        columns = (named["import_mwh"], named["export_mwh"], named["power_import_w"])
        meter = int(frame.meter[1:])
        for row in zip(frame.times_ms, *columns, strict=True):
            yield meter, *row


def _measured(
    server: int,
    backend: int,
    messages: Sequence[Message],
    put_in: Callable[[Sequence[Message]], None],
) -> Share:
    first, messages = first_of(messages)
    for one in first:
        put_in([one])
    server_s = cpu_with_children_s(server)
    worker_s, backend_s, began_s = time.process_time(), cpu_s(backend), time.perf_counter()
    put_in(messages)
    ended_s = time.perf_counter()
    return Share(
        began_s,
        ended_s,
        time.process_time() - worker_s,
        cpu_s(backend) - backend_s,
        (server_s, cpu_with_children_s(server)),
    )


def store(server: PostgresServer, way: Way, feed: Feed) -> Cost:
    """Store a feed in one way, on a database of its own, with as many processes as cores.

    The frames' making, connecting, and each hub's first frame are outside of the time: a hub and
    its meter are new once.
    """
    name = server.migrated_database()
    config = load(None, environment={"HEARTHLINK_CLOUD_DATABASE_URL": server.url(name)})
    open_database(config, SystemClock()).close()
    with psycopg.connect(server.conninfo(name, "hearthlink")) as connection:
        connection.execute(ROWS)
    shares = [tuple(range(first, feed.hubs, WORKERS)) for first in range(WORKERS)]
    wal_before = server.written_bytes()
    works = [Work(str(server.folder), server.pid, name, one, feed) for one in shares]
    with ProcessPoolExecutor(WORKERS, get_context("spawn")) as pool:
        done = list(pool.map(way, works))
    wal_bytes = server.written_bytes() - wal_before
    backend_s = sum(one.backend_s for one in done)
    server_s = max(one.server_s[1] for one in done) - min(one.server_s[0] for one in done)
    with psycopg.connect(server.conninfo(name)) as connection:
        found = connection.execute(
            "SELECT pg_total_relation_size('frames'), pg_total_relation_size('readings')"
        ).fetchone()
    assert found is not None
    return Cost(
        took_s=max(one.ended_s for one in done) - min(one.began_s for one in done),
        worker_s=sum(one.worker_s for one in done),
        backend_s=backend_s,
        rest_s=max(server_s - backend_s, 0.0),
        table_bytes=max(found),
        wal_bytes=wal_bytes,
    )
