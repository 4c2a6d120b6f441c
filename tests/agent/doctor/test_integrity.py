"""Whether the database is whole, read beside the hub without changing a byte of it."""

import contextlib
import sqlite3
from hashlib import sha256
from pathlib import Path

import pytest

from agent.database import migrations
from agent.doctor.check import Result
from agent.doctor.guard import guard
from agent.doctor.integrity import (
    MAX_NAMED,
    check_checksums,
    check_database,
    check_integrity,
    check_schema,
    check_sequences,
    judge_checksums,
    judge_schema,
    sequence_fault,
)
from agent.doctor.reading import open_database, read_held
from agent.log import Log
from shared.errors import OperatorError
from tests.support.hubs import log_with


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A database of a hub that has stopped: one log of sixty samples."""
    path = tmp_path / "hub.sqlite"
    log_with(path, 60, is_loose=True)[0].close()
    return path


def damage(path: Path, sql: str) -> None:
    """Change the database behind the hub's back."""
    with sqlite3.connect(path) as connection:
        connection.execute(sql)
    connection.close()


def fingerprint(folder: Path) -> dict[str, str]:
    """Hash every file of a folder but the shared-memory index, which any reader rebuilds."""
    return {
        file.name: sha256(file.read_bytes()).hexdigest()
        for file in folder.iterdir()
        if not file.name.endswith("-shm")
    }


def test_a_whole_database_passes_every_check(path: Path) -> None:
    """What the hub wrote is found whole."""
    with open_database(path) as connection:
        checks = [
            check_database(path),
            check_schema(connection),
            check_integrity(connection),
            check_checksums(connection),
            check_sequences(connection),
        ]

    assert [check.result for check in checks] == [Result.OK] * 5
    assert "60 newest rows" in checks[3].finding


def test_reading_leaves_a_stopped_hubs_files_as_they_were(path: Path) -> None:
    """No side file stays behind, and the database keeps every byte."""
    before = fingerprint(path.parent)

    with open_database(path) as connection:
        check_sequences(connection)

    assert fingerprint(path.parent) == before


def test_reading_folds_no_journal_in(path: Path, tmp_path: Path) -> None:
    """After a power cut the journal stays as it is: on a failing card every write is a risk."""
    log, _ = log_with(path, 0)
    log.put_fact("store_id", b"x")
    copy = tmp_path / "copy"
    copy.mkdir()
    for file in (path, Path(f"{path}-wal")):
        (copy / file.name).write_bytes(file.read_bytes())
    log.close()
    before = fingerprint(copy)

    with open_database(copy / path.name) as connection:
        facts = connection.execute("SELECT name FROM facts").fetchall()

    assert ("store_id",) in facts
    assert fingerprint(copy) == before


def test_a_database_is_read_while_the_hub_writes(path: Path) -> None:
    """The hub holds the file open and goes on writing."""
    log = Log(path)

    with open_database(path) as connection:
        log.put_fact("while", b"reading")
        check = check_sequences(connection)
    log.close()

    assert check.result is Result.OK


def test_a_file_that_is_no_database_says_so(tmp_path: Path) -> None:
    """Rubbish in the database's place is told in words, with what to save first."""
    path = tmp_path / "hub.sqlite"
    path.write_bytes(b"rubbish" * 1_000)

    with pytest.raises(OperatorError, match="damaged") as caught, open_database(path):
        pass

    assert "copy" in caught.value.hint


def test_what_cannot_be_copied_is_told_in_plain_words(tmp_path: Path) -> None:
    """A copy is read; where none can be made, the system's own text says why."""
    path = tmp_path / "hub.sqlite"
    path.mkdir()

    with pytest.raises(OperatorError, match="directory") as caught, open_database(path):
        pass

    assert "HEARTHLINK_HUB_STATE_DIR" in caught.value.hint


def test_the_database_of_a_running_hub_is_read(tmp_path: Path) -> None:
    """A hub keeps its file to itself; what it has committed can be looked at all the same."""
    log, meter_log = log_with(tmp_path / "hub.sqlite", 30)

    with open_database(tmp_path / "hub.sqlite") as connection:
        held = read_held(connection, meter_log.log)

    assert held == [(1, 30)]
    log.close()


def test_a_database_of_the_first_schema_is_read(tmp_path: Path) -> None:
    """Before the hub has brought it up to date, its checks are made all the same."""
    path = tmp_path / "hub.sqlite"
    first = Path(__file__).parents[1] / "databases" / "schema_1.sql"
    with contextlib.closing(sqlite3.connect(path)) as old:
        old.executescript(first.read_text())

    with open_database(path) as connection:
        check = check_sequences(connection)
        schema = check_schema(connection)

    assert check.result is Result.OK
    assert schema.result is Result.WARNING


