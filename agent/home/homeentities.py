"""Which entities Home Assistant gets of the home itself: what displays show, and no more.

What the home has not is not announced: no money without a tariff, no gas without a gas meter, no
budget and no credit where there is none. What each says is `homestates.py`'s. Pure.
"""

from agent.home.discovery import Entity, Naming
from agent.home.kinds import (
    amount,
    button,
    choice,
    day_sum,
    instant,
    measured,
    plain,
    share,
    whether,
    while_there,
    word,
)
from agent.home.light import Level
from agent.home.messageview import MessageView
from agent.home.shown import Shown

PERIODS = {"yesterday": "yesterday", "week": "this week", "month": "this month"}

BUDGET_STATES = ["within", "ahead", "over"]

NO_MESSAGE = "0"
"""What the button says where nothing waits: no message has this id."""


def list_home_entities(
    shown: Shown,
    naming: Naming,
    currency: str,
    gas_currency: str,
    *,
    has_gas: bool,
    has_cloud: bool,
) -> list[Entity]:
    """List what there is to show of a home; a currency is "" without a tariff.

    What comes and goes with each start is not to decide: Home Assistant forgets what its household
    made of an entity that is taken back.
    """
    entities = _always(naming)
    if has_cloud:
        entities.append(whether("cloud_link", "Cloud", naming.now, "connectivity"))
    if currency:
        entities += _of_money(shown, currency, naming)
    if has_gas:
        entities += _of_gas(gas_currency, naming)
    if shown.solar is not None:
        entities += [
            day_sum("exported_today", "Exported today", "energy", "kWh", naming),
            day_sum("self_use_today", "Self-use today", "energy", "kWh", naming),
        ]
    if shown.budget is not None:
        entities += _of_budget(currency, naming)
    if shown.prepayment is not None:
        entities += _of_credit(shown.prepayment.currency, naming)
    return [*entities, *_of_messages(shown, naming)]


def open_messages(shown: Shown) -> list[MessageView]:
    """List the messages that wait for the household, the newest first."""
    return [one for one in shown.messages if not one.is_acknowledged]


def _always(naming: Naming) -> list[Entity]:
    light = choice(
        "light",
        "Traffic light",
        naming.now,
        [*Level],
        json_attributes_topic=naming.totals,
        json_attributes_template="{{ value_json.light_scale | to_json }}",
    )
    return [
        measured("power_w", "Power", "W", naming.now, "power"),
        light,
        instant("heard_at", "Meter heard", naming.now, naming),
        whether("meter_link", "Meter", naming.now, "connectivity"),
        day_sum("energy_today", "Electricity today", "energy", "kWh", naming),
        *(
            amount(f"energy_{period}", f"Electricity {words}", "energy", "kWh", naming)
            for period, words in PERIODS.items()
        ),
    ]


def _of_money(shown: Shown, currency: str, naming: Naming) -> list[Entity]:
    entities = [
        measured("cost_per_hour", "Cost per hour", f"{currency}/h", naming.now),
        measured("rate", "Electricity price", f"{currency}/kWh", naming.now),
        word("rate_name", "Electricity rate", naming.totals),
        day_sum("cost_today", "Electricity cost today", "monetary", currency, naming),
        *(
            amount(f"cost_{period}", f"Electricity cost {words}", "monetary", currency, naming)
            for period, words in PERIODS.items()
        ),
    ]
    if shown.rate is not None and shown.rate.is_varying:
        entities += [
            instant("next_cheap_at", "Next cheap half hour", naming.totals, naming),
            measured("next_cheap_rate", "Next cheap price", f"{currency}/kWh", naming.now),
            whether("cheap_now", "Cheapest half hour now", naming.now),
        ]
    return entities


def _of_gas(currency: str, naming: Naming) -> list[Entity]:
    entities = [
        day_sum("gas_today", "Gas today", "gas", "m³", naming),
        day_sum("gas_energy_today", "Gas energy today", "energy", "kWh", naming),
        instant("gas_as_of", "Gas as of", naming.totals, naming),
    ]
    if currency:
        entities.append(day_sum("gas_cost_today", "Gas cost today", "monetary", currency, naming))
    return entities


def _of_budget(currency: str, naming: Naming) -> list[Entity]:
    """How far into the budget the home is; its amounts only where a tariff names their currency."""
    entities = [
        share("budget_used", "Budget used", naming),
        share("month_gone", "Month gone", naming),
        choice("budget_state", "Budget", naming.totals, BUDGET_STATES),
    ]
    if currency:
        entities += [
            amount("budget", "Budget this month", "monetary", currency, naming),
            amount("budget_left", "Budget left", "monetary", currency, naming),
        ]
    return entities


def _of_credit(currency: str, naming: Naming) -> list[Entity]:
    return [
        amount("balance", "Credit", "monetary", currency, naming),
        amount("emergency_credit", "Emergency credit", "monetary", currency, naming),
        amount("debt", "Debt", "monetary", currency, naming),
        instant("credit_as_of", "Credit as of", naming.totals, naming),
    ]


def _of_messages(shown: Shown, naming: Naming) -> list[Entity]:
    """The newest message that waits, and what takes it as read: that very one, by its id."""
    waiting = open_messages(shown)
    text = word(
        "message",
        "Message from the supplier",
        naming.messages,
        json_attributes_topic=naming.messages,
        json_attributes_template="{{ value_json.whole | to_json }}",
    )
    press = button(
        "acknowledge",
        "Acknowledge the message",
        naming.acknowledge,
        str(waiting[0].id) if waiting else NO_MESSAGE,
    )
    return [
        plain("messages_open", "Messages", naming.messages),
        while_there(text, naming.messages, "messages_open", naming),
        while_there(press, naming.messages, "messages_open", naming),
    ]
