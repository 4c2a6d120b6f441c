"""What has outlived its use is deleted, a little at a time: old frames and old dead letters.

Meter-days stay: usage and cost of what is pruned are still answered, only no longer corrected.
Where there is a lake, a frame goes only once it is in the lake. Commits nothing.
"""

from collections import Counter
from typing import NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    delete,
    exists,
    func,
    select,
    update,
)

from cloud.ingest.intake import LATER_VERSION
from cloud.readings.store import FRAMES_KEPT_MS
from cloud.tables import dead_letters, frames, hubs, lake_exports, meters

MAX_PRUNED = 500
"""Rows of each kind a run: some milliseconds of lock, and 720,000 a day at a run a minute."""


class Pruned(NamedTuple):
    """How many rows went."""

    frames: int
    dead_letters: int


def prune(connection: Connection, now_ms: int, exported_to: int | None = None) -> Pruned:
    """Delete frames and dead letters that came more than 13 months ago, at most `MAX_PRUNED` each.

    `exported_to` numbers the last frame that is in the lake, None where there is no lake. A letter
    of a later version stays however old: its hub was told that it is stored.
    """
    before_ms = now_ms - FRAMES_KEPT_MS
    # Rows are locked in the order that ingest locks them: hubs, then meters.
    expired = _expire_letters(connection, before_ms)
    return Pruned(_prune_frames(connection, before_ms, exported_to), expired)


def _prune_frames(connection: Connection, before_ms: int, exported_to: int | None) -> int:
    # A frame dated ahead of its arrival is kept until its samples are as old, too.
    is_old = and_(
        frames.c.received_at_ms < before_ms,
        func.coalesce(frames.c.last_taken_at_ms, 0) < before_ms,
        *_in_lake(connection, exported_to),
    )
    query = (
        select(frames.c.frame_id, frames.c.household_id, frames.c.meter)
        .where(is_old)
        .order_by(frames.c.received_at_ms)
        .limit(MAX_PRUNED)
    )
    rows = connection.execute(query).all()
    for household_id, meter in sorted({(row.household_id, row.meter) for row in rows}):
        of_meter = and_(meters.c.household_id == household_id, meters.c.meter == meter)
        connection.execute(select(meters.c.meter).where(of_meter).with_for_update())
    # What another deleted while this one waited for the locks is not counted again.
    gone = (
        delete(frames)
        .where(frames.c.frame_id.in_([row.frame_id for row in rows]))
        .returning(frames.c.household_id, frames.c.meter)
    )
    counts = Counter((row.household_id, row.meter) for row in connection.execute(gone))
    for (household_id, meter), count in counts.items():
        connection.execute(
            update(meters)
            .where(meters.c.household_id == household_id, meters.c.meter == meter)
            .values(frames_pruned=meters.c.frames_pruned + count)
        )
    return counts.total()


def _in_lake(connection: Connection, exported_to: int | None) -> list[ColumnElement[bool]]:
    """Say which frames a lake lets go, where there is one or ever was.

    The newest stays: SQLite would give its number away again, and the lake would take the next
    frame for one it has.
    """
    if exported_to is None and not connection.execute(select(exists(lake_exports))).scalar_one():
        return []
    newest = select(func.max(frames.c.frame_id)).scalar_subquery()
    limits = [frames.c.frame_id < newest]
    return limits if exported_to is None else [*limits, frames.c.frame_id <= exported_to]


def _expire_letters(connection: Connection, before_ms: int) -> int:
    is_old = and_(dead_letters.c.received_at_ms < before_ms, dead_letters.c.code != LATER_VERSION)
    query = (
        select(dead_letters.c.dead_letter_id, dead_letters.c.thing)
        .where(is_old)
        .order_by(dead_letters.c.received_at_ms)
        .limit(MAX_PRUNED)
    )
    rows = connection.execute(query).all()
    for thing in sorted({row.thing for row in rows}):
        connection.execute(select(hubs.c.thing).where(hubs.c.thing == thing).with_for_update())
    # One that came again meanwhile is not old any more.
    gone = (
        delete(dead_letters)
        .where(dead_letters.c.dead_letter_id.in_([row.dead_letter_id for row in rows]), is_old)
        .returning(dead_letters.c.thing)
    )
    counts = Counter(connection.execute(gone).scalars())
    for thing, count in counts.items():
        connection.execute(
            update(hubs)
            .where(hubs.c.thing == thing)
            .values(dead_letters_expired=hubs.c.dead_letters_expired + count)
        )
    return counts.total()