@pytest.mark.parametrize(
    ("version", "result"), [(0, Result.WARNING), (1, Result.OK), (2, Result.FAULT)]
)
def test_the_schema_is_compared_with_the_programs(version: int, result: Result) -> None:
    """An older one is brought up by the hub, a newer one needs a newer program."""
    assert judge_schema(version, known=1).result is result


def test_the_schema_is_read_from_the_file(path: Path) -> None:
    """A file of a later program is found out."""
    damage(path, "DELETE FROM facts WHERE name = 'readable_from'")
    damage(path, f"PRAGMA user_version = {migrations()[-1][0] + 1}")

    with open_database(path) as connection:
        check = check_schema(connection)

    assert check.result is Result.FAULT


def test_torn_pages_are_a_fault(tmp_path: Path) -> None:
    """SQLite's quick check finds what a dying card left."""
    path = tmp_path / "hub.sqlite"
    log_with(path, 3_000)[0].close()
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(size * 3 // 4)
        file.write(b"\xff" * (size // 4))

    with open_database(path) as connection:
        check = guard("integrity", lambda: check_integrity(connection))

    assert check.result is Result.FAULT


def test_a_flipped_value_is_found_by_its_checksum(path: Path) -> None:
    """SQLite keeps a changed row happily; its checksum does not."""
    damage(path, "UPDATE samples SET monotonic_ms = monotonic_ms + 1 WHERE seq = 7")
    damage(path, "UPDATE samples SET body = NULL WHERE 0")

    with open_database(path) as connection:
        check = check_checksums(connection)

    assert check.result is Result.FAULT
    assert "1 of the 60 newest rows damaged" in check.finding
    assert "M1 7" in check.finding


def test_a_value_of_another_kind_is_a_damaged_row(path: Path) -> None:
    """SQLite lets a text stand in an integer's column: that is damage too, not a crash."""
    damage(path, "UPDATE samples SET monotonic_ms = 'rubbish' WHERE seq = 8")

    with open_database(path) as connection:
        check = check_checksums(connection)

    assert "M1 8" in check.finding


def test_many_damaged_rows_are_counted_and_some_named() -> None:
    """The report stays readable."""
    check = judge_checksums(50, [f"M1 {seq}" for seq in range(MAX_NAMED + 1)])

    assert check.finding.endswith("…)")


def test_a_row_gone_without_a_receipt_is_a_fault(path: Path) -> None:
    """A hole that no receipt names is a lost sample."""
    damage(path, "DELETE FROM samples WHERE seq BETWEEN 20 AND 22")

    with open_database(path) as connection:
        check = check_sequences(connection)

    assert check.result is Result.FAULT
    assert "3 samples missing that no receipt names (20 to 22)" in check.finding


@pytest.mark.parametrize(
    ("stored", "next_seq", "word"),
    [
        ([(1, 25)], 61, ""),
        ([], 61, "3 samples missing"),
        ([(1, 25)], 71, "10 samples missing"),
        ([(1, 25)], 60, "the next would be numbered 60"),
    ],
)
def test_numbering_is_held_against_receipts_and_the_next_number(
    stored: list[tuple[int, int]], next_seq: int, word: str
) -> None:
    """Freed samples are stored ones; the end of a log must meet its next number."""
    fault = sequence_fault([(10, 19), (23, 60)], stored, next_seq)

    assert word in fault
    assert bool(fault) == bool(word)


def test_an_empty_log_lacks_nothing() -> None:
    """All of it was freed, or nothing was heard yet."""
    assert sequence_fault([], [], 1) == ""


def test_a_check_that_takes_too_long_is_given_up(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk so slow is a finding, and the doctor still ends."""
    monkeypatch.setattr("agent.doctor.integrity.QUICK_CHECK_S", -1)
    monkeypatch.setattr("agent.doctor.integrity.PROGRESS_STEPS", 1)

    with open_database(path) as connection:
        check = check_integrity(connection)
        rows = connection.execute("SELECT count(*) FROM samples").fetchone()

    assert check.result is Result.WARNING
    assert "did not end" in check.finding
    assert rows == (60,)


def test_a_journal_not_folded_in_yet_is_told(path: Path) -> None:
    """It is a part of the database, and of its size."""
    log, _ = log_with(path, 0)
    log.put_fact("store_id", b"x")

    check = check_database(path)
    log.close()

    assert "not folded in yet" in check.finding
