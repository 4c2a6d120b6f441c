"""What a batch keeps back: all of it is there once it is written, and seen before."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import event

from cloud.db import Database
from cloud.ingest.merger import digest_of
from cloud.readings.gathered import GatheredReadingStore
from cloud.readings.repository import SqlReadingStore
from cloud.readings.store import Change, RunKey, StoredFrame
from cloud.scope import Scope
from shared.meterdays import Edges, SlotEdges
from shared.units import SLOT_MS
from tests.support.cloud import START_MS, database_in

pytestmark = pytest.mark.usefixtures("either_store")

HOME, OTHER = Scope.of("home"), Scope.of("other")
DAY = START_MS // 86_400_000
IMPORT, EXPORT = RunKey("import_mwh", ""), RunKey("export_mwh", "")


@pytest.fixture(name="database")
def _database(tmp_path: Path) -> Iterator[Database]:
    database = database_in(tmp_path)
    yield database
    database.close()


def _edges(slot: int, value: int) -> SlotEdges:
    return {slot: Edges(slot * SLOT_MS + 1, value, (slot + 1) * SLOT_MS, value + 5)}


def _change(*days: int, key: RunKey = IMPORT) -> Change:
    return Change({key: 0}, {(key, day): _edges(day * 48, day) for day in days})


def test_nothing_is_written_before_it_is_asked_for(database: Database) -> None:
    """Meters that are known are read in one question and written in as few as for one."""
    meters = [(HOME, "M1"), (HOME, "M2"), (OTHER, "M1")]
    with database.writing() as connection:
        for scope, meter in meters:
            SqlReadingStore(connection).apply(scope, meter, _change(DAY))
    statements: list[str] = []

    with database.writing() as connection:
        event.listen(connection, "before_cursor_execute", lambda *said: statements.append(said[2]))
        store = GatheredReadingStore(connection)
        store.read_ahead((scope.only, meter) for scope, meter in meters)
        for scope, meter in meters:
            store.apply(scope, meter, _change(DAY, DAY + 4))
        before = len(statements)
        store.write()

    assert sum(one.startswith("SELECT") for one in statements[:before]) == 1
    assert not any(one.startswith(("INSERT", "UPDATE")) for one in statements[:before])
    assert len(statements) - before <= 3
    with database.reading() as connection:
        kept = SqlReadingStore(connection)
        for scope, meter in meters:
            assert sorted(kept.days(scope, meter, IMPORT, DAY, DAY + 9)) == [DAY, DAY + 4]


def test_a_meter_that_was_changed_twice_has_both(database: Database) -> None:
    """The second change builds on the first, also where it brings a run that is new."""
    with database.writing() as connection:
        store = GatheredReadingStore(connection)
        store.apply(HOME, "M1", _change(DAY))
        store.apply(HOME, "M1", _change(DAY + 6))
        store.apply(HOME, "M1", _change(DAY + 1, key=EXPORT))
        store.apply(HOME, "M1", _change(DAY + 1))
        store.write()

    with database.reading() as connection:
        kept = SqlReadingStore(connection)
        assert sorted(kept.days(HOME, "M1", IMPORT, DAY, DAY + 9)) == [DAY, DAY + 1, DAY + 6]
        assert sorted(kept.days(HOME, "M1", EXPORT, DAY, DAY + 9)) == [DAY + 1]


def _frame(log_id: str, first: int, last: int) -> StoredFrame:
    digest = digest_of(f"{log_id} {first}".encode())
    return StoredFrame("hub-1", log_id, "M1", 0, first, last, None, None, 0, digest, b"frame")


def _spans(found: list[StoredFrame]) -> list[tuple[int, int]]:
    return sorted((one.first_seq, one.last_seq) for one in found)


def test_what_lies_under_frames_of_many_logs_is_asked_once(database: Database) -> None:
    """Each log's own, of each household its own; what was not read ahead is asked for."""
    logs = ["a" * 32, "b" * 32]
    with database.writing() as connection:
        for scope in (HOME, OTHER):
            SqlReadingStore(connection).add_frames(
                scope, [_frame(one, first, first + 9) for one in logs for first in (1, 11, 21)]
            )
    said: list[str] = []

    with database.writing() as connection:
        event.listen(connection, "before_cursor_execute", lambda *one: said.append(one[2]))
        store = GatheredReadingStore(connection)
        store.read_frames_ahead({("home", logs[0]): [(5, 12), (9, 10)], ("home", logs[1]): []})
        found = [store.frames_of_log(HOME, logs[0], [span]) for span in [(9, 10), (11, 12)]]
        before = sum(one.startswith("SELECT") for one in said)
        asked = store.frames_of_log(HOME, logs[0], [(9, 21)])
        others = store.frames_of_log(HOME, logs[1], [(1, 1)])

    assert [_spans(one) for one in found] == [[(1, 10)], [(11, 20)]]
    assert (before, sum(one.startswith("SELECT") for one in said)) == (1, 3)
    assert (_spans(asked), _spans(others)) == ([(1, 10), (11, 20), (21, 30)], [(1, 10)])


def test_frames_kept_back_are_seen_after_reading_ahead(database: Database) -> None:
    """What was read ahead holds until frames of the log are written, not longer."""
    log_id = "a" * 32
    with database.writing() as connection:
        SqlReadingStore(connection).add_frames(HOME, [_frame(log_id, 1, 10)])

    with database.writing() as connection:
        store = GatheredReadingStore(connection)
        store.read_frames_ahead({("home", log_id): [(1, 20)]})
        store.add_frames(HOME, [_frame(log_id, 11, 20)])

        assert _spans(store.frames_of_log(HOME, log_id, [(1, 20)])) == [(1, 10), (11, 20)]
        assert _spans(store.frames_of_log(HOME, log_id, [(1, 20)])) == [(1, 10), (11, 20)]


def test_a_meter_without_runs_is_read_ahead_as_one(database: Database) -> None:
    """It is not asked for again."""
    with database.writing() as connection:
        store = GatheredReadingStore(connection)
        store.read_ahead([("home", "M9")])

        assert store.runs(HOME, "M9") == {}


@pytest.mark.parametrize("known", [0, 1])
def test_days_before_are_not_looked_for_where_an_earlier_slot_is_known(
    database: Database, known: int
) -> None:
    """Else they are: what a meter used is counted from its last reading on."""
    first = DAY // 2 * 2 * 48
    with database.writing() as connection:
        store = SqlReadingStore(connection)
        store.apply(HOME, "M1", _change(DAY - 9))
        store.apply(HOME, "M1", Change({}, {(IMPORT, first // 48): _edges(first, 7)}))

    with database.reading() as connection:
        found = SqlReadingStore(connection).days(
            HOME, "M1", IMPORT, first // 48, first // 48, from_slot=first + known
        )

    assert sorted(found) == ([first // 48] if known else [DAY - 9, first // 48])
