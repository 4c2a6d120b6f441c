"""What a bill will be by its period's end, with an interval. Pure; the method is stated in words.

*Method.* Each half hour to come is taken to use what that local half hour used on average over the
28 last whole days of the same kind (weekday, or weekend). A half hour to come without a price yet
is taken to ask the mean of what that local half hour asked over those days. Everything known is
taken as it is, and the whole is priced as any bill is: tiers, versions, standing charges and VAT.

*Interval.* The same method is tried on each earlier day of the last year, as if that had been
today, for as many days ahead. What was used then, against what it said, is the spread of its
errors; from the 10th to the 90th percentile of them, energy to come is scaled and priced again.
With fewer than ten such trials there is no interval.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec

from shared.calendar import to_local
from shared.tariffs.halfhours import HalfHours, LocalDays
from shared.tariffs.model import PERMILLE, HalfHourly, SlotEnergy, Tariff
from shared.units import SLOT_MS

LEARNED_DAYS = 28
"""Four weeks: a season's habits, and four of each weekday."""

TRIED_DAYS = 365
TRIALS_MIN = 10
"""Fewer do not say where the 10th and the 90th percentile lie."""

LOW_PERCENT, HIGH_PERCENT = 10, 90
FIRST_DAY_OF_WEEKEND = 6


class Habit(NamedTuple):
    """Mean energy by (is weekend, local minute), in mWh; what was never seen has no place."""

    energy_mwh: dict[tuple[bool, int], int]


class Learned(NamedTuple):
    """The energy of so many half hours."""

    energy_mwh: int
    slots: int


class Outlook(NamedTuple):
    """Energy to come, and by how many permille of it the method was wrong before."""

    to_come: list[SlotEnergy]
    low_permille: int | None
    high_permille: int | None
    trials: int


