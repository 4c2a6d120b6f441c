"""The reading store on SQL: frames, register runs and meter-days. Commits nothing."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, bindparam, delete, func, select

from cloud import tables
from cloud.db import insert_many, owned, upsert, within
from cloud.readings.store import Change, RunKey, StoredFrame
from cloud.scope import Scope
from shared.meterdays import SlotEdges, pack_day, unpack_day

_frames = tables.frames
_days = tables.meter_days
_runs = tables.register_runs
_meters = tables.meters

_FRAME_COLUMNS = [_frames.c[name] for name in StoredFrame._fields]
# Of every batch: built once, since building one takes longer than the database takes over it.
_OF_RUN = and_(
    owned(_days),
    _days.c.meter == bindparam("of_meter"),
    _days.c.register == bindparam("of_register"),
    _days.c.run == bindparam("of_run"),
)
_BEFORE = select(func.max(_days.c.utc_day)).where(_OF_RUN, _days.c.utc_day < bindparam("first"))
_AFTER = select(func.min(_days.c.utc_day)).where(_OF_RUN, _days.c.utc_day > bindparam("last"))
_READ_DAYS = select(_days.c.utc_day, _days.c.edges).where(
    _OF_RUN,
    _days.c.utc_day >= func.coalesce(_BEFORE.scalar_subquery(), bindparam("first")),
    _days.c.utc_day <= func.coalesce(_AFTER.scalar_subquery(), bindparam("last")),
)
_READ_RUNS = select(_runs.c.register, _runs.c.run, _runs.c.modulus).where(
    owned(_runs), _runs.c.meter == bindparam("of_meter")
)
_FRAMES_OF_LOG = select(*_FRAME_COLUMNS).where(
    owned(_frames),
    _frames.c.log_id == bindparam("of_log"),
    _frames.c.last_seq >= bindparam("first"),
    _frames.c.first_seq <= bindparam("last"),
)
_OF_METER = and_(owned(_meters), _meters.c.meter == bindparam("of_meter"))
_LONGEST = select(func.coalesce(func.max(_meters.c.longest_frame_ms), 0)).where(_OF_METER)
_FRAMES_OF_METER = (
    select(*_FRAME_COLUMNS)
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

_DAY_KEYS = ("household_id", "meter", "register", "run", "utc_day")
_RUN_KEYS = ("household_id", "meter", "register", "run")


class SqlReadingStore:
    """The `ReadingStore` port over one SQLAlchemy connection and its open transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add_frames(self, scope: Scope, frames: Sequence[StoredFrame]) -> None:
        """See `ReadingStore.add_frames`; keeps each meter's first, last and longest in step."""
        if not frames:
            return
        household_id = scope.only
        rows = [{"household_id": household_id, **one._asdict()} for one in frames]
        insert_many(self._connection, _frames, rows)
        for meter in sorted({one.meter for one in frames}):
            self._extend(household_id, meter, [one for one in frames if one.meter == meter])

    def frames_of_log(
        self, scope: Scope, log_id: str, first_seq: int, last_seq: int
    ) -> list[StoredFrame]:
        """See `ReadingStore.frames_of_log`."""
        of_log = {"of_log": log_id, "first": first_seq, "last": last_seq}
        rows = self._connection.execute(_FRAMES_OF_LOG, {**_owners(scope), **of_log})
        return [StoredFrame(*row) for row in rows]

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
        rows = self._connection.execute(_READ_RUNS, {**_owners(scope), "of_meter": meter})
        return {RunKey(register, run): modulus for register, run, modulus in rows}

    def days(
        self, scope: Scope, meter: str, key: RunKey, first_day: int, last_day: int
    ) -> dict[int, SlotEdges]:
        """See `ReadingStore.days`."""
        of_run = {"of_meter": meter, "of_register": key.register, "of_run": key.run}
        rows = self._connection.execute(
            _READ_DAYS, {**_owners(scope), **of_run, "first": first_day, "last": last_day}
        )
        return {utc_day: unpack_day(edges, utc_day) for utc_day, edges in rows}

    def apply(self, scope: Scope, meter: str, change: Change) -> None:
        """See `ReadingStore.apply`."""
        owner = {"household_id": scope.only, "meter": meter}
        known = self.runs(scope, meter)
        upsert(
            self._connection,
            _runs,
            [
                {**owner, **key._asdict(), "modulus": modulus}
                for key, modulus in change.runs.items()
                if key not in known or known[key] < modulus
            ],
            keys=_RUN_KEYS,
            replace=("modulus",),
        )
        rows: list[dict[str, Any]] = []
        for (key, utc_day), edges in change.days.items():
            if edges:
                packed = pack_day(edges)
                rows.append({**owner, **key._asdict(), "utc_day": utc_day, "edges": packed})
            else:
                of_run = self._of_run(scope, meter, key)
                self._connection.execute(delete(_days).where(of_run, _days.c.utc_day == utc_day))
        upsert(self._connection, _days, rows, keys=_DAY_KEYS, replace=("edges",))

    def _of_run(self, scope: Scope, meter: str, key: RunKey) -> ColumnElement[bool]:
        return and_(
            within(_days, scope),
            _days.c.meter == meter,
            _days.c.register == key.register,
            _days.c.run == key.run,
        )

    def _extend(self, household_id: str, meter: str, frames: Sequence[StoredFrame]) -> None:
        timed = [
            (one.first_taken_at_ms, one.last_taken_at_ms)
            for one in frames
            if one.first_taken_at_ms is not None and one.last_taken_at_ms is not None
        ]
        row = {
            "household_id": household_id,
            "meter": meter,
            "medium": "",
            "first_taken_at_ms": min((start for start, _ in timed), default=None),
            "last_taken_at_ms": max((end for _, end in timed), default=None),
            "longest_frame_ms": max((end - start for start, end in timed), default=0),
        }
        upsert(
            self._connection,
            _meters,
            [row],
            keys=("household_id", "meter"),
            least=("first_taken_at_ms",),
            greatest=("last_taken_at_ms", "longest_frame_ms"),
        )


def _owners(scope: Scope) -> dict[str, Any]:
    return {"households": sorted(scope.household_ids)}
