"""What the records of an M-Bus meter's answer say: canonical registers, its clock, and the rest.

Pure. A register is the plain value: now, storage number 0, tariff 0, the meter itself and no
qualification. All else is kept under a readable code. Source: EN 13757-3:2018.
"""

from fractions import Fraction
from zoneinfo import ZoneInfo

from firmware_bridge.meters.civil_time import CivilTime
from firmware_bridge.meters.mbus_frame import Header
from firmware_bridge.meters.mbus_library import SECOND_TABLE, Coding, Quantity, Record
from firmware_bridge.meters.mbus_time import TYPE_F_BYTES, utc_ms_of
from firmware_bridge.meters.mbus_values import NEUTRAL, correction_of, number_of
from firmware_bridge.meters.mbus_words import (
    FABRICATION_VIF,
    code_of,
    digits_of,
    status_of,
    text_of,
)
from firmware_bridge.meters.serials import serial_of
from shared.readings import COUNTERS, Medium, Sample
from shared.units import INT64_MAX, MS_PER_HOUR, MS_PER_SECOND, round_half_even

MAX_UNKNOWN = 64
"""Records kept by their code of one answer; a heat meter with its past months has about fifty."""

MAX_UNKNOWN_CHARS = 80

MEDIA = {
    0x02: Medium.ELECTRICITY,
    0x03: Medium.GAS,
    **dict.fromkeys((0x04, 0x05, 0x0C, 0x0D), Medium.HEAT),
    **dict.fromkeys((0x06, 0x07, 0x15, 0x16, 0x17), Medium.WATER),
}
"""The media whose meters fill a register; heat with steam and with cooling, water hot and cold."""

KINDRED = {0x08: Medium.HEAT, 0x0A: Medium.HEAT, 0x0B: Medium.HEAT, 0x28: Medium.WATER}
"""Media that are shown but fill no register: heat cost allocators, cooling, waste water."""

_VOLUME_REGISTERS = {Medium.GAS: "gas_l", Medium.WATER: "water_l"}
_ENERGY_TO = {
    (Medium.ELECTRICITY, "Wh"): Fraction(1_000),
    (Medium.ELECTRICITY, "J"): Fraction(10, 36),
    (Medium.HEAT, "Wh"): Fraction(36, 10_000),
    (Medium.HEAT, "J"): Fraction(1, 1_000_000),
}
"""From the library's units into mWh for electricity and MJ for heat."""

_ENERGIES = ("energy_wh", "energy_j", "energy")
_POWERS = ("power_w", "power_j_h", "power")
_POWER_TO_W = {"W": Fraction(1), "J/h": Fraction(MS_PER_SECOND, MS_PER_HOUR)}
_LITRES_PER_M3 = 1_000

_CLOCK_VIF = 0x6D


