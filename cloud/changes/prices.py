"""Whose costs a change of the catalogue touches: households that agreed on it. Commits nothing."""

from collections.abc import Mapping

import msgspec
from sqlalchemy import Connection, select

from cloud.changes.kinds import Change, ChangeKind, cost_changes
from cloud.changes.repository import note_changes, zone_of
from cloud.moneytables import agreements
from shared.ranges import Range
from shared.tariffs.agreements import Agreement

ROWS_AT_ONCE = 1_000
"""Meters' agreements in memory at once: a few megabytes."""


def note_prices(connection: Connection, changed: Mapping[str, Range | None], now_ms: int) -> None:
    """Note that tariffs of the catalogue changed: their prices in a range of slots, or all (None).

    Reads every agreement there is: a catalogue is imported some times a day at the most.
    """
    if not changed:
        return
    query = select(agreements.c.household_id, agreements.c.meter, agreements.c.agreements)
    by_household: dict[str, list[tuple[str, Range | None]]] = {}
    rows = connection.execute(query, execution_options={"yield_per": ROWS_AT_ONCE})
    for household_id, meter, packed in rows:
        for agreement in msgspec.json.decode(packed, type=list[Agreement]):
            if agreement.tariff_code in changed:
                touched = (meter, changed[agreement.tariff_code])
                by_household.setdefault(household_id, []).append(touched)
    # Locks are taken in one order, whoever else imports.
    for household_id, meters in sorted(by_household.items()):
        zone = zone_of(connection, household_id)
        found: list[Change] = []
        for meter, slots in meters:
            if slots is None:
                found.append(Change(ChangeKind.COST, meter))
            else:
                found += cost_changes(meter, [slots], zone)
        note_changes(connection, household_id, found, now_ms)
