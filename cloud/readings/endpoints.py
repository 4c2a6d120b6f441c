"""`/v1/meters`, what they displayed, and live power."""

import asyncio
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Annotated

import msgspec
from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse

from cloud.answers import reply, unknown_meter
from cloud.auth import Caller
from cloud.errors import RESPONSES, NotFoundError, ProblemError
from cloud.live import MAX_VIEWERS, LiveFeed
from cloud.parts import Shared
from cloud.readings.meters import list_meters, medium_of_meter
from cloud.readings.repository import SqlReadingStore
from cloud.readings.schemas import MeterList, Registers
from cloud.readings.service import sample_at
from cloud.scope import Scope
from cloud.times import format_utc, parse_instant
from shared.protocol import Live
from shared.readings import Quality

HEARTBEAT_S = 15.0
"""A comment this often keeps proxies from closing a quiet stream, and finds viewers who left."""

router = APIRouter(prefix="/v1/meters", tags=["meters"], responses=RESPONSES)


@router.get("", response_model=MeterList, summary="The meters of the household")
def list_all(parts: Shared, scope: Caller) -> Response:
    """List every meter that has said anything."""
    with parts.database.reading() as connection:
        found = list_meters(connection, scope)
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
    return reply({"meters": entries})


@router.get("/{meter}/registers", response_model=Registers, summary="What the meter displayed")
def registers(
    meter: str,
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


@router.get("/{meter}/live", summary="Live power, as server-sent events")
async def live(meter: str, request: Request, parts: Shared, scope: Caller) -> StreamingResponse:
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
