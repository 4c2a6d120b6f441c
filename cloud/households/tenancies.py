"""Whose a hub and a meter are, from when until when, and the change of that. Commits nothing.

Rows carry their household, so the next one never sees what was stored before: it has another id.
What arrives late is refused by ingest: frames of a log that another household began, and samples
taken before the tenancy did.
"""

import hashlib
import secrets
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from cloud.db import within
from cloud.households.repository import (
    Household,
    Hub,
    household_of,
    lock_hub,
    put_household,
    write_hub,
)
from cloud.problems import NotFoundError
from cloud.scope import Scope
from cloud.tables import (
    consent_limits,
    household_tokens,
    households,
    hubs,
    logs,
    meter_days,
    meters,
    register_runs,
    tenancies,
)
from shared.errors import BadInputError

HUB, METER = "hub", "meter"
MAX_NAME_CHARS = 200
TOKEN_BYTES = 24


class Tenancy(NamedTuple):
    """A hub or a meter of a household in [started_at_ms, ended_at_ms); it lasts where that is None.

    What was there before tenancies were kept has started at 0.
    """

    household_id: str
    kind: str
    name: str
    started_at_ms: int
    ended_at_ms: int | None


class Handover(NamedTuple):
    """A change of tenancy; `token` opens a new household's part of the API and is told once.

    It is "" where the household was there before.
    """

    thing: str
    left_id: str
    household: Household
    started_at_ms: int
    meters: list[str]
    token: str


_TENANCY = [tenancies.c[name] for name in Tenancy._fields]

# Of every request that shows one: built once.
_OF_TOKEN = select(household_tokens.c.household_id).where(
    household_tokens.c.digest == bindparam("of_token")
)


def hand_over(
    connection: Connection,
    thing: str,
    name: str,
    zone: str,
    now_ms: int,
    household_id: str = "",
    at_ms: int | None = None,
) -> tuple[Hub, Handover]:
    """Give a hub, and the meters that it alone reads, to another household from `at_ms` on.

    That is now where it is None. To a new one by `name`, or to one there is by `household_id`,
    whose people are in already: then no token is made. What the cloud has of the old one stays
    stored as the old one's, and what was read since `at_ms` is shown to nobody. Returns the hub as
    it is now. Raises NotFoundError for a hub that was never heard of or a household that there is
    not, BadInputError for a household without a name or one that has the hub, and for a time to
    come or before the tenancy that ends.
    """
    if household_of(connection, thing) is None:
        raise NotFoundError(f"no hub {thing!r}", hint="'hearthlink fleet list' names them")
    hub = lock_hub(connection, thing, now_ms)
    if household_id:
        household = _present(connection, household_id, hub)
    else:
        household = _named(name, zone)
        put_household(connection, household)
    moved = _meters_of(connection, hub)
    since_ms = now_ms if at_ms is None else at_ms
    for kind, one in [(HUB, thing), *((METER, meter) for meter in moved)]:
        _check_date(connection, kind, one, since_ms, now_ms)
        _move(connection, kind, one, hub.household_id, household.household_id, since_ms)
    _lay_down(connection, hub.household_id, moved)
    connection.execute(delete(consent_limits).where(consent_limits.c.thing == thing))
    moved_hub = hub._replace(household_id=household.household_id, consent="")
    write_hub(connection, moved_hub)
    token = "" if household_id else _mint_token(connection, household.household_id, now_ms)
    return moved_hub, Handover(thing, hub.household_id, household, since_ms, moved, token)


def list_tenancies(connection: Connection, kind: str, name: str) -> list[Tenancy]:
    """List whose a hub or a meter was, in order."""
    query = (
        select(*_TENANCY)
        .where(tenancies.c.kind == kind, tenancies.c.name == name)
        .order_by(tenancies.c.started_at_ms, tenancies.c.tenancy_id)
    )
    return [Tenancy(*row) for row in connection.execute(query)]


def tenancies_of(connection: Connection, scope: Scope) -> list[Tenancy]:
    """List what was and is a household's: hubs first, by name and time.

    What never was another's has no row yet: it has been the household's since 0.
    """
    kept = [
        Tenancy(*row)
        for row in connection.execute(select(*_TENANCY).where(within(tenancies, scope)))
    ]
    dated = {(one.kind, one.name) for one in kept if one.ended_at_ms is None}
    for kind, table, column in ((HUB, hubs, hubs.c.thing), (METER, meters, meters.c.meter)):
        query = select(table.c.household_id, column).where(within(table, scope))
        kept += [
            Tenancy(household_id, kind, name, 0, None)
            for household_id, name in connection.execute(query)
            if (kind, name) not in dated and not _was_given_away(kept, kind, name)
        ]
    return sorted(kept, key=lambda one: (one.kind, one.name, one.started_at_ms))


