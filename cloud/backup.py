"""Backup and restore of the store: an online copy, and one put back under a new name.

The new name is what makes a restore safe: every hub meets a store it does not know and offers again
all that it holds, so that what the backup lacks comes back by itself.
"""

import os
from pathlib import Path
from typing import NamedTuple

from sqlalchemy.engine import URL

from cloud.accounts.sessions import end_everybodys
from cloud.config import Config
from cloud.db import Database, knows_schema
from cloud.ingest.repository import renew_store
from cloud.sqlitefile import check_file
from shared.clock import Clock
from shared.errors import OperatorError


class Restored(NamedTuple):
    """The store's new name, and where what was there before is kept (None: there was nothing)."""

    store_id: str
    replaced: Path | None


def back_up(database: Database, target: Path) -> int:
    """Copy the store into a new file, verified before it gets its name; returns its bytes.

    Raises OperatorError where the file exists, or the copy is not whole.
    """
    if target.exists():
        raise OperatorError(f"{target} exists already", hint="give the backup a name of its own")
    part = _beside(target, "part")
    _remove(part)
    database.copy_to(part)
    check_file(part)
    with part.open("rb") as written:
        os.fsync(written.fileno())
    part.replace(target)
    return target.stat().st_size


def restore(config: Config, source: Path, clock: Clock) -> Restored:
    """Put a backup in the place of the store, at the newest schema and under a new name.

    What is there is copied aside first. Running processes go on with the new content. Raises
    OperatorError where the file is damaged, or of a later program.
    """
    if not source.is_file():
        raise OperatorError(f"{source} is no file", hint="give a file of 'cloud backup'")
    if not knows_schema(schema := check_file(source)):
        raise OperatorError(
            f"{source} has schema {schema}, later than this program's",
            hint="upgrade hearthlink first",
        )
    database = Database(config.url)
    try:
        return _put_back(database, source, clock)
    finally:
        database.close()


def renew(database: Database, clock: Clock) -> str:
    """Give the store another name; needed after its database was put back by other means.

    People sign in again: a copy has sessions that ended since, and codes that were used.
    """
    with database.writing() as connection:
        end_everybodys(connection)
        return renew_store(connection, clock.utc_ms())


def _put_back(database: Database, source: Path, clock: Clock) -> Restored:
    here = database.file()
    prepared = _beside(here, "restoring")
    replaced = _beside(here, f"replaced-{clock.utc_ms()}") if here.exists() else None
    if replaced is not None:
        database.copy_to(replaced)
    _remove(prepared)
    fresh = Database(URL.create("sqlite", database=str(prepared)).render_as_string())
    fresh.replace_with(source)
    fresh.migrate()
    name = renew(fresh, clock)
    fresh.close()
    database.replace_with(prepared)
    _remove(prepared)
    return Restored(name, replaced)


def _remove(path: Path) -> None:
    """Remove a database's file, and those SQLite keeps beside it."""
    for ending in ("", "-wal", "-shm", "-journal"):
        Path(f"{path}{ending}").unlink(missing_ok=True)


def _beside(path: Path, ending: str) -> Path:
    return path.with_name(f"{path.name}.{ending}")
