"""Reads a script of faults: words such as `flip=1/2000,stall=30s@1h`, or a TOML file of them.

Owns the grammar, `word[=value][@time[+length]]`, and its errors. Source of the words' meaning for
people: docs/how-to/simulate.md.
"""

import re
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from firmware_bridge.simulator.faults import FOR_EVER_MS, ONCE_MS, Event, Faults, Happening, Rate
from shared.errors import OperatorError
from shared.units import MS_PER_DAY, MS_PER_HOUR, MS_PER_MINUTE, MS_PER_SECOND

UNITS_MS = {
    "ms": 1,
    "s": MS_PER_SECOND,
    "m": MS_PER_MINUTE,
    "h": MS_PER_HOUR,
    "d": MS_PER_DAY,
}
QUANTITIES = ("import", "export", "gas")
ZERO_FOR_MS = 10_000
"""A meter shows zeros for some seconds after a start."""

_TOKEN = re.compile(r"([a-z]+)(?:=([^@]*))?(?:@([^+]*)(?:\+(.*))?)?")
_LENGTH = re.compile(r"(?:(\d+)(ms|[smhd]))")
_RATE = re.compile(r"(\d{1,9})(?:/(\d{1,9}))?")


@dataclass(frozen=True, slots=True)
class _Written:
    """One word as it was written, taken apart."""

    token: str
    word: str
    value: str | None
    at: str | None
    length: str | None

    def fault(self, form: str) -> OperatorError:
        """Say that this word is not written as it must be."""
        return OperatorError(f"fault {self.token!r} cannot be read", hint=f"write {form}")


def read_faults(text: str) -> Faults:
    """Read a script from its text, or from the TOML file it names.

    Raises OperatorError naming the word and how to write it.
    """
    tokens = _from_file(Path(text)) if text.endswith(".toml") else iter(text.split(","))
    rates: dict[Rate, Fraction] = {}
    happenings: list[Happening] = []
    seed = 0
    for token in tokens:
        written = _take_apart(token.strip())
        if written.word == "seed":
            seed = _seed(written)
        elif written.word in _RATES:
            rates[Rate(written.word)] = _rate(written)
        else:
            happenings.append(_happening(written))
    return Faults(rates, tuple(happenings), seed)


def _from_file(path: Path) -> Iterator[str]:
    try:
        content = tomllib.loads(path.read_text())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise OperatorError(
            f"faults {path} cannot be read: {error}", hint='write lines such as stall = "30s@1h"'
        ) from error
    for word, value in content.items():
        for one in value if isinstance(value, list) else [value]:
            yield _token_of(word, one)


def _token_of(word: str, value: Any) -> str:
    text = str(value)
    return f"{word}{text}" if text.startswith("@") else f"{word}={text}"


def _take_apart(token: str) -> _Written:
    match = _TOKEN.fullmatch(token)
    if match is None or (match[1] not in _HAPPENINGS and match[1] not in {*_RATES, "seed"}):
        known = ", ".join(sorted({*_RATES, *_HAPPENINGS, "seed"}))
        raise OperatorError(f"fault {token!r} is not known", hint=f"use one of: {known}")
    return _Written(token, *match.groups())


def _rate(written: _Written) -> Fraction:
    match = _RATE.fullmatch(written.value or "")
    if match is not None and written.at is None:
        whole, parts = int(match[1]), int(match[2] or 1)
        if 0 < whole <= parts:
            return Fraction(whole, parts)
    raise written.fault(f"{written.word}=1/500, one in so many")


def _seed(written: _Written) -> int:
    value = written.value or ""
    if written.at is not None or not value.isdecimal() or len(value) > len(str(2**63)):
        raise written.fault("seed=7, a whole number")
    return int(value)


def _happening(written: _Written) -> Happening:
    read, form = _HAPPENINGS[written.word]
    found = read(written)
    if found is None:
        raise written.fault(form)
    return found


def _length_ms(text: str | None) -> int | None:
    """Read `1d12h`, `30s`, `250ms`; None where it is no length of time."""
    if not text or _LENGTH.sub("", text):
        return None
    return sum(int(number) * UNITS_MS[unit] for number, unit in _LENGTH.findall(text))


