"""What is PostgreSQL's own: migrations, one view a reader, connections that end, many writers."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from psycopg.pq import TransactionStatus
from sqlalchemy import func, insert, select, text
from sqlalchemy.exc import InternalError, OperationalError

from cloud import postgres
from cloud.aging import ALL_REVISIONS, take_back
from cloud.backup import back_up, restore
from cloud.db import Database
from cloud.ingest.hubbatch import Rules
from cloud.ingest.intake import Message
from cloud.ingest.repository import list_logs
from cloud.ingest.service import IngestService
from cloud.scope import Scope
from cloud.tables import frames, households, metadata
from shared.clock import DrivenClock
from shared.errors import OperatorError
from tests.support.cloud import START_MS, config_in, database_in, payload_of, samples_of
from tests.support.postgres import session_server
from tests.support.stores import kept_on

ROOT = Path(__file__).parents[2]
RUN = "import sys; from cloud.cli import run; sys.exit(run(sys.argv[1:]))"
HOME = Scope.of("home")
ASKED_UNTIL_PREPARED = 5
"""The driver's own threshold."""

HUBS, METERS, LOGS, FRAMES = 3, 2, 6, 10
NOW_MS = START_MS + 3_600_000


@pytest.fixture(autouse=True)
def _on_postgresql() -> Iterator[None]:
    with kept_on("postgresql"):
        yield


@pytest.fixture(name="database")
def _database(tmp_path: Path) -> Iterator[Database]:
    opened = database_in(tmp_path)
    yield opened
    opened.close()


def test_migrations_bring_a_database_to_the_tables_and_back(database: Database) -> None:
    """Down to the first schema and up again, the schema is what cloud/tables.py says."""
    with database.reading() as connection:
        first = compare_metadata(MigrationContext.configure(connection), metadata)

    take_back(database, ALL_REVISIONS)
    database.migrate()

    with database.reading() as connection:
        again = compare_metadata(MigrationContext.configure(connection), metadata)
    assert first == again == []


@pytest.mark.slow
def test_processes_may_migrate_at_once() -> None:
    """Three that start on one empty database all come up."""
    server = session_server()
    name = server.empty_database()
    environment = {"HEARTHLINK_CLOUD_DATABASE_URL": server.url(name), "PYTHONPATH": str(ROOT)}
    words = [sys.executable, "-c", RUN, "migrate"]

    processes = [subprocess.Popen(words, env=environment) for _ in range(3)]
    ended = [process.wait(60) for process in processes]

    server.drop(name)
    assert ended == [0, 0, 0]


