"""The catalogue of tariffs: offers by code, and their half-hourly prices. Commits nothing.

It belongs to no household: whoever is signed in may read it, the operator's command alone writes.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec
from sqlalchemy import Connection, func, select

from cloud.moneytables import catalogue, catalogue_rates
from cloud.tariffs.ratedays import (
    NO_PRICES,
    by_day,
    is_half_hourly,
    put_prices,
    unpack_days,
    with_prices,
)
from cloud.writes import upsert
from shared.readings import Medium
from shared.tariffs.model import Flow
from shared.tariffs.offers import Offer
from shared.units import SLOTS_PER_UTC_DAY

CODES_AT_ONCE = 200
"""Bound parameters a query: SQLite takes 32,766, and a plan is made for each count of them."""


class KeptOffer(NamedTuple):
    """An offer, and the revision that its last change had."""

    offer: Offer
    revision: int


def list_offers(
    connection: Connection, medium: Medium | None = None, flow: Flow | None = None
) -> list[KeptOffer]:
    """List the offers of a medium and flow by code; their half-hourly prices are left out."""
    query = select(catalogue.c.offer, catalogue.c.revision).order_by(catalogue.c.code)
    if medium is not None:
        query = query.where(catalogue.c.medium == medium.value)
    if flow is not None:
        query = query.where(catalogue.c.flow == flow.value)
    return [_kept(*row) for row in connection.execute(query)]


def read_offers(connection: Connection, codes: Iterable[str]) -> dict[str, KeptOffer]:
    """Read offers by code; those that are not there are left out."""
    found = {}
    wanted = sorted(set(codes))
    for place in range(0, len(wanted), CODES_AT_ONCE):
        query = select(catalogue.c.offer, catalogue.c.revision).where(
            catalogue.c.code.in_(wanted[place : place + CODES_AT_ONCE])
        )
        for row in connection.execute(query):
            kept = _kept(*row)
            found[kept.offer.code] = kept
    return found


def priced_offers(
    connection: Connection, offers: Sequence[Offer], slots: tuple[int, int]
) -> list[Offer]:
    """Give offers with their half-hourly prices of the slots `[start, end)`."""
    first_day = slots[0] // SLOTS_PER_UTC_DAY
    end_day = -(-slots[1] // SLOTS_PER_UTC_DAY)
    dynamic = [one.code for one in offers if is_half_hourly(one.tariff)]
    rows: dict[str, list[tuple[int, bytes]]] = {code: [] for code in dynamic}
    for place in range(0, len(dynamic), CODES_AT_ONCE):
        query = select(
            catalogue_rates.c.code, catalogue_rates.c.utc_day, catalogue_rates.c.prices
        ).where(
            catalogue_rates.c.code.in_(dynamic[place : place + CODES_AT_ONCE]),
            catalogue_rates.c.utc_day >= first_day,
            catalogue_rates.c.utc_day < end_day,
        )
        for code, utc_day, prices in connection.execute(query):
            rows[code].append((utc_day, prices))
    return [
        msgspec.structs.replace(
            one,
            tariff=with_prices(
                one.tariff, first_day, unpack_days(rows[one.code], first_day, end_day)
            ),
        )
        if one.code in rows
        else one
        for one in offers
    ]


def prices_between(
    connection: Connection, code: str, slots: tuple[int, int]
) -> dict[int, int | None]:
    """Read the half-hourly prices of an offer; a slot of a stored day without one is None."""
    first_day, end_day = slots[0] // SLOTS_PER_UTC_DAY, -(-slots[1] // SLOTS_PER_UTC_DAY)
    query = select(catalogue_rates.c.utc_day, catalogue_rates.c.prices).where(
        catalogue_rates.c.code == code,
        catalogue_rates.c.utc_day >= first_day,
        catalogue_rates.c.utc_day < end_day,
    )
    found: dict[int, int | None] = {}
    for utc_day, prices in connection.execute(query):
        laid_out = unpack_days([(utc_day, prices)], utc_day, utc_day + 1)
        found |= dict(enumerate(laid_out, utc_day * SLOTS_PER_UTC_DAY))
    return found


def put_offers(connection: Connection, offers: Sequence[Offer], now_ms: int) -> int:
    """Put offers in place of what their codes had; returns the revision they now have."""
    newest = connection.execute(select(func.max(catalogue.c.revision))).scalar_one()
    revision = (newest or 0) + 1
    rows = [
        {
            "code": one.code,
            "medium": one.medium.value,
            "flow": one.tariff.flow.value,
            "revision": revision,
            "offer": msgspec.json.encode(one),
            "changed_at_ms": now_ms,
        }
        for one in offers
    ]
    upsert(
        connection,
        catalogue,
        rows,
        keys=("code",),
        replace=("medium", "flow", "revision", "offer", "changed_at_ms"),
    )
    return revision


def put_rates(connection: Connection, code: str, prices: Mapping[int, int]) -> None:
    """Write the prices of slots over what is kept of their days."""
    days = by_day(prices)
    query = select(catalogue_rates.c.utc_day, catalogue_rates.c.prices).where(
        catalogue_rates.c.code == code,
        catalogue_rates.c.utc_day >= min(days, default=0),
        catalogue_rates.c.utc_day <= max(days, default=-1),
    )
    held = {day: packed for day, packed in connection.execute(query) if day in days}
    rows = [
        {
            "code": code,
            "utc_day": day,
            "prices": put_prices(held.get(day, NO_PRICES), day, of_day),
        }
        for day, of_day in sorted(days.items())
    ]
    upsert(connection, catalogue_rates, rows, keys=("code", "utc_day"), replace=("prices",))


def _kept(offer: bytes, revision: int) -> KeptOffer:
    return KeptOffer(msgspec.json.decode(offer, type=Offer), revision)
