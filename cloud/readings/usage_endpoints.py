"""`/v1/usage` and `/v1/meters/{meter}/usage`: what was used, by local interval."""

import enum
from collections.abc import Mapping, Sequence
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query, Response
from sqlalchemy import Connection

from cloud.answers import From, To, reply
from cloud.auth import Caller
from cloud.errors import RESPONSES
from cloud.households.zones import zone_of
from cloud.parts import Shared
from cloud.readings.conversions import Conversions, read_conversions
from cloud.readings.known import known_registers, known_usage
from cloud.readings.periods import (
    Meters,
    Zone,
    medium_known,
    meters_asked,
    span_between,
)
from cloud.readings.usage import Known, Served, serve, sum_known
from cloud.readings.usage_schemas import HouseholdUsage, UsageReport
from cloud.scope import Scope
from cloud.times import format_utc
from shared.calendar import Interval, Resolution, intervals_between
from shared.errors import BadInputError
from shared.readings import Medium
from shared.units import SLOT_MS

MAX_INTERVALS = 18_000
"""A year of half hours (17,568) with some to spare, all series together; about 2 MB of JSON."""

router = APIRouter(tags=["usage"], responses=RESPONSES)


class By(enum.StrEnum):
    """What usage is kept apart by."""

    TOTAL = "total"
    METER = "meter"
    REGISTER = "register"


class Energies:
    """The energy of gas by interval: each meter's own conversions, summed."""

    def __init__(self) -> None:
        self._of: list[tuple[Known, Conversions]] = []

    def add(self, litres: Known, conversions: Conversions) -> None:
        """Count one meter in."""
        self._of.append((litres, conversions))

    def of(self, interval: Interval) -> int | None:
        """Sum what is known of an interval, in mWh; None where nothing is."""
        found = [
            energy
            for litres, conversions in self._of
            if (energy := conversions.energy_mwh(litres.by_slot, interval)) is not None
        ]
        return sum(found) if found else None


def entry_of(served: Served, energies: Energies | None) -> dict[str, Any]:
    """Write an interval as the API gives it; `energies` where it is of gas."""
    entry: dict[str, Any] = {
        "start": format_utc(served.interval.start_ms),
        "end": format_utc(served.interval.end_ms),
        **served.amounts,
    }
    if energies is not None:
        entry["gas_mwh"] = energies.of(served.interval)
    entry |= {"status": served.status, "source": served.source, "why": served.why}
    return entry


def entries_of(
    known: Mapping[str, Known],
    intervals: Sequence[Interval],
    now_ms: int,
    energies: Energies | None,
) -> list[dict[str, Any]]:
    """Serve intervals as the API gives them."""
    return [entry_of(one, energies) for one in serve(known, intervals, now_ms)]


@router.get(
    "/v1/meters/{meter}/usage", response_model=UsageReport, summary="What was used, by interval"
)
def usage(
    meter: str,
    parts: Shared,
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
    with parts.database.reading(scope) as connection:
        local = zone_of(connection, scope, zone, parts.zone)
        span_ms = span_between(start, to, local)
        intervals = intervals_between(*span_ms, resolution, local, MAX_INTERVALS)
        medium = medium_known(connection, scope, meter)
        known = known_usage(connection, scope, meter, medium, _around(intervals))
        conversions = conversions_of(connection, scope, meter, medium, local)
    report: dict[str, Any] = {"meter": meter, "medium": medium, "zone": local.key}
    report["resolution"] = resolution
    energies = None
    if conversions is not None:
        energies = Energies()
        energies.add(known["gas_l"], conversions)
        report["conversions"] = [
            one._asdict()
            for _, _, one in conversions.spans(*(ms // SLOT_MS for ms in _around(intervals)))
        ]
    report["intervals"] = entries_of(known, intervals, parts.clock.utc_ms(), energies)
    return reply(report)


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


def conversions_of(
    connection: Connection, scope: Scope, meter: str, medium: Medium, zone: ZoneInfo
) -> Conversions | None:
    """Read how a meter's gas becomes energy; None where it measures something else."""
    if medium is not Medium.GAS:
        return None
    return Conversions(read_conversions(connection, scope, meter), zone)


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
