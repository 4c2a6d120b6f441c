"""The gas, water or heat meter on one M-Bus channel of a P1 telegram. Pure."""

from functools import lru_cache

from firmware_bridge.meters.civil_time import FIRST_UNSET_YEAR, CivilTime
from firmware_bridge.meters.obis import MBUS_TABLE, scale
from firmware_bridge.meters.p1_findings import Findings, SubMeterLines
from firmware_bridge.meters.serials import serial_of
from shared.readings import MAX_METER_ID_CHARS, REGISTERS, Medium, Sample

_TYPE_CODE = "24.1.0"
MAX_TYPE_DIGITS = 3
"""A device type is one byte, printed as three digits; longer ones are noise."""

_SERIAL_CODES = ("96.1.1", "96.1.0")
_READING_CODES = ("24.2.1", "24.2.3", "24.3.0")
"""Volume or energy: corrected, uncorrected (Fluvius), and with its unit apart (DSMR 2.2 and 3)."""

_VALVE_CODE = "24.4.0"

VALUE_CODES = frozenset({_TYPE_CODE, _VALVE_CODE, *_SERIAL_CODES, *_READING_CODES})

_cached_serial = lru_cache(maxsize=64)(serial_of)


def read_submeter(
    findings: Findings, channel: int, fallback: str, times: CivilTime, quality: int
) -> Sample | None:
    """Return a channel's sample, its time the sub-meter's own capture time; None without a value.

    `fallback` names a sub-meter that prints no serial. A channel whose capture time was never set
    holds no value yet. A device type that is absent or not in the table leaves the value unknown:
    cubic metres alone do not tell gas from water.
    """
    lines = findings.submeters[channel]
    code = next((code for code in _READING_CODES if code in lines), None)
    if code is None:
        return None
    printed_time, number, unit = _parts(code, lines[code])
    if not number or printed_time[:2] >= str(FIRST_UNSET_YEAR):
        return None
    kind = lines.get(_TYPE_CODE, [""])[0]
    is_kind = len(kind) <= MAX_TYPE_DIGITS and kind.isdecimal()
    entry = MBUS_TABLE.get(int(kind)) if is_kind else None
    if entry is None or unit not in entry:
        findings.keep_unknown(f"0-{channel}:{code}", lines[code])
        return None
    register, exponent = entry[unit]
    value = scale(number, exponent)
    if value is None or value < 0:
        findings.refuse("bad-value", f"{fallback} {code} says {number!r}")
        return None
    time_ms = times.to_utc_ms(printed_time) if printed_time else None
    if printed_time and time_ms is None:
        findings.refuse("bad-time", f"{fallback} {code} was captured at {printed_time!r}")
        return None
    registers = {register: value}
    valve = lines.get(_VALVE_CODE, [""])[0]
    position = scale(valve, 0) if valve.isdecimal() else None
    if position is not None:
        registers["valve_index"] = position
    medium = REGISTERS[register].medium or Medium.GAS
    return Sample(_name(fallback, lines), medium, time_ms, registers, quality)


def _parts(code: str, values: list[str]) -> tuple[str, str, str]:
    """Split a reading into its printed time, number and unit."""
    if code == "24.3.0":
        unit = values[-2] if len(values) > 1 else ""
        return values[0], values[-1] if len(values) > 1 else "", unit
    number, _, unit = values[-1].partition("*")
    return (values[0] if len(values) > 1 else ""), number, unit


def _name(fallback: str, lines: SubMeterLines) -> str:
    for code in _SERIAL_CODES:
        if code in lines and (serial := _cached_serial(lines[code][0])):
            return serial
    return fallback[-MAX_METER_ID_CHARS:]
