"""What the attributes of ZigBee meters mean: ids, units and scales to canonical registers.

Pure. Sources: ZigBee Cluster Library, Metering (0x0702) and Electrical Measurement (0x0B04). All
arithmetic is exact; a value finer than the canonical unit is rounded half to even.
"""

import re
from collections.abc import Mapping
from fractions import Fraction

from firmware_bridge.meters.zcl_types import Value, ZclError
from shared.readings import Medium
from shared.units import INT64_MAX, MWH_PER_KWH, round_half_even

METERING, ELECTRICAL_MEASUREMENT, PRICE, MESSAGING = 0x0702, 0x0B04, 0x0700, 0x0703

UNIT, MULTIPLIER, DIVISOR, DEVICE_TYPE, SERIAL = 0x0300, 0x0301, 0x0302, 0x0306, 0x0308
DESCRIPTION = frozenset((UNIT, MULTIPLIER, DIVISOR, DEVICE_TYPE, SERIAL))
"""The Metering attributes that everything else hangs on."""

DELIVERED, RECEIVED, SNAPSHOT_TIME, DEMAND = 0x0000, 0x0001, 0x0007, 0x0400
PARTIAL_STARTS = (0x0405, 0x0406)
"""When the interval under way began, of energy delivered and of energy received."""

PARTIALS = (0x0407, 0x0408)
"""What has been counted since."""

POWER_FACTOR, ACTIVE_TIER = 0x0006, 0x0020
_TIERS = {0x0100 + 2 * place + way: (way, place + 1) for place in range(4) for way in (0, 1)}
_DIRECTIONS = ("import", "export")
READINGS = frozenset((DELIVERED, RECEIVED, DEMAND, POWER_FACTOR, ACTIVE_TIER, *_TIERS))
"""The Metering attributes that are registers."""

BCD = 0x80
"""Added to a unit: summations and demands are told in binary-coded decimal."""

_KWH, _MEGAJOULE, _KVAR, _BTU = 0x00, 0x0C, 0x0D, 0x06
_LITRES: dict[int, int | Fraction] = {
    0x01: 1_000,
    0x02: Fraction("28.316846592"),
    0x03: Fraction("2831.6846592"),
    0x04: Fraction("3.785411784"),
    0x05: Fraction("4.54609"),
    0x07: 1,
    0x0A: Fraction("28316.846592"),
}
"""Cubic metres and feet, hundreds of cubic feet, gallons (US, imperial), litres, thousands of cubic
feet."""

_GALLONS_AND_LITRES = frozenset((0x04, 0x05, 0x07))
_MWH: dict[int, int | Fraction] = {_KWH: MWH_PER_KWH, _MEGAJOULE: Fraction(10 * MWH_PER_KWH, 36)}
_WATTS = {_KWH: 1_000, _MEGAJOULE: 1_000_000}
_HEAT_MJ: dict[int, int | Fraction] = {
    _KWH: Fraction(36, 10),
    _MEGAJOULE: 1,
    _BTU: Fraction("0.00105505585262"),
}

_MEDIA = {0: Medium.ELECTRICITY, 1: Medium.GAS, 2: Medium.WATER, 3: Medium.HEAT, 5: Medium.HEAT}
_FIRST_ELECTRIC_KIND, _LAST_ELECTRIC_KIND = 7, 15
"""Charging points, generators of every kind, and the single phases of an electricity meter."""

MIRRORED = 127
"""Added to a device type: another device tells on the meter's behalf (128 is a mirrored gas
meter)."""

VOLTAGE_SCALE, CURRENT_SCALE, POWER_SCALE = (0x0600, 0x0601), (0x0602, 0x0603), (0x0604, 0x0605)
FREQUENCY_SCALE = (0x0400, 0x0401)
"""Multiplier and divisor of what a mains meter measures."""

SECOND_PHASE_POWER = 0x090B
"""Asked to learn whether there is a second phase: a device that denies it has but one."""

SCALES = frozenset((*VOLTAGE_SCALE, *CURRENT_SCALE, *POWER_SCALE, *FREQUENCY_SCALE))
"""The Electrical Measurement attributes that others are scaled by."""

_FIRST_OF_PHASE = (0x0500, 0x0900, 0x0A00)
_OF_PHASE: dict[int, tuple[str, int, tuple[int, int] | None]] = {
    0x05: ("voltage_l{}_mv", 1_000, VOLTAGE_SCALE),
    0x08: ("current_l{}_ma", 1_000, CURRENT_SCALE),
    0x0B: ("power_{}_l{}_w", 1, POWER_SCALE),
    0x0E: ("reactive_power_{}_l{}_var", 1, POWER_SCALE),
    0x10: ("power_factor_l{}_milli", 10, None),
}
_FREQUENCY = 0x0300


def _measurements() -> dict[int, tuple[str, int, tuple[int, int] | None]]:
    table: dict[int, tuple[str, int, tuple[int, int] | None]] = {
        _FREQUENCY: ("frequency_mhz", 1_000, FREQUENCY_SCALE)
    }
    for phase, first in enumerate(_FIRST_OF_PHASE, 1):
        for offset, (name, factor, scale) in _OF_PHASE.items():
            places = ("{}", phase) if name.count("{}") > 1 else (phase,)
            table[first + offset] = (name.format(*places), factor, scale)
    return table


MEASUREMENTS = _measurements()
"""Electrical Measurement: a register (its direction left open), its factor, and its scale's ids."""