def test_a_server_that_is_too_old_is_refused(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the version that would do."""
    monkeypatch.setattr(postgres, "OLDEST_SERVER", (99, 0))

    with pytest.raises(OperatorError, match="too old") as caught:
        database.migrate()

    assert "PostgreSQL 99" in caught.value.hint


def test_a_missing_driver_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who installed the cloud for SQLite alone."""
    monkeypatch.setitem(sys.modules, "psycopg", None)

    with pytest.raises(OperatorError, match="psycopg") as caught:
        Database("postgresql://hearthlink@/hearthlink")

    assert "hearthlink[cloud,postgresql]" in caught.value.hint


def test_a_server_that_is_no_file_is_not_copied(database: Database, tmp_path: Path) -> None:
    """The operator is told of the server's own tools."""
    with pytest.raises(OperatorError, match="not copied") as caught:
        database.copy_to(tmp_path / "copy.db")

    assert "pg_dump" in caught.value.hint


def test_a_server_takes_no_backup_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is refused before anything is written, here or there."""
    with kept_on("sqlite"):
        back_up(database_in(tmp_path / "other"), tmp_path / "old.db")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    config = config_in(tmp_path)

    with pytest.raises(OperatorError, match="not copied"):
        restore(config, tmp_path / "old.db", DrivenClock(NOW_MS))

    assert list((tmp_path / "here").iterdir()) == []


def test_a_reader_has_one_view_and_cannot_write(database: Database) -> None:
    """What others commit meanwhile is not half in its answer."""
    row = {"household_id": "new", "name": "New", "zone": "UTC"}
    count = select(func.count()).select_from(households)

    with database.reading(HOME) as unseen, database.reading() as reader:
        before = reader.execute(count).scalar_one()
        with database.writing() as connection:
            connection.execute(insert(households), [row])
        after = reader.execute(count).scalar_one()
        with pytest.raises(InternalError, match="read-only"):
            reader.execute(insert(households), [row])
        own = unseen.execute(count).scalar_one()

    assert (before, after, own) == (1, 1, 1)


@pytest.mark.parametrize("is_refused", [False, True])
def test_questions_are_planned_once_for_many_transactions(
    database: Database, *, is_refused: bool
) -> None:
    """Statements that readers repeat stay prepared, also where what was asked is not there."""
    for _ in range(ASKED_UNTIL_PREPARED + 1):
        with suppress(OperatorError), database.reading(HOME) as connection:
            connection.execute(select(households.c.zone))
            if is_refused:
                raise OperatorError("no such thing")

    with database.reading(HOME) as connection:
        asked = connection.execute(text("SELECT statement FROM pg_prepared_statements"))
        prepared = [str(one) for one in asked.scalars()]
    assert any("households.zone" in one for one in prepared)


def test_what_is_asked_for_each_stays_planned(database: Database) -> None:
    """Also where a transaction holds nothing but such questions."""
    question = select(households.c.name)
    for _ in range(ASKED_UNTIL_PREPARED + 1):
        with database.reading() as connection:
            database.ask_each(connection, question, [(HOME, {})])

    with database.reading(HOME) as connection:
        asked = connection.execute(text("SELECT statement FROM pg_prepared_statements"))
        prepared = [str(one) for one in asked.scalars()]
    assert any("households.name" in one for one in prepared)


def test_single_questions_have_views_of_their_own(database: Database) -> None:
    """What is committed between two of them the second sees; no transaction is left behind."""
    count = select(func.count()).select_from(households)
    with database.looking() as connection:
        before = connection.execute(count).scalar_one()
        with database.writing() as writer:
            row = {"household_id": "new", "name": "New", "zone": "UTC"}
            writer.execute(insert(households), [row])
        after = connection.execute(count).scalar_one()
        driver: Any = connection.connection.driver_connection
        is_within = driver.info.transaction_status is not TransactionStatus.IDLE

    assert after == before + 1
    assert not is_within


def test_connections_of_single_questions_write_in_transactions_again(database: Database) -> None:
    """What fails in one that the pool lends next leaves nothing behind."""
    with database.looking() as connection:
        connection.execute(select(func.count()).select_from(households))

    row = {"household_id": "gone", "name": "Gone", "zone": "UTC"}
    with suppress(OperatorError), database.writing() as connection:
        connection.execute(insert(households), [row])
        raise OperatorError("no")

    with database.reading(Scope.of("gone")) as connection:
        assert connection.execute(select(households)).all() == []


def test_connections_that_the_server_ended_are_replaced(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a restart of the server the first to ask is served, whoever it is."""
    monkeypatch.setattr("cloud.db.UNHEARD_S_MAX", 0.0)
    ended = []
    for scope in (None, HOME):
        with database.reading(scope), database.reading(scope):
            pass
        name = database.engine.url.database
        session_server().execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = "
            f"'{name}' AND pid <> pg_backend_pid()"
        )
        with database.writing(scope) as connection:
            ended.append(connection.execute(select(households.c.household_id)).scalar_one())

    assert ended == ["home", "home"]


def test_nobody_waits_without_end(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither for a lock, nor for one that was frozen with its transaction open."""
    monkeypatch.setattr(postgres, "LOCK_WAIT_MS", 50)
    monkeypatch.setattr(postgres, "IDLE_MS", 500)
    other = Database(config_in(tmp_path).url)
    lock = select(households.c.name).with_for_update()

    with database.writing() as holder:
        holder.execute(lock)
        with pytest.raises(OperationalError, match="lock timeout"), other.writing() as late:
            late.execute(lock)
    with other.reading() as connection:
        idle = connection.execute(text("SHOW idle_in_transaction_session_timeout")).scalar_one()
    other.close()

    assert idle == "500ms"


def _messages(thing: str) -> list[Message]:
    """Frames of a hub's logs, each meter in several of them, in an order of the hub's own."""
    number = int(thing[-1])
    sent = [
        payload_of(
            samples_of(1 + 10 * place, 10),
            log_id=bytes([number, log]) * 8,
            meter=f"M{(log + number) % METERS}",
        )
        for place in range(FRAMES)
        for log in range(LOGS)
    ]
    return [Message(thing, payload, NOW_MS) for payload in sent]


def _ingest(database: Database, messages: list[Message], faults: list[BaseException]) -> None:
    try:
        service = IngestService(database, DrivenClock(NOW_MS), Rules())
        for place in range(0, len(messages), 7):
            service.ingest(messages[place : place + 7])
    except BaseException as fault:  # noqa: BLE001  # the test's thread has nobody else to tell
        faults.append(fault)


def test_workers_that_meet_at_meters_and_hubs_neither_wait_in_a_ring_nor_lose(
    database: Database,
) -> None:
    """Two workers a hub at once, three hubs on the same meters: every frame is stored once."""
    faults: list[BaseException] = []
    shares = [_messages(f"hub-{number}") for number in range(HUBS) for _ in range(2)]

    threads = [threading.Thread(target=_ingest, args=(database, one, faults)) for one in shares]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    with database.reading() as connection:
        coverages = [one.coverage for one in list_logs(connection, HOME)]
        stored = connection.execute(select(func.count()).select_from(frames)).scalar_one()
    assert faults == []
    assert coverages == [[(1, 10 * FRAMES, 0)]] * (HUBS * LOGS)
    assert stored == HUBS * LOGS * FRAMES
