"""Every stored sample, decoded from the frames alone: a check that trusts no other table."""

from collections.abc import Iterator

import msgspec
from sqlalchemy import Connection, select

from cloud.readings.repository import SqlReadingStore
from cloud.readings.service import replaced_ranges
from cloud.readings.store import StoredFrame
from cloud.scope import Scope
from cloud.tables import frames
from shared.frames import decode_frame
from shared.ranges import Range, contains
from shared.readings import medium_of

PAGE_FRAMES = 256
"""Frames held in memory at once: 32 MB at the largest."""

_COLUMNS = [frames.c[name] for name in StoredFrame._fields]


def samples(connection: Connection, *, with_all: bool) -> Iterator[bytes]:
    """Yield each stored copy of each sample as a JSON object.

    A sample stored twice at one revision is yielded twice: duplicates show. Copies that a higher
    revision replaced or withheld are yielded only `with_all`.
    """
    last_id = 0
    while True:
        query = (
            select(frames.c.frame_id, frames.c.household_id, *_COLUMNS)
            .where(frames.c.frame_id > last_id)
            .order_by(frames.c.frame_id)
            .limit(PAGE_FRAMES)
        )
        rows = connection.execute(query).all()
        if not rows:
            return
        for frame_id, household_id, *columns in rows:
            last_id = frame_id
            stored = StoredFrame(*columns)
            replaced = (
                []
                if with_all
                else replaced_ranges(SqlReadingStore(connection), Scope.of(household_id), stored)
            )
            yield from _lines(stored, replaced)


def _lines(stored: StoredFrame, replaced: list[Range]) -> Iterator[bytes]:
    frame = decode_frame(stored.payload)
    medium = medium_of([column.register for column in frame.columns])
    for sample in frame.samples():
        if contains(replaced, sample.seq, sample.seq):
            continue
        yield msgspec.json.encode(
            {
                "thing": stored.thing,
                "log_id": stored.log_id,
                "seq": sample.seq,
                "revision": stored.revision,
                "meter": stored.meter,
                "medium": medium,
                "taken_at_ms": sample.taken_at_ms,
                "registers": sample.registers,
            }
        )
