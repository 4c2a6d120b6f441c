"""Energy by day and half hour: today against yesterday and the average, and the last 48 half hours.

Days are the household's local days, whatever their length. Pure.
"""

import datetime as dt
from collections.abc import Mapping
from fractions import Fraction
from typing import Literal

import msgspec

from agent.home.inputs import HomeInputs
from agent.home.money import price_slot
from agent.home.words import format_clock, format_count, format_energy, format_percent
from shared.calendar import (
    day_of,
    day_start_ms,
    local_date,
    slot_of_sample,
    slot_start_ms,
    slots_between,
    to_local,
)
from shared.meterdays import SlotUsage, Usage, missing_between, usage_between
from shared.units import MS_PER_SECOND, SLOT_MS, round_half_even

CHART_SLOTS = 48
TICK_EVERY_HOURS = 6
HOLES_SENTENCE = "Not compared with yesterday: readings are missing"
WEEK_DAYS = 7
FOUR_WEEKS_DAYS = 28
MANY_TIMES_PERMILLE = 2_000
"""From three times as much on: "2,622 % more" is no measure for a household."""

SAME_WITHIN_PERMILLE = 20
"""Two percent is "about the same": less is noise of when the kettle boiled."""


class DayFigure(msgspec.Struct, frozen=True):
    """One day's energy, or a mean of days: None and a dash where it is not known."""

    name: str
    energy_mwh: int | None
    text: str
    note: str


class UsageView(msgspec.Struct, frozen=True):
    """Electricity bought today, set against other days; `sentence` says it in words."""

    today: DayFigure
    yesterday_by_now: DayFigure
    yesterday: DayFigure
    average_week: DayFigure
    average_four_weeks: DayFigure
    sentence: str


class HalfHour(msgspec.Struct, frozen=True):
    """One bar of the chart: None is missing, which is not zero.

    `quality` is "measured", "estimated", "running" (not over yet) or "missing"; `tick` labels the
    hours that the axis names.
    """

    start_ms: int
    label: str
    tick: str
    import_mwh: int | None
    export_mwh: int | None
    quality: Literal["measured", "estimated", "running", "missing"]
    energy_text: str
    cost_millionths: int | None
    cost_text: str


def view_usage(inputs: HomeInputs) -> UsageView:
    """Set today's electricity against yesterday, by now and whole, and the average days."""
    slots, zone, now_ms = inputs.electricity_slots, inputs.zone, inputs.now_ms
    today = local_date(now_ms, zone)
    yesterday = today - dt.timedelta(days=1)
    start_ms = day_start_ms(today, zone)
    until_ms = slot_start_ms(slot_of_sample(now_ms) + 1)
    same_time_ms = same_time_yesterday_ms(now_ms, inputs)
    used = usage_between(slots, start_ms, until_ms)
    by_now = amount_until(slots, day_start_ms(yesterday, zone), same_time_ms)
    whole = usage_between(slots, *day_of(yesterday, zone))
    clock = format_clock(now_ms, now_ms, zone)
    holes = missing_between(slots, start_ms, now_ms) + missing_between(
        slots, day_start_ms(yesterday, zone), same_time_ms
    )
    return UsageView(
        today=_figure("Today so far", used.amount, _missing_note(slots, start_ms, now_ms)),
        yesterday_by_now=_figure(f"Yesterday by {clock}", by_now.amount, ""),
        yesterday=_figure(
            "Yesterday", whole.amount, _missing_note(slots, *day_of(yesterday, zone))
        ),
        average_week=_average(inputs, today, WEEK_DAYS),
        average_four_weeks=_average(inputs, today, FOUR_WEEKS_DAYS),
        sentence=_sentence(used, by_now, holes, clock),
    )


def same_time_yesterday_ms(now_ms: int, inputs: HomeInputs) -> int:
    """Find the instant when yesterday's clocks showed what they show now, through clock changes."""
    local = to_local(now_ms, inputs.zone)
    before = local.replace(tzinfo=None) - dt.timedelta(days=1)
    then = before.replace(tzinfo=inputs.zone, fold=local.fold)
    return int(then.timestamp()) * MS_PER_SECOND


def amount_until(slots: Mapping[int, SlotUsage], start_ms: int, end_ms: int) -> Usage:
    """Sum from a slot boundary to any instant: the last half hour by its share of time."""
    last = end_ms // SLOT_MS
    whole = usage_between(slots, start_ms, slot_start_ms(last))
    part_ms = end_ms - slot_start_ms(last)
    running = slots.get(last)
    if running is None or not part_ms:
        return whole
    share = round_half_even(Fraction(running.amount * part_ms, SLOT_MS))
    return Usage((whole.amount or 0) + share, is_estimated=True)


