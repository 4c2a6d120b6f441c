"""`/v1/usage` and `/v1/meters/{meter}/usage`: what was used, by local interval."""

import enum
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query, Request, Response
from sqlalchemy import Connection

from cloud.answers import JSON, From, To, reply
from cloud.auth import Caller
from cloud.errors import RESPONSES
from cloud.households.zones import checked_zone, zone_of
from cloud.parts import Shared
from cloud.readings.conversions import Conversions, conversions_of
from cloud.readings.energies import Energies, entries_of
from cloud.readings.known import known_registers, known_usage
from cloud.readings.periods import Meters, Zone, meters_asked, span_between
from cloud.readings.usage import Known, sum_known
from cloud.readings.usage_desk import MAX_INTERVALS, Question, UsageDesk
from cloud.readings.usage_schemas import HouseholdUsage, UsageReport
from cloud.scope import Scope
from shared.calendar import Interval, Resolution, intervals_between
from shared.errors import BadInputError
from shared.readings import Medium

router = APIRouter(tags=["usage"], responses=RESPONSES)


class By(enum.StrEnum):
    """What usage is kept apart by."""

    TOTAL = "total"
    METER = "meter"
    REGISTER = "register"


@router.get(
    "/v1/meters/{meter}/usage", response_model=UsageReport, summary="What was used, by interval"
)
async def usage(
    request: Request,
    meter: str,
    scope: Caller,
    start: From,
    to: To,
    resolution: Resolution = Resolution.HALF_HOUR,
    zone: Zone = None,
) -> Response:
    """Give the usage of each whole interval that overlaps `[from, to)`.

    Days, weeks (from Monday), months and years are the household's local ones. An interval is
    `measured`, `estimated` (`why` says why) or `missing`, with null amounts. Where the meter has
    said nothing, imported history stands, and `source` says so.
    """
    desk: UsageDesk = request.app.state.usage_desk
    wanted = None if zone is None else checked_zone(zone)
    tags = request.headers.get("if-none-match", "")
    question = Question(scope.only, meter, start, to, resolution, wanted, tags)
    answer = await desk.ask(question)
    headers = {"ETag": f'"{answer.tag}"'}
    if answer.document is None:
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return Response(answer.document, media_type=JSON, headers=headers)


@router.get(
    "/v1/usage", response_model=HouseholdUsage, summary="What several meters used, or registers"
)
def usage_of_meters(
    *,
    parts: Shared,
    scope: Caller,
    start: From,
    to: To,
    meters: Meters = [],  # noqa: B006  # FastAPI copies it
    medium: Medium = Medium.ELECTRICITY,
    by: Annotated[
        By, Query(description="One series for all, for each meter, or for each register")
    ] = By.TOTAL,
    resolution: Resolution = Resolution.DAY,
    zone: Zone = None,
) -> Response:
    """Give the usage of meters of one medium, summed or apart, as `/v1/meters/{meter}/usage`.

    An interval that not every summed meter knows is `estimated`, for `incomplete`. Registers are
    those that sum to import and export; imported history names none and is not among them.
    """
    with parts.database.reading(scope) as connection:
        local = zone_of(connection, scope, zone, parts.zone)
        span_ms = span_between(start, to, local)
        names = meters_asked(connection, scope, meters, medium)
        intervals = intervals_between(*span_ms, resolution, local, MAX_INTERVALS)
        made = _series(connection, scope, names, medium, by, _around(intervals), local)
    if len(made) * len(intervals) > MAX_INTERVALS:
        raise BadInputError(
            f"{len(made)} series of {len(intervals)} intervals are more than {MAX_INTERVALS}",
            hint="ask for a shorter range, fewer meters or a coarser resolution",
        )
    now_ms = parts.clock.utc_ms()
    series = [
        {
            "meters": one.meters,
            "register": one.register,
            "intervals": entries_of(one.known, intervals, now_ms, one.energies),
        }
        for one in made
    ]
    return reply({"medium": medium, "zone": local.key, "resolution": resolution, "series": series})


class _Series:
    """One series: whose it is, and what is known of it."""

    def __init__(self, meters: list[str], register: str | None, known: Mapping[str, Known]) -> None:
        self.meters = meters
        self.register = register
        self.known = known
        self.energies: Energies | None = None

    def convert(self, conversions: Sequence[tuple[Known, Conversions | None]]) -> None:
        """Take in how each meter's gas becomes energy."""
        for litres, one in conversions:
            if one is not None:
                self.energies = self.energies or Energies()
                self.energies.add(litres, one)


def _series(
    connection: Connection,
    scope: Scope,
    names: Sequence[str],
    medium: Medium,
    by: By,
    span_ms: tuple[int, int],
    zone: ZoneInfo,
) -> list[_Series]:
    of_gas = {one: conversions_of(connection, scope, one, medium, zone) for one in names}
    if by is By.REGISTER:
        apart = []
        for meter in names:
            found = known_registers(connection, scope, meter, medium, span_ms)
            for (quantity, register), known in found.items():
                one = _Series([meter], register, {quantity: known})
                one.convert([(known, of_gas[meter])])
                apart.append(one)
        return apart
    known_of = {one: known_usage(connection, scope, one, medium, span_ms) for one in names}
    groups = [[one] for one in names] if by is By.METER else [list(names)] if names else []
    made = []
    for group in groups:
        summed = {
            quantity: sum_known(
                [known_of[one][quantity] for one in group if _has(known_of[one][quantity])]
                or [Known({})]
            )
            for quantity in known_of[group[0]]
        }
        one = _Series(group, None, summed)
        one.convert([(known_of[meter].get("gas_l", Known({})), of_gas[meter]) for meter in group])
        made.append(one)
    return made


def _has(known: Known) -> bool:
    """Tell whether a meter counts a quantity at all: one without export lacks no export."""
    return bool(known.counters or known.by_slot)


def _around(intervals: Sequence[Interval]) -> tuple[int, int]:
    return intervals[0].start_ms, intervals[-1].end_ms
