"""`/v1/meters/{meter}/live`: what a meter says now, for as long as somebody looks."""

from functools import partial
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Header, HTTPException, Path, Query, Response, WebSocket
from starlette.concurrency import run_in_threadpool

from cloud.answers import reply, unknown_meter
from cloud.auth import Caller
from cloud.errors import RESPONSES, Problem, ProblemError, problem_response
from cloud.live.messages import Message, watching_message
from cloud.live.repository import hubs_of
from cloud.live.viewers import Viewer
from cloud.parts import Parts, Shared
from cloud.problems import PROBLEM_MEDIA_TYPE
from cloud.scope import Scope
from cloud.streams.connections import POLICY, EventStream, serve_socket
from cloud.streams.credentials import authorize_socket, chosen_protocol
from cloud.streams.schemas import LiveAsk, LiveDemanded
from shared.instants import format_utc
from shared.readings import MAX_METER_ID_CHARS
from shared.units import MS_PER_SECOND

MAX_ID_CHARS = 64
"""Longer than any id of ours."""

LIVE_RESPONSES: dict[int | str, dict[str, Any]] = {
    **RESPONSES,
    **{
        status: {"model": Problem, "content": {PROBLEM_MEDIA_TYPE: {}}, "description": what}
        for status, what in (
            (429, "The household has as many streams open as it may"),
            (503, "The service has as many streams open as it can"),
        )
    },
}

router = APIRouter(prefix="/v1/meters", tags=["live"], responses=LIVE_RESPONSES)

Meter = Annotated[str, Path(max_length=MAX_METER_ID_CHARS, description="The meter's id")]
After = Annotated[
    str,
    Query(
        max_length=MAX_ID_CHARS,
        description="The `id` of the last sample seen: what came since is said first",
        examples=["19c8a3f1c00-2a-0f1e2d3c"],
    ),
]


@router.get(
    "/{meter}/live",
    summary="Live power, as server-sent events",
    response_class=Response,
    responses={
        200: {
            "description": "Events `watching` (which hubs were asked, and `is_complete`) and "
            "`live`, each with JSON; a comment every 15 s where all is quiet",
            "content": {
                "text/event-stream": {
                    "schema": {"type": "string"},
                    "example": "id: 19c8a3f1c00-2a-0f1e2d3c\nevent: live\n"
                    'data: {"event":"live","id":"19c8a3f1c00-2a-0f1e2d3c",'
                    '"meter":"E0012345678901234","medium":"electricity",'
                    '"taken_at":"2026-03-01T12:00:00Z","registers":{"power_import_w":412}}\n\n',
                }
            },
        }
    },
)
async def live(
    meter: Meter,
    parts: Shared,
    scope: Caller,
    after: After = "",
    last_event_id: Annotated[
        str,
        Header(
            max_length=MAX_ID_CHARS,
            description="As `after`: a browser sends it by itself when it connects again",
        ),
    ] = "",
) -> Response:
    """Stream each sample of the meter while you listen; its hubs are asked for them meanwhile.

    A stream that breaks off is resumed with the last `id` seen: within two minutes nothing is lost,
    and `is_complete` says so. It ends after 15 minutes; open it again. A slow reader loses the
    oldest samples.
    """
    gateways = await _gateways(parts, scope, meter)
    parts.live.check_room(scope.only)
    watch = partial(parts.live.watching, scope.only, meter, last_event_id or after)
    return EventStream(watch, partial(_first, meter, gateways))


@router.post(
    "/{meter}/live",
    response_model=LiveDemanded,
    summary="Ask for live power before anyone watches",
)
async def ask(meter: Meter, wanted: LiveAsk, parts: Shared, scope: Caller) -> Response:
    """Ask the meter's hubs to send, so that a stream opened soon has something to show at once.

    A stream asks by itself while it is open. What is asked for is also kept for two minutes: open
    the stream with `after=0` to be told it.
    """
    gateways = await _gateways(parts, scope, meter)
    parts.live.check_room(scope.only)
    parts.live.expect(scope.only, meter, wanted.for_s)
    until_ms = parts.clock.utc_ms() + wanted.for_s * MS_PER_SECOND
    return reply({"meter": meter, "until": format_utc(until_ms), "gateways": gateways})


@router.websocket("/{meter}/live")
async def socket(socket: WebSocket, meter: str, after: str = "") -> None:
    """Send each sample as a JSON text; the same messages as the events of the GET.

    The token is shown as in every request, or as the subprotocol `bearer.<token>` beside
    `hearthlink.live.v1`.
    """
    parts: Parts = socket.app.state.parts
    try:
        scope = await authorize_socket(socket)
        gateways = await _gateways(parts, scope, meter)
        parts.live.check_room(scope.only)
    except HTTPException as error:
        await _refuse(socket, error.status_code, str(error.detail))
        return
    except ProblemError as error:
        await _refuse(socket, error.status, error.message, hint=error.hint)
        return
    await socket.accept(chosen_protocol(socket))
    watch = partial(parts.live.watching, scope.only, meter, after[:MAX_ID_CHARS])
    await serve_socket(socket, watch, partial(_first, meter, gateways))


async def _refuse(socket: WebSocket, status: int, detail: str, *, hint: str = "") -> None:
    """Answer the handshake with a problem, where the server can; else close before it opens."""
    if "websocket.http.response" in socket.scope.get("extensions", {}):
        await socket.send_denial_response(problem_response(status, detail, hint=hint))
    else:
        await socket.close(POLICY, f"{HTTPStatus(status).phrase}: {detail}"[:100])


async def _gateways(parts: Parts, scope: Scope, meter: str) -> list[dict[str, Any]]:
    """List the meter's hubs as they stand; raises NotFoundError where nobody knows the meter."""
    found = await run_in_threadpool(_read, parts, scope, meter)
    if not found:
        raise unknown_meter(meter)
    return found


def _read(parts: Parts, scope: Scope, meter: str) -> list[dict[str, Any]]:
    with parts.database.reading(scope) as connection:
        return [
            {"gateway": one.thing, "state": one.state, "last_seen": format_utc(one.last_seen_ms)}
            for one in hubs_of(connection, scope, meter)
        ]


def _first(meter: str, gateways: list[dict[str, Any]], viewer: Viewer) -> Message:
    return watching_message(meter, gateways, is_complete=viewer.is_complete)
