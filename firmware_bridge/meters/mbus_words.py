"""M-Bus records and states for people: a readable code, and the value with its unit. Pure."""

from decimal import Decimal
from fractions import Fraction

from firmware_bridge.meters.mbus_library import Coding, Quantity, Record
from firmware_bridge.meters.mbus_time import printed_date
from firmware_bridge.meters.mbus_values import NEUTRAL, correction_of, number_of

FABRICATION_VIF = 0x78

_DATE_UNITS = ("date", "date time")
_DATE_EXTENSIONS = frozenset((0x39, 0x6A, 0x6B, 0x6E, 0x6F))
"""VIFEs: the record is not the quantity but when it began or ended."""

_FUNCTIONS = ("", ".max", ".min", ".error")
_STATUS = {0x04: "battery low", 0x08: "permanent error", 0x10: "temporary error"}
_APPLICATION = ("", "busy", "application error", "abnormal condition")


def code_of(record: Record) -> str:
    """Name a record readably: quantity, then what qualifies it."""
    if record.coding is Coding.MANUFACTURER:
        return "manufacturer"
    quantity = record.quantity
    name = f"vif-{record.vif.hex()}" if quantity is None else quantity.name
    if quantity is not None and quantity.name in ("reserved", "any_vif", "manufacturer_spec"):
        name = f"vif-{record.vif.hex()}"
    elif record.extensions.strip(NEUTRAL):
        name += f".x{record.extensions.hex()}"
    parts = [name]
    parts += [f"unit{record.subunit}"] if record.subunit else []
    parts += [f"tariff{record.tariff}"] if record.tariff else []
    parts += [f"storage{record.storage}"] if record.storage else []
    return ".".join(parts) + _FUNCTIONS[record.function]


def text_of(record: Record) -> str:
    """Write a record's value for people; its bytes where it is no number or text."""
    quantity = record.quantity
    unit = "" if quantity is None else quantity.unit
    is_date = any(byte & 0x7F in _DATE_EXTENSIONS for byte in record.extensions)
    if (is_date or unit in _DATE_UNITS) and record.data:
        return printed_date(record.data)
    number = number_of(record)
    if number is not None and record.vif[:1] == bytes((FABRICATION_VIF,)):
        return digits_of(record)
    if number is not None:
        return _written(number, quantity, record.extensions)
    if record.coding is Coding.VARIABLE:
        text = record.data[::-1].decode("latin-1")
        if text.isprintable() and text.isascii():
            return text
    return f"hex {record.data.hex()}" if record.data else "none"


def _written(number: Fraction, quantity: Quantity | None, extensions: bytes) -> str:
    correction = correction_of(extensions)
    factor = Fraction(1) if quantity is None else quantity.factor
    value = number * factor * (Fraction(1) if correction is None else correction[0])
    decimal = Decimal(value.numerator) / Decimal(value.denominator)
    unit = "" if quantity is None or quantity.unit in ("none", "Reserved") else quantity.unit
    return f"{decimal.normalize():f} {unit}".strip()


def digits_of(record: Record) -> str:
    """Return a number as it is printed on the meter; "" where there is none."""
    if record.coding is Coding.BCD:
        return record.data[::-1].hex().upper()
    number = number_of(record)
    return "" if number is None else str(number)


def status_of(status: int) -> str:
    """Say what a status byte says; "" where all is well."""
    said = [text for bit, text in _STATUS.items() if status & bit]
    if application := _APPLICATION[status & 0x03]:
        said.insert(0, application)
    if status & 0xE0:
        said.append(f"manufacturer's {status & 0xE0:#04x}")
    return ", ".join(said)
