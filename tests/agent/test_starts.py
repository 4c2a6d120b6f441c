"""Unanswered starts: kept with the first rows of each, bounded, and forgotten once answered."""

import sqlite3
from pathlib import Path

import msgspec
import pytest

from agent.log import Log
from agent.reader import LogEntry
from agent.records import Batch
from agent.starts import (
    MAX_STARTS,
    STARTS_FACT,
    Starts,
    first_unproved,
    parts,
    read_starts,
    without,
)
from shared.readings import Medium
from tests.support.hubs import METER, append, log_with, rows_every, sound_rows


def entry(next_seq: int, *, is_open: bool = True, log: int = 1) -> LogEntry:
    """List a log as its table does."""
    return LogEntry(log, b"\x01" * 16, METER, Medium.ELECTRICITY, next_seq, is_open)


def started(path: Path, rows: int) -> Log:
    """Start once more, and commit so many rows."""
    log = Log(path)
    meter_log = log.meters[METER]
    append(log, meter_log, rows_every(rows, first_seq=meter_log.next_seq))
    return log


@pytest.fixture(name="path")
def _path(tmp_path: Path) -> Path:
    log, _ = log_with(tmp_path / "hub.sqlite", 20)
    log.close()
    return tmp_path / "hub.sqlite"


def test_every_start_that_wrote_rows_is_remembered(path: Path) -> None:
    """The next one knows from where on each of them wrote."""
    started(path, 2).close()
    started(path, 3).close()

    log = Log(path)

    assert log.starts.of(log.meters[METER].log) == [21, 23, 26]


def test_a_start_without_rows_writes_nothing(path: Path) -> None:
    """A full disk does not keep a hub from starting, and there is nothing to settle."""
    Log(path).close()
    Log(path).close()

    log = Log(path)

    assert log.fact(STARTS_FACT) is None
    assert log.starts.of(1) == [21]


def test_a_start_is_kept_in_the_very_commit_of_its_first_row(path: Path) -> None:
    """Where that commit fails neither is there; with the next both are."""
    log = Log(path)
    meter_log = log.meters[METER]
    log._db.execute(
        "CREATE TEMP TRIGGER full BEFORE INSERT ON main.samples "
        "BEGIN SELECT raise(ABORT, 'full'); END"
    )
    batch = Batch(rows=[(meter_log, row) for row in rows_every(1, first_seq=21)])
    meter_log.next_seq = 22

    with pytest.raises(sqlite3.Error):
        log.commit(batch)
    after_failure = log.fact(STARTS_FACT)
    log._db.execute("DROP TRIGGER full")
    log.commit(batch)

    assert after_failure is None
    assert read_starts(log.fact(STARTS_FACT)) == {meter_log.log: [21]}


def test_an_answer_is_kept_over_starts(path: Path) -> None:
    """What was answered for is in doubt no more, whoever starts next."""
    log = started(path, 2)
    log.note_answered(1, 21)
    append(log, log.meters[METER], rows_every(1, first_seq=23))
    log.close()

    assert log.starts.of(1) == [21]
    assert Log(path).starts.of(1) == [24]


def test_an_answer_before_the_first_row_is_kept_too(path: Path) -> None:
    """The rows of that start are of a log that was answered for."""
    log = Log(path)
    log.note_answered(1, 21)
    append(log, log.meters[METER], rows_every(4, first_seq=21))
    log.close()

    assert Log(path).starts.of(1) == [25]


def test_an_answer_that_could_not_be_kept_is_kept_with_the_next(path: Path) -> None:
    """A full disk leaves it to the hello after it."""
    log = started(path, 2)
    log._db.execute(
        "CREATE TEMP TRIGGER full BEFORE INSERT ON main.facts "
        "BEGIN SELECT raise(ABORT, 'full'); END"
    )

    with pytest.raises(sqlite3.Error):
        log.note_answered(1, 21)
    kept = read_starts(log.fact(STARTS_FACT))
    log._db.execute("DROP TRIGGER full")
    log.note_answered(1, 21)

    assert kept == {1: [21]}
    assert log.starts.is_settled(1)
    assert log.starts.of(1) == [21]
    assert read_starts(log.fact(STARTS_FACT)) == {}


def test_a_normal_start_writes_twice_at_most(path: Path) -> None:
    """Once with its first rows, once when it is answered, however often it is from then on."""
    log = Log(path)
    written: list[str] = []
    log._db.set_trace_callback(
        lambda sql: written.append(sql) if "INTO facts" in sql and "INSERT" in sql else None
    )

    append(log, log.meters[METER], rows_every(6, first_seq=21))
    for _ in range(3):
        log.note_answered(1, 21)
        append(log, log.meters[METER], rows_every(6, first_seq=log.meters[METER].next_seq))

    assert len(written) == 2


