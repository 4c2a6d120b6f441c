"""From what is known of half hours to what was used and spent in each interval. Pure.

The names are those of the cloud's `/v1/usage` and `/v1/meters/{meter}/costs`.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from shared.calendar import Interval, day_of, local_date, slots_between
from shared.instants import format_utc
from shared.meterdays import SlotUsage, Why
from shared.readings import QUANTITIES, Medium
from shared.tariffs import (
    DEFAULT_CALORIFIC_VALUE_KJ_PER_M3,
    SlotEnergy,
    Tariff,
    energy_of,
    gas_mwh,
    price,
)
from shared.units import SLOT_MS


class KnownSlots(NamedTuple):
    """What is known of one quantity: usage by slot, and why the estimated slots are estimates."""

    by_slot: Mapping[int, SlotUsage]
    why: Mapping[int, frozenset[Why]]


Past = Mapping[str, KnownSlots]
"""What is known of a span by quantity ("import_mwh", "gas_l", …)."""


class Used(NamedTuple):
    """What was used in an interval: amounts by quantity, None where nothing is known of one."""

    interval: Interval
    amounts: dict[str, int | None]
    status: Literal["measured", "estimated", "missing"]
    why: list[str]


class Span(NamedTuple):
    """How many half hours of an interval are known, and what was used in them."""

    amount: int | None
    known: int
    estimated: list[int]


def used_in(
    past: Past, intervals: Sequence[Interval], tariff: Tariff | None, now_ms: int
) -> Iterator[Used]:
    """Sum each quantity over each interval; `tariff` says how much energy is in gas.

    A quantity that nothing was ever counted of in these intervals is left out, but for the first.
    """
    first = next(iter(past))
    counted = {name: one for name, one in past.items() if name == first or one.by_slot}
    for interval in intervals:
        spans = {name: _span(one, interval) for name, one in counted.items()}
        amounts = {name: one.amount for name, one in spans.items()}
        if (litres := amounts.get("gas_l")) is not None:
            amounts["gas_mwh"] = _gas_energy(litres, tariff)
        yield Used(interval, amounts, *_judge(counted, spans, interval, now_ms))


def entry_of(used: Used) -> dict[str, Any]:
    """Write an interval as the API does."""
    return {
        "start": format_utc(used.interval.start_ms),
        "end": format_utc(used.interval.end_ms),
        **used.amounts,
        "status": used.status,
        "why": used.why,
    }


class Spent(msgspec.Struct, frozen=True):
    """What one interval costs by itself, standing charges and VAT included.

    Amounts of money are None where no tariff holds in it, or it has not begun. A standing charge is
    in the interval in which its local day begins, if it has. `unpriced_slots` have no price; of
    `missing_slots` nothing is known.
    """

    start: str
    end: str
    net_millionths: int | None
    vat_millionths: int | None
    total_millionths: int | None
    energy_mwh: int
    unpriced_slots: int
    missing_slots: int
    estimated_slots: int


def spent_in(
    past: Past,
    medium: Medium,
    intervals: Sequence[Interval],
    tariff: Tariff,
    zone: ZoneInfo,
    now_ms: int,
) -> Iterator[Spent]:
    """Price what was bought in each interval, each as a bill of its own."""
    bought = past[QUANTITIES[medium][0]]
    today = day_of(local_date(now_ms, zone), zone)
    for interval in intervals:
        energy = [
            SlotEnergy(slot, energy_of(medium, usage.amount, tariff))
            for slot in slots_between(*interval)
            if (usage := bought.by_slot.get(slot)) is not None
        ]
        over_ms = max(min(interval.end_ms, now_ms), interval.start_ms)
        over = (over_ms - interval.start_ms) // SLOT_MS
        estimated = sum(bought.by_slot[one.slot].is_estimated for one in energy)
        # Standing charges of days to come are not spent yet.
        until_ms = max(min(interval.end_ms, today.end_ms), interval.start_ms)
        cost = price(tariff, energy, interval.start_ms, until_ms, zone)
        holds = bool(cost.lines)
        yield Spent(
            format_utc(interval.start_ms),
            format_utc(interval.end_ms),
            cost.net_millionths if holds else None,
            cost.vat_millionths if holds else None,
            cost.total_millionths if holds else None,
            sum(one.energy_mwh for one in energy),
            cost.unpriced_slots,
            max(over - len(energy), 0),
            estimated,
        )


def _span(known: KnownSlots, interval: Interval) -> Span:
    amount, count = 0, 0
    estimated = []
    for slot in slots_between(*interval):
        usage = known.by_slot.get(slot)
        if usage is not None:
            count += 1
            amount += usage.amount
            if usage.is_estimated:
                estimated.append(slot)
    return Span(amount if count else None, count, estimated)


def _judge(
    past: Past, spans: Mapping[str, Span], interval: Interval, now_ms: int
) -> tuple[Literal["measured", "estimated", "missing"], list[str]]:
    if not any(one.known for one in spans.values()):
        return "missing", ["no-readings" if interval.start_ms <= now_ms else "not-yet"]
    slots = len(slots_between(*interval))
    why = {
        reason.value
        for name, one in spans.items()
        for slot in one.estimated
        for reason in past[name].why.get(slot, ())
    }
    if any(one.known < slots for one in spans.values()):
        why.add("incomplete")
    is_estimated = bool(why) or any(one.estimated for one in spans.values())
    return ("estimated" if is_estimated else "measured"), sorted(why)


def _gas_energy(litres: int, tariff: Tariff | None) -> int:
    if tariff is None:
        return gas_mwh(litres, DEFAULT_CALORIFIC_VALUE_KJ_PER_M3)
    return energy_of(Medium.GAS, litres, tariff)
