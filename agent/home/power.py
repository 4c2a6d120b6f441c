"""Power at this moment: what the electricity meters say, how old it is, and what it costs an hour.

Pure.
"""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Literal

import msgspec

from agent.home.inputs import HomeInputs, MeterState
from agent.home.light import Level, Scale, gauge_permille, level_of, scale_of
from agent.home.words import format_age, format_clock, format_small_money, split_power
from agent.roles import Role
from shared.calendar import slot_of_sample
from shared.readings import Medium
from shared.tariffs import PERMILLE, Flat, rate_at
from shared.units import MS_PER_SECOND, round_half_even

STALE_AFTER_MS = 60 * MS_PER_SECOND
"""Six of the slowest electricity telegrams (one in 10 s): after that the number is history."""

SLOWEST_STALE_AFTER_MS = 15 * 60 * MS_PER_SECOND
"""However seldom a meter speaks that must be asked, a quarter of an hour is not now."""

PHASES = (1, 2, 3)


class PowerView(msgspec.Struct, frozen=True):
    """Power now: `net_w` is positive when the home buys and negative when it exports.

    `state` is "fresh", "stale" (old, shown as old, without light or cost) or "missing" (no meter
    heard, or one that does not report power). `gauge_permille` places it on the gauge.
    """

    state: Literal["fresh", "stale", "missing"]
    net_w: int | None
    number: str
    unit: str
    direction: Literal["buying", "exporting", "none"]
    age_ms: int | None
    age_text: str
    level: Level | None
    sentence: str
    gauge_permille: int
    scale: Scale
    cost_per_hour_millionths: int | None
    cost_per_hour_text: str
    cost_per_hour_note: str


def view_power(inputs: HomeInputs) -> PowerView:
    """Show power now, summed over the electricity meters that are being heard."""
    scale = scale_of(inputs.electricity_slots, slot_of_sample(inputs.now_ms))
    heard = electricity_meters(inputs.meters)
    reporting = [(meter, net_power_w(meter.registers)) for meter in heard]
    powers_w = [net_w for _, net_w in reporting if net_w is not None]
    if not powers_w:
        return _missing(scale, "no power reported" if heard else "no meter heard yet")
    net_w = sum(powers_w)
    age_ms = max(meter.age_ms for meter, power in reporting if power is not None)
    if all(map(is_silent, heard)):
        return _stale(inputs, scale, net_w, age_ms)
    return _fresh(inputs, scale, net_w, age_ms)


def generation_in_words(inputs: HomeInputs) -> str:
    """Say what the home's own source makes now; empty where there is none, or it is silent."""
    made_w = [
        -power_w
        for meter in inputs.meters
        if meter.role is Role.GENERATION and not is_silent(meter)
        if (power_w := net_power_w(meter.registers)) is not None
    ]
    return f"Own generation now: {' '.join(split_power(sum(made_w)))}" if made_w else ""


def electricity_meters(meters: Sequence[MeterState]) -> list[MeterState]:
    """List the supply's meters that count now: the ones being heard, or all where none is."""
    electric = [
        meter
        for meter in meters
        if meter.medium is Medium.ELECTRICITY and meter.role is Role.SUPPLY
    ]
    return [meter for meter in electric if not is_silent(meter)] or electric


def is_silent(meter: MeterState) -> bool:
    """Tell whether an electricity meter has missed two of its own turns, a minute at the least."""
    patience_ms = min(5 * meter.rhythm_ms // 2, SLOWEST_STALE_AFTER_MS)
    return meter.age_ms > max(STALE_AFTER_MS, patience_ms)


def net_power_w(registers: Mapping[str, int]) -> int | None:
    """Net power of one meter, import minus export; None where it reports none.

    A meter without a total is the sum of its phases.
    """
    bought_w = _direction_w(registers, "import")
    exported_w = _direction_w(registers, "export")
    if bought_w is None and exported_w is None:
        return None
    return (bought_w or 0) - (exported_w or 0)


def _direction_w(registers: Mapping[str, int], direction: str) -> int | None:
    total_w = registers.get(f"power_{direction}_w")
    if total_w is not None:
        return total_w
    phases_w = [registers.get(f"power_{direction}_l{phase}_w") for phase in PHASES]
    known_w = [power_w for power_w in phases_w if power_w is not None]
    return sum(known_w) if known_w else None


def _fresh(inputs: HomeInputs, scale: Scale, net_w: int, age_ms: int) -> PowerView:
    number, unit = split_power(net_w)
    level = level_of(net_w, scale)
    is_exporting = net_w < 0
    cost_millionths, cost_text, cost_note = _cost_per_hour(inputs, net_w)
    sentence = (
        f"Exporting {number} {unit} to the grid"
        if is_exporting
        else f"Using {number} {unit}, {level} for this home"
    )
    return PowerView(
        state="fresh",
        net_w=net_w,
        number=number,
        unit=unit,
        direction="exporting" if is_exporting else "buying",
        age_ms=age_ms,
        age_text=format_age(age_ms),
        level=level,
        sentence=sentence,
        gauge_permille=gauge_permille(net_w, scale),
        scale=scale,
        cost_per_hour_millionths=cost_millionths,
        cost_per_hour_text=cost_text,
        cost_per_hour_note=cost_note,
    )


def _stale(inputs: HomeInputs, scale: Scale, net_w: int, age_ms: int) -> PowerView:
    number, unit = split_power(net_w)
    at_text = format_clock(inputs.now_ms - age_ms, inputs.now_ms, inputs.zone)
    return PowerView(
        state="stale",
        net_w=net_w,
        number=number,
        unit=unit,
        direction="exporting" if net_w < 0 else "buying",
        age_ms=age_ms,
        age_text=format_age(age_ms),
        level=None,
        sentence=f"The meter is silent. At {at_text} it said {number} {unit}",
        gauge_permille=gauge_permille(net_w, scale),
        scale=scale,
        cost_per_hour_millionths=None,
        cost_per_hour_text="",
        cost_per_hour_note="cost not known while the meter is silent",
    )


def _missing(scale: Scale, why: str) -> PowerView:
    return PowerView(
        state="missing",
        net_w=None,
        number="\N{EN DASH}",
        unit="",
        direction="none",
        age_ms=None,
        age_text=why,
        level=None,
        sentence=f"Power now is not known: {why}",
        gauge_permille=0,
        scale=scale,
        cost_per_hour_millionths=None,
        cost_per_hour_text="",
        cost_per_hour_note="",
    )


def _cost_per_hour(inputs: HomeInputs, net_w: int) -> tuple[int | None, str, str]:
    """Price this power for an hour, VAT included: millionths, text, and a note."""
    if net_w < 0:
        return None, "", "nothing is being bought"
    if inputs.tariff is None:
        return None, "", "no tariff yet"
    rate = rate_at(inputs.tariff, inputs.now_ms, inputs.zone)
    if rate is None:
        return None, "", "the tariff has no price for now"
    per_hour = round_half_even(
        Fraction(
            net_w * rate.price_millionths_per_kwh * (PERMILLE + rate.version.vat_permille),
            1_000 * PERMILLE,
        )
    )
    text = format_small_money(per_hour, inputs.tariff.currency)
    is_flat = isinstance(rate.version.prices, Flat)
    return per_hour, text, "an hour" if is_flat else f"an hour, {rate.name}"