def medium_of_type(kind: Value | None, unit: int) -> Medium | None:
    """Return what a device type measures, None where no register is known for it.

    A meter that tells no type is believed by its unit: energy is electricity, gallons and litres
    are water, any other volume is gas.
    """
    if isinstance(kind, int):
        plain = kind - MIRRORED if kind >= MIRRORED else kind
        if _FIRST_ELECTRIC_KIND <= plain <= _LAST_ELECTRIC_KIND:
            return Medium.ELECTRICITY
        return _MEDIA.get(plain)
    if unit in _LITRES:
        return Medium.WATER if unit in _GALLONS_AND_LITRES else Medium.GAS
    return Medium.ELECTRICITY


class MeteringScale:
    """How the values of one Metering cluster become registers."""

    def __init__(self, medium: Medium | None, unit: int, multiplier: int, divisor: int) -> None:
        self._medium = medium
        self._is_bcd = bool(unit & BCD)
        self._unit = unit & ~BCD
        self._multiplier, self._divisor = multiplier or 1, divisor or 1

    def registers_of(self, number: int, value: Value) -> dict[str, int] | None:
        """Return the registers that an attribute's value is, None where it is none of ours.

        Raises ZclError where the value cannot be one.
        """
        if number not in READINGS or not isinstance(value, int | Fraction):
            return None
        if number in (POWER_FACTOR, ACTIVE_TIER):
            return self._plain(number, value)
        return self.scaled(number, self.decimal(value))

    def scaled(self, number: int, told: int | Fraction) -> dict[str, int] | None:
        """As `registers_of`, for a value that is a number already."""
        if self._medium is not Medium.ELECTRICITY:
            return self._volume_or_heat(told) if number == DELIVERED else None
        if number == DEMAND:
            return self._power(told)
        direction, tier = _TIERS.get(number, (number - DELIVERED, 0))
        return self._energy(told, _DIRECTIONS[direction], f"_t{tier}" if tier else "")

    def decimal(self, value: int | Fraction) -> int | Fraction:
        """Return a value as told in this unit; raise ZclError where it is no BCD and should be."""
        if not self._is_bcd or not isinstance(value, int):
            return value
        digits = f"{abs(value):x}"
        if not re.fullmatch("[0-9]+", digits):
            raise ZclError("bad-value", f"0x{digits} is no binary-coded decimal")
        return int(digits) if value >= 0 else -int(digits)

    def _plain(self, number: int, value: int | Fraction) -> dict[str, int] | None:
        if self._medium is not Medium.ELECTRICITY:
            return None
        if number == POWER_FACTOR:
            return {"power_factor_milli": _whole(Fraction(value) * 10)}
        return {"tariff_index": _whole(Fraction(value))}

    def _energy(self, told: int | Fraction, direction: str, tier: str) -> dict[str, int] | None:
        if self._unit == _KVAR:
            return {f"reactive_{direction}{tier}_mvarh": self._whole(told, MWH_PER_KWH)}
        factor = _MWH.get(self._unit)
        return None if factor is None else {f"{direction}{tier}_mwh": self._whole(told, factor)}

    def _power(self, told: int | Fraction) -> dict[str, int] | None:
        if self._unit == _KVAR:
            return both_ways("reactive_power_{}_var", self._whole(told, 1_000))
        factor = _WATTS.get(self._unit)
        return None if factor is None else both_ways("power_{}_w", self._whole(told, factor))

    def _volume_or_heat(self, told: int | Fraction) -> dict[str, int] | None:
        if self._medium is Medium.HEAT:
            factor, name = _HEAT_MJ.get(self._unit), "heat_mj"
        else:
            factor = _LITRES.get(self._unit)
            name = "gas_l" if self._medium is Medium.GAS else "water_l"
        if factor is None or self._medium is None:
            return None
        return {name: self._whole(told, factor)}

    def _whole(self, told: int | Fraction, factor: int | Fraction) -> int:
        """Return a value times multiplier and factor over divisor, rounded half to even."""
        if isinstance(told, int) and isinstance(factor, int):
            whole, rest = divmod(told * self._multiplier * factor, self._divisor)
            if not rest:
                return _bounded(whole)
        return _whole(Fraction(told) * self._multiplier * factor / self._divisor)


def measured(number: int, value: Value, scales: Mapping[int, int]) -> dict[str, int] | None:
    """Return the registers that an Electrical Measurement is, None where it is none of ours.

    `scales` are the multipliers and divisors as answered, 1 where the device has none; without an
    answer there is no register.
    """
    row = MEASUREMENTS.get(number)
    if row is None or not isinstance(value, int | Fraction):
        return None
    name, factor, scale = row
    exact = Fraction(value) * factor
    if scale is not None:
        if any(one not in scales for one in scale):
            return None
        multiplier, divisor = (scales[one] or 1 for one in scale)
        exact = exact * multiplier / divisor
    whole = _whole(exact)
    return both_ways(name, whole) if "{}" in name else {name: whole}


def both_ways(name: str, signed: int) -> dict[str, int]:
    """Return a signed power as one imported and one exported."""
    return {name.format("import"): max(0, signed), name.format("export"): max(0, -signed)}


def _whole(exact: Fraction) -> int:
    return _bounded(round_half_even(exact))


def _bounded(whole: int) -> int:
    if abs(whole) > INT64_MAX:
        raise ZclError("bad-value", "a value is too large once it is scaled")
    return whole
