"""The reading store of a batch of several hubs: reads ahead at once, writes at once at its end.

Commits nothing. What waits to be written of a table is written before that table is read.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Connection, Select, and_, select

from cloud.given import given_rows, write_rows
from cloud.readings.repository import FRAME_COLUMNS, RUN_COLUMNS, Laid, Run, SqlReadingStore, run_of
from cloud.readings.store import StoredFrame
from cloud.scope import Scope
from cloud.tables import frames, register_runs
from cloud.writes import insert_many
from shared.meterdays import SlotEdges
from shared.ranges import Range, contains, union

OfLog = tuple[str, str]
"""A household, and the id of a log of its in hex."""


class GatheredReadingStore(SqlReadingStore):
    """`ReadingStore` for those who call `write` before the commit."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self._frames: list[tuple[str, StoredFrame]] = []
        self._runs: dict[int, Run] = {}
        self._laid: dict[tuple[int, int], tuple[Scope, Laid]] = {}
        self._ahead: dict[OfLog, tuple[list[Range], list[StoredFrame]]] = {}

    def read_ahead(self, meters: Iterable[tuple[str, str]]) -> None:
        """Read the runs of meters, by (household, meter), whose locks this transaction holds."""
        wanted = sorted(set(meters))
        asked = [{"household_id": household, "meter": meter} for household, meter in wanted]
        if not asked:
            return
        found: dict[tuple[str, str], list[Run]] = {one: [] for one in wanted}
        query = _runs_of_meters(self._connection.dialect.name)
        for household, meter, *run in self._connection.execute(query, {"rows": write_rows(asked)}):
            found[household, meter].append(run_of(run))
        for (household, meter), runs in found.items():
            self._read[Scope.of(household), meter] = runs

    def read_frames_ahead(self, asked: Mapping[OfLog, Sequence[Range]]) -> None:
        """Read what is stored of these ranges, by (household, log), of hubs whose locks are held.

        It holds until frames of the log are written.
        """
        wanted = {one: union(ranges) for one, ranges in asked.items() if ranges}
        rows = [
            {"household_id": household, "log_id": log_id, "first": first, "last": last}
            for (household, log_id), ranges in sorted(wanted.items())
            for first, last in ranges
        ]
        if not rows:
            return
        query = _frames_of_logs(self._connection.dialect.name)
        found: dict[OfLog, dict[int, StoredFrame]] = {one: {} for one in wanted}
        for household, frame_id, *frame in self._connection.execute(
            query, {"rows": write_rows(rows)}
        ):
            # One that reaches over two of the ranges comes with each.
            one = StoredFrame(*frame)
            found[household, one.log_id][frame_id] = one
        for of_log, by_id in found.items():
            self._ahead[of_log] = (wanted[of_log], list(by_id.values()))

    def write(self) -> None:
        """Write all that waits."""
        self._write_frames()
        self._settle()
        self._write_stretches()

    def add_frames(self, scope: Scope, frames: Sequence[StoredFrame]) -> None:
        """See `ReadingStore.add_frames`."""
        self._frames += [(scope.only, one) for one in frames]

    def frames_of_log(
        self, scope: Scope, log_id: str, ranges: Sequence[Range]
    ) -> list[StoredFrame]:
        """See `ReadingStore.frames_of_log`."""
        if any(one.log_id == log_id for _, one in self._frames):
            self._write_frames()
        known, found = self._ahead.get((scope.only, log_id), ([], []))
        if any(not contains(known, *one) for one in ranges):
            return super().frames_of_log(scope, log_id, ranges)
        return [
            one
            for one in found
            if any(one.first_seq <= last and first <= one.last_seq for first, last in ranges)
        ]

    def frames_of_meter(
        self, scope: Scope, meter: str, start_ms: int, end_ms: int, newest: int | None = None
    ) -> list[StoredFrame]:
        """See `ReadingStore.frames_of_meter`."""
        if any(one.meter == meter for _, one in self._frames):
            self._write_frames()
        return super().frames_of_meter(scope, meter, start_ms, end_ms, newest)

    def _read_stretches(self, scope: Scope, run: Run, first: int, last: int) -> SlotEdges:
        self._write_stretches()
        return super()._read_stretches(scope, run, first, last)

    def _read_stretch(self, scope: Scope, run: Run, stretch: int) -> bytes | None:
        self._write_stretches()
        return super()._read_stretch(scope, run, stretch)

    def _settle(self) -> None:
        super()._write_runs(list(self._runs.values()))
        self._runs = {}

    def _write_runs(self, runs: Sequence[Run]) -> None:
        self._runs.update((one.run_id, one) for one in runs)

    def _write_laid(self, scope: Scope, laid: Sequence[Laid]) -> None:
        self._laid.update(((one.run_id, one.stretch), (scope, one)) for one in laid)

    def _write_stretches(self) -> None:
        by_scope: dict[Scope, list[Laid]] = {}
        for scope, one in self._laid.values():
            by_scope.setdefault(scope, []).append(one)
        self._laid = {}
        for scope, laid in by_scope.items():
            super()._write_laid(scope, laid)

    def _write_frames(self) -> None:
        if not self._frames:
            return
        added, self._frames = self._frames, []
        self._ahead = {}
        rows = [{"household_id": household, **one._asdict()} for household, one in added]
        insert_many(self._connection, frames, rows)
        self._extend(added)


@cache
def _frames_of_logs(dialect: str) -> Select[Any]:
    given = given_rows(dialect, {"household_id": str, "log_id": str, "first": int, "last": int})
    shares_a_place = and_(
        frames.c.household_id == given.c.household_id,
        frames.c.log_id == given.c.log_id,
        frames.c.last_seq >= given.c.first,
        frames.c.first_seq <= given.c.last,
    )
    return select(frames.c.household_id, frames.c.frame_id, *FRAME_COLUMNS).join_from(
        given, frames, shares_a_place
    )


@cache
def _runs_of_meters(dialect: str) -> Select[Any]:
    given = given_rows(dialect, {"household_id": str, "meter": str})
    is_of = and_(
        register_runs.c.household_id == given.c.household_id, register_runs.c.meter == given.c.meter
    )
    return select(register_runs.c.household_id, register_runs.c.meter, *RUN_COLUMNS).join_from(
        given, register_runs, is_of
    )
