"""A household's changes as rows, one a thing, with the revision of its newest. Commits nothing.

Revisions are numbered under a lock that is held until the commit: a household's are committed in
their order, so that who has read one has read all before it. It is the last lock that a transaction
takes, after those of hubs and meters.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, and_, bindparam, delete, literal, or_, select, true, update
from sqlalchemy.dialects import postgresql, sqlite

from cloud.changes.kinds import Change, ChangeKind, usage_changes
from cloud.changes.tenancy import held_changes
from cloud.db import within
from cloud.given import given_rows, write_rows
from cloud.scope import Scope
from cloud.tables import change_counters, changes, households
from cloud.writes import upsert
from shared.calendar import check_zone
from shared.ranges import Range
from shared.units import MS_PER_DAY

KEPT_MS = 90 * MS_PER_DAY
"""An app that was not opened for a season reads anew all that it shows."""

MAX_PRUNED = 2_000
"""Rows a run: some milliseconds of lock, and 2.9 million a day at a run a minute."""

_ZONE = select(households.c.zone).where(households.c.household_id == bindparam("of_household"))
_KEYS = ("household_id", "kind", "subject", "local_day")


class Changed(NamedTuple):
    """A change as it was noted."""

    kind: ChangeKind
    subject: str
    local_day: int
    revision: int
    changed_at_ms: int


class Counter(NamedTuple):
    """How far a household's changes have come, and up to where they are forgotten."""

    revision: int
    expired_revision: int


def note_changes(
    connection: Connection, household_id: str, found: Iterable[Change], now_ms: int
) -> None:
    """Note what this transaction changes of a household; call it last before the commit."""
    note_of_many(connection, {household_id: found}, now_ms)


def note_of_many(
    connection: Connection, found: Mapping[str, Iterable[Change]], now_ms: int
) -> None:
    """Note what this transaction changes of several households, as `note_changes`.

    Their locks are taken in order, as by all who take several.
    """
    ordered = {household: sorted(set(ones)) for household, ones in found.items()}
    last = _advance(connection, {one: len(more) for one, more in ordered.items() if more})
    rows = [
        {
            "household_id": household_id,
            "kind": one.kind.value,
            "subject": one.subject,
            "local_day": one.local_day,
            "revision": revision,
            "changed_at_ms": now_ms,
        }
        for household_id, at in sorted(last.items())
        for revision, one in enumerate(ordered[household_id], at - len(ordered[household_id]) + 1)
    ]
    upsert(connection, changes, rows, keys=_KEYS, replace=("revision", "changed_at_ms"))


def note_usage(
    connection: Connection,
    household_id: str,
    slots: Mapping[str, Sequence[Range]],
    now_ms: int,
    others: Iterable[Change] = (),
) -> None:
    """Note the local days of what meters used in ranges of slots, both ends included."""
    found = list(others)
    if any(slots.values()):
        zone = zone_of(connection, household_id)
        for meter, ranges in slots.items():
            found += usage_changes(meter, ranges, zone)
    note_changes(connection, household_id, found, now_ms)


def zone_of(connection: Connection, household_id: str) -> ZoneInfo:
    """Read the time zone of a household's days."""
    found = connection.execute(_ZONE, {"of_household": household_id}).scalar_one_or_none()
    return check_zone(found or "UTC")


def read_counter(connection: Connection, scope: Scope) -> Counter:
    """Read how far a household's changes have come; nothing yet is 0."""
    query = select(change_counters.c.revision, change_counters.c.expired_revision).where(
        within(change_counters, scope)
    )
    row = connection.execute(query).one_or_none()
    return Counter(0, 0) if row is None else Counter(*row)


def read_revisions(connection: Connection, scope: Scope) -> dict[str, int]:
    """Read how far the changes of several households have come."""
    query = select(change_counters.c.household_id, change_counters.c.revision).where(
        within(change_counters, scope)
    )
    return {row.household_id: row.revision for row in connection.execute(query)}


def list_changes(connection: Connection, scope: Scope, after: int, limit: int) -> list[Changed]:
    """List what changed after a revision, in the order in which it last did.

    Only what was the household's own: `held_changes` says which.
    """
    is_held = held_changes(connection, scope, zone_of(connection, scope.only))
    query = (
        select(*(changes.c[name] for name in Changed._fields))
        .where(within(changes, scope), changes.c.revision > after, is_held)
        .order_by(changes.c.revision)
        .limit(limit)
    )
    return [
        Changed(ChangeKind(row.kind), row.subject, row.local_day, row.revision, row.changed_at_ms)
        for row in connection.execute(query)
    ]


def prune_changes(connection: Connection, now_ms: int) -> int:
    """Forget what changed over `KEPT_MS` ago, at most `MAX_PRUNED`; who is behind is told so."""
    query = (
        select(changes.c.household_id, changes.c.revision)
        .where(changes.c.changed_at_ms < now_ms - KEPT_MS)
        .order_by(changes.c.changed_at_ms)
        .limit(MAX_PRUNED)
    )
    newest: dict[str, int] = {}
    for household_id, revision in connection.execute(query):
        newest[household_id] = max(revision, newest.get(household_id, 0))
    for household_id, revision in sorted(newest.items()):
        connection.execute(
            update(change_counters)
            .where(change_counters.c.household_id == household_id)
            .values(expired_revision=revision)
        )
    # All up to there, also what a clock that was wrong has dated later: the cursors before it
    # are over.
    is_old = [
        and_(changes.c.household_id == household_id, changes.c.revision <= revision)
        for household_id, revision in newest.items()
    ]
    return connection.execute(delete(changes).where(or_(*is_old))).rowcount if is_old else 0


def _advance(connection: Connection, more: Mapping[str, int]) -> dict[str, int]:
    """Count households on, under their locks and in order; returns how far each has come."""
    if not more:
        return {}
    asked = write_rows([{"household_id": one, "more": more[one]} for one in sorted(more)])
    found = connection.execute(_advance_all(connection.dialect.name), {"rows": asked})
    return {one.household_id: one.revision for one in found}


@cache
def _advance_all(dialect: str) -> Any:
    """One statement for those that are new and those that are not: so each is locked in its turn.

    It ends its question with a condition, without which SQLite takes "ON" for that of a join.
    """
    given = given_rows(dialect, {"household_id": str, "more": int})
    insert = sqlite.insert if dialect == "sqlite" else postgresql.insert
    new = select(given.c.household_id, given.c.more, literal(0)).where(true())
    statement = insert(change_counters).from_select(
        ["household_id", "revision", "expired_revision"], new.order_by(given.c.household_id)
    )
    advanced = change_counters.c.revision + statement.excluded.revision
    return statement.on_conflict_do_update(
        index_elements=["household_id"], set_={"revision": advanced}
    ).returning(change_counters.c.household_id, change_counters.c.revision)
