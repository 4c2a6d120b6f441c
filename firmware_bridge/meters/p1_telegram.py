"""What one framed P1 telegram says: its lines to samples, by the OBIS table.

Owns tokenizing, identity, time and sub-meters (M-Bus channels) of a telegram whose frame and
checksum `p1.py` has already judged. Pure; keeps only small bounded caches.
"""

import re
from functools import lru_cache
from zoneinfo import ZoneInfo

import msgspec

from firmware_bridge.meters.civil_time import CivilTime
from firmware_bridge.meters.codec import Refused, Telegram
from firmware_bridge.meters.obis import IGNORED, NET_POWER, TABLE, Entry, groups_of, scale
from firmware_bridge.meters.p1_findings import Findings
from firmware_bridge.meters.p1_layout import (
    LINE,
    MAX_PLAIN_DIGITS,
    POWERS,
    TIME_CODE,
    Layout,
    learn_layout,
)
from firmware_bridge.meters.p1_submeter import VALUE_CODES, read_submeter
from firmware_bridge.meters.serials import serial_of
from shared.readings import COUNTERS, Medium, Quality, Sample

MAX_TEXT_CHARS = 1_024
"""The standard's longest message to the household (DSMR 5.0.2, 0-0:96.13.0)."""

UNNAMED = "unnamed"
"""The id of a meter that prints neither a serial nor an identification."""

_VALUE = re.compile(r"\(([^()]*)\)")
_SUBMETER = re.compile(r"0-([1-9]\d?):(\d{1,3}\.\d{1,3}\.\d{1,3})")

LEARN_EVERY = 8
"""A layout that fitted nothing is followed by the next so seldom: some meters never print alike."""

_SERIAL_CODES = ("96.1.1", "96.1.0", "42.0.0", "96.1.255", "0.0.0")
"""Where the meter's own serial may be, the best first."""

_TEXT_CODES = ("96.13.0", "96.13.1", "96.13.2", "96.13.3", "96.13.4", "96.13.5")
"""Messages to the household: two in DSMR, six in Luxembourg."""

_PRINTED_TIME = re.compile(r"\d{10,12}[SW]?")

_cached_serial = lru_cache(maxsize=64)(serial_of)

Line = tuple[str, str, str, str]
"""A line's code, its first value and that value's unit, and its further values in parentheses."""


class TelegramDecoder:
    """Decodes telegrams of one meter whose clock tells the civil time of `zone`."""

    def __init__(self, zone: ZoneInfo) -> None:
        self._times = CivilTime(zone)
        self._entries: dict[str, Entry] = {}
        self._layout: Layout | None = None
        self._unlike = LEARN_EVERY

    def decode(self, raw: bytes, *, checked: bool) -> list[Telegram | Refused]:
        """Return the telegram and a refusal for each impossible value in it.

        `raw` runs from `/` up to `!`; `checked` says that its checksum was there and right. One
        that is whole and has no code of the table is a telegram of raw codes, and refused as well,
        so that it is counted.
        """
        if not checked:
            return self._read_lines(raw, checked=False)
        if self._layout is not None:
            telegram = self._layout.read(raw, self._times)
            if telegram is not None:
                self._unlike = LEARN_EVERY
                return [telegram]
        found = self._read_lines(raw, checked=True)
        self._unlike += 1
        if self._unlike >= LEARN_EVERY and len(found) == 1 and isinstance(found[0], Telegram):
            self._layout, self._unlike = learn_layout(raw, found[0], self._times), 0
        return found

    def _read_lines(self, raw: bytes, *, checked: bool) -> list[Telegram | Refused]:
        text = raw.decode("latin-1")
        findings = Findings(raw)
        registers, entries = findings.registers, self._entries
        for line in LINE.findall(text):
            code, number, unit, rest = line
            entry = entries.get(code)
            if entry is not None and not rest and (scaled := entry.get(unit)) is not None:
                register, exponent = scaled
                whole, _, fraction = number.partition(".")
                digits = whole + fraction
                shift = exponent - len(fraction)
                if digits.isdecimal() and len(digits) <= MAX_PLAIN_DIGITS and shift >= 0:
                    registers.setdefault(register, int(digits) * POWERS[shift])
                    continue
            self._read_other(line, findings)
        if not checked:
            _refuse_unreadable_lines(text, findings)
        return self._finish(text, findings, 0 if checked else int(Quality.UNCHECKED))

    def _read_other(self, line: Line, findings: Findings) -> None:
        """Read a line that is no plain register, or a register seen for the first time."""
        code, first, unit, rest = line
        values = [f"{first}*{unit}" if unit else first, *_VALUE.findall(rest)]
        submeter = _SUBMETER.fullmatch(code)
        if submeter is not None:
            kept = findings.submeters.setdefault(int(submeter[1]), {})
            if submeter[2] in VALUE_CODES:
                kept.setdefault(submeter[2], values)
            else:
                findings.keep_unknown(code, values)
            return
        groups = groups_of(code)
        if groups is None:
            findings.keep_unknown(code, values)
        elif groups in TABLE:
            # Bounded by the table: only spellings of its own codes are remembered.
            self._entries[code] = TABLE[groups]
            _read_register(code, TABLE[groups], values, findings)
        elif groups in NET_POWER:
            _read_net_power(code, NET_POWER[groups], values, findings)
        elif groups == TIME_CODE or groups in _SERIAL_CODES:
            findings.printed.setdefault(groups, first)
        elif groups in _TEXT_CODES:
            _read_text(first, findings)
        elif groups not in IGNORED:
            findings.keep_unknown(code, values)

    def _finish(self, text: str, findings: Findings, quality: int) -> list[Telegram | Refused]:
        meter = _meter_of(text, findings)
        samples: list[Sample] = []
        if findings.registers:
            time_ms = self._meter_time_ms(findings)
            samples.append(Sample(meter, Medium.ELECTRICITY, time_ms, findings.registers, quality))
        for channel in sorted(findings.submeters):
            fallback = f"{meter}-mbus{channel}"
            sample = read_submeter(findings, channel, fallback, self._times, quality)
            if sample is not None:
                samples.append(_with_own_name(sample, samples, fallback))
        if samples and findings.unknown:
            samples[0] = msgspec.structs.replace(samples[0], unknown=findings.unknown)
        if not samples and not findings.texts and not findings.refused:
            shown = ", ".join(f"{c} = {v}" for c, v in findings.unknown.items())
            findings.refuse("no-values", f"no code is known: {shown or 'none'}")
        if not samples and findings.unknown and not quality & Quality.UNCHECKED:
            time_ms = self._meter_time_ms(findings)
            unknown = findings.unknown
            samples.append(Sample(meter, Medium.ELECTRICITY, time_ms, {}, quality, unknown))
        if not samples and not findings.texts:
            return list(findings.refused)
        return [Telegram(tuple(samples), tuple(findings.texts)), *findings.refused]

    def _meter_time_ms(self, findings: Findings) -> int | None:
        printed = findings.printed.get(TIME_CODE)
        if not printed:
            return None
        time_ms = self._times.to_utc_ms(printed)
        if time_ms is None:
            findings.refuse("bad-time", f"the meter's clock says {printed!r}")
        return time_ms


