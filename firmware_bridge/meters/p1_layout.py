"""The layout of a P1 meter's telegrams: where its numbers stand, learned from one of them.

A meter prints the same lines in the same widths each second. Once a telegram was read line by line,
of the next only its registers' numbers and its clock are read, where every other byte is the same.
Pure. Owns which lines are plain; what all others mean is `p1_telegram.py`'s.
"""

import re
from collections.abc import Iterator, Sequence
from operator import mul
from struct import Struct
from typing import NamedTuple

from firmware_bridge.meters.civil_time import CivilTime
from firmware_bridge.meters.codec import Telegram
from firmware_bridge.meters.obis import NET_POWER, TABLE, Entry, groups_of
from shared.readings import Sample

LINE = re.compile(
    r"^([^()\r\n/!]++)\(([^()*\r\n]*+)(?:\*([^()\r\n]*+))?\)((?:(?:\r?\n)?\([^()\r\n]*\))*)",
    re.MULTILINE,
)
"""A line's code, its first value and that value's unit, and its further values in parentheses."""

TIME_CODE = "1.0.0"
"""The meter's clock, by its groups C.D.E."""

POWERS = tuple(10**exponent for exponent in range(10))
MAX_PLAIN_DIGITS = 12
"""Twelve digits times the largest scale (10**6) stay below 2**63 without a check."""

_AS_ZEROS = bytes.maketrans(b"123456789", b"0" * 9)

Span = tuple[int, int]
"""Where something stands in a telegram, `[start, end)`."""


class _Number(NamedTuple):
    """Where the number of a register stands, and what takes its digits to the register's unit."""

    span: Span
    register: str
    factor: int


class Layout:
    """Reads telegrams that differ from the one it was learned from in numbers and clock alone."""

    def __init__(
        self, raw: bytes, telegram: Telegram, numbers: Sequence[_Number], clock: Span | None
    ) -> None:
        spans = [number.span for number in numbers]
        self._numbers = _pick(spans, len(raw))
        self._digits = b" ".join(self._numbers.unpack(raw)).translate(_AS_ZEROS)
        self._registers = [number.register for number in numbers]
        self._factors = [number.factor for number in numbers]
        self._clock = clock
        self._rest = _pick(_between([*spans, clock] if clock else spans, len(raw)), len(raw))
        self._same = self._rest.unpack(raw)
        self._telegram = telegram

    def read(self, raw: bytes, times: CivilTime) -> Telegram | None:
        """Read a telegram of this layout; None for one of another, or whose clock says nothing."""
        if len(raw) != self._rest.size or self._rest.unpack(raw) != self._same:
            return None
        printed = b" ".join(self._numbers.unpack(raw))
        if printed.translate(_AS_ZEROS) != self._digits:
            return None
        time_ms = None
        if self._clock is not None:
            time_ms = times.to_utc_ms(raw[slice(*self._clock)].decode("latin-1"))
            if time_ms is None:
                return None
        known, *others = self._telegram.samples
        digits = map(int, printed.replace(b".", b"").split(b" "))
        registers = known.registers.copy()
        registers.update(zip(self._registers, map(mul, digits, self._factors), strict=True))
        sample = Sample(known.meter, known.medium, time_ms, registers, known.quality, known.unknown)
        return Telegram((sample, *others), self._telegram.texts)


def learn_layout(raw: bytes, telegram: Telegram, times: CivilTime) -> Layout | None:
    """Learn the layout of a telegram from what was read of it; None where that says too little."""
    text = raw.decode("latin-1")
    numbers = list(_numbers(text))
    if not numbers or not telegram.samples:
        return None
    layout = Layout(raw, telegram, numbers, _clock(text))
    return layout if layout.read(raw, times) == telegram else None


def _numbers(text: str) -> Iterator[_Number]:
    """Yield the number of each plain line, unless a line before it may have told its register."""
    told: set[str] = set()
    for line in LINE.finditer(text):
        code, number, unit, rest = line.groups(default="")
        groups = groups_of(code)
        entry = TABLE.get(groups) if groups is not None else None
        if entry is None:
            told.update(NET_POWER.get(groups or "", ()))
            continue
        factor = None if rest else factor_of(entry, number, unit)
        if factor is not None and entry[unit][0] not in told:
            yield _Number(line.span(2), entry[unit][0], factor)
        told.update(register for register, _ in entry.values())


def factor_of(entry: Entry, number: str, unit: str) -> int | None:
    """Tell what takes a plain number's digits to its register's unit; None where it is not plain.

    Plain is what has digits and one point at most, so few of them that nothing overflows, and none
    finer than the unit's.
    """
    scaled = entry.get(unit)
    whole, _, fraction = number.partition(".")
    digits = whole + fraction
    if scaled is None or not digits.isdecimal() or len(digits) > MAX_PLAIN_DIGITS:
        return None
    shift = scaled[1] - len(fraction)
    return POWERS[shift] if shift >= 0 else None


def _clock(text: str) -> Span | None:
    """Find what the meter's own clock prints; the first line of it counts."""
    found = (line.span(2) for line in LINE.finditer(text) if groups_of(line[1]) == TIME_CODE)
    return next(found, None)


def _between(spans: Sequence[Span], size: int) -> list[Span]:
    """List what lies between spans, before the first and behind the last."""
    ordered = sorted(spans)
    starts, ends = [0, *(end for _, end in ordered)], [*(start for start, _ in ordered), size]
    return list(zip(starts, ends, strict=True))


def _pick(spans: Sequence[Span], size: int) -> Struct:
    """Make what picks spans, in order, out of that many bytes."""
    parts, place = [], 0
    for start, end in spans:
        parts.append(f"{start - place}x{end - start}s")
        place = end
    return Struct(f"{''.join(parts)}{size - place}x")
