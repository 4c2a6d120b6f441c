"""What goes over the air of a simulated ZigBee network: its devices, its frames, and their lines.

Pure. A frame's line is `<ieee> <endpoint> <profile> <cluster> <ZCL frame>`, all in lower-case
hexadecimal: the form the link gives and the codec reads.
"""

import enum
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from firmware_bridge.simulator.emission import Emission
from firmware_bridge.simulator.oracle import Shown

SMART_ENERGY, HOME_AUTOMATION = 0x0109, 0x0104
"""Profiles."""

BASIC, TIME, PRICE, METERING, MESSAGING = 0x0000, 0x000A, 0x0700, 0x0702, 0x0703
PREPAYMENT, DEVICE_MANAGEMENT, ON_OFF, ELECTRICAL_MEASUREMENT = 0x0705, 0x0708, 0x0006, 0x0B04
"""Clusters."""

ENERGY_SERVICE_INTERFACE, METERING_DEVICE, SMART_PLUG = 0x0500, 0x0501, 0x0051
"""Device ids: the first two of Smart Energy, the last of Home Automation."""


class NodeType(enum.IntEnum):
    """The logical type in a node descriptor."""

    COORDINATOR = 0
    ROUTER = 1
    END_DEVICE = 2


@dataclass(frozen=True, slots=True)
class SimulatedEndpoint:
    """What a simple descriptor says of one endpoint."""

    number: int
    profile: int
    device_id: int
    in_clusters: tuple[int, ...]
    """Clusters served here: what may be read, bound and asked."""
    out_clusters: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class SimulatedDevice:
    """One device of the network; `ieee` is 16 hexadecimal digits, the most significant first."""

    ieee: str
    nwk: int
    node_type: NodeType
    manufacturer_code: int
    endpoints: tuple[SimulatedEndpoint, ...]


@dataclass(frozen=True, slots=True)
class AirFrame:
    """A ZCL frame as it is received, and who sent it from where."""

    ieee: str
    endpoint: int
    profile: int
    cluster: int
    zcl: bytes


@dataclass(frozen=True, slots=True)
class Aired:
    """What the devices report by themselves at one instant, and what it shows of each meter.

    `kept` is what the meters showed on each half hour since the instant before, and will tell of.
    """

    frames: tuple[AirFrame, ...]
    shown: tuple[Shown, ...]
    kept: tuple[Shown, ...] = ()


@runtime_checkable
class SimulatedNetwork(Protocol):
    """Simulated devices behind a radio, whichever they are."""

    @property
    def devices(self) -> tuple[SimulatedDevice, ...]:
        """The devices; they do not change."""

    def report(self, time_ms: int) -> Aired:
        """Go on to an instant later than the one before, and return what is reported then."""

    def answer(
        self, ieee: str, endpoint: int, profile: int, cluster: int, request: bytes
    ) -> bytes | None:
        """Return the ZCL frame that answers one, as of the last report; None where none does.

        None also for an endpoint there is not, or one of another profile.
        """

    def emit(self, time_ms: int) -> Emission:
        """As `report`, in lines, with the description before them now and then as a link has it."""


def line_of(frame: AirFrame) -> bytes:
    """Return a frame's line, its line feed included."""
    text = f"{frame.ieee} {frame.endpoint:02x} {frame.profile:04x} {frame.cluster:04x}"
    return f"{text} {frame.zcl.hex()}\n".encode("ascii")
