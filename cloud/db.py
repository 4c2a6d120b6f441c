"""The database: engine, transactions, and the few things dialects do differently.

The only module that commits, and the only one that may say anything about one dialect. Every
request or batch is one transaction: `reading()` or `writing()`.
"""

import contextlib
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config as AlembicConfig
from sqlalchemy import ColumnElement, Connection, Engine, Table, create_engine, event, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url

from cloud.scope import Scope

BUSY_TIMEOUT_MS = 30_000
"""Workers side by side take turns as SQLite's one writer; a batch holds it for milliseconds."""

POOL_SIZE = 8
POOL_OVERFLOW = 32
"""Together what the API's thread pool can ask for at once (40 threads)."""

MIGRATION_LOCK = 0x48_4C_49_4E_4B
"""Any number of our own: PostgreSQL's advisory lock around migrations."""

WAL_TRIES = 100
WAL_RETRY_S = 0.05
"""Together five seconds: processes that open one new file do not wait for each other here."""

_MIGRATING = threading.Lock()
"""Alembic keeps what it works on in module globals: one thread of a process at a time."""

_WRITES = "hearthlink_writes"


class Database:
    """One database by URL; safe to use from many threads and from several processes."""

    def __init__(self, url: str) -> None:
        parsed = make_url(url)
        self.dialect = parsed.get_backend_name()
        if self.dialect == "sqlite" and parsed.database:
            Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
        self.engine = create_engine(
            parsed, pool_size=POOL_SIZE, max_overflow=POOL_OVERFLOW, pool_pre_ping=False
        )
        if self.dialect == "sqlite":
            _prepare_sqlite(self.engine)

    @contextlib.contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that only reads: one consistent view."""
        with self.engine.connect() as connection:
            yield connection
            connection.rollback()

    @contextlib.contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that writes: committed when the block ends, rolled back where it raises."""
        with self.engine.connect().execution_options(**{_WRITES: True}) as connection:
            yield connection
            connection.commit()

    def migrate(self) -> None:
        """Bring the schema to the newest revision; several processes may do so at once."""
        with _MIGRATING, self.writing() as connection:
            if self.dialect == "postgresql":
                connection.execute(
                    text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": MIGRATION_LOCK}
                )
            settings = AlembicConfig()
            settings.set_main_option("script_location", "cloud:migrations")
            settings.attributes["connection"] = connection
            command.upgrade(settings, "head")

    def close(self) -> None:
        """Close every pooled connection."""
        self.engine.dispose()


def _prepare_sqlite(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def _connect(connection: Any, _record: object) -> None:
        # The driver's own implicit BEGIN cannot be made IMMEDIATE; ours below is explicit.
        connection.isolation_level = None
        for pragma in (f"busy_timeout = {BUSY_TIMEOUT_MS}", "synchronous = FULL"):
            connection.execute(f"PRAGMA {pragma}")
        _enter_wal(connection)

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # A writer that began as a reader fails at once when another wrote in between.
        writes = connection.get_execution_options().get(_WRITES)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _enter_wal(connection: sqlite3.Connection) -> None:
    """Change a new file to write-ahead logging, which fails at once while another does so."""
    for _ in range(WAL_TRIES):
        with contextlib.suppress(sqlite3.OperationalError):
            connection.execute("PRAGMA journal_mode = WAL")
            return
        time.sleep(WAL_RETRY_S)
    connection.execute("PRAGMA journal_mode = WAL")


def upsert(
    connection: Connection,
    table: Table,
    rows: Sequence[Mapping[str, object]],
    *,
    keys: Sequence[str],
    replace: Sequence[str] = (),
) -> None:
    """Insert rows; one that is there with the same `keys` gets its `replace` columns replaced."""
    if not rows:
        return
    insert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    statement = insert(table)
    if replace:
        done = statement.on_conflict_do_update(
            index_elements=list(keys),
            set_={name: statement.excluded[name] for name in replace},
        )
    else:
        done = statement.on_conflict_do_nothing(index_elements=list(keys))
    connection.execute(done, [dict(row) for row in rows])


def within(table: Table, scope: Scope) -> ColumnElement[bool]:
    """The condition every query carries: rows of the caller's households only."""
    if len(scope.household_ids) == 1:
        condition: ColumnElement[bool] = table.c.household_id == scope.only
        return condition
    return table.c.household_id.in_(sorted(scope.household_ids))
