"""A simulated meter with faults of its own, whatever it speaks; the exchange of one for another.

Pure. Owns the meter's place in the household; what is displayed falsely is `faulty_household.py`'s.
"""

import dataclasses

import msgspec

from firmware_bridge.simulator.emission import Emission, SimulatedMeter
from firmware_bridge.simulator.faults import Event, Faults
from firmware_bridge.simulator.faulty_household import FaultyHousehold
from firmware_bridge.simulator.meters import Build, Fitting, SimulatedProtocol
from firmware_bridge.simulator.oracle import Shown
from shared.readings import COUNTERS, Medium

SERIAL_STEP = 4_999
"""How far a new meter's serial is from the one before: never next to it."""


class FaultyMeter:
    """A meter that goes through a script of faults and may be exchanged for another."""

    def __init__(
        self, fitting: Fitting, build: Build, protocol: SimulatedProtocol, faults: Faults
    ) -> None:
        self._household = FaultyHousehold(
            fitting.seed,
            fitting.start_ms,
            faults.on_meter(),
            modulus_wh=protocol.modulus_wh,
            invalid_wh=protocol.invalid_wh,
        )
        self._fitting = dataclasses.replace(fitting, household=self._household)
        self._build = build
        self._swaps_ms = sorted(
            fitting.start_ms + one.at_ms for one in faults.on_meter() if one.event is Event.SWAP
        )
        self._meter: SimulatedMeter = build(self._fitting)

    def emit(self, time_ms: int) -> Emission:
        """Return what is sent at an instant, by the meter that hangs there then."""
        while self._swaps_ms and self._swaps_ms[0] <= time_ms:
            del self._swaps_ms[0]
            self._exchange()
        emission = self._meter.emit(time_ms)
        off_ms = self._household.clock_off_ms
        return dataclasses.replace(
            emission,
            shown=tuple(_at_true_time(one, off_ms) for one in emission.shown),
            doubtful=_registers_of(emission, self._household.doubtful),
            clock_off_ms=off_ms,
        )

    def _exchange(self) -> None:
        self._household.exchange()
        self._fitting = dataclasses.replace(self._fitting, seed=self._fitting.seed + SERIAL_STEP)
        self._meter = self._build(self._fitting)


def _at_true_time(shown: Shown, off_ms: int) -> Shown:
    """Give a sub-meter's capture its true time: a meter whose clock is wrong stamps it wrongly."""
    if shown.medium is Medium.ELECTRICITY or not off_ms:
        return shown
    return msgspec.structs.replace(shown, taken_at_ms=shown.taken_at_ms - off_ms)


def _registers_of(emission: Emission, quantities: frozenset[str]) -> tuple[str, ...]:
    return tuple(
        sorted(
            name
            for shown in emission.shown
            for name in shown.registers
            if name in COUNTERS and name.partition("_")[0] in quantities
        )
    )
