"""Rows are written as they were given, many by one statement where the database takes that."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, event, select

from cloud.db import Database
from cloud.households.repository import Hub
from cloud.tables import changes, hubs, meters
from cloud.writes import insert_many, update_many, upsert
from shared.units import INT64_MAX
from tests.support.cloud import database_in

pytestmark = pytest.mark.usefixtures("either_store")

ODD_TEXTS = ["", "a'b", 'a"b', "a\\b\\x41", "größe ☃ 𝄞", "{}[],:", "\t\n\x1f", "NULL", "%(s)s :s ?"]


@pytest.fixture(name="database")
def _database(tmp_path: Path) -> Iterator[Database]:
    database = database_in(tmp_path)
    yield database
    database.close()


def _hub(number: int, text: str = "", runs: bytes | None = None) -> Hub:
    new = Hub(f"hub-{number}", "home", text, number, bool(number % 2), text, 0, 0, 0, 0)
    return new._replace(runs=runs, receipt_revision=INT64_MAX - number)


def _put_hubs(connection: Connection, *numbers: int) -> None:
    upsert(connection, hubs, [_hub(one)._asdict() for one in numbers], keys=("thing",))


def _meter(name: str, first_ms: int | None, last_ms: int | None, longest_ms: int) -> dict[str, Any]:
    times = {"first_taken_at_ms": first_ms, "last_taken_at_ms": last_ms}
    owner = {"household_id": "home", "meter": name, "medium": ""}
    return {**owner, **times, "longest_frame_ms": longest_ms}


def _put_meters(connection: Connection, *rows: dict[str, Any]) -> None:
    upsert(
        connection,
        meters,
        rows,
        keys=("household_id", "meter"),
        least=("first_taken_at_ms",),
        greatest=("last_taken_at_ms", "longest_frame_ms"),
    )


def _meters(database: Database) -> list[tuple[Any, ...]]:
    columns = meters.c
    wanted = (columns.first_taken_at_ms, columns.last_taken_at_ms, columns.longest_frame_ms)
    with database.reading() as connection:
        found = connection.execute(select(columns.meter, *wanted).order_by(columns.meter))
        return [tuple(row) for row in found]


def _hubs(database: Database) -> list[Hub]:
    query = select(*(hubs.c[name] for name in Hub._fields)).order_by(hubs.c.thing)
    with database.reading() as connection:
        return [Hub(*row) for row in connection.execute(query)]


def test_rows_are_written_over_with_whatever_they_hold(database: Database) -> None:
    """Text that JSON or SQL would read otherwise, all bytes, none, and the greatest numbers."""
    kept: list[bytes | None] = [None, b"", bytes(range(256)), b"\\x41"]
    new = [_hub(number, text, kept[number % len(kept)]) for number, text in enumerate(ODD_TEXTS, 1)]
    with database.writing() as connection:
        _put_hubs(connection, *range(1, len(new) + 1))

        update_many(connection, hubs, [one._asdict() for one in new], key="thing")

    assert _hubs(database) == new


def test_rows_that_are_not_named_stay(database: Database) -> None:
    """Of those that are, the columns that are not named; and one that is not there is not made."""
    with database.writing() as connection:
        _put_hubs(connection, 1, 2, 3)
        rows = [{"thing": f"hub-{one}", "consent": "daily"} for one in (1, 3, 9)]

        update_many(connection, hubs, rows, key="thing")

    assert [(one.thing, one.consent) for one in _hubs(database)] == [
        ("hub-1", "daily"),
        ("hub-2", ""),
        ("hub-3", "daily"),
    ]
    assert [one.receipt_revision for one in _hubs(database)] == [INT64_MAX - n for n in (1, 2, 3)]


def test_no_rows_are_no_statement(database: Database) -> None:
    """A batch in which nothing changed asks the database nothing."""
    said: list[str] = []
    with database.writing() as connection:
        event.listen(connection, "before_cursor_execute", lambda *one: said.append(one[2]))

        update_many(connection, hubs, [], key="thing")
        upsert(connection, hubs, [], keys=("thing",))
        insert_many(connection, hubs, [])

    assert said == []


def test_many_rows_are_one_statement(database: Database) -> None:
    """However many, and not one for each of them on a server."""
    said: list[tuple[str, bool]] = []
    with database.writing() as connection:
        event.listen(
            connection, "before_cursor_execute", lambda *one: said.append((one[2][:6], one[5]))
        )

        _put_hubs(connection, *range(30))
        update_many(connection, hubs, [_hub(one)._asdict() for one in range(30)], key="thing")

    is_each = database.dialect == "sqlite"
    assert said[-2:] == [("INSERT", is_each), ("UPDATE", is_each)]
    assert len(said) <= (3 if is_each else 2)


def test_of_rows_that_are_there_the_lesser_and_the_greater_stay(database: Database) -> None:
    """By column, several rows at once, some of them new; nothing is less than anything."""
    with database.writing() as connection:
        _put_meters(
            connection, _meter("a", 5, 9, 4), _meter("b", None, None, 0), _meter("c", 1, 9, 8)
        )

        _put_meters(
            connection,
            _meter("a", 3, 8, 5),
            _meter("b", 7, 8, 1),
            _meter("c", None, None, 0),
            _meter("d", 2, 3, 1),
        )

    assert _meters(database) == [("a", 3, 9, 5), ("b", 7, 8, 1), ("c", 1, 9, 8), ("d", 2, 3, 1)]


def test_rows_that_are_each_others_come_one_after_the_other(database: Database) -> None:
    """One that is given twice counts twice, the later over the earlier."""
    with database.writing() as connection:
        _put_meters(connection, _meter("a", 5, 6, 1), _meter("a", 3, 4, 1), _meter("b", 1, 2, 1))

    assert _meters(database) == [("a", 3, 6, 1), ("b", 1, 2, 1)]


def test_what_is_not_to_be_replaced_stays_as_it_was_first(database: Database) -> None:
    """Rows that are there already are passed over, those beside them are put in."""
    rows = [
        {"kind": "usage", "subject": "M", "local_day": day, "revision": day, "changed_at_ms": 0}
        for day in (1, 2, 3)
    ]
    keys = ("household_id", "kind", "subject", "local_day")
    with database.writing() as connection:
        upsert(connection, changes, [{"household_id": "home", **rows[1], "revision": 9}], keys=keys)

        upsert(connection, changes, [{"household_id": "home", **one} for one in rows], keys=keys)

        found = connection.execute(select(changes.c.revision).order_by(changes.c.local_day))
        assert found.scalars().all() == [1, 9, 3]
