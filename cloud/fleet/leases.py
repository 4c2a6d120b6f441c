"""Which of several processes does what only one may. Commits nothing.

Mosquitto serves no shared subscription to a topic that begins with '$': every process would answer
every request, and a shadow would count each change once a process. So one holds a lease and
answers; another takes it over when that one is gone.
"""

from sqlalchemy import Connection, select, update

from cloud.fleettables import leases
from cloud.writes import upsert
from shared.units import MS_PER_MINUTE, MS_PER_SECOND

MAX_AHEAD_MS = 5 * MS_PER_MINUTE
"""A lease that ends later than this was taken by a clock that was wrong."""

LEASE_MS = 10 * MS_PER_SECOND
"""How long hubs may go unanswered when a process is killed; they ask again for longer."""


def take_lease(connection: Connection, name: str, holder: str, now_ms: int) -> bool:
    """Take or keep a lease until `LEASE_MS` from now; false where another holds it."""
    row = {"name": name, "holder": "", "expires_at_ms": 0}
    upsert(connection, leases, [row], keys=("name",))
    query = select(leases.c.holder, leases.c.expires_at_ms).where(leases.c.name == name)
    held = connection.execute(query.with_for_update()).one()
    is_held = now_ms < held.expires_at_ms <= now_ms + MAX_AHEAD_MS
    if is_held and held.holder != holder:
        return False
    values = {"holder": holder, "expires_at_ms": now_ms + LEASE_MS}
    connection.execute(update(leases).where(leases.c.name == name).values(values))
    return True


def give_up_lease(connection: Connection, name: str, holder: str) -> None:
    """Let another process take over at once."""
    connection.execute(
        update(leases)
        .where(leases.c.name == name, leases.c.holder == holder)
        .values(expires_at_ms=0)
    )
