"""What befalls the bytes on their way: changed, lost, cut, repeated, glued. Pure, by seed.

Stands between a meter and a sink as a meter of its own: what it emits is what leaves, and whether
that still carries what was displayed. What needs the world (waiting, hanging up) it notes in a
`Delivery`, which `faulty_sink.py` carries out.
"""

import dataclasses
import math
import random
from collections import deque
from dataclasses import dataclass
from fractions import Fraction

from firmware_bridge.simulator.emission import Emission, SimulatedMeter
from firmware_bridge.simulator.faults import Event, Faults, RadioFault, Rate
from firmware_bridge.simulator.meters import SimulatedProtocol
from shared.units import MS_PER_SECOND

REMEMBERED = 64
"""So many telegrams a repeated one is chosen from: ten minutes of the history."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """How a telegram leaves: after a silence, after the cable was out, byte by byte.

    `strikes` befall the radio before it, in this order.
    """

    stall_s: float = 0.0
    unplug_s: float = 0.0
    is_trickled: bool = False
    strikes: tuple[RadioFault, ...] = ()


AT_ONCE = Delivery()


class FaultyLine:
    """A meter as heard over a poor cable."""

    def __init__(
        self,
        meter: SimulatedMeter,
        faults: Faults,
        start_ms: int,
        protocol: SimulatedProtocol,
        deliveries: deque[Delivery],
    ) -> None:
        """Take what of `faults` befalls the line; `deliveries` gets one entry for each telegram."""
        self._deliveries = deliveries
        self._meter = meter
        self._start_ms = start_ms
        self._span = protocol.checked_span or _everything
        self._line_end = protocol.line_end
        self._draw = random.Random(f"{faults.seed}/line")  # noqa: S311 (a simulation, no secret)
        self._rates = {rate: faults.rates.get(rate, Fraction(0)) for rate in Rate}
        self._flips = _Strikes(self._draw, self._rates[Rate.FLIP])
        self._losses = _Strikes(self._draw, self._rates[Rate.LOSE])
        due = (*faults.on_line(), *faults.in_air())
        self._waiting = sorted(due, key=lambda one: one.at_ms)
        self._out_until_ms = self._away_until_ms = start_ms
        self._is_away = False
        self._sent: deque[bytes] = deque(maxlen=REMEMBERED)

    def emit(self, time_ms: int) -> Emission:
        """Return what leaves at an instant; nothing while the cable or the devices are out."""
        emission = self._meter.emit(time_ms)
        delivery = self._begin(time_ms)
        if self._is_away or time_ms < self._out_until_ms:
            self._deliveries.append(delivery)
            return dataclasses.replace(emission, telegram=b"", is_damaged=True)
        content, is_damaged = self._strike(emission.telegram)
        if not is_damaged:
            earlier = self._sent[self._draw.randrange(len(self._sent))] if self._sent else b""
            self._sent.append(emission.telegram)
            if self._happens(Rate.REPLAY):
                content = earlier + content
        if self._happens(Rate.TRICKLE):
            delivery = dataclasses.replace(delivery, is_trickled=True)
        self._deliveries.append(delivery)
        return dataclasses.replace(emission, telegram=content, is_damaged=is_damaged)

    def _begin(self, time_ms: int) -> Delivery:
        """Begin what is due: a silence, the cable pulled out for a while, a radio's fault."""
        delivery = AT_ONCE
        strikes: list[RadioFault] = []
        while self._waiting and self._start_ms + self._waiting[0].at_ms <= time_ms:
            due = self._waiting.pop(0)
            seconds = due.for_ms / MS_PER_SECOND
            if due.event is Event.UNPLUG:
                self._out_until_ms = time_ms + due.for_ms
                delivery = dataclasses.replace(delivery, unplug_s=seconds)
            elif due.event is Event.STALL:
                delivery = dataclasses.replace(delivery, stall_s=seconds)
            else:
                strikes.append(RadioFault(due.event.value))
                if due.event is Event.LEAVE:
                    self._is_away = True
                    self._away_until_ms = max(self._away_until_ms, time_ms + due.for_ms)
        if self._is_away and time_ms >= self._away_until_ms:
            self._is_away = False
            strikes.append(RadioFault.REJOIN)
        return dataclasses.replace(delivery, strikes=tuple(strikes)) if strikes else delivery

    def _strike(self, telegram: bytes) -> tuple[bytes, bool]:
        """Return what is left of a telegram, and whether it was hurt."""
        first, end = self._span(telegram)
        changed = bytearray(telegram)
        for place in self._flips.within(len(telegram)):
            changed[first + place % (end - first)] ^= self._draw.randrange(1, 256)
        lost = {first + place % (end - first) for place in self._losses.within(len(telegram))}
        for place in sorted(lost, reverse=True):
            del changed[place]
        content = bytes(changed)
        if self._happens(Rate.CUT):
            content = content[: self._draw.randrange(first, end - len(lost))]
        if self._happens(Rate.DROP):
            content = b""
        if content == telegram and self._happens(Rate.GLUE):
            return telegram.removesuffix(self._line_end), False
        return content, content != telegram

    def _happens(self, rate: Rate) -> bool:
        chance = self._rates[rate]
        return bool(chance) and self._draw.randrange(chance.denominator) < chance.numerator


class _Strikes:
    """Where faults of so many a byte strike, byte after byte of the stream."""

    def __init__(self, draw: random.Random, rate: Fraction) -> None:
        self._draw = draw
        self._scale = -1 / math.log1p(-float(rate)) if 0 < rate < 1 else 0.0
        self._is_on = rate > 0
        self._left = self._gap()

    def within(self, count: int) -> list[int]:
        """Return the struck places among the next `count` bytes."""
        found = []
        while self._is_on and self._left < count:
            found.append(self._left)
            self._left += 1 + self._gap()
        self._left -= count
        return found

    def _gap(self) -> int:
        """Draw how many bytes pass unhurt: geometrically distributed."""
        return int(-math.log(1.0 - self._draw.random()) * self._scale)


def _everything(telegram: bytes) -> tuple[int, int]:
    return 0, len(telegram)
