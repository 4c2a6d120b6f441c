"""What is written on a screen: the figures that every display shows, in few and short words.

Owns which words stand on a screen and how pressing each is; where they stand is the layout's, what
is known the model's (`agent/home/shown.py`). Nothing that is not known is 0, nothing that is old is
shown as new. Pure.
"""

from enum import IntEnum
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

from agent.home.budget import BudgetView
from agent.home.gas import GasView
from agent.home.light import Level
from agent.home.periods import PeriodFigure
from agent.home.power import PowerView
from agent.home.prepayment import PrepaymentView
from agent.home.shown import Shown
from agent.home.words import format_clock

DASH = "\N{EN DASH}"
LONG, SHORT = "at least ", "≥ "
"""A screen has no room for the words that the page says."""


class Press(IntEnum):
    """How much a line presses to be seen where not all of them fit."""

    PLAIN = 0
    BUDGET = 1
    NOTICE = 2
    MESSAGE = 3


class Line(NamedTuple):
    """One line below the figures.

    `permille` and `mark_permille` make a bar of it: how full, and where it should be by now.
    """

    text: str
    press: Press = Press.PLAIN
    permille: int | None = None
    mark_permille: int = 0


class Figure(NamedTuple):
    """One period: its name, what it cost and what was used."""

    name: str
    money: str
    energy: str


class Face(NamedTuple):
    """All that is written on a screen at one instant.

    `light` is None where power is old or not known; `is_old` says that the figures of the periods
    are those of a meter that is silent now.
    """

    clock: str
    number: str
    unit: str
    state: Literal["fresh", "stale", "missing"]
    direction: Literal["buying", "exporting", "none"]
    light: Level | None
    light_word: str
    gauge_permille: int
    note: str
    figures: tuple[Figure, Figure, Figure, Figure]
    is_old: bool
    lines: tuple[Line, ...]


def build_face(shown: Shown, zone: ZoneInfo) -> Face:
    """Say in short words what is shown at one instant."""
    power, periods = shown.power, shown.periods
    return Face(
        clock=format_clock(shown.now_ms, shown.now_ms, zone),
        number=power.number,
        unit=power.unit,
        state=power.state,
        direction=power.direction,
        light=power.level,
        light_word=_light_word(power),
        gauge_permille=power.gauge_permille,
        note=_power_note(power),
        figures=(
            _figure("Today", periods.today),
            _figure("Yesterday", periods.yesterday),
            _figure("Week", periods.week),
            _figure("Month", periods.month),
        ),
        is_old=shown.link.state == "meter-silent",
        lines=tuple(sorted(_lines(shown), key=lambda line: -line.press)),
    )


def _light_word(power: PowerView) -> str:
    if power.state == "missing":
        return "no meter"
    if power.state == "stale":
        return "stale"
    if power.direction == "exporting":
        return "exporting"
    return power.level.value if power.level is not None else DASH


def _power_note(power: PowerView) -> str:
    if power.state != "fresh":
        return power.age_text
    return f"{power.cost_per_hour_text}/h" if power.cost_per_hour_text else ""


def _figure(name: str, period: PeriodFigure) -> Figure:
    return Figure(name, _short(period.cost_text), period.energy_text)


def _lines(shown: Shown) -> list[Line]:
    lines = [Line(one.text, Press.MESSAGE) for one in shown.messages if not one.is_acknowledged]
    lines += _notices(shown)
    if shown.budget is not None:
        lines.append(_budget_line(shown.budget, shown.periods.month))
    if shown.prepayment is not None:
        lines.append(_credit_line(shown.prepayment))
    if shown.gas is not None:
        lines.append(_gas_line(shown.gas))
    if shown.rate is not None:
        now = f"{shown.rate.price_text} now" if shown.rate.price_text else ""
        lines += [Line(one) for one in (now, shown.rate.next_cheap_text) if one]
    if shown.solar is not None and shown.solar.text:
        lines.append(Line(f"Solar: {shown.solar.text}"))
    return lines


def _notices(shown: Shown) -> list[Line]:
    notices = []
    if not shown.is_clock_trusted:
        notices.append(Line("The clock is not set", Press.NOTICE))
    if shown.link.state == "meter-silent" and shown.power.state != "missing":
        notices.append(Line("The meter is silent", Press.NOTICE))
    if shown.link.state == "offline":
        notices.append(Line("No cloud: readings are kept here", Press.PLAIN))
    return notices


def _budget_line(budget: BudgetView, month: PeriodFigure) -> Line:
    if budget.used_permille is None:
        return Line(f"Budget {budget.limit_text}: {DASH}", Press.BUDGET)
    press = Press.NOTICE if budget.state == "over" else Press.BUDGET
    text = f"Budget {_short(month.cost_text)} of {budget.limit_text}"
    return Line(text, press, budget.used_permille, budget.month_permille)


def _credit_line(credit: PrepaymentView) -> Line:
    parts = [f"Credit {credit.balance_text}"]
    if credit.emergency_millionths is not None:
        parts.append(f"emergency {credit.emergency_text}")
    if credit.debt_millionths:
        parts.append(f"debt {credit.debt_text}")
    if credit.is_stale:
        parts.append(f"stale, {credit.age_text}")
    return Line(", ".join(parts), Press.BUDGET)


def _gas_line(gas: GasView) -> Line:
    if gas.state == "not-yet":
        return Line(f"Gas: not yet today, {gas.as_of_text}")
    money = [gas.cost_text] if gas.cost_millionths is not None else []
    age = f"stale, {gas.as_of_text}" if gas.state == "stale" else gas.as_of_text
    return Line("Gas " + ", ".join([*money, gas.volume_text, age]))


def _short(text: str) -> str:
    return SHORT + text.removeprefix(LONG) if text.startswith(LONG) else text
