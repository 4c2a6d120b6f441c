"""The gas, water or heat meter on one M-Bus channel of a DLMS push list. Pure.

An extended register (class 4) `0-n:24.2.1` holds its last value (attribute 2), scaler and unit (3)
and capture time (5). Sources: IEC 62056-6-1 and -6-2, EN 13757-3 (device types).
"""

import math
from collections.abc import Iterable
from fractions import Fraction
from typing import NamedTuple

import msgspec

from firmware_bridge.meters.cosem import ALL_ONES, UNITS, print_code, print_text, print_value
from firmware_bridge.meters.dlms_axdr import CURRENT_INSTANCE
from firmware_bridge.meters.dlms_shapes import (
    CAPTURE_TIME_ATTRIBUTE,
    NOT_SAID,
    READING_GROUPS,
    SCALER_UNIT_ATTRIBUTE,
    Entry,
)
from firmware_bridge.meters.dlms_time import DATE_TIME_BYTES, CosemTime
from firmware_bridge.meters.obis import MBUS_TABLE
from firmware_bridge.meters.obis import Entry as TableEntry
from firmware_bridge.meters.serials import serial_of
from shared.readings import MAX_METER_ID_CHARS, REGISTERS, Medium, Sample
from shared.units import INT64_MAX, round_half_even

MAX_CHANNEL = 9
"""A meter has four M-Bus channels; the codes of higher ones belong to other things."""

VALUE_ATTRIBUTE, DEVICE_TYPE_ATTRIBUTE = 2, 9
"""Attributes; the device type is the ninth of an M-Bus client (class 72)."""

GAS_TYPE = 3
J_PER_WH = 3_600

_TYPE_GROUPS = bytes((24, 1, 0))
_SERIAL_GROUPS = (bytes((96, 1, 1)), bytes((96, 1, 0)))
_GROUPS = frozenset((_TYPE_GROUPS, READING_GROUPS, *_SERIAL_GROUPS))


class Submeter(NamedTuple):
    """What one channel says; `serial` is "" and `time_ms` None where the list leaves them out."""

    serial: str
    medium: Medium
    time_ms: int | None
    registers: dict[str, int]


class Fault(NamedTuple):
    """Why a channel's value cannot be used."""

    reason: str
    detail: str


class SubmeterNames:
    """The serials of one link's sub-meters: short lists leave out what longer ones say."""

    def __init__(self) -> None:
        self._serials: dict[int, str] = {}

    def forget(self) -> None:
        """Forget them: the lists are of another electricity meter."""
        self._serials.clear()

    def name(self, meter: str, channel: int, said: Submeter) -> str:
        """Name the meter on a channel; by its place where its serial is not known or another's."""
        serial = said.serial or self._serials.get(channel, "")
        others = [name for place, name in self._serials.items() if place != channel]
        if not serial or serial == meter or serial in others:
            return f"{meter}-mbus{channel}"[-MAX_METER_ID_CHARS:]
        self._serials[channel] = serial
        return serial


def stamp_alone(samples: list[Sample], clock_ms: int | None) -> tuple[list[Sample], bool]:
    """Return a list's only samples, and whether each has a capture time of its own.

    Where one has none its time is the clock's of the list, and it is the first.
    """
    untimed = [one for one in samples if one.meter_time_ms is None]
    timed = [one for one in samples if one.meter_time_ms is not None]
    stamped = [msgspec.structs.replace(one, meter_time_ms=clock_ms) for one in untimed]
    return stamped + timed, not untimed


def split_by_channel(entries: Iterable[Entry]) -> tuple[list[Entry], dict[int, list[Entry]]]:
    """Part a list's entries into those of the meter itself and those of each M-Bus channel."""
    own: list[Entry] = []
    channels: dict[int, list[Entry]] = {}
    for entry in entries:
        obis = entry.obis
        is_channel = not obis[0] and 0 < obis[1] <= MAX_CHANNEL and obis[5] == CURRENT_INSTANCE
        if is_channel and obis[2:5] in _GROUPS:
            channels.setdefault(obis[1], []).append(entry)
        else:
            own.append(entry)
    return own, channels


