"""Tariffs by meter, with a revision that rises at every change. Commits nothing."""

from sqlalchemy import Connection, func, select

from cloud.db import within
from cloud.households.repository import lock_household
from cloud.moneytables import tariffs
from cloud.scope import Scope
from cloud.tables import logs
from cloud.tariffs.shadow import KeptTariff
from cloud.writes import upsert
from shared.tariffs import Tariff, decode_tariff, encode_tariff


def read_tariff(connection: Connection, scope: Scope, meter: str) -> KeptTariff | None:
    """Read a meter's tariff; None where it has none."""
    query = select(tariffs.c.revision, tariffs.c.tariff).where(
        within(tariffs, scope), tariffs.c.meter == meter
    )
    row = connection.execute(query).one_or_none()
    return None if row is None else KeptTariff(meter, row.revision, decode_tariff(row.tariff))


def put_tariff(
    connection: Connection, scope: Scope, meter: str, tariff: Tariff, now_ms: int
) -> KeptTariff:
    """Put a meter's tariff in place of what it had."""
    lock_household(connection, scope)
    newest = connection.execute(
        select(func.max(tariffs.c.revision)).where(within(tariffs, scope))
    ).scalar_one()
    revision = (newest or 0) + 1
    row = {
        "household_id": scope.only,
        "meter": meter,
        "revision": revision,
        "tariff": encode_tariff(tariff),
        "changed_at_ms": now_ms,
    }
    upsert(
        connection,
        tariffs,
        [row],
        keys=("household_id", "meter"),
        replace=("revision", "tariff", "changed_at_ms"),
    )
    return KeptTariff(meter, revision, tariff)


def tariffs_of_hub(connection: Connection, scope: Scope, thing: str) -> list[KeptTariff]:
    """List the tariffs of the meters whose logs a hub holds."""
    held = select(logs.c.meter).where(within(logs, scope), logs.c.thing == thing)
    query = (
        select(tariffs.c.meter, tariffs.c.revision, tariffs.c.tariff)
        .where(within(tariffs, scope), tariffs.c.meter.in_(held))
        .order_by(tariffs.c.meter)
    )
    rows = connection.execute(query)
    return [KeptTariff(row.meter, row.revision, decode_tariff(row.tariff)) for row in rows]


def hubs_of_meter(connection: Connection, scope: Scope, meter: str) -> list[str]:
    """List the hubs that hold a log of a meter."""
    query = (
        select(logs.c.thing)
        .where(within(logs, scope), logs.c.meter == meter)
        .distinct()
        .order_by(logs.c.thing)
    )
    return list(connection.execute(query).scalars())
