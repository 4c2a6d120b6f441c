"""The store's name, and logs with their coverage and gaps. Commits nothing."""

import secrets
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, Select, and_, bindparam, delete, func, or_, select, update

from cloud.db import within
from cloud.given import given_rows, write_rows
from cloud.ingest.gaps import Held, Missing
from cloud.ingest.merge import Covered
from cloud.scope import Scope
from cloud.tables import hubs, logs, meters, store
from cloud.writes import update_many, upsert
from shared.units import MS_PER_HOUR, MS_PER_MINUTE

MAX_LOGS_PER_HUB = 512
"""A hub has a log for each meter and a new one after a restore: dozens in its life."""

REMIND_MS = 5 * MS_PER_MINUTE
"""How soon a hub that is online and has left a hole is told again, while the hole is new."""

REMIND_OLD_MS = MS_PER_HOUR
"""How long a hole is new, and how often a hub is told of an old one: it may never be able to fill
it (a range refused twice is held there), and on AWS each receipt costs."""


class Log(NamedTuple):
    """One log of a hub, by its id in hex: what the hub says it holds, and what is stored of it.

    `missing` is its gap ledger; the counts are of places that are stored as being without a sample.
    """

    log_id: str
    household_id: str
    thing: str
    meter: str
    first_seq_held: int | None
    last_seq_held: int | None
    coverage: list[Covered]
    receipted_at_ms: int
    missing: Sequence[Missing] = ()
    hole_since_ms: int | None = None
    withheld_count: int = 0
    thinned_count: int = 0
    damaged_count: int = 0
    untimed_count: int = 0

    @property
    def held(self) -> Held:
        """What the hub last said that it holds."""
        return Held(self.first_seq_held, self.last_seq_held)


_decode_coverage = msgspec.msgpack.Decoder(list[Covered]).decode
_decode_missing = msgspec.msgpack.Decoder(list[Missing]).decode
_LOG = [logs.c[name] for name in Log._fields]

# Of every batch: built once, since building one takes longer than the database takes over it.
_STORE_ID = select(store.c.store_id).where(store.c.id == 1)
_READ = select(*_LOG).where(logs.c.log_id == bindparam("of_log"))
_COUNT_LOGS = select(func.count()).select_from(logs).where(logs.c.thing == bindparam("of_thing"))
_LOCK_METER = (
    select(meters.c.medium)
    .where(meters.c.household_id == bindparam("household"), meters.c.meter == bindparam("of_meter"))
    .with_for_update()
)
_SET_MEDIUM = update(meters).where(
    meters.c.household_id == bindparam("household"),
    meters.c.meter == bindparam("of_meter"),
    meters.c.medium == "",
)


@cache
def _read_logs(dialect: str) -> Select[Any]:
    given = given_rows(dialect, {"log_id": str})
    return select(*_LOG).join_from(given, logs, logs.c.log_id == given.c.log_id)


@cache
def _lock_known(dialect: str) -> Select[Any]:
    given = given_rows(dialect, {"household_id": str, "meter": str})
    of = meters.c
    is_one = and_(of.household_id == given.c.household_id, of.meter == given.c.meter)
    query = select(of.household_id, of.meter, of.medium).join_from(given, meters, is_one)
    return query.order_by(of.household_id, of.meter).with_for_update(of=meters)


def store_id(connection: Connection, now_ms: int) -> str:
    """Read the store's name, minting one in a store that has none yet."""
    found = connection.execute(_STORE_ID).scalar_one_or_none()
    if found is None:
        minted = {"id": 1, "store_id": secrets.token_hex(16), "created_at_ms": now_ms}
        upsert(connection, store, [minted], keys=("id",))
        found = connection.execute(_STORE_ID).scalar_one()
    return str(found)


def renew_store(connection: Connection, now_ms: int) -> str:
    """Give the store a new name: every hub then offers again all that it holds."""
    connection.execute(delete(store))
    connection.execute(update(hubs).values(store_id=""))
    return store_id(connection, now_ms)


def read_log(connection: Connection, log_id: str) -> Log | None:
    """Find a log whoever owns it, so that its owner can be checked; None where it is new."""
    row = connection.execute(_READ, {"of_log": log_id}).one_or_none()
    return None if row is None else _log(row)


def read_logs(connection: Connection, log_ids: Sequence[str]) -> dict[str, Log]:
    """Find logs whoever owns them."""
    asked = {"rows": write_rows([{"log_id": log_id} for log_id in log_ids])}
    found = map(_log, connection.execute(_read_logs(connection.dialect.name), asked))
    return {one.log_id: one for one in found}


