"""The energy of each band of a time-of-use tariff, many like days at once. Pure and exact."""

from collections.abc import Iterator
from itertools import groupby
from typing import NamedTuple

from shared.tariffs.halfhours import SLOTS_PER_PLAIN_DAY, EnergyRun, LocalDays
from shared.tariffs.model import Band, TimeOfUse
from shared.tariffs.rates import bands_on, is_every_day_alike, price_of_minute

DAYS_PER_WEEK = 7

NamedPrice = tuple[str, int]
"""A band's name, or the base's, and its price in millionths per kWh."""


class Stretch(NamedTuple):
    """The half hours `[start, end)` of a day that have one price, counted from the day's first."""

    start: int
    end: int
    price: NamedPrice


class LikeDays(NamedTuple):
    """Days of 48 half hours that follow each other and have the same stretches.

    A day that the clocks change, or that is cut short, stands alone.
    """

    first_slot: int
    day_count: int
    stretches: list[Stretch]


def energy_by_price(
    prices: TimeOfUse, run: EnergyRun, slots: tuple[int, int], days: LocalDays
) -> dict[NamedPrice, int]:
    """Add up the energy of the slots `[start, end)` of a run, in mWh, by band and price."""
    energy: dict[NamedPrice, int] = {}
    for first_slot, count, stretches in like_days(prices, slots, days):
        base = first_slot - run.first_slot
        span = SLOTS_PER_PLAIN_DAY * (count - 1) + 1
        for start, end, price in stretches:
            # One slice of the running sums has the same edge of every day.
            upper = run.sums[base + end : base + end + span : SLOTS_PER_PLAIN_DAY]
            lower = run.sums[base + start : base + start + span : SLOTS_PER_PLAIN_DAY]
            energy[price] = energy.get(price, 0) + sum(upper) - sum(lower)
    return energy


def like_days(prices: TimeOfUse, slots: tuple[int, int], days: LocalDays) -> Iterator[LikeDays]:
    """Cut the slots `[start, end)` into days with the same stretches, in order."""
    start, end = slots
    known: dict[tuple[int, ...], list[Stretch]] = {}
    place, last = days.place_of(start), days.place_of(end - 1)
    while place <= last:
        low, high = days.starts[place], days.starts[place + 1]
        if low < start or high > end or not days.is_plain(place):
            whole = _stretches(prices, place, days)
            yield LikeDays(low, 1, list(_clip(whole, start - low, end - low)))
            place += 1
            continue
        # The first and the last day may be cut short: what is plain between them is whole.
        stop = min(days.plain_until(place), last + 1 if days.starts[last + 1] <= end else last)
        for first, count in _alike(prices, days, place, stop):
            key = tuple(map(id, bands_on(prices, days.day(first))))
            if key not in known:
                known[key] = _stretches(prices, first, days)
            yield LikeDays(days.starts[first], count, known[key])
        place = stop


def _alike(prices: TimeOfUse, days: LocalDays, first: int, stop: int) -> Iterator[tuple[int, int]]:
    """Group the days `[first, stop)` by the bands that hold on them: first day and count."""
    if is_every_day_alike(prices):
        yield first, stop - first
        return
    is_by_date = bool(prices.holidays) or any(band.from_date for band in prices.bands)
    known: dict[int, list[Band]] = {}
    begun, held = first, bands_on(prices, days.day(first))
    for place in range(first + 1, stop):
        key = place if is_by_date else place % DAYS_PER_WEEK
        bands = known.get(key)
        if bands is None:
            bands = known[key] = bands_on(prices, days.day(place))
        if bands != held:
            yield begun, place - begun
            begun, held = place, bands
    yield begun, stop - begun


def _stretches(prices: TimeOfUse, place: int, days: LocalDays) -> list[Stretch]:
    bands = bands_on(prices, days.day(place))
    priced = [price_of_minute(prices, bands, minute) for minute in days.minutes_of(place)]
    found = []
    start = 0
    for price, same in groupby(priced):
        end = start + len(list(same))
        found.append(Stretch(start, end, price))
        start = end
    return found


def _clip(stretches: list[Stretch], start: int, end: int) -> Iterator[Stretch]:
    for one in stretches:
        low, high = max(one.start, start), min(one.end, end)
        if low < high:
            yield Stretch(low, high, one.price)
