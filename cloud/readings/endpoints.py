"""`/v1/meters`, and what they displayed."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from cloud.answers import Meter, reply, unknown_meter
from cloud.auth import Caller
from cloud.errors import RESPONSES, NotFoundError
from cloud.households.zones import household_zone
from cloud.parts import Shared
from cloud.readings.meters import list_meters, medium_of_meter
from cloud.readings.schemas import MeterList, Registers
from cloud.readings.service import sample_at
from cloud.readings.tenancy import readings_of
from cloud.transfer.pages import PAGE, Cursor, PageLimit, cut, decode_cursor
from shared.instants import format_utc, parse_instant
from shared.readings import Quality

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
    """Give the last sample taken at or before `at`, exactly as the meter said it."""
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
