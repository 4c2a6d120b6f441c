"""What a simulated meter sends at one instant, whatever it speaks. Pure."""

from dataclasses import dataclass
from typing import Protocol

from firmware_bridge.simulator.oracle import Shown


@dataclass(frozen=True, slots=True)
class Emission:
    """The bytes of one instant, and what they show of each meter, the electricity meter first."""

    telegram: bytes
    shown: tuple[Shown, ...]


class SimulatedMeter(Protocol):
    """A household's meter behind one protocol."""

    def emit(self, time_ms: int) -> Emission:
        """Return what is sent at an instant, a whole second or more after the one before."""
