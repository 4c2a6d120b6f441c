"""Bills worked the slow, plain way: half hour by half hour, in decimals, as one would on paper.

An independent reading of docs/reference/tariff.md; it uses nothing of the product but the shapes
of a tariff.
"""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal, getcontext
from functools import cache
from zoneinfo import ZoneInfo

from shared.tariffs.model import (
    Band,
    Flat,
    Flow,
    HalfHourly,
    Tariff,
    TariffVersion,
    Tiers,
    TimeOfUse,
)

getcontext().prec = 60
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
HALF_HOUR = dt.timedelta(minutes=30)
MILLION = Decimal(1_000_000)


@dataclass
class Paper:
    """A bill as it grows: amounts by (kind, version, name, price), and what has no price."""

    amounts: dict[tuple[str, str, str, int | None], Decimal] = field(default_factory=dict)
    unpriced_slots: int = 0
    unpriced_mwh: int = 0
    rounded: dict[tuple[str, str, str], int] = field(default_factory=dict)

    def write(self, kind: str, version: str, name: str, price: int | None, amount: Decimal) -> None:
        """Add an exact amount of money, in currency units, to a line."""
        key = (kind, version, name, price)
        self.amounts[key] = self.amounts.get(key, Decimal(0)) + amount


@cache
def wall_clock(slot: int, zone_name: str) -> dt.datetime:
    """Tell the local time at which a half hour begins."""
    return (EPOCH + slot * HALF_HOUR).astimezone(ZoneInfo(zone_name))


def bill_on_paper(
    tariff: Tariff,
    energy: Iterable[tuple[int, int]],
    days: Iterable[dt.date],
    zone_name: str,
) -> tuple[int, int, Paper]:
    """Work out a bill: its total in millionths, in pennies, and the paper it is on."""
    paper = Paper()
    used: dict[tuple[str, str], int] = {}
    sign = -1 if tariff.flow is Flow.EXPORT else 1
    for slot, energy_mwh in sorted(energy):
        local = wall_clock(slot, zone_name)
        version = holding(tariff, local.date())
        parts = [] if version is None else pieces(version, slot, local, energy_mwh, used)
        if version is None or not parts:
            paper.unpriced_slots += 1
            paper.unpriced_mwh += energy_mwh
            continue
        for name, price, shown, amount_mwh in parts:
            money = sign * Decimal(amount_mwh) / MILLION * Decimal(price) / MILLION
            paper.write("energy", version.version, name, shown, money)
    for day in days:
        version = holding(tariff, day)
        if version is not None:
            charge = Decimal(version.standing_millionths_per_day) / MILLION
            paper.write("standing", version.version, "standing", None, charge)
    total = add_up(tariff, paper)
    pennies = (abs(total) / 10_000).quantize(Decimal(1), ROUND_HALF_UP)
    return int(total), int(pennies) * (1 if total >= 0 else -1), paper


def add_up(tariff: Tariff, paper: Paper) -> Decimal:
    """Round each line to a millionth, take VAT on each rate's net, and add up, in millionths."""
    nets: dict[int, Decimal] = {}
    vat_of = {version.version: version.vat_permille for version in tariff.versions}
    for (_, version_name, _, _), amount in paper.amounts.items():
        line = (amount * MILLION).quantize(Decimal(1), ROUND_HALF_EVEN)
        rate = vat_of[version_name]
        nets[rate] = nets.get(rate, Decimal(0)) + line
    vat = sum(
        (net * rate / 1000).quantize(Decimal(1), ROUND_HALF_EVEN) for rate, net in nets.items()
    )
    return sum(nets.values(), Decimal(0)) + vat


def holding(tariff: Tariff, day: dt.date) -> TariffVersion | None:
    """Find the version of a day by looking at all of them."""
    begun = [one for one in tariff.versions if one.starts_on <= day]
    if not begun:
        return None
    newest = max(begun, key=lambda one: one.starts_on)
    return None if newest.ends_on is not None and day >= newest.ends_on else newest


def pieces(
    version: TariffVersion,
    slot: int,
    local: dt.datetime,
    energy_mwh: int,
    used: dict[tuple[str, str], int],
) -> list[tuple[str, int, int | None, int]]:
    """Split a half hour's energy by (name, price, the line's price); none where it has no price."""
    prices = version.prices
    if isinstance(prices, Flat):
        price = prices.price_millionths_per_kwh
        return [("flat", price, price, energy_mwh)]
    if isinstance(prices, HalfHourly):
        known = prices.prices_millionths_per_kwh
        place = (EPOCH + slot * HALF_HOUR - prices.starts_at) // HALF_HOUR
        found = known[place] if 0 <= place < len(known) else None
        if found is None:
            return []
        return [("dynamic", found, None, energy_mwh)]
    if isinstance(prices, TimeOfUse):
        for band in prices.bands:
            if band_holds(band, prices, local):
                asked = band.price_millionths_per_kwh
                return [(band.name, asked, asked, energy_mwh)]
        asked = prices.base_price_millionths_per_kwh
        return [(prices.base_name, asked, asked, energy_mwh)]
    return tiers(prices, version, local, energy_mwh, used)


def tiers(
    prices: Tiers,
    version: TariffVersion,
    local: dt.datetime,
    energy_mwh: int,
    used: dict[tuple[str, str], int],
) -> list[tuple[str, int, int | None, int]]:
    """Pour a half hour's energy into the tiers that are not full yet."""
    period = (version.version, f"{local:%Y-%m-%d}" if prices.per == "day" else f"{local:%Y-%m}")
    poured: list[tuple[str, int, int | None, int]] = []
    left = energy_mwh
    for tier in prices.tiers:
        so_far = used.get(period, 0)
        room = left if tier.up_to_mwh is None else max(0, tier.up_to_mwh - so_far)
        taken = min(left, room)
        price = tier.price_millionths_per_kwh
        if taken:
            poured.append((tier.name, price, price, taken))
        used[period] = so_far + taken
        left -= taken
    return poured or [(prices.tiers[0].name, 0, None, 0)]


def band_holds(band: Band, prices: TimeOfUse, local: dt.datetime) -> bool:
    """Tell whether a band holds at a local time."""
    minute = local.hour * 60 + local.minute
    begin, end = band.from_minute, band.to_minute
    is_hour = begin <= minute < end if begin <= end else minute >= begin or minute < end
    weekday = 7 if local.date() in prices.holidays else local.weekday() + 1
    if not is_hour or (band.days and weekday not in band.days):
        return False
    if not band.from_date:
        return True
    opens = tuple(int(part) for part in band.from_date.split("-"))
    closes = tuple(int(part) for part in band.to_date.split("-"))
    today = (local.month, local.day)
    return opens <= today < closes if opens < closes else today >= opens or today < closes
