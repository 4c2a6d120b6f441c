"""What an SML entry's code, unit and power of ten stand for, by the OBIS table. Pure."""

from decimal import Decimal
from typing import NamedTuple

from firmware_bridge.meters.obis import NET_POWER, TABLE, groups_of
from firmware_bridge.meters.sml_message import Entry

NAME_BYTES = 6
"""The groups A to F of an OBIS code."""

MAX_MEANINGS = 512
"""A meter has a few dozen codes, each with one unit and one power of ten."""

MAX_PLAIN_SCALER = 12
"""Powers of ten up to here are written out in an unknown value; others stay beside it."""

UNITS = {
    7: "s", 8: "deg", 9: "C", 13: "m3", 14: "m3", 25: "J", 27: "W", 28: "VA", 29: "var", 30: "Wh",
    31: "VAh", 32: "varh", 33: "A", 35: "V", 44: "Hz", 56: "%",
}  # fmt: skip
"""DLMS unit numbers (IEC 62056-6-2, table of physical units) as the OBIS table spells them."""

NO_UNITS = (None, 0, 255)

ABSOLUTE_POWER = "15.7.0"
"""The sum without its sign (EMH): its direction is the status word's."""

SIGNED_POWER = {
    **NET_POWER,
    "1.7.1": NET_POWER["16.7.0"],
    ABSOLUTE_POWER: NET_POWER["16.7.0"],
}
"""Power both ways by its code; Hager's EHZ361 gives the signed sum as `1.7.1`."""


class Meaning(NamedTuple):
    """What a code with its unit and power of ten stands for.

    `register` takes the value, or its positive part where `opposite` takes the negative; `code` is
    the entry's as printed, `groups` its groups C.D.E. Without a register the entry is unknown.
    """

    code: str
    groups: str
    register: str = ""
    opposite: str = ""
    exponent: int = 0


class Meanings:
    """The meanings looked up so far: a meter repeats the same few."""

    def __init__(self) -> None:
        self._known: dict[tuple[bytes, int | None, int], Meaning] = {}

    def of(self, entry: Entry) -> Meaning:
        """Return what an entry stands for."""
        key = (entry.name, entry.unit, entry.scaler)
        meaning = self._known.get(key)
        if meaning is None:
            if len(self._known) >= MAX_MEANINGS:
                self._known.clear()
            meaning = self._known[key] = _look_up(*key)
        return meaning


def _look_up(name: bytes, unit: int | None, scaler: int) -> Meaning:
    code = code_of(name)
    groups = groups_of(code) or ""
    unit_name = _unit_name(unit)
    signed = SIGNED_POWER.get(groups)
    if signed is not None:
        scaled = TABLE["1.7.0"].get(unit_name)
        return (
            Meaning(code, groups, *signed, scaled[1] + scaler) if scaled else Meaning(code, groups)
        )
    scaled = TABLE.get(groups, {}).get(unit_name)
    if scaled is None:
        return Meaning(code, groups)
    register, exponent = scaled
    # A meter may send net power under the code of import alone; below zero, it is export.
    is_import = register.startswith("power_import")
    opposite = register.replace("import", "export") if is_import else ""
    return Meaning(code, groups, register, opposite, exponent + scaler)


def code_of(name: bytes) -> str:
    """Print an entry's name as an OBIS code; as hex where it has not the six bytes of one."""
    if len(name) != NAME_BYTES:
        return name.hex().upper()
    return "{}-{}:{}.{}.{}*{}".format(*name)


def print_value(entry: Entry) -> str:
    """Print an entry's value with its unit, exactly; octets that are no text as hex."""
    value = entry.value
    if isinstance(value, bytes):
        text = value.decode("latin-1")
        return text if text.isascii() and text.isprintable() else value.hex().upper()
    if not isinstance(value, int):
        return "" if value is None else str(value)
    text = str(value)
    if entry.scaler and abs(entry.scaler) <= MAX_PLAIN_SCALER:
        text = format(Decimal(value).scaleb(entry.scaler), "f")
    elif entry.scaler:
        text = f"{value}e{entry.scaler}"
    unit_name = _unit_name(entry.unit)
    return f"{text}*{unit_name}" if unit_name else text


def _unit_name(unit: int | None) -> str:
    if unit is None or unit in NO_UNITS:
        return ""
    return UNITS.get(unit, f"unit {unit}")
