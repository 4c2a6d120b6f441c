"""What a kilowatt-hour costs now, and when the next cheapest half hour begins. Pure."""

from fractions import Fraction

import msgspec

from agent.home.inputs import HomeInputs
from agent.home.words import format_clock, format_small_money
from shared.calendar import slot_of_sample, slot_start_ms
from shared.tariffs import PERMILLE, HalfHourly, Rate, Tariff, TimeOfUse, rate_at
from shared.units import round_half_even

AHEAD_SLOTS = 48
"""A day ahead: every band of a day comes by once, and half-hourly prices are told no further."""


class RateView(msgspec.Struct, frozen=True):
    """The price that holds now, VAT included, and the cheapest half hour of the next day.

    `price_millionths_per_kwh` is None where the tariff has none for now. `next_cheap_at_ms` is the
    start of the next half hour at the lowest price of the 24 hours ahead, or now's own where that
    is it (`is_cheap_now`); None where all cost the same, or none is known. `is_varying` says
    that the tariff is of a kind whose price changes within a day.
    """

    currency: str
    name: str
    price_millionths_per_kwh: int | None
    price_text: str
    next_cheap_at_ms: int | None
    next_cheap_millionths_per_kwh: int | None
    is_cheap_now: bool
    next_cheap_text: str
    is_varying: bool = False


def view_rate(inputs: HomeInputs) -> RateView | None:
    """Show the price now; None in a home without a tariff."""
    tariff = inputs.tariff
    if tariff is None:
        return None
    running = slot_of_sample(inputs.now_ms)
    now = rate_at(tariff, inputs.now_ms, inputs.zone)
    ahead = [
        (_with_vat(rate), slot)
        for slot in range(running, running + AHEAD_SLOTS)
        if (rate := rate_at(tariff, slot_start_ms(slot), inputs.zone)) is not None
    ]
    price = None if now is None else _with_vat(now)
    cheap, slot = min(ahead, default=(None, None))
    if cheap is None or slot is None or cheap == max(ahead)[0]:
        cheap = slot = None
    cheap_at_ms = None if slot is None else slot_start_ms(slot)
    text = "" if price is None else f"{format_small_money(price, tariff.currency)} a kWh"
    return RateView(
        currency=tariff.currency,
        name="" if now is None else now.name,
        price_millionths_per_kwh=price,
        price_text=text,
        next_cheap_at_ms=cheap_at_ms,
        next_cheap_millionths_per_kwh=cheap,
        is_cheap_now=slot == running,
        next_cheap_text=_cheap_text(inputs, cheap, cheap_at_ms, is_now=slot == running),
        is_varying=_is_varying(tariff),
    )


def _cheap_text(
    inputs: HomeInputs, cheap: int | None, cheap_at_ms: int | None, *, is_now: bool
) -> str:
    if cheap is None or cheap_at_ms is None or inputs.tariff is None:
        return ""
    if is_now:
        return "Now is the cheapest of the next 24 hours"
    clock = format_clock(cheap_at_ms, inputs.now_ms, inputs.zone)
    return f"Cheapest from {clock}: {format_small_money(cheap, inputs.tariff.currency)} a kWh"


def _is_varying(tariff: Tariff) -> bool:
    """Tell whether the clock sets the price; tiers go by use, and cannot be waited for."""
    return any(isinstance(one.prices, TimeOfUse | HalfHourly) for one in tariff.versions)


def _with_vat(rate: Rate) -> int:
    return round_half_even(
        Fraction(rate.price_millionths_per_kwh * (PERMILLE + rate.version.vat_permille), PERMILLE)
    )
