"""What frames say of a time without readings, and which frames correct others. Commits nothing."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection, and_, func, literal_column, or_, select
from sqlalchemy.sql import ColumnElement

from cloud.db import within
from cloud.gaps.reasons import Between, Gateway
from cloud.households.repository import list_hubs
from cloud.households.revocations import list_limits, list_revocations
from cloud.ingest.gateways import gaps_of
from cloud.ingest.merge import declared_by
from cloud.ingest.repository import Log
from cloud.readings.tenancy import held_frames
from cloud.scope import Scope
from cloud.tables import frames, meters
from shared.consent import Granularity, narrowest
from shared.frames import Frame, GapKind, decode_frame
from shared.units import EARLIEST_PLAUSIBLE_MS, LATEST_PLAUSIBLE_MS

MAX_FRAMES = 64
"""Frames read for one blank of one log: a blank holds few, unless much was withheld piecemeal."""


class Correction(NamedTuple):
    """A frame that says anew what a log held in its range; the times are None without samples."""

    frame_id: int
    thing: str
    log_id: str
    revision: int
    first_seq: int
    last_seq: int
    first_taken_at_ms: int | None
    last_taken_at_ms: int | None
    received_at_ms: int
    payload: bytes


_CORRECTION = [frames.c[name] for name in Correction._fields]
_IS_CORRECTION: ColumnElement[bool] = literal_column("frames.revision") > literal_column("0")
"""Spelled as the index of corrections is, so that it serves."""


def between(
    connection: Connection, scope: Scope, log: Log, last_ms: int | None, next_ms: int | None
) -> Between:
    """Find what a log says about the time between two readings."""
    before = None if last_ms is None else _last_seq(connection, scope, log, last_ms)
    after = None if next_ms is None else _next_seq(connection, scope, log, next_ms)
    low = log.first_seq_held or 0 if before is None else before + 1
    high = after - 1 if after is not None else max(log.last_seq_held or 0, low)
    declared: Counter[GapKind] = Counter()
    if low <= high:
        found = _frames(
            connection,
            and_(
                _of_household(scope),
                frames.c.log_id == log.log_id,
                frames.c.last_seq >= low,
                frames.c.first_seq <= high,
            ),
        )
        declared = declared_by(found, low, high)
    return Between(before, after, declared, gaps_of(log))


def gateways_of(connection: Connection, scope: Scope) -> dict[str, Gateway]:
    """Say how each hub of a household is."""
    revoked = list_revocations(connection, scope)
    limits = list_limits(connection, scope)
    return {
        hub.thing: Gateway(
            hub.is_online,
            hub.thing in revoked,
            hub.last_seen_ms,
            narrowest(
                _granularity(hub.consent),
                _granularity(limits[hub.thing].granularity if hub.thing in limits else ""),
            ),
        )
        for hub in list_hubs(connection, scope)
    }


def list_corrections(
    connection: Connection,
    scope: Scope,
    meter: str,
    period: tuple[int, int],
    before: tuple[int, int] | None,
    limit: int,
) -> list[Correction]:
    """List the corrections that came in `[start, end)`, the newest first, from before a place on.

    The place is a correction's time of arrival and frame id.
    """
    came_at, frame_id = frames.c.received_at_ms, frames.c.frame_id
    query = (
        select(*_CORRECTION)
        .where(
            _of_household(scope),
            frames.c.meter == meter,
            _IS_CORRECTION,
            came_at >= period[0],
            came_at < period[1],
        )
        .order_by(came_at.desc(), frame_id.desc())
        .limit(limit)
    )
    if before is not None:
        is_earlier = and_(came_at == before[0], frame_id < before[1])
        query = query.where(or_(came_at < before[0], is_earlier))
    return [Correction(*row) for row in connection.execute(query)]


def span_of(connection: Connection, scope: Scope, one: Correction) -> tuple[int | None, int | None]:
    """Say from when to when a correction reaches: its samples' times, or those it took away."""
    if one.first_taken_at_ms is not None:
        return one.first_taken_at_ms, one.last_taken_at_ms
    query = select(func.min(frames.c.first_taken_at_ms), func.max(frames.c.last_taken_at_ms)).where(
        _of_household(scope),
        frames.c.log_id == one.log_id,
        frames.c.last_seq >= one.first_seq,
        frames.c.first_seq <= one.last_seq,
    )
    row = connection.execute(query).one()
    return row[0], row[1]


def _last_seq(connection: Connection, scope: Scope, log: Log, at_ms: int) -> int | None:
    """Find a log's last sequence taken at or before an instant."""
    longest = select(func.coalesce(func.max(meters.c.longest_frame_ms), 0)).where(
        within(meters, scope), meters.c.meter == log.meter
    )
    found = _frames(
        connection,
        and_(
            _of_log(scope, log),
            frames.c.last_taken_at_ms >= EARLIEST_PLAUSIBLE_MS,
            frames.c.last_taken_at_ms <= at_ms + longest.scalar_subquery(),
            frames.c.first_taken_at_ms <= at_ms,
        ),
        frames.c.last_taken_at_ms.desc(),
        2,
    )
    return max((seq for seq, taken in _samples(found) if taken <= at_ms), default=None)


def _next_seq(connection: Connection, scope: Scope, log: Log, at_ms: int) -> int | None:
    """Find a log's first sequence taken at or after an instant."""
    found = _frames(
        connection,
        and_(
            _of_log(scope, log),
            frames.c.last_taken_at_ms >= at_ms,
            frames.c.last_taken_at_ms <= LATEST_PLAUSIBLE_MS,
        ),
        frames.c.last_taken_at_ms,
        2,
    )
    return min((seq for seq, taken in _samples(found) if taken >= at_ms), default=None)


def _of_household(scope: Scope) -> ColumnElement[bool]:
    return and_(within(frames, scope), held_frames())


def _of_log(scope: Scope, log: Log) -> ColumnElement[bool]:
    return and_(_of_household(scope), frames.c.meter == log.meter, frames.c.log_id == log.log_id)


def _frames(
    connection: Connection,
    where: ColumnElement[bool],
    order: ColumnElement[int] | None = None,
    limit: int = MAX_FRAMES,
) -> list[Frame]:
    query = select(frames.c.payload).where(where).limit(limit)
    query = query.order_by(frames.c.first_seq if order is None else order)
    return [decode_frame(payload) for payload in connection.execute(query).scalars()]


def _samples(found: Sequence[Frame]) -> list[tuple[int, int]]:
    return [pair for one in found for pair in zip(one.sequences(), one.times_ms, strict=True)]


def _granularity(text: str) -> Granularity:
    """Read what a hub said; before its first hello it may send all, a word we do not know none."""
    if not text:
        return Granularity.LIVE
    try:
        return Granularity(text)
    except ValueError:
        return Granularity.NONE
