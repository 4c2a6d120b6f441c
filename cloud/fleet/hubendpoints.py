"""`/v1/fleet/hubs`: every hub for the operator; settings, report, handover, revocation."""

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from starlette.concurrency import run_in_threadpool

from cloud.answers import JSON, Thing, reply
from cloud.auth import Operator, ProvedOperator
from cloud.errors import RESPONSES, Problem, ProblemError
from cloud.fleet import hubs
from cloud.fleet.endpoints import Admitting
from cloud.fleet.exclusion import restore_hub
from cloud.fleet.handover import hand_over_hub
from cloud.fleet.reportpage import render_page
from cloud.fleet.reports import commission, seal_of
from cloud.fleet.schemas import (
    HandoverEntry,
    HandoverRequest,
    HubEntry,
    HubPage,
    RevocationEntry,
    SettingsEntry,
)
from cloud.fleet.settings import check_settings, settings_entry
from cloud.parts import Parts, Shared
from cloud.problems import PROBLEM_MEDIA_TYPE
from cloud.transfer.pages import PAGE, Cursor, PageLimit, decode_cursor, next_of
from cloud.transfer.repetition import Once
from shared import topics
from shared.errors import OperatorError
from shared.instants import format_utc
from shared.shadows import MAX_SHADOW_BYTES

FLEET_RESPONSES: dict[int | str, dict[str, Any]] = {
    **RESPONSES,
    403: {"model": Problem, "content": {PROBLEM_MEDIA_TYPE: {}}},
}

router = APIRouter(prefix="/v1/fleet/hubs", tags=["fleet"], responses=FLEET_RESPONSES)


@router.get("", response_model=HubPage, summary="Every hub of the fleet")
def list_all(
    parts: Shared,
    _operator: Operator,
    after: Annotated[str, Query(max_length=64)] = "",
    cursor: Cursor = "",
    limit: PageLimit = PAGE,
) -> Response:
    """List hubs of every household by name, a page at a time."""
    place = decode_cursor(cursor, "hubs", (str,))
    last = str(place[0]) if place else after
    with parts.database.reading() as connection:
        views = hubs.list_views(connection, last, limit + 1, parts.clock.utc_ms())
    page = [one._asdict() for one in views[:limit]]
    following = views[limit - 1].thing if len(views) > limit else None
    next_cursor = next_of(views, "hubs", lambda one: (one.thing,), limit)
    return reply({"hubs": page, "next": following, "next_cursor": next_cursor})


@router.get("/{thing}", response_model=HubEntry, summary="One hub")
def get(thing: Thing, parts: Shared, _operator: Operator) -> Response:
    """Give what is known of one hub."""
    with parts.database.reading() as connection:
        _, found = hubs.find_view(connection, thing, parts.clock.utc_ms())
    return reply(found._asdict())


@router.get("/{thing}/settings", response_model=SettingsEntry, summary="The settings of a hub")
def get_settings(thing: Thing, parts: Shared, _operator: Operator) -> Response:
    """Give what is asked of the hub and what it says that holds."""
    return reply(_settings(parts, thing))


@router.put(
    "/{thing}/settings",
    response_model=SettingsEntry,
    summary="Set settings of a hub",
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {JSON: {"schema": {"type": "object"}, "example": {"frame_interval_s": 60}}},
        }
    },
)
async def put_settings(
    thing: Thing, request: Request, parts: Shared, _operator: Operator
) -> Response:
    """Put these settings in place of all that were asked; {} leaves all to the hub's own file.

    400 names the field that will not do. The hub hears of it at once where it is connected, else
    when it is back; it may yet refuse, and says why under `refused`.
    """
    body = await _read_body(request)
    state = check_settings(body)
    return reply(await run_in_threadpool(_put_settings, parts, thing, state))


@router.get(
    "/{thing}/report",
    summary="The commissioning report of a hub",
    responses={200: {"content": {JSON: {}, "text/html": {}}, "description": "Report, signed"}},
)
def get_report(
    thing: Thing,
    request: Request,
    parts: Shared,
    _operator: Operator,
    installer: Annotated[str, Query(max_length=1_000, description="Who installed it")] = "",
) -> Response:
    """Make the report as the hub stands now, signed; HTML where `Accept` asks for text/html."""
    try:
        seal = seal_of(parts.config)
    except OperatorError as error:
        raise ProblemError(
            HTTPStatus.SERVICE_UNAVAILABLE, error.message, hint=error.hint
        ) from error
    sealed = commission(parts.database, parts.clock, seal, thing, installer)
    if "text/html" in request.headers.get("accept", ""):
        return Response(render_page(sealed.report, sealed.jws), media_type="text/html")
    return Response(sealed.to_json(), media_type=JSON)


@router.post(
    "/{thing}/handover", response_model=HandoverEntry, summary="Give a hub to another household"
)
def hand_over(
    thing: Thing,
    wanted: HandoverRequest,
    parts: Shared,
    admission: Admitting,
    _operator: ProvedOperator,
    _once: Once,
) -> Response:
    """Begin a new tenancy, now or `at` a time past: nothing before is the new household's to see.

    What was read since `at` until now is no longer shown to who leaves, nor to who comes.

    `household` names a new household; `household_id` is of one that is there, whose people see the
    hub at once.

    Run `hearthlink wipe` on the hub first: what it has not sent by now is refused afterwards. Its
    certificates are over with it, and it joins anew by a claim.
    """
    done = hand_over_hub(
        parts.config,
        parts.database,
        parts.clock,
        admission,
        thing,
        wanted.household,
        wanted.zone,
        household_id=wanted.household_id,
        at=wanted.at,
    )
    return reply(
        {
            "thing": thing,
            "household_id": done.household.household_id,
            "household": done.household.name,
            "started_at": format_utc(done.started_at_ms),
            "meters": done.meters,
            "token": done.token,
        }
    )


@router.post("/{thing}/revocation", response_model=RevocationEntry, summary="No longer hear a hub")
def revoke(thing: Thing, admission: Admitting, _operator: ProvedOperator, _once: Once) -> Response:
    """Refuse a hub, whether or not it was ever heard, and bar its certificates; again is the same.

    `broker` says in words whether the broker has been told.
    """
    done = admission.revoke(thing)
    revoked_at = format_utc(done.revoked_at_ms)
    return reply({"thing": thing, "revoked_at": revoked_at, "broker": done.broker})


@router.delete(
    "/{thing}/revocation", response_model=RevocationEntry, summary="Hear a revoked hub again"
)
def restore(thing: Thing, parts: Shared, _operator: ProvedOperator) -> Response:
    """Let a hub in again with the certificates it had; for one that is back in your hands."""
    done = restore_hub(parts.config, parts.database, parts.clock, thing)
    return reply({"thing": thing, "revoked_at": None, "broker": done.broker})


def _put_settings(parts: Parts, thing: str, state: dict[str, Any]) -> dict[str, Any]:
    _check_known(parts, thing)
    parts.registry.desire(thing, topics.SETTINGS_SHADOW, state)
    return _settings(parts, thing)


def _settings(parts: Parts, thing: str) -> dict[str, Any]:
    _check_known(parts, thing)
    return settings_entry(thing, parts.registry.read_shadow(thing, topics.SETTINGS_SHADOW))


def _check_known(parts: Parts, thing: str) -> None:
    with parts.database.reading() as connection:
        hubs.find_view(connection, thing, parts.clock.utc_ms())


async def _read_body(request: Request) -> bytes:
    """Read no more than shows that a body is too large; what checks it then says so."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_SHADOW_BYTES:
            break
    return body
