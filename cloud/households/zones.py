"""Whose calendar holds: the zone that is asked for, else the household's own. Commits nothing."""

from zoneinfo import ZoneInfo

from sqlalchemy import Connection, select

from cloud.db import Database, owned
from cloud.scope import Scope
from cloud.tables import households
from shared.calendar import check_zone
from shared.errors import BadInputError

# Of every question about usage: built once.
_ZONES = select(households.c.household_id, households.c.zone).where(owned(households))


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


def read_zones(connection: Connection, scope: Scope) -> dict[str, ZoneInfo]:
    """Read the zones of several households' days, by id; those that have none lack."""
    rows = connection.execute(_ZONES, {"households": sorted(scope.household_ids)})
    return {household_id: checked_zone(zone) for household_id, zone in rows if zone}


def checked_zone(name: str) -> ZoneInfo:
    """Find the zone of a name; raises BadInputError that names the parameter."""
    try:
        return check_zone(name)
    except BadInputError as error:
        raise BadInputError(f"zone: {error.message}", hint=error.hint) from error
