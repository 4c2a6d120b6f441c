"""Whose calendar holds: the zone that is asked for, else the household's own. Commits nothing."""

from zoneinfo import ZoneInfo

from sqlalchemy import Connection, select

from cloud.db import Database
from cloud.scope import Scope
from cloud.tables import households
from shared.calendar import check_zone
from shared.errors import BadInputError


def zone_of(connection: Connection, scope: Scope, name: str | None, default: ZoneInfo) -> ZoneInfo:
    """Find the zone whose calendar holds: the one asked for, else the household's, which is one."""
    if name is not None:
        return _checked(name)
    kept = connection.execute(
        select(households.c.zone).where(households.c.household_id == scope.only)
    ).scalar_one_or_none()
    return _checked(kept) if kept else default


def household_zone(database: Database, scope: Scope, default: ZoneInfo) -> ZoneInfo:
    """Find the zone of a household's days, in a transaction of its own."""
    with database.reading(scope) as connection:
        return zone_of(connection, scope, None, default)


def _checked(name: str) -> ZoneInfo:
    try:
        return check_zone(name)
    except BadInputError as error:
        raise BadInputError(f"zone: {error.message}", hint=error.hint) from error
