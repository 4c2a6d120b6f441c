"""Energy by price: what each version's prices make of a household's half hours. Pure and exact.

Nothing is rounded here. A slot without a price is counted as unpriced.
"""

from collections.abc import Iterator
from operator import mul
from typing import NamedTuple

from shared.tariffs.halfhours import EnergyRun, HalfHours, LocalDays
from shared.tariffs.model import Flat, HalfHourly, Tariff, TariffVersion, Tiers, TimeOfUse
from shared.tariffs.rates import ALL_DAY, HALF_HOURLY, version_spans
from shared.tariffs.timeofuse import energy_by_price


class TallyKey(NamedTuple):
    """What one line of a bill adds up; the price is None where it changes within the line."""

    version: str
    name: str
    price_millionths_per_kwh: int | None


class Tally:
    """Energy (mWh) and exact cost (mWh × millionths per kWh) by line, and what has no price."""

    def __init__(self) -> None:
        self.energy_mwh: dict[TallyKey, int] = {}
        self.numerators: dict[TallyKey, int] = {}
        self.unpriced_slots = 0
        self.unpriced_mwh = 0

    def add(self, key: TallyKey, energy_mwh: int, numerator: int) -> None:
        """Add energy and its exact cost to a line."""
        self.energy_mwh[key] = self.energy_mwh.get(key, 0) + energy_mwh
        self.numerators[key] = self.numerators.get(key, 0) + numerator

    def add_unpriced(self, slots: int, energy_mwh: int) -> None:
        """Count slots that have no price, with their energy."""
        self.unpriced_slots += slots
        self.unpriced_mwh += energy_mwh


def tally(tariff: Tariff, half_hours: HalfHours, start: int, end: int) -> Tally:
    """Add up the slots `[start, end)` by what the tariff asks.

    Slots before `start` that lie in the same day or month fill the tiers of such a tariff.
    """
    found = Tally()
    days = half_hours.days
    for version, first, last in version_spans(tariff, days):
        low, high = max(start, first), min(end, last)
        if low >= high:
            continue
        if version is not None and isinstance(version.prices, Tiers):
            _add_tiers(found, version, version.prices, half_hours, (low, high, first))
            continue
        for run, run_start, run_end in half_hours.within(low, high):
            _add_run(found, version, run, (run_start, run_end), days)
    return found


def _add_run(
    found: Tally,
    version: TariffVersion | None,
    run: EnergyRun,
    slots: tuple[int, int],
    days: LocalDays,
) -> None:
    start, end = slots
    if version is None:
        found.add_unpriced(end - start, run.energy_mwh(start, end))
    elif isinstance(version.prices, Flat):
        price = version.prices.price_millionths_per_kwh
        energy_mwh = run.energy_mwh(start, end)
        found.add(TallyKey(version.version, ALL_DAY, price), energy_mwh, energy_mwh * price)
    elif isinstance(version.prices, HalfHourly):
        _add_half_hourly(found, version.version, version.prices, run, slots)
    elif isinstance(version.prices, TimeOfUse):
        named = energy_by_price(version.prices, run, slots, days)
        for (name, price), energy_mwh in named.items():
            found.add(TallyKey(version.version, name, price), energy_mwh, energy_mwh * price)


def _add_half_hourly(
    found: Tally, version: str, prices: HalfHourly, run: EnergyRun, slots: tuple[int, int]
) -> None:
    start, end = slots
    first, known = prices.first_slot, prices.prices_millionths_per_kwh
    low = min(max(start, first), end)
    high = max(low, min(end, first + len(known)))
    outside_mwh = run.energy_mwh(start, low) + run.energy_mwh(high, end)
    found.add_unpriced(low - start + end - high, outside_mwh)
    if low == high:
        return
    amounts = run.amounts[low - run.first_slot : high - run.first_slot]
    asked = known[low - first : high - first]
    key = TallyKey(version, HALF_HOURLY, None)
    if None not in asked:
        found.add(key, run.energy_mwh(low, high), sum(map(mul, amounts, asked)))
        return
    energy_mwh = numerator = count = 0
    for amount, price in zip(amounts, asked, strict=True):
        if price is not None:
            count += 1
            energy_mwh += amount
            numerator += amount * price
    if count:
        found.add(key, energy_mwh, numerator)
    found.add_unpriced(high - low - count, run.energy_mwh(low, high) - energy_mwh)


def _add_tiers(
    found: Tally,
    version: TariffVersion,
    prices: Tiers,
    half_hours: HalfHours,
    slots: tuple[int, int, int],
) -> None:
    """Fill the tiers of each day or month with what was used, in order of time."""
    start, end, version_start = slots
    for low, high in _fillings(prices, half_hours.days, start, end):
        begin, stop = max(low, start), min(high, end)
        filled_mwh = half_hours.energy_mwh(max(low, version_start), begin)
        used_mwh = half_hours.energy_mwh(begin, stop)
        floor_mwh = 0
        for tier in prices.tiers:
            above_mwh = max(filled_mwh, floor_mwh)
            below_mwh = filled_mwh + used_mwh
            if tier.up_to_mwh is not None:
                below_mwh = min(below_mwh, tier.up_to_mwh)
                floor_mwh = tier.up_to_mwh
            if above_mwh < below_mwh:
                price = tier.price_millionths_per_kwh
                energy_mwh = below_mwh - above_mwh
                key = TallyKey(version.version, tier.name, price)
                found.add(key, energy_mwh, energy_mwh * price)


def _fillings(prices: Tiers, days: LocalDays, start: int, end: int) -> Iterator[tuple[int, int]]:
    """List the days or calendar months that `[start, end)` touches, as slots.

    A month's earlier days count as far as the half hours that are laid out reach back.
    """
    place, last = days.place_of(start), days.place_of(end - 1)
    if prices.per == "month":
        place = max(0, place - (days.day(place).day - 1))
    while place <= last:
        first = place
        place += 1
        if prices.per == "month":
            while place < days.count and days.day(place).day != 1:
                place += 1
        yield days.starts[first], days.starts[place]
