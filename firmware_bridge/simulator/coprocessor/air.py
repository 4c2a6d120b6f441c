"""What is on the air behind a simulated stick: its devices' network addresses and their answers.

Pure. Owns ZDO, the part of ZigBee every device answers alike; what a device measures is its own.
Source: ZigBee specification 05-3474-22, section 2.4 (device profile).
"""

from dataclasses import dataclass, field

from firmware_bridge.simulator.zigbee_air import NodeType, SimulatedDevice, SimulatedNetwork

ZDO_PROFILE = 0x0000
NETWORK_ADDRESS, IEEE_ADDRESS, NODE_DESCRIPTOR = 0x0000, 0x0001, 0x0002
SIMPLE_DESCRIPTOR, ACTIVE_ENDPOINTS, DEVICE_ANNOUNCE = 0x0004, 0x0005, 0x0013
BIND, UNBIND, LEAVE = 0x0021, 0x0022, 0x0034
ANSWER = 0x8000
SUCCESS, NOT_SUPPORTED, NOT_ACTIVE = 0x00, 0x84, 0x83

CONFIGURE_REPORTING, GENERAL = 0x06, 0x00
ON_MAINS, ASLEEP = 0x8E, 0x80
"""Capabilities: a router on the mains that always listens; one that only has a short address."""

MAX_BUFFER_BYTES, MAX_TRANSFER_BYTES = 82, 128


@dataclass(frozen=True, slots=True)
class Packet:
    """A frame between the stick and one device, by the device's network address."""

    nwk: int
    profile: int
    cluster: int
    device_endpoint: int
    host_endpoint: int
    content: bytes


@dataclass(slots=True)
class Presence:
    """One device as the network knows it."""

    device: SimulatedDevice
    is_joined: bool = True
    is_known: bool = False
    """Whether the host has spoken to it since the stick was last reset."""
    reporting: set[tuple[int, int]] = field(default_factory=set)
    """Endpoints and clusters the host has had report since then."""


class Air:
    """The devices of a simulated network, as a stick reaches them."""

    def __init__(self, network: SimulatedNetwork | None) -> None:
        self._network = network
        devices = () if network is None else network.devices
        self.devices = {device.ieee: Presence(device) for device in devices}

    def forget_host(self) -> None:
        """Begin a session: the host must find its devices anew."""
        for presence in self.devices.values():
            presence.is_known = False
            presence.reporting.clear()

    def by_address(self, nwk: int) -> Presence | None:
        """Return the device with a network address, if it is on the network."""
        for presence in self.devices.values():
            if presence.device.nwk == nwk and presence.is_joined:
                return presence
        return None

    def answer(self, asked: Packet) -> Packet | None:
        """Return what a device answers; None where it says nothing or is not there."""
        presence = self.by_address(asked.nwk)
        if presence is None or self._network is None:
            return None
        presence.is_known = True
        if asked.device_endpoint == 0:
            content = self._zdo(presence, asked)
            return _packet(asked, asked.cluster | ANSWER, content)
        told = self._network.answer(
            presence.device.ieee,
            asked.device_endpoint,
            asked.profile,
            asked.cluster,
            asked.content,
        )
        if told is None:
            return None
        if _is_configuring(asked.content):
            presence.reporting.add((asked.device_endpoint, asked.cluster))
        return _packet(asked, asked.cluster, told)

    def announcement(self, ieee: str) -> Packet:
        """Return what a device broadcasts when it has joined, and set it on the network."""
        presence = self.devices[ieee]
        presence.is_joined = True
        device = presence.device
        address = device.nwk.to_bytes(2, "little") + bytes.fromhex(ieee)[::-1]
        content = b"\x00" + address + bytes([_capabilities(device)])
        return Packet(device.nwk, ZDO_PROFILE, DEVICE_ANNOUNCE, 0, 0, content)

    def _zdo(self, presence: Presence, asked: Packet) -> bytes:
        device = presence.device
        nwk = device.nwk.to_bytes(2, "little")
        good = bytes([SUCCESS])
        told = bytes([NOT_SUPPORTED])
        if asked.cluster == NODE_DESCRIPTOR:
            told = good + nwk + _node_descriptor(device)
        elif asked.cluster == ACTIVE_ENDPOINTS:
            numbers = bytes(endpoint.number for endpoint in device.endpoints)
            told = good + nwk + bytes([len(numbers)]) + numbers
        elif asked.cluster == SIMPLE_DESCRIPTOR:
            told = self._simple_descriptor(device, asked.content[3:4], nwk)
        elif asked.cluster in (NETWORK_ADDRESS, IEEE_ADDRESS):
            told = good + bytes.fromhex(device.ieee)[::-1] + nwk
        elif asked.cluster in (BIND, UNBIND):
            told = good
        elif asked.cluster == LEAVE:
            presence.is_joined = False
            told = good
        return asked.content[:1] + told

    def _simple_descriptor(self, device: SimulatedDevice, number: bytes, nwk: bytes) -> bytes:
        for endpoint in device.endpoints:
            if bytes([endpoint.number]) == number:
                body = bytes([endpoint.number]) + _words(endpoint.profile, endpoint.device_id)
                body += b"\x00"
                for clusters in (endpoint.in_clusters, endpoint.out_clusters):
                    body += bytes([len(clusters)]) + _words(*clusters)
                return bytes([SUCCESS]) + nwk + bytes([len(body)]) + body
        return bytes([NOT_ACTIVE]) + nwk + b"\x00"


def _packet(asked: Packet, cluster: int, content: bytes) -> Packet:
    return Packet(
        asked.nwk,
        asked.profile,
        cluster,
        asked.device_endpoint,
        asked.host_endpoint,
        content,
    )


def _is_configuring(frame: bytes) -> bool:
    return len(frame) > 2 and frame[0] & 0x03 == GENERAL and frame[2] == CONFIGURE_REPORTING  # noqa: PLR2004


def _node_descriptor(device: SimulatedDevice) -> bytes:
    return (
        bytes([int(device.node_type), 0x40, _capabilities(device)])
        + _words(device.manufacturer_code)
        + bytes([MAX_BUFFER_BYTES])
        + _words(MAX_TRANSFER_BYTES, 0, MAX_TRANSFER_BYTES)
        + b"\x00"
    )


def _capabilities(device: SimulatedDevice) -> int:
    return ASLEEP if device.node_type is NodeType.END_DEVICE else ON_MAINS


def _words(*values: int) -> bytes:
    return b"".join(value.to_bytes(2, "little") for value in values)
