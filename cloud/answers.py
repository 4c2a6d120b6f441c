"""What endpoints share of their questions and answers: periods in, JSON out."""

from typing import Annotated

import msgspec
from fastapi import Query, Response

from cloud.errors import NotFoundError
from cloud.parts import Parts
from cloud.times import parse_instant
from shared.errors import BadInputError

JSON = "application/json"

From = Annotated[
    str,
    Query(
        alias="from", description="RFC 3339 with offset, or a local date", examples=["2026-03-01"]
    ),
]
To = Annotated[str, Query(description="As `from`; not included", examples=["2026-03-02T00:00:00Z"])]


def reply(document: object) -> Response:
    """Answer with JSON; the response models document its shape and are not run over it again."""
    return Response(msgspec.json.encode(document), media_type=JSON)


def period(parts: Parts, start: str, to: str) -> tuple[int, int]:
    """Read `from` and `to`; raises BadInputError where the period is empty."""
    start_ms = parse_instant(start, "from", parts.zone)
    end_ms = parse_instant(to, "to", parts.zone)
    if end_ms <= start_ms:
        raise BadInputError(f"to = {to!r} is not after from = {start!r}")
    return start_ms, end_ms


def unknown_meter(meter: str) -> NotFoundError:
    """Say that a meter is not known to this caller."""
    return NotFoundError(f"no meter {meter!r}", hint="GET /v1/meters lists them")
