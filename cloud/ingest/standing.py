"""What holds for a hub during a batch: whether it is heard, whose it is, what it may send.

One question for all of it, since a batch asks it each time. Asked after the hub's row lock is held,
and in a statement of its own: who changes any of it takes that lock first. Commits nothing.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, select

from cloud.given import given_rows, write_rows
from cloud.households.tenancies import HUB
from cloud.tables import consent_limits, households, hubs, revocations, store, tenancies
from shared.protocol import ConsentLimit


class Standing(NamedTuple):
    """How a hub stands: `store_id` is "" in a store that has no name yet.

    `start_ms` is since when it is its household's, 0 where it never was another's; `zone` is that
    of the household's days, "" where it has none yet.
    """

    is_revoked: bool
    store_id: str
    start_ms: int
    limit: ConsentLimit | None
    zone: str


def read_standings(connection: Connection, things: Sequence[str]) -> dict[str, Standing]:
    """Read how hubs stand whose row locks this transaction holds."""
    asked = {"rows": write_rows([{"thing": thing} for thing in things])}
    found = connection.execute(_read(connection.dialect.name), asked)
    return {thing: _standing(*rest) for thing, *rest in found}


def _standing(
    revoked_at_ms: int | None,
    store_id: str | None,
    start_ms: int | None,
    granularity: str | None,
    revision: int,
    zone: str | None,
) -> Standing:
    limit = None if granularity is None else ConsentLimit(granularity, revision)
    return Standing(revoked_at_ms is not None, store_id or "", start_ms or 0, limit, zone or "")


# Of every batch: built once, since building one takes longer than the database takes over it.
@cache
def _read(dialect: str) -> Select[Any]:
    given = given_rows(dialect, {"thing": str})
    limit, tenancy = consent_limits.c, tenancies.c
    is_open = (tenancy.kind == HUB, tenancy.name == given.c.thing, tenancy.ended_at_ms.is_(None))
    of_household = households.c.household_id == hubs.c.household_id
    return select(
        given.c.thing,
        select(revocations.c.revoked_at_ms)
        .where(revocations.c.thing == given.c.thing)
        .scalar_subquery(),
        select(store.c.store_id).where(store.c.id == 1).scalar_subquery(),
        select(tenancy.started_at_ms).where(*is_open).scalar_subquery(),
        select(limit.granularity).where(limit.thing == given.c.thing).scalar_subquery(),
        select(limit.revision).where(limit.thing == given.c.thing).scalar_subquery(),
        select(households.c.zone)
        .join_from(hubs, households, of_household)
        .where(hubs.c.thing == given.c.thing)
        .scalar_subquery(),
    )
