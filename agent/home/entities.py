"""What Home Assistant shows of a home: its entities, their classes, and their values.

Classes are those that its Energy dashboard accepts, and no value can make a spike there: a counter
is told as the meter counts it, by one entity for each register run, because a value that falls is
taken for a new cycle that began at 0; sums of a day name when they began (`last_reset`). Pure.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from agent.home.discovery import HOME, METER, Announcement, Config, Entity, Message, Naming, slug
from agent.home.inputs import Counter
from agent.home.light import Level
from agent.home.shown import Shown
from shared.units import MILLIONTHS_PER_UNIT, MS_PER_SECOND, MWH_PER_KWH

EXPIRE_S = 60
"""Power that was not told again for so long is not known: six times the hub's own turn."""

LITRES_PER_M3 = 1_000
MAX_METERS = 32
"""More than a home has; a codec that invents serials must not fill somebody's Home Assistant."""

COUNTER_NAMES = {
    "import_mwh": "Electricity import",
    "export_mwh": "Electricity export",
    "gas_l": "Gas",
} | {
    f"{direction}_t{rate}_mwh": f"Electricity {direction} rate {rate}"
    for direction in ("import", "export")
    for rate in range(1, 5)
}
"""The counters that are told; reactive energy has no place in the Energy dashboard."""


PERIOD_WORDS = {"yesterday": "yesterday", "week": "this week", "month": "this month"}


class Facts(NamedTuple):
    """What is known at one instant: what is shown, the committed counters by meter, and more.

    `present` are the meters that are not given up; `currency` is "" without a tariff.
    """

    shown: Shown
    counters: Mapping[str, Sequence[Counter]]
    present: frozenset[str]
    currency: str
    has_gas: bool
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
    entities = [
        *(_finish(one, naming) for one in _home_entities(facts, naming)),
        *(_finish(one, naming) for one in _meter_entities(told, naming)),
    ]
    return Announcement(devices, origin, entities, frozenset(names))


def tell(facts: Facts, naming: Naming) -> list[Message]:
    """Say every value: the present unretained, what remains true retained."""
    states = [
        Message(naming.now, msgspec.json.encode(_now(facts.shown)), retain=False),
        Message(naming.totals, msgspec.json.encode(_totals(facts.shown)), retain=True),
    ]
    for meter, counters in sorted(facts.counters.items())[:MAX_METERS]:
        values = {_key(one): _counted(one) for one in counters if one.register in COUNTER_NAMES}
        if values:
            topic = naming.meter(METER + slug(meter))
            states.append(Message(topic, msgspec.json.encode(values), retain=True))
    return states


def _home_entities(facts: Facts, naming: Naming) -> list[Entity]:
    entities = [
        _now_entity("power_w", "Power", "power", "W", naming),
        _of_home("light", "Traffic light", naming.now, device_class="enum", options=[*Level]),
        _timestamp("heard_at", "Meter heard", naming.now),
        _connectivity("meter_link", "Meter", naming),
        _connectivity("cloud_link", "Cloud", naming),
        _day_sum("energy_today", "Electricity today", "energy", "kWh", naming),
    ]
    if facts.currency:
        money = facts.currency
        entities += [
            _now_entity("cost_per_hour", "Cost per hour", None, f"{money}/h", naming),
            _now_entity("rate", "Electricity price", None, f"{money}/kWh", naming),
            _timestamp("next_cheap_at", "Next cheap half hour", naming.now),
            _day_sum("cost_today", "Electricity cost today", "monetary", money, naming),
            *(
                _of_home(
                    f"cost_{period}",
                    f"Electricity cost {words}",
                    naming.totals,
                    device_class="monetary",
                    unit_of_measurement=money,
                    suggested_display_precision=2,
                )
                for period, words in PERIOD_WORDS.items()
            ),
        ]
    if facts.has_gas:
        entities += [
            _day_sum("gas_today", "Gas today", "gas", "m³", naming),
            _timestamp("gas_as_of", "Gas as of", naming.totals),
        ]
        if facts.currency:
            entities.append(
                _day_sum("gas_cost_today", "Gas cost today", "monetary", facts.currency, naming)
            )
    if facts.shown.solar is not None:
        entities += [
            _day_sum("exported_today", "Exported today", "energy", "kWh", naming),
            _day_sum("self_use_today", "Self-use today", "energy", "kWh", naming),
        ]
    return entities


def _meter_entities(told: Mapping[str, Sequence[Counter]], naming: Naming) -> list[Entity]:
    entities = []
    for meter, counters in told.items():
        device = METER + slug(meter)
        for one in counters:
            if one.register not in COUNTER_NAMES:
                continue
            is_gas = one.register == "gas_l"
            config: Config = {
                "name": COUNTER_NAMES[one.register],
                "state_topic": naming.meter(device),
                "value_template": f"{{{{ value_json['{_key(one)}'] }}}}",
                "device_class": "gas" if is_gas else "energy",
                "unit_of_measurement": "m³" if is_gas else "kWh",
                "state_class": "total_increasing",
            }
            entities.append(Entity(device, _key(one), "sensor", config))
    return entities


