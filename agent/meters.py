"""The meters a hub is told to read: one `[[meter]]` table each, and what the environment adds."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agent.roles import Role
from firmware_bridge.links import LinkSettings
from firmware_bridge.meters.keys import Keys

SECTION = "meter"

MAX_METERS = 16
"""A home has a handful of ports; the sub-meters behind one of them are not counted here."""


@dataclass(frozen=True, slots=True)
class MeterConfig:
    """One `[[meter]]` table, checked."""

    protocol: str
    link: str
    baud: int
    framing: str
    key: bytes | None = field(repr=False)
    authentication_key: bytes | None = field(repr=False)
    username: str
    password: str = field(repr=False)
    silence_s: float
    role: Role

    @property
    def keys(self) -> Keys | None:
        """The keys of a meter that encrypts."""
        return Keys(self.key, self.authentication_key) if self.key else None

    def link_settings(self, state_dir: Path) -> LinkSettings:
        """Return how the meter's link is set; a radio keeps its network in `state_dir`."""
        return LinkSettings(self.baud, self.framing, self.username, self.password, state_dir)


def written_tables(written: Mapping[str, Any]) -> tuple[list[Mapping[str, Any]], list[str]]:
    """Return the file's meter tables, `[meter]` or `[[meter]]`, and what is wrong with their form.

    A hub without any is given one empty table, for the environment may say all of it.
    """
    tables = written.get(SECTION, {})
    if isinstance(tables, Mapping):
        tables = [tables]
    if not isinstance(tables, list) or not all(isinstance(one, Mapping) for one in tables):
        return [], [f"{SECTION} = {tables!r}: give one [[meter]] table for each meter"]
    if len(tables) > MAX_METERS:
        return [], [f"{SECTION}: {len(tables)} tables; a hub reads at most {MAX_METERS}"]
    return tables or [{}], []


def environment_stem(place: int) -> str:
    """Name the section in the environment: METER the first, METER_2 the second."""
    return "METER" if place == 0 else f"METER_{place + 1}"


def shown_section(place: int, count: int) -> str:
    """Name the section in a message: meter where there is one, else meter 2 and so on."""
    return SECTION if count == 1 else f"{SECTION} {place + 1}"


def with_environment(
    tables: list[Mapping[str, Any]],
    environment: Mapping[str, str],
    variable: Callable[[str], str],
    names: list[str],
) -> list[dict[str, Any]]:
    """Return each table with what the environment overrides, and the meters that it adds.

    `variable` names the environment variable of a dotted key; a meter is added by its link.
    """
    merged = [dict(table) for table in tables]
    while (
        len(merged) < MAX_METERS
        and variable(f"{environment_stem(len(merged))}.link") in environment
    ):
        merged.append({})
    for place, table in enumerate(merged):
        for name in names:
            value = environment.get(variable(f"{environment_stem(place)}.{name}"))
            if value is not None:
                table[name] = value
    return merged
