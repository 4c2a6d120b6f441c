"""What one data block of IEC 62056-21 says: its data sets to a sample, by the OBIS table.

Pure. Codes come in full (`1-0:1.8.0*255`), short (`1.8.0`) and with letters (`F.F`, `C.1.0`); a
code with another end (`1.8.0*03`, `1.8.0&03`) is a past billing period. Sources: IEC 62056-21:2002
chapter 6.3.14 and IEC 62056-61; heat meters' codes by EN 13757-1.
"""

import re
from fractions import Fraction
from zoneinfo import ZoneInfo

from firmware_bridge.meters.codec import Refused, Telegram, refuse
from firmware_bridge.meters.iec62056_clock import CLOCK_CODES, MeterClock
from firmware_bridge.meters.obis import NET_POWER, TABLE, Entry, groups_of, scale
from firmware_bridge.meters.serials import serial_of
from shared.readings import COUNTERS, Medium, Quality, Sample, medium_of
from shared.units import INT64_MAX, round_half_even

MAX_UNKNOWN = 64
"""Codes kept of one readout; present ones come first, of past months a count may be all."""

MAX_UNKNOWN_CHARS = 80

MAX_REFUSED_VALUES = 8
"""Refusals reported of one readout: past this it is noise, and said to be so."""

UNNAMED = "unnamed"
"""The id of a meter that prints neither a serial nor an identification."""

SERIAL_CODES = ("C.1.0", "96.1.0", "96.1.1", "0.0.0", "42.0.0", "C.1.1", "96.1.255", "9.21")
"""Where the serial may be, the best first: the maker's, then the owner's, then the address."""

_HEAT = {"MWh": Fraction(3_600), "kWh": Fraction(36, 10), "GJ": Fraction(1_000), "MJ": Fraction(1)}
_HEAT_CODE = "6.8"
_HEAT_DIGITS = 9

_SET = re.compile(r"([^()!]*+)\(([^()]*+)\)")
_PAST = re.compile(r".*[*&]\d{1,3}")
_GLUED = re.compile(r"([+-]?[\d.,]+)([A-Za-z]+)")
"""A value whose unit stands behind it without an asterisk, as Iskra's MT382 prints it."""

_UNITS = {
    **dict.fromkeys(("kwh", "KWH", "KWh"), "kWh"),
    **dict.fromkeys(("wh", "WH"), "Wh"),
    **dict.fromkeys(("kw", "KW"), "kW"),
    **dict.fromkeys(("w",), "W"),
    **dict.fromkeys(("v",), "V"),
    **dict.fromkeys(("a",), "A"),
    **dict.fromkeys(("hz", "HZ"), "Hz"),
    "KVARH": "kvarh",
    "KVAR": "kvar",
}
"""Units as some makers spell them; never `mWh` and `MWh`, which differ a billionfold."""


class ReadoutDecoder:
    """Decodes the data blocks of one meter whose clock tells the civil time of `zone`."""

    def __init__(self, zone: ZoneInfo) -> None:
        self._clock = MeterClock(zone)

    def decode(
        self, text: str, identity: str, raw: bytes, *, checked: bool
    ) -> list[Telegram | Refused]:
        """Return the telegram and a refusal for each impossible value in it.

        `identity` is the meter's identification, "" where none came; `checked` says that the block
        had a check character and it was right. One that is checked and has no code of the table is
        a telegram of raw codes, and refused as well, so that it is counted.
        """
        sets, faults = _split(text)
        registers: dict[str, int] = {}
        unknown: dict[str, list[str]] = {}
        meter, serial_code = _meter_of(sets, identity)
        for code, values in sets.items():
            groups = groups_of(code) or code
            if code == serial_code or groups in CLOCK_CODES:
                continue
            _read_set(groups, code, values, registers, unknown, faults)
        time_ms = self._clock.read({groups_of(code) or code: v for code, v in sets.items()})
        if time_ms is None and self._clock.is_printed:
            faults.append(("bad-time", f"the meter's clock says {self._clock.printed!r}"))
        refused: list[Telegram | Refused] = [
            refuse(reason, detail, raw) for reason, detail in faults[:MAX_REFUSED_VALUES]
        ]
        kept = _kept(unknown)
        if not registers and not refused:
            shown = ", ".join(f"{code} = {value}" for code, value in kept.items())
            refused = [refuse("no-values", f"no code is known: {shown or 'none'}", raw)]
        if not registers and not (checked and kept):
            return refused
        medium = medium_of(registers) or Medium.ELECTRICITY
        quality = 0 if checked else int(Quality.UNCHECKED)
        return [Telegram((Sample(meter, medium, time_ms, registers, quality, kept),)), *refused]


