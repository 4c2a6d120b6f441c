"""Where the clouds that tests make keep their rows: SQLite in their folder, unless chosen."""

import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cloud.db import Database

STORES = ("sqlite", "postgresql")
_by_folder: dict[Path, str] = {}
_saved: dict[Path, str] = {}
_chosen: list[str] = ["sqlite"]
_making = threading.Lock()


@contextmanager
def kept_on(store: str) -> Iterator[None]:
    """Until the block ends, clouds that tests make in a folder have their store there.

    Then the databases it made go; one from before it, a fixture's of many tests, stays.
    """
    _chosen.append(store)
    before = set(_by_folder)
    try:
        yield
    finally:
        _chosen.pop()
        for folder in _by_folder.keys() - before:
            from tests.support.postgres import session_server  # noqa: PLC0415  # as below

            session_server().drop(_by_folder.pop(folder))


def keep_on(store: str) -> None:
    """Have all clouds' stores there where no block says otherwise."""
    _chosen[0] = store


def begin(folder: Path) -> None:
    """Put an empty SQLite store of the newest schema into a folder that has none yet."""
    path = folder / "cloud.db"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        path.write_bytes(_migrated())


@cache
def _migrated() -> bytes:
    """Migrate one store, whose copies come five times cheaper."""
    from cloud.db import Database  # noqa: PLC0415  # as in `save`

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "cloud.db"
        database = Database(f"sqlite:///{path}")
        database.migrate()
        database.close()
        return path.read_bytes()


def url_for(folder: Path) -> str:
    """Name the store of a folder: "" is SQLite in it; else a database that stays the folder's."""
    if _chosen[-1] == "sqlite":
        return ""
    # Its driver is no part of an installation that needs none.
    from tests.support.postgres import session_server  # noqa: PLC0415

    place = Path(folder).resolve()
    with _making:
        if place not in _by_folder:
            _by_folder[place] = session_server().migrated_database()
    return session_server().url(_by_folder[place])


def save(database: "Database", path: Path) -> None:
    """Copy a database of ours, to be put back under this path's name."""
    from cloud.backup import back_up  # noqa: PLC0415  # tests of the hub alone need none of this

    if database.dialect == "sqlite":
        back_up(database, path)
        return
    from tests.support.postgres import session_server  # noqa: PLC0415  # as above

    database.close()
    _saved[path] = session_server().copy_of(str(database.engine.url.database))


def put_back(database: "Database", path: Path) -> None:
    """Put a saved copy in the place of a database, as who copies files does."""
    if database.dialect == "sqlite":
        database.replace_with(path)
        return
    from tests.support.postgres import session_server  # noqa: PLC0415  # as above

    database.close()
    session_server().rename(_saved.pop(path), str(database.engine.url.database))


def is_idle(folder: Path) -> bool:
    """Tell whether nobody is within a transaction in the folder's database on PostgreSQL."""
    from tests.support.postgres import session_server  # noqa: PLC0415  # as above

    return session_server().is_idle(_by_folder[Path(folder).resolve()])
