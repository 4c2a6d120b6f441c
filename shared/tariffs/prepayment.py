"""Prepayment: what a balance does day by day, with emergency credit and debt recovery. Pure.

The balance is one number that may fall below 0: down to the emergency credit's limit that credit is
in use, below it the supply would be off. A top-up pays the debt's share first, and what is left
raises the balance, which pays emergency credit back. Nothing is lost between: what came in is what
was charged, recovered, and is left.
"""

import datetime as dt
from collections.abc import Mapping, Sequence

import msgspec

from shared.errors import ConfigError
from shared.tariffs.model import PERMILLE
from shared.units import MILLIONTHS_PER_UNIT

MAX_TERM_MILLIONTHS = 100_000 * MILLIONTHS_PER_UNIT
"""A hundred thousand pounds of credit or debt on a meter is a mistyped unit."""

DAYS_PER_WEEK = 7


class Prepayment(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The terms on which a meter is paid for beforehand, in millionths of the currency.

    Debt is recovered by the local day (a week's amount over its seven days) and as a share of each
    top-up. `is_recovered_in_emergency` says whether days with emergency credit in use recover too.
    """

    emergency_credit_millionths: int = 0
    debt_millionths: int = 0
    recovery_millionths_per_week: int = 0
    recovery_permille_of_top_up: int = 0
    opening_millionths: int = 0
    is_recovered_in_emergency: bool = False


class Account(msgspec.Struct, frozen=True):
    """A meter's balance and debt at one moment."""

    balance_millionths: int
    debt_millionths: int


class AccountDay(msgspec.Struct, frozen=True):
    """One local day: what came in and what was taken, and how it left the account."""

    day: dt.date
    topped_up_millionths: int
    charged_millionths: int
    recovered_millionths: int
    balance_millionths: int
    debt_millionths: int
    emergency_used_millionths: int
    is_off_supply: bool


def terms_faults(terms: Prepayment) -> list[str]:
    """Name every term that cannot be meant, with its fix."""
    faults = [
        f"prepayment.{key} = {amount}: give millionths of the currency, 0 to {MAX_TERM_MILLIONTHS}"
        for key, amount in (
            ("emergency_credit_millionths", terms.emergency_credit_millionths),
            ("debt_millionths", terms.debt_millionths),
            ("recovery_millionths_per_week", terms.recovery_millionths_per_week),
        )
        if not 0 <= amount <= MAX_TERM_MILLIONTHS
    ]
    if abs(terms.opening_millionths) > MAX_TERM_MILLIONTHS:
        faults.append(
            f"prepayment.opening_millionths = {terms.opening_millionths}: "
            f"give millionths of the currency, up to {MAX_TERM_MILLIONTHS}"
        )
    if not 0 <= terms.recovery_permille_of_top_up <= PERMILLE:
        faults.append(
            f"prepayment.recovery_permille_of_top_up = {terms.recovery_permille_of_top_up}: "
            "a tenth of each top-up is 100"
        )
    return faults


def run_account(
    terms: Prepayment,
    days: Sequence[dt.date],
    charges_millionths: Mapping[dt.date, int],
    top_ups_millionths: Mapping[dt.date, Sequence[int]],
) -> list[AccountDay]:
    """Run an account over local days in order, from its opening balance and debt.

    A day's top-ups come before its charge: what was paid in during a day is there by its end.
    Raises ConfigError naming every term that cannot be meant.
    """
    faults = terms_faults(terms)
    if faults:
        raise ConfigError("prepayment", faults)
    account = Account(terms.opening_millionths, terms.debt_millionths)
    ran = []
    for number, day in enumerate(days):
        paid = top_ups_millionths.get(day, ())
        debt_before = account.debt_millionths
        for amount in paid:
            account = _top_up(terms, account, amount)
        charge = charges_millionths.get(day, 0)
        account = Account(account.balance_millionths - charge, account.debt_millionths)
        account = _recover(terms, account, number)
        balance = account.balance_millionths
        limit = terms.emergency_credit_millionths
        ran.append(
            AccountDay(
                day=day,
                topped_up_millionths=sum(paid),
                charged_millionths=charge,
                recovered_millionths=debt_before - account.debt_millionths,
                balance_millionths=balance,
                debt_millionths=account.debt_millionths,
                emergency_used_millionths=min(max(-balance, 0), limit),
                is_off_supply=balance <= 0 and -balance >= limit,
            )
        )
    return ran


def _top_up(terms: Prepayment, account: Account, amount: int) -> Account:
    share = amount * terms.recovery_permille_of_top_up // PERMILLE
    recovered = min(share, account.debt_millionths)
    return Account(
        account.balance_millionths + amount - recovered, account.debt_millionths - recovered
    )


def _recover(terms: Prepayment, account: Account, number: int) -> Account:
    """Take the day's part of the week's recovery; the parts of seven days sum to it exactly."""
    if account.balance_millionths < 0 and not terms.is_recovered_in_emergency:
        return account
    place = number % DAYS_PER_WEEK
    weekly = terms.recovery_millionths_per_week
    part = weekly * (place + 1) // DAYS_PER_WEEK - weekly * place // DAYS_PER_WEEK
    part = min(part, account.debt_millionths)
    return Account(account.balance_millionths - part, account.debt_millionths - part)
