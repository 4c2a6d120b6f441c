"""What a prepayment meter says of its credit: balance, emergency credit and debt. Pure."""

import msgspec

from agent.home.inputs import HomeInputs
from agent.home.words import format_age, format_money
from shared.units import MS_PER_DAY

STALE_AFTER_MS = MS_PER_DAY
"""A meter takes the day's standing charge off once a day: an older balance is not today's."""


class PrepaymentView(msgspec.Struct, frozen=True):
    """A meter's credit, in millionths of `currency`; None is not known, never 0.

    A `balance_millionths` below 0 is emergency credit in use; `emergency_millionths` is what of
    that is left, `debt_millionths` what is owed beside it.
    """

    balance_millionths: int | None
    emergency_millionths: int | None
    debt_millionths: int | None
    age_ms: int
    is_stale: bool
    balance_text: str
    emergency_text: str
    debt_text: str
    age_text: str
    currency: str


def view_prepayment(inputs: HomeInputs) -> PrepaymentView | None:
    """Show the credit; None in a home none of whose meters tells any."""
    said = inputs.prepayment
    if said is None:
        return None
    age_ms = max(0, inputs.now_ms - said.taken_at_ms)

    def text(amount: int | None) -> str:
        return "\N{EN DASH}" if amount is None else format_money(amount, said.currency)

    return PrepaymentView(
        said.balance_millionths,
        said.emergency_millionths,
        said.debt_millionths,
        age_ms,
        age_ms > STALE_AFTER_MS,
        text(said.balance_millionths),
        text(said.emergency_millionths),
        text(said.debt_millionths),
        format_age(age_ms),
        said.currency,
    )
