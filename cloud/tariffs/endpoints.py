"""`/v1/meters/{meter}/tariff`: set one, and the hubs that hold the meter hear of it."""

from http import HTTPStatus
from typing import Any

import msgspec
from fastapi import APIRouter, Request, Response
from sqlalchemy import Connection
from starlette.concurrency import run_in_threadpool

from cloud.answers import JSON, Meter
from cloud.auth import Caller
from cloud.changes.kinds import Change, ChangeKind
from cloud.changes.repository import note_changes
from cloud.errors import RESPONSES, NotFoundError, ProblemError
from cloud.households.revocations import find_revocation
from cloud.openapi.structs import answering, schema_of, taking
from cloud.parts import Parts, Shared
from cloud.scope import Scope
from cloud.tariffs import shadow
from cloud.tariffs.agreements import put_agreements, read_agreements
from cloud.tariffs.catalogue import read_offers
from cloud.tariffs.hubtariffs import hub_tariffs
from cloud.tariffs.repository import hubs_of_meter, put_tariff, read_tariff
from cloud.tariffs.shadow import KeptTariff
from shared.errors import ConfigError
from shared.protocol import MAX_MESSAGE_BYTES
from shared.tariffs import (
    MAX_TARIFF_BYTES,
    Flow,
    Tariff,
    decode_tariff,
    encode_tariff,
)
from shared.tariffs.agreements import Agreement, decode_agreements

EXAMPLE: dict[str, Any] = {
    "name": "Two rates",
    "currency": "GBP",
    "versions": [
        {
            "version": "2026-01",
            "starts_on": "2026-01-01",
            "standing_millionths_per_day": 601_000,
            "vat_permille": 50,
            "prices": {
                "kind": "time-of-use",
                "base_name": "day",
                "base_price_millionths_per_kwh": 245_000,
                "bands": [
                    {
                        "name": "night",
                        "from_minute": 30,
                        "to_minute": 270,
                        "price_millionths_per_kwh": 90_000,
                    }
                ],
            },
        }
    ],
}

AGREEMENTS: list[dict[str, Any]] = [
    {"starts_on": "2025-04-01", "ends_on": "2026-04-01"},
    {"starts_on": "2026-04-01", "tariff_code": "E-1R-AGILE-24-10-01-C"},
]

_LIST = {"type": "array", "items": schema_of(Agreement)}

router = APIRouter(prefix="/v1/meters", tags=["tariffs"], responses=RESPONSES)


@router.put(
    "/{meter}/tariff",
    summary="Set the tariff of a meter",
    responses=answering(schema_of(Tariff)),
    openapi_extra=taking(schema_of(Tariff), EXAMPLE),
)
async def put(meter: Meter, request: Request, parts: Shared, scope: Caller) -> Response:
    """Put a tariff in place of what the meter had; hubs that hold the meter hear of it at once.

    The meter need not have said anything yet. Money is in millionths of the currency.
    """
    tariff = decode_tariff(await _read_body(request))
    if tariff.flow is not Flow.IMPORT:
        raise ConfigError(
            "tariff", ["flow = export: a meter's own tariff is of what it imports; see agreements"]
        )
    await run_in_threadpool(_put, parts, scope, meter, tariff)
    return Response(encode_tariff(tariff), media_type=JSON)


@router.get(
    "/{meter}/tariff", summary="The tariff of a meter", responses=answering(schema_of(Tariff))
)
def get(meter: Meter, parts: Shared, scope: Caller) -> Response:
    """Give the tariff as it was set, its versions in order of date."""
    with parts.database.reading(scope) as connection:
        kept = read_tariff(connection, scope, meter)
    if kept is None:
        raise no_tariff(meter)
    return Response(encode_tariff(kept.tariff), media_type=JSON)


