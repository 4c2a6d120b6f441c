"""The kinds of entities that Home Assistant is shown of a home, each with its classes. Pure.

What an entity says lies in a JSON document under the entity's own key; what is not known is null
there. Numbers may be null. Words and instants may not: Home Assistant takes a null for the word
"None", and complains of each. A word that is not known is "unknown", and an entity that says an
instant, or is there for some of the time alone, has a second word on whether it is.
"""

from typing import Any, Literal

from agent.home.discovery import HOME, Config, Entity, Naming

EXPIRE_S = 60
"""The present that was not told again for so long is not known: six times the hub's own turn."""

UNKNOWN = "unknown"
"""What Home Assistant itself says of a state that is not known."""

NEVER = "1970-01-01T00:00:00+00:00"
"""Stands where no instant is known, of an entity that is unavailable then."""


def measured(key: str, name: str, unit: str, topic: str, device_class: str | None = None) -> Entity:
    """Describe what is measured now."""
    classes = {"device_class": device_class} if device_class else {}
    return plain(
        key,
        name,
        topic,
        unit_of_measurement=unit,
        state_class="measurement",
        expire_after=EXPIRE_S,
        **classes,
    )


def day_sum(key: str, name: str, device_class: str, unit: str, naming: Naming) -> Entity:
    """Describe a sum since midnight: `total`, for money allows no other and estimates may fall."""
    since = f"{{{{ value_json.{key}_since or '' }}}}"
    total = {"state_class": "total", "last_reset_value_template": since}
    return amount(key, name, device_class, unit, naming, **total)


def amount(
    key: str, name: str, device_class: str, unit: str, naming: Naming, **more: Any
) -> Entity:
    """Describe an amount that is no register and no sum of a day: it has no statistics."""
    return plain(
        key,
        name,
        naming.totals,
        device_class=device_class,
        unit_of_measurement=unit,
        suggested_display_precision=2,
        **more,
    )


def share(key: str, name: str, naming: Naming) -> Entity:
    """Describe how much of something is used or gone, in percent."""
    return plain(key, name, naming.totals, unit_of_measurement="%", suggested_display_precision=0)


def choice(key: str, name: str, topic: str, options: list[str], **more: Any) -> Entity:
    """Describe one of some words."""
    return plain(
        key,
        name,
        topic,
        device_class="enum",
        options=[*options, UNKNOWN],
        value_template=f"{{{{ value_json.{key} or '{UNKNOWN}' }}}}",
        **more,
    )


def word(key: str, name: str, topic: str, **more: Any) -> Entity:
    """Describe a word of no fixed set."""
    template = f"{{{{ value_json.{key} or '{UNKNOWN}' }}}}"
    return plain(key, name, topic, value_template=template, **more)


def instant(key: str, name: str, topic: str, naming: Naming) -> Entity:
    """Describe an instant, which is unavailable while none is known."""
    # What changes with every turn goes into no recorder, unless its owner says so.
    is_calm = key != "heard_at"
    one = plain(
        key,
        name,
        topic,
        device_class="timestamp",
        value_template=f"{{{{ value_json.{key} or '{NEVER}' }}}}",
        enabled_by_default=is_calm,
    )
    return while_there(one, topic, key, naming)


def whether(
    key: str, name: str, topic: str, device_class: Literal["connectivity"] | None = None
) -> Entity:
    """Describe what is so or not, by "ON" and "OFF"; of a connection it is a diagnosis."""
    one = plain(key, name, topic, expire_after=EXPIRE_S)._replace(platform="binary_sensor")
    if device_class is None:
        return one
    more = {"device_class": device_class, "entity_category": "diagnostic"}
    return one._replace(config={**one.config, **more})


def button(key: str, name: str, command_topic: str, payload: str) -> Entity:
    """Describe a button that says `payload` when it is pressed."""
    config = {"name": name, "command_topic": command_topic, "payload_press": payload}
    return Entity(HOME, key, "button", config)


def plain(key: str, name: str, topic: str, **classes: Any) -> Entity:
    """Describe a sensor of the home with these classes."""
    config: Config = {
        "name": name,
        "state_topic": topic,
        "value_template": f"{{{{ value_json.{key} }}}}",
        **classes,
    }
    return Entity(HOME, key, "sensor", config)


def while_there(entity: Entity, topic: str, key: str, naming: Naming) -> Entity:
    """Have an entity available only while the document at `topic` has something under `key`."""
    there = f"{{{{ 'online' if value_json.{key} else 'offline' }}}}"
    both = [{"topic": naming.status}, {"topic": topic, "value_template": there}]
    config = {**entity.config, "availability": both, "availability_mode": "all"}
    return entity._replace(config=config)
