"""What holds for a hub during a batch: whether it is heard, whose it is, what it may send.

One question for all of it, since a batch asks it each time. Asked after the hub's row lock is held,
and in a statement of its own: who changes any of it takes that lock first. Commits nothing.
"""

from typing import NamedTuple

from sqlalchemy import BindParameter, Connection, bindparam, select

from cloud.households.tenancies import HUB
from cloud.tables import consent_limits, revocations, store, tenancies
from shared.protocol import ConsentLimit


class Standing(NamedTuple):
    """How a hub stands: `store_id` is "" in a store that has no name yet.

    `start_ms` is since when it is its household's, 0 where it never was another's.
    """

    is_revoked: bool
    store_id: str
    start_ms: int
    limit: ConsentLimit | None


_OF_HUB: BindParameter[str] = bindparam("of_thing")
# Of every batch: built once, since building one takes longer than the database takes over it.
_READ = select(
    select(revocations.c.revoked_at_ms).where(revocations.c.thing == _OF_HUB).scalar_subquery(),
    select(store.c.store_id).where(store.c.id == 1).scalar_subquery(),
    select(tenancies.c.started_at_ms)
    .where(tenancies.c.kind == HUB, tenancies.c.name == _OF_HUB, tenancies.c.ended_at_ms.is_(None))
    .scalar_subquery(),
    select(consent_limits.c.granularity).where(consent_limits.c.thing == _OF_HUB).scalar_subquery(),
    select(consent_limits.c.revision).where(consent_limits.c.thing == _OF_HUB).scalar_subquery(),
)


def read_standing(connection: Connection, thing: str) -> Standing:
    """Read how a hub stands whose row lock this transaction holds."""
    revoked_at_ms, store_id, start_ms, granularity, revision = connection.execute(
        _READ, {"of_thing": thing}
    ).one()
    limit = None if granularity is None else ConsentLimit(granularity, revision)
    return Standing(revoked_at_ms is not None, store_id or "", start_ms or 0, limit)
