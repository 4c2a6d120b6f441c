"""What a display shows: one value of one instant, for the page, a panel and Home Assistant alike.

Owns which figures there are, and that each carries its age; None is not known, never 0. How they
are drawn is the display's business. Pure.
"""

from typing import Literal

import msgspec

from agent.home.budget import BudgetView, view_budget
from agent.home.energy import UsageView, view_usage
from agent.home.gas import GasView, view_gas
from agent.home.inputs import HomeInputs
from agent.home.messageview import MessageView, view_messages
from agent.home.money import CostView, view_cost
from agent.home.periods import Periods, view_periods
from agent.home.power import PowerView, electricity_meters, is_silent, view_power
from agent.home.prepayment import PrepaymentView, view_prepayment
from agent.home.rate import RateView, view_rate
from agent.home.solar import SolarView, view_solar


class LinkView(msgspec.Struct, frozen=True):
    """How the readings come and go: `meter-silent` outweighs `offline`, which needs a cloud.

    `meter_age_ms` is how long ago the supply's meter was heard, None where none was yet.
    """

    state: Literal["ok", "meter-silent", "offline"]
    meter_age_ms: int | None
    has_cloud: bool
    is_cloud_connected: bool


class Shown(msgspec.Struct, frozen=True):
    """The home at `now_ms`, which may be believed where `is_clock_trusted`.

    Power and gas carry an age and a state of their own; energy and money of the supply are as old
    as `link.meter_age_ms`. `gas`, `rate` and `solar` are None in a home that has no gas meter, no
    tariff, and neither export nor a source of its own; `budget` where the household has set none,
    `prepayment` where no meter tells its credit.
    """

    now_ms: int
    is_clock_trusted: bool
    power: PowerView
    cost: CostView
    usage: UsageView
    periods: Periods
    gas: GasView | None
    rate: RateView | None
    solar: SolarView | None
    link: LinkView
    budget: BudgetView | None = None
    prepayment: PrepaymentView | None = None
    messages: list[MessageView] = []


def build_shown(inputs: HomeInputs) -> Shown:
    """Compute what is shown; the same inputs give the same figures."""
    periods = view_periods(inputs)
    return Shown(
        now_ms=inputs.now_ms,
        is_clock_trusted=inputs.is_clock_trusted,
        power=view_power(inputs),
        cost=view_cost(inputs),
        usage=view_usage(inputs),
        periods=periods,
        gas=view_gas(inputs),
        rate=view_rate(inputs),
        solar=view_solar(inputs),
        link=_view_link(inputs),
        budget=view_budget(inputs, periods.month),
        prepayment=view_prepayment(inputs),
        messages=view_messages(inputs),
    )


def _view_link(inputs: HomeInputs) -> LinkView:
    meters = electricity_meters(inputs.meters)
    age_ms = max((meter.age_ms for meter in meters), default=None)
    has_cloud, is_connected = inputs.hub.cloud_configured, inputs.hub.cloud_connected
    state: Literal["ok", "meter-silent", "offline"] = "ok"
    if not meters or all(map(is_silent, meters)):
        state = "meter-silent"
    elif has_cloud and not is_connected:
        state = "offline"
    return LinkView(state, age_ms, has_cloud, is_connected)
