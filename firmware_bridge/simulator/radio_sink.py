"""The port of a sink whose devices can be asked, so that meter and sink must know each other."""

from typing import Protocol, runtime_checkable

from firmware_bridge.simulator.faults import RadioFault
from firmware_bridge.simulator.meters import Build


@runtime_checkable
class RadioSink(Protocol):
    """A sink that answers for its devices while it sends, and works while the player waits."""

    @property
    def batch(self) -> int:
        """How many telegrams may be made before they are sent."""

    def fitted(self, build: Build) -> Build:
        """Return what builds the meter and puts its devices behind this sink."""

    def wait(self, seconds: float) -> None:
        """Work for so long."""

    def strike(self, fault: RadioFault) -> None:
        """Let a fault befall the radio, once its host has what was sent."""

    def lose(self, permille: int) -> None:
        """Lose so many of a thousand frames once devices report; all of them are sent again."""
