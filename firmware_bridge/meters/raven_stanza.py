"""What one whole stanza of a RAVEn or EMU-2 says: its fields to a sample.

Pure. Source: RAVEn XML API manual 1.27. Integers are hexadecimal and scaled by the stanza's own
multiplier and divisor into kW or kWh; a multiplier or divisor of 0 means 1. `TimeStamp` is in
seconds of UTC since 2000-01-01; `LocalTime` is the only field in local time, and is not used.
"""

import html
import re
from decimal import Decimal
from fractions import Fraction

from firmware_bridge.meters.codec import Refused, Telegram, refuse
from shared.readings import Medium, Quality, Sample
from shared.units import EARLIEST_PLAUSIBLE_MS, INT64_MAX, MS_PER_SECOND, round_half_even

MAX_UNKNOWN = 32
"""Fields kept of one stanza; the richest, a schedule or a block price, has some 20."""

MAX_UNKNOWN_CHARS = 80
MAX_TEXT_CHARS = 1_024

UNNAMED = "unnamed"
"""The id of a meter of which neither its own address nor the stick's is known."""

EPOCH_2000_S = EARLIEST_PLAUSIBLE_MS // MS_PER_SECOND

DEMAND_BITS_MAX_SHORT = 24
"""Demand of up to six digits is the 24-bit integer of the ZigBee meter; a longer one has 32."""

MAC_DIGITS = 16

MAX_PRICE_DECIMALS = 15
"""The ZigBee meter's own field for them has four bits."""

UNSET = 0xFFFF_FFFF
"""All ones in 32 bits: a time, a multiplier or a divisor the stick does not know."""

NO_SUMMATIONS = (UNSET, 0xFFFF_FFFF_FFFF, 0xFFFF_FFFF_FFFF_FFFF)
"""All ones in 32, 48 (as the ZigBee meter has it) or 64 bits: the meter has no such register."""

_FIELD = re.compile(r"\s*<([A-Za-z][A-Za-z0-9]{0,39})>(.*?)</\1>\s*", re.DOTALL)
_HEX = re.compile(r"0[xX]([0-9A-Fa-f]{1,16})")

_UNDERSTOOD = frozenset(
    (
        "Demand", "DeviceMacId", "DigitsLeft", "DigitsRight", "Divisor", "MeterMacId",
        "Multiplier", "SummationDelivered", "SummationReceived", "SuppressLeadingZero", "TimeStamp",
    )
)  # fmt: skip
"""Fields of a reading that need not be shown raw; the digits are advice for a display."""

_SUMMATIONS = {"SummationDelivered": "import_mwh", "SummationReceived": "export_mwh"}
_MEGA, _KILO = 1_000_000, 1_000


