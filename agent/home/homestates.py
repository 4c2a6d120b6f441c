"""What the home's entities in Home Assistant say, as the documents their topics carry. Pure.

Owns the last step from the hub's units to kWh, m³ and money. None is not known, and never 0; what
is stale is not known either, for a state there has no age.
"""

import datetime as dt
from typing import Any

from agent.home.budget import BudgetView
from agent.home.gas import GasView
from agent.home.homeentities import PERIODS, open_messages
from agent.home.light import Scale
from agent.home.prepayment import PrepaymentView
from agent.home.shown import Shown
from agent.home.texts import cut_to_chars
from shared.units import MILLIONTHS_PER_UNIT, MS_PER_SECOND, MWH_PER_KWH

LITRES_PER_M3 = 1_000
PERMILLE_PER_PERCENT = 10

MAX_STATE_CHARS = 255
"""What Home Assistant takes for a state; the whole text is beside it."""


def say_now(shown: Shown) -> dict[str, Any]:
    """Say the present, of which nothing is retained."""
    power, rate, link = shown.power, shown.rate, shown.link
    is_fresh = power.state == "fresh"
    heard_ms = None if link.meter_age_ms is None else shown.now_ms - link.meter_age_ms
    return {
        "power_w": power.net_w if is_fresh else None,
        "light": power.level if is_fresh else None,
        "cost_per_hour": _money(power.cost_per_hour_millionths),
        "rate": _money(rate.price_millionths_per_kwh) if rate else None,
        "next_cheap_rate": _money(rate.next_cheap_millionths_per_kwh) if rate else None,
        "cheap_now": _yes(rate.is_cheap_now) if rate else None,
        "heard_at": _iso(heard_ms),
        "meter_link": _yes(link.state != "meter-silent"),
        "cloud_link": _yes(link.is_cloud_connected) if link.has_cloud else None,
    }


def say_totals(shown: Shown) -> dict[str, Any]:
    """Say what holds for longer: sums, the tariff, the budget and the credit."""
    periods, rate = shown.periods, shown.rate
    told = _since_midnight(shown)
    for period in PERIODS:
        figure = getattr(periods, period)
        told[f"energy_{period}"] = _kwh(figure.energy_mwh)
        told[f"cost_{period}"] = _money(figure.cost_millionths)
    told["gas_as_of"] = _iso(shown.gas.as_of_ms) if shown.gas else None
    told["rate_name"] = (rate.name or None) if rate else None
    told["next_cheap_at"] = _iso(rate.next_cheap_at_ms) if rate else None
    told["light_scale"] = _explain(shown.power.scale)
    if shown.budget is not None:
        told |= _say_budget(shown.budget)
    if shown.prepayment is not None:
        told |= _say_credit(shown.prepayment, shown.now_ms)
    return told


def say_messages(shown: Shown) -> dict[str, Any]:
    """Say how many messages wait, and which is the newest of them."""
    waiting = open_messages(shown)
    newest = waiting[0] if waiting else None
    return {
        "messages_open": len(waiting),
        "message": cut_to_chars(newest.text, MAX_STATE_CHARS) if newest else None,
        "whole": {"text": newest.text, "received_at": _iso(newest.received_ms)} if newest else {},
    }


def _since_midnight(shown: Shown) -> dict[str, Any]:
    """Say the sums of today, each with when it began."""
    today, gas, solar = shown.periods.today, shown.gas, shown.solar
    sums = {
        "energy_today": _kwh(today.energy_mwh),
        "cost_today": _money(today.cost_millionths),
        **_of_gas(gas),
        "exported_today": _kwh(solar.exported_mwh) if solar else None,
        "self_use_today": _kwh(solar.self_use_mwh) if solar else None,
    }
    if not shown.is_clock_trusted:
        # Which day is today is not known: a beginning told wrong would begin a cycle too many.
        sums = dict.fromkeys(sums)
    began = _iso(today.start_ms)
    told: dict[str, Any] = dict(sums)
    # Home Assistant asks for a number wherever the beginning changes.
    told |= {f"{key}_since": began if sum_ is not None else None for key, sum_ in sums.items()}
    return told


def _of_gas(gas: GasView | None) -> dict[str, float | None]:
    if gas is None:
        return dict.fromkeys(("gas_today", "gas_energy_today", "gas_cost_today"))
    return {
        "gas_today": _m3(gas.volume_l),
        "gas_energy_today": _kwh(gas.energy_mwh),
        "gas_cost_today": _money(gas.cost_millionths),
    }


def _say_budget(budget: BudgetView) -> dict[str, Any]:
    spent = budget.spent_millionths
    left = None if spent is None else max(budget.limit_millionths - spent, 0)
    return {
        "budget": _money(budget.limit_millionths),
        "budget_left": _money(left),
        "budget_used": _percent(budget.used_permille),
        "month_gone": _percent(budget.month_permille),
        "budget_state": None if budget.state == "unknown" else budget.state,
    }


def _say_credit(credit: PrepaymentView, now_ms: int) -> dict[str, Any]:
    """A balance of yesterday lacks a standing charge: when it was told alone is still true."""

    def fresh(millionths: int | None) -> float | None:
        return None if credit.is_stale else _money(millionths)

    return {
        "balance": fresh(credit.balance_millionths),
        "emergency_credit": fresh(credit.emergency_millionths),
        "debt": fresh(credit.debt_millionths),
        "credit_as_of": _iso(now_ms - credit.age_ms),
    }


def _explain(scale: Scale) -> dict[str, Any]:
    return {
        "low_below_w": scale.low_below_w,
        "high_from_w": scale.high_from_w,
        "explanation": scale.explanation,
    }


def _kwh(energy_mwh: int | None) -> float | None:
    return None if energy_mwh is None else energy_mwh / MWH_PER_KWH


def _m3(volume_l: int | None) -> float | None:
    return None if volume_l is None else volume_l / LITRES_PER_M3


def _money(amount_millionths: int | None) -> float | None:
    return None if amount_millionths is None else amount_millionths / MILLIONTHS_PER_UNIT


def _percent(permille: int | None) -> float | None:
    return None if permille is None else permille / PERMILLE_PER_PERCENT


def _yes(is_so: bool) -> str:
    return "ON" if is_so else "OFF"


def _iso(at_ms: int | None) -> str | None:
    if at_ms is None:
        return None
    return dt.datetime.fromtimestamp(at_ms // MS_PER_SECOND, dt.UTC).isoformat()
