"""What importing a catalogue file would change, told before it is done. Pure."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

from cloud.tariffs.ratedays import is_half_hourly, without_prices
from shared.errors import ConfigError
from shared.tariffs.offers import Given, Offer, checked_offer, later_versions


class OfferChange(NamedTuple):
    """What becomes of one offer; `offer` is as it will be kept, `slot_prices` what is new."""

    offer: Offer
    is_new: bool
    is_changed: bool
    slot_prices: dict[int, int]
    prices_added: int
    prices_changed: int
    slots_without: int


HeldPrices = Mapping[int, int | None]


def plan_offer(given: Given, before: Offer | None, held: HeldPrices) -> OfferChange:
    """Say what an offer out of a file changes of what is kept; raises ConfigError.

    `held` are the kept prices over the slots that the file prices.
    """
    offer = given.offer
    if before is not None and before.medium is not offer.medium:
        raise ConfigError(
            offer.code, [f"medium = {offer.medium.value}: it is kept as {before.medium.value}"]
        )
    bare, own_prices = without_prices(offer.tariff)
    if before is not None and not given.replaces_all:
        bare = later_versions(before.tariff, bare)
    offer = checked_offer(msgspec.structs.replace(offer, tariff=bare))
    prices = own_prices | given.slot_prices
    return _change(offer, before, prices, held)


def plan_rates(before: Offer, prices: Mapping[int, int], held: HeldPrices) -> OfferChange:
    """Say what late prices change of a kept offer; raises ConfigError where it takes none."""
    if not is_half_hourly(before.tariff):
        raise ConfigError(before.code, ["its prices are not half-hourly: import the whole tariff"])
    return _change(before, before, dict(prices), held)


def span_of(prices: Sequence[int] | Mapping[int, int]) -> tuple[int, int]:
    """Give the slots `[start, end)` that prices reach over."""
    return (min(prices), max(prices) + 1) if prices else (0, 0)


def _change(
    offer: Offer, before: Offer | None, prices: dict[int, int], held: HeldPrices
) -> OfferChange:
    new = {slot: price for slot, price in prices.items() if held.get(slot) != price}
    start, end = span_of(prices)
    without = sum(slot not in prices and held.get(slot) is None for slot in range(start, end))
    return OfferChange(
        offer=offer,
        is_new=before is None,
        is_changed=before is not None and before != offer,
        slot_prices=new,
        prices_added=sum(held.get(slot) is None for slot in new),
        prices_changed=sum(held.get(slot) is not None for slot in new),
        slots_without=without,
    )
