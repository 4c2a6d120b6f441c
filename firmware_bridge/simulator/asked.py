"""Meters that speak only when asked: each answer is what they show now, and is written down.

Real time alone: what a meter showed yesterday cannot be asked. Owns the instants, and which of the
answers have left; the dialogues are `iec62056_port.py`'s and `mbus_port.py`'s.
"""

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from firmware_bridge.simulator.asked_port import AskedPort
from firmware_bridge.simulator.emission import Emission
from firmware_bridge.simulator.iec62056_meter import IDENTIFICATION, Iec62056Meter
from firmware_bridge.simulator.iec62056_port import OpticalPort
from firmware_bridge.simulator.mbus_meter import (
    GAS_ADDRESS,
    GAS_MEDIUM,
    HEAT_ADDRESS,
    HEAT_MEDIUM,
    WATER_ADDRESS,
    WATER_MEDIUM,
    MbusMeter,
    Reply,
    header_bytes,
)
from firmware_bridge.simulator.mbus_port import BusPort, Slave
from firmware_bridge.simulator.meters import Fitting
from firmware_bridge.simulator.play import PROGRESS_S, OracleFile, Progress, Report
from firmware_bridge.simulator.sinks import Stopping
from shared.clock import Clock
from shared.units import MS_PER_SECOND

SECONDARY_BYTES = 8
"""Number, maker, version and medium at the front of an M-Bus header."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a meter answers at one instant, in one piece or more, and what that shows."""

    pieces: tuple[bytes, ...]
    emission: Emission


Ask = Callable[[int], Answer]
"""Asks a meter at an instant, a whole second or more after the one before."""


class Readouts:
    """Asks meters at the instants of a clock, and records what has left whole."""

    def __init__(self, clock: Clock, oracle: OracleFile) -> None:
        self._clock = clock
        self._oracle = oracle
        self._last: dict[str, tuple[int, Answer]] = {}
        self._open: dict[str, Answer] = {}
        self.answered = 0
        self.last_ms = 0

    def read(self, meter: str, ask: Ask) -> tuple[bytes, ...]:
        """Return what a meter answers now; the same again within a second."""
        now_ms = self._clock.utc_ms() // MS_PER_SECOND * MS_PER_SECOND
        time_ms, answer = self._last.get(meter, (-1, None))
        if answer is None or now_ms > time_ms:
            self._give_up(meter)
            answer = self._open[meter] = ask(now_ms)
            self._last[meter] = now_ms, answer
        return answer.pieces

    def note(self, content: bytes) -> None:
        """Take note of what has left: an answer is whole with its last piece."""
        for meter, answer in list(self._open.items()):
            if answer.pieces[-1] == content:
                del self._open[meter]
                self._oracle.push(answer.emission)
                self.answered += 1
                self.last_ms = answer.emission.shown[0].taken_at_ms

    def flush(self) -> None:
        """Hand what is decided to the operating system."""
        self._oracle.flush()

    def finish(self) -> None:
        """Write the last lines: nothing more will leave."""
        for meter in list(self._open):
            self._give_up(meter)
        self._oracle.finish()

    def _give_up(self, meter: str) -> None:
        """Record an answer of which not all has left: a hub may have it, and need not."""
        answer = self._open.pop(meter, None)
        if answer is not None:
            self._oracle.push(dataclasses.replace(answer.emission, is_damaged=True))


def _optical(path: Path, fitting: Fitting, readouts: Readouts) -> AskedPort:
    meter = Iec62056Meter(fitting.seed, fitting.start_ms, checked=True, household=fitting.household)

    def ask(time_ms: int) -> Answer:
        emission = meter.emit(time_ms)
        return Answer((emission.telegram.removeprefix(IDENTIFICATION),), emission)

    return OpticalPort(path, lambda: readouts.read(meter.electricity_id, ask)[0])


def _bus(path: Path, fitting: Fitting, readouts: Readouts) -> AskedPort:
    home = MbusMeter(fitting.seed, fitting.start_ms, household=fitting.household)

    def slave(address: int, meter: str, medium: int, read: Callable[[int], Reply]) -> Slave:
        def ask(time_ms: int) -> Answer:
            reply = read(time_ms)
            return Answer(reply.frames, Emission(b"".join(reply.frames), (reply.shown,)))

        def answer() -> Sequence[bytes]:
            return readouts.read(meter, ask)

        return Slave(address, header_bytes(meter, medium)[:SECONDARY_BYTES], answer)

    slaves = (
        slave(GAS_ADDRESS, home.gas_id, GAS_MEDIUM, home.read_gas),
        slave(WATER_ADDRESS, home.water_id, WATER_MEDIUM, home.read_water),
        slave(HEAT_ADDRESS, home.heat_id, HEAT_MEDIUM, home.read_heat),
    )
    return BusPort(path, slaves)


ASKED: dict[str, Callable[[Path, Fitting, Readouts], AskedPort]] = {
    "iec62056": _optical,
    "mbus": _bus,
}
"""By the name that `hearthlink simulate --protocol` knows it by."""


def play_asked(
    port: AskedPort, readouts: Readouts, *, clock: Clock, stopping: Stopping, report: Report
) -> int:
    """Answer until told to stop; return how many answers left whole."""
    told_ms = clock.monotonic_ms()

    def is_over() -> bool:
        nonlocal told_ms
        now_ms = clock.monotonic_ms()
        if now_ms - told_ms >= PROGRESS_S * MS_PER_SECOND:
            told_ms = now_ms
            readouts.flush()
            report(Progress("live", readouts.answered, 0, readouts.last_ms))
        return stopping()

    port.on_answered = readouts.note
    port.serve(is_over)
    readouts.finish()
    return readouts.answered
