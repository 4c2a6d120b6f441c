"""`/v1/meters/{meter}/preview`: what the bill will be by the period's end, with an interval."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from fastapi import APIRouter, Response

from cloud.answers import From, Meter, To, period, reply
from cloud.auth import Caller
from cloud.costs.endpoints import MAX_COST_DAYS, on_half_hours
from cloud.costs.schemas import Preview
from cloud.costs.supply import Supply, bill, bill_with, read_supply
from cloud.errors import RESPONSES, NotFoundError
from cloud.households.zones import household_zone
from cloud.parts import Shared
from shared.errors import BadInputError
from shared.instants import format_utc
from shared.tariffs.agreements import Agreed
from shared.tariffs.bill import Cost
from shared.tariffs.halfhours import HalfHours
from shared.tariffs.model import Flow, SlotEnergy, Tariff
from shared.tariffs.preview import (
    LEARNED_DAYS,
    TRIED_DAYS,
    Outlook,
    interval_of,
    look_ahead,
    with_expected_prices,
)
from shared.units import MS_PER_DAY, SLOT_MS

METHOD = (
    "Each half hour to come uses what that local half hour used on average over the last 28 whole "
    "days of its kind (weekday or weekend), and asks its own price or, where there is none yet, "
    "the mean of those days. The interval holds eight of ten of the errors that this method made "
    "when tried on earlier days of the last year, as many days ahead."
)

HISTORY_MS = (TRIED_DAYS + LEARNED_DAYS + 1) * MS_PER_DAY

router = APIRouter(prefix="/v1/meters", tags=["tariffs"], responses=RESPONSES)


@router.get("/{meter}/preview", response_model=Preview, summary="What the bill will be")
def preview(meter: Meter, parts: Shared, scope: Caller, start: From, to: To) -> Response:
    """Say what `[from, to)` will cost by its end, which is to come, and how sure that is."""
    zone = household_zone(parts.database, scope, parts.zone)
    start_ms, end_ms = on_half_hours(*period(zone, start, to))
    now_ms = parts.clock.utc_ms()
    if end_ms <= now_ms:
        raise BadInputError("the period is over", hint=f"GET /v1/meters/{meter}/cost prices it")
    if end_ms > now_ms + MAX_COST_DAYS * MS_PER_DAY:
        raise BadInputError(f"to = {to!r} is over {MAX_COST_DAYS} days ahead", hint="ask for less")
    since_ms = min(start_ms, (now_ms - HISTORY_MS) // SLOT_MS * SLOT_MS)
    with parts.database.reading(scope) as connection:
        supply = read_supply(connection, scope, meter, (since_ms, end_ms), zone)
    slots = start_ms // SLOT_MS, end_ms // SLOT_MS
    as_of = max(_known_until(supply, now_ms), slots[0])
    ahead = Ahead(supply, slots, as_of)
    if not ahead.outlooks:
        raise NotFoundError(
            f"meter {meter!r} has no whole day in the last {LEARNED_DAYS} to learn from",
            hint="ask again when a day has passed",
        )
    expected = ahead.priced({})
    ends = ahead.interval(expected.total_millionths)
    so_far = bill(supply, (slots[0], as_of))
    return reply(
        {
            "meter": meter,
            "medium": supply.medium,
            "start": format_utc(start_ms),
            "end": format_utc(end_ms),
            "as_of": format_utc(as_of * SLOT_MS),
            "currency": expected.currency,
            "so_far_millionths": so_far.total_millionths,
            "expected_millionths": expected.total_millionths,
            "expected_minor": expected.total_minor,
            "low_millionths": None if ends is None else ends[0],
            "high_millionths": None if ends is None else ends[1],
            "trials": min(one.trials for one in ahead.outlooks.values()),
            "unpriced_slots": expected.unpriced_slots,
            "method": METHOD,
        }
    )


class Ahead:
    """A period's energy to come by flow, and what the whole then costs."""

    def __init__(self, supply: Supply, slots: tuple[int, int], as_of: int) -> None:
        self._supply, self._slots, self._as_of = supply, slots, as_of
        self.outlooks: dict[Flow, Outlook] = {}
        for flow in supply.flows():
            latest = supply.of_flow(flow)[-1].tariff
            outlook = look_ahead(supply.half_hours(flow, latest), as_of, slots[1])
            if outlook is not None:
                self.outlooks[flow] = outlook
        days = supply.half_hours(Flow.IMPORT, supply.agreed[0].tariff).days
        self._expected = [
            Agreed(agreement, with_expected_prices(tariff, days, as_of, slots[1]))
            for agreement, tariff in supply.agreed
        ]

    def priced(self, instead: Mapping[Flow, Sequence[SlotEnergy]]) -> Cost:
        """Price the whole period with what is to come, or other energy instead of it."""

        def half_hours_of(flow: Flow) -> Callable[[Tariff], HalfHours]:
            outlook = self.outlooks.get(flow)
            to_come = instead.get(flow, outlook.to_come if outlook else ())

            def under(tariff: Tariff) -> HalfHours:
                known = self._supply.energy(flow, tariff)
                before = [one for one in known if one.slot < self._as_of]
                return self._supply.lay_out([*before, *to_come])

            return under

        supply = dataclasses.replace(self._supply, agreed=self._expected)
        return bill_with(supply, self._slots, half_hours_of)

    def interval(self, expected_millionths: int) -> tuple[int, int] | None:
        """Add up how far each flow may take the bill below and above what is expected."""
        low = high = expected_millionths
        for flow, outlook in self.outlooks.items():
            ends = interval_of(outlook, partial(self._total, flow))
            if ends is None:
                return None
            low += min(0, ends[0] - expected_millionths)
            high += max(0, ends[1] - expected_millionths)
        return low, high

    def _total(self, flow: Flow, energy: Sequence[SlotEnergy]) -> int:
        return self.priced({flow: energy}).total_millionths


def _known_until(supply: Supply, now_ms: int) -> int:
    """Find the slot after the last that is known and over."""
    over = now_ms // SLOT_MS
    return max((slot + 1 for slot in supply.usage[Flow.IMPORT] if slot < over), default=0)
