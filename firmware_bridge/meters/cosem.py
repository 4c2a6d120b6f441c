"""What the objects of a DLMS push list mean: codes, scalers and units to canonical registers.

Owns the defaults of makers who send no units. Pure; keeps one bounded cache of what codes mean.
Sources: IEC 62056-6-2 (units), the makers' object lists for their customer interfaces (Kamstrup:
hundredths of an ampere, volts, 10 Wh; Kaifa: milliamperes, tenths of a volt; Iskra's lists without
codes: hundredths of an ampere, tenths of a volt).
"""

import enum
import math
import re
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

from firmware_bridge.meters.dlms_axdr import Value
from firmware_bridge.meters.dlms_shapes import Entry
from firmware_bridge.meters.obis import IGNORED, NET_POWER, TABLE, groups_of, scale_integer
from shared.readings import COUNTERS
from shared.units import INT64_MAX, INT64_MIN, round_half_even

MAX_MEANINGS = 512
"""A push list has at most about seventy objects; several meters' worth are remembered."""

UNITS = {
    7: "s", 8: "deg", 9: "C", 13: "m3", 14: "m3", 25: "J", 27: "W", 28: "VA", 29: "var", 30: "Wh",
    31: "VAh", 32: "varh", 33: "A", 35: "V", 44: "Hz", 56: "%",
}  # fmt: skip
"""Unit numbers of IEC 62056-6-2 as the OBIS table spells them; any other has no unit here."""

ALL_ONES = frozenset({2**32 - 1, 2**64 - 1})
"""What a meter sends for a register that holds nothing."""

VOLTAGE_STEPS = ((1_000, 0), (10_000, -1), (100_000, -2), (1_000_000, -3))
"""Without a scaler: below the first number it is volts, then tenths, hundredths, thousandths. No
household's voltage, in any of these, can be read as another."""

_TARIFF = re.compile(r"[A-Za-z]{0,4}0*(\d{1,4})")


class Dialect(enum.Enum):
    """Whose push list it is, where no units are sent."""

    STANDARD = "standard"
    KAMSTRUP = "Kamstrup"
    KAIFA = "Kaifa"
    ISKRA = "Iskra"


_SCALERS = {
    Dialect.STANDARD: {"Wh": 0, "varh": 0, "W": 0, "var": 0},
    Dialect.KAMSTRUP: {"Wh": 1, "varh": 1, "W": 0, "var": 0, "V": 0, "A": -2, "factor": -2},
    Dialect.KAIFA: {"Wh": 0, "varh": 0, "W": 0, "var": 0, "V": -1, "A": -3},
    Dialect.ISKRA: {"Wh": 0, "varh": 0, "W": 0, "var": 0, "V": -1, "A": -2},
}

_NAMES = (
    ("Kamstrup", Dialect.KAMSTRUP),
    ("KAM", Dialect.KAMSTRUP),
    ("KFM", Dialect.KAIFA),
    ("KAIFA", Dialect.KAIFA),
    ("ISK", Dialect.ISKRA),
)


class Meaning(NamedTuple):
    """What a code with its scaler and unit stands for.

    `register` takes the value, or its positive part where `opposite` takes the negative one.
    Without a register it is unknown, or understood and of no interest (`is_ignored`).
    """

    code: str
    register: str = ""
    exponent: int = 0
    opposite: str = ""
    unit: str = ""
    is_voltage: bool = False
    is_ignored: bool = False


class Numbers(NamedTuple):
    """What the numbers of a push list say: registers, unknown values, and what cannot be."""

    registers: dict[str, int]
    unknown: dict[str, str]
    faults: list[str]


class Translator:
    """Translates the entries of push lists into registers."""

    def __init__(self) -> None:
        self._meanings: dict[tuple[bytes, int | None, int | None, Dialect], Meaning] = {}

    def read(self, entry: Entry, dialect: Dialect, numbers: Numbers) -> None:
        """Put what one entry says where it belongs; the first of two values is kept."""
        key = (entry.obis, entry.scaler, entry.unit, dialect)
        meaning = self._meanings.get(key)
        if meaning is None:
            if len(self._meanings) >= MAX_MEANINGS:
                self._meanings.clear()
            meaning = self._meanings[key] = _meaning_of(*key)
        value = entry.value
        if value is None or meaning.is_ignored:
            return
        if meaning.register and type(value) is int and value not in ALL_ONES:
            _read_whole(value, meaning, entry.scaler, numbers)
        elif meaning.register and isinstance(value, float):
            _read_real(value, meaning, numbers)
        elif meaning.register and (number := _plain_number(value, meaning)) is not None:
            _read_whole(number, meaning, entry.scaler, numbers)
        else:
            numbers.unknown.setdefault(meaning.code, print_value(value, entry.scaler, meaning.unit))


@lru_cache(maxsize=64)
def dialect_of(name: str) -> Dialect:
    """Return the dialect of a meter whose list, device or system title is called `name`."""
    return next((found for start, found in _NAMES if name.startswith(start)), Dialect.STANDARD)


