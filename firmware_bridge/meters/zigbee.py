"""ZigBee meters: from lines of received ZCL frames to samples.

Owns the lines and which endpoint a frame belongs to; no radio, and no ZigBee library. A line is
`<ieee, 16 hex> <endpoint, 2> <profile, 4> <cluster, 4> <ZCL frame, hex>[ <dBm>]` and a line feed,
so that a capture can be decoded anywhere; how strongly the radio heard the frame stands last, where
it says. The radio has checked each frame already: FCS and MIC. Sources: ZigBee Cluster Library,
Smart Energy profile.

After it was opened a link reads each endpoint's description (Metering 0x0300 to 0x0308, Electrical
Measurement 0x0600 to 0x0605 and 0x090B). To heal the half hours it missed it sends GetProfile, of
energy delivered and then received, and reads 0x0000, 0x0001, 0x0007 and 0x0405 to 0x0408 together
before it lets a report pass: a hub that has logged the present takes no past any more.
"""

import re

import msgspec

from firmware_bridge.meters.codec import Refused, Telegram, refuse
from firmware_bridge.meters.framing import Found, StreamCodec
from firmware_bridge.meters.zcl import (
    DEFAULT_ANSWER,
    LAST_GENERAL,
    READ,
    READ_ANSWER,
    REPORT,
    UNSUPPORTED_CLUSTER,
    Attribute,
    ZclFrame,
    read_attributes,
    read_frame,
)
from firmware_bridge.meters.zcl_table import (
    ELECTRICAL_MEASUREMENT,
    MEASUREMENTS,
    METERING,
    PRICE,
    READINGS,
)
from firmware_bridge.meters.zcl_types import ZclError, printed
from firmware_bridge.meters.zigbee_commands import read_command
from firmware_bridge.meters.zigbee_endpoint import MeterEndpoint, Reading, bounded, code_of
from firmware_bridge.meters.zigbee_prepayment import NOTHING, PREPAYMENT_CLUSTER
from firmware_bridge.meters.zigbee_profile import read_profile
from shared.readings import Medium, Sample

MAX_LINE_BYTES = 4_096
"""A fragmented frame has at most some 1,500 bytes, two digits each; the rest is margin."""

MAX_ENDPOINTS = 16
"""A home has an electricity meter, a hub that mirrors gas, and a few readers and plugs."""

GET_PROFILE_RESPONSE = 0x00

_LINE = re.compile(
    rb"([0-9a-f]{16}) ([0-9a-f]{2}) ([0-9a-f]{4}) ([0-9a-f]{4}) ((?:[0-9a-f]{2})+)"
    rb"( -[0-9]{1,3})?\r?",
    re.IGNORECASE,
)
_NO_ZCL = frozenset((0x0000, 0xA1E0))
"""Profiles of other things than ZCL: the device's own management, and Green Power."""

_METER_CLUSTERS = {METERING: READINGS, ELECTRICAL_MEASUREMENT: frozenset(MEASUREMENTS)}


