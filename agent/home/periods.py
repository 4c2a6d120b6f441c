"""What the home's electricity came to: today, yesterday, this week, this month, in kWh and money.

Weeks begin on Monday. A period that began before the hub was there counts from the first day of
which it knows anything, its standing charge too. Pure.
"""

import datetime as dt

import msgspec

from agent.home.inputs import HomeInputs
from agent.home.money import price_span
from agent.home.words import format_count, format_date, format_energy, format_money
from shared.calendar import day_start_ms, local_date, slot_of_sample, slot_start_ms
from shared.meterdays import missing_between, usage_between
from shared.units import SLOT_MS


class PeriodFigure(msgspec.Struct, frozen=True):
    """One period `[start_ms, end_ms)`: energy bought, and its cost.

    The cost is with standing charge and VAT. `end_ms` is that of today where the period is not
    over. `energy_mwh` is None where nothing is known, `cost_millionths` where no tariff holds;
    `is_least_cost` where some energy has no price; `missing_slots` counts half hours that are over
    and not known.
    """

    name: str
    start_ms: int
    end_ms: int
    energy_mwh: int | None
    cost_millionths: int | None
    is_least_cost: bool
    missing_slots: int
    energy_text: str
    cost_text: str
    note: str


class Periods(msgspec.Struct, frozen=True):
    """The periods that every display shows."""

    today: PeriodFigure
    yesterday: PeriodFigure
    week: PeriodFigure
    month: PeriodFigure


def view_periods(inputs: HomeInputs) -> Periods:
    """Sum and price the periods that today belongs to, and yesterday."""
    today = local_date(inputs.now_ms, inputs.zone)
    tomorrow = today + dt.timedelta(days=1)
    monday = today - dt.timedelta(days=today.weekday())
    return Periods(
        today=_figure(inputs, "Today", today, tomorrow),
        yesterday=_figure(inputs, "Yesterday", today - dt.timedelta(days=1), today),
        week=_figure(inputs, "This week", monday, tomorrow),
        month=_figure(inputs, "This month", today.replace(day=1), tomorrow),
    )


def _figure(inputs: HomeInputs, name: str, first: dt.date, until: dt.date) -> PeriodFigure:
    known_from = _first_known(inputs, first, until)
    start_ms, end_ms = day_start_ms(known_from, inputs.zone), day_start_ms(until, inputs.zone)
    slots = inputs.electricity_slots
    until_ms = min(end_ms, slot_start_ms(slot_of_sample(inputs.now_ms) + 1))
    amount = usage_between(slots, start_ms, until_ms).amount
    missing = missing_between(slots, start_ms, min(end_ms, inputs.now_ms))
    cost = price_span(inputs, start_ms, end_ms)
    total = cost.total_millionths if cost is not None else None
    is_least = cost is not None and cost.unpriced_slots > 0
    notes = []
    if known_from != first:
        notes.append(f"since {format_date(start_ms, inputs.zone)}")
    if missing and amount is not None:
        notes.append(f"{format_count(missing, 'half hour')} missing")
    return PeriodFigure(
        name=name,
        start_ms=start_ms,
        end_ms=end_ms,
        energy_mwh=amount,
        cost_millionths=total if amount is not None else None,
        is_least_cost=is_least,
        missing_slots=missing,
        energy_text="\N{EN DASH}" if amount is None else format_energy(amount),
        cost_text=_cost_text(inputs, total if amount is not None else None, is_least=is_least),
        note=", ".join(notes),
    )


def _cost_text(inputs: HomeInputs, total: int | None, *, is_least: bool) -> str:
    if inputs.tariff is None or total is None:
        return "\N{EN DASH}"
    text = format_money(total, inputs.tariff.currency)
    return f"at least {text}" if is_least else text


def _first_known(inputs: HomeInputs, first: dt.date, until: dt.date) -> dt.date:
    """Find the first day of the period of which anything is known; its first where nothing is."""
    begin = day_start_ms(first, inputs.zone) // SLOT_MS
    end = day_start_ms(until, inputs.zone) // SLOT_MS
    for slot in range(begin, end):
        if slot in inputs.electricity_slots:
            return local_date(slot_start_ms(slot), inputs.zone)
    return first
