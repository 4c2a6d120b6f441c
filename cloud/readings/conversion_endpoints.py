"""`/v1/meters/{meter}/gas-conversions`: dated settings by which gas becomes energy."""

import datetime as dt
from collections.abc import Sequence
from typing import Any

import msgspec
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from cloud.answers import reply
from cloud.auth import Caller
from cloud.bodies import read_body
from cloud.changes.kinds import Change, ChangeKind
from cloud.changes.repository import note_changes
from cloud.errors import RESPONSES
from cloud.openapi.structs import taking
from cloud.parts import Parts, Shared
from cloud.readings.conversions import (
    FIRST_DAY,
    ConversionSource,
    GasConversion,
    GasConversionSetting,
    put_settings,
    read_conversions,
)
from cloud.readings.periods import medium_known
from cloud.readings.usage_schemas import Conversion
from cloud.scope import Scope
from shared.errors import BadInputError, ConfigError
from shared.readings import Medium

MAX_SETTINGS = 500
"""Ten years of weekly values."""

MAX_BODY_BYTES = 128 * MAX_SETTINGS

LAST_DAY = dt.date(2099, 12, 31)

EXAMPLE: list[dict[str, Any]] = [
    {"starts_on": "2026-01-01", "calorific_value_kj_per_m3": 39_400},
    {"starts_on": "2026-02-01", "calorific_value_kj_per_m3": 39_600},
]

router = APIRouter(prefix="/v1/meters", tags=["usage"], responses=RESPONSES)


SETTING_SCHEMA = msgspec.json.schema_components([GasConversionSetting])[1]["GasConversionSetting"]


class ConversionList(BaseModel):
    """What holds for a meter, in order; the first from 2000 on."""

    meter: str = Field(description="The meter's id", examples=["G4A00123456789"])
    conversions: list[Conversion] = Field(description="Each until the next one begins")

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "meter": "G4A00123456789",
                "conversions": [
                    {
                        "starts_on": "2000-01-01",
                        "calorific_value_kj_per_m3": 39_500,
                        "volume_correction_millionths": 1_022_640,
                        "source": "default",
                    }
                ],
            }
        }
    )


@router.get(
    "/{meter}/gas-conversions",
    response_model=ConversionList,
    summary="How a gas meter's litres become energy",
)
def get(meter: str, parts: Shared, scope: Caller) -> Response:
    """List what holds from when on: the meter's own settings, before them its tariff's values.

    Without a tariff 39,500 kJ/m³ and a correction of 1.02264.
    """
    with parts.database.reading(scope) as connection:
        _check_gas(medium_known(connection, scope, meter), meter)
        return _answer(meter, read_conversions(connection, scope, meter))


@router.put(
    "/{meter}/gas-conversions",
    response_model=ConversionList,
    summary="Set how a gas meter's litres become energy",
    openapi_extra=taking(
        {"type": "array", "maxItems": MAX_SETTINGS, "items": SETTING_SCHEMA},
        EXAMPLE,
    ),
)
async def put(meter: str, request: Request, parts: Shared, scope: Caller) -> Response:
    """Put dated settings in place of those the meter had; an empty list takes them away.

    Usage in energy follows at once. Bills go on by the tariff's own values.
    """
    settings = _settings(await read_body(request, MAX_BODY_BYTES))
    return await run_in_threadpool(_put, parts, scope, meter, settings)


def _put(parts: Parts, scope: Scope, meter: str, settings: list[GasConversion]) -> Response:
    with parts.database.writing(scope) as connection:
        _check_gas(medium_known(connection, scope, meter), meter)
        put_settings(connection, scope, meter, settings)
        changed = [Change(ChangeKind.METER, meter)]
        note_changes(connection, scope.only, changed, parts.clock.utc_ms())
        return _answer(meter, read_conversions(connection, scope, meter))


def _settings(body: bytes) -> list[GasConversion]:
    try:
        given = msgspec.json.decode(body, type=list[GasConversionSetting])
    except (msgspec.DecodeError, RecursionError) as error:
        raise ConfigError("gas-conversions", [str(error)]) from error
    faults = []
    if len(given) > MAX_SETTINGS:
        faults.append(f"{len(given)} settings: at most {MAX_SETTINGS}")
    if len({one.starts_on for one in given}) < len(given):
        faults.append("starts_on: two settings begin on the same day")
    faults += [
        f"[{place}].starts_on = {one.starts_on}: from {FIRST_DAY} to {LAST_DAY}"
        for place, one in enumerate(given)
        if not FIRST_DAY <= one.starts_on <= LAST_DAY
    ]
    if faults:
        raise ConfigError("gas-conversions", faults)
    return [
        GasConversion(
            one.starts_on,
            one.calorific_value_kj_per_m3,
            one.volume_correction_millionths,
            ConversionSource.METER,
        )
        for one in sorted(given, key=lambda one: one.starts_on)
    ]


def _check_gas(medium: Medium, meter: str) -> None:
    if medium is not Medium.GAS:
        raise BadInputError(
            f"meter {meter!r} measures {medium.value}", hint="only gas is turned into energy"
        )


def _answer(meter: str, conversions: Sequence[GasConversion]) -> Response:
    return reply({"meter": meter, "conversions": [one._asdict() for one in conversions]})
