"""ZigBee Cluster Library frames: the header, and the attributes that reports and answers carry.

Pure; knows no cluster. Source: ZigBee Cluster Library, frame format and general commands.
"""

from dataclasses import dataclass

from firmware_bridge.meters.zcl_types import Value, ZclError, read_value, take

READ_ANSWER, REPORT, DEFAULT_ANSWER = 0x01, 0x0A, 0x0B
"""The general commands that carry something: values, or that a command was refused."""

READ = 0x00
LAST_GENERAL = 0x16
"""Discover Commands Generated Response, the last general command there is."""

SUCCESS, UNSUPPORTED_CLUSTER = 0x00, 0xC3
TRANSIENT = frozenset((0x89, 0x94))
"""Insufficient space and timeout: the attribute may well be told when it is asked for again."""

MAX_ATTRIBUTES = 64
"""In one frame: an attribute takes five bytes, and an unfragmented frame has eighty."""

_TYPE, _CLUSTER_SPECIFIC, _MANUFACTURER, _FROM_SERVER = 0x03, 0x01, 0x04, 0x08


@dataclass(frozen=True, slots=True)
class ZclFrame:
    """A frame with its header taken apart; `manufacturer` is None in a standard one."""

    is_cluster_specific: bool
    is_from_server: bool
    manufacturer: int | None
    tsn: int
    command: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute as told: its value, None where it has none now or `status` refuses it."""

    number: int
    status: int
    value: Value | None


def read_frame(content: bytes) -> ZclFrame:
    """Take a frame's header apart; raise ZclError where it is none."""
    control = take(content, 0, 1)[0]
    if control & _TYPE > _CLUSTER_SPECIFIC:
        raise ZclError("bad-value", f"frame control 0x{control:02x} is of no known type")
    place, manufacturer = 1, None
    if control & _MANUFACTURER:
        manufacturer = int.from_bytes(take(content, 1, 2), "little")
        place = 3
    tsn, command = take(content, place, 2)
    return ZclFrame(
        is_cluster_specific=bool(control & _CLUSTER_SPECIFIC),
        is_from_server=bool(control & _FROM_SERVER),
        manufacturer=manufacturer,
        tsn=tsn,
        command=command,
        payload=content[place + 2 :],
    )


def read_attributes(frame: ZclFrame) -> tuple[list[Attribute], ZclError | None]:
    """Return what a report or an answer to a read tells, and what ended it before its end.

    What comes before an attribute of no known type is told all the same; nothing is of a frame that
    was cut short.
    """
    found: list[Attribute] = []
    payload, place = frame.payload, 0
    while place < len(payload):
        if len(found) >= MAX_ATTRIBUTES:
            return found, ZclError("too-long", f"more than {MAX_ATTRIBUTES} attributes")
        try:
            attribute, place = _attribute(payload, place, has_status=frame.command == READ_ANSWER)
        except ZclError as fault:
            return ([] if fault.reason == "truncated" else found), fault
        found.append(attribute)
    return found, None


def _attribute(payload: bytes, place: int, *, has_status: bool) -> tuple[Attribute, int]:
    number = int.from_bytes(take(payload, place, 2), "little")
    place += 2
    if has_status:
        status = take(payload, place, 1)[0]
        place += 1
        if status != SUCCESS:
            return Attribute(number, status, None), place
    kind = take(payload, place, 1)[0]
    try:
        value, place = read_value(kind, payload, place + 1)
    except ZclError as fault:
        raise ZclError(fault.reason, f"attribute 0x{number:04x}: {fault.detail}") from fault
    return Attribute(number, SUCCESS, value), place
