"""The reading store on SQL: frames, register runs and meter-days. Commits nothing."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, and_, bindparam, delete, func, select

from cloud import tables
from cloud.db import owned
from cloud.given import given_rows, write_rows
from cloud.packing import NO_SLOTS, pack_slots, unpack_slots
from cloud.readings.store import Change, RunKey, StoredFrame
from cloud.scope import Scope
from cloud.tables import STRETCH_DAYS
from cloud.tails import extend
from cloud.writes import insert_many, update_many, upsert
from shared.calendar import utc_day_of_slot
from shared.meterdays import SlotEdges, split_by_day
from shared.ranges import Range, union
from shared.units import SLOTS_PER_UTC_DAY

_frames = tables.frames
_days = tables.meter_days
_runs = tables.register_runs
_meters = tables.meters

FRAME_COLUMNS = [_frames.c[name] for name in StoredFrame._fields]
# Of every batch: built once, since building one takes longer than the database takes over it.
RUN_COLUMNS = [
    _runs.c[name] for name in ("run_id", "register", "run", "modulus", "open_stretch", "open_edges")
]
_READ_RUNS = select(*RUN_COLUMNS).where(owned(_runs), _runs.c.meter == bindparam("of_meter"))
_OF_RUN = and_(owned(_days), _days.c.run_id == bindparam("of_run"))
_BEFORE = select(func.max(_days.c.stretch)).where(_OF_RUN, _days.c.stretch < bindparam("first"))
_AFTER = select(func.min(_days.c.stretch)).where(_OF_RUN, _days.c.stretch > bindparam("last"))
_READ_STRETCHES = select(_days.c.edges).where(
    _OF_RUN,
    _days.c.stretch >= func.coalesce(_BEFORE.scalar_subquery(), bindparam("first")),
    _days.c.stretch <= func.coalesce(_AFTER.scalar_subquery(), bindparam("last")),
)
_READ_STRETCH = select(_days.c.edges).where(_OF_RUN, _days.c.stretch == bindparam("of_stretch"))
_REMOVE_STRETCH = delete(_days).where(_OF_RUN, _days.c.stretch == bindparam("of_stretch"))
_OF_METER = and_(owned(_meters), _meters.c.meter == bindparam("of_meter"))
_LONGEST = select(func.coalesce(func.max(_meters.c.longest_frame_ms), 0)).where(_OF_METER)
_FRAMES_OF_METER = (
    select(*FRAME_COLUMNS)
    .where(
        owned(_frames),
        _frames.c.meter == bindparam("of_meter"),
        _frames.c.last_taken_at_ms >= bindparam("start_ms"),
        _frames.c.last_taken_at_ms <= bindparam("end_ms") + _LONGEST.scalar_subquery(),
        _frames.c.first_taken_at_ms <= bindparam("end_ms"),
    )
    .order_by(_frames.c.last_taken_at_ms.desc(), _frames.c.first_taken_at_ms.desc())
)
_NEWEST_OF_METER = _FRAMES_OF_METER.limit(bindparam("newest"))

_STRETCH_KEYS = ("run_id", "stretch")
_RUN_KEYS = ("household_id", "meter", "register", "run")


class Run(NamedTuple):
    """A register run as it is stored; the open stretch is newer than any that is laid down."""

    run_id: int
    key: RunKey
    modulus: int
    open_stretch: int | None
    open_edges: bytes | None

    @property
    def has_edges(self) -> bool:
        """Tell whether anything is known of the open stretch."""
        return self.open_edges is not None and self.open_edges != NO_SLOTS


class Laid(NamedTuple):
    """A stretch that is not a run's newest, as its row has it."""

    run_id: int
    stretch: int
    edges: bytes


