"""Whose calendar holds: the zone that is asked for, else the household's own. Commits nothing."""

from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Select, select

from cloud.db import Database
from cloud.given import given_rows, write_rows
from cloud.scope import Scope
from cloud.tables import households
from shared.calendar import check_zone
from shared.errors import BadInputError


def zone_of(connection: Connection, scope: Scope, name: str | None, default: ZoneInfo) -> ZoneInfo:
    """Find the zone whose calendar holds: the one asked for, else the household's, which is one."""
    if name is not None:
        return checked_zone(name)
    kept = connection.execute(
        select(households.c.zone).where(households.c.household_id == scope.only)
    ).scalar_one_or_none()
    return checked_zone(kept) if kept else default


def household_zone(database: Database, scope: Scope, default: ZoneInfo) -> ZoneInfo:
    """Find the zone of a household's days, in a transaction of its own."""
    with database.reading(scope) as connection:
        return zone_of(connection, scope, None, default)


def read_zones(database: Database, connection: Connection, scope: Scope) -> dict[str, ZoneInfo]:
    """Read the zones of several households' days, by id; those that have none lack.

    The rest of the transaction of `reading()` sees these households alone.
    """
    rows = write_rows([{"household_id": one} for one in sorted(scope.household_ids)])
    question = _zones(connection.dialect.name)
    (found,) = database.ask_each(connection, question, [(scope, {"rows": rows})])
    return {household_id: checked_zone(zone) for household_id, zone in found if zone}


@cache
def _zones(dialect: str) -> Select[Any]:
    """Build the statement once: it is of every question about usage."""
    given = given_rows(dialect, {"household_id": str})
    is_given = households.c.household_id == given.c.household_id
    return select(households.c.household_id, households.c.zone).where(is_given)


def checked_zone(name: str) -> ZoneInfo:
    """Find the zone of a name; raises BadInputError that names the parameter."""
    try:
        return check_zone(name)
    except BadInputError as error:
        raise BadInputError(f"zone: {error.message}", hint=error.hint) from error