def test_rows_that_moved_leave_nothing_in_doubt(path: Path) -> None:
    """Neither the log they were of, which ends before them, nor the new one, whose id is new."""
    started(path, 2).close()
    log = started(path, 1)

    moved = log.restart_log(log.meters[METER], 23)
    log.close()

    again = Log(path)
    assert again.starts.of(1) == []
    assert again.starts.of(moved.log) == [2]


def test_a_closed_log_stays_in_doubt_until_it_is_answered_for(path: Path) -> None:
    """Where a start gives a meter a new log, the rows of the one before may still be taken."""
    started(path, 2).close()
    log = Log(path)
    fresh = log.start_log(METER, Medium.ELECTRICITY)
    append(log, fresh, rows_every(1))
    log.close()

    again = Log(path)
    assert again.starts.of(1) == [21, 23]
    again.note_answered(1, 23)
    again.close()
    assert Log(path).starts.of(1) == []


def test_rows_of_a_closed_log_move_into_one_that_is_closed(path: Path) -> None:
    """The meter goes on in the log that it has."""
    started(path, 2).close()
    log = Log(path)
    former = log.meters[METER]
    fresh = log.start_log(METER, Medium.ELECTRICITY)
    append(log, fresh, rows_every(1))
    log.declare_lost(former.log, 23, 40, "rewound")

    moved = log.restart_log(former, 21)

    assert log.meters[METER] is fresh
    assert [one.seq for one in sound_rows(log, moved)] == [1, 2]
    assert {one.log: one.is_open for one in log.entries()} == {
        former.log: False,
        fresh.log: True,
        moved.log: False,
    }
    assert log.declared_damage(former.log) == [(23, 40, "rewound")]
    log.close()
    assert Log(path).meters[METER].log == fresh.log


def test_starts_are_bounded_and_the_oldest_stays() -> None:
    """A hub that starts a hundred times without an answer keeps a few numbers."""
    fact: bytes | None = None

    for next_seq in range(10, 1_000, 10):
        fact = Starts(fact, [entry(next_seq)]).fact()

    kept = read_starts(fact)[1]
    assert len(kept) == MAX_STARTS
    assert kept == [10, *range(990 - 10 * (MAX_STARTS - 2), 1_000, 10)]


def test_what_a_database_has_lost_since_is_no_start() -> None:
    """A salvaged log may end before a start that was written down."""
    fact = Starts(Starts(None, [entry(10)]).fact(), [entry(30)]).fact()

    assert Starts(fact, [entry(20)]).of(1) == [10, 20]


def test_a_closed_log_whose_rows_are_not_in_doubt_is_left_out() -> None:
    """It was closed at the very start that wrote it down."""
    fact = Starts(None, [entry(10)]).fact()

    assert Starts(fact, [entry(10, is_open=False)]).of(1) == []


@pytest.mark.parametrize("fact", [b"", b"\xc1", msgspec.msgpack.encode(["no", "map"])])
def test_a_fact_that_cannot_be_read_says_nothing(fact: bytes) -> None:
    """A rotted one costs the memory of the starts before, never the start."""
    assert Starts(fact, [entry(10)]).of(1) == [10]
    assert without(fact, 1) is None


def test_taking_one_log_out_leaves_the_others() -> None:
    """Each log is answered for by itself."""
    fact = msgspec.msgpack.encode({1: [10], 2: [5, 7]})

    rest = without(fact, 1)

    assert read_starts(rest) == {2: [5, 7]}
    assert without(rest, 1) is None


@pytest.mark.parametrize(
    ("proved_seq", "expected"), [(0, 21), (20, 21), (21, 23), (22, 23), (25, 26), (99, 26)]
)
def test_what_is_unproved_begins_with_the_start_after_the_proof(
    proved_seq: int, expected: int
) -> None:
    """A copy shares parts whole; nothing is proved of this start's own."""
    assert first_unproved([21, 23, 26], proved_seq) == expected


@pytest.mark.parametrize(
    ("newest_seq", "expected"),
    [(20, []), (21, [(21, 21)]), (24, [(21, 22), (23, 24)]), (99, [(21, 22), (23, 25)])],
)
def test_parts_reach_as_far_as_the_cloud_knows(
    newest_seq: int, expected: list[tuple[int, int]]
) -> None:
    """A row that the cloud does not have proves nothing; this start's rows are not asked about."""
    assert parts([21, 23, 26], newest_seq) == expected
