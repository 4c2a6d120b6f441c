"""Reads a script of faults: words such as `flip=1/2000,stall=30s@1h`, or a TOML file of them.

Owns what a meter's words mean; their grammar is `fault_words.py`'s. Source of the meaning for
people: docs/how-to/simulate.md.
"""

from collections.abc import Callable
from fractions import Fraction

from firmware_bridge.simulator.fault_words import (
    Written,
    length_ms,
    read_rate,
    read_seed,
    split_words,
)
from firmware_bridge.simulator.faults import FOR_EVER_MS, ONCE_MS, Event, Faults, Happening, Rate

QUANTITIES = ("import", "export", "gas")
ZERO_FOR_MS = 10_000
"""A meter shows zeros for some seconds after a start."""


def read_faults(text: str) -> Faults:
    """Read a script from its text, or from the TOML file it names.

    Raises OperatorError naming the word and how to write it.
    """
    rates: dict[Rate, Fraction] = {}
    happenings: list[Happening] = []
    seed = 0
    for written in split_words(text, {*_RATES, *_HAPPENINGS}):
        if written.word == "seed":
            seed = read_seed(written)
        elif written.word in _RATES:
            rates[Rate(written.word)] = read_rate(written)
        else:
            happenings.append(_happening(written))
    return Faults(rates, tuple(happenings), seed)


def _happening(written: Written) -> Happening:
    read, form = _HAPPENINGS[written.word]
    found = read(written)
    if found is None:
        raise written.fault(form)
    return found


def _signed_ms(text: str) -> int | None:
    size_ms = length_ms(text[1:]) if text[:1] in ("+", "-") else None
    return None if size_ms is None else size_ms * (-1 if text[0] == "-" else 1)


def _span(written: Written, default_ms: int) -> tuple[int, int] | None:
    """Return when and for how long; None where either is missing or wrong."""
    at_ms = length_ms(written.at)
    for_ms = default_ms if written.length is None else length_ms(written.length)
    return None if at_ms is None or for_ms is None else (at_ms, for_ms)


def _pause(written: Written) -> Happening | None:
    for_ms, at_ms = length_ms(written.value), length_ms(written.at)
    if for_ms is None or at_ms is None or written.length is not None:
        return None
    return Happening(Event(written.word), at_ms, for_ms)


def _once(written: Written) -> Happening | None:
    span = _span(written, ONCE_MS)
    if span is None or written.value is not None or written.length is not None:
        return None
    return Happening(Event(written.word), *span)


def _leave(written: Written) -> Happening | None:
    span = _span(written, ONCE_MS)
    if span is None or written.value is not None or not span[1]:
        return None
    return Happening(Event.LEAVE, *span)


def _wrap(written: Written) -> Happening | None:
    if written.value not in QUANTITIES or written.at is not None:
        return None
    return Happening(Event.WRAP, what=written.value)


def _zero(written: Written) -> Happening | None:
    span = _span(written, ZERO_FOR_MS)
    if span is None or written.value is not None:
        return None
    return Happening(Event.ZERO, *span)


def _of_quantity(default_ms: int) -> Callable[[Written], Happening | None]:
    def read(written: Written) -> Happening | None:
        span = _span(written, default_ms)
        if span is None or written.value not in QUANTITIES:
            return None
        return Happening(Event(written.word), *span, what=written.value)

    return read


def _clock(written: Written) -> Happening | None:
    span = _span(written, FOR_EVER_MS)
    if span is None:
        return None
    if written.value == "1970":
        return Happening(Event.RESET_CLOCK, *span)
    amount_ms = _signed_ms(written.value or "")
    return None if amount_ms is None else Happening(Event.CLOCK, *span, amount_ms=amount_ms)


def _drift(written: Written) -> Happening | None:
    value = written.value or ""
    amount_ms = _signed_ms(value.removesuffix("/d")) if value.endswith("/d") else None
    if amount_ms is None or written.at is not None:
        return None
    return Happening(Event.DRIFT, amount_ms=amount_ms)


def _lost(written: Written) -> Happening | None:
    span = _span(written, FOR_EVER_MS)
    return None if span is None or written.value != "gas" else Happening(Event.LOST, *span, "gas")


_RATES = frozenset(rate.value for rate in Rate)
_HAPPENINGS: dict[str, tuple[Callable[[Written], Happening | None], str]] = {
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
