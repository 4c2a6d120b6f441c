"""Imported history on SQL: what each import said of a meter's slots. Commits nothing.

It lies in tables of its own, so that no reading of a hub ever mixes with it and each import can be
undone.
"""

from collections.abc import Mapping
from typing import Any

import msgspec
from sqlalchemy import Connection, delete, insert, select

from cloud.db import within
from cloud.readings.store import Import
from cloud.scope import Scope
from cloud.tables import imported_days, imports
from cloud.writes import upsert
from shared.meterdays import SlotUsage
from shared.units import SLOTS_PER_UTC_DAY

_ONCE = ("household_id", "meter", "quantity", "digest")
_COLUMNS = [imports.c[name] for name in Import._fields]


class SqlHistory:
    """The `History` port over one SQLAlchemy connection and its open transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def imported(
        self, scope: Scope, meter: str, slots: tuple[int, int]
    ) -> dict[str, dict[int, SlotUsage]]:
        """See `History.imported`."""
        query = (
            select(imported_days.c.quantity, imported_days.c.utc_day, imported_days.c.slots)
            .join(
                imports,
                (imports.c.household_id == imported_days.c.household_id)
                & (imports.c.import_id == imported_days.c.import_id),
            )
            .where(
                within(imported_days, scope),
                imported_days.c.meter == meter,
                imported_days.c.utc_day >= slots[0] // SLOTS_PER_UTC_DAY,
                imported_days.c.utc_day <= max(slots[1] - 1, slots[0]) // SLOTS_PER_UTC_DAY,
            )
            .order_by(imports.c.created_at_ms, imports.c.import_id)
        )
        found: dict[str, dict[int, SlotUsage]] = {}
        for quantity, utc_day, packed in self._connection.execute(query):
            found.setdefault(quantity, {}).update(unpack_slots(packed, utc_day))
        return found

    def imports(self, scope: Scope, meter: str | None = None) -> list[Import]:
        """See `History.imports`."""
        query = select(*_COLUMNS).where(within(imports, scope))
        if meter is not None:
            query = query.where(imports.c.meter == meter)
        query = query.order_by(imports.c.created_at_ms.desc(), imports.c.import_id.desc())
        return [Import(*row) for row in self._connection.execute(query)]

    def find(self, scope: Scope, import_id: str) -> Import | None:
        """See `History.find`."""
        query = select(*_COLUMNS).where(within(imports, scope), imports.c.import_id == import_id)
        row = self._connection.execute(query).one_or_none()
        return None if row is None else Import(*row)

    def keep(self, scope: Scope, made: Import, by_slot: Mapping[int, SlotUsage]) -> Import:
        """See `History.keep`; of two that come at once the first is kept."""
        row = {"household_id": scope.only, **made._asdict()}
        upsert(self._connection, imports, [row], keys=_ONCE)
        query = select(*_COLUMNS).where(
            within(imports, scope),
            imports.c.meter == made.meter,
            imports.c.quantity == made.quantity,
            imports.c.digest == made.digest,
        )
        kept = Import(*self._connection.execute(query).one())
        rows = _day_rows(scope.only, made, by_slot)
        if kept.import_id == made.import_id and rows:
            self._connection.execute(insert(imported_days), rows)
        return kept

    def undo(self, scope: Scope, import_id: str) -> bool:
        """See `History.undo`."""
        for table in (imported_days, imports):
            gone = self._connection.execute(
                delete(table).where(within(table, scope), table.c.import_id == import_id)
            )
        return bool(gone.rowcount)


def pack_slots(by_slot: Mapping[int, SlotUsage]) -> bytes:
    """Pack slots of one UTC day: for each its place in the day, its amount and whether it is sure.

    MessagePack; an amount is followed by 1 where it is an estimate, else by 0.
    """
    rows: list[int] = []
    for slot in sorted(by_slot):
        usage = by_slot[slot]
        rows += (slot % SLOTS_PER_UTC_DAY, usage.amount, int(usage.is_estimated))
    return msgspec.msgpack.encode(rows)


def unpack_slots(packed: bytes, utc_day: int) -> dict[int, SlotUsage]:
    """Unpack what `pack_slots` packed for this UTC day."""
    rows = _decode(packed)
    first = utc_day * SLOTS_PER_UTC_DAY
    return {
        first + rows[place]: SlotUsage(rows[place + 1], bool(rows[place + 2]))
        for place in range(0, len(rows), 3)
    }


_decode = msgspec.msgpack.Decoder(list[int]).decode


def _day_rows(
    household_id: str, made: Import, by_slot: Mapping[int, SlotUsage]
) -> list[dict[str, Any]]:
    days: dict[int, dict[int, SlotUsage]] = {}
    for slot, usage in by_slot.items():
        days.setdefault(slot // SLOTS_PER_UTC_DAY, {})[slot] = usage
    owner = {"household_id": household_id, "meter": made.meter, "quantity": made.quantity}
    return [
        {**owner, "utc_day": day, "import_id": made.import_id, "slots": pack_slots(slots)}
        for day, slots in sorted(days.items())
    ]
