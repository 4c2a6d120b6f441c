"""Stretches that are read as they lie: each household's own, whoever asks together."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from cloud.db import Database
from cloud.packing import unpack_slots
from cloud.readings.packed import Stretches, read_packed
from cloud.readings.repository import SqlReadingStore
from cloud.readings.store import Change, RunKey
from cloud.scope import Scope
from cloud.tables import STRETCH_DAYS, register_runs
from shared.meterdays import Edges, SlotEdges, join_into
from shared.units import SLOT_MS
from tests.support.cloud import METER, database_in
from tests.support.stores import STORES, kept_on

KEY = RunKey("import_mwh", "")
DAYS = range(20_000, 20_010)
HOMES = ("home", "other", "third")


@pytest.fixture(name="database", params=STORES)
def _database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    with kept_on(request.param):
        opened = database_in(tmp_path)
        for number, name in enumerate(HOMES):
            with opened.writing() as connection:
                days = {(KEY, day): _day(day, number) for day in DAYS}
                change = Change({KEY: 0}, days)
                SqlReadingStore(connection).apply(Scope.of(name), METER, change)
        yield opened
        opened.close()


def _day(day: int, home: int) -> SlotEdges:
    """Make days of which each value names the household that it is of."""
    return {
        slot: Edges(slot * SLOT_MS + 1, slot * 10 + home, (slot + 1) * SLOT_MS, slot * 10 + home)
        for slot in range(day * 48, day * 48 + 2)
    }


def _read(database: Database, *asked: Stretches) -> list[SlotEdges]:
    together = Scope(frozenset(one.household_id for one in asked))
    with database.reading(together) as connection:
        found = read_packed(database, connection, asked)
    read = []
    for packed in found:
        edges: SlotEdges = {}
        for stretch in packed.get(KEY, []):
            join_into(edges, unpack_slots(stretch))
        read.append(edges)
    return read


@pytest.mark.parametrize(("first", "last"), [(0, 0), (1, 4), (7, 9), (9, 12)])
def test_days_come_with_the_stretches_they_lie_in(
    database: Database, first: int, last: int
) -> None:
    """Laid down or still open, in order, and no others."""
    days = DAYS[0] + first, DAYS[0] + last
    stretches = range(days[0] // STRETCH_DAYS, days[1] // STRETCH_DAYS + 1)

    (edges,) = _read(database, Stretches("home", METER, *days))

    expected = [
        slot
        for day in DAYS
        if day // STRETCH_DAYS in stretches
        for slot in range(day * 48, day * 48 + 2)
    ]
    assert list(edges) == expected


def test_who_asks_together_has_their_own(database: Database) -> None:
    """Of meters that bear the same name, and of days that all of them have."""
    asked = [Stretches(name, METER, DAYS[0], DAYS[-1]) for name in HOMES]

    found = _read(database, *asked)

    assert [{one.opening % 10 for one in edges.values()} for edges in found] == [{0}, {1}, {2}]


def test_a_run_without_such_days_is_named_all_the_same(database: Database) -> None:
    """That a register is counted, and not known then, is not that it is not counted."""
    long_ago = Stretches("home", METER, 100, 200)
    with database.reading(Scope.of("home")) as connection:
        found = read_packed(database, connection, [long_ago])
        nobody = read_packed(database, connection, [long_ago._replace(meter="M9")])

    assert (found, nobody) == ([{KEY: []}], [{}])


def test_nothing_is_asked_for_nobody(database: Database) -> None:
    """Where every client has its answer there is no question."""
    with database.reading(Scope.of("home")) as connection:
        assert read_packed(database, connection, []) == []


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_question_without_a_household_finds_only_whom_it_is_put_for(database: Database) -> None:
    """Security by row confines each of several to its own, the last of them from then on."""
    careless = select(register_runs.c.household_id)
    scopes = [Scope.of(name) for name in HOMES[:2]]

    with database.reading(Scope(frozenset(HOMES))) as connection:
        seen = database.ask_each(connection, careless, [(one, {}) for one in scopes])
        since = connection.execute(careless).scalars().all()
        (alone,) = database.ask_each(connection, careless, [(scopes[0], {})])
        then = database.ask(connection, careless, {})

    assert [[tuple(row) for row in rows] for rows in seen] == [[("home",)], [("other",)]]
    assert since == ["other"]
    assert [tuple(row) for row in [*alone, *then]] == [("home",), ("home",)]
