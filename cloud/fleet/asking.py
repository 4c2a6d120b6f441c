"""`hearthlink fleet settings`: what hubs are asked to set, one or many, through their shadows.

Reads what is asked at present and changes what was named; what holds is the hub's own word.
"""

import argparse
from collections.abc import Iterator
from typing import Any

import msgspec

from cloud.fleet import hubs
from cloud.fleet.governing import PAGE, Cloud, opened
from cloud.fleet.settings import LIMITS, check_settings, settings_entry
from shared import topics
from shared.errors import BadInputError, OperatorError

Report = dict[str, Any]


def settings(options: argparse.Namespace) -> Report:
    """Show what hubs are asked to set and what holds, after changing it where that is wanted.

    All of a change is checked before the first hub is asked; a hub that does not take it is listed
    under `faults`, and the others are asked all the same.
    """
    if bool(options.thing) == options.all:
        raise OperatorError("which hubs is not said", hint="name them, or give --all")
    if options.clear and (options.set or options.unset):
        raise OperatorError("--clear with other changes", hint="clear first, then set")
    changes = dict(read_change(one) for one in options.set)
    check_settings(msgspec.json.encode(changes))
    with opened(options.config) as cloud:
        things = list(_all_things(cloud)) if options.all else _known(cloud, options.thing)
        entries, faults = [], []
        for thing in things:
            try:
                entries.append(_change(cloud, thing, changes, options))
            except BadInputError as error:
                faults.append(f"{thing}: {error.message}")
    return {"hubs": entries, "faults": faults}


def read_change(text: str) -> tuple[str, Any]:
    """Read NAME=VALUE, the value a number; raises BadInputError."""
    name, equals, value = text.partition("=")
    try:
        number = msgspec.json.decode(value.strip().encode(), type=int | float)
    except msgspec.MsgspecError as error:
        raise BadInputError(f"{text!r} is no setting", hint=f"NAME=NUMBER; {LIMITS}") from error
    if not equals or not name.strip():
        raise BadInputError(f"{text!r} is no setting", hint=f"NAME=NUMBER; {LIMITS}")
    return name.strip(), number


def _change(
    cloud: Cloud, thing: str, changes: dict[str, Any], options: argparse.Namespace
) -> Report:
    shadow = cloud.registry.read_shadow(thing, topics.SETTINGS_SHADOW)
    asked = shadow.desired if shadow else {}
    kept = {} if options.clear else {**asked, **changes}
    wanted = {name: value for name, value in kept.items() if name not in options.unset}
    if wanted != asked:
        checked = check_settings(msgspec.json.encode(wanted))
        cloud.registry.desire(thing, topics.SETTINGS_SHADOW, checked)
        shadow = cloud.registry.read_shadow(thing, topics.SETTINGS_SHADOW)
    return settings_entry(thing, shadow)


def _known(cloud: Cloud, things: list[str]) -> list[str]:
    """Find every hub before the first is asked; raises NotFoundError."""
    with cloud.database.reading() as connection:
        for thing in things:
            hubs.find_view(connection, thing, cloud.clock.utc_ms())
    return things


def _all_things(cloud: Cloud) -> Iterator[str]:
    after = ""
    with cloud.database.reading() as connection:
        while page := hubs.list_views(connection, after, PAGE, cloud.clock.utc_ms()):
            yield from (one.thing for one in page if one.revoked_at is None)
            after = page[-1].thing
