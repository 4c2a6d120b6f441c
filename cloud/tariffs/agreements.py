"""Agreements by meter, with the tariffs they name, and top-ups. Commits nothing."""

import datetime as dt
from typing import NamedTuple

import msgspec
from sqlalchemy import Connection, func, select

from cloud.db import within
from cloud.households.repository import lock_household
from cloud.moneytables import agreements, top_ups
from cloud.scope import Scope
from cloud.tariffs.catalogue import priced_offers, read_offers
from cloud.tariffs.repository import read_tariff
from cloud.writes import upsert
from shared.tariffs.agreements import Agreed, Agreement, decode_agreements

MAX_TOP_UPS = 5_000
"""Thirteen a day for a year."""


class TopUp(NamedTuple):
    """Money paid in, by the id that whoever took it gave it."""

    top_up_id: str
    paid_at_ms: int
    amount_millionths: int


def read_agreements(connection: Connection, scope: Scope, meter: str) -> list[Agreement]:
    """Read a meter's agreements in order of flow and first day; empty where it has none."""
    query = select(agreements.c.agreements).where(
        within(agreements, scope), agreements.c.meter == meter
    )
    packed = connection.execute(query).scalar_one_or_none()
    return [] if packed is None else decode_agreements(packed)


def put_agreements(
    connection: Connection, scope: Scope, meter: str, kept: list[Agreement], now_ms: int
) -> None:
    """Put agreements in place of what the meter had."""
    lock_household(connection, scope)
    newest = connection.execute(
        select(func.max(agreements.c.revision)).where(within(agreements, scope))
    ).scalar_one()
    row = {
        "household_id": scope.only,
        "meter": meter,
        "revision": (newest or 0) + 1,
        "agreements": msgspec.json.encode(kept),
        "changed_at_ms": now_ms,
    }
    upsert(
        connection,
        agreements,
        [row],
        keys=("household_id", "meter"),
        replace=("revision", "agreements", "changed_at_ms"),
    )


def agreed_tariffs(
    connection: Connection, scope: Scope, meter: str, slots: tuple[int, int]
) -> list[Agreed]:
    """Give the tariffs that a meter's agreements name, half-hourly prices of these slots included.

    A meter without an agreement has its own tariff for ever, where it has one; an agreement on a
    tariff that is in the catalogue no more has none, and what it covers is unpriced.
    """
    own = read_tariff(connection, scope, meter)
    found = read_agreements(connection, scope, meter)
    if not found:
        return [] if own is None else [Agreed(Agreement(dt.date.min), own.tariff)]
    kept = read_offers(connection, [one.tariff_code for one in found if one.tariff_code])
    offers = priced_offers(connection, [one.offer for one in kept.values()], slots)
    tariffs = {one.code: one.tariff for one in offers}
    if own is not None:
        tariffs[""] = own.tariff
    return [Agreed(one, tariffs[one.tariff_code]) for one in found if one.tariff_code in tariffs]


def put_top_up(connection: Connection, scope: Scope, meter: str, top_up: TopUp) -> None:
    """Keep a top-up; one with the same id is put in its place."""
    row = {"household_id": scope.only, "meter": meter, **top_up._asdict()}
    upsert(
        connection,
        top_ups,
        [row],
        keys=("household_id", "meter", "top_up_id"),
        replace=("paid_at_ms", "amount_millionths"),
    )


def list_top_ups(
    connection: Connection, scope: Scope, meter: str, start_ms: int, end_ms: int
) -> list[TopUp]:
    """List the top-ups of `[start_ms, end_ms)` in order of time."""
    query = (
        select(top_ups.c.top_up_id, top_ups.c.paid_at_ms, top_ups.c.amount_millionths)
        .where(
            within(top_ups, scope),
            top_ups.c.meter == meter,
            top_ups.c.paid_at_ms >= start_ms,
            top_ups.c.paid_at_ms < end_ms,
        )
        .order_by(top_ups.c.paid_at_ms, top_ups.c.top_up_id)
        .limit(MAX_TOP_UPS)
    )
    return [TopUp(*row) for row in connection.execute(query)]
