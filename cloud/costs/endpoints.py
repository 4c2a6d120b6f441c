"""`/v1/meters/{meter}/cost` and `/costs`: usage priced by what was agreed, in lines that sum."""

from typing import Any

import msgspec
from fastapi import APIRouter, Response

from cloud.answers import From, Meter, To, period, reply
from cloud.auth import Caller
from cloud.costs.schemas import CostReport, CostSeries
from cloud.costs.supply import Supply, bill, read_supply
from cloud.errors import RESPONSES
from cloud.households.zones import household_zone
from cloud.parts import Shared
from shared.calendar import Interval, Resolution, day_of, intervals_between, local_date
from shared.errors import BadInputError
from shared.instants import format_utc
from shared.readings import Medium
from shared.tariffs.agreements import Agreed
from shared.units import MS_PER_DAY, SLOT_MS

MAX_COST_DAYS = 400
"""A year's bill with some to spare."""

MAX_COST_INTERVALS = 1_500
"""A month of half hours (1,488), or four years of days: each interval is a bill of its own."""

MAX_SERIES_DAYS = 1_500
"""Four years by month: each is priced from its half hours."""

router = APIRouter(prefix="/v1/meters", tags=["tariffs"], responses=RESPONSES)


@router.get("/{meter}/cost", response_model=CostReport, summary="What a period cost")
def cost(meter: Meter, parts: Shared, scope: Caller, start: From, to: To) -> Response:
    """Price the half hours of `[from, to)`, which must be on half hours of UTC, line by line.

    The standing charge is taken for each local day that begins in the period, be it one to come:
    ask until tomorrow for what was spent so far. A half hour to come is not missing. What is
    exported is taken off where an agreement pays for it.
    """
    zone = household_zone(parts.database, scope, parts.zone)
    start_ms, end_ms = on_half_hours(*period(zone, start, to))
    with parts.database.reading(scope) as connection:
        supply = read_supply(connection, scope, meter, (start_ms, end_ms), zone)
    slots = start_ms // SLOT_MS, end_ms // SLOT_MS
    held = [one for one in supply.agreed if _holds(one, supply, slots)]
    return reply(
        {
            "meter": meter,
            "medium": supply.medium,
            "start": format_utc(start_ms),
            "end": format_utc(end_ms),
            "tariff": ", ".join(dict.fromkeys(one.tariff.name for one in held)),
            "agreements": [_agreed(one, supply.medium) for one in held],
            **msgspec.structs.asdict(bill(supply, slots)),
            **supply.known(_over(slots, parts.clock.utc_ms() // SLOT_MS))._asdict(),
        }
    )


@router.get("/{meter}/costs", response_model=CostSeries, summary="What was spent, by interval")
def costs(
    meter: Meter,
    parts: Shared,
    scope: Caller,
    start: From,
    to: To,
    resolution: Resolution = Resolution.DAY,
) -> Response:
    """Price each whole interval that overlaps `[from, to)`, each as a bill of its own.

    A standing charge is in the interval in which its local day begins, today's too, those of days
    to come in none: what has not begun is not spent. Nor is a half hour missing before it is over.
    Tiers of a tariff by month are filled by what was used before in that month.
    """
    zone = household_zone(parts.database, scope, parts.zone)
    start_ms, end_ms = period(zone, start, to)
    intervals = intervals_between(start_ms, end_ms, resolution, zone, MAX_COST_INTERVALS)
    span = intervals[0].start_ms, intervals[-1].end_ms
    if span[1] - span[0] > MAX_SERIES_DAYS * MS_PER_DAY:
        raise BadInputError(f"more than {MAX_SERIES_DAYS} days", hint="ask for a shorter period")
    with parts.database.reading(scope) as connection:
        supply = read_supply(connection, scope, meter, span, zone)
    now_ms = parts.clock.utc_ms()
    tomorrow = day_of(local_date(now_ms, zone), zone).end_ms // SLOT_MS
    entries = [_interval(supply, one, now_ms // SLOT_MS, tomorrow) for one in intervals]
    return reply(
        {
            "meter": meter,
            "medium": supply.medium,
            "zone": zone.key,
            "resolution": resolution,
            "currency": supply.agreed[0].tariff.currency,
            "intervals": entries,
        }
    )


def on_half_hours(start_ms: int, end_ms: int) -> tuple[int, int]:
    """Check that a period is on half hours and no longer than a bill may be."""
    if start_ms % SLOT_MS or end_ms % SLOT_MS:
        raise BadInputError("from and to must be on the half hour", hint="use dates")
    if end_ms - start_ms > MAX_COST_DAYS * MS_PER_DAY:
        raise BadInputError(f"more than {MAX_COST_DAYS} days", hint="ask for a shorter period")
    return start_ms, end_ms


def _interval(supply: Supply, interval: Interval, now: int, tomorrow: int) -> dict[str, Any]:
    slots = interval.start_ms // SLOT_MS, interval.end_ms // SLOT_MS
    priced = bill(supply, slots, standing_until=tomorrow)
    return {
        "start": format_utc(interval.start_ms),
        "end": format_utc(interval.end_ms),
        "net_millionths": priced.net_millionths,
        "vat_millionths": priced.vat_millionths,
        "total_millionths": priced.total_millionths,
        "energy_mwh": sum(line.energy_mwh for line in priced.lines if line.kind == "energy"),
        "unpriced_slots": priced.unpriced_slots,
        **supply.known(_over(slots, now))._asdict(),
    }


def _over(slots: tuple[int, int], now: int) -> tuple[int, int]:
    """Cut the slots `[start, end)` to those that are over: the one under way is not missing yet."""
    return slots[0], max(slots[0], min(slots[1], now))


def _holds(agreed: Agreed, supply: Supply, slots: tuple[int, int]) -> bool:
    days = supply.half_hours(agreed.agreement.flow, agreed.tariff).days
    ends_on = agreed.agreement.ends_on
    begins = days.slot_of(agreed.agreement.starts_on)
    return begins < slots[1] and (ends_on is None or days.slot_of(ends_on) > slots[0])


def _agreed(agreed: Agreed, medium: Medium) -> dict[str, Any]:
    agreement, tariff = agreed
    is_gas = medium is Medium.GAS
    return {
        "tariff_code": agreement.tariff_code,
        "name": tariff.name,
        "flow": agreement.flow,
        "starts_on": max(agreement.starts_on, tariff.versions[0].starts_on),
        "ends_on": agreement.ends_on,
        "calorific_value_kj_per_m3": tariff.calorific_value_kj_per_m3 if is_gas else None,
        "volume_correction_millionths": tariff.volume_correction_millionths if is_gas else None,
    }
