"""What goes wrong at a simulated panel: read from words such as `flip=1/2000,reset@5s`. Pure.

Owns the words of panels; their grammar is `fault_words.py`'s, what they do is `panel.py`'s.
"""

import enum
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

from firmware_bridge.display.fields import U8_MAX
from firmware_bridge.simulator.fault_words import (
    Written,
    length_ms,
    read_rate,
    read_seed,
    split_words,
)

RATES = ("flip", "lose", "drop")
NONE = Fraction(0)
CHANGE_DIGITS = 9
BABBLE_FOR_MS, FLOOD_FOR_MS = 10_000, 3_000


class Trouble(enum.StrEnum):
    """What comes over a panel at a time."""

    STALL = "stall"
    """It neither hears nor says anything, and goes on where it was."""
    RESET = "reset"
    LOOP = "loop"
    """It starts anew again and again."""
    BABBLE = "babble"
    FLOOD = "flood"
    """A button's contact sticks."""


FORMS = {
    Trouble.STALL: "stall=3s@10s: how long, and when",
    Trouble.RESET: "reset@5s: when",
    Trouble.LOOP: "loop=200ms@5s+10s: how far apart its starts are, from when, and how long",
    Trouble.BABBLE: "babble@5s+10s: when, and how long",
    Trouble.FLOOD: "flood@5s+3s: when, and how long",
}


@dataclass(frozen=True, slots=True)
class Spell:
    """A trouble's time, counted from the simulation's start; `every_ms` is a loop's."""

    trouble: Trouble
    at_ms: int
    for_ms: int = 0
    every_ms: int = 0

    def holds(self, at_ms: int) -> bool:
        """Tell whether it lasts at this time."""
        return self.at_ms <= at_ms < self.at_ms + self.for_ms


class FlashFaults(NamedTuple):
    """At which change of the flash the power fails, and at which a bit of the second slot turns."""

    brownout: int | None = None
    corrupt: int | None = None


NO_FLASH_FAULTS = FlashFaults()


@dataclass(frozen=True, slots=True)
class PanelFaults:
    """Everything that is to go wrong.

    Of bytes one in so many is changed (`flip`) or lost (`lose`), of writes lost whole (`drop`), in
    both directions. `version` is the protocol's it speaks alone; `has_banner` lets each start print
    what bootloaders print. `flash` is that of a panel which takes updates.
    """

    flip: Fraction = NONE
    lose: Fraction = NONE
    drop: Fraction = NONE
    spells: tuple[Spell, ...] = ()
    version: int = 1
    has_banner: bool = False
    seed: int = 0
    flash: FlashFaults = NO_FLASH_FAULTS


def read_panel_faults(text: str) -> PanelFaults:
    """Read a script from its text or the TOML file it names; OperatorError naming a wrong word."""
    rates: dict[str, Fraction] = {}
    spells = []
    version, has_banner, seed, flash = 1, False, 0, FlashFaults()
    for written in split_words(text, (*RATES, *Trouble, *FlashFaults._fields, "version", "banner")):
        match written.word:
            case "seed":
                seed = read_seed(written)
            case "version":
                version = _version(written)
            case "banner":
                if written.value is not None or written.at is not None:
                    raise written.fault("banner")
                has_banner = True
            case word if word in FlashFaults._fields:
                flash = flash._replace(**{word: _change(written)})
            case word if word in RATES:
                rates[word] = read_rate(written)
            case _:
                spells.append(_spell(written))
    return PanelFaults(
        spells=tuple(spells),
        version=version,
        has_banner=has_banner,
        seed=seed,
        flash=flash,
        **rates,
    )


def _change(written: Written) -> int:
    value = written.value or ""
    if value.isdecimal() and written.at is None and len(value) <= CHANGE_DIGITS:
        return int(value)
    raise written.fault(f"{written.word}=200, the change of the flash at which it happens")


def _version(written: Written) -> int:
    value = written.value or ""
    if value.isdecimal() and written.at is None and 1 <= int(value) <= U8_MAX:
        return int(value)
    raise written.fault("version=2, the one it speaks")


def _spell(written: Written) -> Spell:
    trouble = Trouble(written.word)
    at_ms, value_ms = length_ms(written.at), length_ms(written.value)
    for_ms = length_ms(written.length)
    wants_value = trouble in (Trouble.STALL, Trouble.LOOP)
    may_last = trouble in (Trouble.LOOP, Trouble.BABBLE, Trouble.FLOOD)
    if (
        at_ms is None
        or (value_ms is not None) != wants_value
        or (written.value is not None and value_ms is None)
        or (written.length is not None and (for_ms is None or not may_last))
        or (trouble is Trouble.LOOP and not for_ms)
    ):
        raise written.fault(FORMS[trouble])
    if trouble is Trouble.STALL:
        return Spell(trouble, at_ms, value_ms or 0)
    usual_ms = {Trouble.BABBLE: BABBLE_FOR_MS, Trouble.FLOOD: FLOOD_FOR_MS}.get(trouble, 0)
    return Spell(trouble, at_ms, usual_ms if for_ms is None else for_ms, value_ms or 0)
