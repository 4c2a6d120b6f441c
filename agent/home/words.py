"""Figures in words and digits for the household: the last step to the screen.

Owns rounding for display; everything before it is an integer. Pure.
"""

import datetime as dt
from fractions import Fraction
from zoneinfo import ZoneInfo

from shared.calendar import local_date, to_local
from shared.units import (
    MILLIONTHS_PER_UNIT,
    MS_PER_DAY,
    MS_PER_HOUR,
    MS_PER_MINUTE,
    MS_PER_SECOND,
    MWH_PER_KWH,
    round_half_up,
)

CURRENCY_SIGNS = {"GBP": "£", "EUR": "€", "USD": "$"}
"""Signs that stand before the amount; any other currency is shown by its code."""

CENTS_PER_UNIT = 100
JUST_NOW_MS = 5 * MS_PER_SECOND
"""A meter that speaks every second is simply "now"; counting under five seconds only flickers."""

WHOLE_KWH_FROM_MWH = 100 * MWH_PER_KWH
ONE_DECIMAL_FROM_MWH = 10 * MWH_PER_KWH
KILOWATTS_FROM_W = 1_000
ONE_DECIMAL_FROM_W = 10_000


def format_decimal(value: Fraction, decimals: int) -> str:
    """Write an exact value with this many decimals, rounded half up, thousands grouped."""
    scaled = round_half_up(value * 10**decimals)
    sign = "\N{MINUS SIGN}" if scaled < 0 else ""
    whole, part = divmod(abs(scaled), 10**decimals)
    return f"{sign}{whole:,}.{part:0{decimals}d}" if decimals else f"{sign}{whole:,}"


def split_power(power_w: int) -> tuple[str, str]:
    """Write power as number and unit: watts below a kilowatt, then kilowatts; sign left out."""
    size_w = abs(power_w)
    if size_w < KILOWATTS_FROM_W:
        return str(size_w), "W"
    decimals = 1 if size_w >= ONE_DECIMAL_FROM_W else 2
    return format_decimal(Fraction(size_w, 1_000), decimals), "kW"


def format_threshold(power_w: int) -> str:
    """Write a level of power shortly, as a scale's label: one decimal, where it says something."""
    if power_w < KILOWATTS_FROM_W:
        return f"{power_w} W"
    return f"{format_decimal(Fraction(power_w, 1_000), 1).removesuffix('.0')} kW"


def format_energy(energy_mwh: int) -> str:
    """Write energy in kilowatt-hours, with fewer decimals the larger it is."""
    size_mwh = abs(energy_mwh)
    decimals = 2
    if size_mwh >= WHOLE_KWH_FROM_MWH:
        decimals = 0
    elif size_mwh >= ONE_DECIMAL_FROM_MWH:
        decimals = 1
    return f"{format_decimal(Fraction(energy_mwh, MWH_PER_KWH), decimals)} kWh"


def format_volume(volume_l: int) -> str:
    """Write a gas volume in cubic metres."""
    return f"{format_decimal(Fraction(volume_l, 1_000), 2)} m³"


def format_money(amount_millionths: int, currency: str) -> str:
    """Write an amount to the penny (cent), half up, as a bill would print it."""
    number = format_decimal(Fraction(abs(amount_millionths), MILLIONTHS_PER_UNIT), 2)
    sign = "\N{MINUS SIGN}" if amount_millionths < 0 and number.strip("0.") else ""
    return f"{sign}{CURRENCY_SIGNS.get(currency, currency + ' ')}{number}"


def format_small_money(amount_millionths: int, currency: str) -> str:
    """Write an amount below a pound in tenths of a penny, where a bill's rounding would hide it."""
    if abs(amount_millionths) >= MILLIONTHS_PER_UNIT:
        return format_money(amount_millionths, currency)
    if currency == "GBP":
        pence = Fraction(amount_millionths * CENTS_PER_UNIT, MILLIONTHS_PER_UNIT)
        return f"{format_decimal(pence, 1)}p"
    number = format_decimal(Fraction(amount_millionths, MILLIONTHS_PER_UNIT), 3)
    return f"{CURRENCY_SIGNS.get(currency, currency + ' ')}{number}"


def format_span(span_ms: int) -> str:
    """Write a span of time by its two largest units."""
    if span_ms < MS_PER_MINUTE:
        return f"{max(span_ms, 0) // MS_PER_SECOND} s"
    if span_ms < MS_PER_HOUR:
        return f"{span_ms // MS_PER_MINUTE} min"
    if span_ms < MS_PER_DAY:
        hours, rest = divmod(span_ms, MS_PER_HOUR)
        minutes = rest // MS_PER_MINUTE
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, rest = divmod(span_ms, MS_PER_DAY)
    hours = rest // MS_PER_HOUR
    unit = "day" if days == 1 else "days"
    return f"{days} {unit} {hours} h" if hours else f"{days} {unit}"


def format_age(age_ms: int) -> str:
    """Write how long ago something was."""
    return "just now" if age_ms < JUST_NOW_MS else f"{format_span(age_ms)} ago"


def format_clock(at_ms: int, now_ms: int, zone: ZoneInfo) -> str:
    """Write an instant as local time of day, with the date where that is not today's."""
    local = to_local(at_ms, zone)
    clock = f"{local:%H:%M}{_zone_mark(local)}"
    if local.date() == local_date(now_ms, zone):
        return clock
    return f"{local:%a} {local.day} {local:%b} {clock}"


def format_date(at_ms: int, zone: ZoneInfo) -> str:
    """Write a local date in full."""
    local = to_local(at_ms, zone)
    return f"{local:%A} {local.day} {local:%B}"


def format_count(count: int, noun: str) -> str:
    """Write a count with its noun in singular or plural."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def format_percent(permille: int) -> str:
    """Write a share, rounded to whole percent."""
    return f"{round_half_up(Fraction(permille, 10))} %"


def _zone_mark(local: dt.datetime) -> str:
    """Name the offset in the hour that a clock change gives twice: the time alone is unclear."""
    if local.replace(fold=0).utcoffset() == local.replace(fold=1).utcoffset():
        return ""
    return f" {local.tzname()}"
