"""ZCL frames a link sends, and the ones it makes of what is remembered. Pure.

Only headers and identifiers are known here; what values mean is `meters/zigbee.py`'s. Sources:
ZigBee Cluster Library revision 8, section 2.4; Smart Energy 1.4, annexes D.3.3 (GetProfile), D.4.2
(Price) and D.5.2 (Messaging).
"""

from collections.abc import Sequence
from dataclasses import dataclass

GLOBAL, CLUSTER_COMMAND = 0x00, 0x01
READ_ATTRIBUTES, READ_ATTRIBUTES_RESPONSE = 0x00, 0x01
SUCCESS, UNSUPPORTED = 0x00, 0x86

GET_PROFILE, GET_CURRENT_PRICE, GET_SCHEDULED_PRICES, GET_LAST_MESSAGE = 0x00, 0x00, 0x01, 0x00
DELIVERED, RECEIVED = 0x00, 0x01
"""Channels of a profile."""
LATEST = 0
"""An end time of zero asks for the most recent half hours."""

PERIODS_PER_FRAME = 12
"""Three bytes each: 24 would fill a frame to the last byte, and a secured one has fewer."""

HALF_HOUR_S = 1_800


@dataclass(frozen=True, slots=True)
class Request:
    """The body of a request: its command, and whether that is the cluster's own."""

    command: int
    payload: bytes
    is_cluster_command: bool = False

    def frame(self, sequence: int) -> bytes:
        """Return the whole frame."""
        control = CLUSTER_COMMAND if self.is_cluster_command else GLOBAL
        return bytes([control, sequence, self.command]) + self.payload


def read_attributes(attributes: Sequence[int]) -> Request:
    """Ask for attributes."""
    payload = b"".join(attribute.to_bytes(2, "little") for attribute in attributes)
    return Request(READ_ATTRIBUTES, payload)


def get_profile(channel: int, periods: int, end_time_s: int = LATEST) -> Request:
    """Ask for what was counted in so many half hours, the newest ending at a ZigBee time."""
    payload = bytes([channel]) + end_time_s.to_bytes(4, "little") + bytes([periods])
    return Request(GET_PROFILE, payload, is_cluster_command=True)


def get_current_price() -> Request:
    """Ask for the price in force, as a device that listens all the time."""
    return Request(GET_CURRENT_PRICE, b"\x01", is_cluster_command=True)


def get_scheduled_prices(count: int = 2) -> Request:
    """Ask for so many prices from now on, the one in force being the first."""
    from_now = bytes(4)
    return Request(GET_SCHEDULED_PRICES, from_now + bytes([count]), is_cluster_command=True)


def get_last_message() -> Request:
    """Ask for the message to the household that holds now."""
    return Request(GET_LAST_MESSAGE, b"", is_cluster_command=True)


@dataclass(frozen=True, slots=True)
class Remembered:
    """What a device once said of an attribute: its type and value as sent, None if it has none."""

    attribute: int
    told: bytes | None


def remembered(records: Sequence[Remembered]) -> bytes:
    """Make the answer to a read of attributes from what is remembered."""
    frame = bytes([0x18, 0x00, READ_ATTRIBUTES_RESPONSE])
    for record in records:
        frame += record.attribute.to_bytes(2, "little")
        frame += bytes([UNSUPPORTED]) if record.told is None else bytes([SUCCESS]) + record.told
    return frame