class ZigbeeCodec(StreamCodec):
    """Decodes the frames of one radio; keeps one unfinished line and MAX_ENDPOINTS endpoints."""

    def __init__(self) -> None:
        super().__init__()
        self._is_too_long = False
        self._endpoints: dict[tuple[str, int], MeterEndpoint] = {}
        self._last: MeterEndpoint | None = None
        self._evicted: list[Telegram | Refused] = []

    def _take(self, data: bytes, place: int, found: Found, *, is_end: bool) -> int:
        """Take a line, or of an endless one its limit; one without its end may lack a part."""
        end = data.find(b"\n", place, place + MAX_LINE_BYTES)
        if end >= 0:
            self._take_line(data[place:end], found)
            return end + 1
        if len(data) - place >= MAX_LINE_BYTES:
            block = data[place : place + MAX_LINE_BYTES]
            found.append(refuse("too-long", f"no end within {MAX_LINE_BYTES} bytes", block))
            self._is_too_long = True
            return place + MAX_LINE_BYTES
        if not is_end:
            return place
        if data[place:].strip():
            found.append(refuse("truncated", "the stream ended within a line", data[place:]))
        return len(data)

    def _end(self, found: Found) -> None:
        """Forget the endpoints: another stream may be of another radio."""
        self._is_too_long = False
        for endpoint in self._endpoints.values():
            found.extend(endpoint.close())
        self._endpoints.clear()
        self._last = None

    def _take_line(self, line: bytes, found: Found) -> None:
        was_too_long, self._is_too_long = self._is_too_long, False
        if not line.strip():
            return
        match = None if was_too_long else _LINE.fullmatch(line)
        if match is None:
            reason = "too-long" if was_too_long else "noise"
            found.append(refuse(reason, f"{len(line)} bytes are no line of a frame", line))
            return
        ieee = match[1].decode("ascii").lower()
        number, profile, cluster = (int(match[place], 16) for place in (2, 3, 4))
        if profile in _NO_ZCL:
            return
        try:
            frame = read_frame(bytes.fromhex(match[5].decode("ascii")))
            taken = self._take_frame(ieee, number, cluster, frame, line)
            found.extend(taken if match[6] is None else _heard_at(taken, int(match[6])))
        except ZclError as fault:
            found.append(refuse(fault.reason, fault.detail, line))
        found.extend(self._evicted)
        self._evicted.clear()

    def _take_frame(
        self, ieee: str, number: int, cluster: int, frame: ZclFrame, line: bytes
    ) -> list[Telegram | Refused]:
        """Decode a frame; what only acknowledges, asks or configures carries no reading."""
        if frame.is_cluster_specific:
            if not frame.is_from_server:
                return []
            return self._take_command(ieee, number, cluster, frame, line)
        if frame.command in (REPORT, READ_ANSWER):
            return self._take_attributes(ieee, number, cluster, frame, line)
        denial = (METERING, DEFAULT_ANSWER, bytes((READ, UNSUPPORTED_CLUSTER)))
        if (cluster, frame.command, frame.payload) == denial:
            endpoint = self._endpoint(ieee, number)
            endpoint.description.settle_by_address()
            return endpoint.release()
        if frame.command > LAST_GENERAL:
            raise ZclError("bad-value", f"general command 0x{frame.command:02x} is not known")
        return []

    def _take_command(
        self, ieee: str, number: int, cluster: int, frame: ZclFrame, line: bytes
    ) -> list[Telegram | Refused]:
        is_standard = frame.manufacturer is None
        if is_standard and cluster == METERING and frame.command == GET_PROFILE_RESPONSE:
            block = read_profile(frame.payload)
            self._endpoint(ieee, number).profiles.take(block, frame.tsn)
            told = ", ".join("" if one is None else str(one) for one in block.intervals)
            unknown = {
                "GetProfileResponse.EndTime": str(block.end_s),
                "GetProfileResponse.Status": str(block.status),
                "GetProfileResponse.PeriodSeconds": str(block.period_s),
                "GetProfileResponse.Intervals": told,
            }
            return [self._notice(ieee, number, unknown)]
        fields, texts = read_command(cluster, frame)
        own = self._described(ieee, number) if cluster == PRICE else None
        paid = own.credit.learn(fields) if own is not None else NOTHING
        return [
            self._notice(ieee, number, fields, texts, paid.registers),
            *_refusals(paid.fault, line),
        ]

    def _take_attributes(
        self, ieee: str, number: int, cluster: int, frame: ZclFrame, line: bytes
    ) -> list[Telegram | Refused]:
        attributes, fault = read_attributes(frame)
        values = {one.number: one.value for one in attributes if one.value is not None}
        found: list[Telegram | Refused] = []
        if frame.manufacturer is None and cluster in _METER_CLUSTERS:
            found += self._take_meter(ieee, number, Reading(cluster, values, line), attributes)
        elif attributes:
            maker = "" if frame.manufacturer is None else f"{frame.manufacturer:04x}."
            unknown = {maker + code_of(cluster, at): printed(told) for at, told in values.items()}
            is_payment = not maker and cluster == PREPAYMENT_CLUSTER
            own = self._described(ieee, number) if is_payment else None
            paid = own.credit.take(attributes) if own is not None else NOTHING
            if values or paid.registers:
                found.append(self._notice(ieee, number, unknown, registers=paid.registers))
            found += _refusals(paid.fault, line)
        return [*found, *_refusals(fault, line)]

    def _take_meter(
        self, ieee: str, number: int, reading: Reading, attributes: list[Attribute]
    ) -> list[Telegram | Refused]:
        """Learn from a meter's frame, then read it."""
        if not attributes:
            return []
        endpoint = self._last = self._endpoint(ieee, number)
        endpoint.learn(reading.cluster, attributes)
        registers = _METER_CLUSTERS[reading.cluster]
        found = endpoint.release()
        if not registers.isdisjoint(reading.values):
            return [*found, *endpoint.offer(reading)]
        if reading.values:
            unknown = {
                code_of(reading.cluster, at): printed(told) for at, told in reading.values.items()
            }
            return [*found, self._notice(ieee, number, unknown)]
        told = [one.number for one in attributes if one.status == 0 and one.number in registers]
        if told:
            codes = ", ".join(code_of(reading.cluster, at) for at in told)
            found.append(refuse("no-values", f"the meter has none in {codes}", reading.raw))
        return found

    def _notice(
        self,
        ieee: str,
        number: int,
        unknown: dict[str, str],
        texts: tuple[str, ...] = (),
        registers: dict[str, int] | None = None,
    ) -> Telegram:
        """Return what is no measurement, said of the meter it is likeliest about.

        `registers` are those of how the endpoint's own meter is paid for, where it told that.
        """
        meter, medium = self._meter_near(ieee, number)
        sample = Sample(meter, medium, None, registers or {}, unknown=bounded(unknown))
        return Telegram((sample,), texts)

    def _described(self, ieee: str, number: int) -> MeterEndpoint | None:
        """Return an endpoint that is known to be a meter's; None where it is not, or not yet."""
        own = self._endpoints.get((ieee, number))
        return own if own is not None and own.description.meter else None

    def _meter_near(self, ieee: str, number: int) -> tuple[str, Medium]:
        """Return the endpoint's own meter, else one of its device, else the last one heard."""
        own = self._endpoints.get((ieee, number))
        others = [one for (device, _), one in self._endpoints.items() if device == ieee]
        for endpoint in (own, *others, self._last):
            if endpoint is not None and endpoint.description.meter:
                return endpoint.description.meter, endpoint.description.medium
        return f"zb-{ieee}-{number:02x}", Medium.ELECTRICITY

    def _endpoint(self, ieee: str, number: int) -> MeterEndpoint:
        """Return an endpoint's state; raise ZclError where there are too many to follow another.

        One that has never been described makes room: it may have come of a damaged line.
        """
        key = (ieee, number)
        found = self._endpoints.get(key)
        if found is not None:
            return found
        if len(self._endpoints) >= MAX_ENDPOINTS:
            undescribed = (at for at, one in self._endpoints.items() if not one.description.meter)
            oldest = next(undescribed, None)
            if oldest is None:
                raise ZclError("too-many-meters", f"{MAX_ENDPOINTS} endpoints are followed already")
            self._evicted += self._endpoints.pop(oldest).close()
        self._endpoints[key] = MeterEndpoint(ieee, number, self._is_taken)
        return self._endpoints[key]

    def _is_taken(self, serial: str) -> bool:
        return any(one.description.meter == serial for one in self._endpoints.values())


def _refusals(fault: ZclError | None, line: bytes) -> list[Refused]:
    return [] if fault is None else [refuse(fault.reason, fault.detail, line)]


def _heard_at(taken: list[Telegram | Refused], signal_dbm: int) -> list[Telegram | Refused]:
    """Note with each telegram of a frame how strongly that was heard."""
    return [
        msgspec.structs.replace(one, signal_dbm=signal_dbm) if isinstance(one, Telegram) else one
        for one in taken
    ]
