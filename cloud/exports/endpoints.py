"""`/v1/exports`: usage and samples as files for spreadsheets, programs and other services."""

import enum
from collections.abc import Iterator, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse

from cloud.answers import From, To
from cloud.auth import Caller
from cloud.errors import RESPONSES
from cloud.exports.columns import Column, Row, sample_columns, usage_columns
from cloud.exports.espi import FLOWS, write_espi
from cloud.exports.parquet import check_available, write_parquet
from cloud.exports.rows import sample_rows, usage_rows
from cloud.exports.text import write_csv, write_json
from cloud.parts import Shared
from cloud.readings.periods import Zone, medium_known, span_between, zone_of
from cloud.times import format_utc
from shared.calendar import Resolution, intervals_between
from shared.errors import BadInputError
from shared.readings import MAX_METER_ID_CHARS, REGISTERS, Medium

MAX_EXPORT_DAYS = 3_660
MAX_EXPORT_INTERVALS = 176_000
"""Ten years of half hours: a CSV of 15 MB."""

MAX_SAMPLE_DAYS = 400
"""A year at ten seconds is 3 million rows; older samples than 13 months are not kept."""

router = APIRouter(prefix="/v1/exports", tags=["exports"], responses=RESPONSES)


class UsageFormat(enum.StrEnum):
    """How usage is written."""

    CSV = "csv"
    JSON = "json"
    PARQUET = "parquet"
    ESPI = "espi"


class SampleFormat(enum.StrEnum):
    """How samples are written."""

    CSV = "csv"
    JSON = "json"
    PARQUET = "parquet"


MEDIA_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "json": "application/json",
    "parquet": "application/vnd.apache.parquet",
    "espi": "application/atom+xml",
}
ENDINGS = {"espi": "xml"}
_SHAPES: dict[str, dict[str, Any]] = {
    "csv": {"type": "string"},
    "json": {"type": "object"},
    "parquet": {"type": "string", "format": "binary"},
    "espi": {"type": "string"},
}

Meter = Annotated[
    str,
    Query(
        max_length=MAX_METER_ID_CHARS, description="The meter's id", examples=["E0012345678901234"]
    ),
]


def _file_responses(formats: type[enum.StrEnum]) -> dict[int | str, dict[str, Any]]:
    content = {MEDIA_TYPES[one].split(";")[0]: {"schema": _SHAPES[one]} for one in formats}
    return {200: {"description": "The file, in pieces as it is read", "content": content}}


@router.get(
    "/usage",
    response_class=StreamingResponse,
    responses=_file_responses(UsageFormat),
    summary="What was used, as a file",
)
def usage(
    *,
    meter: Meter,
    parts: Shared,
    scope: Caller,
    start: From,
    to: To,
    written: Annotated[
        UsageFormat, Query(alias="format", description="The file's format")
    ] = UsageFormat.CSV,
    resolution: Resolution = Resolution.HALF_HOUR,
    zone: Zone = None,
) -> StreamingResponse:
    """Stream the usage of a meter by local interval.

    CSV has exact decimals in kWh and m³ and the local time beside UTC; JSON and Parquet have the
    integers of the API. `espi` is Green Button XML, of electricity and gas.
    """
    if written is UsageFormat.PARQUET:
        check_available()
    with parts.database.reading(scope) as connection:
        local = zone_of(connection, parts, scope, zone)
        span_ms = span_between(start, to, local, MAX_EXPORT_DAYS)
        intervals = intervals_between(*span_ms, resolution, local, MAX_EXPORT_INTERVALS)
        medium = medium_known(connection, scope, meter)
    now_ms = parts.clock.utc_ms()
    batches = usage_rows(parts.database, scope, meter, medium, intervals, local, now_ms)
    if written is UsageFormat.ESPI:
        if medium not in FLOWS:
            raise BadInputError(
                f"format = espi: meter {meter!r} measures {medium.value}",
                hint="Green Button is for electricity and gas here; ask for csv",
            )
        pieces = write_espi(meter, medium, now_ms, batches)
    else:
        head = {"meter": meter, "medium": medium, "zone": local.key, "resolution": resolution}
        pieces = _write(written, head, "intervals", usage_columns(medium), batches)
    return _file(pieces, written, "usage", span_ms)


@router.get(
    "/samples",
    response_class=StreamingResponse,
    responses=_file_responses(SampleFormat),
    summary="What a meter said, sample by sample, as a file",
)
def samples(
    *,
    meter: Meter,
    parts: Shared,
    scope: Caller,
    start: From,
    to: To,
    written: Annotated[
        SampleFormat, Query(alias="format", description="The file's format")
    ] = SampleFormat.CSV,
    zone: Zone = None,
) -> StreamingResponse:
    """Stream every stored sample of `[from, to)` in order of time, each once.

    Each register is in the unit its name ends in. Samples are kept for 13 months; before that, and
    of what was imported, only half hours are known.
    """
    if written is SampleFormat.PARQUET:
        check_available()
    with parts.database.reading(scope) as connection:
        local = zone_of(connection, parts, scope, zone)
        span_ms = span_between(start, to, local, MAX_SAMPLE_DAYS)
        medium = medium_known(connection, scope, meter)
    head = {"meter": meter, "medium": medium, "zone": local.key}
    columns = sample_columns(_registers_of(medium))
    batches = sample_rows(parts.database, scope, meter, span_ms)
    return _file(_write(written, head, "samples", columns, batches), written, "samples", span_ms)


def _registers_of(medium: Medium) -> list[str]:
    """List the registers that a meter of a medium can say: the same columns for every file."""
    return [name for name, kind in REGISTERS.items() if kind.medium in {medium, None}]


def _write(
    written: str,
    head: dict[str, Any],
    rows_named: str,
    columns: Sequence[Column],
    batches: Iterator[list[Row]],
) -> Iterator[bytes]:
    if written == UsageFormat.CSV.value:
        return write_csv(columns, batches)
    if written == UsageFormat.PARQUET.value:
        return write_parquet(columns, batches)
    return write_json(head, rows_named, columns, batches)


def _file(
    pieces: Iterator[bytes], written: str, kind: str, span_ms: tuple[int, int]
) -> StreamingResponse:
    """Answer with a download; its name holds no meter id, which could be any text."""
    first, last = (format_utc(at_ms)[:10] for at_ms in (span_ms[0], span_ms[1] - 1))
    name = f"{kind}-{first}-{last}.{ENDINGS.get(written, written)}"
    return StreamingResponse(
        pieces,
        media_type=MEDIA_TYPES[written],
        headers={
            "Content-Disposition": f'attachment; filename="{name}"',
            "Cache-Control": "no-store",
        },
    )
