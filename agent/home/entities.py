"""What Home Assistant shows of a home: its devices, and its meters' counters with their values.

Classes are those that its Energy dashboard accepts, and no value can make a spike there: a counter
is told as the meter counts it, by one entity for each register run, because a value that falls is
taken for a new cycle that began at 0; sums of a day name when they began (`last_reset`). The home
itself is `homeentities.py`'s and `homestates.py`'s. Pure.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

from agent.home.counters import COUNTER_NAMES
from agent.home.discovery import HOME, METER, Announcement, Config, Entity, Message, Naming, slug
from agent.home.homeentities import list_home_entities
from agent.home.homestates import LITRES_PER_M3, say_messages, say_now, say_totals
from agent.home.inputs import Counter
from agent.home.shown import Shown
from shared.units import MWH_PER_KWH

MAX_METERS = 32
"""More than a home has; a codec that invents serials must not fill somebody's Home Assistant."""

RUN_NAME_CHARS = 6
"""Of the log's id in a run's name: with the sequence behind it, no two runs are alike."""


class Facts(NamedTuple):
    """What is known at one instant: what is shown, the committed counters by meter, and more.

    `present` are the meters that are not given up; `currency` and `gas_currency` are
    "" without a tariff.
    """

    shown: Shown
    counters: Mapping[str, Sequence[Counter]]
    present: frozenset[str]
    currency: str
    gas_currency: str
    has_gas: bool
    has_cloud: bool
    version: str


def announce(facts: Facts, naming: Naming) -> Announcement:
    """List the devices and entities that there are to show."""
    told = dict(sorted(facts.counters.items())[:MAX_METERS])
    names = {METER + slug(meter): meter for meter in {*told, *facts.present}}
    origin = {"name": "Hearthlink", "sw_version": facts.version}
    home = {
        "identifiers": [naming.node],
        "name": "Hearthlink",
        "manufacturer": "Hearthlink",
        "model": "Smart meter hub",
        "sw_version": facts.version,
    }
    devices: dict[str, Config] = {HOME: home}
    for device, meter in names.items():
        devices[device] = {
            "identifiers": [f"{naming.node}-{device}"],
            "name": f"Meter {meter}",
            "model": "Meter",
            "via_device": naming.node,
        }
    of_home = list_home_entities(
        facts.shown,
        naming,
        facts.currency,
        facts.gas_currency,
        has_gas=facts.has_gas,
        has_cloud=facts.has_cloud,
    )
    entities = [_finish(one, naming) for one in [*of_home, *_meter_entities(told, naming)]]
    return Announcement(devices, origin, entities, frozenset(names))


def tell(facts: Facts, naming: Naming) -> list[Message]:
    """Say every value: the present unretained, what remains true retained."""
    states = [
        Message(naming.now, msgspec.json.encode(say_now(facts.shown)), retain=False),
        Message(naming.totals, msgspec.json.encode(say_totals(facts.shown)), retain=True),
        Message(naming.messages, msgspec.json.encode(say_messages(facts.shown)), retain=True),
    ]
    for meter, counters in sorted(facts.counters.items())[:MAX_METERS]:
        values = {_key(one): _counted(one) for one in counters if one.register in COUNTER_NAMES}
        if values:
            topic = naming.meter(METER + slug(meter))
            states.append(Message(topic, msgspec.json.encode(values), retain=True))
    return states


def _meter_entities(told: Mapping[str, Sequence[Counter]], naming: Naming) -> list[Entity]:
    entities = []
    for meter, counters in told.items():
        device = METER + slug(meter)
        for one in counters:
            if one.register not in COUNTER_NAMES:
                continue
            is_gas = one.register == "gas_l"
            config: Config = {
                "name": _name(one),
                "state_topic": naming.meter(device),
                "value_template": f"{{{{ value_json['{_key(one)}'] }}}}",
                "device_class": "gas" if is_gas else "energy",
                "unit_of_measurement": "m³" if is_gas else "kWh",
                "state_class": "total_increasing",
            }
            entities.append(Entity(device, _key(one), "sensor", config))
    return entities


def _finish(entity: Entity, naming: Naming) -> Entity:
    """Add what every entity has: who it is, and that it is there while the hub is."""
    config = {**entity.config, "unique_id": f"{naming.node}_{entity.device}_{entity.key}"}
    if "availability" not in config:
        config["availability_topic"] = naming.status
    return entity._replace(config=config)


def _name(counter: Counter) -> str:
    """Name a counter's entity, after the first run by the run too.

    Home Assistant makes the entity's id of its name, and keeps statistics by that id: a run under
    the name of the one before would be taken for that one, begun anew at 0.
    """
    name = COUNTER_NAMES[counter.register]
    if not counter.run:
        return name
    log, _, seq = counter.run.partition(":")
    return f"{name} run {log[:RUN_NAME_CHARS]} {seq}".rstrip()


def _key(counter: Counter) -> str:
    """Name a counter's entity by its register and, after the first, its run."""
    return f"{counter.register}-{slug(counter.run)}" if counter.run else counter.register


def _counted(counter: Counter) -> float:
    divisor = LITRES_PER_M3 if counter.register == "gas_l" else MWH_PER_KWH
    return counter.value / divisor
