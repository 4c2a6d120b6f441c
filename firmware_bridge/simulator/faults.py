"""What a script of faults asks for: how often, when, how long and what. Pure.

`fault_spec.py` reads it from a text; `faulty_meter.py`, `faulty_line.py` and `faulty_sink.py` do
it.
"""

import enum
from dataclasses import dataclass, field
from fractions import Fraction

FOR_EVER_MS = 2**62
"""A fault without an end."""

ONCE_MS = 0
"""A fault of a single telegram, the first at its time or after."""


class Rate(enum.StrEnum):
    """A fault that strikes at random, at a rate for each byte or each telegram."""

    FLIP = "flip"
    LOSE = "lose"
    DROP = "drop"
    CUT = "cut"
    REPLAY = "replay"
    GLUE = "glue"
    TRICKLE = "trickle"
    AIR = "air"


class Event(enum.StrEnum):
    """A fault that comes at a time."""

    STALL = "stall"
    UNPLUG = "unplug"
    SWAP = "swap"
    WRAP = "wrap"
    STUCK = "stuck"
    GLITCH = "glitch"
    ZERO = "zero"
    INVALID = "invalid"
    CLOCK = "clock"
    RESET_CLOCK = "clock=1970"
    DRIFT = "drift"
    LOST = "lost"
    RESET = "reset"
    ERROR = "error"
    LEAVE = "leave"


class RadioFault(enum.StrEnum):
    """What strikes a simulated stick or the devices behind it, at once."""

    RESET = "reset"
    ERROR = "error"
    LEAVE = "leave"
    REJOIN = "rejoin"


LINE_EVENTS = frozenset({Event.STALL, Event.UNPLUG})
RADIO_EVENTS = frozenset({Event.RESET, Event.ERROR, Event.LEAVE})
CHANGING = frozenset({Rate.FLIP, Rate.LOSE, Rate.CUT})
CLOCK_EVENTS = frozenset({Event.CLOCK, Event.RESET_CLOCK, Event.DRIFT})


@dataclass(frozen=True, slots=True)
class Happening:
    """One fault at its time: milliseconds since the simulation's start, and for how long.

    `what` is the quantity or medium it concerns; `amount_ms` how far a clock is off, how much it
    gains a day, or how long a line is silent.
    """

    event: Event
    at_ms: int = 0
    for_ms: int = FOR_EVER_MS
    what: str = ""
    amount_ms: int = 0

    def is_on(self, elapsed_ms: int) -> bool:
        """Tell whether it holds so long after the start; one of a single telegram never lasts."""
        return self.at_ms <= elapsed_ms < self.at_ms + self.for_ms


@dataclass(frozen=True, slots=True)
class Faults:
    """A script: rates by fault, what happens when, and the seed of chance."""

    rates: dict[Rate, Fraction] = field(default_factory=dict)
    happenings: tuple[Happening, ...] = ()
    seed: int = 0

    def on_line(self) -> tuple[Happening, ...]:
        """What befalls the cable."""
        return tuple(one for one in self.happenings if one.event in LINE_EVENTS)

    def on_meter(self) -> tuple[Happening, ...]:
        """What befalls the meter."""
        elsewhere = LINE_EVENTS | RADIO_EVENTS
        return tuple(one for one in self.happenings if one.event not in elsewhere)

    def in_air(self) -> tuple[Happening, ...]:
        """What befalls the radio."""
        return tuple(one for one in self.happenings if one.event in RADIO_EVENTS)

    def of_radio(self) -> list[str]:
        """Name the faults that only a radio can have, sorted."""
        words = {one.event.value for one in self.in_air()}
        return sorted(words | {Rate.AIR.value for rate in self.rates if rate is Rate.AIR})

    def unprovable(self, *, is_checked: bool) -> list[str]:
        """Name the faults after which an oracle cannot say what a hub must hold, sorted.

        A byte changed where there is no checksum may be read as another value, and a telegram cut
        short may have said enough; a clock that is wrong leaves the time to the hub's own.
        """
        words = {"clock" for one in self.happenings if one.event in CLOCK_EVENTS}
        if not is_checked:
            words |= {rate.value for rate in self.rates if rate in CHANGING}
        return sorted(words)
