"""Puts a meter's gaps together: its blanks, and why each hub that read it has no reading there."""

from typing import NamedTuple

from sqlalchemy import Connection

from cloud.gaps.blanks import Blank, find_blanks, joined
from cloud.gaps.reasons import Found, MissingReason, explain
from cloud.gaps.repository import between, gateways_of
from cloud.households.spans import spans_of
from cloud.ingest.repository import list_logs
from cloud.readings.tenancy import readings_of
from cloud.scope import Scope
from shared.calendar import utc_day_of_slot
from shared.units import SLOT_MS


class Explained(NamedTuple):
    """A blank and, by hub, why; a reason of no hub has ""."""

    blank: Blank
    reasons: list[tuple[str, Found]]


def gaps_between(
    connection: Connection, scope: Scope, meter: str, period: tuple[int, int], now_ms: int
) -> list[Blank]:
    """List a meter's blanks in `[start, end)` in order."""
    store = readings_of(connection)
    first_day = utc_day_of_slot(period[0] // SLOT_MS)
    last_day = utc_day_of_slot(max(period[1] - 1, period[0]) // SLOT_MS)
    runs = [
        {slot: one for edges in days.values() for slot, one in edges.items()}
        for key in store.runs(scope, meter)
        if (days := store.days(scope, meter, key, first_day, last_day))
    ]
    known = joined(runs)
    blanks = []
    for span in spans_of(connection, scope, meter):
        within = {s: e for s, e in known.items() if span.start_ms <= e.opening_at_ms <= span.end_ms}
        start_ms, end_ms = max(period[0], span.start_ms), min(period[1], span.end_ms)
        blanks += find_blanks(within, start_ms, end_ms, min(now_ms, span.end_ms))
    return blanks


def explained(
    connection: Connection, scope: Scope, meter: str, blanks: list[Blank], now_ms: int
) -> list[Explained]:
    """Say of each blank why, by each log of the meter."""
    logs = [one for one in list_logs(connection, scope) if one.meter == meter]
    gateways = gateways_of(connection, scope)
    answers = []
    for blank in blanks:
        found: list[tuple[str, Found]] = []
        for log in logs:
            lies = between(connection, scope, log, blank.last_ms, blank.next_ms)
            if log.thing in gateways:
                told = explain(lies, gateways[log.thing], blank.last_ms, now_ms)
                found += [(log.thing, one) for one in told]
        answers.append(Explained(blank, _telling(found)))
    return answers


def _telling(found: list[tuple[str, Found]]) -> list[tuple[str, Found]]:
    """Leave out what says nothing where another log says something, and what is said twice."""
    dumb = (MissingReason.UNKNOWN, MissingReason.BEFORE_FIRST)
    telling = [one for one in found if one[1].reason not in dumb]
    if telling:
        return list(dict.fromkeys(telling))
    of_none = (
        MissingReason.BEFORE_FIRST if any(one[1].reason is dumb[1] for one in found) else dumb[0]
    )
    return [("", Found(of_none))]
