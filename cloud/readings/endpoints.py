"""`/v1/meters`, and what they displayed."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from cloud.answers import Meter, reply, unknown_meter
from cloud.auth import Caller
from cloud.errors import RESPONSES, NotFoundError
from cloud.households.zones import household_zone
from cloud.parts import Shared
from cloud.readings.meters import list_meters, medium_of_meter
from cloud.readings.schemas import MeterCredit, MeterList, Registers
from cloud.readings.service import credit_at, sample_at
from cloud.readings.tenancy import readings_of
from cloud.transfer.pages import PAGE, Cursor, PageLimit, cut, decode_cursor
from shared.currencies import CURRENCIES
from shared.instants import format_utc, parse_instant
from shared.readings import CREDIT, CURRENCY, DEBT, EMERGENCY_CREDIT, PREPAYMENT, Quality

router = APIRouter(prefix="/v1/meters", tags=["meters"], responses=RESPONSES)


@router.get("", response_model=MeterList, summary="The meters of the household")
def list_all(
    parts: Shared, scope: Caller, cursor: Cursor = "", limit: PageLimit = PAGE
) -> Response:
    """List every meter that has said anything, by its id."""
    after = decode_cursor(cursor, "meters", (str,))
    with parts.database.reading(scope) as connection:
        listed = list_meters(connection, scope)
    found, next_cursor = cut(listed, "meters", lambda one: (one.meter,), after, limit)
    entries = [
        {
            "meter": one.meter,
            "medium": one.medium,
            "first_taken_at": format_utc(one.first_taken_at_ms),
            "last_taken_at": format_utc(one.last_taken_at_ms),
            "gateways": one.gateways,
            "counters": one.counters,
            "frames_pruned": one.frames_pruned,
        }
        for one in found
    ]
    return reply({"meters": entries, "next_cursor": next_cursor})


@router.get("/{meter}/registers", response_model=Registers, summary="What the meter displayed")
def registers(
    meter: Meter,
    parts: Shared,
    scope: Caller,
    at: Annotated[str | None, Query(description="An instant; now where left out")] = None,
) -> Response:
    """Give the last sample taken at or before `at`, exactly as the meter said it.

    What a prepayment meter says of its credit is apart, at `/credit`.
    """
    at_ms = (
        parts.clock.utc_ms()
        if at is None
        else parse_instant(at, "at", household_zone(parts.database, scope, parts.zone))
    )
    with parts.database.reading(scope) as connection:
        medium = medium_of_meter(connection, scope, meter)
        found = sample_at(readings_of(connection), scope, meter, at_ms)
    if medium is None:
        raise unknown_meter(meter)
    if found is None:
        raise NotFoundError(f"meter {meter!r} said nothing until {format_utc(at_ms)}")
    return reply(
        {
            "meter": meter,
            "medium": medium,
            "at": format_utc(at_ms),
            "taken_at": format_utc(found.taken_at_ms),
            "registers": found.registers,
            "quality": [
                str(flag.name).lower().replace("_", "-") for flag in Quality if flag & found.quality
            ],
        }
    )


@router.get("/{meter}/credit", response_model=MeterCredit, summary="A prepayment meter's credit")
def credit(meter: Meter, parts: Shared, scope: Caller) -> Response:
    """Give what the meter itself said last of its credit, emergency credit and debt.

    It reaches the cloud where the household lets every sample leave (`10s` or `live`). The account
    that is run from an agreement and top-ups is at `/prepayment`.
    """
    with parts.database.reading(scope) as connection:
        medium = medium_of_meter(connection, scope, meter)
        found = credit_at(readings_of(connection), scope, meter, parts.clock.utc_ms())
    if medium is None:
        raise unknown_meter(meter)
    told = found.registers if found is not None else {}
    currency = CURRENCIES.get(told.get(CURRENCY, 0))
    if found is None or not told.get(PREPAYMENT) or currency is None:
        raise NotFoundError(
            f"meter {meter!r} has told no credit",
            hint="a prepayment meter's leaves its home with granularity 10s or live alone",
        )
    return reply(
        {
            "meter": meter,
            "medium": medium,
            "taken_at": format_utc(found.taken_at_ms),
            "currency": currency,
            CREDIT: told.get(CREDIT),
            EMERGENCY_CREDIT: told.get(EMERGENCY_CREDIT),
            DEBT: told.get(DEBT),
        }
    )