def print_code(obis: bytes) -> str:
    """Write a code as `A-B:C.D.E`, with `*F` where it is not the present."""
    a, b, c, d, e, f = obis
    past = "" if f == 0xFF else f"*{f}"  # noqa: PLR2004 (255 is the present value)
    return f"{a}-{b}:{c}.{d}.{e}{past}"


def print_text(raw: bytes) -> str:
    """Write an octet string as its text where it is one, else in hexadecimal."""
    text = raw.rstrip(b"\0 ")
    if all(0x20 <= byte <= 0x7E for byte in text):  # noqa: PLR2004 (printable ASCII)
        return text.decode("ascii")
    return raw.hex().upper()


def print_value(value: Value, scaler: int | None, unit: str) -> str:
    """Write a value the table does not know, with its unit where it has one."""
    if isinstance(value, bytes):
        return print_text(value)
    if type(value) is int and scaler:
        # Exact, and never long: no scaler of one signed byte is written out with its zeros.
        value_text = f"{value}e{scaler}"
        digits = str(abs(value)).rjust(1 - scaler, "0")
        if -6 <= scaler < 0:  # noqa: PLR2004 (millionths are still read easily)
            sign = "-" if value < 0 else ""
            value_text = f"{sign}{digits[:scaler]}.{digits[scaler:]}"
    else:
        value_text = str(value)
    return f"{value_text}*{unit}" if unit else value_text


def _meaning_of(obis: bytes, scaler: int | None, unit: int | None, dialect: Dialect) -> Meaning:
    code = print_code(obis)
    unit_name = "" if unit is None else UNITS.get(unit, "")
    unknown = Meaning(code, unit=unit_name)
    groups = groups_of(code)
    if groups is None:
        return unknown
    if groups in IGNORED:
        return unknown._replace(is_ignored=True)
    if groups in NET_POWER and unit_name in ("W", ""):
        register, opposite = NET_POWER[groups]
        return Meaning(code, register, scaler or 0, opposite, "W")
    entry = TABLE.get(groups, {})
    if entry and unit is None:
        return _meaning_without_unit(code, entry, dialect)
    if unit_name not in entry:
        return unknown
    register, exponent = entry[unit_name]
    return Meaning(code, register, exponent + (scaler or 0), unit=unit_name)


def _meaning_without_unit(
    code: str, entry: dict[str, tuple[str, int]], dialect: Dialect
) -> Meaning:
    """Take the unit that makers leave out from what they document."""
    scalers = _SCALERS[dialect]
    for unit in ("Wh", "varh", "W", "var", "V", "A"):
        if unit in entry:
            register, exponent = entry[unit]
            if unit in scalers:
                return Meaning(code, register, exponent + scalers[unit], unit=unit)
            is_voltage = unit == "V"
            return Meaning(code, register if is_voltage else "", exponent, is_voltage=is_voltage)
    register, exponent = entry.get("", ("", 0))
    if exponent:
        # A power factor: without a scaler only its maker knows how many digits it has.
        if "factor" not in scalers:
            return Meaning(code)
        exponent += scalers["factor"]
    return Meaning(code, register, exponent)


def _read_whole(value: int, meaning: Meaning, scaler: int | None, numbers: Numbers) -> None:
    exponent = meaning.exponent
    if meaning.is_voltage:
        exponent += next((power for limit, power in VOLTAGE_STEPS if value < limit), 0)
    scaled = value * 10**exponent if 0 <= exponent <= 9 else scale_integer(value, exponent)  # noqa: PLR2004 (the common case, without a call)
    if scaled is not None and not INT64_MIN <= scaled <= INT64_MAX:
        scaled = None
    if not _keep(scaled, meaning, numbers):
        numbers.faults.append(f"{meaning.code} says {print_value(value, scaler, meaning.unit)}")


def _read_real(value: float, meaning: Meaning, numbers: Numbers) -> None:
    scaled = None
    if math.isfinite(value):
        scaled = round_half_even(Fraction(value) * Fraction(10) ** meaning.exponent)
        scaled = scaled if INT64_MIN <= scaled <= INT64_MAX else None
    if not _keep(scaled, meaning, numbers):
        numbers.faults.append(f"{meaning.code} says {value}")


def _keep(scaled: int | None, meaning: Meaning, numbers: Numbers) -> bool:
    """Keep a value; tell whether it can be one."""
    if scaled is None or (scaled < 0 and meaning.register in COUNTERS):
        return False
    if meaning.opposite:
        numbers.registers.setdefault(meaning.register, max(0, scaled))
        numbers.registers.setdefault(meaning.opposite, max(0, -scaled))
    else:
        numbers.registers.setdefault(meaning.register, scaled)
    return True


def _plain_number(value: Value, meaning: Meaning) -> int | None:
    """Read a number sent as a boolean, or a tariff sent as text ("T2", "0002")."""
    if isinstance(value, bool):
        return int(value)
    if meaning.register != "tariff_index":
        return None
    text = print_text(value) if isinstance(value, bytes) else value
    match = _TARIFF.fullmatch(text) if isinstance(text, str) else None
    return None if match is None else int(match[1])