async def _read_body(request: Request) -> bytes:
    """Read no more than shows that a body is too large; `decode_tariff` then says so."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_TARIFF_BYTES:
            break
    return body


def _put(parts: Parts, scope: Scope, meter: str, tariff: Tariff) -> None:
    """Keep the tariff, then tell the hubs; a tariff that could not reach them is refused."""
    now_ms = parts.clock.utc_ms()
    with parts.database.writing(scope) as connection:
        kept = put_tariff(connection, scope, meter, tariff, now_ms)
        _check_fits([kept])
        of_hubs = _of_hubs(connection, scope, meter, now_ms)
        note_changes(connection, scope.only, _priced_anew(meter), now_ms)
    _tell(parts, of_hubs, now_ms)


def _priced_anew(meter: str) -> list[Change]:
    return [Change(ChangeKind.AGREEMENTS, meter), Change(ChangeKind.COST, meter)]


def _of_hubs(
    connection: Connection, scope: Scope, meter: str, now_ms: int
) -> dict[str, list[KeptTariff]]:
    """List what each hub that holds the meter is to hear; raises where it does not fit."""
    of_hubs = {
        thing: hub_tariffs(connection, scope, thing, now_ms)
        for thing in hubs_of_meter(connection, scope, meter)
        if find_revocation(connection, thing) is None
    }
    for kept in of_hubs.values():
        _check_fits(kept)
    return of_hubs


def _check_fits(kept: list[KeptTariff]) -> None:
    if not shadow.fits(kept):
        raise ProblemError(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            f"the tariffs of {', '.join(one.meter for one in kept)} do not fit one shadow",
            hint=f"all tariffs of one hub share {MAX_MESSAGE_BYTES} bytes of JSON",
        )


def _tell(parts: Parts, of_hubs: dict[str, list[KeptTariff]], now_ms: int) -> None:
    if parts.publish is not None:
        for thing, tariffs in of_hubs.items():
            publication = shadow.delta(thing, tariffs, now_ms)
            parts.publish(publication.topic, publication.payload)


@router.put(
    "/{meter}/agreements",
    summary="Set the agreements of a meter",
    responses=answering(_LIST),
    openapi_extra=taking(_LIST, AGREEMENTS),
)
async def put_all(meter: Meter, request: Request, parts: Shared, scope: Caller) -> Response:
    """Put dated agreements in place of what the meter had; costs follow them at once.

    Each names a tariff of the catalogue by `tariff_code`, or the meter's own by "" (the default),
    from the local day `starts_on` until before `ends_on`, for import or export (`flow`). Those of
    one flow may not overlap. A meter without agreements is priced by its own tariff.
    """
    agreements = decode_agreements(await _read_body(request))
    await run_in_threadpool(_put_agreements, parts, scope, meter, agreements)
    return Response(msgspec.json.encode(agreements), media_type=JSON)


@router.get("/{meter}/agreements", summary="The agreements of a meter", responses=answering(_LIST))
def get_all(meter: Meter, parts: Shared, scope: Caller) -> Response:
    """List the agreements in order of flow and first day; an empty list where there is none."""
    with parts.database.reading(scope) as connection:
        return Response(
            msgspec.json.encode(read_agreements(connection, scope, meter)), media_type=JSON
        )


def _put_agreements(parts: Parts, scope: Scope, meter: str, agreements: list[Agreement]) -> None:
    """Keep agreements whose tariffs are known, then tell the hubs what holds now."""
    now_ms = parts.clock.utc_ms()
    with parts.database.writing(scope) as connection:
        codes = {one.tariff_code for one in agreements if one.tariff_code}
        known = read_offers(connection, codes)
        faults = [
            f"[{number}].tariff_code = {one.tariff_code!r}: GET /v1/tariffs lists what is known"
            for number, one in enumerate(agreements)
            if one.tariff_code and one.tariff_code not in known
        ]
        faults += [
            f"[{number}].flow = {one.flow.value}: {one.tariff_code} is a tariff of "
            f"{known[one.tariff_code].offer.tariff.flow.value}"
            for number, one in enumerate(agreements)
            if one.tariff_code in known and known[one.tariff_code].offer.tariff.flow is not one.flow
        ]
        if faults:
            raise ConfigError("agreements", faults)
        put_agreements(connection, scope, meter, agreements, now_ms)
        of_hubs = _of_hubs(connection, scope, meter, now_ms)
        note_changes(connection, scope.only, _priced_anew(meter), now_ms)
    _tell(parts, of_hubs, now_ms)


def no_tariff(meter: str) -> NotFoundError:
    """Say that a meter has no tariff, and how to give it one."""
    return NotFoundError(
        f"meter {meter!r} has no tariff", hint=f"PUT /v1/meters/{meter}/tariff sets one"
    )
