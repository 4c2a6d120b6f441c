"""What a panel is sent: what displays show as a DISPLAY, and the time as a TIME.

Owns the way from the hub's units to the panel's; knows no line and no clock. Pure. What does not
fit a panel's field is not known to it: a wrong number on a wall is worse than a dash.
"""

import datetime as dt
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from agent.home.gas import GasView
from agent.home.light import Level
from agent.home.periods import PeriodFigure
from agent.home.prepayment import PrepaymentView
from agent.home.shown import Shown
from firmware_bridge.display.faults import PanelFrameError
from firmware_bridge.display.fields import check_field
from firmware_bridge.display.messages import FIELDS, Display, Time
from shared.calendar import to_local
from shared.units import MS_PER_DAY, MS_PER_MINUTE, MS_PER_SECOND, round_half_even

MILLIONTHS_PER_MILLIPENNY = 10
MWH_PER_WH = 1_000
LIGHTS = {Level.LOW: 0, Level.MEDIUM: 1, Level.HIGH: 2}
LINKS = {"ok": 0, "meter-silent": 1, "offline": 2}
MINUTES_PER_HOUR = 60

CHANGE_DAYS_MAX = 400
"""Where clocks change at all they change within a year."""


def snapshot_of(shown: Shown, zone: ZoneInfo) -> Display:
    """Turn what displays show into what a panel is sent."""
    power, rate, solar = shown.power, shown.rate, shown.solar
    periods = shown.periods
    found: dict[str, Any] = {
        "power_w": power.net_w,
        "power_age_s": _seconds(power.age_ms),
        "light": None if power.level is None else LIGHTS[power.level],
        "cost_per_h_millipence": _millipence(power.cost_per_hour_millionths),
        **_period("today", periods.today),
        **_period("yesterday", periods.yesterday),
        **_period("week", periods.week),
        **_period("month", periods.month),
        "link": LINKS[shown.link.state],
    }
    if shown.gas is not None:
        found |= _gas(shown.gas, zone)
    if rate is not None:
        found["currency"] = rate.currency
        found["rate_millipence_per_kwh"] = _millipence(rate.price_millionths_per_kwh)
        found["next_cheap_min"] = _minute(rate.next_cheap_at_ms, zone)
    if shown.budget is not None:
        found["budget_millipence"] = _millipence(shown.budget.limit_millionths)
    if shown.prepayment is not None:
        found |= _credit(shown.prepayment, found.get("currency"))
    if solar is not None:
        found["export_today_wh"] = _wh(solar.exported_mwh)
        found["self_use_today_wh"] = _wh(solar.self_use_mwh)
    return Display(**_fitting(found))


def time_of(now_ms: int, zone: ZoneInfo) -> Time:
    """Say what time it is in this zone, and when its offset changes next."""
    change_ms = next_change_ms(now_ms, zone)
    return Time(
        unix_s=now_ms // MS_PER_SECOND,
        offset_min=_offset_min(now_ms, zone),
        next_offset_min=None if change_ms is None else _offset_min(change_ms, zone),
        next_change_unix_s=None if change_ms is None else change_ms // MS_PER_SECOND,
    )


def next_change_ms(now_ms: int, zone: ZoneInfo) -> int | None:
    """Find the next whole minute at which the zone's offset is another; None within a year."""
    offset_min = _offset_min(now_ms, zone)
    for day in range(1, CHANGE_DAYS_MAX + 1):
        after_ms = now_ms + day * MS_PER_DAY
        if _offset_min(after_ms, zone) != offset_min:
            return _first_other(after_ms - MS_PER_DAY, after_ms, offset_min, zone)
    return None


def _first_other(before_ms: int, after_ms: int, offset_min: int, zone: ZoneInfo) -> int:
    """Halve the span in which the offset changes until it is one minute."""
    first, last = before_ms // MS_PER_MINUTE, -(-after_ms // MS_PER_MINUTE)
    while last - first > 1:
        middle = (first + last) // 2
        if _offset_min(middle * MS_PER_MINUTE, zone) == offset_min:
            first = middle
        else:
            last = middle
    return last * MS_PER_MINUTE


def _offset_min(at_ms: int, zone: ZoneInfo) -> int:
    offset = to_local(at_ms, zone).utcoffset() or dt.timedelta()
    return int(offset.total_seconds()) // MINUTES_PER_HOUR


def _period(name: str, figure: PeriodFigure) -> dict[str, int | None]:
    """A panel has no words for "at least": a cost that lacks something is not known to it."""
    cost = None if figure.is_least_cost else figure.cost_millionths
    return {f"{name}_wh": _wh(figure.energy_mwh), f"{name}_millipence": _millipence(cost)}


def _credit(credit: PrepaymentView, currency: str | None) -> dict[str, Any]:
    """A balance of yesterday lacks a standing charge: a panel has no age for it, so it is left.

    So is one in another currency than the tariff's: a panel has one for all its amounts.
    """
    if credit.is_stale or currency not in (None, credit.currency):
        return {}
    return {
        "currency": credit.currency,
        "balance_millipence": _millipence(credit.balance_millionths),
        "emergency_millipence": _millipence(credit.emergency_millionths),
        "debt_millipence": _millipence(credit.debt_millionths),
    }


def _gas(gas: GasView, zone: ZoneInfo) -> dict[str, int | None]:
    """A day that has no reading yet has no "as of" either; the age alone says how long ago."""
    is_of_today = gas.state != "not-yet"
    return {
        "gas_today_wh": _wh(gas.energy_mwh),
        "gas_today_millipence": _millipence(gas.cost_millionths),
        "gas_as_of_min": _minute(gas.as_of_ms, zone) if is_of_today else None,
        "gas_age_s": _seconds(gas.age_ms),
    }


def _millipence(millionths: int | None) -> int | None:
    if millionths is None:
        return None
    return round_half_even(Fraction(millionths, MILLIONTHS_PER_MILLIPENNY))


def _wh(energy_mwh: int | None) -> int | None:
    return None if energy_mwh is None else round_half_even(Fraction(energy_mwh, MWH_PER_WH))


def _seconds(age_ms: int | None) -> int | None:
    return None if age_ms is None else max(age_ms, 0) // MS_PER_SECOND


def _minute(at_ms: int | None, zone: ZoneInfo) -> int | None:
    if at_ms is None:
        return None
    local = to_local(at_ms, zone)
    return local.hour * MINUTES_PER_HOUR + local.minute


def _fitting(found: dict[str, Any]) -> dict[str, Any]:
    """Leave out what is not known, and what is out of a field's range."""
    fitting = {}
    for field in FIELDS[Display.TYPE]:
        value = found.get(field.name)
        if value is not None:
            try:
                check_field(field, value)
            except PanelFrameError:
                continue
            fitting[field.name] = value
    return fitting
