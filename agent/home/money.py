"""Cost today and by half hour: priced by the tariff, or said to be unpriced, never 0. Pure."""

from fractions import Fraction
from typing import Literal

import msgspec

from agent.home.inputs import HomeInputs
from agent.home.words import format_count, format_energy, format_money, format_small_money
from shared.calendar import day_of, local_date, slot_start_ms, slots_between
from shared.tariffs import MINOR_PER_UNIT, Cost, Line, SlotEnergy, Tariff, price
from shared.units import MILLIONTHS_PER_UNIT, round_half_up

NO_TARIFF_HINT = "Enter your tariff in the app, or on the hub: hearthlink tariff import FILE"
WHOLE_NOTE = "with standing charge and VAT"
ROUNDED_NOTE = "each line is rounded, the total from the exact sum"
"""Said where the printed lines do not add up to the printed total, by a penny or two."""


class CostLine(msgspec.Struct, frozen=True):
    """One line of today's cost, as a bill would name it."""

    name: str
    text: str


class CostView(msgspec.Struct, frozen=True):
    """What today costs so far, standing charge and VAT included.

    `state` is "priced", "part-priced" (some energy has no price: the total is a least one),
    "unpriced" (the tariff does not hold today) or "no-tariff". `total_millionths` is None for both
    of the last.
    """

    state: Literal["priced", "part-priced", "unpriced", "no-tariff"]
    tariff_name: str
    total_millionths: int | None
    text: str
    lines: list[CostLine]
    note: str


def view_cost(inputs: HomeInputs) -> CostView:
    """Price today's electricity with the whole day's standing charge and VAT."""
    if inputs.tariff is None:
        return CostView("no-tariff", "", None, "No tariff yet", [], NO_TARIFF_HINT)
    tariff = inputs.tariff
    today = day_of(local_date(inputs.now_ms, inputs.zone), inputs.zone)
    has_energy = bool(_energy_of(inputs, today.start_ms, today.end_ms))
    cost = price_span(inputs, today.start_ms, today.end_ms)
    if cost is None:
        return CostView(
            "unpriced",
            tariff.name,
            None,
            "Unpriced",
            [],
            f"The tariff {tariff.name} has no price for today. {NO_TARIFF_HINT}",
        )
    return show_cost(cost, tariff, has_energy=has_energy)


def price_span(inputs: HomeInputs, start_ms: int, end_ms: int) -> Cost | None:
    """Price the electricity of whole days, with their standing charges; None where none holds."""
    if inputs.tariff is None:
        return None
    energy = _energy_of(inputs, start_ms, end_ms)
    cost = price(inputs.tariff, energy, start_ms, end_ms, inputs.zone)
    return cost if cost.lines else None


def _energy_of(inputs: HomeInputs, start_ms: int, end_ms: int) -> list[SlotEnergy]:
    return [
        SlotEnergy(slot, usage.amount)
        for slot in slots_between(start_ms, end_ms)
        if (usage := inputs.electricity_slots.get(slot)) is not None
    ]


def price_slot(inputs: HomeInputs, slot: int, energy_mwh: int) -> tuple[int | None, str]:
    """Price one half hour's energy with VAT, without the standing charge: millionths and text."""
    if inputs.tariff is None:
        return None, "no tariff"
    start_ms = slot_start_ms(slot)
    cost = price(inputs.tariff, [SlotEnergy(slot, energy_mwh)], start_ms, start_ms, inputs.zone)
    if cost.unpriced_slots:
        return None, "unpriced"
    return cost.total_millionths, format_small_money(cost.total_millionths, cost.currency)


def show_cost(cost: Cost, tariff: Tariff, *, has_energy: bool) -> CostView:
    """Show a day's cost with its lines; energy without a price makes the total a least one."""
    text = format_money(cost.total_millionths, cost.currency)
    note = WHOLE_NOTE if has_energy else "standing charge only: nothing measured yet today"
    if cost.unpriced_slots:
        note = (
            f"{format_count(cost.unpriced_slots, 'half hour')} without a price "
            f"({format_energy(cost.unpriced_mwh)}) not counted"
        )
        text = f"at least {text}"
    if sum(_printed_minor(line.amount_millionths) for line in cost.lines) != _printed_minor(
        cost.total_millionths
    ):
        note = f"{note}; {ROUNDED_NOTE}"
    return CostView(
        state="part-priced" if cost.unpriced_slots else "priced",
        tariff_name=tariff.name,
        total_millionths=cost.total_millionths,
        text=text,
        lines=[
            CostLine(_line_name(line), format_money(line.amount_millionths, cost.currency))
            for line in cost.lines
        ],
        note=note,
    )


def _printed_minor(amount_millionths: int) -> int:
    """Round to the pennies (cents) that `format_money` prints: half up, by size."""
    size = round_half_up(Fraction(abs(amount_millionths) * MINOR_PER_UNIT, MILLIONTHS_PER_UNIT))
    return -size if amount_millionths < 0 else size


def _line_name(line: Line) -> str:
    if line.kind == "energy":
        return f"{format_energy(line.energy_mwh)}, {line.name}"
    return line.name[:1].upper() + line.name[1:]
