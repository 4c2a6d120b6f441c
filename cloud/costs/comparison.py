"""`/v1/meters/{meter}/comparison`: this household's half hours under every tariff it could have."""

import datetime as dt
from collections.abc import Sequence
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query, Response
from sqlalchemy import Connection

from cloud.answers import Meter, period, reply
from cloud.auth import Caller
from cloud.costs.endpoints import on_half_hours
from cloud.costs.schemas import ComparisonReport
from cloud.costs.supply import Supply, bill, read_supply
from cloud.errors import RESPONSES
from cloud.households.zones import household_zone
from cloud.parts import Shared
from cloud.tariffs.catalogue import list_offers, priced_offers
from shared.calendar import day_start_ms, local_date, slot_start_ms
from shared.errors import BadInputError
from shared.instants import format_utc
from shared.tariffs.agreements import Agreed
from shared.tariffs.bill import Cost
from shared.tariffs.comparison import (
    Candidate,
    Ranked,
    held_still,
    load_shift,
    of_one_currency,
    rank,
)
from shared.tariffs.model import Flow, Tariff
from shared.tariffs.offers import Offer, Payment, is_for, is_offered
from shared.tariffs.regions import REGIONS
from shared.units import SLOT_MS

COMPARED_DAYS = 365
MAX_COMPARED = 1_000
"""Of a year each, a thousand take a second or two."""

MAX_OPTIONS = 200
Region = Annotated[
    str, Query(description="Letter of the distribution region; all regions where left out")
]

router = APIRouter(prefix="/v1/meters", tags=["tariffs"], responses=RESPONSES)


@router.get(
    "/{meter}/comparison", response_model=ComparisonReport, summary="What other tariffs would cost"
)
def compare(
    meter: Meter,
    parts: Shared,
    scope: Caller,
    *,
    start: Annotated[str, Query(alias="from", description="As in `cost`; a year ago")] = "",
    to: Annotated[str, Query(description="As in `cost`; today's local midnight")] = "",
    region: Region = "",
    payment: Annotated[Payment, Query(description="Way to pay; any where left out")] = "",
    flow: Annotated[Flow, Query(description="What is bought, or what is exported")] = Flow.IMPORT,
    prices: Annotated[
        Literal["now", "then"],
        Query(description="Tariffs as they are now, or as they were in the period"),
    ] = "now",
    limit: Annotated[int, Query(ge=1, le=MAX_OPTIONS, description="Options listed")] = 20,
) -> Response:
    """Rank the catalogue's tariffs by what this household's own half hours would cost under each.

    Without `from` it is the last year, as far as anything is known of it. Half-hourly prices are
    those of their own times. A tariff without a price for some half hours is
    not ranked. `load_shift` says what would have to move for the second to be the first.
    """
    _check_region(region)
    zone = household_zone(parts.database, scope, parts.zone)
    today = local_date(parts.clock.utc_ms(), zone)
    start_ms, end_ms = _period(zone, today, start, to)
    slots = start_ms // SLOT_MS, end_ms // SLOT_MS
    with parts.database.reading(scope) as connection:
        supply = read_supply(connection, scope, meter, (start_ms, end_ms), zone)
        if not start:
            slots = _since_known(supply, flow, slots, zone)
        offers = _offers(connection, supply, flow, slots)
    chosen = _chosen(offers, region, payment, today)
    current = _current(supply, flow, today)
    candidates = _candidates(chosen, current, today if prices == "now" else None)
    currency, candidates = of_one_currency(candidates, current.tariff.currency if current else "")
    asked, held = slots, supply.held_of(slots)
    slots = held[0][0], held[-1][1]
    ranked = rank(candidates, lambda tariff: supply.half_hours(flow, tariff), slots)
    base = _base(supply, ranked, current, slots, is_now=prices == "now")
    options = [_option(one, chosen, current, base) for one in ranked]
    return reply(
        {
            "meter": meter,
            "medium": supply.medium,
            "flow": flow,
            "start": format_utc(asked[0] * SLOT_MS),
            "end": format_utc(asked[1] * SLOT_MS),
            "as_of": today,
            "current": None if current is None else current.agreement.tariff_code,
            "currency": currency or None,
            **supply.known(slots)._asdict(),
            "compared": len(ranked),
            "options": options[:limit],
            "load_shift": _shift(supply, flow, ranked, chosen, slots),
        }
    )


def _check_region(region: str) -> None:
    if region and region not in REGIONS:
        raise BadInputError(f"region = {region!r}", hint=f"use one of {', '.join(REGIONS)}")


