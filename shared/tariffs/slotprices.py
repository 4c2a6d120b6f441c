"""What a tariff asks in each slot, VAT included: for comparing hours, not for bills. Pure."""

from shared.tariffs.halfhours import LocalDays
from shared.tariffs.model import PERMILLE, Flat, HalfHourly, Tariff, TariffVersion, TimeOfUse
from shared.tariffs.rates import version_spans
from shared.tariffs.timeofuse import like_days


def prices_by_slot(tariff: Tariff, days: LocalDays, start: int, end: int) -> list[int]:
    """Give the price of each slot of `[start, end)`, in millionths per kWh × permille with VAT.

    A slot without a price, and one whose price depends on what was used before, has 0.
    """
    found: list[int] = []
    for version, first, last in version_spans(tariff, days):
        low, high = max(start, first), min(end, last)
        if low >= high:
            continue
        if version is None:
            found += [0] * (high - low)
            continue
        factor = PERMILLE + version.vat_permille
        found += [price * factor for price in _prices_of(version, days, low, high)]
    return found


def _prices_of(version: TariffVersion, days: LocalDays, start: int, end: int) -> list[int]:
    prices = version.prices
    if isinstance(prices, Flat):
        return [prices.price_millionths_per_kwh] * (end - start)
    if isinstance(prices, TimeOfUse):
        found: list[int] = []
        for _, count, stretches in like_days(prices, (start, end), days):
            day = [one.price[1] for one in stretches for _ in range(one.start, one.end)]
            found += day * count
        return found
    if isinstance(prices, HalfHourly):
        first, known = prices.first_slot, prices.prices_millionths_per_kwh
        low = min(max(start, first), end)
        high = max(low, min(end, first + len(known)))
        middle = [price or 0 for price in known[low - first : high - first]]
        return [0] * (low - start) + middle + [0] * (end - high)
    return [0] * (end - start)
