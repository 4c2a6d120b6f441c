"""The tariffs that hubs price by: each meter's agreements as an excerpt, or its own tariff."""

from sqlalchemy import Connection, select

from cloud.db import within
from cloud.moneytables import agreements
from cloud.scope import Scope
from cloud.tables import households, logs
from cloud.tariffs.agreements import agreed_tariffs
from cloud.tariffs.repository import tariffs_of_hub
from cloud.tariffs.shadow import KeptTariff
from shared.calendar import check_zone
from shared.tariffs.excerpt import HUB_SLOTS, excerpt
from shared.units import SLOT_MS

READ_SLOTS = 2 * HUB_SLOTS
"""The excerpt begins at local midnight, at most a day and an hour ago."""


def hub_tariffs(connection: Connection, scope: Scope, thing: str, now_ms: int) -> list[KeptTariff]:
    """List the tariffs of the meters whose logs a hub holds, as it is to hear them now."""
    kept = {one.meter: one for one in tariffs_of_hub(connection, scope, thing)}
    held = select(logs.c.meter).where(within(logs, scope), logs.c.thing == thing)
    rows = connection.execute(
        select(agreements.c.meter, agreements.c.revision, households.c.zone)
        .join(households, households.c.household_id == agreements.c.household_id)
        .where(within(agreements, scope), agreements.c.meter.in_(held))
    ).all()
    slot = now_ms // SLOT_MS
    for meter, revision, zone in rows:
        agreed = agreed_tariffs(connection, scope, meter, (slot - HUB_SLOTS, slot + READ_SLOTS))
        own = kept.pop(meter, None)
        tariff = excerpt(agreed, now_ms, check_zone(zone))
        if tariff is not None:
            kept[meter] = KeptTariff(meter, revision + (own.revision if own else 0), tariff)
    return [kept[meter] for meter in sorted(kept)]