def _chosen(
    offers: Sequence[Offer], region: str, payment: Payment, today: dt.date
) -> dict[str, Offer]:
    """Keep what this household could have: on offer today, or the cap that all are held against."""
    return {
        one.code: one
        for one in offers
        if is_for(one, region, payment) and (is_offered(one, today) or one.is_cap)
    }


def _period(zone: ZoneInfo, today: dt.date, start: str, to: str) -> tuple[int, int]:
    first = start or (today - dt.timedelta(days=COMPARED_DAYS)).isoformat()
    start_ms, end_ms = on_half_hours(*period(zone, first, to or today.isoformat()))
    if end_ms > day_start_ms(today + dt.timedelta(days=1), zone):
        raise BadInputError(f"to = {to!r} is to come", hint="compare what was used")
    return start_ms, end_ms


def _since_known(
    supply: Supply, flow: Flow, slots: tuple[int, int], zone: ZoneInfo
) -> tuple[int, int]:
    """Leave out the days before anything is known: all they have is standing charges."""
    used = supply.usage.get(flow, {})
    known = min((one for one in used if slots[0] <= one < slots[1]), default=slots[0])
    # The first reading closes the half hour before it, in which nothing was used.
    first_ms = day_start_ms(local_date(slot_start_ms(known + 1), zone), zone)
    return max(slots[0], first_ms // SLOT_MS), slots[1]


def _offers(
    connection: Connection, supply: Supply, flow: Flow, slots: tuple[int, int]
) -> list[Offer]:
    kept = list_offers(connection, supply.medium, flow)
    if len(kept) > MAX_COMPARED:
        kept = sorted(kept, key=lambda one: -one.revision)[:MAX_COMPARED]
    return priced_offers(connection, [one.offer for one in kept], slots)


def _current(supply: Supply, flow: Flow, today: dt.date) -> Agreed | None:
    for one in supply.of_flow(flow):
        starts_on, ends_on = one.agreement.starts_on, one.agreement.ends_on
        if starts_on <= today and (ends_on is None or today < ends_on):
            return one
    return None


def _candidates(
    chosen: dict[str, Offer], current: Agreed | None, still_on: dt.date | None
) -> list[Candidate]:
    """List what is compared; with `still_on`, as each tariff is on that day."""
    tariffs: dict[str, Tariff] = {code: one.tariff for code, one in chosen.items()}
    if current is not None:
        tariffs[current.agreement.tariff_code] = current.tariff
    if still_on is None:
        return [Candidate(code, tariff) for code, tariff in sorted(tariffs.items())]
    held = {code: held_still(tariff, still_on) for code, tariff in sorted(tariffs.items())}
    return [Candidate(code, tariff) for code, tariff in held.items() if tariff is not None]


def _base(
    supply: Supply,
    ranked: Sequence[Ranked],
    current: Agreed | None,
    slots: tuple[int, int],
    *,
    is_now: bool,
) -> Cost | None:
    """Find what savings are counted from: the current tariff held still, or what was paid."""
    if current is None:
        return None
    if not is_now:
        return bill(supply, slots)
    code = current.agreement.tariff_code
    return next((one.cost for one in ranked if one.code == code), None)


def _option(
    one: Ranked, chosen: dict[str, Offer], current: Agreed | None, base: Cost | None
) -> dict[str, Any]:
    offer = chosen.get(one.code)
    is_comparable = (
        base is not None
        and base.currency == one.cost.currency
        and not base.unpriced_slots
        and one.rank is not None
    )
    versions = {line.tariff_version for line in one.cost.lines if line.kind != "vat"}
    return {
        "rank": one.rank,
        "code": one.code,
        "name": one.tariff.name,
        "supplier": offer.supplier if offer else "",
        "region": offer.region if offer else "",
        "is_current": current is not None and one.code == current.agreement.tariff_code,
        "is_cap": offer is not None and offer.is_cap,
        "total_millionths": one.cost.total_millionths,
        "total_minor": one.cost.total_minor,
        "saving_millionths": (
            base.total_millionths - one.cost.total_millionths
            if base is not None and is_comparable
            else None
        ),
        "unpriced_slots": one.cost.unpriced_slots,
        "tariff_versions": sorted(versions),
    }


def _shift(
    supply: Supply,
    flow: Flow,
    ranked: Sequence[Ranked],
    chosen: dict[str, Offer],
    slots: tuple[int, int],
) -> dict[str, Any] | None:
    """Say what makes the second the first, of those that one can have."""
    able = [
        one
        for one in ranked
        if one.rank is not None and not (one.code in chosen and chosen[one.code].is_cap)
    ]
    if len(able) < 2:  # noqa: PLR2004 (a second and a first)
        return None
    half_hours = supply.half_hours(flow, able[0].tariff)
    return load_shift(able[1], able[0], half_hours, slots)._asdict()
