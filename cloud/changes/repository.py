"""A household's changes as rows, one a thing, with the revision of its newest. Commits nothing.

Revisions are numbered under a lock that is held until the commit: a household's are committed in
their order, so that who has read one has read all before it. It is the last lock that a transaction
takes, after those of hubs and meters.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, and_, bindparam, delete, or_, select, update

from cloud.changes.kinds import Change, ChangeKind, usage_changes
from cloud.changes.tenancy import held_changes
from cloud.db import upsert, within
from cloud.scope import Scope
from cloud.tables import change_counters, changes, households
from shared.calendar import check_zone
from shared.ranges import Range
from shared.units import MS_PER_DAY

KEPT_MS = 90 * MS_PER_DAY
"""An app that was not opened for a season reads anew all that it shows."""

MAX_PRUNED = 2_000
"""Rows a run: some milliseconds of lock, and 2.9 million a day at a run a minute."""

_ADVANCE = (
    update(change_counters)
    .where(change_counters.c.household_id == bindparam("of_household"))
    .values(revision=change_counters.c.revision + bindparam("more"))
    .returning(change_counters.c.revision)
)
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
    ordered = sorted(set(found))
    if not ordered:
        return
    last = _advance(connection, household_id, len(ordered))
    rows = [
        {
            "household_id": household_id,
            "kind": one.kind.value,
            "subject": one.subject,
            "local_day": one.local_day,
            "revision": revision,
            "changed_at_ms": now_ms,
        }
        for revision, one in enumerate(ordered, last - len(ordered) + 1)
    ]
    upsert(connection, changes, rows, keys=_KEYS, replace=("revision", "changed_at_ms"))


def note_of_many(
    connection: Connection, found: Mapping[str, Iterable[Change]], now_ms: int
) -> None:
    """Note what this transaction changes of several households, as `note_changes`.

    Their locks are taken in order, as by all who take several.
    """
    for household_id in sorted(found):
        note_changes(connection, household_id, found[household_id], now_ms)


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


def _advance(connection: Connection, household_id: str, more: int) -> int:
    asked = {"of_household": household_id, "more": more}
    last = connection.execute(_ADVANCE, asked).scalar_one_or_none()
    if last is None:
        new = {"household_id": household_id, "revision": 0, "expired_revision": 0}
        upsert(connection, change_counters, [new], keys=("household_id",))
        last = connection.execute(_ADVANCE, asked).scalar_one()
    return int(last)
