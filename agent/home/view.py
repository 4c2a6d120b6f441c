"""The display as one value: everything the page shows, computed from the inputs of one instant.

Owns what the page adds to what every display shows (`shown.py`): the chart, the hub's health, what
leaves. The page only draws it. Pure.
"""

import msgspec

from agent.home.budget import BudgetView
from agent.home.energy import HalfHour, UsageView, view_half_hours
from agent.home.gas import GasView
from agent.home.health import (
    Backlog,
    HealthLine,
    quarantine_in_words,
    view_backlog,
    view_health,
)
from agent.home.inputs import HomeInputs
from agent.home.joining import JoinView
from agent.home.messageview import MessageView
from agent.home.meterview import MeterView, view_meters
from agent.home.money import CostView
from agent.home.panelview import PanelView
from agent.home.periods import Periods
from agent.home.power import PowerView, generation_in_words
from agent.home.prepayment import PrepaymentView
from agent.home.rate import RateView
from agent.home.sharing import Choice, granularity_in_words, limit_in_words, list_choices
from agent.home.shown import LinkView, Shown, build_shown
from agent.home.solar import SolarView
from agent.home.words import format_clock, format_date

CLOCK_NOTICE = (
    "The hub does not know the time for certain: today's figures may belong to another day."
)


class HomeView(msgspec.Struct, frozen=True):
    """The display at `now_ms`.

    `granularity` is what the household chose, `granularity_text` what leaves the home, and
    `limit_text` why that is less, "" where it is not; it is read only until a PIN is set.
    `pin_hint` is what to do first where the first PIN is not everybody's to set. `token` goes with
    every change; `joining` is None where the hub's certificate was made elsewhere, `panel` where
    no display panel is set up.
    """

    now_ms: int
    clock_text: str
    date_text: str
    zone: str
    notices: list[str]
    power: PowerView
    generation_text: str
    cost: CostView
    usage: UsageView
    half_hours: list[HalfHour]
    gas: GasView | None
    periods: Periods
    rate: RateView | None
    solar: SolarView | None
    link: LinkView
    health: list[HealthLine]
    backlog: Backlog
    quarantine: list[str]
    granularity: str
    granularity_text: str
    granularity_choices: list[Choice]
    limit_text: str
    is_clock_trusted: bool = True
    budget: BudgetView | None = None
    prepayment: PrepaymentView | None = None
    messages: list[MessageView] = []
    meters: list[MeterView] = []
    is_read_only: bool = True
    may_set_pin: bool = False
    pin_hint: str = ""
    token: str = ""
    joining: JoinView | None = None
    panel: PanelView | None = None


def build_view(inputs: HomeInputs) -> HomeView:
    """Compute the display; the same inputs give the same view."""
    shown: Shown = build_shown(inputs)
    return HomeView(
        now_ms=inputs.now_ms,
        clock_text=format_clock(inputs.now_ms, inputs.now_ms, inputs.zone),
        date_text=format_date(inputs.now_ms, inputs.zone),
        zone=inputs.zone.key,
        notices=[] if inputs.is_clock_trusted else [CLOCK_NOTICE],
        power=shown.power,
        generation_text=generation_in_words(inputs),
        cost=shown.cost,
        usage=shown.usage,
        half_hours=view_half_hours(inputs),
        gas=shown.gas,
        periods=shown.periods,
        rate=shown.rate,
        solar=shown.solar,
        link=shown.link,
        health=view_health(inputs),
        backlog=view_backlog(inputs),
        quarantine=quarantine_in_words(inputs.hub),
        granularity=inputs.hub.chosen_granularity or inputs.hub.granularity,
        granularity_text=granularity_in_words(inputs.hub.granularity),
        granularity_choices=list_choices(),
        limit_text=limit_in_words(inputs.hub),
        panel=inputs.hub.panel,
        is_clock_trusted=shown.is_clock_trusted,
        budget=shown.budget,
        prepayment=shown.prepayment,
        messages=shown.messages,
        meters=view_meters(inputs),
    )
