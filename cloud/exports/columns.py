"""The columns of exported tables: names, kinds and how each is written. Pure."""

import enum
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from shared.readings import Medium
from shared.units import MWH_PER_KWH

LITRES_PER_M3 = 1_000


class Kind(enum.Enum):
    """What a column holds."""

    TEXT = "text"
    INTEGER = "integer"
    INSTANT = "instant"


class Column(NamedTuple):
    """A column by its integer name, and how a person reads it: `units` of it are one `said`."""

    name: str
    kind: Kind
    said: str = ""
    units: int = 1


Row = Mapping[str, Any]
"""A row by column name; instants are milliseconds, what is unknown is None or absent."""

AMOUNTS: dict[Medium, tuple[Column, ...]] = {
    Medium.ELECTRICITY: (
        Column("import_mwh", Kind.INTEGER, "import_kwh", MWH_PER_KWH),
        Column("export_mwh", Kind.INTEGER, "export_kwh", MWH_PER_KWH),
    ),
    Medium.GAS: (
        Column("gas_l", Kind.INTEGER, "gas_m3", LITRES_PER_M3),
        Column("gas_mwh", Kind.INTEGER, "gas_kwh", MWH_PER_KWH),
    ),
    Medium.WATER: (Column("water_l", Kind.INTEGER, "water_m3", LITRES_PER_M3),),
    Medium.HEAT: (Column("heat_mj", Kind.INTEGER, "heat_mj"),),
}


def usage_columns(medium: Medium) -> list[Column]:
    """List the columns of exported usage."""
    return [
        Column("meter", Kind.TEXT),
        Column("start", Kind.INSTANT),
        Column("end", Kind.INSTANT),
        Column("local_start", Kind.TEXT),
        *AMOUNTS[medium],
        Column("status", Kind.TEXT),
        Column("source", Kind.TEXT),
        Column("why", Kind.TEXT),
    ]


def sample_columns(registers: Sequence[str]) -> list[Column]:
    """List the columns of exported samples: each register in the unit its name ends in."""
    return [
        Column("meter", Kind.TEXT),
        Column("taken_at", Kind.INSTANT),
        Column("log_id", Kind.TEXT),
        Column("seq", Kind.INTEGER),
        Column("revision", Kind.INTEGER),
        *(Column(name, Kind.INTEGER) for name in registers),
    ]
