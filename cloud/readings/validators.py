"""What a meter's usage over some days follows from, in few numbers: the tag of an answer.

Read without the answer: where a client has it already, nothing else is. Late readings change a tag
through the days that they are noted under (`cloud/changes`), and through those before: a register
that was read once is counted from then on, and its absence told. What reaches further still is in
the tag by itself: imports, which shape gaps together, a meter's registers and their runs, and its
tenancies. Commits nothing.
"""

from collections.abc import Sequence
from functools import cache
from hashlib import blake2b
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Select, Table, and_, func, literal, select

from cloud.changes.kinds import ChangeKind
from cloud.db import Database
from cloud.given import given_rows, write_rows
from cloud.households.tenancies import METER
from cloud.tables import (
    change_counters,
    changes,
    imports,
    meters,
    register_runs,
    store,
    tenancies,
)
from shared.readings import Medium

TAG_BYTES = 16


class Days(NamedTuple):
    """Local days of one meter that are asked for, both ends included, counted from 1970."""

    household_id: str
    meter: str
    first: int
    last: int


class Standing(NamedTuple):
    """What is known of a meter over some days, before any of it is read.

    `newest` is the revision of the newest change of the days or any before them. Of tenancies,
    which are only ever begun and ended, it tells how many there are and the sums of when.
    """

    medium: Medium
    newest: int
    import_count: int
    newest_import_ms: int
    run_count: int
    moduli: int
    tenancy_count: int
    started_ms: int
    ended_ms: int
    store_id: str


def read_standings(
    database: Database, connection: Connection, asked: Sequence[Days]
) -> list[Standing | None]:
    """Read how several meters stand, in one question; None for one that has said nothing.

    In a transaction of `reading()` that sees the households of these, and no others.
    """
    if not asked:
        return []
    rows = write_rows([{"place": place, **one._asdict()} for place, one in enumerate(asked)])
    question = _statement(connection.dialect.name)
    found = {row[0]: row[1:] for row in database.ask(connection, question, {"rows": rows})}
    return [_standing(found[place]) if place in found else None for place in range(len(asked))]


def tag_of(asked: Days, standing: Standing, *marks: object) -> str:
    """Write the tag of an answer about these days; `marks` are what else it follows from."""
    text = "\n".join(map(str, (*asked, *standing, *marks)))
    return blake2b(text.encode(), digest_size=TAG_BYTES).hexdigest()


def _standing(row: Sequence[Any]) -> Standing:
    medium, of_days, revision, expired = row[:4]
    import_count, imported_ms, runs, registers, moduli, held, started, ended, name = row[4:]
    # Runs that agree are joined wherever they met: then any change may be of any day.
    newest = revision if runs > registers else max(of_days, expired)
    known = Medium(medium) if medium else Medium.ELECTRICITY
    # PostgreSQL's sums are decimals.
    sums = (int(moduli), held, int(started), int(ended))
    return Standing(known, newest, import_count, imported_ms, runs, *sums, name)


@cache
def _statement(dialect: str) -> Select[Any]:
    """Build the statement once.

    What was forgotten of the changes counts as the last of them: it may have been of these days.
    """
    columns = {"place": int, "household_id": str, "meter": str, "last": int}
    given = given_rows(dialect, columns)

    def of_meter(table: Table, name: str = "meter") -> ColumnElement[bool]:
        is_theirs: ColumnElement[bool] = table.c.household_id == given.c.household_id
        return and_(is_theirs, table.c[name] == given.c.meter)

    def one(value: ColumnElement[Any], where: ColumnElement[bool], empty: object) -> Any:
        found = select(value).where(where).correlate(given).scalar_subquery()
        return func.coalesce(found, empty)

    # Those of no day are numbered before all days.
    is_asked = changes.c.local_day <= given.c.last
    kinds = [literal(kind.value) for kind in ChangeKind]
    # Of every kind: named, so that the index leads to the meter.
    of_days = and_(of_meter(changes, "subject"), changes.c.kind.in_(kinds), is_asked)
    counter = change_counters.c.household_id == given.c.household_id
    runs, taken, held = register_runs.c, imports.c, tenancies.c
    is_held = and_(of_meter(tenancies, "name"), held.kind == METER)
    return select(
        given.c.place,
        meters.c.medium,
        one(func.max(changes.c.revision), of_days, 0),
        one(change_counters.c.revision, counter, 0),
        one(change_counters.c.expired_revision, counter, 0),
        one(func.count(taken.import_id), of_meter(imports), 0),
        one(func.max(taken.created_at_ms), of_meter(imports), 0),
        one(func.count(runs.register), of_meter(register_runs), 0),
        one(func.count(runs.register.distinct()), of_meter(register_runs), 0),
        one(func.sum(runs.modulus), of_meter(register_runs), 0),
        one(func.count(held.tenancy_id), is_held, 0),
        one(func.sum(held.started_at_ms), is_held, 0),
        one(func.sum(held.ended_at_ms), is_held, 0),
        one(store.c.store_id, store.c.id == 1, ""),
    ).where(of_meter(meters), meters.c.last_taken_at_ms.is_not(None))
