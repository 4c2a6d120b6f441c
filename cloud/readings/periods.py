"""What the usage endpoints are asked for: whose calendar, which meters, which period."""

from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import Query
from sqlalchemy import Connection

from cloud.answers import unknown_meter
from cloud.readings.meters import list_meters, medium_of_meter
from cloud.scope import Scope
from shared.errors import BadInputError
from shared.instants import parse_instant
from shared.readings import MAX_METER_ID_CHARS, Medium
from shared.units import MS_PER_DAY

MAX_METERS = 16
"""Meters of one question; a home with more sums them in two."""

MAX_ZONE_CHARS = 64

Zone = Annotated[
    str | None,
    Query(
        max_length=MAX_ZONE_CHARS,
        description="IANA time zone of days and dates; the household's own where left out",
        examples=["Europe/London"],
    ),
]
Meters = Annotated[
    list[Annotated[str, Query(max_length=MAX_METER_ID_CHARS)]],
    Query(
        alias="meter",
        max_length=MAX_METERS,
        description="Meter ids, repeated; every meter of the medium where left out",
        examples=[["E0012345678901234"]],
    ),
]


def span_between(
    start: str, to: str, zone: ZoneInfo, days_max: int | None = None
) -> tuple[int, int]:
    """Read `from` and `to`; raises BadInputError where the period is empty or too long."""
    start_ms = parse_instant(start, "from", zone)
    end_ms = parse_instant(to, "to", zone)
    if end_ms <= start_ms:
        raise BadInputError(
            f"to = {to!r} is not after from = {start!r}", hint="`to` is the first instant left out"
        )
    # An hour more: a period of local days may hold a clock change.
    if days_max is not None and end_ms - start_ms > days_max * MS_PER_DAY + MS_PER_DAY // 24:
        raise BadInputError(
            f"from = {start!r} to = {to!r} is more than {days_max} days",
            hint="ask for a shorter period",
        )
    return start_ms, end_ms


def medium_known(connection: Connection, scope: Scope, meter: str) -> Medium:
    """Say what a meter measures; raises NotFoundError for one this caller does not know."""
    medium = medium_of_meter(connection, scope, meter)
    if medium is None:
        raise unknown_meter(meter)
    return medium


def meters_asked(
    connection: Connection, scope: Scope, asked: list[str], medium: Medium
) -> list[str]:
    """List the meters of one medium that are asked for; raises where one is of another."""
    if not asked:
        known = [one.meter for one in list_meters(connection, scope)]
        found = [one for one in known if medium_of_meter(connection, scope, one) is medium]
        if len(found) > MAX_METERS:
            raise BadInputError(
                f"the household has {len(found)} meters of {medium.value}",
                hint=f"name at most {MAX_METERS} by `meter`",
            )
        return found
    for meter in asked:
        its = medium_known(connection, scope, meter)
        if its is not medium:
            raise BadInputError(
                f"meter = {meter!r} measures {its.value}", hint=f"ask with medium={its.value}"
            )
    return list(dict.fromkeys(asked))
