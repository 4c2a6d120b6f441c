"""Imported history: what each import said of a meter's slots. Commits nothing.

It lies in tables of its own, so that no reading of a hub ever mixes with it and each import can be
undone. Where imports differ the latest holds.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, delete, func, insert, select

from cloud.db import upsert, within
from cloud.scope import Scope
from cloud.tables import imported_days, imports
from shared.meterdays import SlotUsage
from shared.units import SLOTS_PER_UTC_DAY

_ONCE = ("household_id", "meter", "quantity", "digest")


class Import(NamedTuple):
    """One import: where it is from and what it covers, `[first_slot, last_slot]`.

    `quantity` names its unit; `rejected_count` rows of its file were left out.
    """

    import_id: str
    meter: str
    quantity: str
    format: str
    digest: bytes
    first_slot: int
    last_slot: int
    slot_count: int
    amount: int
    rejected_count: int
    created_at_ms: int


_COLUMNS = [imports.c[name] for name in Import._fields]


def imported_slots(
    connection: Connection, scope: Scope, meter: str, slots: tuple[int, int]
) -> dict[str, dict[int, SlotUsage]]:
    """Read what was imported, by quantity, for the UTC days of the slots `[start, end)`."""
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
    for quantity, utc_day, packed in connection.execute(query):
        found.setdefault(quantity, {}).update(unpack_slots(packed, utc_day))
    return found


def keep_import(
    connection: Connection, scope: Scope, made: Import, by_slot: Mapping[int, SlotUsage]
) -> Import:
    """Keep an import, or return the one that said the very same before."""
    row = {"household_id": scope.only, **made._asdict()}
    upsert(connection, imports, [row], keys=_ONCE)
    kept = find_by_digest(connection, scope, made)
    if kept.import_id == made.import_id:
        connection.execute(insert(imported_days), _day_rows(scope.only, made, by_slot))
    return kept


def find_by_digest(connection: Connection, scope: Scope, like: Import) -> Import:
    """Find the import that says the same of the same meter; raises where there is none."""
    query = select(*_COLUMNS).where(
        within(imports, scope),
        imports.c.meter == like.meter,
        imports.c.quantity == like.quantity,
        imports.c.digest == like.digest,
    )
    return Import(*connection.execute(query).one())


def list_imports(connection: Connection, scope: Scope, meter: str | None) -> list[Import]:
    """List the household's imports, the latest first."""
    query = select(*_COLUMNS).where(within(imports, scope))
    if meter is not None:
        query = query.where(imports.c.meter == meter)
    query = query.order_by(imports.c.created_at_ms.desc(), imports.c.import_id.desc())
    return [Import(*row) for row in connection.execute(query)]


def count_imports(connection: Connection, scope: Scope) -> int:
    """Count the household's imports."""
    query = select(func.count()).select_from(imports).where(within(imports, scope))
    return int(connection.execute(query).scalar_one())


def find_import(connection: Connection, scope: Scope, import_id: str) -> Import | None:
    """Find an import by its id; None where there is none."""
    query = select(*_COLUMNS).where(within(imports, scope), imports.c.import_id == import_id)
    row = connection.execute(query).one_or_none()
    return None if row is None else Import(*row)


def undo_import(connection: Connection, scope: Scope, import_id: str) -> bool:
    """Take an import away; what earlier ones said holds again. False where there is none."""
    for table in (imported_days, imports):
        gone = connection.execute(
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
