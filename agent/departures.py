"""What left this hub, so that it can be shown afterwards: added up by day, meter and granularity.

Counted when a message is handed to the connection and written with the next group commit; what a
power cut takes of it is what it takes of the readings. Owns the table `departures`.
"""

import contextlib
import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from agent.database import open_reader
from agent.records import Departed, DepartureKey
from shared.consent import Granularity
from shared.frames import Frame, GapKind
from shared.units import MS_PER_DAY

MAX_DEPARTURES = 4_000
"""Rows kept, the newest: of two meters more than five years, and under 400 KB."""

LIVE_LOG = 0
"""Stands where a log's number would: live samples have no sequence."""


class Departures:
    """What has left since the last group commit."""

    def __init__(self) -> None:
        self._counted: dict[DepartureKey, Departed] = {}

    def note_frame(self, at_ms: int, log: int, granularity: Granularity, frame: Frame) -> None:
        """Count a frame; `granularity` is what held for its samples."""
        withheld = sum(
            gap.last_seq - gap.first_seq + 1 for gap in frame.gaps if gap.kind is GapKind.WITHHELD
        )
        key = DepartureKey(at_ms // MS_PER_DAY, frame.meter, log, granularity.value)
        samples = len(frame.times_ms)
        self._add(key, Departed(frame.first_seq, frame.last_seq, 1, samples, withheld))

    def note_live(self, at_ms: int, meter: str) -> None:
        """Count a live sample."""
        key = DepartureKey(at_ms // MS_PER_DAY, meter, LIVE_LOG, Granularity.LIVE.value)
        self._add(key, Departed(0, 0, 0, 1, 0))

    def take(self) -> dict[DepartureKey, Departed]:
        """Hand over what was counted since last asked, for the group commit to write."""
        counted, self._counted = self._counted, {}
        return counted

    def _add(self, key: DepartureKey, departed: Departed) -> None:
        known = self._counted.get(key)
        self._counted[key] = departed if known is None else known.plus(departed)


def write_departures(
    db: sqlite3.Connection, departures: Iterable[tuple[DepartureKey, Departed]]
) -> None:
    """Add to what is written, in the caller's transaction; the oldest rows make room."""
    db.executemany(
        "INSERT INTO departures (utc_day, meter, log, granularity, "
        "first_seq, last_seq, frames, samples, withheld) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) "
        "ON CONFLICT (utc_day, meter, log, granularity) DO UPDATE SET "
        "first_seq = min(first_seq, excluded.first_seq), "
        "last_seq = max(last_seq, excluded.last_seq), frames = frames + excluded.frames, "
        "samples = samples + excluded.samples, withheld = withheld + excluded.withheld",
        [(*key, *departed) for key, departed in departures],
    )
    db.execute(
        "DELETE FROM departures WHERE id <= (SELECT max(id) FROM departures) - ?",
        (MAX_DEPARTURES,),
    )


class DepartureLine(msgspec.Struct, frozen=True):
    """One day's departures of one meter under one granularity; `log_id` is "" for live samples."""

    day: str
    meter: str
    log_id: str
    granularity: str
    first_seq: int
    last_seq: int
    frames: int
    samples: int
    withheld: int


def as_words(line: DepartureLine) -> str:
    """Say a line of it."""
    head = f"{line.day} {line.meter}, {line.granularity}:"
    if not line.log_id:
        return f"{head} {line.samples:,} live samples"
    return (
        f"{head} {line.samples:,} samples left and {line.withheld:,} were held back, of rows "
        f"{line.first_seq:,} to {line.last_seq:,} (log {line.log_id[:8]}), "
        f"in {line.frames:,} frames"
    )


class LeftTotals(NamedTuple):
    """What left on one day, of all meters."""

    samples: int
    live: int
    withheld: int


def read_departures(db: sqlite3.Connection, since_utc_day: int = 0) -> list[DepartureLine]:
    """Read everything there is since a day, oldest first."""
    if not _has_table(db):
        return []
    return [
        DepartureLine(*row)
        for row in db.execute(
            "SELECT date(utc_day * 86400, 'unixepoch'), departures.meter, "
            "coalesce(lower(hex(log_id)), ''), granularity, first_seq, last_seq, frames, samples, "
            "withheld FROM departures LEFT JOIN logs USING (log) WHERE utc_day >= ? "
            "ORDER BY utc_day, departures.meter, log, granularity",
            (since_utc_day,),
        )
    ]


def read_departures_beside(path: Path, since_utc_day: int) -> list[DepartureLine]:
    """Read the same of a hub that runs, on a connection of its own; to be called in a thread."""
    with contextlib.closing(open_reader(path)) as reader:
        return read_departures(reader, since_utc_day)


def read_totals(db: sqlite3.Connection, utc_day: int) -> LeftTotals:
    """Add up one day, of what has been written."""
    if not _has_table(db):
        return LeftTotals(0, 0, 0)
    row: Sequence[int] = db.execute(
        "SELECT coalesce(sum(samples) FILTER (WHERE log != ?1), 0), "
        "coalesce(sum(samples) FILTER (WHERE log = ?1), 0), coalesce(sum(withheld), 0) "
        "FROM departures WHERE utc_day = ?2",
        (LIVE_LOG, utc_day),
    ).fetchone()
    return LeftTotals(*row)


def _has_table(db: sqlite3.Connection) -> bool:
    """Tell whether the hub has begun to keep the record: a command may come before it does."""
    found = db.execute("SELECT count(*) FROM sqlite_master WHERE name = 'departures'").fetchone()
    return bool(found[0])
