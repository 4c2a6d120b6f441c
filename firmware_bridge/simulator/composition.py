"""Puts a simulation together: the meter of a protocol, what it shows, its keys, its faults."""

import dataclasses
import time
from collections import deque
from dataclasses import dataclass
from fractions import Fraction

from firmware_bridge.simulator.dlms_meter import MeterKeys
from firmware_bridge.simulator.emission import SimulatedMeter
from firmware_bridge.simulator.faults import Event, Faults, Rate
from firmware_bridge.simulator.faulty_line import Delivery, FaultyLine
from firmware_bridge.simulator.faulty_meter import FaultyMeter
from firmware_bridge.simulator.faulty_sink import FaultySink
from firmware_bridge.simulator.meters import Build, Fitting, SimulatedProtocol
from firmware_bridge.simulator.radio_sink import RadioSink
from firmware_bridge.simulator.sinks import Sink
from shared.errors import OperatorError
from shared.readings import Medium

SOLAR = "solar"
PERMILLE = 1_000


@dataclass(frozen=True, slots=True)
class Shows:
    """Which of the household's meters are shown: by medium, or the roof's own alone."""

    media: frozenset[Medium]
    is_solar: bool = False


def read_shows(text: str | None, name: str, protocol: SimulatedProtocol) -> Shows:
    """Read `electricity,gas` or `solar`; None is everything that the protocol has but solar.

    Raises OperatorError where the protocol cannot show that.
    """
    if text is None:
        return Shows(protocol.shows)
    words = {word.strip() for word in text.split(",")}
    if words == {SOLAR}:
        if protocol.build_solar is None:
            raise OperatorError(f"{name} has no solar meter", hint="use --protocol p1 for it")
        return Shows(frozenset(), is_solar=True)
    if SOLAR in words:
        raise OperatorError(
            "the solar meter has a port of its own",
            hint="simulate it apart, with --shows solar and the same --seed",
        )
    known = {medium.value for medium in protocol.shows}
    least = {medium.value for medium in protocol.always_shows}
    if not words <= known or not least <= words:
        forms = sorted({",".join(sorted(least)) or "gas", ",".join(sorted(known))})
        raise OperatorError(
            f"{name} cannot show {text!r}", hint=f"use --shows {' or '.join(forms)}"
        )
    return Shows(frozenset(Medium(word) for word in words))


class Composition:
    """What a player needs: how to build the meter, and the sink it sends to."""

    def __init__(
        self,
        protocol: SimulatedProtocol,
        shows: Shows,
        keys: MeterKeys,
        faults: Faults | None,
        *,
        has_pin: bool = True,
        is_prepaid: bool = False,
    ) -> None:
        """Take what is simulated; raise OperatorError where a fault cannot befall it."""
        happenings = () if faults is None else faults.happenings
        if not protocol.can_be_exchanged and any(one.event is Event.SWAP for one in happenings):
            raise OperatorError(
                f"a {protocol.hub_protocol} meter cannot be exchanged by a script",
                hint="leave out swap: a new one would have to join the network first",
            )
        self._protocol = protocol
        self._shows = shows
        self._keys = keys
        self._faults = faults
        self._has_pin = has_pin
        self._is_prepaid = is_prepaid
        self._deliveries: deque[Delivery] = deque()

    def build(self, fitting: Fitting) -> SimulatedMeter:
        """Build the meter with what it shows, its keys, how it is paid for, and its faults."""
        fitting = dataclasses.replace(
            fitting,
            shows=self._shows.media,
            keys=self._keys,
            has_pin=self._has_pin,
            is_prepaid=self._is_prepaid,
        )
        build = self._build()
        if self._faults is None:
            return build(fitting)
        meter = FaultyMeter(fitting, build, self._protocol, self._faults)
        return FaultyLine(meter, self._faults, fitting.start_ms, self._protocol, self._deliveries)

    def around(self, sink: Sink) -> Sink:
        """Return the sink with the faults that a script asks of it.

        Raises OperatorError where a fault is a radio's and this is none.
        """
        if self._faults is None:
            return sink
        if isinstance(sink, RadioSink):
            sink.lose(round(self._faults.rates.get(Rate.AIR, Fraction(0)) * PERMILLE))
        elif words := self._faults.of_radio():
            raise OperatorError(
                f"{', '.join(words)}: only a radio can have such faults",
                hint="use --protocol zigbee and --link pty:PATH, or leave them out",
            )
        # A stick works while it waits: its host would give up on one that stands still.
        sleep = sink.wait if isinstance(sink, RadioSink) else time.sleep
        return FaultySink(sink, self._deliveries, sleep)

    def _build(self) -> Build:
        solar = self._protocol.build_solar
        return solar if self._shows.is_solar and solar is not None else self._protocol.build
