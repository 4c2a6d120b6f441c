"""The store of a run's cloud: the real ingest service on a real SQLite database.

The database is made once a process by the cloud's own opening, and its tables are emptied between
runs; only its `synchronous` is turned off, by a pragma after the ones the opening sets.
"""

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

from alembic.script import ScriptDirectory
from sqlalchemy import PoolProxiedConnection, event

from cloud.aging import ALL_REVISIONS, take_back
from cloud.bootstrap import open_database
from cloud.config import load
from cloud.db import migrations
from cloud.households.revocations import limit_consent, readmit, revoke
from cloud.ingest.hubbatch import Rules
from cloud.ingest.repository import renew_store
from cloud.ingest.service import IngestService
from shared.clock import DrivenClock
from shared.consent import Granularity
from shared.errors import BadInputError, OperatorError
from tests.simulation.broker import THING
from tests.simulation.clocks import CloudClock


class Cloud:
    """The store, and what may go wrong with it."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "cloud.db"
        config = load(
            None,
            environment={
                "HEARTHLINK_CLOUD_STATE_DIR": str(folder),
                "HEARTHLINK_CLOUD_ZONE": "Europe/London",
            },
        )
        self.database = open_database(config, DrivenClock(1_772_323_200_000))
        event.listen(self.database.engine, "connect", _be_quick)
        dialect = self.database.engine.dialect
        self._do_commit = dialect.do_commit
        dialect.do_commit = self._commit  # type: ignore[method-assign]  # the same, or refused
        self.database.engine.dispose()
        self._live = sqlite3.connect(self._path, isolation_level=None)
        self._live.execute("PRAGMA synchronous = OFF")
        self._stored_when_revoked: int | None = None
        self.renewed = ""
        """The name that the store was given when it was restored."""
        self._empty = self._saved = self._copy()
        self._emptying = "; ".join(("BEGIN", *_rows_anew(self._empty), "COMMIT"))
        self._is_aged = False
        # Alembic would read and compile the files of all steps for each way through them.
        self._steps = ScriptDirectory.from_config(migrations())
        self.commits_to_fail = 0
        self.window_frames = 16
        self.clock: CloudClock
        self.receipt_interval_s = 0

    def begin(self, clock: CloudClock, receipt_interval_s: int) -> None:
        """Empty the store for a run."""
        self.clock, self.receipt_interval_s = clock, receipt_interval_s
        self.commits_to_fail, self.window_frames = 0, 16
        self._saved = self._empty
        self.empty()

    def empty(self) -> None:
        """Let the store be as it was made."""
        if self._is_aged:
            # The steps through all schemas have left this one with its columns in another order.
            self._empty.backup(self._live)
        else:
            # A file copied anew is a schema to be read anew, and every statement to be prepared.
            self._live.executescript(self._emptying)
        self._is_aged = False
        self._stored_when_revoked = None
        self.renewed = ""

    def dump(self) -> list[str]:
        """Write down all that the store holds."""
        return list(self._live.iterdump())

    def save(self) -> None:
        """Make a backup of the store as it is now."""
        self._saved = self._copy()

    def restore(self) -> None:
        """Go back to the last backup; a store restored has a name of its own."""
        self.copy_back()
        with self.database.writing() as connection:
            self.renewed = renew_store(connection, self.clock.utc_ms())

    def copy_back(self) -> None:
        """Go back to the last backup as somebody does who copies the file: under the same name."""
        self._saved.backup(self._live)
        self._stored_when_revoked = None
        self.renewed = ""

    def revoke(self) -> None:
        """Refuse the hub from now on."""
        with self.database.writing() as connection:
            revoke(connection, THING, self.clock.utc_ms())
        self._stored_when_revoked = self._count_frames()

    def readmit(self) -> str:
        """Hear the hub again; say what is wrong with what was stored meanwhile."""
        stored, self._stored_when_revoked = self._stored_when_revoked, None
        with self.database.writing() as connection:
            readmit(connection, THING, self.clock.utc_ms())
        if stored is None:
            return ""
        now = self._count_frames()
        return "" if stored == now else f"{now} frames are stored, at revocation {stored}"

    @property
    def is_revoked(self) -> bool:
        """Tell whether the hub is refused now."""
        return self._stored_when_revoked is not None

    def limit(self, granularity: Granularity) -> None:
        """Let out no more of the hub than this; what would widen a limit is refused."""
        with (
            contextlib.suppress(BadInputError),
            self.database.writing() as connection,
        ):
            limit_consent(connection, THING, granularity, self.clock.utc_ms())

    def age(self) -> None:
        """Let the store be one of the release before this, and this release be started on it."""
        self._is_aged = True
        with patch.object(ScriptDirectory, "from_config", lambda _settings: self._steps):
            take_back(self.database, ALL_REVISIONS)
            self.database.migrate()
        self._stored_when_revoked = None

    def come_from_later(self) -> bool:
        """Let the store be one of a later release; say whether this one would have started."""
        (schema,) = self._live.execute("SELECT version_num FROM alembic_version").fetchone()
        self._live.execute("UPDATE alembic_version SET version_num = 'later'")
        try:
            self.database.migrate()
        except OperatorError:
            return False
        finally:
            self._live.execute("UPDATE alembic_version SET version_num = ?", (schema,))
        return True

    def _count_frames(self) -> int:
        return int(self._live.execute("SELECT count(*) FROM frames").fetchone()[0])

    def service(self) -> IngestService:
        """Start a worker's service as its process does."""
        rules = Rules(self.receipt_interval_s, self.window_frames)
        return IngestService(self.database, self.clock, rules)

    def _copy(self) -> sqlite3.Connection:
        kept = sqlite3.connect(":memory:")
        self._live.backup(kept)
        return kept

    def close(self) -> None:
        """Close the database."""
        self._live.close()
        self.database.close()

    def _commit(self, dbapi_connection: PoolProxiedConnection) -> None:
        """Commit, or fail as SQLite does where a disk refuses a commit: rolled back, then said."""
        if self.commits_to_fail > 0:
            self.commits_to_fail -= 1
            dbapi_connection.rollback()
            raise sqlite3.OperationalError("disk I/O error")
        self._do_commit(dbapi_connection)


def _rows_anew(store: sqlite3.Connection) -> Iterator[str]:
    """Write what makes the rows of any store of this schema those of `store`."""
    tables = "SELECT name FROM sqlite_master WHERE type = 'table'"
    for (table,) in store.execute(tables).fetchall():
        yield f"DELETE FROM {table}"
    for statement in store.iterdump():
        if statement.startswith("INSERT INTO"):
            yield statement.rstrip(";")


def _be_quick(connection: Any, _record: object) -> None:
    connection.execute("PRAGMA synchronous = OFF")
