"""`/v1/meters`, what they displayed, and what was used."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from cloud.answers import From, To, period, reply, unknown_meter
from cloud.auth import Caller
from cloud.errors import RESPONSES, NotFoundError
from cloud.parts import Shared
from cloud.readings.meters import list_meters, medium_of_meter
from cloud.readings.repository import SqlReadingStore
from cloud.readings.schemas import MeterList, Registers, UsageReport
from cloud.readings.service import sample_at, usage_of
from cloud.readings.usage import Served, serve
from cloud.tariffs.repository import read_tariff
from cloud.times import format_utc, parse_instant
from shared.calendar import Resolution, intervals_between
from shared.readings import Medium, Quality
from shared.tariffs import (
    DEFAULT_CALORIFIC_VALUE_KJ_PER_M3,
    VOLUME_CORRECTION_MILLIONTHS,
    gas_mwh,
)

MAX_INTERVALS = 18_000
"""A year of half hours (17,568) with some to spare; about 2 MB of JSON."""

router = APIRouter(prefix="/v1/meters", tags=["meters"], responses=RESPONSES)


@router.get("", response_model=MeterList, summary="The meters of the household")
def list_all(parts: Shared, scope: Caller) -> Response:
    """List every meter that has said anything."""
    with parts.database.reading(scope) as connection:
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
    with parts.database.reading(scope) as connection:
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
    meter: str,
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
    with parts.database.reading(scope) as connection:
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
