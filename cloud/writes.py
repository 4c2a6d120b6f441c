"""Writing rows, one or many, in as few statements as the database takes. Commits nothing."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Table,
    Update,
    bindparam,
    case,
    or_,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from cloud import postgres
from cloud.given import given_like, write_rows_of

_KEY = "of_key"
_Insert = sqlite.Insert | postgresql.Insert


def upsert(
    connection: Connection,
    table: Table,
    rows: Sequence[Mapping[str, object]],
    *,
    keys: Sequence[str],
    replace: Sequence[str] = (),
    least: Sequence[str] = (),
    greatest: Sequence[str] = (),
) -> None:
    """Insert rows; one that is there with the same `keys` gets its `replace` columns replaced.

    Of its `least` and `greatest` columns the lesser or greater of both values stays; NULL is none.
    """
    if not rows:
        return
    kinds = (tuple(keys), tuple(replace), tuple(least), tuple(greatest))
    if connection.dialect.name == "postgresql" and _differ(rows, keys):
        statement = _upsert_given(table, tuple(rows[0]), *kinds)
        connection.execute(statement, {"rows": write_rows_of(table, rows)})
    else:
        statement = _upsert(connection.dialect.name, table, *kinds)
        connection.execute(statement, [dict(row) for row in rows])


def update_many(
    connection: Connection, table: Table, rows: Sequence[Mapping[str, object]], *, key: str
) -> None:
    """Write over rows that are there, each once, all columns that are named; `key` finds the row.

    In PostgreSQL by one statement, however many they are.
    """
    if rows and connection.dialect.name == "postgresql":
        statement = _update_given(table, key, tuple(rows[0]))
        connection.execute(statement, {"rows": write_rows_of(table, rows)})
    elif rows:
        found = _update_one(table, key)
        asked = [{_KEY if name == key else name: row[name] for name in row} for row in rows]
        connection.execute(found, asked)


def _differ(rows: Sequence[Mapping[str, object]], keys: Sequence[str]) -> bool:
    """Tell whether rows are several, and each another's: one statement writes none twice."""
    return 1 < len(rows) == len({tuple(row[name] for name in keys) for row in rows})


# Statements are built once: building one takes longer than the database takes over it.
@cache
def _update_one(table: Table, key: str) -> Update:
    return update(table).where(table.c[key] == bindparam(_KEY))


@cache
def _update_given(table: Table, key: str, names: tuple[str, ...]) -> Update:
    given = given_like(table, names)
    values = {name: given.c[name] for name in names if name != key}
    return update(table).where(table.c[key] == given.c[key]).values(values)


@cache
def _upsert_given(
    table: Table, names: tuple[str, ...], keys: tuple[str, ...], *kinds: tuple[str, ...]
) -> _Insert:
    given = given_like(table, names)
    insert = postgresql.insert(table).from_select(names, select(*given.c))
    return _over(insert, table, keys, *kinds)


@cache
def _upsert(dialect: str, table: Table, keys: tuple[str, ...], *kinds: tuple[str, ...]) -> _Insert:
    insert = sqlite.insert if dialect == "sqlite" else postgresql.insert
    return _over(insert(table), table, keys, *kinds)


def _over(
    statement: _Insert,
    table: Table,
    keys: tuple[str, ...],
    replace: tuple[str, ...],
    least: tuple[str, ...],
    greatest: tuple[str, ...],
) -> _Insert:
    """Say what becomes of a row that is there already."""
    new = statement.excluded
    values: dict[str, ColumnElement[Any]] = {name: new[name] for name in replace}
    for name in least:
        is_new = or_(table.c[name].is_(None), new[name] < table.c[name])
        values[name] = case((is_new, new[name]), else_=table.c[name])
    for name in greatest:
        is_new = or_(table.c[name].is_(None), new[name] > table.c[name])
        values[name] = case((is_new, new[name]), else_=table.c[name])
    if not values:
        return statement.on_conflict_do_nothing(index_elements=keys)
    return statement.on_conflict_do_update(index_elements=keys, set_=values)


def insert_many(connection: Connection, table: Table, rows: Sequence[Mapping[str, object]]) -> None:
    """Insert many rows with the same columns, in PostgreSQL by COPY.

    COPY is not for a household's transaction: security by row does not know it.
    """
    if rows and connection.dialect.name == "postgresql":
        postgres.copy_rows(connection, table, rows)
    elif rows:
        connection.execute(table.insert(), [dict(row) for row in rows])
