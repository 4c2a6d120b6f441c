"""What a simulated meter sends at one instant, whatever it speaks. Pure."""

from dataclasses import dataclass
from typing import Protocol

from firmware_bridge.simulator.oracle import Shown


@dataclass(frozen=True, slots=True)
class Emission:
    """The bytes of one instant, and what they show of each meter, the electricity meter first.

    `is_damaged` says that the bytes do not carry it (none are left, or a fault struck them);
    `doubtful` names the registers whose meter shows what it never measured; `clock_off_ms` is how
    far the meter's own clock is from the time.
    """

    telegram: bytes
    shown: tuple[Shown, ...]
    is_damaged: bool = False
    doubtful: tuple[str, ...] = ()
    clock_off_ms: int = 0


class SimulatedMeter(Protocol):
    """A household's meter behind one protocol."""

    def emit(self, time_ms: int) -> Emission:
        """Return what is sent at an instant, a whole second or more after the one before."""