def mean_of_days(
    slots: Mapping[int, SlotUsage], before: dt.date, days: int, inputs: HomeInputs
) -> tuple[int | None, int]:
    """Average and count the whole days among the last `days`; a day with a hole is left out."""
    amounts = []
    for back in range(1, days + 1):
        day = day_of(before - dt.timedelta(days=back), inputs.zone)
        if all(slot in slots for slot in slots_between(day.start_ms, day.end_ms)):
            amounts.append(usage_between(slots, day.start_ms, day.end_ms).amount or 0)
    if not amounts:
        return None, 0
    return round_half_even(Fraction(sum(amounts), len(amounts))), len(amounts)


def compare(today_mwh: int | None, yesterday_mwh: int | None, clock: str) -> str:
    """Say in words how today stands against yesterday at the same time."""
    if today_mwh is None:
        return "Nothing measured yet today"
    if not yesterday_mwh:
        return f"No figure for yesterday by {clock} to compare with"
    permille = round_half_even(Fraction((today_mwh - yesterday_mwh) * 1_000, yesterday_mwh))
    if abs(permille) <= SAME_WITHIN_PERMILLE:
        return f"About the same as yesterday by {clock}"
    if permille >= MANY_TIMES_PERMILLE:
        times = round_half_even(Fraction(today_mwh, yesterday_mwh))
        return f"{times:,} times as much as yesterday by {clock}"
    word = "more" if permille > 0 else "less"
    return f"{format_percent(abs(permille))} {word} than yesterday by {clock}"


def _sentence(used: Usage, by_now: Usage, holes: int, clock: str) -> str:
    if holes and used.amount is not None and by_now.amount is not None:
        return HOLES_SENTENCE
    return compare(used.amount, by_now.amount, clock)


def view_half_hours(inputs: HomeInputs) -> list[HalfHour]:
    """List the last 48 half hours, the running one included, oldest first."""
    running = slot_of_sample(inputs.now_ms)
    return [
        _half_hour(inputs, slot, running) for slot in range(running - CHART_SLOTS + 1, running + 1)
    ]


def _half_hour(inputs: HomeInputs, slot: int, running: int) -> HalfHour:
    start_ms = slot_start_ms(slot)
    usage = inputs.electricity_slots.get(slot)
    exported = inputs.export_slots.get(slot)
    quality: Literal["measured", "estimated", "running", "missing"] = "missing"
    if slot == running:
        quality = "running"
    elif usage is not None:
        quality = "estimated" if usage.is_estimated else "measured"
    cost_millionths, cost_text = (
        price_slot(inputs, slot, usage.amount) if usage is not None else (None, "")
    )
    return HalfHour(
        start_ms=start_ms,
        label=format_clock(start_ms, start_ms, inputs.zone),
        tick=_tick(start_ms, inputs),
        import_mwh=None if usage is None else usage.amount,
        export_mwh=None if exported is None else exported.amount,
        quality=quality,
        energy_text=quality if usage is None else format_energy(usage.amount),
        cost_millionths=cost_millionths,
        cost_text=cost_text,
    )


def _tick(start_ms: int, inputs: HomeInputs) -> str:
    local = to_local(start_ms, inputs.zone)
    if local.minute or local.hour % TICK_EVERY_HOURS:
        return ""
    return f"{local:%H:%M}" if local.hour else f"{local:%a}"


def _figure(name: str, energy_mwh: int | None, note: str) -> DayFigure:
    text = "\N{EN DASH}" if energy_mwh is None else format_energy(energy_mwh)
    return DayFigure(name, energy_mwh, text, "not known" if energy_mwh is None else note)


def _average(inputs: HomeInputs, today: dt.date, days: int) -> DayFigure:
    mean_mwh, counted = mean_of_days(inputs.electricity_slots, today, days, inputs)
    name = f"Average of {days} days"
    if mean_mwh is None:
        return DayFigure(name, None, "\N{EN DASH}", "no whole day yet")
    note = "" if counted == days else f"from {format_count(counted, 'whole day')}"
    return _figure(name, mean_mwh, note)


def _missing_note(slots: Mapping[int, SlotUsage], start_ms: int, end_ms: int) -> str:
    missing = missing_between(slots, start_ms, end_ms)
    return f"{format_count(missing, 'half hour')} missing" if missing else ""
