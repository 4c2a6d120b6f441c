"""The message a Glow sends to its maker's cloud: the meters' raw ZigBee attributes in hexadecimal.

Pure. Cluster, attribute set and attribute name a value (`elecMtr.0702.00.00` is the import total).
Source: the ZigBee Smart Energy metering cluster, 0702; it says unit, multiplier and divisor itself.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from firmware_bridge.meters.glow_fields import Fields, plausible_ms
from shared.readings import Medium
from shared.units import INT64_MAX, MS_PER_SECOND, round_half_even

MEDIA = {"elecMtr": Medium.ELECTRICITY, "gasMtr": Medium.GAS}

_IMPORT, _EXPORT, _DEMAND = "0702.00.00", "0702.00.01", "0702.04.00"
_UNIT, _MULTIPLIER, _DIVISOR = "0702.03.00", "0702.03.01", "0702.03.02"
_SUPPLY_POINT = "0702.03.07"
_UNIT_KWH, _UNIT_M3 = 0x00, 0x01
NO_DEMAND = 0x80_0000
"""The most negative 24-bit integer: the meter has no demand to tell."""

_MEGA, _KILO = 1_000_000, 1_000
_HEX = re.compile(r"[0-9A-Fa-f]{1,16}")


@dataclass(slots=True)
class CloudMeter:
    """What is told of one meter; `fault` where its scale cannot be believed."""

    name: str
    medium: Medium
    fields: Fields
    supply_point: Any
    told: dict[str, tuple[str, int]] = field(default_factory=dict)
    fault: str = ""


def cloud_meters(
    content: Mapping[str, Any],
) -> tuple[list[CloudMeter], int | None, dict[str, Any]]:
    """Return the meters of a message, its time, and whatever else it has."""
    meters = [
        _meter(name, medium, content[name])
        for name, medium in MEDIA.items()
        if isinstance(content.get(name), dict)
    ]
    rest = {name: entry for name, entry in content.items() if name not in MEDIA}
    seconds = content.get("gmtime")
    if not isinstance(seconds, int):
        seconds = _number(content.get("time")) or 0
    return meters, plausible_ms(seconds * MS_PER_SECOND), rest


def _meter(name: str, medium: Medium, content: Mapping[str, Any]) -> CloudMeter:
    fields = Fields(name, content)
    meter = CloudMeter(name, medium, fields, fields.get(_SUPPLY_POINT))
    unit = _number(fields.get(_UNIT))
    factor = _factor(fields)
    expected = _UNIT_M3 if medium is Medium.GAS else _UNIT_KWH
    if unit != expected or factor is None:
        shown = {path: fields.get(path) for path in (_UNIT, _MULTIPLIER, _DIVISOR)}
        meter.fault = f"unit, multiplier or divisor of {name} not understood: {shown}"
        return meter
    if medium is Medium.GAS:
        _tell(meter, "gas_l", _IMPORT, _number(fields.get(_IMPORT)), factor * _KILO)
    else:
        _tell(meter, "import_mwh", _IMPORT, _number(fields.get(_IMPORT)), factor * _MEGA)
        _tell(meter, "export_mwh", _EXPORT, _number(fields.get(_EXPORT)), factor * _MEGA)
        _tell(meter, "power_w", _DEMAND, _demand(fields.get(_DEMAND)), factor * _KILO)
    fields.take(_UNIT, _MULTIPLIER, _DIVISOR, _SUPPLY_POINT)
    return meter


def _tell(meter: CloudMeter, register: str, path: str, value: int | None, scale: Fraction) -> None:
    if value is None:
        return
    scaled = round_half_even(value * scale)
    if abs(scaled) <= INT64_MAX:
        meter.told[register] = path, scaled


def _factor(fields: Fields) -> Fraction | None:
    """Return multiplier over divisor; None unless both are told, and not zero."""
    multiplier, divisor = _number(fields.get(_MULTIPLIER)), _number(fields.get(_DIVISOR))
    return Fraction(multiplier, divisor) if multiplier and divisor else None


def _demand(printed: Any) -> int | None:
    """Return demand with its sign, a 24-bit integer in six or eight digits; None for none."""
    value = _number(printed)
    if value is None or value & 0xFF_FFFF == NO_DEMAND:
        return None
    value &= 0xFF_FFFF
    return value - (1 << 24) if value >> 23 else value


def _number(printed: Any) -> int | None:
    if not isinstance(printed, str) or _HEX.fullmatch(printed) is None:
        return None
    return int(printed, 16)
