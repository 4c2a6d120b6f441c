"""Lines of ZCL frames for tests, built by the simulator's encoder and by hand."""

import struct

from firmware_bridge.meters.codec import Refused, Telegram
from firmware_bridge.meters.zigbee import ZigbeeCodec
from firmware_bridge.simulator.zigbee_zcl import (
    BITMAP8,
    ENUM8,
    INT24,
    OCTETS,
    UINT16,
    UINT24,
    UINT48,
    UTC,
    Attributes,
    cluster_answer,
    read_answer,
    report_of,
)
from shared.readings import Sample
from shared.units import EARLIEST_PLAUSIBLE_MS

IEEE, OTHER_IEEE = "02484c4500000001", "02484c4500000002"
METERING, ELECTRICAL = 0x0702, 0x0B04
NOW_S = 843_314_410
NOW_MS = EARLIEST_PLAUSIBLE_MS + NOW_S * 1_000
BY_ADDRESS = f"zb-{IEEE}-01"
SCALES: Attributes = dict.fromkeys(range(0x0600, 0x0606), (UINT16, 1))
DESCRIBED = (0x0300, 0x0301, 0x0302, 0x0306, 0x0308)

Found = list[Telegram | Refused]


def line(
    zcl: bytes,
    *,
    ieee: str = IEEE,
    endpoint: int = 1,
    cluster: int = METERING,
    profile: int = 0x0109,
) -> bytes:
    """Return a frame's line."""
    return f"{ieee} {endpoint:02x} {profile:04x} {cluster:04x} {zcl.hex()}\n".encode()


def report(attributes: Attributes, *, cluster: int = METERING, ieee: str = IEEE) -> bytes:
    """Return the line of a report."""
    return line(report_of(7, attributes), cluster=cluster, ieee=ieee)


def answer(
    attributes: Attributes,
    wanted: tuple[int, ...] | None = None,
    *,
    cluster: int = METERING,
    ieee: str = IEEE,
    endpoint: int = 1,
) -> bytes:
    """Return the line of an answer to a read; what is wanted and not there is not supported."""
    ids = tuple(attributes) if wanted is None else wanted
    return line(read_answer(8, attributes, ids), cluster=cluster, ieee=ieee, endpoint=endpoint)


def command(payload: bytes, *, number: int = 0, cluster: int = METERING, tsn: int = 9) -> bytes:
    """Return the line of a command of the cluster's own."""
    return line(cluster_answer(tsn, number, payload), cluster=cluster)


def description(
    *,
    unit: int = 0,
    multiplier: int = 1,
    divisor: int = 1_000,
    kind: int = 0,
    serial: str | None = "SIM-E-0001",
    ieee: str = IEEE,
    endpoint: int = 1,
) -> bytes:
    """Return the line that describes a meter; without a serial it is not supported."""
    told: Attributes = {
        0x0300: (ENUM8, unit),
        0x0301: (UINT24, multiplier),
        0x0302: (UINT24, divisor),
        0x0306: (BITMAP8, kind),
    }
    if serial is not None:
        told[0x0308] = (OCTETS, serial)
    return answer(told, DESCRIBED, ieee=ieee, endpoint=endpoint)


def described(content: bytes = b"") -> ZigbeeCodec:
    """Return a codec that has been told the description, or another."""
    codec = ZigbeeCodec()
    codec.feed(content or description())
    return codec


def energy(
    delivered: int, *, snapshot_s: int | None = None, power: int | None = None
) -> Attributes:
    """Return the attributes of a report of energy, when it was read, and power."""
    told: Attributes = {0x0000: (UINT48, delivered)}
    if snapshot_s is not None:
        told[0x0007] = (UTC, snapshot_s)
    if power is not None:
        told[0x0400] = (INT24, power)
    return told


def profile(
    end_s: int, intervals: list[int], *, tsn: int = 9, period: int = 2, status: int = 0
) -> bytes:
    """Return the line of a GetProfileResponse."""
    head = struct.pack("<IBBB", end_s, status, period, len(intervals))
    return command(head + b"".join(one.to_bytes(3, "little") for one in intervals), tsn=tsn)


def samples_of(found: Found) -> list[Sample]:
    """Keep the samples that hold a register."""
    telegrams = [entry for entry in found if isinstance(entry, Telegram)]
    return [sample for entry in telegrams for sample in entry.samples if sample.registers]


def reasons_of(found: Found) -> list[str]:
    """Keep the reasons of what was refused."""
    return [entry.reason for entry in found if isinstance(entry, Refused)]


def unknown_of(found: Found) -> dict[str, str]:
    """Join what was shown raw."""
    telegrams = [entry for entry in found if isinstance(entry, Telegram)]
    shown: dict[str, str] = {}
    for entry in telegrams:
        for sample in entry.samples:
            shown |= sample.unknown
    return shown
