"""Shadows as rows, one a name and thing; the classic shadow has the name "". Commits nothing.

Whoever writes holds the hub's row lock, taken here: versions of a hub's shadows rise one by one.
"""

from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, delete, func, select, update

from cloud.fleettables import shadows
from cloud.households.repository import lock_hub
from cloud.shadows.document import TOO_MANY, Section, Shadow, ShadowError
from cloud.writes import upsert

MAX_SHADOWS_PER_THING = 16
"""A hub uses three; rows of a hub that invents names must end somewhere."""

MAX_UNTOLD = 64
"""Shadows told of at once: who asks does so every second."""


class Kept(NamedTuple):
    """A shadow and whose it is; `told_version` is the newest of which the hub was told."""

    thing: str
    name: str
    shadow: Shadow
    told_version: int


_SHADOW = [
    shadows.c[name]
    for name in ("thing", "shadow", "version", "told_version", "is_deleted", "document")
]


def read_shadow(connection: Connection, thing: str, name: str) -> Kept | None:
    """Read a shadow; None where it never was."""
    query = select(*_SHADOW).where(shadows.c.thing == thing, shadows.c.shadow == name)
    row = connection.execute(query).one_or_none()
    return None if row is None else _kept(row)


def lock_shadow(connection: Connection, thing: str, name: str, now_ms: int) -> Kept:
    """Read a shadow under its hub's row lock; one that never was has version 0."""
    lock_hub(connection, thing, now_ms)
    return read_shadow(connection, thing, name) or Kept(thing, name, Shadow(), 0)


def write_shadow(connection: Connection, kept: Kept, now_ms: int) -> None:
    """Write a shadow back; raises ShadowError where the hub has as many as it may."""
    hub = lock_hub(connection, kept.thing, now_ms)
    count = connection.execute(
        select(func.count())
        .select_from(shadows)
        .where(shadows.c.thing == kept.thing, shadows.c.shadow != kept.name)
    ).scalar_one()
    if count >= MAX_SHADOWS_PER_THING:
        raise ShadowError(TOO_MANY, f"{kept.thing} has {MAX_SHADOWS_PER_THING} shadows")
    row = {
        "thing": kept.thing,
        "shadow": kept.name,
        "household_id": hub.household_id,
        "version": kept.shadow.version,
        "told_version": kept.told_version,
        "is_deleted": kept.shadow.is_deleted,
        "document": msgspec.json.encode([kept.shadow.desired, kept.shadow.reported]),
        "changed_at_ms": now_ms,
    }
    replaced = [name for name in row if name not in ("thing", "shadow")]
    upsert(connection, shadows, [row], keys=("thing", "shadow"), replace=replaced)


def list_shadows(connection: Connection, things: list[str], name: str) -> dict[str, Kept]:
    """Read one shadow of several things, by thing; a deleted one is left out."""
    query = select(*_SHADOW).where(
        shadows.c.thing.in_(things), shadows.c.shadow == name, shadows.c.is_deleted.is_(False)
    )
    return {row.thing: _kept(row) for row in connection.execute(query)}


def untold(connection: Connection) -> list[Kept]:
    """List shadows that the cloud changed and of which the hub was not told yet."""
    query = select(*_SHADOW).where(shadows.c.told_version < shadows.c.version).limit(MAX_UNTOLD)
    return [_kept(row) for row in connection.execute(query)]


def note_told(connection: Connection, kept: Kept) -> None:
    """Note that the hub was told of this version."""
    connection.execute(
        update(shadows)
        .where(shadows.c.thing == kept.thing, shadows.c.shadow == kept.name)
        .values(told_version=kept.shadow.version)
    )


def forget_shadows(connection: Connection, thing: str) -> None:
    """Empty every shadow of a thing, versions kept: what it said is of another household now."""
    connection.execute(delete(shadows).where(shadows.c.thing == thing, shadows.c.version == 0))
    connection.execute(
        update(shadows)
        .where(shadows.c.thing == thing)
        .values(
            version=shadows.c.version + 1,
            told_version=shadows.c.version + 1,
            is_deleted=True,
            document=msgspec.json.encode([Section({}, {}), Section({}, {})]),
        )
    )


def _kept(row: Any) -> Kept:
    desired, reported = msgspec.json.decode(row.document, type=tuple[Section, Section])
    shadow = Shadow(row.version, desired, reported, row.is_deleted)
    return Kept(row.thing, row.shadow, shadow, row.told_version)