class SqlReadingStore:
    """The `ReadingStore` port over one SQLAlchemy connection and its open transaction.

    A run's newest days lie open in the run's own row, which is rewritten in place; once newer ones
    are known they are laid down, as narrow as they go, and only what comes late writes to them
    again. A meter's runs are read once: whoever writes has the meter's lock before that.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._read: dict[tuple[Scope, str], list[Run]] = {}
        self._unpacked: dict[bytes, SlotEdges] = {}

    def add_frames(self, scope: Scope, frames: Sequence[StoredFrame]) -> None:
        """See `ReadingStore.add_frames`; keeps each meter's first, last and longest in step."""
        if not frames:
            return
        household_id = scope.only
        rows = [{"household_id": household_id, **one._asdict()} for one in frames]
        insert_many(self._connection, _frames, rows)
        self._extend([(household_id, one) for one in frames])

    def frames_of_log(
        self, scope: Scope, log_id: str, ranges: Sequence[Range]
    ) -> list[StoredFrame]:
        """See `ReadingStore.frames_of_log`."""
        if not ranges:
            return []
        asked = write_rows([{"first": first, "last": last} for first, last in union(ranges)])
        given = {**_owners(scope), "of_log": log_id, "rows": asked}
        rows = self._connection.execute(_frames_of_log(self._connection.dialect.name), given)
        # One that reaches over two of the ranges comes with each.
        return [StoredFrame(*row[1:]) for row in {row.frame_id: row for row in rows}.values()]

    def frames_of_meter(
        self, scope: Scope, meter: str, start_ms: int, end_ms: int, newest: int | None = None
    ) -> list[StoredFrame]:
        """See `ReadingStore.frames_of_meter`.

        No frame of the meter spans more than `longest_frame_ms`, which bounds how far past
        `end_ms` one that began before it can end: the index is read over that stretch alone.
        """
        of_meter = {"of_meter": meter, "start_ms": start_ms, "end_ms": end_ms}
        given = {**_owners(scope), **of_meter}
        if newest is None:
            rows = self._connection.execute(_FRAMES_OF_METER, given)
        else:
            rows = self._connection.execute(_NEWEST_OF_METER, {**given, "newest": newest})
        return [StoredFrame(*row) for row in rows]

    def runs(self, scope: Scope, meter: str) -> dict[RunKey, int]:
        """See `ReadingStore.runs`."""
        return {one.key: one.modulus for one in self._runs_of(scope, meter)}

    def days(
        self,
        scope: Scope,
        meter: str,
        key: RunKey,
        first_day: int,
        last_day: int,
        from_slot: int | None = None,
    ) -> dict[int, SlotEdges]:
        """See `ReadingStore.days`."""
        known: SlotEdges = {}
        first, last = first_day // STRETCH_DAYS, last_day // STRETCH_DAYS
        first_slot = first_day * SLOTS_PER_UTC_DAY if from_slot is None else from_slot
        for run in self._runs_of(scope, meter):
            if run.key != key or run.open_stretch is None:
                continue
            open_edges = self._unpack_open(run)
            known.update(open_edges)
            # Nothing is newer than the open stretch: one that knows what was before needs no other.
            if min(open_edges, default=first_slot) >= first_slot:
                known.update(self._read_stretches(scope, run, first, last))
        days = split_by_day(known)
        low = max((day for day in days if day < first_day), default=first_day)
        high = min((day for day in days if day > last_day), default=last_day)
        return {day: edges for day, edges in days.items() if low <= day <= high}

    def extend(
        self, scope: Scope, meter: str, key: RunKey, modulus: int, edges: SlotEdges
    ) -> list[Range] | None:
        """See `ReadingStore.extend`; what lies in a run's open stretch is not unpacked for it."""
        runs = self._runs_of(scope, meter)
        place = next((n for n, one in enumerate(runs) if one.key == key), None)
        if place is None or runs[place].open_edges is None:
            return None
        before = runs[place]
        if utc_day_of_slot(max(edges, default=0)) // STRETCH_DAYS != before.open_stretch:
            return None
        extended = extend(before.open_edges or NO_SLOTS, edges)
        if extended is None:
            return None
        packed, reached = extended
        run = before._replace(modulus=max(before.modulus, modulus), open_edges=packed)
        if run != before:
            runs[place] = run
            self._write_runs([run])
        return reached

    def apply(self, scope: Scope, meter: str, change: Change) -> None:
        """See `ReadingStore.apply`."""
        known = {one.key: one for one in self._runs_of(scope, meter)}
        days: dict[RunKey, dict[int, SlotEdges]] = {}
        for (key, utc_day), edges in change.days.items():
            days.setdefault(key, {})[utc_day] = edges
        keys = change.runs.keys() | days.keys()
        if new := keys - known.keys():
            self._settle()
            self._begin(scope, meter, sorted(new))
            del self._read[scope, meter]
            known = {one.key: one for one in self._runs_of(scope, meter)}
        runs: list[Run] = []
        laid: list[Laid] = []
        for key in sorted(keys):
            before = known[key]
            modulus = max(before.modulus, change.runs.get(key, 0))
            run = before._replace(modulus=modulus)
            for stretch, in_stretch in sorted(_by_stretch(days.get(key, {})).items()):
                run = self._take(scope, run, stretch, in_stretch, laid)
            if run != before:
                runs.append(run)
                known[key] = run
        self._read[scope, meter] = list(known.values())
        self._write_runs(runs)
        self._write_laid(scope, laid)

    def _take(
        self,
        scope: Scope,
        run: Run,
        stretch: int,
        days: Mapping[int, SlotEdges],
        laid: list[Laid],
    ) -> Run:
        """Take days of one stretch into a run, and lay down what is not its newest.

        An open stretch that has lost its edges stays open and empty, so that it stays the newest.
        """
        if run.open_stretch is not None and stretch < run.open_stretch:
            found = self._read_stretch(scope, run, stretch)
            edges = {} if found is None else unpack_slots(found)
            laid.append(Laid(run.run_id, stretch, _replaced(edges, days)))
            return run
        if stretch == run.open_stretch:
            return run._replace(open_edges=_replaced(self._unpack_open(run), days))
        packed = _replaced({}, days)
        if packed == NO_SLOTS:
            return run
        if run.open_stretch is not None and run.open_edges is not None and run.has_edges:
            laid.append(Laid(run.run_id, run.open_stretch, pack_slots(self._unpack_open(run))))
        return run._replace(open_stretch=stretch, open_edges=packed)

    def _runs_of(self, scope: Scope, meter: str) -> list[Run]:
        if (scope, meter) not in self._read:
            rows = self._connection.execute(_READ_RUNS, {**_owners(scope), "of_meter": meter})
            self._read[scope, meter] = [run_of(one) for one in rows]
        return self._read[scope, meter]

    def _unpack_open(self, run: Run) -> SlotEdges:
        """Unpack what is open of a run, once for reading it and for writing over it."""
        if run.open_edges is None:
            return {}
        if run.open_edges not in self._unpacked:
            self._unpacked[run.open_edges] = unpack_slots(run.open_edges)
        return self._unpacked[run.open_edges]

    def _read_stretches(self, scope: Scope, run: Run, first: int, last: int) -> SlotEdges:
        """Read what is laid down of a run over a span of stretches, and the nearest beside it."""
        known: SlotEdges = {}
        asked = {**_owners(scope), "of_run": run.run_id, "first": first, "last": last}
        for (edges,) in self._connection.execute(_READ_STRETCHES, asked):
            known.update(unpack_slots(edges))
        return known

    def _read_stretch(self, scope: Scope, run: Run, stretch: int) -> bytes | None:
        asked = {**_owners(scope), "of_run": run.run_id, "of_stretch": stretch}
        found: bytes | None = self._connection.execute(_READ_STRETCH, asked).scalar_one_or_none()
        return found

    def _settle(self) -> None:
        """Have in their rows all runs that were changed, before rows of runs are read again."""

    def _begin(self, scope: Scope, meter: str, keys: Sequence[RunKey]) -> None:
        owner = {"household_id": scope.only, "meter": meter, "modulus": 0}
        rows = [{**owner, **key._asdict()} for key in keys]
        upsert(self._connection, _runs, rows, keys=_RUN_KEYS)

    def _write_runs(self, runs: Sequence[Run]) -> None:
        rows = [
            {
                "run_id": one.run_id,
                "modulus": one.modulus,
                "open_stretch": one.open_stretch,
                "open_edges": one.open_edges,
            }
            for one in runs
        ]
        update_many(self._connection, _runs, rows, key="run_id")

    def _write_laid(self, scope: Scope, laid: Sequence[Laid]) -> None:
        """Write stretches that are no run's newest; those without edges go."""
        owner = {"household_id": scope.only}
        rows = [{**owner, **one._asdict()} for one in laid if one.edges != NO_SLOTS]
        upsert(self._connection, _days, rows, keys=_STRETCH_KEYS, replace=("edges",))
        for one in laid:
            if one.edges == NO_SLOTS:
                gone = {**_owners(scope), "of_run": one.run_id, "of_stretch": one.stretch}
                self._connection.execute(_REMOVE_STRETCH, gone)

    def _extend(self, added: Sequence[tuple[str, StoredFrame]]) -> None:
        """Keep what is said of meters in step with frames of theirs, by household."""
        spans: dict[tuple[str, str], list[tuple[int, int]]] = {}
        for household_id, one in added:
            of_meter = spans.setdefault((household_id, one.meter), [])
            if one.first_taken_at_ms is not None and one.last_taken_at_ms is not None:
                of_meter.append((one.first_taken_at_ms, one.last_taken_at_ms))
        rows = [
            {
                "household_id": household_id,
                "meter": meter,
                "medium": "",
                "first_taken_at_ms": min((start for start, _ in timed), default=None),
                "last_taken_at_ms": max((end for _, end in timed), default=None),
                "longest_frame_ms": max((end - start for start, end in timed), default=0),
            }
            for (household_id, meter), timed in sorted(spans.items())
        ]
        upsert(
            self._connection,
            _meters,
            rows,
            keys=("household_id", "meter"),
            least=("first_taken_at_ms",),
            greatest=("last_taken_at_ms", "longest_frame_ms"),
        )


