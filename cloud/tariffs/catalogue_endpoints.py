"""`/v1/tariffs`: the catalogue, to read. `hearthlink cloud tariffs import` alone writes it."""

import datetime as dt
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel

from cloud.answers import From, To, period, reply
from cloud.auth import Caller
from cloud.errors import RESPONSES, NotFoundError
from cloud.households.zones import household_zone
from cloud.openapi.structs import answering, schema_of
from cloud.parts import Shared
from cloud.tariffs.catalogue import KeptOffer, list_offers, prices_between, read_offers
from cloud.transfer.pages import PAGE, Cursor, PageLimit, cut, decode_cursor
from shared.calendar import slot_start_ms
from shared.errors import BadInputError
from shared.instants import format_utc
from shared.readings import Medium
from shared.tariffs.model import Flow
from shared.tariffs.offers import CODE_PATTERN, MAX_CODE_CHARS, Offer, is_for
from shared.tariffs.regions import REGIONS, region_of_mpan
from shared.units import MS_PER_DAY, SLOT_MS

MAX_RATE_DAYS = 366

router = APIRouter(prefix="/v1/tariffs", tags=["tariffs"], responses=RESPONSES)
Code = Annotated[
    str,
    Path(
        max_length=MAX_CODE_CHARS,
        pattern=f"^{CODE_PATTERN}$",
        description="Code in the catalogue",
    ),
]


class OfferEntry(BaseModel):
    """A tariff of the catalogue, with whom it is for."""

    code: str
    name: str
    supplier: str
    medium: Medium
    flow: Flow
    region: str
    payment: str
    is_cap: bool
    offered_from: dt.date | None
    offered_to: dt.date | None
    kinds: list[str]
    revision: int


class OfferPage(BaseModel):
    """Tariffs by code, a page of them."""

    tariffs: list[OfferEntry]
    next_cursor: str | None


class Rate(BaseModel):
    """The price of one half hour."""

    start: str
    price_millionths_per_kwh: int | None


class RateList(BaseModel):
    """Half-hourly prices of a tariff, without VAT."""

    code: str
    rates: list[Rate]


@router.get("", response_model=OfferPage, summary="The catalogue of tariffs")
def list_all(
    parts: Shared,
    scope: Caller,
    medium: Annotated[Medium, Query(description="What is priced")] = Medium.ELECTRICITY,
    flow: Annotated[Flow, Query(description="What is bought, or what is exported")] = Flow.IMPORT,
    region: Annotated[str, Query(description="Letter of the region; all if left out")] = "",
    mpan: Annotated[
        str, Query(max_length=21, description="A meter point's 13 digits, for its region")
    ] = "",
    cursor: Cursor = "",
    limit: PageLimit = PAGE,
) -> Response:
    """List tariffs by code, with whom they are for; `GET /v1/tariffs/{code}` has the prices."""
    wanted = region_of_mpan(mpan) if mpan else region
    if wanted and wanted not in REGIONS:
        raise BadInputError(f"region = {region!r}", hint=f"use one of {', '.join(REGIONS)}")
    after = decode_cursor(cursor, "tariffs", (str,))
    with parts.database.reading(scope) as connection:
        found = list_offers(connection, medium, flow)
    meant = sorted(
        (one for one in found if is_for(one.offer, wanted, "")), key=lambda one: one.offer.code
    )
    page, next_cursor = cut(meant, "tariffs", lambda one: (one.offer.code,), after, limit)
    return reply({"tariffs": [_entry(one) for one in page], "next_cursor": next_cursor})


@router.get("/{code}", summary="A tariff of the catalogue", responses=answering(schema_of(Offer)))
def get(code: Code, parts: Shared, scope: Caller) -> Response:
    """Give an offer whole: versions with prices in millionths of the currency, without VAT.

    Half-hourly prices are at `/rates`; here their list is empty.
    """
    with parts.database.reading(scope) as connection:
        kept = read_offers(connection, [code]).get(code)
    if kept is None:
        raise _unknown(code)
    return reply({**msgspec.to_builtins(kept.offer), "revision": kept.revision})


@router.get("/{code}/rates", response_model=RateList, summary="Half-hourly prices of a tariff")
def rates(code: Code, parts: Shared, scope: Caller, start: From, to: To) -> Response:
    """Give the price of each half hour of `[from, to)` without VAT; null where none is known."""
    start_ms, end_ms = period(household_zone(parts.database, scope, parts.zone), start, to)
    if end_ms - start_ms > MAX_RATE_DAYS * MS_PER_DAY:
        raise BadInputError(f"more than {MAX_RATE_DAYS} days", hint="ask for a shorter period")
    slots = start_ms // SLOT_MS, -(-end_ms // SLOT_MS)
    with parts.database.reading(scope) as connection:
        if code not in read_offers(connection, [code]):
            raise _unknown(code)
        held = prices_between(connection, code, slots)
    listed = [
        {"start": format_utc(slot_start_ms(slot)), "price_millionths_per_kwh": held.get(slot)}
        for slot in range(*slots)
    ]
    return reply({"code": code, "rates": listed})


def _entry(kept: KeptOffer) -> dict[str, Any]:
    offer = kept.offer
    return {
        "code": offer.code,
        "name": offer.tariff.name,
        "supplier": offer.supplier,
        "medium": offer.medium,
        "flow": offer.tariff.flow,
        "region": offer.region,
        "payment": offer.payment,
        "is_cap": offer.is_cap,
        "offered_from": offer.offered_from,
        "offered_to": offer.offered_to,
        "kinds": sorted({one.prices.__struct_config__.tag for one in offer.tariff.versions}),
        "revision": kept.revision,
    }


def _unknown(code: str) -> NotFoundError:
    return NotFoundError(f"no tariff {code!r}", hint="GET /v1/tariffs lists them")
