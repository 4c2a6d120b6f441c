"""Takes out of a household's part of a lake what was read while a meter was another household's.

A handover that is dated back finds that in the lake already, where nothing is rewritten. So it is
decided against, as a correction decides: of these places of a log nothing of any revision counts.
Every reader of corrections leaves them out.
"""

from sqlalchemy import Connection, and_, exists, or_, select

from cloud.db import Database
from cloud.households.spans import Span, all_spans
from cloud.lake import layout
from cloud.lake.lake import Lake
from cloud.lake.manifest import Manifest, WrittenObject, encode_manifest
from cloud.lake.rows import Decided, encode, table_of
from cloud.readings.repository import SqlReadingStore
from cloud.readings.store import Readings
from cloud.scope import Scope
from cloud.tables import frames, tenancies
from shared.frames import decode_frame
from shared.ranges import Range, union
from shared.units import EARLIEST_PLAUSIBLE_MS, LATEST_PLAUSIBLE_MS

ABOVE_ALL = 1 << 62
"""The revision of what no revision overrules; a hub's count up from 0."""

PAGE_FRAMES = 64
"""Frames read at once: 8 MB at the largest."""


def clip(database: Database, lake: Lake) -> int:
    """Decide against what lies outside of tenancies, in every household's part; count objects.

    What was decided before is not written again. Frames that were pruned are passed over: they are
    over a year old, and a handover is not dated so far back.
    """
    written = 0
    with database.reading() as connection:
        households = _households(connection)
    for household_id in households:
        with database.reading() as connection:
            found = _outside(connection, household_id)
        if found:
            written += _publish(lake, household_id, found)
    return written


def _households(connection: Connection) -> list[str]:
    """List the households that have samples of before or after a tenancy of a meter."""
    held = tenancies.c
    is_of_meter = and_(frames.c.household_id == held.household_id, frames.c.meter == held.name)
    is_beside = or_(
        frames.c.last_taken_at_ms > held.ended_at_ms,
        and_(held.started_at_ms > 0, frames.c.first_taken_at_ms < held.started_at_ms),
    )
    query = (
        select(held.household_id)
        .distinct()
        .where(held.kind == "meter", exists().where(is_of_meter, is_beside))
        .order_by(held.household_id)
    )
    return list(connection.execute(query).scalars())


def _outside(connection: Connection, household_id: str) -> list[Decided]:
    """List the places of logs whose samples were taken outside of every tenancy of their meter."""
    scope, store = Scope.of(household_id), SqlReadingStore(connection)
    by_log: dict[str, list[Range]] = {}
    for meter, spans in all_spans(connection, scope).items():
        for start_ms, end_ms in _between(spans):
            _collect(store, scope, meter, (start_ms, end_ms), by_log)
    return [
        Decided(log_id, ABOVE_ALL, *place)
        for log_id, places in sorted(by_log.items())
        for place in union(places)
    ]


def _between(spans: list[Span]) -> list[Range]:
    """Give the times, both ends included, that lie in no tenancy; those are in order."""
    starts_ms = [EARLIEST_PLAUSIBLE_MS, *(span.end_ms + 1 for span in spans)]
    ends_ms = [*(span.start_ms - 1 for span in spans), LATEST_PLAUSIBLE_MS]
    return [one for one in zip(starts_ms, ends_ms, strict=True) if one[0] <= one[1]]


def _collect(
    store: Readings, scope: Scope, meter: str, times_ms: Range, by_log: dict[str, list[Range]]
) -> None:
    """Add the places of samples taken between two times, a page of frames after another."""
    start_ms, end_ms = times_ms
    at_ms, count = end_ms, PAGE_FRAMES
    while True:
        page = store.frames_of_meter(scope, meter, start_ms, at_ms, newest=count)
        for stored in page:
            frame = decode_frame(stored.payload)
            by_log.setdefault(stored.log_id, []).extend(
                (seq, seq)
                for seq, taken_ms in zip(frame.sequences(), frame.times_ms, strict=True)
                if start_ms <= taken_ms <= end_ms
            )
        if len(page) < count:
            return
        # What is left ends no later. A page that all reaches past its own end is read larger.
        next_ms = min(page[-1].last_taken_at_ms or start_ms, at_ms)
        count = count * 2 if next_ms == at_ms else PAGE_FRAMES
        at_ms = next_ms


def _publish(lake: Lake, household_id: str, found: list[Decided]) -> int:
    """Write what is decided against, named by what it says, and its manifest after it."""
    name = layout.piece_name(household_id, [(one.log_id, [one[2:]]) for one in found])
    manifest_name = layout.manifest_name(household_id, f"clip-{name}")
    if lake.objects.get(manifest_name) is not None:
        return 0
    target = layout.corrections_name(household_id, f"clip-{name}")
    there = lake.objects.put(target, encode(table_of(found)))
    written = WrittenObject(target, len(there), layout.digest_of(there), len(found))
    manifest = Manifest(layout.LAYOUT, household_id, lake.store_id, [], [written])
    lake.objects.put(manifest_name, encode_manifest(manifest))
    return 2
