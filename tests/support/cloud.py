"""What tests of the cloud share: a configuration, frames of a steady meter, a store in memory."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from sqlalchemy import select

from cloud.bootstrap import open_database
from cloud.config import Config, load
from cloud.db import Database
from cloud.packing import unpack_slots
from cloud.readings.store import Change, RunKey, StoredFrame
from cloud.scope import Scope
from cloud.tables import meter_days, register_runs
from shared.clock import DrivenClock
from shared.frames import Frame, encode_frame, frame_of
from shared.meterdays import SlotEdges, join_into, split_by_day
from shared.ranges import Range
from shared.readings import StampedSample
from tests.support.stores import begin, url_for

TOKEN = "token-of-the-tests-only"
HEADERS = {"Authorization": f"Bearer {TOKEN}"}
LOG_ID = bytes(range(16))
METER = "M1"
START_MS = 1_772_323_200_000
"""2026-03-01T00:00:00Z, a half hour's boundary and in winter time."""


def config_in(directory: Path, **overrides: object) -> Config:
    """Load a configuration whose migrated database lies in `directory`, or on PostgreSQL."""
    settings: dict[str, object] = {
        "state_dir": directory,
        "database_url": url_for(directory),
        "api_token": TOKEN,
        **overrides,
    }
    if not settings["database_url"]:
        begin(directory)
    environment = {f"HEARTHLINK_CLOUD_{key.upper()}": str(value) for key, value in settings.items()}
    return load(None, environment=environment)


def database_in(directory: Path, now_ms: int = START_MS) -> Database:
    """Open a migrated database in `directory`, or on PostgreSQL where chosen."""
    return open_database(config_in(directory), DrivenClock(now_ms))


def samples_of(
    first_seq: int,
    count: int,
    *,
    start_ms: int = START_MS,
    every_ms: int = 10_000,
    register: str = "import_mwh",
    value: int = 1_000_000,
    rise: int = 1_000,
) -> list[StampedSample]:
    """Make samples of a meter that counts steadily: sequence n is n steps after the start."""
    return [
        StampedSample(seq, start_ms + seq * every_ms, {register: value + seq * rise})
        for seq in range(first_seq, first_seq + count)
    ]


def frame_at(
    samples: Sequence[StampedSample],
    *,
    revision: int = 0,
    log_id: bytes = LOG_ID,
    meter: str = METER,
    runs: Mapping[str, tuple[str, int]] | None = None,
) -> Frame:
    """Frame samples of the tests' one log."""
    return frame_of(log_id, meter, revision, samples, runs=dict(runs or {}))


def payload_of(samples: Sequence[StampedSample], **options: object) -> bytes:
    """Encode a frame of samples; options as `frame_at`."""
    return encode_frame(frame_at(samples, **options))  # type: ignore[arg-type]


def stored_days(database: Database) -> dict[int, SlotEdges]:
    """Read every meter-day that is kept, whatever it is of: laid down or still open."""
    queries = (
        select(meter_days.c.edges),
        select(register_runs.c.open_edges).where(register_runs.c.open_edges.is_not(None)),
    )
    days: dict[int, SlotEdges] = {}
    with database.reading() as connection:
        for (packed,) in (row for query in queries for row in connection.execute(query)):
            for utc_day, edges in split_by_day(unpack_slots(packed)).items():
                join_into(days.setdefault(utc_day, {}), edges)
    return days


class MemoryReadingStore:
    """The `ReadingStore` port in dictionaries, held to the same contract as the SQL one."""

    def __init__(self) -> None:
        self.kept: list[tuple[str, StoredFrame]] = []
        self.modulus: dict[tuple[str, str, RunKey], int] = {}
        self.edges: dict[tuple[str, str, RunKey, int], SlotEdges] = {}

    def add_frames(self, scope: Scope, frames: Sequence[StoredFrame]) -> None:
        """Keep frames."""
        self.kept += [(scope.only, one) for one in frames]

    def frames_of_log(
        self, scope: Scope, log_id: str, ranges: Sequence[Range]
    ) -> list[StoredFrame]:
        """List a log's frames that share a place with a range."""
        return [
            one
            for household_id, one in self.kept
            if household_id in scope.household_ids
            and one.log_id == log_id
            and any(one.first_seq <= last and first <= one.last_seq for first, last in ranges)
        ]

    def frames_of_meter(
        self, scope: Scope, meter: str, start_ms: int, end_ms: int, newest: int | None = None
    ) -> list[StoredFrame]:
        """List a meter's frames with samples in the span, the latest ending first."""
        found = [
            one
            for household_id, one in self.kept
            if household_id in scope.household_ids
            and one.meter == meter
            and one.first_taken_at_ms is not None
            and one.last_taken_at_ms is not None
            and one.first_taken_at_ms <= end_ms
            and start_ms <= one.last_taken_at_ms
        ]
        found.sort(key=lambda one: (one.last_taken_at_ms, one.first_taken_at_ms), reverse=True)
        return found[:newest]

    def runs(self, scope: Scope, meter: str) -> dict[RunKey, int]:
        """List a meter's runs."""
        return {
            key: modulus
            for (household_id, of_meter, key), modulus in self.modulus.items()
            if household_id in scope.household_ids and of_meter == meter
        }

    def extend(self, scope: Scope, meter: str, key: RunKey, modulus: int, edges: SlotEdges) -> None:
        """Leave it to `days` and `apply`."""
        del scope, meter, key, modulus, edges

    def days(
        self,
        scope: Scope,
        meter: str,
        key: RunKey,
        first_day: int,
        last_day: int,
        from_slot: int | None = None,
    ) -> dict[int, SlotEdges]:
        """Read days and the nearest known neighbour on either side, wherever slots begin."""
        del from_slot
        known = {
            day: edges
            for (household_id, of_meter, of_key, day), edges in self.edges.items()
            if household_id in scope.household_ids and of_meter == meter and of_key == key
        }
        low = max((day for day in known if day < first_day), default=first_day)
        high = min((day for day in known if day > last_day), default=last_day)
        return {day: dict(edges) for day, edges in known.items() if low <= day <= high}

    def apply(self, scope: Scope, meter: str, change: Change) -> None:
        """Write runs and days."""
        for key, modulus in change.runs.items():
            place = (scope.only, meter, key)
            self.modulus[place] = max(modulus, self.modulus.get(place, 0))
        for (key, day), edges in change.days.items():
            if edges:
                self.edges[scope.only, meter, key, day] = dict(edges)
            else:
                self.edges.pop((scope.only, meter, key, day), None)
