"""Rows that a statement is given where it is run: one statement for any number of questions."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import (
    BigInteger,
    ColumnClause,
    FromClause,
    LargeBinary,
    String,
    Table,
    Text,
    bindparam,
    cast,
    column,
    func,
    select,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.types import TypeEngine


def given_rows(dialect: str, columns: Mapping[str, type[str] | type[int]]) -> FromClause:
    """A table of as many rows as are given where it is run, by `write_rows` as "rows".

    So one statement serves any number of questions, and is built, parsed and planned once.
    """
    types: dict[type, type[TypeEngine[Any]]] = {str: String, int: BigInteger}
    typed: list[ColumnClause[Any]] = [column(name, types[kind]) for name, kind in columns.items()]
    rows = bindparam("rows", type_=Text)
    if dialect == "postgresql":
        record = func.json_to_recordset(cast(rows, postgresql.JSON)).table_valued(*typed)
        return record.render_derived("given", with_types=True)
    each = func.json_each(rows).table_valued("value", name="each")
    values = [
        func.json_extract(each.c.value, f"$.{one.name}", type_=one.type).label(one.name)
        for one in typed
    ]
    return select(*values).subquery("given")


def write_rows(rows: Sequence[Mapping[str, object]]) -> str:
    """Write the rows of `given_rows`."""
    return msgspec.json.encode(rows).decode()


def given_like(table: Table, names: Sequence[str]) -> FromClause:
    """A table of rows with these columns of another, given by `write_rows_of`; in PostgreSQL."""
    typed: list[ColumnClause[Any]] = [column(name, table.c[name].type) for name in names]
    record = func.json_to_recordset(cast(bindparam("rows", type_=Text), postgresql.JSON))
    return record.table_valued(*typed).render_derived("given", with_types=True)


def write_rows_of(table: Table, rows: Sequence[Mapping[str, object]]) -> str:
    """Write the rows of `given_like`, bytes as PostgreSQL reads them from text."""
    binary = [name for name in rows[0] if isinstance(table.c[name].type, LargeBinary)]
    if not binary:
        return write_rows(rows)
    return write_rows([{**row, **_written(row, binary)} for row in rows])


def _written(row: Mapping[str, object], binary: Sequence[str]) -> dict[str, str]:
    found = ((name, row[name]) for name in binary)
    return {name: f"\\x{value.hex()}" for name, value in found if isinstance(value, bytes)}
