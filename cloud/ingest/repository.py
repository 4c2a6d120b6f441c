"""The store's name, logs with their coverage, and dead letters. Commits nothing."""

import secrets
from collections.abc import Iterable
from typing import NamedTuple

import msgspec
from sqlalchemy import Connection, func, select, update

from cloud.db import upsert, within
from cloud.ingest.merge import Covered
from cloud.ingest.merger import digest_of
from cloud.scope import Scope
from cloud.tables import dead_letters, logs, meters, store
from shared.frames import MAX_FRAME_BYTES

MAX_LOGS_PER_HUB = 512
"""A hub has a log for each meter and a new one after a restore: dozens in its life."""

MAX_DEAD_LETTERS_PER_HUB = 256
"""At the largest frame 32 MB: enough to find the fault, not enough to fill a disk."""

MAX_DETAIL_CHARS = 300


class Log(NamedTuple):
    """One log of a hub, by its id in hex: what the hub says it holds, and what is stored of it."""

    log_id: str
    household_id: str
    thing: str
    meter: str
    first_seq_held: int | None
    last_seq_held: int | None
    coverage: list[Covered]
    receipted_at_ms: int


class DeadLetter(NamedTuple):
    """Bytes that could not be merged, with the reason; the range is None where unreadable."""

    thing: str
    log_id: str
    revision: int | None
    first_seq: int | None
    last_seq: int | None
    code: str
    detail: str
    received_at_ms: int
    payload: bytes


_decode_coverage = msgspec.msgpack.Decoder(list[Covered]).decode
_LOG = [logs.c[name] for name in Log._fields]


def store_id(connection: Connection, now_ms: int) -> str:
    """Read the store's name, minting one in a store that has none yet."""
    query = select(store.c.store_id).where(store.c.id == 1)
    found = connection.execute(query).scalar_one_or_none()
    if found is None:
        minted = {"id": 1, "store_id": secrets.token_hex(16), "created_at_ms": now_ms}
        upsert(connection, store, [minted], keys=("id",))
        found = connection.execute(query).scalar_one()
    return str(found)


def read_log(connection: Connection, log_id: str) -> Log | None:
    """Find a log whoever owns it, so that its owner can be checked; None where it is new."""
    row = connection.execute(select(*_LOG).where(logs.c.log_id == log_id)).one_or_none()
    return None if row is None else _log(row)


def add_log(connection: Connection, log: Log) -> bool:
    """Open a log for its hub; false where the hub has as many as it may."""
    count = connection.execute(
        select(func.count()).select_from(logs).where(logs.c.thing == log.thing)
    ).scalar_one()
    if count >= MAX_LOGS_PER_HUB:
        return False
    row = {**log._asdict(), "coverage": msgspec.msgpack.encode(log.coverage)}
    upsert(connection, logs, [row], keys=("log_id",))
    return True


def write_log(connection: Connection, log: Log) -> None:
    """Write back a log whose hub's row lock this transaction holds."""
    values = {**log._asdict(), "coverage": msgspec.msgpack.encode(log.coverage)}
    del values["log_id"]
    connection.execute(update(logs).where(logs.c.log_id == log.log_id).values(values))


def list_logs(connection: Connection, scope: Scope, thing: str | None = None) -> list[Log]:
    """List the logs of a scope, or of one hub in it."""
    query = select(*_LOG).where(within(logs, scope)).order_by(logs.c.thing, logs.c.log_id)
    if thing is not None:
        query = query.where(logs.c.thing == thing)
    return [_log(row) for row in connection.execute(query)]


def lock_meters(connection: Connection, scope: Scope, names: Iterable[str]) -> None:
    """Take the row locks of meters, in order: two hubs may read one meter at the same time."""
    owner = {"household_id": scope.only, "medium": "", "longest_frame_ms": 0}
    ordered = sorted(set(names))
    upsert(
        connection,
        meters,
        [{**owner, "meter": meter} for meter in ordered],
        keys=("household_id", "meter"),
    )
    for meter in ordered:
        connection.execute(
            select(meters.c.meter)
            .where(within(meters, scope), meters.c.meter == meter)
            .with_for_update()
        ).one()


def set_medium(connection: Connection, scope: Scope, meter: str, medium: str) -> None:
    """Say what a meter measures, once it is known."""
    connection.execute(
        update(meters)
        .where(within(meters, scope), meters.c.meter == meter, meters.c.medium == "")
        .values(medium=medium)
    )


def add_dead_letter(connection: Connection, scope: Scope, letter: DeadLetter) -> bool:
    """Set bytes aside; the same bytes again are only counted. False where there is no room."""
    digest = digest_of(letter.payload)
    same = (dead_letters.c.thing == letter.thing, dead_letters.c.digest == digest)
    known = connection.execute(
        update(dead_letters)
        .where(within(dead_letters, scope), *same)
        .values(seen_count=dead_letters.c.seen_count + 1, received_at_ms=letter.received_at_ms)
    )
    if known.rowcount:
        return True
    if count_dead_letters(connection, scope).get(letter.thing, 0) >= MAX_DEAD_LETTERS_PER_HUB:
        return False
    row = letter._asdict()
    row["payload"] = letter.payload[:MAX_FRAME_BYTES]
    row["detail"] = letter.detail[:MAX_DETAIL_CHARS]
    connection.execute(
        dead_letters.insert(),
        [{**row, "household_id": scope.only, "seen_count": 1, "digest": digest}],
    )
    return True


def count_dead_letters(connection: Connection, scope: Scope) -> dict[str, int]:
    """Count the dead letters of each hub."""
    query = (
        select(dead_letters.c.thing, func.count().label("letters"))
        .where(within(dead_letters, scope))
        .group_by(dead_letters.c.thing)
    )
    return {row.thing: row.letters for row in connection.execute(query)}


def list_dead_letters(connection: Connection, scope: Scope, limit: int) -> list[dict[str, object]]:
    """List dead letters without their bytes, the latest first."""
    columns = [
        column
        for column in dead_letters.c
        if column.name not in ("payload", "digest", "household_id")
    ]
    query = (
        select(*columns, func.length(dead_letters.c.payload).label("size_bytes"))
        .where(within(dead_letters, scope))
        .order_by(dead_letters.c.received_at_ms.desc(), dead_letters.c.dead_letter_id.desc())
        .limit(limit)
    )
    return [dict(row) for row in connection.execute(query).mappings()]


def _log(row: object) -> Log:
    log = Log(*row)  # type: ignore[misc]  # a row of exactly these columns
    return log._replace(coverage=_decode_coverage(log.coverage))  # type: ignore[arg-type]  # bytes until here
