"""The database: engine, transactions, and the few things dialects do differently.

The only module that commits, and the only one that may say anything about one dialect. Every
request or batch is one transaction: `reading()` or `writing()`.
"""

import contextlib
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config as AlembicConfig
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Table,
    bindparam,
    create_engine,
    event,
    text,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError

from cloud.scope import Scope
from shared.errors import OperatorError, RetryableError

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
    def reading(self, scope: Scope | None = None) -> Iterator[Connection]:
        """A transaction that only reads: one consistent view, in PostgreSQL of the scope's rows."""
        with self.engine.connect() as connection:
            self._narrow(connection, scope)
            yield connection
            connection.rollback()

    @contextlib.contextmanager
    def writing(self, scope: Scope | None = None) -> Iterator[Connection]:
        """A transaction that writes: committed when the block ends, rolled back where it raises."""
        with self.engine.connect().execution_options(**{_WRITES: True}) as connection:
            self._narrow(connection, scope)
            yield connection
            try:
                connection.commit()
            except BaseException:
                # Its transaction may still be open, and SQLAlchemy takes it for ended: the pool
                # would hand it to the next.
                connection.invalidate()
                raise

    def _narrow(self, connection: Connection, scope: Scope | None) -> None:
        """Tell PostgreSQL whose rows the transaction is about, for row-level security."""
        if scope is not None and self.dialect == "postgresql":
            connection.execute(
                text("SELECT set_config('hearthlink.households', :ids, true)"),
                {"ids": ",".join(sorted(scope.household_ids))},
            )

    def migrate(self) -> None:
        """Bring the schema to the newest revision; several processes may do so at once.

        Raises OperatorError where a later program has changed the schema already.
        """
        with _MIGRATING, self.writing() as connection:
            if self.dialect == "postgresql":
                connection.execute(
                    text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": MIGRATION_LOCK}
                )
            settings = _migrations()
            settings.attributes["connection"] = connection
            try:
                command.upgrade(settings, "head")
            except CommandError as error:
                raise OperatorError(
                    f"the database was changed by a later program: {error}",
                    hint="upgrade hearthlink again, or restore a backup from before the upgrade",
                ) from error

    def copy_to(self, target: Path) -> None:
        """Copy the whole database into a new file, while others go on reading and writing it.

        Raises OperatorError for a database server, which has its own tools for that.
        """
        _copy(self._file(), target)

    def replace_with(self, source: Path) -> None:
        """Put another file's content in the place of this database's, in one transaction.

        Processes that have it open go on with the new content. Raises as `copy_to`.
        """
        target = self._file()
        self.engine.dispose()
        _copy(source, target)

    def _file(self) -> Path:
        name = self.engine.url.database
        if self.dialect != "sqlite" or not name:
            raise OperatorError(
                f"a {self.dialect} database is not copied by this command",
                hint="use pg_dump and pg_restore, then 'hearthlink cloud store renew'",
            )
        return Path(name)

    def close(self) -> None:
        """Close every pooled connection."""
        self.engine.dispose()


def check_file(path: Path) -> str:
    """Check every page of an SQLite file and return the schema it was written by.

    Raises OperatorError where it is damaged, or no database of the cloud's.
    """
    try:
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as opened:
            found = opened.execute("PRAGMA integrity_check").fetchone()[0]
            schema = opened.execute("SELECT version_num FROM alembic_version").fetchone()
            opened.execute("SELECT store_id FROM store").fetchone()
    except sqlite3.Error as error:
        raise OperatorError(
            f"{path} is no backup of this cloud: {error}", hint="give a file of 'cloud backup'"
        ) from error
    if found != "ok" or schema is None:
        raise OperatorError(f"{path} is damaged: {found}", hint="take an older backup")
    return str(schema[0])


def knows_schema(schema: str) -> bool:
    """Tell whether this program has a database's schema among its migrations."""
    scripts = ScriptDirectory.from_config(_migrations())
    return schema in {script.revision for script in scripts.walk_revisions()}


def _migrations() -> AlembicConfig:
    settings = AlembicConfig()
    settings.set_main_option("script_location", "cloud:migrations")
    return settings


def _copy(source: Path, target: Path) -> None:
    with (
        contextlib.closing(sqlite3.connect(source, timeout=BUSY_TIMEOUT_MS / 1_000)) as old,
        contextlib.closing(sqlite3.connect(target, timeout=BUSY_TIMEOUT_MS / 1_000)) as new,
    ):
        new.execute("PRAGMA synchronous = FULL")
        old.backup(new)


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
    if rows:
        statement = _upsert(connection.dialect.name, table, tuple(keys), tuple(replace))
        connection.execute(statement, [dict(row) for row in rows])


@cache
def _upsert(
    dialect: str, table: Table, keys: tuple[str, ...], replace: tuple[str, ...]
) -> sqlite.Insert | postgresql.Insert:
    """Build the statement once: building it takes longer than the database takes over it."""
    insert = sqlite.insert if dialect == "sqlite" else postgresql.insert
    statement = insert(table)
    if not replace:
        return statement.on_conflict_do_nothing(index_elements=keys)
    return statement.on_conflict_do_update(
        index_elements=keys, set_={name: statement.excluded[name] for name in replace}
    )


def owned(table: Table) -> ColumnElement[bool]:
    """The same as `within` for a statement built once: "households" is given where it is run."""
    return table.c.household_id.in_(bindparam("households", expanding=True))


def within(table: Table, scope: Scope) -> ColumnElement[bool]:
    """The condition every query carries: rows of the caller's households only."""
    if len(scope.household_ids) == 1:
        condition: ColumnElement[bool] = table.c.household_id == scope.only
        return condition
    return table.c.household_id.in_(sorted(scope.household_ids))


LOCK_TIMEOUT_MS = 5_000
"""Ingest waits behind who waits for the table: a batch that takes longer is let pass instead."""


def await_writers(connection: Connection, table: Table) -> None:
    """Wait until no other transaction is writing to a table, and keep others from it until the end.

    PostgreSQL gives numbers out before the commit: without this a lower one can appear after a
    higher one was read. SQLite's one writer holds the table already. For a moment of work only, in
    a transaction of `writing()`; raises RetryableError after `LOCK_TIMEOUT_MS`.
    """
    if connection.dialect.name != "postgresql":
        return
    connection.execute(text(f"SET LOCAL lock_timeout = {LOCK_TIMEOUT_MS}"))
    try:
        connection.execute(text(f"LOCK TABLE {table.name} IN SHARE MODE"))
    except OperationalError as error:
        raise RetryableError(
            f"others are writing to {table.name} for too long: {error.orig}", hint="try again"
        ) from error
