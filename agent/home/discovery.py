"""How Home Assistant is told which entities there are: MQTT discovery, and what is stale of it.

By device (one retained configuration for each device, Home Assistant 2024.11 and later) or by
entity (one for each entity, any version). Decides which configurations to write and which to take
back, from what the broker still holds; says nothing of values. Pure.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

import msgspec

Style = Literal["device", "entity"]

MAX_CONFIG_BYTES = 64 * 1024
"""A device with a hundred entities takes some 40 KB."""

HOME = "home"
METER = "meter-"

Config = dict[str, Any]


class Message(NamedTuple):
    """What is to be published; an empty payload that is retained takes a topic back."""

    topic: str
    payload: bytes
    retain: bool


class Entity(NamedTuple):
    """One entity: the device it belongs to, its key there, its platform, and its configuration."""

    device: str
    key: str
    platform: str
    config: Config

    @property
    def register(self) -> str:
        """What the entity shows, whatever register run it is of."""
        return self.key.partition("-")[0]


class Naming(NamedTuple):
    """Where a hub publishes at the household's broker; `prefix` is that of Home Assistant."""

    thing: str
    prefix: str = "homeassistant"

    @property
    def node(self) -> str:
        """The hub's own level under the prefix."""
        return f"hearthlink-{slug(self.thing)}"

    @property
    def base(self) -> str:
        """What all topics of states begin with."""
        return f"hearthlink/home/{slug(self.thing)}"

    @property
    def status(self) -> str:
        """Where "online" and, as the last will, "offline" is told."""
        return f"{self.base}/status"

    @property
    def now(self) -> str:
        """Where the present is told, not retained."""
        return f"{self.base}/now"

    @property
    def totals(self) -> str:
        """Where sums, tariff, budget and credit are told, retained."""
        return f"{self.base}/totals"

    @property
    def messages(self) -> str:
        """Where the messages from the supplier are told, retained."""
        return f"{self.base}/messages"

    @property
    def acknowledge(self) -> str:
        """Where Home Assistant says that the household has read a message."""
        return f"{self.base}/acknowledge"

    @property
    def birth(self) -> str:
        """Where Home Assistant says that it has started."""
        return f"{self.prefix}/status"

    @property
    def configs(self) -> str:
        """The filter of every configuration that this hub may have written."""
        return f"{self.prefix}/+/{self.node}/+/config"

    def meter(self, device: str) -> str:
        """Where the registers of a meter are told, retained."""
        return f"{self.base}/{device}"

    def config(self, platform: str, name: str) -> str:
        """Where a configuration is written."""
        return f"{self.prefix}/{platform}/{self.node}/{name}/config"


class Announcement(NamedTuple):
    """Everything there is to announce.

    `devices` are descriptions by the device's name, `kept` the devices that stay though nothing was
    heard of them yet.
    """

    devices: Mapping[str, Config]
    origin: Config
    entities: Sequence[Entity]
    kept: frozenset[str]


def slug(name: str) -> str:
    """Write a name in the letters that a discovery topic allows; no two names become one."""
    return "".join(one if one.isascii() and one.isalnum() else f"-{ord(one):x}-" for one in name)


def plan(
    held: Mapping[str, bytes], wanted: Announcement, naming: Naming, style: Style
) -> list[Message]:
    """Say what to publish so that the broker, which holds `held`, has what is wanted, and no more.

    Nothing where that is so. A device that is gone takes its retained states with it. What was
    announced of a register stays until another run of it takes its place, or its meter is gone: a
    meter that was not heard since the hub's start is not gone.
    """
    before = [entity for topic, payload in held.items() for entity in read(topic, payload)]
    there = {(one.device, one.key) for one in wanted.entities}
    left = [one for one in before if (one.device, one.key) not in there]
    stays = [one for one in left if _stays(one, wanted)]
    gone = [one for one in left if not _stays(one, wanted)]
    write = _by_device if style == "device" else _by_entity
    configs = write([*wanted.entities, *stays], wanted, naming)
    messages = [Message(topic, b"", retain=True) for topic in held if topic not in configs]
    left_over = {one.device for one in gone} - {one.device for one in [*wanted.entities, *stays]}
    messages += [Message(naming.meter(one), b"", retain=True) for one in sorted(left_over - {HOME})]
    for topic, config in configs.items():
        payload = msgspec.json.encode(config, order="sorted")
        if held.get(topic) == payload:
            continue
        removed = {
            one.key: {"platform": one.platform}
            for one in gone
            if style == "device" and topic in held and naming.config("device", one.device) == topic
        }
        if removed:
            components = {**config["components"], **removed}
            parting = msgspec.json.encode({**config, "components": components}, order="sorted")
            messages.append(Message(topic, parting, retain=True))
        messages.append(Message(topic, payload, retain=True))
    return messages


def read(topic: str, payload: bytes) -> list[Entity]:
    """Read which entities a configuration at the broker announces; none of one that is not ours."""
    *_, platform, _, name, _ = ["", "", *topic.split("/")]
    try:
        config = msgspec.json.decode(payload, type=Config)
        if platform != "device":
            device, _, key = name.partition("_")
            return [Entity(device, key, platform, config)]
        parts = msgspec.convert(config.get("components"), dict[str, Config])
    except msgspec.MsgspecError:
        return []
    return [Entity(name, key, str(part.get("platform")), part) for key, part in parts.items()]


def _stays(entity: Entity, wanted: Announcement) -> bool:
    return entity.device in wanted.kept and not any(
        one.device == entity.device and one.register == entity.register for one in wanted.entities
    )


def _by_device(
    entities: Sequence[Entity], wanted: Announcement, naming: Naming
) -> dict[str, Config]:
    configs: dict[str, Config] = {}
    for one in entities:
        topic = naming.config("device", one.device)
        described = wanted.devices.get(one.device)
        if described is None:
            continue
        whole = configs.setdefault(
            topic, {"device": described, "origin": wanted.origin, "components": {}}
        )
        part = {name: value for name, value in one.config.items() if name not in whole}
        whole["components"][one.key] = {**part, "platform": one.platform}
    return configs


def _by_entity(
    entities: Sequence[Entity], wanted: Announcement, naming: Naming
) -> dict[str, Config]:
    return {
        naming.config(one.platform, f"{one.device}_{one.key}"): {
            **{name: value for name, value in one.config.items() if name != "platform"},
            "device": wanted.devices[one.device],
            "origin": wanted.origin,
        }
        for one in entities
        if one.device in wanted.devices
    }
