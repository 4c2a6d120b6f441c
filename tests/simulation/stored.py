"""What the cloud has stored, read from its tables: coverage, and every copy of every sample."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from operator import attrgetter
from typing import NamedTuple

import msgspec
from sqlalchemy import select

from agent.torture.card import Key
from cloud.db import Database
from cloud.tables import dead_letters, frames, logs
from shared.frames import Frame, Gap, GapKind, decode_frame
from shared.ranges import Range, union
from shared.readings import StampedSample


class Copy(NamedTuple):
    """One stored copy of one sample."""

    meter: str
    revision: int
    sample: StampedSample


@dataclass
class Store:
    """Everything the cloud holds at the end of a run."""

    covered: dict[str, list[Range]] = field(default_factory=dict)
    framed: dict[str, list[Range]] = field(default_factory=dict)
    copies: dict[Key, list[Copy]] = field(default_factory=dict)
    gaps: dict[str, list[Gap]] = field(default_factory=dict)
    dead: list[tuple[str, str]] = field(default_factory=list)
    decided: dict[Key, int] = field(default_factory=dict)
    """The highest revision that says what there is at a place: a sample, or that it is withheld."""

    def note_decided(self, log_id: str, frame: Frame) -> None:
        """Note which places a frame decides; damage and thinning take back nothing once stored."""
        withheld = (gap for gap in frame.gaps if gap.kind is GapKind.WITHHELD)
        spans = [range(gap.first_seq, gap.last_seq + 1) for gap in withheld]
        for seq in chain(frame.sequences(), *spans):
            key = Key(log_id, seq)
            self.decided[key] = max(self.decided.get(key, 0), frame.revision)

    def current(self, key: Key) -> StampedSample | None:
        """Return what counts at a place; None where the highest revision has no sample of it."""
        newest = max(self.copies.get(key, ()), key=attrgetter("revision"), default=None)
        is_outranked = newest is not None and newest.revision < self.decided.get(key, 0)
        return None if newest is None or is_outranked else newest.sample


_LOGS = select(logs.c.log_id, logs.c.coverage)
_FRAMES = select(frames.c.log_id, frames.c.payload)
_DEAD = select(dead_letters.c.code, dead_letters.c.detail)


def read_store(database: Database) -> Store:
    """Read it all, from the frames themselves."""
    store = Store()
    with database.reading() as connection:
        for log_id, coverage in connection.execute(_LOGS):
            store.covered[log_id] = union(_ranges(coverage))
        for log_id, payload in connection.execute(_FRAMES):
            frame = decode_frame(payload)
            store.framed.setdefault(log_id, []).append((frame.first_seq, frame.last_seq))
            store.gaps.setdefault(log_id, []).extend(frame.gaps)
            store.note_decided(log_id, frame)
            for sample in frame.samples():
                copy = Copy(frame.meter, frame.revision, sample)
                store.copies.setdefault(Key(log_id, sample.seq), []).append(copy)
        store.dead = [(code, detail) for code, detail in connection.execute(_DEAD)]
    return store


def coverage_of(database: Database, log_id: str) -> list[Range]:
    """Read what the cloud's own table says of one log."""
    with database.reading() as connection:
        found = connection.execute(
            select(logs.c.coverage).where(logs.c.log_id == log_id)
        ).scalar_one_or_none()
    return [] if found is None else union(_ranges(found))


def _ranges(coverage: bytes) -> Iterator[Range]:
    for first, last, _ in msgspec.msgpack.decode(coverage):
        yield (first, last)
