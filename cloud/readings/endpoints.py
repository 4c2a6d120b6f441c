"""`/v1/meters`, what they displayed, what was used, and live power."""

import asyncio
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse

from cloud.answers import From, Meter, To, period, reply, unknown_meter
from cloud.auth import Caller
from cloud.errors import RESPONSES, NotFoundError, ProblemError
from cloud.live import MAX_VIEWERS, LiveFeed
from cloud.parts import Shared
from cloud.readings.meters import list_meters, medium_of_meter
from cloud.readings.repository import SqlReadingStore
from cloud.readings.schemas import MeterList, Registers, UsageReport
from cloud.readings.service import sample_at, usage_of
from cloud.readings.usage import Served, serve
from cloud.scope import Scope
from cloud.tariffs.repository import read_tariff
from cloud.times import format_utc, parse_instant
from cloud.transfer.pages import PAGE, Cursor, PageLimit, cut, decode_cursor
from shared.calendar import Resolution, intervals_between
from shared.protocol import Live
from shared.readings import Medium, Quality
from shared.tariffs import (
    DEFAULT_CALORIFIC_VALUE_KJ_PER_M3,
    VOLUME_CORRECTION_MILLIONTHS,
    gas_mwh,
)

MAX_INTERVALS = 18_000
"""A year of half hours (17,568) with some to spare; about 2 MB of JSON."""

HEARTBEAT_S = 15.0
"""A comment this often keeps proxies from closing a quiet stream, and finds viewers who left."""

router = APIRouter(prefix="/v1/meters", tags=["meters"], responses=RESPONSES)


@router.get("", response_model=MeterList, summary="The meters of the household")
def list_all(
    parts: Shared, scope: Caller, cursor: Cursor = "", limit: PageLimit = PAGE
) -> Response:
    """List every meter that has said anything, by its id."""
    after = decode_cursor(cursor, "meters", (str,))
    with parts.database.reading() as connection:
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
    at_ms = parts.clock.utc_ms() if at is None else parse_instant(at, "at", parts.zone)
    with parts.database.reading() as connection:
        medium = medium_of_meter(connection, scope, meter)
        found = sample_at(SqlReadingStore(connection), scope, meter, at_ms)
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


@router.get("/{meter}/usage", response_model=UsageReport, summary="What was used, by interval")
def usage(
    meter: Meter,
    parts: Shared,
    scope: Caller,
    start: From,
    to: To,
    resolution: Resolution = Resolution.HALF_HOUR,
) -> Response:
    """Give the usage of each whole interval that overlaps `[from, to)`.

    Days, weeks (from Monday) and months are the household's local ones. An interval is `measured`,
    `estimated` (a gap was spread over it, or it is not over) or `missing`, with null amounts.
    """
    start_ms, end_ms = period(parts, start, to)
    intervals = intervals_between(start_ms, end_ms, resolution, parts.zone, MAX_INTERVALS)
    with parts.database.reading() as connection:
        medium = medium_of_meter(connection, scope, meter)
        if medium is None:
            raise unknown_meter(meter)
        by_slot = usage_of(
            SqlReadingStore(connection),
            scope,
            meter,
            medium,
            intervals[0].start_ms,
            intervals[-1].end_ms,
        )
        kept = read_tariff(connection, scope, meter) if medium is Medium.GAS else None
    report: dict[str, Any] = {
        "meter": meter,
        "medium": medium,
        "zone": parts.zone.key,
        "resolution": resolution,
    }
    calorific_value = None
    if medium is Medium.GAS:
        calorific_value = (
            kept.tariff.calorific_value_kj_per_m3 if kept else DEFAULT_CALORIFIC_VALUE_KJ_PER_M3
        )
        report["calorific_value_kj_per_m3"] = calorific_value
        report["volume_correction_millionths"] = VOLUME_CORRECTION_MILLIONTHS
    report["intervals"] = [_interval(one, calorific_value) for one in serve(by_slot, intervals)]
    return reply(report)


@router.get(
    "/{meter}/live",
    summary="Live power, as server-sent events",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}},
)
async def live(meter: Meter, request: Request, parts: Shared, scope: Caller) -> StreamingResponse:
    """Stream each live sample as an event `live`; a slow reader loses the oldest."""
    if parts.live.viewer_count >= MAX_VIEWERS:
        raise ProblemError(
            HTTPStatus.SERVICE_UNAVAILABLE,
            f"{MAX_VIEWERS} streams are open already",
            hint="close one, or try again later",
        )
    events = _events(parts.live, scope, meter, request)
    return StreamingResponse(
        events, media_type="text/event-stream", headers={"Cache-Control": "no-store"}
    )


def _interval(served: Served, calorific_value: int | None) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "start": format_utc(served.interval.start_ms),
        "end": format_utc(served.interval.end_ms),
        **served.amounts,
    }
    if calorific_value is not None:
        volume_l = served.amounts["gas_l"]
        entry["gas_mwh"] = None if volume_l is None else gas_mwh(volume_l, calorific_value)
    entry["quality"] = served.quality
    return entry


async def _events(
    feed: LiveFeed, scope: Scope, meter: str, request: Request
) -> AsyncIterator[bytes]:
    with feed.watching(scope.only, meter) as viewer:
        yield b": watching\n\n"
        while not await request.is_disconnected():
            try:
                sample = await asyncio.wait_for(viewer.get(), HEARTBEAT_S)
            except TimeoutError:
                yield b": still here\n\n"
            else:
                if sample is None:
                    return
                yield b"event: live\ndata: " + _live_json(sample) + b"\n\n"


def _live_json(sample: Live) -> bytes:
    return msgspec.json.encode(
        {
            "meter": sample.meter,
            "medium": sample.medium,
            "taken_at": format_utc(sample.taken_at_ms),
            "registers": sample.registers,
        }
    )
