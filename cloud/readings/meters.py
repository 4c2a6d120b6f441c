"""The meters of a household as they are listed. Commits nothing."""

from typing import NamedTuple

from sqlalchemy import Connection, select

from cloud.db import within
from cloud.households.spans import ALWAYS, all_spans
from cloud.scope import Scope
from cloud.tables import logs, meters, register_runs
from shared.readings import MAX_METER_ID_CHARS, Medium


class Meter(NamedTuple):
    """A meter, the hubs that read it, and the registers it counts in."""

    meter: str
    medium: str
    first_taken_at_ms: int
    last_taken_at_ms: int
    frames_pruned: int
    gateways: list[str]
    counters: list[str]


def list_meters(connection: Connection, scope: Scope) -> list[Meter]:
    """List the meters that have said anything, by id."""
    rows = connection.execute(
        select(
            meters.c.meter,
            meters.c.medium,
            meters.c.first_taken_at_ms,
            meters.c.last_taken_at_ms,
            meters.c.frames_pruned,
        )
        .where(within(meters, scope), meters.c.last_taken_at_ms.is_not(None))
        .order_by(meters.c.meter)
    )
    gateways: dict[str, set[str]] = {}
    for meter, thing in connection.execute(
        select(logs.c.meter, logs.c.thing).where(within(logs, scope))
    ):
        gateways.setdefault(meter, set()).add(thing)
    counters: dict[str, set[str]] = {}
    for meter, register in connection.execute(
        select(register_runs.c.meter, register_runs.c.register).where(within(register_runs, scope))
    ):
        counters.setdefault(meter, set()).add(register)
    spans = all_spans(connection, scope)
    return [
        Meter(
            row.meter,
            row.medium,
            max(row.first_taken_at_ms, held[0].start_ms),
            min(row.last_taken_at_ms, held[-1].end_ms),
            row.frames_pruned,
            sorted(gateways.get(row.meter, ())),
            sorted(counters.get(row.meter, ())),
        )
        for row in rows
        for held in [spans.get(row.meter, ALWAYS)]
    ]


def medium_of_meter(connection: Connection, scope: Scope, meter: str) -> Medium | None:
    """Say what a meter measures, electricity where its registers do not tell; None if unknown."""
    if "\0" in meter or len(meter) > MAX_METER_ID_CHARS:
        # No meter is called so, and PostgreSQL takes no NUL to look for.
        return None
    found = connection.execute(
        select(meters.c.medium).where(
            within(meters, scope), meters.c.meter == meter, meters.c.last_taken_at_ms.is_not(None)
        )
    ).scalar_one_or_none()
    if found is None:
        return None
    return Medium(found) if found else Medium.ELECTRICITY
