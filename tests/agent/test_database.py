"""The hub's database file: how it is opened, what it refuses, and old schemas."""

import resource
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.database import READABLE_FROM, migrate, migrations, open_database, open_reader
from agent.log import Log
from agent.timekeeping import ClockLedger
from shared.consent import Granularity
from shared.errors import OperatorError
from tests.support.hubs import METER, START_MS, append, log_with, rows_every, sound_rows

SCHEMAS = sorted((Path(__file__).parent / "databases").glob("schema_*.sql"))


def test_file_is_durable_and_bounded(tmp_path: Path) -> None:
    """A commit reaches the card before it is acknowledged: WAL with synchronous=FULL (2)."""
    connection = open_database(tmp_path / "hub.sqlite")

    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
    connection.close()


def test_the_wal_has_its_length_from_the_start(tmp_path: Path) -> None:
    """It does not grow until a checkpoint: growing would cost the card more than the commits."""
    path = tmp_path / "hub.sqlite"
    log, meter_log = log_with(path, 0)
    before = Path(f"{path}-wal").stat().st_size

    for row in rows_every(60):
        append(log, meter_log, [row])

    assert Path(f"{path}-wal").stat().st_size == before > 400 * 1_024
    log.close()


@pytest.fixture
def small_files() -> Iterator[None]:
    """Have the kernel cut files off at 100 KB, as a full disk does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.usefixtures("small_files")
def test_a_full_disk_costs_the_wal_its_length_and_no_more(tmp_path: Path) -> None:
    """The log opens; the room that the zeros did not fit into is left to commits."""
    path = tmp_path / "hub.sqlite"
    log, meter_log = log_with(path, 0)
    before = Path(f"{path}-wal").stat().st_size

    rows = append(log, meter_log, rows_every(20))

    assert before < 100_000
    assert sound_rows(log, meter_log) == rows
    log.close()


@pytest.mark.parametrize("count", [0, 5])
def test_zeros_behind_the_wal_are_its_end(tmp_path: Path, count: int) -> None:
    """Killed before its first commit or after a few, a hub has what was committed, no more."""
    path, killed = tmp_path / "hub.sqlite", tmp_path / "killed.sqlite"
    Log(path).close()
    log, meter_log = log_with(path, count)
    for suffix in ("", "-wal"):
        shutil.copyfile(f"{path}{suffix}", f"{killed}{suffix}")

    revived = Log(killed)

    assert Path(f"{killed}-wal").stat().st_size > 400 * 1_024
    assert len(sound_rows(revived, meter_log)) == count
    revived.close()
    log.close()


def test_reader_cannot_write(tmp_path: Path) -> None:
    """The reading connection refuses to change anything."""
    writer = open_database(tmp_path / "hub.sqlite")
    reader = open_reader(tmp_path / "hub.sqlite")

    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        reader.execute("DELETE FROM facts")

    reader.close()
    writer.close()


def test_a_missing_folder_is_named_with_its_fix(tmp_path: Path) -> None:
    """What cannot be opened says which file and what to check."""
    with pytest.raises(OperatorError, match="cannot be opened") as caught:
        open_database(tmp_path / "missing" / "hub.sqlite")

    assert "missing" in caught.value.message
    assert "folder" in caught.value.hint


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    """Somebody else's file is left as it is."""
    path = tmp_path / "hub.sqlite"
    path.write_bytes(b"these are not the pages you are looking for" * 100)

    with pytest.raises(OperatorError, match="not a database"):
        open_database(path)


def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    """An older program does not touch what a newer one wrote."""
    path = tmp_path / "hub.sqlite"
    connection = open_database(path)
    connection.execute("PRAGMA user_version = 999")
    connection.execute("UPDATE facts SET value = '999' WHERE name = 'readable_from'")
    connection.close()

    with pytest.raises(OperatorError, match="schema 999") as caught:
        open_database(path)

    assert "newer version" in caught.value.hint


def test_migrations_are_numbered_without_a_hole() -> None:
    """The schema's number counts its migrations."""
    assert [number for number, _ in migrations()] == list(range(1, len(migrations()) + 1))


