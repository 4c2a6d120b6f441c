"""Households, and the hubs in them: who said what last. Commits nothing."""

from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, bindparam, func, or_, select

from cloud.db import within
from cloud.fleettables import claims
from cloud.given import given_rows, write_rows
from cloud.scope import Scope
from cloud.tables import households, hubs
from cloud.writes import update_many, upsert

DEFAULT_HOUSEHOLD = "home"
"""The household that is there from the start: what no claim says belongs elsewhere joins it."""


class Household(NamedTuple):
    """A household and the time zone of its days."""

    household_id: str
    name: str
    zone: str


class Hub(NamedTuple):
    """A hub as the cloud last knew it, with counts of what was turned away.

    `store_id` is the name that the store has for this hub alone, "" where it has none of its own;
    `consent` what the hub said that it enforces; `runs` is
    `cloud.ingest.clones.Runs`, written.
    """

    thing: str
    household_id: str
    agent_version: str
    last_seen_ms: int
    is_online: bool
    connection_id: str
    receipt_revision: int
    dead_letters_refused: int
    conflicts: int
    logs_refused: int
    messages_refused: int = 0
    dead_letters_expired: int = 0
    store_id: str = ""
    store_renewals: int = 0
    store_renewed_at_ms: int = 0
    consent: str = ""
    runs: bytes | None = None


_HUB = [hubs.c[name] for name in Hub._fields]

# Of every batch: built once, since building one takes longer than the database takes over it.
_LOCK = select(*_HUB).where(hubs.c.thing == bindparam("of_thing")).with_for_update()
_HOUSEHOLD = select(hubs.c.household_id).where(hubs.c.thing == bindparam("of_thing"))
_IS_WANTED = or_(claims.c.redeemed_at_ms.is_not(None), claims.c.expires_at_ms > bindparam("now_ms"))
_CLAIMED = (
    select(claims.c.household_id)
    .where(claims.c.thing == bindparam("of_thing"), _IS_WANTED)
    .order_by(claims.c.made_at_ms.desc(), claims.c.claim_id.desc())
    .limit(1)
)


_KNOWN = (
    select(hubs.c.thing)
    .where(hubs.c.thing.in_(bindparam("things", expanding=True)))
    .order_by(hubs.c.thing)
)


@cache
def _lock_free(dialect: str) -> Select[Any]:
    given = given_rows(dialect, {"thing": str})
    query = select(*_HUB).join_from(given, hubs, hubs.c.thing == given.c.thing)
    return query.order_by(hubs.c.thing).with_for_update(of=hubs, skip_locked=True)


def put_household(connection: Connection, household: Household) -> None:
    """Write the household as configured."""
    upsert(
        connection,
        households,
        [household._asdict()],
        keys=("household_id",),
        replace=("name", "zone"),
    )


def lock_household(connection: Connection, scope: Scope) -> None:
    """Take a household's row lock: what is numbered within it is numbered one after the other."""
    query = select(households.c.household_id).where(within(households, scope))
    connection.execute(query.with_for_update())


def lock_hub(connection: Connection, thing: str, now_ms: int) -> Hub:
    """Take the hub's row lock for this transaction; a hub not seen before joins a household.

    Whichever part hears of a hub first, it is placed here and by the same rule (`place_of`).
    """
    row = connection.execute(_LOCK, {"of_thing": thing}).one_or_none()
    if row is None:
        new = Hub(thing, place_of(connection, thing, now_ms), "", now_ms, False, "", 0, 0, 0, 0)
        upsert(connection, hubs, [new._asdict()], keys=("thing",))
        row = connection.execute(_LOCK, {"of_thing": thing}).one()
    return Hub(*row)


def lock_free_hubs(connection: Connection, things: Sequence[str]) -> dict[str, Hub]:
    """Take the row locks of those of these hubs that are known and whose lock nobody has."""
    rows = {"rows": write_rows([{"thing": thing} for thing in things])}
    found = connection.execute(_lock_free(connection.dialect.name), rows)
    return {row.thing: Hub(*row) for row in found}


def known_hubs(connection: Connection, things: Sequence[str]) -> list[str]:
    """List those of these hubs that are known, by name, whoever has their locks."""
    found = connection.execute(_KNOWN, {"things": list(things)})
    return list(found.scalars())


def write_hub(connection: Connection, hub: Hub) -> None:
    """Write back a hub whose row lock this transaction holds."""
    write_hubs(connection, [hub])


def write_hubs(connection: Connection, changed: Sequence[Hub]) -> None:
    """Write back hubs whose row locks this transaction holds."""
    update_many(connection, hubs, [one._asdict() for one in changed], key="thing")


def list_hubs(connection: Connection, scope: Scope) -> list[Hub]:
    """List the hubs of a scope by name."""
    query = select(*_HUB).where(within(hubs, scope)).order_by(hubs.c.thing)
    return [Hub(*row) for row in connection.execute(query)]


def list_households(connection: Connection, count_max: int) -> list[Household]:
    """List every household by name; for the operator."""
    columns = [households.c[name] for name in Household._fields]
    query = select(*columns).order_by(households.c.name, households.c.household_id)
    return [Household(*row) for row in connection.execute(query.limit(count_max))]


def count_households(connection: Connection) -> int:
    """Count the households."""
    return int(connection.execute(select(func.count()).select_from(households)).scalar_one())


def place_of(connection: Connection, thing: str, now_ms: int) -> str:
    """Find the household of a hub, or the one it is to join: its last claim's, else the first.

    A claim that ran out and was never redeemed says nothing.
    """
    present = household_of(connection, thing)
    if present is not None:
        return present
    claimed = connection.execute(_CLAIMED, {"of_thing": thing, "now_ms": now_ms})
    return str(claimed.scalar_one_or_none() or DEFAULT_HOUSEHOLD)


def version_of(connection: Connection, thing: str) -> str:
    """Read what a hub said that it runs; "" for one that never said hello."""
    query = select(hubs.c.agent_version).where(hubs.c.thing == thing)
    return str(connection.execute(query).scalar_one_or_none() or "")


def household_of(connection: Connection, thing: str) -> str | None:
    """Find the household of a hub; None where the hub is unknown."""
    found: str | None = connection.execute(_HOUSEHOLD, {"of_thing": thing}).scalar_one_or_none()
    return found
