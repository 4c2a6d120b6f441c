"""docs/reference/home-assistant.md, made of what a hub with everything announces.

Owns that page's words and tables; which entities there are is agent/home's. What an entity depends
on is found by taking one thing after the other out of that home.
"""

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

from agent.home.counters import COUNTER_NAMES
from agent.home.discovery import HOME, METER, Entity, Naming
from agent.home.entities import Facts, announce
from agent.home.inputs import Counter, HomeInputs, PrepaymentState
from shared.meterdays import SlotUsage
from shared.units import SLOT_MS
from tests.support.home_facts import home_facts
from tests.support.home_inputs import NOW_MS, flat_tariff, home_inputs

NAMING = Naming("HUB")
THE_METER = "METER"
NO_TOPICS = {"node", "base"}
"""What topics are made of, and is none itself."""

TITLE = "Home Assistant"
INTRODUCTION = (
    "What a hub publishes at the household's broker, and reads there ([how](../how-to/home-"
    "assistant.md)). `HUB` is its thing name and `METER` the meter's id; a character that is "
    "neither a letter nor a digit is written as its code between hyphens (`hub-1` is `hub-2d-1`). "
    "`homeassistant` is the prefix of discovery, `homeassistant.prefix`."
)
OF_ENTITIES = (
    "*key* is the entity's own name in discovery, in its `unique_id` and in the document of its "
    "topic, the last level of which is *told in*. `GBP` stands for the tariff's currency, of a "
    "credit for the meter's. What the home has not is not announced: *needs* says what it takes."
)
OF_A_METER = (
    "One for each counter that the meter tells, of each [register run](../glossary.md): a later "
    "run has itself in key and name (`import_mwh-ab-3a-7`, *Electricity import run ab 7*). All "
    "are sensors of state class `total_increasing`."
)


def topic_rows() -> list[tuple[str, str]]:
    """List each topic with what it is for, from the naming's own words."""
    rows = [
        (getattr(NAMING, name), _first_line(made.fget))
        for name, made in inspect.getmembers(Naming, lambda one: isinstance(one, property))
        if name not in NO_TOPICS
    ]
    rows.append((NAMING.meter(METER + THE_METER), _first_line(Naming.meter)))
    what = _first_line(Naming.config)
    rows.append((NAMING.config("device", HOME), f"{what} `homeassistant.discovery = device`"))
    one = NAMING.config("sensor", f"{HOME}_power_w")
    rows.append((one, f"{what} `homeassistant.discovery = entity`, of one entity"))
    return sorted(rows)


def whole_home() -> HomeInputs:
    """A home that has everything which an entity is made of."""
    return home_inputs(
        export_slots={NOW_MS // SLOT_MS - 1: SlotUsage(1_000, is_estimated=False)},
        budget_millionths=90_000_000,
        prepayment=PrepaymentState(NOW_MS, "GBP", 4_000_000, 10_000_000, 0),
    )


def homes_without() -> dict[str, Facts]:
    """The same home without one thing, by the words for it."""

    def lacking(**changes: Any) -> Facts:
        return home_facts(home_inputs(**{**_fields(whole_home()), **changes}))

    return {
        "a tariff": lacking(tariff=None),
        "prices that vary": lacking(tariff=flat_tariff()),
        "a gas meter": home_facts(whole_home(), has_gas=False),
        "a gas tariff": lacking(gas_tariff=None),
        "export or solar": lacking(export_slots={}),
        "a budget": lacking(budget_millionths=None),
        "a prepayment meter": lacking(prepayment=None),
        "a cloud": home_facts(whole_home(), has_cloud=False),
    }


def home_entities() -> list[tuple[Entity, list[str]]]:
    """List the home's entities, each with what it needs."""
    without = {words: _keys(facts) for words, facts in homes_without().items()}
    return [
        (one, [words for words, keys in without.items() if one.key not in keys])
        for one in _of_home(home_facts(whole_home()))
    ]


def counter_rows() -> list[tuple[str, str, str, str]]:
    """List name, key, device class and unit of what is announced of a meter."""
    counters = {THE_METER: [Counter(register, "", 0) for register in COUNTER_NAMES]}
    facts = home_facts(counters=counters, present=frozenset({THE_METER}))
    rows = []
    for one in announce(facts, NAMING).entities:
        if one.device != HOME:
            assert one.config["state_class"] == "total_increasing"
            classes = (one.config["device_class"], one.config["unit_of_measurement"])
            rows.append((one.config["name"], one.key, *classes))
    return rows


def home_assistant_page(made_by: str) -> str:
    """Render the page; `made_by` says who writes it."""
    lines = [f"# {TITLE}", "", made_by, "", INTRODUCTION, "", "## Topics", ""]
    lines += _table(("topic", "what for"), [(f"`{topic}`", what) for topic, what in topic_rows()])
    lines += ["", "## Entities of the home", "", OF_ENTITIES, ""]
    columns = ("entity", "key", "kind", "device class", "state class", "unit", "told in")
    rows = [(*_described(one), _needs(one, needs)) for one, needs in home_entities()]
    lines += _table((*columns, "needs"), rows)
    lines += ["", "## Entities of a meter", "", OF_A_METER, ""]
    counters = [(name, f"`{key}`", f"`{kind}`", unit) for name, key, kind, unit in counter_rows()]
    lines += _table(("entity", "key", "device class", "unit"), counters)
    return "\n".join(lines) + "\n"


def _fields(inputs: HomeInputs) -> dict[str, Any]:
    return {name: getattr(inputs, name) for name in HomeInputs.__slots__}


def _of_home(facts: Facts) -> list[Entity]:
    return [one for one in announce(facts, NAMING).entities if one.device == HOME]


def _keys(facts: Facts) -> set[str]:
    return {one.key for one in _of_home(facts)}


def _described(entity: Entity) -> tuple[str, ...]:
    config = entity.config
    said = _code(config.get("device_class"))
    if options := config.get("options"):
        said = f"{said}: {', '.join(options)}"
    level = (config.get("state_topic") or config["command_topic"]).rpartition("/")[2]
    state = _code(config.get("state_class"))
    if "last_reset_value_template" in config:
        state += " with `last_reset`"
    unit = config.get("unit_of_measurement", "")
    kind = entity.platform.replace("_", " ")
    return (config["name"], f"`{entity.key}`", kind, said, state, unit, f"`{level}`")


def _needs(entity: Entity, needs: list[str]) -> str:
    """Say what it takes to be announced, and when what is announced is not there."""
    config: Mapping[str, Any] = entity.config
    notes = [", ".join(needs)] if needs else []
    if "availability" in config:
        notes.append("unavailable where there is none")
    if config.get("enabled_by_default") is False:
        notes.append("to be enabled first")
    return "; ".join(notes)


def _code(word: object) -> str:
    return f"`{word}`" if word else ""


def _first_line(described: object) -> str:
    return (inspect.getdoc(described) or "").split("\n", maxsplit=1)[0]


def _table(columns: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> list[str]:
    head = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    return head + ["| " + " | ".join(row) + " |" for row in rows]
