"""The one table from OBIS codes to canonical registers, with the exact scaling of each unit.

Codes are those of IEC 62056-61 as the P1 companion standards print them (DSMR 2.2 to 5, Fluvius,
Lux, Sagemcom, E.ON Hungary, EasyMeter). Owns naming and scaling; not how a protocol frames them.
"""

import re
from fractions import Fraction

from shared.units import INT64_MAX, INT64_MIN, round_half_even

Scaled = tuple[str, int]
"""A canonical register, and the power of ten that takes one printed unit to the register's."""

Entry = dict[str, Scaled]
"""What a code means for each unit it may be printed in ("" is no unit)."""

_KILOWATT_HOURS = {"kWh": 6, "Wh": 3, "MWh": 9}
_KILOVAR_HOURS = {
    **dict.fromkeys(("kvarh", "kVArh", "kVarh", "kVARh"), 6),
    **dict.fromkeys(("varh", "VArh", "Varh", "VARh"), 3),
}
_KILOWATTS = {"kW": 3, "W": 0}
_KILOVARS = {
    **dict.fromkeys(("kvar", "kVAr", "kVar", "kVAR"), 3),
    **dict.fromkeys(("var", "VAr", "Var", "VAR"), 0),
}
_VOLTS = {"V": 3}
_AMPERES = {"A": 3, "mA": 0}
_HERTZ = {"Hz": 3}
_PLAIN = {"": 0}
_FACTOR = {"": 3}
_CUBIC_METRES = {"m3": 3, "dm3": 0}
_JOULES = {"GJ": 3, "MJ": 0, "J": -6}


def _entry(register: str, exponents: dict[str, int]) -> Entry:
    return {unit: (register, exponent) for unit, exponent in exponents.items()}


def _per_phase() -> dict[str, Entry]:
    table: dict[str, Entry] = {}
    for phase, base in ((1, 20), (2, 40), (3, 60)):
        table[f"{base + 1}.7.0"] = _entry(f"power_import_l{phase}_w", _KILOWATTS)
        table[f"{base + 2}.7.0"] = _entry(f"power_export_l{phase}_w", _KILOWATTS)
        table[f"{base + 3}.7.0"] = _entry(f"reactive_power_import_l{phase}_var", _KILOVARS)
        table[f"{base + 4}.7.0"] = _entry(f"reactive_power_export_l{phase}_var", _KILOVARS)
        table[f"{base + 11}.7.0"] = _entry(f"current_l{phase}_ma", _AMPERES)
        table[f"{base + 11}.4.0"] = _entry(f"current_limit_l{phase}_ma", _AMPERES)
        table[f"{base + 12}.7.0"] = _entry(f"voltage_l{phase}_mv", _VOLTS)
        table[f"{base + 12}.32.0"] = _entry(f"sags_l{phase}_count", _PLAIN)
        table[f"{base + 12}.36.0"] = _entry(f"swells_l{phase}_count", _PLAIN)
        table[f"{base + 13}.7.0"] = _entry(f"power_factor_l{phase}_milli", _FACTOR)
    return table


def _energy() -> dict[str, Entry]:
    table: dict[str, Entry] = {}
    for code, stem, unit, exponents in (
        (1, "import", "mwh", _KILOWATT_HOURS),
        (2, "export", "mwh", _KILOWATT_HOURS),
        (3, "reactive_import", "mvarh", _KILOVAR_HOURS),
        (4, "reactive_export", "mvarh", _KILOVAR_HOURS),
    ):
        table[f"{code}.8.0"] = _entry(f"{stem}_{unit}", exponents)
        for tariff in range(1, 5):
            table[f"{code}.8.{tariff}"] = _entry(f"{stem}_t{tariff}_{unit}", exponents)
    for quadrant in range(1, 5):
        table[f"{quadrant + 4}.8.0"] = _entry(f"reactive_q{quadrant}_mvarh", _KILOVAR_HOURS)
        table[f"{quadrant + 4}.7.0"] = _entry(f"reactive_power_q{quadrant}_var", _KILOVARS)
    table["15.8.0"] = _entry("absolute_mwh", _KILOWATT_HOURS)
    return table


