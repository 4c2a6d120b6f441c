"""Puts a meter's gaps together: its holes, and why each hub that read it has no reading there."""

from typing import NamedTuple

from sqlalchemy import Connection

from cloud.gaps.holes import Hole, find_holes, joined
from cloud.gaps.reasons import Found, Reason, explain
from cloud.gaps.repository import between, gateways_of
from cloud.ingest.repository import list_logs
from cloud.readings.repository import SqlReadingStore
from cloud.scope import Scope
from shared.calendar import utc_day_of_slot
from shared.units import SLOT_MS


class Explained(NamedTuple):
    """A hole and, by hub, why; a reason of no hub has ""."""

    hole: Hole
    reasons: list[tuple[str, Found]]


def gaps_between(
    connection: Connection, scope: Scope, meter: str, period: tuple[int, int], now_ms: int
) -> list[Hole]:
    """List a meter's holes in `[start, end)` in order."""
    store = SqlReadingStore(connection)
    first_day = utc_day_of_slot(period[0] // SLOT_MS)
    last_day = utc_day_of_slot(max(period[1] - 1, period[0]) // SLOT_MS)
    runs = [
        {slot: one for edges in days.values() for slot, one in edges.items()}
        for key in store.runs(scope, meter)
        if (days := store.days(scope, meter, key, first_day, last_day))
    ]
    return find_holes(joined(runs), *period, now_ms)


def explained(
    connection: Connection, scope: Scope, meter: str, holes: list[Hole], now_ms: int
) -> list[Explained]:
    """Say of each hole why, by each log of the meter."""
    logs = [one for one in list_logs(connection, scope) if one.meter == meter]
    gateways = gateways_of(connection, scope)
    answers = []
    for hole in holes:
        found: list[tuple[str, Found]] = []
        for log in logs:
            lies = between(connection, scope, log, hole.last_ms, hole.next_ms)
            if log.thing in gateways:
                told = explain(lies, gateways[log.thing], hole.last_ms, now_ms)
                found += [(log.thing, one) for one in told]
        answers.append(Explained(hole, _telling(found)))
    return answers


def _telling(found: list[tuple[str, Found]]) -> list[tuple[str, Found]]:
    """Leave out what says nothing where another log says something, and what is said twice."""
    dumb = (Reason.UNKNOWN, Reason.BEFORE_FIRST)
    telling = [one for one in found if one[1].reason not in dumb]
    if telling:
        return list(dict.fromkeys(telling))
    of_none = Reason.BEFORE_FIRST if any(one[1].reason is dumb[1] for one in found) else dumb[0]
    return [("", Found(of_none))]
