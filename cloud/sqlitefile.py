"""What only SQLite does: how its connections begin, and whole files copied and checked.

Knows no tables beyond what tells a file of ours from another's.
"""

import contextlib
import sqlite3
import time
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, PoolProxiedConnection, event

from shared.errors import OperatorError

BUSY_TIMEOUT_MS = 30_000
"""Workers side by side take turns as SQLite's one writer; a batch holds it for milliseconds."""

WAL_TRIES = 100
WAL_RETRY_S = 0.05
"""Together five seconds: processes that open one new file do not wait for each other here."""

_WRITES = "hearthlink_writes"


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


def copy_file(source: Path, target: Path) -> None:
    """Copy a whole database, in one transaction, while others go on reading and writing either."""
    with (
        contextlib.closing(sqlite3.connect(source, timeout=BUSY_TIMEOUT_MS / 1_000)) as old,
        contextlib.closing(sqlite3.connect(target, timeout=BUSY_TIMEOUT_MS / 1_000)) as new,
    ):
        new.execute("PRAGMA synchronous = FULL")
        old.backup(new)


def prepare(engine: Engine) -> None:
    """Have every connection be durable, and every writer begin as one."""

    @event.listens_for(engine, "connect")
    def _connect(connection: Any, _record: object) -> None:
        # The driver's own implicit BEGIN cannot be made IMMEDIATE; ours below is explicit.
        connection.isolation_level = None
        for pragma in (f"busy_timeout = {BUSY_TIMEOUT_MS}", "synchronous = FULL"):
            connection.execute(f"PRAGMA {pragma}")
        _enter_wal(connection)

    # A listener for "begin" would do too, but with one an engine looks for listeners at each
    # statement.
    engine.dialect.do_begin = _begin  # type: ignore[method-assign]


def choose(connection: Connection, *, writes: bool) -> None:
    """Say whether a connection's next transactions are to write, before the first of them."""
    connection.info[_WRITES] = writes


def _begin(dbapi_connection: PoolProxiedConnection) -> None:
    # A writer that began as a reader fails at once when another wrote in between.
    begins = "BEGIN IMMEDIATE" if dbapi_connection.info.get(_WRITES) else "BEGIN"
    dbapi_connection.cursor().execute(begins).close()


def _enter_wal(connection: sqlite3.Connection) -> None:
    """Change a new file to write-ahead logging, which fails at once while another does so."""
    for _ in range(WAL_TRIES):
        with contextlib.suppress(sqlite3.OperationalError):
            connection.execute("PRAGMA journal_mode = WAL")
            return
        time.sleep(WAL_RETRY_S)
    connection.execute("PRAGMA journal_mode = WAL")
