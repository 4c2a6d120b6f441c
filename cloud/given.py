"""Rows that a statement is given where it is run: one statement for any number of questions."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import (
    BigInteger,
    ColumnClause,
    FromClause,
    String,
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
