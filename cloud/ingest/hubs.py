"""`/v1/frames` and `/v1/hub/…`: what hubs say over HTTPS, with the bodies of MQTT's messages.

Ingest is the same as the worker's: what is answered is what was committed. Every request is signed
by the hub (cloud/hubauth.py); here stands only which body goes where.
"""

from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ConfigDict
from sqlalchemy.exc import InterfaceError, InternalError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from cloud.answers import JSON, reply
from cloud.auth import HUB
from cloud.bodies import read_signed
from cloud.errors import NotFoundError, Problem, ProblemError
from cloud.households.repository import household_of
from cloud.hubauth import HubGate
from cloud.ingest.intake import Message
from cloud.ingest.service import Addressed, IngestService
from cloud.parts import Parts, Shared
from cloud.problems import PROBLEM_MEDIA_TYPE
from cloud.scope import Scope
from cloud.tariffs import shadow
from cloud.tariffs.hubtariffs import hub_tariffs
from shared import hubrequests, topics
from shared.frames import MAX_FRAME_BYTES
from shared.protocol import MAX_HELLO_BYTES, decode_live

_DATABASE_AWAY = (OperationalError, InterfaceError, InternalError, PoolTimeoutError)
"""What passes by itself: the hub is told to come again, and does."""

_Result = TypeVar("_Result")

REFUSALS: dict[int | str, dict[str, Any]] = {
    status: {"model": Problem, "content": {PROBLEM_MEDIA_TYPE: {}}}
    for status in (400, 401, 403, 404, 413, 429, 503)
}

router = APIRouter(prefix="/v1", tags=["hubs"], dependencies=[HUB], responses=REFUSALS)


class LimitEntry(BaseModel):
    """The most detail that the hub may send; as over MQTT (docs/reference/protocol.md)."""

    granularity: str
    revision: int


class ReceiptEntry(BaseModel):
    """What is stored of a log, after the commit; as over MQTT (docs/reference/protocol.md)."""

    store_id: str
    log_id: str
    revision: int
    stored: list[tuple[int, int, int]]
    rejected: list[tuple[int, int, str]]
    window_frames: int
    cloud_time_ms: int
    consent: LimitEntry | None = None


class HubAnswer(BaseModel):
    """The answer to a hub: the receipts that are due; none is no fault."""

    receipts: list[ReceiptEntry]

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "receipts": [
                    {
                        "store_id": "2d0f6a0d1d0b4c7a",
                        "log_id": "000102030405060708090a0b0c0d0e0f",
                        "revision": 912,
                        "stored": [[1, 44488, 0]],
                        "rejected": [],
                        "window_frames": 16,
                        "cloud_time_ms": 1790000000000,
                    }
                ]
            }
        }
    )


@dataclass(frozen=True)
class HubDoor:
    """Where hubs come in over HTTPS: who they are, and what takes their messages."""

    gate: HubGate
    ingest: IngestService


@dataclass(frozen=True)
class Said:
    """What a hub said: the thing of its certificate, and the body that it signed."""

    thing: str
    body: bytes
    ingest: IngestService


def signed_request(media_type: str, description: str) -> dict[str, Any]:
    """Describe a signed request for OpenAPI: its body, and the fields that prove its sender."""
    schema = {"type": "string", "format": "binary"} if media_type != JSON else {"type": "object"}
    names = ("Content-Digest", hubrequests.CERTIFICATE_FIELD.title(), "Signature-Input")
    return {
        "requestBody": {
            "required": True,
            "description": description,
            "content": {media_type: {"schema": schema}},
        },
        "parameters": [
            {"name": name, "in": "header", "required": True, "schema": {"type": "string"}}
            for name in (*names, "Signature")
        ],
        "security": [],
    }


async def hear(request: Request) -> Said:
    """Read a body within its limit and find out which hub signed it."""
    door: HubDoor | None = request.app.state.hub_door
    if door is None:
        raise NotFoundError(
            "this cloud takes nothing from hubs over HTTPS", hint="set hub_ca to the fleet's ca.crt"
        )
    is_frame = request.url.path == hubrequests.FRAMES_PATH
    signed = await read_signed(request, MAX_FRAME_BYTES if is_frame else MAX_HELLO_BYTES)
    return Said(door.gate.admit(signed), signed.body, door.ingest)