class _FaultError(Exception):
    """A stanza that cannot be believed, with the reason it is counted by."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


class StanzaDecoder:
    """Decodes stanzas of one stick; remembers only which meter was heard last."""

    def __init__(self) -> None:
        self._last_meter = ""

    def forget(self) -> None:
        """Begin anew: another stick may be there now."""
        self._last_meter = ""

    def decode(self, name: str, inner: bytes, raw: bytes) -> list[Telegram | Refused]:
        """Return the telegram of a stanza, or its refusal; `inner` is what lies in its tags.

        Prices, times, messages and the stick's own state hold no register: their sample has none,
        and every field in `unknown`, as it was told but for the price, which has its decimals.
        """
        refused: list[Telegram | Refused] = []
        try:
            fields = _fields(inner)
            if name == "InstantaneousDemand":
                sample = self._reading(name, fields, _demand(fields), refused, raw)
            elif name in ("CurrentSummationDelivered", "CurrentSummation"):
                sample = self._reading(name, fields, _summations(fields), refused, raw)
            else:
                sample = self._notice(name, fields)
        except _FaultError as fault:
            return [refuse(fault.reason, fault.detail, raw)]
        return [Telegram((sample,), _texts(name, fields)), *refused]

    def _reading(
        self,
        name: str,
        fields: dict[str, str],
        registers: dict[str, int],
        refused: list[Telegram | Refused],
        raw: bytes,
    ) -> Sample:
        meter = _mac(fields, "MeterMacId")
        if not meter:
            if self._last_meter:
                raise _FaultError("truncated", "the stanza has lost its MeterMacId")
            meter = _mac(fields, "DeviceMacId") or UNNAMED
        else:
            self._last_meter = meter
        time_ms = _time_ms(fields.get("TimeStamp", ""))
        if time_ms is None and "TimeStamp" in fields:
            refused.append(refuse("bad-time", f"TimeStamp says {fields['TimeStamp']!r}", raw))
        unknown = _unknown(name, {k: v for k, v in fields.items() if k not in _UNDERSTOOD})
        quality = int(Quality.UNCHECKED)
        return Sample(meter, Medium.ELECTRICITY, time_ms, registers, quality, unknown)

    def _notice(self, name: str, fields: dict[str, str]) -> Sample:
        own = _mac(fields, "MeterMacId")
        meter = own or self._last_meter or _mac(fields, "DeviceMacId") or UNNAMED
        time_ms = _time_ms(fields.get("UTCTime", ""))
        told = {k: v for k, v in fields.items() if k != "MeterMacId" or not own}
        unknown = _unknown(name, told | _price(fields) if name == "PriceCluster" else told)
        quality = int(Quality.UNCHECKED)
        return Sample(meter, Medium.ELECTRICITY, time_ms, {}, quality, unknown)


def _fields(inner: bytes) -> dict[str, str]:
    """Split a stanza into its fields; a repeated one is joined with spaces."""
    try:
        text = inner.decode("utf-8")
    except UnicodeDecodeError:
        text = inner.decode("cp1252", "replace")
    fields: dict[str, str] = {}
    place = 0
    while place < len(text):
        match = _FIELD.match(text, place)
        if match is None:
            left = text[place:].strip()
            if left:
                raise _FaultError("bad-value", f"{left[:60]!r} is no field")
            break
        value = match[2].strip()
        if "&" in value:
            value = html.unescape(value)
        fields[match[1]] = f"{fields[match[1]]} {value}" if match[1] in fields else value
        place = match.end()
    return fields


def _demand(fields: dict[str, str]) -> dict[str, int]:
    """Return signed demand as import and export; the most negative value means none."""
    printed = fields.get("Demand", "")
    value, digits = _hex(fields, "Demand")
    bits = DEMAND_BITS_MAX_SHORT if digits * 4 <= DEMAND_BITS_MAX_SHORT else 32
    if value >= 1 << bits:
        raise _FaultError("bad-value", f"Demand says {printed!r}")
    if value == 1 << (bits - 1):
        raise _FaultError("no-values", f"Demand says {printed!r}: the meter has none")
    if value > 1 << (bits - 1):
        value -= 1 << bits
    power_w = _scaled(value, fields, _KILO)
    return {"power_import_w": max(0, power_w), "power_export_w": max(0, -power_w)}


def _summations(fields: dict[str, str]) -> dict[str, int]:
    registers: dict[str, int] = {}
    for field, register in _SUMMATIONS.items():
        if field not in fields:
            continue
        value, _ = _hex(fields, field)
        if value not in NO_SUMMATIONS:
            registers[register] = _scaled(value, fields, _MEGA)
    if not registers:
        raise _FaultError("no-values", "the stanza has no summation that is one")
    return registers


def _scaled(value: int, fields: dict[str, str], exponent: int) -> int:
    """Return a value times multiplier over divisor times `exponent`, rounded half to even."""
    multiplier, _ = _hex(fields, "Multiplier")
    divisor, _ = _hex(fields, "Divisor")
    if UNSET in (multiplier, divisor):
        raise _FaultError("bad-value", "multiplier or divisor is not known to the stick")
    product = value * (multiplier or 1) * exponent
    whole, rest = divmod(product, divisor or 1)
    scaled = round_half_even(Fraction(product, divisor)) if rest else whole
    if abs(scaled) > INT64_MAX:
        raise _FaultError("bad-value", f"{value} x {multiplier} / {divisor} is too large")
    return scaled


def _hex(fields: dict[str, str], field: str) -> tuple[int, int]:
    """Return a field's value and how many digits it was printed with."""
    printed = fields.get(field)
    if printed is None:
        raise _FaultError("truncated", f"the stanza has lost its {field}")
    match = _HEX.fullmatch(printed)
    if match is None:
        raise _FaultError("bad-value", f"{field} says {printed[:60]!r}")
    return int(match[1], 16), len(match[1])


def _mac(fields: dict[str, str], field: str) -> str:
    """Return an address as 16 lower-case digits; "" where it is none, all zeros or all ones."""
    match = _HEX.fullmatch(fields.get(field, ""))
    if match is None or int(match[1], 16) in (0, (1 << 4 * MAC_DIGITS) - 1):
        return ""
    return match[1].lower().zfill(MAC_DIGITS)


def _time_ms(printed: str) -> int | None:
    match = _HEX.fullmatch(printed)
    seconds = int(match[1], 16) if match else 0
    if not 0 < seconds < UNSET:
        return None
    return (EPOCH_2000_S + seconds) * MS_PER_SECOND


def _unknown(name: str, fields: dict[str, str]) -> dict[str, str]:
    kept = list(fields.items())[:MAX_UNKNOWN]
    unknown = {f"{name}.{field}": value[:MAX_UNKNOWN_CHARS] for field, value in kept}
    if len(fields) > MAX_UNKNOWN:
        unknown[f"{name}.+"] = f"{len(fields) - MAX_UNKNOWN} more fields"
    return unknown


def _price(fields: dict[str, str]) -> dict[str, str]:
    """Return the price as a decimal number, {} where it is not known; in which currency is told."""
    price = _HEX.fullmatch(fields.get("Price", ""))
    digits = _HEX.fullmatch(fields.get("TrailingDigits", ""))
    if price is None or digits is None:
        return {}
    value, decimals = int(price[1], 16), int(digits[1], 16)
    if value >= UNSET or decimals > MAX_PRICE_DECIMALS:
        return {}
    return {"Price": f"{Decimal(value).scaleb(-decimals):f}"}


def _texts(name: str, fields: dict[str, str]) -> tuple[str, ...]:
    """Return the message to the household in a message stanza."""
    if name != "MessageCluster":
        return ()
    readable = "".join(c for c in fields.get("Text", "") if c.isprintable())
    return (readable[:MAX_TEXT_CHARS],) if readable else ()