_Faults = list[tuple[str, str]]
"""Each with the reason it is counted by, and the value."""


def _split(text: str) -> tuple[dict[str, list[str]], _Faults]:
    """Split a block into its data sets; a value without a code belongs to the code before it."""
    sets: dict[str, list[str]] = {}
    faults: _Faults = []
    code = ""
    for line in text.splitlines():
        place = 0
        while match := _SET.match(line, place):
            code = match[1].strip() or code
            sets.setdefault(code, []).append(match[2].strip())
            place = match.end()
        left = line[place:].strip("! \t")
        if left:
            faults.append(("bad-value", f"{left[:60]!r} is no data set"))
    return sets, faults


def _read_set(
    groups: str,
    code: str,
    values: list[str],
    registers: dict[str, int],
    unknown: dict[str, list[str]],
    faults: _Faults,
) -> None:
    """Read one data set into the registers, or keep it as unknown."""
    if groups == _HEAT_CODE:
        _read_heat(code, values, registers, unknown, faults)
        return
    net = NET_POWER.get(groups)
    entry = TABLE["1.7.0"] if net else TABLE.get(groups)
    chosen = _value_in(entry, values) if entry else None
    if entry is None or chosen is None:
        unknown[code] = values
        return
    number, unit = chosen
    if not number:
        return
    register, exponent = entry[unit]
    value = scale(number, exponent)
    if value is None or (value < 0 and register in COUNTERS):
        faults.append(("bad-value", f"{code} says {' '.join(values)!r}"))
    elif net:
        registers.setdefault(net[0], max(0, value))
        registers.setdefault(net[1], max(0, -value))
    else:
        registers.setdefault(register, value)


def _read_heat(
    code: str,
    values: list[str],
    registers: dict[str, int],
    unknown: dict[str, list[str]],
    faults: _Faults,
) -> None:
    """Read a heat meter's energy, in whole megajoules."""
    number, _, unit = values[0].partition("*")
    if unit not in _HEAT:
        unknown[code] = values
        return
    scaled = scale(number.replace(",", "."), _HEAT_DIGITS)
    if scaled is None or not 0 <= scaled <= INT64_MAX // 3_600:
        faults.append(("bad-value", f"{code} says {values[0]!r}"))
        return
    registers["heat_mj"] = round_half_even(scaled * _HEAT[unit] / 10**_HEAT_DIGITS)


def _value_in(entry: Entry, values: list[str]) -> tuple[str, str] | None:
    """Return the first value with a unit of the entry: a peak's time stands before or after it."""
    for value in values:
        number, _, unit = value.partition("*")
        glued = _GLUED.fullmatch(value)
        if glued is not None:
            number, unit = glued.groups()
        for spelled in (unit, _UNITS.get(unit, unit)):
            if spelled in entry:
                return number.replace(",", "."), spelled
    return None


def _meter_of(sets: dict[str, list[str]], identity: str) -> tuple[str, str]:
    """Return the meter's id, and the code of the data set that names it."""
    by_groups = {groups_of(code) or code: code for code in reversed(sets)}
    for groups in SERIAL_CODES:
        code = by_groups.get(groups, "")
        if code and (serial := serial_of(sets[code][0])):
            return serial, code
    return serial_of(identity) or UNNAMED, ""


def _kept(unknown: dict[str, list[str]]) -> dict[str, str]:
    """Keep what the table does not know, the present before the past, and count what is left."""
    order = sorted(unknown, key=lambda code: bool(_PAST.fullmatch(code)))
    kept = {
        code[:MAX_UNKNOWN_CHARS]: " ".join(unknown[code])[:MAX_UNKNOWN_CHARS]
        for code in order[:MAX_UNKNOWN]
    }
    if len(order) > MAX_UNKNOWN:
        kept["+"] = f"{len(order) - MAX_UNKNOWN} more codes"
    return kept
