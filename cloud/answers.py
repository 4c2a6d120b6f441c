"""What endpoints share of their questions and answers: periods in, JSON out."""

from typing import Annotated, Any
from zoneinfo import ZoneInfo

import msgspec
from fastapi import Path, Query, Response
from pydantic import AfterValidator

from cloud.problems import NotFoundError
from shared.errors import BadInputError
from shared.instants import parse_instant
from shared.readings import MAX_METER_ID_CHARS

JSON = "application/json"


def check_name(name: str) -> str:
    """Return a name that can be shown; raises ValueError for control characters and the like."""
    if not name.isprintable():
        raise ValueError("give text that can be printed")
    return name


def check_document(document: dict[str, Any]) -> dict[str, Any]:
    """Return a document that JSON can say; raises ValueError for half a surrogate pair."""
    try:
        msgspec.json.encode(document)
    except UnicodeEncodeError as error:
        raise ValueError("give text that UTF-8 can say") from error
    return document


Name = Annotated[str, AfterValidator(check_name)]
Document = Annotated[dict[str, Any], AfterValidator(check_document)]

MAX_INT = 2**63 - 1
"""What a column of whole numbers holds."""

MAX_THING_CHARS = 128
"""Of a hub's name in a path; what a hub may be called is checked where one is made."""

MAX_TIME_CHARS = 64
"""An instant with nanoseconds and an offset has 35."""

From = Annotated[
    str,
    Query(
        alias="from",
        max_length=MAX_TIME_CHARS,
        description="RFC 3339 with offset, or a local date",
        examples=["2026-03-01"],
    ),
]
Meter = Annotated[str, Path(min_length=1, max_length=MAX_METER_ID_CHARS)]
Thing = Annotated[str, Path(min_length=1, max_length=MAX_THING_CHARS)]
To = Annotated[
    str,
    Query(
        max_length=MAX_TIME_CHARS,
        description="As `from`; not included",
        examples=["2026-03-02T00:00:00Z"],
    ),
]


def reply(document: object) -> Response:
    """Answer with JSON; the response models document its shape and are not run over it again."""
    return Response(msgspec.json.encode(document), media_type=JSON)


def period(zone: ZoneInfo, start: str, to: str) -> tuple[int, int]:
    """Read `from` and `to`, dates in a zone; raises BadInputError where the period is empty."""
    start_ms = parse_instant(start, "from", zone)
    end_ms = parse_instant(to, "to", zone)
    if end_ms <= start_ms:
        raise BadInputError(f"to = {to!r} is not after from = {start!r}")
    return start_ms, end_ms


def unknown_meter(meter: str) -> NotFoundError:
    """Say that a meter is not known to this caller."""
    return NotFoundError(f"no meter {meter!r}", hint="GET /v1/meters lists them")
