"""`/v1/meters/{meter}/gaps` and `…/corrections`: what is not known, why, and what was put right."""

import re
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response

from cloud.answers import From, To, period, reply, unknown_meter
from cloud.auth import Caller
from cloud.errors import RESPONSES
from cloud.gaps.repository import Correction, list_corrections, span_of
from cloud.gaps.schemas import CorrectionList, MeterGaps
from cloud.gaps.service import Explained, explained, gaps_between
from cloud.households.zones import household_zone
from cloud.ingest.merge import declared_by
from cloud.parts import Shared
from cloud.readings.meters import medium_of_meter
from shared.errors import BadInputError
from shared.frames import GapKind, decode_frame
from shared.instants import format_utc
from shared.readings import MAX_METER_ID_CHARS
from shared.units import MS_PER_DAY

MAX_PERIOD_MS = 400 * MS_PER_DAY
"""Thirteen months: what is older cannot be explained any more."""

MAX_GAPS = 50
"""In one answer: each takes some queries for each hub that read the meter."""

PAGE = 100
MAX_PAGE = 500
_PLACE = re.compile(r"(\d{1,15})-(\d{1,18})")

router = APIRouter(prefix="/v1/meters", tags=["quality"], responses=RESPONSES)

Meter = Annotated[str, Path(max_length=MAX_METER_ID_CHARS, description="The meter's id")]


@router.get("/{meter}/gaps", response_model=MeterGaps, summary="Where readings lack, and why")
def gaps(meter: Meter, parts: Shared, scope: Caller, start: From, to: To) -> Response:
    """List the times without a reading that overlap `[from, to)`, each with why.

    Half hours are estimated for them, where readings on both sides say what was used in all, or
    missing. At most 13 months are asked for at once.
    """
    start_ms, end_ms = period(household_zone(parts.database, scope, parts.zone), start, to)
    if end_ms - start_ms > MAX_PERIOD_MS:
        raise BadInputError("from and to are over 13 months apart", hint="ask for less at once")
    now_ms = parts.clock.utc_ms()
    with parts.database.reading(scope) as connection:
        if medium_of_meter(connection, scope, meter) is None:
            raise unknown_meter(meter)
        blanks = gaps_between(connection, scope, meter, (start_ms, end_ms), now_ms)
        listed = explained(connection, scope, meter, blanks[:MAX_GAPS], now_ms)
    rest = blanks[MAX_GAPS:]
    return reply(
        {
            "meter": meter,
            "gaps": [_gap(one) for one in listed],
            "next": format_utc(rest[0].start_ms) if rest else None,
        }
    )


@router.get(
    "/{meter}/corrections",
    response_model=CorrectionList,
    summary="What was corrected, when, and by what",
)
def corrections(
    meter: Meter,
    parts: Shared,
    scope: Caller,
    start: From,
    to: To,
    before: Annotated[
        str,
        Query(
            max_length=40,
            description="`next` of the page before, for the rest",
            examples=["1772323200000-17"],
        ),
    ] = "",
    limit: Annotated[
        int, Query(ge=1, le=MAX_PAGE, description="Corrections at most", examples=[PAGE])
    ] = PAGE,
) -> Response:
    """List the ranges that hubs sent anew and that came in `[from, to)`, the newest first.

    A hub corrects where it learns better when something was taken, where rows turn out damaged, or
    where consent was narrowed. What was sent first stays stored beside it for 13 months.
    """
    span = period(household_zone(parts.database, scope, parts.zone), start, to)
    place = _place(before)
    with parts.database.reading(scope) as connection:
        if medium_of_meter(connection, scope, meter) is None:
            raise unknown_meter(meter)
        found = list_corrections(connection, scope, meter, span, place, limit + 1)
        listed = [(one, span_of(connection, scope, one)) for one in found[:limit]]
    last = found[limit - 1] if len(found) > limit else None
    return reply(
        {
            "meter": meter,
            "corrections": [_correction(*one) for one in listed],
            "next": None if last is None else f"{last.received_at_ms}-{last.frame_id}",
        }
    )


def _place(before: str) -> tuple[int, int] | None:
    if not before:
        return None
    found = _PLACE.fullmatch(before)
    if found is None:
        raise BadInputError(
            f"before = {before!r} is no place",
            hint="give `next` of the page before, or leave it out",
        )
    return int(found[1]), int(found[2])


def _gap(one: Explained) -> dict[str, Any]:
    blank = one.blank
    is_known = blank.last_ms is not None and blank.next_ms is not None
    return {
        "start": format_utc(blank.start_ms),
        "end": format_utc(blank.end_ms),
        "last_reading": _time(blank.last_ms),
        "next_reading": _time(blank.next_ms),
        "quality": "estimated" if is_known else "missing",
        "reasons": [
            {
                "reason": found.reason,
                "gateway": thing or None,
                "samples": found.samples,
                "since": _time(found.since_ms),
            }
            for thing, found in one.reasons
        ],
    }


def _correction(one: Correction, span: tuple[int | None, int | None]) -> dict[str, Any]:
    frame = decode_frame(one.payload)
    declared = declared_by([frame], one.first_seq, one.last_seq)
    return {
        "received_at": format_utc(one.received_at_ms),
        "gateway": one.thing,
        "log_id": one.log_id,
        "first_seq": one.first_seq,
        "last_seq": one.last_seq,
        "revision": one.revision,
        "start": _time(span[0]),
        "end": _time(span[1]),
        "samples": len(frame.times_ms),
        **{kind.value: declared[kind] for kind in GapKind},
    }


def _time(at_ms: int | None) -> str | None:
    return None if at_ms is None else format_utc(at_ms)