class Answer:
    """One meter's answer, in one frame or several; `has_bad_clock` says its time is nonsense."""

    def __init__(self, header: Header, address: int, zone: ZoneInfo | CivilTime) -> None:
        self.header = header
        self.address = address
        self.has_bad_clock = False
        self._civil = zone if isinstance(zone, CivilTime) else CivilTime(zone)
        self._medium = MEDIA.get(header.medium) if header.medium is not None else None
        self._registers: dict[str, int] = {}
        self._unknown: dict[str, str] = {}
        self._left_out = 0
        self._time_ms: int | None = None
        self._kept: dict[str, int] = {}
        self._kept_ms: int | None = None
        self._fabrication = ""
        if status := status_of(header.status):
            self._unknown["status"] = status

    @property
    def meter(self) -> str:
        """The meter's id: manufacturer and identification number, or the best there is."""
        maker, number = self.header.manufacturer, self.header.number
        if not number.strip("0"):
            number = serial_of(self._fabrication) or f"address-{self.address}"
        return serial_of(f"{maker}-{number}" if maker else number)

    def take(self, records: list[Record]) -> None:
        """Add the records of one frame."""
        for record in records:
            if _is_plain(record) and self._take_plain(record):
                continue
            if _is_plain(record._replace(storage=0)) and record.storage == 1:
                self._take_kept(record)
            self._keep(code_of(record), text_of(record))

    @property
    def is_past(self) -> bool:
        """Whether all it tells is what the meter kept at a time of its own.

        Gas meters built for Dutch households tell the last full hour alone, as storage number 1.
        """
        has_now = bool(self._registers) or self._time_ms is not None
        return not has_now and bool(self._kept) and self._kept_ms is not None

    def sample(self) -> Sample | None:
        """Return what the meter said; None where its medium is not one of a household's meters."""
        number = self.header.medium
        medium = self._medium or (KINDRED.get(number) if number is not None else None)
        if medium is None:
            return None
        unknown = self._unknown
        if self._left_out:
            unknown = unknown | {"+": f"{self._left_out} more records"}
        if self.is_past:
            return Sample(self.meter, medium, self._kept_ms, self._kept, 0, unknown)
        return Sample(self.meter, medium, self._time_ms, self._registers, 0, unknown)

    def _take_plain(self, record: Record) -> bool:
        """Take a record that qualifies as register, clock or identity; tell whether it was one."""
        if record.vif == bytes((_CLOCK_VIF,)) and self._time_ms is None:
            return self._take_clock(record)
        if record.vif == bytes((FABRICATION_VIF,)) and not self._fabrication:
            self._fabrication = digits_of(record)
            return False
        found = register_of(record, self._medium)
        if found is None:
            return False
        taken = [name for name in found if name in self._registers]
        if taken or any(abs(value) > INT64_MAX for value in found.values()):
            return False
        self._registers |= found
        return True

    def _take_kept(self, record: Record) -> None:
        """Note a counter that the meter kept, or when; it stands among the unknown all the same."""
        if record.vif == bytes((_CLOCK_VIF,)):
            self._kept_ms = self._kept_ms or utc_ms_of(record.data, self._civil)
            return
        found = register_of(record, self._medium) or {}
        counters = {name: n for name, n in found.items() if name in COUNTERS and n <= INT64_MAX}
        self._kept = counters | self._kept

    def _take_clock(self, record: Record) -> bool:
        """Take the meter's clock; without seconds (type F) it stays among the unknown.

        Up to 59 s behind, it would be near enough to the hub's time to be believed, and put a
        reading on the wrong side of a half hour's end. The hub's own time is better.
        """
        time_ms = utc_ms_of(record.data, self._civil)
        self.has_bad_clock = time_ms is None
        if time_ms is None or len(record.data) == TYPE_F_BYTES:
            return False
        self._time_ms = time_ms
        return True

    def _keep(self, code: str, text: str) -> None:
        """Keep a record that is no register; the second of one code is numbered."""
        if len(self._unknown) >= MAX_UNKNOWN:
            self._left_out += 1
            return
        place, key = 1, code
        while key in self._unknown:
            place += 1
            key = f"{code}#{place}"
        self._unknown[key] = text[:MAX_UNKNOWN_CHARS]


def register_of(record: Record, medium: Medium | None) -> dict[str, int] | None:
    """Return the registers a plain record fills, exactly; None where it fills none."""
    quantity, number = record.quantity, number_of(record)
    correction = correction_of(record.extensions)
    if quantity is None or number is None or correction is None or medium is None:
        return None
    factor, is_export = correction
    value = number * quantity.factor * factor
    if quantity.name in _POWERS and quantity.unit in _POWER_TO_W:
        return _power(
            value * _POWER_TO_W[quantity.unit],
            medium,
            is_signed=not record.extensions.strip(NEUTRAL),
        )
    return None if value < 0 else _counter(value, quantity, medium, is_export=is_export)


def _counter(
    value: Fraction, quantity: Quantity, medium: Medium, *, is_export: bool
) -> dict[str, int] | None:
    """Return the one register that counts a quantity; export is told by electricity alone."""
    if is_export and medium is not Medium.ELECTRICITY:
        return None
    if quantity.name == "volume" and quantity.unit == "m^3" and medium in _VOLUME_REGISTERS:
        return {_VOLUME_REGISTERS[medium]: round_half_even(value * _LITRES_PER_M3)}
    if quantity.name not in _ENERGIES or (medium, quantity.unit) not in _ENERGY_TO:
        return None
    name = "heat_mj" if medium is Medium.HEAT else "export_mwh" if is_export else "import_mwh"
    return {name: round_half_even(value * _ENERGY_TO[medium, quantity.unit])}


def _power(value: Fraction, medium: Medium, *, is_signed: bool) -> dict[str, int] | None:
    if medium is not Medium.ELECTRICITY or not is_signed:
        return None
    power_w = round_half_even(value)
    return {"power_import_w": max(0, power_w), "power_export_w": max(0, -power_w)}


def _is_plain(record: Record) -> bool:
    qualified = record.function or record.storage or record.tariff or record.subunit
    is_second = record.vif[:1] == bytes((SECOND_TABLE,))
    return not qualified and not is_second and record.coding is not Coding.MANUFACTURER
