"""Which price holds when: by version, local day and minute, and season. Pure."""

import datetime as dt
from collections.abc import Iterator, Sequence
from typing import NamedTuple
from zoneinfo import ZoneInfo

from shared.calendar import to_local
from shared.tariffs.halfhours import LocalDays
from shared.tariffs.model import Band, Flat, HalfHourly, Tariff, TariffVersion, Tiers, TimeOfUse
from shared.units import SLOT_MS

ALL_DAY = "all day"
HALF_HOURLY = "half-hourly"
SUNDAY = 7


class Rate(NamedTuple):
    """The price that holds for one slot."""

    version: TariffVersion
    name: str
    price_millionths_per_kwh: int


class VersionSpan(NamedTuple):
    """The slots `[start, end)` that one version prices, or none does."""

    version: TariffVersion | None
    start: int
    end: int


def version_on(tariff: Tariff, day: dt.date) -> TariffVersion | None:
    """Find the version that holds on a local day; None where none does."""
    holding = None
    for version in tariff.versions:
        if version.starts_on <= day:
            holding = version
    if holding is not None and holding.ends_on is not None and holding.ends_on <= day:
        return None
    return holding


def version_spans(tariff: Tariff, days: LocalDays) -> Iterator[VersionSpan]:
    """Cut the span of these days into what each version prices, in order and without a hole."""
    place = days.starts[0]
    last = days.starts[-1]
    for number, version in enumerate(tariff.versions):
        is_last = number + 1 == len(tariff.versions)
        end = last if is_last else days.slot_of(tariff.versions[number + 1].starts_on)
        start = max(place, days.slot_of(version.starts_on))
        stop = end if version.ends_on is None else min(end, days.slot_of(version.ends_on))
        if place < start:
            yield VersionSpan(None, place, start)
        if start < stop:
            yield VersionSpan(version, start, stop)
        place = max(place, start, stop)
    if place < last:
        yield VersionSpan(None, place, last)


def rate_at(tariff: Tariff, at_ms: int, zone: ZoneInfo) -> Rate | None:
    """Find the price at an instant; None where the tariff has none.

    The price of tiers depends on what was used before: theirs is None too.
    """
    local = to_local(at_ms, zone)
    version = version_on(tariff, local.date())
    if version is None or isinstance(version.prices, Tiers):
        return None
    if isinstance(version.prices, Flat):
        return Rate(version, ALL_DAY, version.prices.price_millionths_per_kwh)
    if isinstance(version.prices, HalfHourly):
        price = _half_hour_price(version.prices, at_ms // SLOT_MS)
        return None if price is None else Rate(version, HALF_HOURLY, price)
    minute = local.hour * 60 + local.minute
    bands = bands_on(version.prices, local.date())
    return Rate(version, *price_of_minute(version.prices, bands, minute))


def _half_hour_price(prices: HalfHourly, slot: int) -> int | None:
    place = slot - prices.first_slot
    known = prices.prices_millionths_per_kwh
    return known[place] if 0 <= place < len(known) else None


def price_of_minute(prices: TimeOfUse, bands: Sequence[Band], minute: int) -> tuple[str, int]:
    """Name which of a day's bands, or the base, holds at a minute of it, and its price."""
    for band in bands:
        if _holds(band, minute):
            return band.name, band.price_millionths_per_kwh
    return prices.base_name, prices.base_price_millionths_per_kwh


def bands_on(prices: TimeOfUse, day: dt.date) -> list[Band]:
    """List the bands that hold on a local day, in the tariff's order."""
    weekday = SUNDAY if day in prices.holidays else day.isoweekday()
    date = day.isoformat()[-len("MM-DD") :]
    return [
        band
        for band in prices.bands
        if (not band.days or weekday in band.days)
        and (not band.from_date or _is_in_season(band, date))
    ]


def is_every_day_alike(prices: TimeOfUse) -> bool:
    """Tell whether the same bands hold on every day."""
    return not any(band.days or band.from_date for band in prices.bands)


def _is_in_season(band: Band, date: str) -> bool:
    if band.from_date < band.to_date:
        return band.from_date <= date < band.to_date
    return date >= band.from_date or date < band.to_date


def _holds(band: Band, minute: int) -> bool:
    if band.from_minute <= band.to_minute:
        return band.from_minute <= minute < band.to_minute
    return minute >= band.from_minute or minute < band.to_minute
