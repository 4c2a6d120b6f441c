"""`/v1/meters/{meter}/quality` and `/usage/comparison`: how well, and against what."""

from typing import Any

from fastapi import APIRouter, Response

from cloud.answers import From, To, reply
from cloud.auth import Caller
from cloud.errors import RESPONSES
from cloud.households.spans import spans_of
from cloud.households.zones import zone_of
from cloud.parts import Shared
from cloud.readings.comparison import (
    LOOKED_BACK_DAYS,
    change_permille,
    expect_similar,
    previous_of,
    whole_days,
    year_before,
)
from cloud.readings.conversions import conversions_of
from cloud.readings.energies import Energies, entry_of
from cloud.readings.known import known_usage
from cloud.readings.periods import Zone, medium_known, span_between
from cloud.readings.quality import MAX_STRETCHES, Stretch, Summary, summarize
from cloud.readings.tenancy import held_slots
from cloud.readings.usage import Known, serve
from cloud.readings.usage_schemas import QualityReport, UsageComparison
from shared.calendar import Interval
from shared.instants import format_utc
from shared.readings import QUANTITIES
from shared.units import MS_PER_DAY, SLOT_MS

MAX_QUALITY_DAYS = 3_660
"""Ten years: 175,000 half hours are looked at one by one."""

router = APIRouter(prefix="/v1/meters", tags=["usage"], responses=RESPONSES)


@router.get("/{meter}/quality", response_model=QualityReport, summary="How well a period is known")
def quality(
    meter: str, parts: Shared, scope: Caller, start: From, to: To, zone: Zone = None
) -> Response:
    """Count the half hours of `[from, to)` by how they are known, and list what is not measured.

    A quantity that the meter does not count is not in the answer. Half hours in which the meter
    was another household's are counted by themselves, and nothing is said of them.
    """
    with parts.database.reading(scope) as connection:
        local = zone_of(connection, scope, zone, parts.zone)
        span_ms = span_between(start, to, local, MAX_QUALITY_DAYS)
        medium = medium_known(connection, scope, meter)
        known = known_usage(connection, scope, meter, medium, span_ms)
        held = held_slots(spans_of(connection, scope, meter))
    first, end = span_ms[0] // SLOT_MS, -(-span_ms[1] // SLOT_MS)
    now_ms = parts.clock.utc_ms()
    return reply(
        {
            "meter": meter,
            "medium": medium,
            "zone": local.key,
            "start": format_utc(first * SLOT_MS),
            "end": format_utc(end * SLOT_MS),
            "quantities": [
                _quantity(name, summarize(one, first, end, now_ms, held))
                for name, one in known.items()
                if one.counters or one.by_slot or name == QUANTITIES[medium][0]
            ],
        }
    )


@router.get(
    "/{meter}/usage/comparison",
    response_model=UsageComparison,
    summary="A period beside others",
)
def comparison(
    meter: str, parts: Shared, scope: Caller, start: From, to: To, zone: Zone = None
) -> Response:
    """Compare the local days `[from, to)` with those before, a year before, and similar ones.

    Whole months are compared with whole months, whole weeks with the same weekdays of last year.
    """
    now_ms = parts.clock.utc_ms()
    with parts.database.reading(scope) as connection:
        local = zone_of(connection, scope, zone, parts.zone)
        days = whole_days(*span_between(start, to, local), local)
        before, last_year = previous_of(days), year_before(days)
        span = days.interval(local)
        first_ms = min(
            before.interval(local).start_ms,
            last_year.interval(local).start_ms,
            span.start_ms - (LOOKED_BACK_DAYS + 1) * MS_PER_DAY,
        )
        medium = medium_known(connection, scope, meter)
        known = known_usage(connection, scope, meter, medium, (first_ms, span.end_ms))
        conversions = conversions_of(connection, scope, meter, medium, local)
    energies = None
    if conversions is not None:
        energies = Energies()
        energies.add(known["gas_l"], conversions)
    compare = _Comparison(known, span, now_ms, energies, QUANTITIES[medium][0])
    similar = expect_similar(known, days, local, QUANTITIES[medium][0])
    return reply(
        {
            "meter": meter,
            "medium": medium,
            "zone": local.key,
            "is_over": compare.is_over,
            "period": compare.entry(span, is_itself=True),
            "previous": compare.entry(before.interval(local)),
            "last_year": compare.entry(last_year.interval(local)),
            "similar": similar
            and {
                **similar.amounts,
                "days": similar.days,
                "change_permille": compare.change_from(similar.amounts),
            },
        }
    )


class _Comparison:
    """A period, and how others stand to it."""

    def __init__(
        self,
        known: dict[str, Known],
        span: Interval,
        now_ms: int,
        energies: Energies | None,
        decided_by: str,
    ) -> None:
        self._known = known
        self._now_ms = now_ms
        self._energies = energies
        self._decided_by = decided_by
        self.is_over = span.end_ms <= now_ms
        self._passed_ms = max(0, now_ms // SLOT_MS * SLOT_MS - span.start_ms)
        self._own = self._serve(span)

    def entry(self, span: Interval, *, is_itself: bool = False) -> dict[str, Any]:
        """Write a period, with what it had used when as much of it had passed."""
        entry = self._serve(span)
        own, other = self._own, entry
        if not self.is_over and self._passed_ms:
            end_ms = min(span.end_ms, span.start_ms + self._passed_ms)
            cut = self._serve(Interval(span.start_ms, end_ms))
            entry["so_far"] = other = {
                name: cut[name] for name in cut if name not in {"start", "status", "source", "why"}
            }
        if not is_itself and (self.is_over or self._passed_ms):
            entry["change_permille"] = change_permille(
                own[self._decided_by], other[self._decided_by]
            )
        return entry

    def change_from(self, amounts: dict[str, int | None]) -> int | None:
        """Say how far the period is above these amounts, once it is over."""
        if not self.is_over:
            return None
        return change_permille(self._own[self._decided_by], amounts[self._decided_by])

    def _serve(self, span: Interval) -> dict[str, Any]:
        (served,) = serve(self._known, [span], self._now_ms)
        return entry_of(served, self._energies)


def _quantity(name: str, summary: Summary) -> dict[str, Any]:
    listed = summary.stretches[:MAX_STRETCHES]
    return {
        "quantity": name,
        **summary._asdict(),
        "stretches": [_stretch(one) for one in listed],
        "stretches_left_off": len(summary.stretches) - len(listed),
    }


def _stretch(one: Stretch) -> dict[str, Any]:
    return {
        "start": format_utc(one.first * SLOT_MS),
        "end": format_utc(one.end * SLOT_MS),
        "slots": one.end - one.first,
        **one.kind._asdict(),
    }
