"""Half-hourly prices as they are stored: 48 to a UTC day, packed. Pure."""

import datetime as dt
import struct
from collections.abc import Iterable, Mapping

import msgspec

from shared.calendar import utc_day_of_slot
from shared.tariffs.model import HalfHourly, Tariff
from shared.units import MS_PER_SECOND, SLOT_MS, SLOTS_PER_UTC_DAY

UNPRICED = -(2**31)
"""No price may be so low (shared/tariffs/checks.py): it stands for none."""

_DAY = struct.Struct(f"<{SLOTS_PER_UTC_DAY}i")

NO_PRICES = _DAY.pack(*[UNPRICED] * SLOTS_PER_UTC_DAY)


def put_prices(packed: bytes, utc_day: int, prices: Mapping[int, int]) -> bytes:
    """Write the prices of a day's slots over what is packed of it."""
    held = list(_DAY.unpack(packed))
    first = utc_day * SLOTS_PER_UTC_DAY
    for place in range(SLOTS_PER_UTC_DAY):
        held[place] = prices.get(first + place, held[place])
    return _DAY.pack(*held)


def by_day(prices: Mapping[int, int]) -> dict[int, dict[int, int]]:
    """Sort the prices of slots by UTC day."""
    days: dict[int, dict[int, int]] = {}
    for slot, price in prices.items():
        days.setdefault(utc_day_of_slot(slot), {})[slot] = price
    return days


def unpack_days(
    rows: Iterable[tuple[int, bytes]], first_day: int, end_day: int
) -> list[int | None]:
    """Lay out the prices of the UTC days `[first_day, end_day)`; a day without a row has none."""
    held = dict(rows)
    packed = b"".join(held.get(day, NO_PRICES) for day in range(first_day, end_day))
    prices: tuple[int, ...] = struct.unpack(f"<{len(packed) // 4}i", packed)
    if UNPRICED not in prices:
        return list(prices)
    return [None if price == UNPRICED else price for price in prices]


def is_half_hourly(tariff: Tariff) -> bool:
    """Tell whether any version has half-hourly prices."""
    return any(isinstance(one.prices, HalfHourly) for one in tariff.versions)


def with_prices(tariff: Tariff, first_day: int, prices: list[int | None]) -> Tariff:
    """Give a tariff's half-hourly versions the prices from a UTC day on."""
    at_s = first_day * SLOTS_PER_UTC_DAY * SLOT_MS // MS_PER_SECOND
    known = HalfHourly(dt.datetime.fromtimestamp(at_s, tz=dt.UTC), prices)
    versions = [
        msgspec.structs.replace(one, prices=known) if isinstance(one.prices, HalfHourly) else one
        for one in tariff.versions
    ]
    return msgspec.structs.replace(tariff, versions=versions)


def without_prices(tariff: Tariff) -> tuple[Tariff, dict[int, int]]:
    """Take half-hourly prices out of a tariff that was given with them, by slot."""
    found: dict[int, int] = {}
    versions = []
    for one in tariff.versions:
        if isinstance(one.prices, HalfHourly):
            known = enumerate(one.prices.prices_millionths_per_kwh, one.prices.first_slot)
            found |= {slot: price for slot, price in known if price is not None}
            bare = msgspec.structs.replace(one.prices, prices_millionths_per_kwh=[])
            versions.append(msgspec.structs.replace(one, prices=bare))
        else:
            versions.append(one)
    return msgspec.structs.replace(tariff, versions=versions), found
