"""Carries out what a script of faults asks of the world: silences, hang-ups, byte after byte.

A sink around another; what happens to the bytes themselves was decided in `faulty_line.py`.
"""

import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

from firmware_bridge.simulator.faulty_line import AT_ONCE, Delivery
from firmware_bridge.simulator.radio_sink import RadioSink
from firmware_bridge.simulator.sinks import WAIT_S, Sink, Stopping


@runtime_checkable
class Plug(Protocol):
    """A sink whose cable can be pulled out and put back."""

    def unplug(self) -> None:
        """Hang up on the reader, once it has taken what was sent."""

    def plug(self) -> None:
        """Be there again, at the same address."""


class FaultySink:
    """Sends each telegram as its delivery says; `deliveries` has one for each, in order."""

    def __init__(
        self,
        sink: Sink,
        deliveries: deque[Delivery],
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._sink = sink
        self._deliveries = deliveries
        self._sleep = sleep

    def send(self, telegrams: Sequence[bytes], stopping: Stopping) -> int:
        """Send telegrams; return how many left whole, fewer only when stopping."""
        ordinary: list[bytes] = []
        sent = 0
        for telegram in telegrams:
            delivery = self._deliveries.popleft()
            if delivery == AT_ONCE:
                ordinary.append(telegram)
                continue
            taken = self._send_all(ordinary, stopping)
            sent += taken
            if taken < len(ordinary) or not self._deliver(telegram, delivery, stopping):
                return sent
            ordinary.clear()
            sent += 1
        return sent + self._send_all(ordinary, stopping)

    def close(self) -> None:
        """Close the sink within."""
        self._sink.close()

    def _send_all(self, telegrams: Sequence[bytes], stopping: Stopping) -> int:
        return self._sink.send(telegrams, stopping) if telegrams else 0

    def _deliver(self, telegram: bytes, delivery: Delivery, stopping: Stopping) -> bool:
        """Deliver one telegram; tell whether it left whole."""
        if isinstance(self._sink, RadioSink):
            for strike in delivery.strikes:
                self._sink.strike(strike)
        if delivery.unplug_s:
            self._hang_up(delivery.unplug_s, stopping)
        self._wait(delivery.stall_s, stopping)
        pieces = [telegram]
        if delivery.is_trickled:
            pieces = [telegram[place : place + 1] for place in range(len(telegram))]
        return all(self._sink.send([piece], stopping) for piece in pieces)

    def _hang_up(self, seconds: float, stopping: Stopping) -> None:
        if not isinstance(self._sink, Plug):
            # A file or a broker has no cable: what was said meanwhile is lost all the same.
            return
        self._sink.unplug()
        self._wait(seconds, stopping)
        self._sink.plug()

    def _wait(self, seconds: float, stopping: Stopping) -> None:
        left_s = seconds
        while left_s > 0 and not stopping():
            self._sleep(min(WAIT_S, left_s))
            left_s -= WAIT_S
