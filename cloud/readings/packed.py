"""A meter's stretches of days as they lie in the store, packed: for who need not unpack them.

Beside `SqlReadingStore` the only place that knows that a run's newest days lie in the run's own
row. Asked for several households at once, each is asked for under its own name alone
(`Database.ask_each`). Commits nothing.
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, and_, bindparam, case, select, union_all

from cloud.db import Database
from cloud.packing import NO_SLOTS
from cloud.readings.store import RunKey
from cloud.scope import Scope
from cloud.tables import STRETCH_DAYS, meter_days, register_runs

Packed = dict[RunKey, list[bytes]]
"""Packed stretches of each of a meter's runs, in order of time; of a run there may be none."""

_runs, _days = register_runs.c, meter_days.c
_OF_METER = and_(
    _runs.household_id == bindparam("of_household"), _runs.meter == bindparam("of_meter")
)
_IS_OPEN = _runs.open_stretch.between(bindparam("first"), bindparam("last"))
_OPEN = select(
    _runs.register,
    _runs.run,
    _runs.open_stretch.label("stretch"),
    case((_IS_OPEN, _runs.open_edges), else_=None).label("edges"),
).where(_OF_METER)
_LAID = (
    select(_runs.register, _runs.run, _days.stretch, _days.edges)
    .join_from(
        register_runs,
        meter_days,
        and_(_days.run_id == _runs.run_id, _days.household_id == _runs.household_id),
    )
    .where(_OF_METER, _days.stretch.between(bindparam("first"), bindparam("last")))
)
# Of every question about usage: built once.
_READ = union_all(_OPEN, _LAID)


class Stretches(NamedTuple):
    """UTC days of a household's meter, both ends included; what lies beside them comes too."""

    household_id: str
    meter: str
    first_day: int
    last_day: int


def read_packed(
    database: Database, connection: Connection, asked: Sequence[Stretches]
) -> list[Packed]:
    """Read what lies of each of these; afterwards only the last one's household is seen."""
    if not asked:
        return []
    each = [(Scope.of(one.household_id), _given(one)) for one in asked]
    return [_packed(rows) for rows in database.ask_each(connection, _READ, each)]


def _given(asked: Stretches) -> dict[str, Any]:
    return {
        "of_household": asked.household_id,
        "of_meter": asked.meter,
        "first": asked.first_day // STRETCH_DAYS,
        "last": asked.last_day // STRETCH_DAYS,
    }


def _packed(rows: Iterable[Sequence[Any]]) -> Packed:
    found: dict[RunKey, dict[int, bytes]] = {}
    key, in_run = RunKey("", ""), dict[int, bytes]()
    for register, run, stretch, edges in rows:
        if (register, run) != key:
            key = RunKey(register, run)
            in_run = found.setdefault(key, {})
        if edges is not None and edges != NO_SLOTS:
            in_run[stretch] = edges
    return {key: [one for _, one in sorted(in_run.items())] for key, in_run in found.items()}