def read_submeter(entries: list[Entry], times: CosemTime) -> Submeter | Fault | None:
    """Return what a channel's entries say; None where they hold no reading that is understood.

    A list without a device type means gas by cubic metres. A value whose capture time was never set
    is none yet.
    """
    reading = _find(entries, READING_GROUPS, NOT_SAID, VALUE_ATTRIBUTE)
    scaled = None if reading is None else _scaled(reading, entries)
    if reading is None or scaled is None:
        return None
    register, value = scaled
    code = print_code(reading.obis)
    if value is None or value < 0:
        return Fault("bad-value", f"{code} says {print_value(reading.value, reading.scaler, '')}")
    captured = _find(entries, READING_GROUPS, CAPTURE_TIME_ATTRIBUTE)
    time_ms = None
    if captured is not None and captured.value is not None:
        raw = captured.value
        if not isinstance(raw, bytes) or len(raw) != DATE_TIME_BYTES:
            return None
        time_ms, is_bad = times.read(raw)
        if is_bad:
            return Fault("bad-time", f"{code} was captured at {raw.hex()}")
        if time_ms is None:
            return None
    medium = REGISTERS[register].medium or Medium.GAS
    return Submeter(_serial_of(entries), medium, time_ms, {register: value})


def _find(entries: list[Entry], groups: bytes, *attributes: int) -> Entry | None:
    """Return the first entry of a code with one of these attributes."""
    return next(
        (one for one in entries if one.obis[2:5] == groups and one.attribute in attributes), None
    )


def _scaled(reading: Entry, entries: list[Entry]) -> tuple[str, int | None] | None:
    """Return the register a reading fills and its value there, None where it cannot be one.

    None in all where the reading holds nothing, or its unit is not one of the device's.
    """
    number = reading.value
    is_number = type(number) is int or (isinstance(number, float) and math.isfinite(number))
    scaler, unit = _scaler_unit_of(reading, entries)
    unit_name = "" if unit is None else UNITS.get(unit, "")
    table = _table_of(entries)
    if not is_number or number in ALL_ONES:
        return None
    exact = Fraction(number)  # type: ignore[arg-type]  # one of the two it was found to be
    if unit_name == "Wh" and "J" in table:
        exact, unit_name = exact * J_PER_WH, "J"
    if unit_name not in table:
        return None
    register, exponent = table[unit_name]
    power = exponent + (scaler or 0)
    value = round_half_even(exact * Fraction(10) ** power)
    return register, value if abs(value) <= INT64_MAX else None


def _scaler_unit_of(reading: Entry, entries: list[Entry]) -> tuple[int | None, int | None]:
    """Return the scaler and unit sent with a reading, or under an attribute of their own."""
    if reading.unit is not None:
        return reading.scaler, reading.unit
    apart = _find(entries, READING_GROUPS, SCALER_UNIT_ATTRIBUTE)
    match apart.value if apart is not None else None:
        case [int(scaler), int(unit)]:
            return scaler, unit
    return None, None


def _table_of(entries: list[Entry]) -> TableEntry:
    """Return what the readings of a channel's device mean, by their units."""
    kind = _find(entries, _TYPE_GROUPS, NOT_SAID, DEVICE_TYPE_ATTRIBUTE)
    if kind is None or kind.value is None:
        return {"m3": MBUS_TABLE[GAS_TYPE]["m3"]}
    return MBUS_TABLE.get(kind.value, {}) if type(kind.value) is int else {}


def _serial_of(entries: list[Entry]) -> str:
    for groups in _SERIAL_GROUPS:
        found = _find(entries, groups, NOT_SAID, VALUE_ATTRIBUTE)
        if found is not None and isinstance(found.value, bytes | str):
            text = print_text(found.value) if isinstance(found.value, bytes) else found.value
            if serial := serial_of(text.rstrip("\0 ").encode("utf-8").hex()):
                return serial
    return ""