TABLE: dict[str, Entry] = {
    **_energy(),
    "1.7.0": _entry("power_import_w", _KILOWATTS),
    "2.7.0": _entry("power_export_w", _KILOWATTS),
    "3.7.0": _entry("reactive_power_import_var", _KILOVARS),
    "4.7.0": _entry("reactive_power_export_var", _KILOVARS),
    **_per_phase(),
    "13.7.0": _entry("power_factor_milli", _FACTOR),
    "14.7.0": _entry("frequency_mhz", _HERTZ),
    "1.4.0": _entry("demand_w", _KILOWATTS),
    "1.6.0": _entry("demand_peak_w", _KILOWATTS),
    "17.0.0": {**_entry("power_limit_w", _KILOWATTS), **_entry("current_limit_ma", _AMPERES)},
    "96.14.0": _entry("tariff_index", _PLAIN),
    "96.3.10": _entry("breaker_index", _PLAIN),
    "96.7.21": _entry("outages_count", _PLAIN),
    "96.7.9": _entry("long_outages_count", _PLAIN),
}
"""Electricity, by the value groups C.D.E; a code of this table in another unit is unknown."""

NET_POWER: dict[str, tuple[str, str]] = {
    "16.7.0": ("power_import_w", "power_export_w"),
    "36.7.0": ("power_import_l1_w", "power_export_l1_w"),
    "56.7.0": ("power_import_l2_w", "power_export_l2_w"),
    "76.7.0": ("power_import_l3_w", "power_export_l3_w"),
}
"""Signed power, import less export, in the units of `1.7.0`: the registers of its two signs."""

MBUS_TABLE: dict[int, Entry] = {
    3: _entry("gas_l", _CUBIC_METRES),
    4: _entry("heat_mj", _JOULES),
    6: _entry("water_l", _CUBIC_METRES),
    7: _entry("water_l", _CUBIC_METRES),
    12: _entry("heat_mj", _JOULES),
}
"""What a sub-meter's reading is, by its M-Bus device type (EN 13757-3; 6 is warm water)."""

IGNORED: dict[str, str] = {
    "0.2.8": "version of the telegram's format",
    "96.1.4": "version of the telegram's format (Belgium)",
}
"""Codes that are understood and hold no present register, each with what it is."""

_CODE = re.compile(r"(?:([01])-([013]):)?(\d{1,3}\.\d{1,3}\.\d{1,3})(?:\*255)?")


def groups_of(code: str) -> str | None:
    """Return the groups C.D.E of a code of the main meter at the present; None for any other.

    A billing period other than 255 (`1.8.0*01`) is the past, and `0-1` to `0-9` are sub-meters.
    """
    match = _CODE.fullmatch(code)
    if match is None:
        return None
    medium, channel, groups = match.groups()
    return None if medium == "0" and channel != "0" else groups


_NUMBER = re.compile(r"([+-]?)(\d{1,24})(?:\.(\d{0,24}))?")


def scale(number: str, exponent: int) -> int | None:
    """Return a printed decimal number times ten to the `exponent`, exactly, as an int64.

    Finer digits than the unit's are rounded half to even. None where it is no number or too large.
    """
    match = _NUMBER.fullmatch(number)
    if match is None:
        return None
    fraction = match[3] or ""
    value = int(match[1] + match[2] + fraction)
    return scale_integer(value, exponent - len(fraction))


MAX_EXPONENT = 64
"""Beyond it a number is zero or no int64, whatever it is: nothing is computed."""


def scale_integer(value: int, exponent: int) -> int | None:
    """Return a whole number times ten to the `exponent`, rounded half to even; None if too large.

    For protocols that send the power of ten beside the number (SML, DLMS).
    """
    if exponent >= 0:
        scaled = value * 10 ** min(exponent, MAX_EXPONENT)
    else:
        scaled = round_half_even(Fraction(value, 10 ** min(-exponent, MAX_EXPONENT)))
    return scaled if INT64_MIN <= scaled <= INT64_MAX else None