Hub = Annotated[Said, Depends(hear)]
"""The parameter of every endpoint for hubs."""


@router.post(
    "/frames",
    response_model=HubAnswer,
    summary="Store a frame",
    openapi_extra=signed_request(
        "application/octet-stream", "One frame (docs/reference/frame.md)."
    ),
)
def take_frame(parts: Shared, said: Hub) -> Response:
    """Merge one frame and answer with the receipt, written after the commit."""
    message = Message(said.thing, said.body, parts.clock.utc_ms())
    return _answer(_admitted(said, lambda: said.ingest.ingest([message])))


@router.post(
    "/hub/hello",
    response_model=HubAnswer,
    summary="Say what the hub's logs hold",
    openapi_extra=signed_request(JSON, "A hello (docs/reference/protocol.md)."),
)
def take_hello(said: Hub) -> Response:
    """Answer with a receipt for each log that the hub lists."""
    return _answer(_admitted(said, lambda: said.ingest.greet(said.thing, said.body)))


@router.post(
    "/hub/status",
    response_model=HubAnswer,
    summary="Say that the hub is online, or leaves",
    openapi_extra=signed_request(JSON, "A status (docs/reference/protocol.md)."),
)
def take_status(said: Hub) -> Response:
    """Note a hub online or offline."""
    _admitted(said, lambda: said.ingest.note_status(said.thing, said.body))
    return _answer([])


@router.post(
    "/hub/live",
    response_model=HubAnswer,
    summary="Show a live sample",
    openapi_extra=signed_request(JSON, "A live sample (docs/reference/protocol.md)."),
)
def take_live(parts: Shared, said: Hub) -> Response:
    """Pass a live sample on to whoever watches; it is not stored."""
    _admitted(said, lambda: decode_live(said.body))
    topic = topics.live(said.thing)
    if parts.publish is not None:
        # Every process of the API hears the broker; a viewer may be at any of them.
        parts.publish(topic, said.body)
    else:
        parts.live.receive(topic, said.body)
    return _answer([])


@router.post(
    "/hub/tariff",
    summary="Ask for the tariffs",
    response_description="The tariff shadow's document (docs/reference/protocol.md)",
    openapi_extra=signed_request(JSON, "An empty object."),
)
def tell_tariff(parts: Shared, said: Hub) -> Response:
    """Answer with the tariffs of the hub's meters, 404 where there is none."""
    return _admitted(said, lambda: _tariff(parts, said.thing))


def _tariff(parts: Parts, thing: str) -> Response:
    now_ms = parts.clock.utc_ms()
    with parts.database.reading() as connection:
        household_id = household_of(connection, thing)
        scope = Scope.of(household_id) if household_id else None
        kept = hub_tariffs(connection, scope, thing, now_ms) if scope else []
    if not kept:
        raise NotFoundError("no tariff is set for this hub's meters")
    if not shadow.fits(kept):
        raise ProblemError(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            "the tariffs of this hub's meters are too large for one document",
        )
    answer = shadow.answer_get(thing, kept, now_ms)
    return Response(answer.payload, media_type=JSON)


def _admitted(said: Said, work: Callable[[], _Result]) -> _Result:
    """Do what a hub asks for and say 403 to a revoked one, of which ingest only counted it."""
    done = _try(work)
    if _try(lambda: said.ingest.is_revoked(said.thing)):
        raise ProblemError(
            HTTPStatus.FORBIDDEN,
            f"hub {said.thing!r} is revoked: nothing of it is taken, and nothing it holds is lost",
            hint="whoever runs the cloud lets it in again: hearthlink fleet restore",
        )
    return done


def _try(work: Callable[[], _Result]) -> _Result:
    try:
        return work()
    except _DATABASE_AWAY as error:
        raise ProblemError(
            HTTPStatus.SERVICE_UNAVAILABLE,
            "the database cannot be written at the moment",
            hint="send it again later",
        ) from error


def _answer(addressed: list[Addressed]) -> Response:
    return reply({"receipts": [one.receipt for one in addressed]})