def test_a_second_migration_of_the_newest_schema_changes_nothing(tmp_path: Path) -> None:
    """Opening again applies nothing twice."""
    path = tmp_path / "hub.sqlite"
    connection = open_database(path)
    before = connection.execute("SELECT sql FROM sqlite_master").fetchall()

    migrate(connection, path)

    assert connection.execute("SELECT sql FROM sqlite_master").fetchall() == before
    connection.close()


@pytest.mark.parametrize("schema", SCHEMAS, ids=lambda path: path.stem)
def test_stored_copies_of_old_schemas_open_twice(schema: Path, tmp_path: Path) -> None:
    """Every old database is migrated once, keeps what it held, and opens again as it is."""
    path = tmp_path / "hub.sqlite"
    old = sqlite3.connect(path)
    old.executescript(schema.read_text())
    old.close()

    for _ in range(2):
        log = Log(path)
        meter_log = log.meters[METER]
        rows = sound_rows(log, meter_log)

        assert [row.registers["import_mwh"] for row in rows] == [1_000_000, 1_001_000]
        assert ClockLedger(log.clock_pieces()).resolve(rows[0]) == (START_MS + 10_000, 0)
        assert meter_log.next_seq == 3
        assert [change.run for change in log.runs(meter_log.log)] == ["run-a"]
        assert log.stored_ranges(meter_log.log) == [(1, 1, 0)]
        assert log.held_refused(meter_log.log) == [(2, 2, "bad-value")]
        assert log.quarantine_counts() == {"bad-crc": 1}
        assert log.fact("store_id") == b"store-1"
        assert log.committed.execute("SELECT * FROM consent").fetchall() == [
            (START_MS, Granularity.TEN_SECONDS.value)
        ]
        assert log.committed.execute("PRAGMA user_version").fetchone() == (len(migrations()),)
        log.close()


LATER = [
    (migrations()[-1][0] + 1, "CREATE TABLE later (id INTEGER PRIMARY KEY, said TEXT NOT NULL);"),
    (migrations()[-1][0] + 2, "CREATE INDEX later_said ON later (said);"),
]


def test_a_log_survives_two_schemas_up_and_the_way_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An older program goes on with what a newer one wrote, and the newer with what that added."""
    path = tmp_path / "hub.sqlite"
    newer = [*migrations(), *LATER]
    log, meter_log = log_with(path, 3)
    log.close()
    with monkeypatch.context() as newly:
        newly.setattr("agent.database.migrations", lambda: newer)
        later = Log(path)
        append(later, later.meters[METER], rows_every(2, first_seq=4))
        later.write("INSERT INTO later VALUES (1, ?)", ("kept",))
        later.close()

    older = Log(path)
    append(older, older.meters[METER], rows_every(2, first_seq=6))
    older.close()

    monkeypatch.setattr("agent.database.migrations", lambda: newer)
    again = Log(path)
    assert [row.seq for row in sound_rows(again, again.meters[METER])] == [1, 2, 3, 4, 5, 6, 7]
    assert again.meters[METER].log_id == meter_log.log_id
    assert again.committed.execute("PRAGMA user_version").fetchone() == (LATER[-1][0],)
    assert again.committed.execute("SELECT said FROM later").fetchall() == [("kept",)]
    again.close()


def test_a_schema_that_an_older_program_would_spoil_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A migration that does more than add says so, and the older program keeps away."""
    path = tmp_path / "hub.sqlite"
    with monkeypatch.context() as newly:
        newly.setattr("agent.database.migrations", lambda: [*migrations(), *LATER])
        newly.setattr("agent.database.READABLE_FROM", LATER[-1][0])
        open_database(path).close()

    with pytest.raises(OperatorError, match=f"schema {LATER[-1][0]}"):
        open_database(path)


def test_migrations_since_the_oldest_readable_schema_only_add(tmp_path: Path) -> None:
    """READABLE_FROM is a promise: nothing that schema had has changed since."""
    definitions = "SELECT name, sql FROM sqlite_master"
    connection = sqlite3.connect(tmp_path / "then.sqlite")
    for number, sql in migrations():
        if number <= READABLE_FROM:
            connection.executescript(sql)
    then = dict(connection.execute(definitions))
    connection.close()
    connection = open_database(tmp_path / "now.sqlite")

    now = dict(connection.execute(definitions))

    connection.close()
    assert then.items() <= now.items()
