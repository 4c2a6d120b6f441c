"""The simulated meter and the oracle's record: what it displayed, and what it truly counted."""

from dataclasses import dataclass
from random import Random
from typing import NamedTuple

from firmware_bridge.meters.codec import Telegram
from shared.readings import Medium, Sample

MODULUS_MWH = 10**5 * 1_000_000
"""A display of five digits of kWh."""

LEAST_FALL_MWH = 900_000_000
MWH_PER_WATT_MS = 3_600
GAS_METER = "G1"


class Shown(NamedTuple):
    """What one meter displayed, when it truly was so, and what it had truly counted by then.

    `era` rises where the register was set back: nothing is to be differenced across.
    """

    meter: str
    at_ms: int
    clock_ms: int | None
    registers: dict[str, int]
    counted: int
    era: int


@dataclass
class MeterPlan:
    """How a meter is: where it starts, and how wrong its clock is (None: it has none)."""

    start_mwh: int
    clock_off_ms: int | None
    has_gas: bool


class SimulatedMeter:
    """An electricity meter that may be swapped, wrap, or be set back, with a gas meter behind."""

    def __init__(self, plan: MeterPlan, draw: Random, at_ms: int) -> None:
        self._draw = draw
        self._has_gas = plan.has_gas
        self._clock_off_ms = plan.clock_off_ms
        self._serial = 1
        self._era = 0
        self._counted = plan.start_mwh
        self._shift = 0
        self._gas_l, self._capture_ms = 5_000_000, 0
        self._counted_at_ms = at_ms
        self._number = 0
        self.shown: list[Shown] = []
        self.gas_shown: dict[int, Shown] = {}

    @property
    def meter(self) -> str:
        """The serial it has now."""
        return f"E{self._serial}"

    def swap(self) -> None:
        """Put another meter in its place."""
        self._serial += 1
        self._era += 1
        self._shift, self._counted = 0, self._draw.randint(0, 9) * 1_000_000

    def fall(self) -> None:
        """Set the register far back, as a firmware fault does: too far to look like a wrap."""
        shown = self._counted + self._shift
        if MODULUS_MWH - shown % MODULUS_MWH < LEAST_FALL_MWH:
            return
        for target in (20_000_000_000, 3_000_000):
            if shown % MODULUS_MWH > 2 * target + LEAST_FALL_MWH:
                self._era += 1
                self._shift = target - self._counted
                return

    def step_clock(self, ms: int) -> None:
        """Set the meter's own clock on or back."""
        if self._clock_off_ms is not None:
            self._clock_off_ms += ms

    def count_until(self, at_ms: int) -> None:
        """Count what is used until then."""
        watts = self._draw.choice((60, 250, 400, 3_000, 9_000))
        self._counted += watts * (at_ms - self._counted_at_ms) // MWH_PER_WATT_MS
        self._counted_at_ms = at_ms

    def telegram(self, at_ms: int) -> Telegram:
        """Display what is counted by now, in whole Wh; the power numbers the telegrams."""
        self.count_until(at_ms)
        self._number += 1
        counted = (self._counted + self._shift) // 1_000 * 1_000
        registers = {"import_mwh": counted % MODULUS_MWH, "power_import_w": self._number}
        clock_ms = None
        if self._clock_off_ms is not None:
            clock_ms = (at_ms + self._clock_off_ms) // 1_000 * 1_000
        self.shown.append(Shown(self.meter, at_ms, clock_ms, registers, counted, self._era))
        samples = [Sample(self.meter, Medium.ELECTRICITY, clock_ms, registers)]
        if self._has_gas and clock_ms is not None:
            capture_ms = clock_ms // 300_000 * 300_000
            if capture_ms != self._capture_ms:
                self._capture_ms, self._gas_l = capture_ms, self._gas_l + 10
                captured_ms = at_ms - (clock_ms - capture_ms)
                self.gas_shown[self._gas_l] = Shown(
                    GAS_METER, captured_ms, capture_ms, {"gas_l": self._gas_l}, self._gas_l, 0
                )
            samples.append(Sample(GAS_METER, Medium.GAS, capture_ms, {"gas_l": self._gas_l}))
        return Telegram(tuple(samples))