def run_of(row: Sequence[Any]) -> Run:
    """Make a run of a row of `RUN_COLUMNS`."""
    return Run(row[0], RunKey(row[1], row[2]), row[3], row[4], row[5])


@cache
def _frames_of_log(dialect: str) -> Select[Any]:
    given = given_rows(dialect, {"first": int, "last": int})
    shares_a_place = and_(_frames.c.last_seq >= given.c.first, _frames.c.first_seq <= given.c.last)
    return (
        select(_frames.c.frame_id, *FRAME_COLUMNS)
        .join_from(given, _frames, shares_a_place)
        .where(owned(_frames), _frames.c.log_id == bindparam("of_log"))
    )


def _owners(scope: Scope) -> dict[str, Any]:
    return {"households": sorted(scope.household_ids)}


def _by_stretch(days: Mapping[int, SlotEdges]) -> dict[int, dict[int, SlotEdges]]:
    stretches: dict[int, dict[int, SlotEdges]] = {}
    for utc_day, edges in days.items():
        stretches.setdefault(utc_day // STRETCH_DAYS, {})[utc_day] = edges
    return stretches


def _replaced(known: SlotEdges, days: Mapping[int, SlotEdges]) -> bytes:
    """Put whole days in the place of what a stretch knows of them, and pack it."""
    edges = {slot: one for slot, one in known.items() if utc_day_of_slot(slot) not in days}
    for in_day in days.values():
        edges.update(in_day)
    return pack_slots(edges)
