"""`/v1/exports`: usage and samples as files for spreadsheets, programs and other services."""

import enum
from collections.abc import Iterator, Sequence
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Query
from fastapi.responses import StreamingResponse

from cloud.answers import From, To
from cloud.auth import Caller
from cloud.errors import RESPONSES
from cloud.exports.columns import Column, Row, sample_columns, usage_columns
from cloud.exports.espi import FLOWS, write_espi
from cloud.exports.parquet import check_available, write_parquet
from cloud.exports.rows import sample_rows, usage_rows
from cloud.exports.text import write_csv, write_json
from cloud.households.zones import zone_of
from cloud.parts import Shared
from cloud.readings.periods import Zone, medium_known, span_between
from shared.calendar import Resolution, intervals_between
from shared.errors import BadInputError
from shared.instants import format_utc
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


class Question:
    """What every export is asked with."""

    def __init__(
        self,
        meter: Meter,
        parts: Shared,
        scope: Caller,
        start: From,
        to: To,
        zone: Zone = None,
    ) -> None:
        self.meter = meter
        self.parts = parts
        self.scope = scope
        self._period = start, to
        self._zone = zone

    def read(self, written: str, days_max: int) -> tuple[ZoneInfo, tuple[int, int], Medium]:
        """Find the zone, the span in milliseconds, and what the meter measures.

        Raises a problem where the format cannot be written or the span is over `days_max` long.
        """
        if written == UsageFormat.PARQUET.value:
            check_available()
        with self.parts.database.reading(self.scope) as connection:
            zone = zone_of(connection, self.scope, self._zone, self.parts.zone)
            span_ms = span_between(*self._period, zone, days_max)
            return zone, span_ms, medium_known(connection, self.scope, self.meter)


Asking = Annotated[Question, Depends()]


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
    asked: Asking,
    written: Annotated[
        UsageFormat, Query(alias="format", description="The file's format")
    ] = UsageFormat.CSV,
    resolution: Resolution = Resolution.HALF_HOUR,
) -> StreamingResponse:
    """Stream the usage of a meter by local interval.

    CSV has exact decimals in kWh and m³ and the local time beside UTC; JSON and Parquet have the
    integers of the API. `espi` is Green Button XML, of electricity and gas.
    """
    zone, span_ms, medium = asked.read(written, MAX_EXPORT_DAYS)
    intervals = intervals_between(*span_ms, resolution, zone, MAX_EXPORT_INTERVALS)
    parts, meter, now_ms = asked.parts, asked.meter, asked.parts.clock.utc_ms()
    batches = usage_rows(parts.database, asked.scope, meter, medium, intervals, zone, now_ms)
    if written is UsageFormat.ESPI:
        if medium not in FLOWS:
            raise BadInputError(
                f"format = espi: meter {meter!r} measures {medium.value}",
                hint="Green Button is for electricity and gas here; ask for csv",
            )
        pieces = write_espi(meter, medium, now_ms, batches)
    else:
        head = {"meter": meter, "medium": medium, "zone": zone.key, "resolution": resolution}
        pieces = _write(written, head, "intervals", usage_columns(medium), batches)
    return _file(pieces, written, "usage", span_ms)


@router.get(
    "/samples",
    response_class=StreamingResponse,
    responses=_file_responses(SampleFormat),
    summary="What a meter said, sample by sample, as a file",
)
def samples(
    asked: Asking,
    written: Annotated[
        SampleFormat, Query(alias="format", description="The file's format")
    ] = SampleFormat.CSV,
) -> StreamingResponse:
    """Stream every stored sample of `[from, to)` in order of time, each once.

    Each register is in the unit its name ends in. Samples are kept for 13 months; before that, and
    of what was imported, only half hours are known.
    """
    zone, span_ms, medium = asked.read(written, MAX_SAMPLE_DAYS)
    head = {"meter": asked.meter, "medium": medium, "zone": zone.key}
    columns = sample_columns(_registers_of(medium))
    batches = sample_rows(asked.parts.database, asked.scope, asked.meter, span_ms)
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
