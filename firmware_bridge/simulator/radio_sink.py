"""The port of a sink whose devices can be asked, so that meter and sink must know each other."""

from typing import Protocol, runtime_checkable

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
