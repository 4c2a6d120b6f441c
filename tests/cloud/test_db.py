"""Migrations and transactions of the database."""

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError

from cloud.aging import ALL_REVISIONS, take_back
from cloud.db import Database, migrations
from cloud.ingest.hubbatch import Rules
from cloud.ingest.intake import Message
from cloud.ingest.repository import read_log, store_id
from cloud.ingest.service import IngestService
from cloud.migrations import schemas
from cloud.scope import Scope
from cloud.tables import households, metadata
from cloud.writes import upsert
from shared.clock import DrivenClock
from shared.errors import OperatorError
from shared.units import MS_PER_MINUTE
from tests.support.cloud import (
    LOG_ID,
    START_MS,
    config_in,
    database_in,
    payload_of,
    samples_of,
)

ROOT = Path(__file__).parents[2]
DATABASES = Path(__file__).parent / "databases"
RUN = "import sys; from cloud.cli import run; sys.exit(run(sys.argv[1:]))"


def test_a_commit_that_fails_leaves_no_transaction_in_the_pool(tmp_path: Path) -> None:
    """The next to write gets a connection that is in no transaction, and sees nothing of it."""
    database = database_in(tmp_path)
    with database.writing() as connection:
        connection.execute(text("CREATE TABLE parent (id INTEGER PRIMARY KEY)"))
        reference = "REFERENCES parent DEFERRABLE INITIALLY DEFERRED"
        connection.execute(text(f"CREATE TABLE child (parent INTEGER {reference})"))

    # SQLite finds the missing parent at COMMIT, which fails and leaves the transaction open.
    for _ in range(3):
        with database.engine.connect() as pooled:
            pooled.connection.execute("PRAGMA foreign_keys = ON")
        with (
            pytest.raises(IntegrityError, match="FOREIGN KEY"),
            database.writing() as connection,
        ):
            connection.execute(text("INSERT INTO child VALUES (7)"))
        with database.writing() as connection:
            connection.execute(text("INSERT INTO parent VALUES (NULL)"))

    with database.reading() as connection:
        counts = connection.execute(
            text("SELECT (SELECT count(*) FROM child), (SELECT count(*) FROM parent)")
        ).one()
    assert tuple(counts) == (0, 3)
    database.close()


def test_migrations_bring_a_database_to_the_tables(tmp_path: Path) -> None:
    """After every migration, once or twice, the schema is what cloud/tables.py says."""
    database = Database(f"sqlite:///{tmp_path / 'new.db'}")

    database.migrate()
    database.migrate()

    with database.reading() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    database.close()


@pytest.mark.parametrize("schema", sorted(DATABASES.glob("*.sql")), ids=lambda path: path.stem)
def test_old_database_is_brought_up_and_goes_on(tmp_path: Path, schema: Path) -> None:
    """A stored copy of every old schema, opened twice: what it held is there and takes more."""
    with closing(sqlite3.connect(tmp_path / "cloud.db")) as old:
        old.executescript(schema.read_text())

    for _ in range(2):
        database_in(tmp_path).close()
    database = database_in(tmp_path)
    service = IngestService(database, DrivenClock(START_MS + MS_PER_MINUTE), Rules())
    service.ingest([Message("hub-1", payload_of(samples_of(21, 5)), START_MS + MS_PER_MINUTE)])

    with database.reading() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
        log = read_log(connection, LOG_ID.hex())
    database.close()
    assert log is not None
    assert log.coverage == [(1, 30, 0)]
    assert [one[:2] for one in log.missing] == [(31, 40)]


def test_every_migration_can_be_taken_back(tmp_path: Path) -> None:
    """Down to the first schema and up again: the tables are what cloud/tables.py says."""
    database = database_in(tmp_path)

    first_schema = take_back(database, ALL_REVISIONS)
    database.migrate()

    with database.reading() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    database.close()
    assert first_schema == "0001"


def test_a_store_is_taken_back_by_so_many_releases(tmp_path: Path) -> None:
    """One release is one revision of the schema."""
    database = database_in(tmp_path)
    (newest,) = _schema(database)

    before = take_back(database, 1)

    (now,) = _schema(database)
    database.close()
    assert before == now < newest


def test_schemas_are_those_of_the_migrations() -> None:
    """Known by their files' names: Alembic, asked for its own, says the same."""
    steps = ScriptDirectory.from_config(migrations()).walk_revisions()

    assert [step.revision for step in steps] == list(reversed(schemas()))


def test_a_store_that_is_up_to_date_is_opened_without_alembic(tmp_path: Path) -> None:
    """Which takes longer to load than most commands run."""
    database_in(tmp_path).close()
    program = (
        "import sys; from pathlib import Path; from cloud.db import Database;"
        f"Database({config_in(tmp_path).url!r}).migrate(); print('alembic' in sys.modules)"
    )

    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, cwd=ROOT, check=True
    )

    assert done.stdout == b"False\n"


def test_older_program_says_that_the_database_is_newer(tmp_path: Path) -> None:
    """After a rollback of the program, with both ways out, and nothing changed."""
    database = database_in(tmp_path)
    with database.writing() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    with pytest.raises(OperatorError, match="later program") as caught:
        database.migrate()

    database.close()
    assert "restore a backup" in caught.value.hint


def _schema(database: Database) -> tuple[str, ...]:
    with database.reading() as connection:
        return tuple(connection.execute(text("SELECT version_num FROM alembic_version")).scalars())


def test_store_keeps_its_name_when_opened_twice(tmp_path: Path) -> None:
    """The store id is minted once."""
    names = []

    for _ in range(2):
        database = database_in(tmp_path)
        with database.writing() as connection:
            names.append(store_id(connection, 0))
        database.close()

    assert names[0] == names[1]
    assert len(names[0]) == 32


@pytest.mark.slow
def test_processes_may_migrate_at_once(tmp_path: Path) -> None:
    """Three processes that start on one empty database all come up."""
    environment = {"HEARTHLINK_CLOUD_STATE_DIR": str(tmp_path), "PYTHONPATH": str(ROOT)}
    words = [sys.executable, "-c", RUN, "migrate"]

    processes = [subprocess.Popen(words, env=environment) for _ in range(3)]

    assert [process.wait(60) for process in processes] == [0, 0, 0]


def test_sqlite_is_durable(tmp_path: Path) -> None:
    """Connections run in WAL with synchronous=FULL (2): an answered frame survives a power cut."""
    database = database_in(tmp_path)

    with database.reading() as connection:
        modes = [
            connection.execute(text(f"PRAGMA {name}")).scalar_one()
            for name in ("journal_mode", "synchronous")
        ]
    database.close()

    assert modes == ["wal", 2]


def test_failed_transaction_leaves_nothing(tmp_path: Path) -> None:
    """What a block wrote before it raised is rolled back."""
    database = database_in(tmp_path)
    row = {"household_id": "x", "name": "X", "zone": "UTC"}

    def write_and_fail() -> None:
        with database.writing() as connection:
            upsert(connection, households, [row], keys=("household_id",))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_and_fail()

    with database.reading() as connection:
        found = connection.execute(select(households.c.household_id)).scalars().all()
    database.close()
    assert found == ["home"]


def test_scope_cannot_be_empty() -> None:
    """A scope without households would mean everyone's rows."""
    with pytest.raises(ValueError, match="at least one"):
        Scope(frozenset())


def test_scope_of_several_writes_to_none() -> None:
    """Rows are written for one household, so a wider scope says so."""
    scope = Scope(frozenset({"a", "b"}))

    with pytest.raises(ValueError, match="2 households"):
        str(scope.only)