def find_household(connection: Connection, household_id: str) -> Household | None:
    """Read a household."""
    query = select(households.c.household_id, households.c.name, households.c.zone)
    row = connection.execute(query.where(households.c.household_id == household_id)).one_or_none()
    return None if row is None else Household(*row)


def find_named(connection: Connection, name: str, count_max: int) -> list[Household]:
    """List the households of exactly this name."""
    columns = [households.c[field] for field in Household._fields]
    query = select(*columns).where(households.c.name == name).order_by(households.c.household_id)
    return [Household(*row) for row in connection.execute(query.limit(count_max))]


def household_by_token(connection: Connection, token: str) -> str | None:
    """Find the household that a token opens; the store keeps only the token's digest."""
    asked = {"of_token": _digest(token)}
    found: str | None = connection.execute(_OF_TOKEN, asked).scalar_one_or_none()
    return found


def _named(name: str, zone: str) -> Household:
    if not 0 < len(name.strip()) <= MAX_NAME_CHARS:
        raise BadInputError(
            f"household of {len(name)} characters", hint=f"name it in 1 to {MAX_NAME_CHARS}"
        )
    return Household(secrets.token_hex(16), name.strip(), zone)


def _present(connection: Connection, household_id: str, hub: Hub) -> Household:
    household = find_household(connection, household_id)
    if household is None:
        raise NotFoundError(
            f"no household {household_id!r}", hint="GET /v1/households tells its people its id"
        )
    if household_id == hub.household_id:
        raise BadInputError(f"hub {hub.thing!r} is household {household_id!r}'s already")
    return household


def _was_given_away(kept: list[Tenancy], kind: str, name: str) -> bool:
    """Tell whether a thing is another's by now: rows of a meter stay where they were read."""
    return any((one.kind, one.name) == (kind, name) and one.ended_at_ms is not None for one in kept)


def _check_date(connection: Connection, kind: str, name: str, at_ms: int, now_ms: int) -> None:
    if at_ms > now_ms:
        raise BadInputError("at: the handover is dated ahead", hint="hand over on the day itself")
    for one in list_tenancies(connection, kind, name):
        if one.started_at_ms > at_ms:
            raise BadInputError(
                f"at: {kind} {name!r} came to a household after that",
                hint="'hearthlink fleet show' says since when; date it then or later",
            )


def _meters_of(connection: Connection, hub: Hub) -> list[str]:
    """List the meters that this hub reads and no other hub of its household does."""
    scope = Scope.of(hub.household_id)
    own = select(logs.c.meter).where(within(logs, scope), logs.c.thing == hub.thing)
    others = select(logs.c.meter).where(within(logs, scope), logs.c.thing != hub.thing)
    query = (
        select(meters.c.meter)
        .where(within(meters, scope), meters.c.meter.in_(own), meters.c.meter.not_in(others))
        .order_by(meters.c.meter)
    )
    return list(connection.execute(query).scalars())


def _move(connection: Connection, kind: str, name: str, old: str, new: str, at_ms: int) -> None:
    is_open = (
        tenancies.c.kind == kind,
        tenancies.c.name == name,
        tenancies.c.household_id == old,
        tenancies.c.ended_at_ms.is_(None),
    )
    ended = connection.execute(update(tenancies).where(*is_open).values(ended_at_ms=at_ms))
    rows = [Tenancy(new, kind, name, at_ms, None)]
    if not ended.rowcount:
        rows.insert(0, Tenancy(old, kind, name, 0, at_ms))
    connection.execute(insert(tenancies), [row._asdict() for row in rows])


def _lay_down(connection: Connection, household_id: str, moved: list[str]) -> None:
    """Take the newest days out of their runs' rows, which are of all times, into rows of their own.

    Row-level security hides such a row where the meter was another's; nothing opens it again.
    """
    runs, days = register_runs, meter_days
    is_open = (
        within(runs, Scope.of(household_id)),
        runs.c.meter.in_(moved),
        runs.c.open_edges.is_not(None),
    )
    columns = ["run_id", "stretch", "household_id", "edges"]
    laid = select(runs.c.run_id, runs.c.open_stretch, runs.c.household_id, runs.c.open_edges)
    connection.execute(insert(days).from_select(columns, laid.where(*is_open)))
    emptied = {"open_stretch": runs.c.open_stretch + 1, "open_edges": None}
    connection.execute(update(runs).where(*is_open).values(emptied))


def _mint_token(connection: Connection, household_id: str, now_ms: int) -> str:
    token = secrets.token_urlsafe(TOKEN_BYTES)
    row = {"digest": _digest(token), "household_id": household_id, "created_at_ms": now_ms}
    connection.execute(insert(household_tokens), [row])
    return token


def _digest(token: str) -> str:
    # Tokens are 192 random bits: a plain digest cannot be searched through.
    return hashlib.sha256(b"hearthlink household token v1\0" + token.encode()).hexdigest()
