"""The household's budget for a month of electricity, and how far into it the home is. Pure."""

import datetime as dt
from decimal import Decimal, InvalidOperation
from typing import Literal

import msgspec

from agent.home.inputs import HomeInputs
from agent.home.periods import PeriodFigure
from agent.home.words import format_money, format_percent
from shared.calendar import day_start_ms, local_date
from shared.errors import OperatorError
from shared.units import MILLIONTHS_PER_UNIT

PERMILLE = 1_000
LEAST_BUDGET_UNITS, MAX_BUDGET_UNITS = 1, 100_000
"""A home that pays less or more for a month has mistyped its budget."""

MAX_AMOUNT_CHARS = 16
HINT = 'write an amount such as "45.50", or "" for none'


class BudgetView(msgspec.Struct, frozen=True):
    """A month's budget, its standing charge and VAT included, against what was spent of it.

    `used_permille` may pass 1000; `month_permille` says how much of the month is over. `state` is
    "within" (no further into the budget than into the month), "ahead", "over", or "unknown" (no
    price, or nothing measured: `spent_millionths` and `used_permille` are None). Where
    `is_least_cost`, some energy has no price.
    """

    limit_millionths: int
    spent_millionths: int | None
    used_permille: int | None
    month_permille: int
    state: Literal["within", "ahead", "over", "unknown"]
    is_least_cost: bool
    limit_text: str
    text: str
    note: str


def view_budget(inputs: HomeInputs, month: PeriodFigure) -> BudgetView | None:
    """Set what this month has cost against its budget; None where the household has set none."""
    limit = inputs.budget_millionths
    if limit is None:
        return None
    currency = inputs.tariff.currency if inputs.tariff is not None else ""
    limit_text = format_money(limit, currency).strip()
    gone = _month_permille(inputs)
    spent = month.cost_millionths
    if spent is None:
        text = f"{limit_text} for the month; what it has cost is not known"
        return BudgetView(
            limit, None, None, gone, "unknown", month.is_least_cost, limit_text, text, month.note
        )
    used = max(spent, 0) * PERMILLE // limit
    state: Literal["within", "ahead", "over"] = "ahead" if used > gone else "within"
    if spent > limit:
        state = "over"
    return BudgetView(
        limit_millionths=limit,
        spent_millionths=spent,
        used_permille=used,
        month_permille=gone,
        state=state,
        is_least_cost=month.is_least_cost,
        limit_text=limit_text,
        text=f"{month.cost_text} of {limit_text}: {format_percent(used)} used, "
        f"{format_percent(gone)} of the month gone",
        note=month.note,
    )


def parse_budget(text: str) -> int | None:
    """Read an amount of money as millionths; None for an empty text, which means no budget.

    Raises OperatorError for what is no amount, or none of a month.
    """
    written = text.strip()
    if not written:
        return None
    shown = written[:MAX_AMOUNT_CHARS]
    try:
        amount = Decimal(written.replace(",", "."))
    except InvalidOperation as error:
        raise OperatorError(f"{shown!r} is no amount", hint=HINT) from error
    if not amount.is_finite() or not LEAST_BUDGET_UNITS <= amount <= MAX_BUDGET_UNITS:
        raise OperatorError(
            f"a budget of {shown} is not between {LEAST_BUDGET_UNITS} and {MAX_BUDGET_UNITS:,}",
            hint=HINT,
        )
    return int(amount * MILLIONTHS_PER_UNIT)


def _month_permille(inputs: HomeInputs) -> int:
    first = local_date(inputs.now_ms, inputs.zone).replace(day=1)
    next_first = (first + dt.timedelta(days=31)).replace(day=1)
    start_ms = day_start_ms(first, inputs.zone)
    return (
        (inputs.now_ms - start_ms) * PERMILLE // (day_start_ms(next_first, inputs.zone) - start_ms)
    )