def add_log(connection: Connection, log: Log) -> bool:
    """Open a log for its hub; false where the hub has as many as it may."""
    count = connection.execute(_COUNT_LOGS, {"of_thing": log.thing}).scalar_one()
    if count >= MAX_LOGS_PER_HUB:
        return False
    upsert(connection, logs, [_row(log)], keys=("log_id",))
    return True


def write_logs(connection: Connection, changed: Sequence[Log]) -> None:
    """Write back logs whose hubs' row locks this transaction holds."""
    update_many(connection, logs, [_row(one) for one in changed], key="log_id")


def list_logs(connection: Connection, scope: Scope, thing: str | None = None) -> list[Log]:
    """List the logs of a scope, or of one hub in it."""
    query = select(*_LOG).where(within(logs, scope)).order_by(logs.c.thing, logs.c.log_id)
    if thing is not None:
        query = query.where(logs.c.thing == thing)
    return [_log(row) for row in connection.execute(query)]


def is_new_hole(since_ms: int | None, now_ms: int) -> bool:
    """Tell whether there is a hole, and one that the hub has not known of for long."""
    return since_ms is not None and now_ms - since_ms < REMIND_OLD_MS


def logs_with_holes(connection: Connection, now_ms: int, limit: int) -> list[tuple[str, str]]:
    """List (thing, log) of hubs online that are due to hear of a hole, the longest silent first."""
    is_due = or_(
        and_(
            logs.c.hole_since_ms > now_ms - REMIND_OLD_MS,
            logs.c.receipted_at_ms <= now_ms - REMIND_MS,
        ),
        and_(
            logs.c.hole_since_ms <= now_ms - REMIND_OLD_MS,
            logs.c.receipted_at_ms <= now_ms - REMIND_OLD_MS,
        ),
    )
    query = (
        select(logs.c.thing, logs.c.log_id)
        .join(hubs, hubs.c.thing == logs.c.thing)
        .where(is_due, hubs.c.is_online)
        .order_by(logs.c.receipted_at_ms)
        .limit(limit)
    )
    return [(row.thing, row.log_id) for row in connection.execute(query)]


def lock_meters(connection: Connection, scope: Scope, names: Iterable[str]) -> dict[str, str]:
    """Take the row locks of meters, in order: two hubs may read one meter at the same time.

    Returns what each measures, "" where that is not known yet.
    """
    mediums: dict[str, str] = {}
    owner = {"household_id": scope.only, "medium": "", "longest_frame_ms": 0}
    for meter in sorted(set(names)):
        of_meter = {"household": scope.only, "of_meter": meter}
        medium = connection.execute(_LOCK_METER, of_meter).scalar_one_or_none()
        if medium is None:
            keys = ("household_id", "meter")
            upsert(connection, meters, [{**owner, "meter": meter}], keys=keys)
            medium = connection.execute(_LOCK_METER, of_meter).scalar_one()
        mediums[meter] = str(medium)
    return mediums


def lock_known_meters(
    connection: Connection, wanted: Iterable[tuple[str, str]]
) -> dict[tuple[str, str], str]:
    """Take the row locks of meters, by (household, meter), in order; one that is new has none.

    Returns what each measures, as `lock_meters`.
    """
    asked = [{"household_id": household, "meter": meter} for household, meter in sorted(wanted)]
    if not asked:
        return {}
    rows = connection.execute(_lock_known(connection.dialect.name), {"rows": write_rows(asked)})
    return {(household, meter): medium for household, meter, medium in rows}


def set_medium(connection: Connection, scope: Scope, meter: str, medium: str) -> bool:
    """Say what a meter measures, once it is known; true where it was not known before."""
    known = {"household": scope.only, "of_meter": meter, "medium": medium}
    return connection.execute(_SET_MEDIUM, known).rowcount > 0


def _log(row: object) -> Log:
    log = Log(*row)  # type: ignore[misc]  # a row of exactly these columns
    return log._replace(
        coverage=_decode_coverage(log.coverage),  # type: ignore[arg-type]  # bytes until here
        missing=_decode_missing(log.missing) if log.missing else [],  # type: ignore[arg-type]  # as above
    )


def _row(log: Log) -> dict[str, object]:
    return {
        **log._asdict(),
        "coverage": msgspec.msgpack.encode(log.coverage),
        "missing": msgspec.msgpack.encode(log.missing) if log.missing else None,
    }