def _finish(entity: Entity, naming: Naming) -> Entity:
    """Add what every entity has: who it is, and when it is there."""
    config = {
        **entity.config,
        "unique_id": f"{naming.node}_{entity.device}_{entity.key}",
        "availability_topic": naming.status,
    }
    return entity._replace(config=config)


def _of_home(key: str, name: str, topic: str, **classes: Any) -> Entity:
    config = {
        "name": name,
        "state_topic": topic,
        "value_template": f"{{{{ value_json.{key} }}}}",
        **classes,
    }
    return Entity(HOME, key, "sensor", config)


def _now_entity(key: str, name: str, device_class: str | None, unit: str, naming: Naming) -> Entity:
    classes = {"device_class": device_class} if device_class else {}
    return _of_home(
        key,
        name,
        naming.now,
        unit_of_measurement=unit,
        state_class="measurement",
        expire_after=EXPIRE_S,
        **classes,
    )


def _day_sum(key: str, name: str, device_class: str, unit: str, naming: Naming) -> Entity:
    """Describe a sum since midnight: `total`, for money allows no other and estimates may fall."""
    return _of_home(
        key,
        name,
        naming.totals,
        device_class=device_class,
        unit_of_measurement=unit,
        state_class="total",
        last_reset_value_template=f"{{{{ value_json.{key}_since or '' }}}}",
        suggested_display_precision=2,
    )


def _timestamp(key: str, name: str, topic: str) -> Entity:
    # What changes with every turn goes into no recorder, unless its owner says so.
    is_calm = key != "heard_at"
    return _of_home(key, name, topic, device_class="timestamp", enabled_by_default=is_calm)


def _connectivity(key: str, name: str, naming: Naming) -> Entity:
    config = {
        "name": name,
        "state_topic": naming.now,
        "value_template": f"{{{{ value_json.{key} }}}}",
        "device_class": "connectivity",
        "entity_category": "diagnostic",
        "expire_after": EXPIRE_S,
    }
    return Entity(HOME, key, "binary_sensor", config)


def _now(shown: Shown) -> dict[str, Any]:
    power, rate, link = shown.power, shown.rate, shown.link
    is_fresh = power.state == "fresh"
    heard_ms = None if link.meter_age_ms is None else shown.now_ms - link.meter_age_ms
    return {
        "power_w": power.net_w if is_fresh else None,
        "light": power.level if is_fresh else None,
        "cost_per_hour": _money(power.cost_per_hour_millionths),
        "rate": _money(rate.price_millionths_per_kwh) if rate else None,
        "next_cheap_at": _iso(rate.next_cheap_at_ms) if rate else None,
        "heard_at": _iso(heard_ms),
        "meter_link": "OFF" if link.state == "meter-silent" else "ON",
        "cloud_link": ("ON" if link.is_cloud_connected else "OFF") if link.has_cloud else None,
    }


def _totals(shown: Shown) -> dict[str, Any]:
    periods, gas, solar = shown.periods, shown.gas, shown.solar
    sums = {
        "energy_today": _kwh(periods.today.energy_mwh),
        "cost_today": _money(periods.today.cost_millionths),
        "gas_today": _m3(gas.volume_l) if gas else None,
        "gas_cost_today": _money(gas.cost_millionths) if gas else None,
        "exported_today": _kwh(solar.exported_mwh) if solar else None,
        "self_use_today": _kwh(solar.self_use_mwh) if solar else None,
    }
    if not shown.is_clock_trusted:
        # Which day is today is not known: a beginning told wrong would begin a cycle too many.
        sums = dict.fromkeys(sums)
    began = _iso(periods.today.start_ms)
    told: dict[str, Any] = dict(sums)
    # Home Assistant asks for a number wherever the beginning changes.
    told |= {f"{key}_since": began if sum_ is not None else None for key, sum_ in sums.items()}
    told |= {
        f"cost_{period}": _money(getattr(periods, period).cost_millionths)
        for period in PERIOD_WORDS
    }
    told["gas_as_of"] = _iso(gas.as_of_ms) if gas else None
    return told


def _key(counter: Counter) -> str:
    """Name a counter's entity by its register and, after the first, its run."""
    return f"{counter.register}-{slug(counter.run)}" if counter.run else counter.register


def _counted(counter: Counter) -> float:
    divisor = LITRES_PER_M3 if counter.register == "gas_l" else MWH_PER_KWH
    return counter.value / divisor


def _kwh(energy_mwh: int | None) -> float | None:
    return None if energy_mwh is None else energy_mwh / MWH_PER_KWH


def _m3(volume_l: int | None) -> float | None:
    return None if volume_l is None else volume_l / LITRES_PER_M3


def _money(amount_millionths: int | None) -> float | None:
    return None if amount_millionths is None else amount_millionths / MILLIONTHS_PER_UNIT


def _iso(at_ms: int | None) -> str | None:
    if at_ms is None:
        return None
    at = dt.datetime.fromtimestamp(at_ms // MS_PER_SECOND, dt.UTC)
    return at.isoformat()
