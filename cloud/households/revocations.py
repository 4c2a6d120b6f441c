"""Hubs that are no longer heard, and the most detail others may send. Commits nothing.

Whoever changes either takes the hub's row lock first, and ingest reads them under that lock: a
batch is wholly before a change or wholly after it.
"""

from typing import NamedTuple

from sqlalchemy import Connection, bindparam, delete, select

from cloud.db import within
from cloud.households.repository import lock_hub, write_hub
from cloud.scope import Scope
from cloud.tables import consent_limits, revocations
from cloud.writes import upsert
from shared.consent import Granularity, narrowest
from shared.errors import BadInputError
from shared.protocol import ConsentLimit


class Revocation(NamedTuple):
    """A hub whose messages are refused, and since when."""

    thing: str
    revoked_at_ms: int


# Of every batch: built once, since building one takes longer than the database takes over it.
_FIND = select(*(revocations.c[name] for name in Revocation._fields)).where(
    revocations.c.thing == bindparam("of_thing")
)
_FIND_LIMIT = select(consent_limits.c.granularity, consent_limits.c.revision).where(
    consent_limits.c.thing == bindparam("of_thing")
)
_LIFT_LIMIT = delete(consent_limits).where(
    consent_limits.c.thing == bindparam("of_thing"),
    consent_limits.c.revision <= bindparam("lifted"),
)


def revoke(connection: Connection, thing: str, now_ms: int) -> Revocation:
    """Refuse a hub from now on, whether or not it was ever heard; again changes nothing."""
    hub = lock_hub(connection, thing, now_ms)
    row = {"thing": thing, "household_id": hub.household_id, "revoked_at_ms": now_ms}
    upsert(connection, revocations, [row], keys=("thing",))
    write_hub(connection, hub._replace(is_online=False, connection_id=""))
    found = find_revocation(connection, thing)
    return found or Revocation(thing, now_ms)


def readmit(connection: Connection, thing: str, now_ms: int) -> bool:
    """Hear a hub again; false where it was not revoked."""
    if find_revocation(connection, thing) is None:
        return False
    lock_hub(connection, thing, now_ms)
    connection.execute(delete(revocations).where(revocations.c.thing == thing))
    return True


def find_revocation(connection: Connection, thing: str) -> Revocation | None:
    """Tell whether a hub is revoked."""
    row = connection.execute(_FIND, {"of_thing": thing}).one_or_none()
    return None if row is None else Revocation(*row)


def list_revocations(connection: Connection, scope: Scope) -> dict[str, Revocation]:
    """List the revoked hubs of a scope by name."""
    columns = [revocations.c[name] for name in Revocation._fields]
    rows = connection.execute(select(*columns).where(within(revocations, scope)))
    return {row.thing: Revocation(*row) for row in rows}


def all_revoked(connection: Connection) -> set[str]:
    """Name every hub that is revoked, of whatever household: for the fleet's own service."""
    return set(connection.execute(select(revocations.c.thing)).scalars())


def limit_consent(
    connection: Connection, thing: str, granularity: Granularity, now_ms: int
) -> ConsentLimit:
    """Set the most detail a hub may send, from now on.

    Raises BadInputError where that is more than the limit there is: only the household widens, at
    the hub. The revision is of the cloud's clock, so that it also rises over a restored backup.
    """
    hub = lock_hub(connection, thing, now_ms)
    known = find_limit(connection, thing)
    if known is not None:
        if narrowest(Granularity(known.granularity), granularity) is not granularity:
            raise BadInputError(
                f"hub {thing!r} is limited to {known.granularity!r}, which {granularity!r} widens",
                hint="the household allows more at the hub, on its page",
            )
        if known.granularity == granularity:
            return known
    limit = ConsentLimit(granularity, max(now_ms, known.revision + 1 if known else 0))
    row = {"thing": thing, "household_id": hub.household_id}
    upsert(
        connection,
        consent_limits,
        [{**row, "granularity": limit.granularity, "revision": limit.revision}],
        keys=("thing",),
        replace=("granularity", "revision"),
    )
    return limit


def find_limit(connection: Connection, thing: str) -> ConsentLimit | None:
    """Read the limit of a hub."""
    row = connection.execute(_FIND_LIMIT, {"of_thing": thing}).one_or_none()
    return None if row is None else ConsentLimit(*row)


def list_limits(connection: Connection, scope: Scope) -> dict[str, ConsentLimit]:
    """List the limits of a scope by hub."""
    rows = connection.execute(
        select(
            consent_limits.c.thing, consent_limits.c.granularity, consent_limits.c.revision
        ).where(within(consent_limits, scope))
    )
    return {row.thing: ConsentLimit(row.granularity, row.revision) for row in rows}


def lift_limit(connection: Connection, thing: str, revision: int) -> None:
    """Take away the limit of a hub that the household has lifted there, up to this revision."""
    connection.execute(_LIFT_LIMIT, {"of_thing": thing, "lifted": revision})
