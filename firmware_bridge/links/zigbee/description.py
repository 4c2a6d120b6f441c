"""What a device of the network measures, and what is asked of it to understand and to read it.

Identifiers only; sources: ZigBee Cluster Library revision 8 (Basic, Electrical Measurement), Smart
Energy profile 1.4 (Metering, Price, Messaging, Prepayment, Device Management).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from firmware_bridge.links.zigbee import frames
from firmware_bridge.links.zigbee.clusters import (
    BASIC,
    DEVICE_MANAGEMENT,
    ELECTRICAL_MEASUREMENT,
    MEASURING,
    MESSAGING,
    METERING,
    PREPAYMENT,
    PRICE,
    TELLING,
)

SMART_ENERGY = 0x0109

MAKER, MODEL = 0x0004, 0x0005
DEVICE_TYPE = 0x0306

DESCRIPTION: dict[int, tuple[int, ...]] = {
    BASIC: (MAKER, MODEL),
    METERING: (0x0308, DEVICE_TYPE, 0x0300, 0x0301, 0x0302, 0x0303, 0x0304, 0x0307),
    ELECTRICAL_MEASUREMENT: (0x0600, 0x0601, 0x0602, 0x0603, 0x0604, 0x0605, 0x090B),
}
"""Serial, kind, unit and scale of a meter, in the order of asking, for a request takes five; the
scales of an electrical measurement and whether it has a second phase; the maker last, when the
meter is known."""

READING: dict[int, tuple[int, ...]] = {
    METERING: (0x0000, 0x0001, 0x0007, 0x0400, 0x0405, 0x0406, 0x0407, 0x0408),
    ELECTRICAL_MEASUREMENT: (0x0300, 0x0505, 0x0508, 0x050B),
}
"""Registers, the meter's time, demand, the half hour under way; frequency, voltage, current, power.

Few enough for one frame each."""

REPORTED: dict[int, tuple[int, ...]] = {
    METERING: (0x0000, 0x0001, 0x0400),
    ELECTRICAL_MEASUREMENT: (0x0505, 0x0508, 0x050B),
}
"""What a device is told to report by itself."""

TOLD: dict[int, tuple[frames.Request, ...]] = {
    PRICE: (frames.get_current_price(), frames.get_scheduled_prices()),
    MESSAGING: (frames.get_last_message(),),
    PREPAYMENT: (frames.read_attributes((0x0000, 0x0001, 0x0002, 0x0005)),),
    DEVICE_MANAGEMENT: (frames.read_attributes((0x0101,)),),
}
"""What is asked for now and again: the price and the next one, the last message, how is paid, what
credit and emergency credit are left and what is owed, and the supplier's name. A calendar is only
taken in when a device sends it."""

ELECTRIC_TYPES = frozenset({0, 7, 8, 9, 10, 11, 13, 14, 15})
"""Metering device types whose own radio is on the mains; a mirror (127 and above) is the hub's."""

RECEIVER_ON_WHEN_IDLE = 0x08

MEASURED = {METERING: "metering", ELECTRICAL_MEASUREMENT: "electrical measurement"}


@dataclass(frozen=True, slots=True)
class Measuring:
    """One cluster of a device that measures; `cluster` is zigpy's."""

    cluster: Any

    @property
    def number(self) -> int:
        """The cluster's identifier."""
        return int(self.cluster.cluster_id)

    @property
    def is_smart_energy(self) -> bool:
        """Whether its endpoint speaks the Smart Energy profile."""
        return int(self.cluster.endpoint.profile_id or 0) == SMART_ENERGY

    @property
    def is_slow(self) -> bool:
        """Whether it is another's meter, or sleeps: its values change each half hour."""
        kind = self.cluster.get(DEVICE_TYPE) if self.number == METERING else None
        return kind is not None and int(kind) not in ELECTRIC_TYPES


def measuring(device: Any) -> list[Measuring]:
    """List the clusters of a device that measure, in the order of its endpoints."""
    return [Measuring(cluster) for cluster in _servers(device) if cluster.cluster_id in MEASURING]


def telling(device: Any) -> list[Any]:
    """List the clusters of a device that can be asked for prices, messages, credit and supplier."""
    return [cluster for cluster in _servers(device) if cluster.cluster_id in TOLD]


def is_interesting(device: Any) -> bool:
    """Tell whether a device measures, or tells of prices, texts, credit or the supplier."""
    wanted = MEASURING | TELLING
    return any(cluster.cluster_id in wanted for cluster in _servers(device))


def is_sleepy(device: Any) -> bool:
    """Tell whether a device listens only now and then, so that it cannot be asked at any time."""
    descriptor = device.node_desc
    return bool(
        descriptor is not None
        and descriptor.is_end_device
        and not int(descriptor.mac_capability_flags) & RECEIVER_ON_WHEN_IDLE
    )


def remembered_frames(device: Any) -> Iterator[tuple[Any, bytes]]:
    """Yield, by cluster, the answer a device once gave to the questions of its description."""
    for cluster in described(device):
        records: list[frames.Remembered] = []
        for attribute in DESCRIPTION[int(cluster.cluster_id)]:
            value = cluster.get(attribute)
            if value is not None:
                kind = cluster.find_attribute(attribute)
                told = bytes([int(kind.zcl_type)]) + kind.type(value).serialize()
                records.append(frames.Remembered(attribute, told))
            elif cluster.is_attribute_unsupported(attribute):
                records.append(frames.Remembered(attribute, None))
        if records:
            yield cluster, frames.remembered(records)


def is_remembered(device: Any) -> bool:
    """Tell whether a device has once described all that it measures."""
    known = {cluster.cluster_id for cluster, _ in remembered_frames(device)}
    return {meter.number for meter in measuring(device)} <= known


def described(device: Any) -> list[Any]:
    """List the clusters that describe a device: what it measures first, then who made it."""
    found = [cluster for cluster in _servers(device) if cluster.cluster_id in DESCRIPTION]
    return sorted(found, key=lambda cluster: bool(cluster.cluster_id == BASIC))


def _servers(device: Any) -> Iterator[Any]:
    for endpoint in device.non_zdo_endpoints:
        yield from endpoint.in_clusters.values()