def _read_register(code: str, entry: Entry, values: list[str], findings: Findings) -> None:
    """Read a register's value: a peak's after the time it was reached, of two limits the first.

    Luxembourg prints the limit of export after that of import, with a minus.
    """
    printed = values[-1] if _PRINTED_TIME.fullmatch(values[0]) else values[0]
    number, _, unit = printed.partition("*")
    if not number:
        return
    if unit not in entry:
        findings.keep_unknown(code, values)
        return
    register, exponent = entry[unit]
    value = scale(number, exponent)
    if value is None or (value < 0 and register in COUNTERS):
        findings.refuse("bad-value", f"{code} says {printed!r}")
        return
    findings.registers.setdefault(register, value)


def _read_net_power(
    code: str, registers: tuple[str, str], values: list[str], findings: Findings
) -> None:
    """Read signed power as import and export; a meter that prints those apart is believed first."""
    number, _, unit = values[-1].partition("*")
    if unit not in TABLE["1.7.0"]:
        findings.keep_unknown(code, values)
        return
    power_w = scale(number, TABLE["1.7.0"][unit][1])
    if power_w is None:
        findings.refuse("bad-value", f"{code} says {values[-1]!r}")
        return
    findings.registers.setdefault(registers[0], max(0, power_w))
    findings.registers.setdefault(registers[1], max(0, -power_w))


def _read_text(printed: str, findings: Findings) -> None:
    """Keep a message to the household, printed as hexadecimal (DSMR) or as it is."""
    if not printed:
        return
    try:
        text = bytes.fromhex(printed).decode("utf-8", "replace")
    except ValueError:
        text = printed
    readable = "".join(character for character in text if character.isprintable())
    if readable:
        findings.texts.append(readable[:MAX_TEXT_CHARS])


def _meter_of(text: str, findings: Findings) -> str:
    for code in _SERIAL_CODES:
        printed = findings.printed.get(code)
        if printed and (serial := _cached_serial(printed)):
            return serial
    return serial_of(text[1:80].split("\n", 1)[0].strip()) or UNNAMED


def _with_own_name(sample: Sample, others: list[Sample], fallback: str) -> Sample:
    """Rename a sub-meter that prints the serial of another meter in the same telegram."""
    if any(sample.meter == other.meter for other in others):
        return msgspec.structs.replace(sample, meter=fallback)
    return sample


def _refuse_unreadable_lines(text: str, findings: Findings) -> None:
    """Without a checksum, a damaged line shows only in not being one."""
    _, _, body = text.partition("\n")
    for left in LINE.sub("", body).split("\n"):
        if left.strip():
            findings.refuse("bad-value", f"line {left.strip()!r} cannot be read")
