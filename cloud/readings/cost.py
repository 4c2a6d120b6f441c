"""`/v1/meters/{meter}/cost`: usage priced by the meter's tariff, in lines that sum."""

import msgspec
from fastapi import APIRouter, Response

from cloud.answers import From, To, period, reply, unknown_meter
from cloud.auth import Caller
from cloud.errors import RESPONSES
from cloud.parts import Shared
from cloud.readings.meters import medium_of_meter
from cloud.readings.repository import SqlReadingStore
from cloud.readings.schemas import CostReport
from cloud.readings.service import usage_of
from cloud.readings.usage import QUANTITIES
from cloud.tariffs.endpoints import no_tariff
from cloud.tariffs.repository import read_tariff
from cloud.times import format_utc
from shared.calendar import slots_between
from shared.errors import BadInputError
from shared.readings import Medium
from shared.tariffs import SlotEnergy, energy_of, price
from shared.units import MS_PER_DAY, SLOT_MS

MAX_COST_DAYS = 400
"""A year's bill with some to spare."""

router = APIRouter(prefix="/v1/meters", tags=["tariffs"], responses=RESPONSES)


@router.get("/{meter}/cost", response_model=CostReport, summary="What a period cost")
def cost(meter: str, parts: Shared, scope: Caller, start: From, to: To) -> Response:
    """Price the half hours of `[from, to)`, which must be on half hours of UTC, line by line.

    The standing charge is taken for each local day that begins in the period.
    """
    start_ms, end_ms = period(parts, start, to)
    if start_ms % SLOT_MS or end_ms % SLOT_MS:
        raise BadInputError("from and to must be on the half hour", hint="use dates")
    if end_ms - start_ms > MAX_COST_DAYS * MS_PER_DAY:
        raise BadInputError(f"more than {MAX_COST_DAYS} days", hint="ask for a shorter period")
    with parts.database.reading() as connection:
        medium = medium_of_meter(connection, scope, meter)
        if medium is None:
            raise unknown_meter(meter)
        kept = read_tariff(connection, scope, meter)
        if kept is None:
            raise no_tariff(meter)
        if medium not in (Medium.ELECTRICITY, Medium.GAS):
            raise BadInputError(f"tariffs price energy; meter {meter!r} measures {medium.value}")
        usage = usage_of(SqlReadingStore(connection), scope, meter, medium, start_ms, end_ms)
    used = usage[QUANTITIES[medium][0]]
    slots = slots_between(start_ms, end_ms)
    known = [(slot, used[slot]) for slot in slots if slot in used]
    energy = [SlotEnergy(slot, energy_of(medium, one.amount, kept.tariff)) for slot, one in known]
    bill = price(kept.tariff, energy, start_ms, end_ms, parts.zone)
    return reply(
        {
            "meter": meter,
            "medium": medium,
            "start": format_utc(start_ms),
            "end": format_utc(end_ms),
            "tariff": kept.tariff.name,
            **msgspec.structs.asdict(bill),
            "missing_slots": len(slots) - len(known),
            "estimated_slots": sum(one.is_estimated for _, one in known),
        }
    )