def _signed_ms(text: str) -> int | None:
    length_ms = _length_ms(text[1:]) if text[:1] in ("+", "-") else None
    return None if length_ms is None else length_ms * (-1 if text[0] == "-" else 1)


def _span(written: _Written, default_ms: int) -> tuple[int, int] | None:
    """Return when and for how long; None where either is missing or wrong."""
    at_ms = _length_ms(written.at)
    for_ms = default_ms if written.length is None else _length_ms(written.length)
    return None if at_ms is None or for_ms is None else (at_ms, for_ms)


def _pause(written: _Written) -> Happening | None:
    for_ms, at_ms = _length_ms(written.value), _length_ms(written.at)
    if for_ms is None or at_ms is None or written.length is not None:
        return None
    return Happening(Event(written.word), at_ms, for_ms)


def _once(written: _Written) -> Happening | None:
    span = _span(written, ONCE_MS)
    if span is None or written.value is not None or written.length is not None:
        return None
    return Happening(Event(written.word), *span)


def _leave(written: _Written) -> Happening | None:
    span = _span(written, ONCE_MS)
    if span is None or written.value is not None or not span[1]:
        return None
    return Happening(Event.LEAVE, *span)


def _wrap(written: _Written) -> Happening | None:
    if written.value not in QUANTITIES or written.at is not None:
        return None
    return Happening(Event.WRAP, what=written.value)


def _zero(written: _Written) -> Happening | None:
    span = _span(written, ZERO_FOR_MS)
    if span is None or written.value is not None:
        return None
    return Happening(Event.ZERO, *span)


def _of_quantity(default_ms: int) -> Callable[[_Written], Happening | None]:
    def read(written: _Written) -> Happening | None:
        span = _span(written, default_ms)
        if span is None or written.value not in QUANTITIES:
            return None
        return Happening(Event(written.word), *span, what=written.value)

    return read


def _clock(written: _Written) -> Happening | None:
    span = _span(written, FOR_EVER_MS)
    if span is None:
        return None
    if written.value == "1970":
        return Happening(Event.RESET_CLOCK, *span)
    amount_ms = _signed_ms(written.value or "")
    return None if amount_ms is None else Happening(Event.CLOCK, *span, amount_ms=amount_ms)


def _drift(written: _Written) -> Happening | None:
    value = written.value or ""
    amount_ms = _signed_ms(value.removesuffix("/d")) if value.endswith("/d") else None
    if amount_ms is None or written.at is not None:
        return None
    return Happening(Event.DRIFT, amount_ms=amount_ms)


def _lost(written: _Written) -> Happening | None:
    span = _span(written, FOR_EVER_MS)
    return None if span is None or written.value != "gas" else Happening(Event.LOST, *span, "gas")


_RATES = frozenset(rate.value for rate in Rate)
_HAPPENINGS: dict[str, tuple[Callable[[_Written], Happening | None], str]] = {
    "stall": (_pause, "stall=30s@1h: how long the line is silent, and when"),
    "unplug": (_pause, "unplug=10s@2h: how long the cable is out, and when"),
    "swap": (_once, "swap@3d: when the meter is exchanged"),
    "wrap": (_wrap, "wrap=import (or export, gas): what begins near its last value"),
    "stuck": (_of_quantity(FOR_EVER_MS), "stuck=import@2d+6h (or export, gas)"),
    "glitch": (_of_quantity(ONCE_MS), "glitch=import@2d (or export, gas), +30s if it lasts"),
    "zero": (_zero, "zero@2d+10s: when a meter that starts shows zeros, and how long"),
    "invalid": (_of_quantity(ONCE_MS), "invalid=import@2d (or export, gas), +30s if it lasts"),
    "clock": (_clock, "clock=+1h@1d, clock=-90s@1d+6h or clock=1970@1d"),
    "drift": (_drift, "drift=+20s/d: what the clock gains a day"),
    "lost": (_lost, "lost=gas@1d+6h: when the gas meter is not heard, and how long"),
    "reset": (_once, "reset@1h: when the stick resets by itself"),
    "error": (_once, "error@1h: when the stick reports a fault and falls silent"),
    "leave": (_leave, "leave@1h+5m: when the devices leave the network, and how long"),
}