def look_ahead(half_hours: HalfHours, now_slot: int, end: int) -> Outlook | None:
    """Say what the slots from `now_slot` until before `end` will use; None without a whole day.

    `half_hours` holds what is known before `now_slot`, a year of it at best, and its days reach to
    `end`.
    """
    days = half_hours.days
    today = days.place_of(now_slot)
    habit = _habit(half_hours, today)
    if not habit.energy_mwh:
        return None
    to_come = [SlotEnergy(slot, _expected(habit, days, slot)) for slot in range(now_slot, end)]
    ahead = max(1, days.place_of(end - 1) - today + 1)
    ratios = _trials(half_hours, today, ahead)
    if len(ratios) < TRIALS_MIN:
        return Outlook(to_come, None, None, len(ratios))
    ratios.sort()
    last = len(ratios) - 1
    return Outlook(
        to_come,
        ratios[last * LOW_PERCENT // 100],
        ratios[-(-last * HIGH_PERCENT // 100)],
        len(ratios),
    )


def scale(energy: Sequence[SlotEnergy], permille: int) -> list[SlotEnergy]:
    """Scale energy by so many thousandths, each slot rounded down."""
    return [SlotEnergy(slot, amount * permille // PERMILLE) for slot, amount in energy]


def with_expected_prices(tariff: Tariff, days: LocalDays, now_slot: int, end: int) -> Tariff:
    """Fill the half hours to come that have no price with the mean of that local half hour.

    It looks back 28 days from `now_slot`; tariffs of other kinds are returned as they are.
    """

    def fill(prices: HalfHourly) -> HalfHourly:
        first, known = prices.first_slot, prices.prices_millionths_per_kwh
        filled = list(known[: max(0, end - first)])
        filled += [None] * (end - first - len(filled))
        means = _mean_prices(filled, first, days, now_slot)
        for slot in range(max(now_slot, first), end):
            if filled[slot - first] is None:
                filled[slot - first] = means.get(_minute_of(slot, days))
        return msgspec.structs.replace(prices, prices_millionths_per_kwh=filled)

    versions = [
        msgspec.structs.replace(version, prices=fill(version.prices))
        if isinstance(version.prices, HalfHourly)
        else version
        for version in tariff.versions
    ]
    return msgspec.structs.replace(tariff, versions=versions)


def _mean_prices(
    known: Sequence[int | None], first: int, days: LocalDays, now_slot: int
) -> dict[int, int]:
    seen: dict[int, list[int]] = {}
    since = days.starts[max(0, days.place_of(now_slot) - LEARNED_DAYS)]
    for slot in range(max(first, since), min(now_slot, first + len(known))):
        price = known[slot - first]
        if price is not None:
            seen.setdefault(_minute_of(slot, days), []).append(price)
    return {minute: sum(prices) // len(prices) for minute, prices in seen.items()}


def _minute_of(slot: int, days: LocalDays) -> int:
    local = to_local(slot * SLOT_MS, days.zone)
    return local.hour * 60 + local.minute


def _habit(half_hours: HalfHours, today: int) -> Habit:
    """Average the whole known days of each kind among the 28 days before a place."""
    days = half_hours.days
    sums: dict[tuple[bool, int], int] = {}
    counts: dict[tuple[bool, int], int] = {}
    for place in range(max(0, today - LEARNED_DAYS), today):
        amounts = _whole_day(half_hours, place)
        if amounts is None:
            continue
        is_weekend = _is_weekend(days, place)
        for minute, amount in zip(days.minutes_of(place), amounts, strict=True):
            key = (is_weekend, minute)
            sums[key] = sums.get(key, 0) + amount
            counts[key] = counts.get(key, 0) + 1
    return Habit({key: amount // counts[key] for key, amount in sums.items()})


def _whole_day(half_hours: HalfHours, place: int) -> list[int] | None:
    start, end = half_hours.days.starts[place], half_hours.days.starts[place + 1]
    for run, low, high in half_hours.within(start, end):
        if (low, high) == (start, end):
            return run.amounts[start - run.first_slot : end - run.first_slot]
    return None


def _expected(habit: Habit, days: LocalDays, slot: int) -> int:
    minute = _minute_of(slot, days)
    is_weekend = _is_weekend(days, days.place_of(slot))
    # A kind of day that was never whole is taken for the other kind.
    known = habit.energy_mwh.get((is_weekend, minute))
    return habit.energy_mwh.get((not is_weekend, minute), 0) if known is None else known


def _is_weekend(days: LocalDays, place: int) -> bool:
    return days.day(place).isoweekday() >= FIRST_DAY_OF_WEEKEND


def _trials(half_hours: HalfHours, today: int, ahead: int) -> list[int]:
    """Try the method on earlier days: permille of what was used to what it would have said.

    By whole days, each with as many half hours as the clocks leave it.
    """
    days = half_hours.days
    first = max(0, today - TRIED_DAYS)
    totals = [_day_total(half_hours, place) for place in range(first, today)]
    lengths = [days.starts[place + 1] - days.starts[place] for place in range(first, today)]
    kinds = [_is_weekend(days, place) for place in range(first, today)]
    ratios = []
    for place in range(LEARNED_DAYS, len(totals) - ahead + 1):
        means = _means(totals, lengths, kinds, place)
        used = totals[place : place + ahead]
        if means is None or None in used:
            continue
        said = sum(
            length * means[kind].energy_mwh // means[kind].slots
            for kind, length in zip(
                kinds[place : place + ahead], lengths[place : place + ahead], strict=True
            )
        )
        if said > 0:
            ratios.append(sum(one or 0 for one in used) * PERMILLE // said)
    return ratios


def _day_total(half_hours: HalfHours, place: int) -> int | None:
    amounts = _whole_day(half_hours, place)
    return None if amounts is None else sum(amounts)


def _means(
    totals: Sequence[int | None], lengths: Sequence[int], kinds: Sequence[bool], place: int
) -> dict[bool, Learned] | None:
    """Add up the known days of each kind before a place; None where one kind has none."""
    learned = {False: Learned(0, 0), True: Learned(0, 0)}
    for one in range(place - LEARNED_DAYS, place):
        amount = totals[one]
        if amount is not None:
            before = learned[kinds[one]]
            learned[kinds[one]] = Learned(before.energy_mwh + amount, before.slots + lengths[one])
    return learned if all(one.slots for one in learned.values()) else None


Priced = Callable[[Sequence[SlotEnergy]], int]
"""What a period's known half hours cost together with these to come, in millionths."""


def interval_of(outlook: Outlook, priced: Priced) -> tuple[int, int] | None:
    """Price the low and the high end of what is to come; None where too little was tried."""
    if outlook.low_permille is None or outlook.high_permille is None:
        return None
    low, high = (
        priced(scale(outlook.to_come, permille))
        for permille in (outlook.low_permille, outlook.high_permille)
    )
    return min(low, high), max(low, high)
