"""Every codec of the catalog beside telegrams of its simulated meter, and ways to hurt them.

Shared by the contract suite of the codecs and by the soak runs.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from zoneinfo import ZoneInfo

from firmware_bridge.meters.catalog import codec_for
from firmware_bridge.meters.codec import Codec, Refused, Telegram
from firmware_bridge.meters.keys import Keys
from firmware_bridge.simulator.dlms_meter import MeterKeys
from firmware_bridge.simulator.iec62056_meter import Iec62056Meter
from firmware_bridge.simulator.meters import METERS, Fitting
from firmware_bridge.simulator.p1_meter import P1Meter
from firmware_bridge.simulator.zigbee_meter import ZigbeeMeter
from tests.support.dlms import mbus, notification, triples, u32

ZONE = ZoneInfo("Europe/London")
START_MS = 1_790_000_000_000
CADENCE_MS = 10_000
METER_KEYS = MeterKeys()
KEYS = Keys(METER_KEYS.key, METER_KEYS.authentication_key)

LINES = frozenset({"glow", "zigbee"})
"""Protocols whose links give whole lines: a line without its end is one with the line after it."""

Found = list[Telegram | Refused]
Emit = Callable[[int], bytes]


@dataclass(frozen=True, slots=True)
class Stream:
    """What one codec is held to: how it is built, and how its telegrams are made."""

    name: str
    protocol: str
    emitter: Callable[[], Emit]
    keys: Keys | None = None

    def build(self) -> Codec:
        """Make a new codec."""
        return codec_for(self.protocol, ZONE, self.keys)

    def telegrams(self, count: int) -> list[bytes]:
        """Make the first telegrams of a meter, no two alike."""
        return list(self.endless(count))

    def endless(self, count: int) -> Iterator[bytes]:
        """Make a meter's telegrams one after another."""
        emit = self.emitter()
        for number in range(1, count + 1):
            yield emit(START_MS + number * CADENCE_MS)

    def decode(self, content: bytes) -> Found:
        """Decode a whole stream at once, its end included."""
        codec = self.build()
        return codec.feed(content) + codec.feed(b"")


def _simulated(name: str) -> Callable[[], Emit]:
    def emitter() -> Emit:
        meter = METERS[name].build(Fitting(1, START_MS, keys=METER_KEYS))
        return lambda time_ms: meter.emit(time_ms).telegram

    return emitter


def _unchecked_p1() -> Emit:
    """Without a checksum, as before DSMR 4."""
    meter = P1Meter(1, START_MS)
    return lambda time_ms: meter.emit(time_ms).telegram.rpartition(b"!")[0] + b"!\r\n"


def _wired_mbus_dlms() -> Emit:
    def emit(time_ms: int) -> bytes:
        count = time_ms // CADENCE_MS & 0xFFFF_FFFF
        energy = [(f"1.0.{code}.8.0.255", u32(count), 0, 30) for code in (1, 2)]
        return mbus(notification(triples([*energy, ("1.0.1.7.0.255", u32(412), 0, 27)])), 60)

    return emit


def _described_zigbee() -> Emit:
    """With the description before each telegram, so that each can be read by itself."""
    meter = ZigbeeMeter(1, START_MS)
    return lambda time_ms: meter.describe() + meter.emit(time_ms).telegram


def _heard_iec62056() -> Emit:
    """With a check character, among echoes of the requests, as an optical head hears it."""
    meter = Iec62056Meter(1, START_MS, checked=True)

    def emit(time_ms: int) -> bytes:
        head, end, block = meter.emit(time_ms).telegram.partition(b"\r\n")
        return b"/?!\r\n" + head + end + b"\x06050\r\n" + block + b"\x01B0\x03q"

    return emit


STREAMS: dict[str, Stream] = {
    **{
        name: Stream(name, one.hub_protocol, _simulated(name), KEYS if one.is_encrypted else None)
        for name, one in METERS.items()
    },
    "p1-unchecked": Stream("p1-unchecked", "p1", _unchecked_p1),
    "dlms-mbus": Stream("dlms-mbus", "dlms", _wired_mbus_dlms),
    "zigbee": Stream("zigbee", "zigbee", _described_zigbee),
    "iec62056-heard": Stream("iec62056-heard", "iec62056", _heard_iec62056),
}
"""By name: each simulated meter, and other forms its protocol has."""


def telegrams_of(found: Found) -> list[Telegram]:
    """Keep the telegrams."""
    return [entry for entry in found if isinstance(entry, Telegram)]


def refusals_of(found: Found) -> list[Refused]:
    """Keep the refusals."""
    return [entry for entry in found if isinstance(entry, Refused)]


def reasons_of(found: Found) -> list[str]:
    """Keep the reasons of what was refused."""
    return [entry.reason for entry in refusals_of(found)]


def decode_split(codec: Codec, content: bytes, cuts: list[int]) -> Found:
    """Decode a stream in pieces cut at these places, its end included."""
    found: Found = []
    for start, end in pairwise([0, *sorted(cuts), len(content)]):
        if end > start:
            found += codec.feed(content[start:end])
    return found + codec.feed(b"")


def mutated(draw: random.Random, content: bytes, count: int) -> bytes:
    """Hurt a stream as lines and sticks do: bytes are changed, lost, doubled and put in."""
    hurt = bytearray(content)
    for _ in range(count):
        place = draw.randrange(len(hurt) + 1)
        match draw.randrange(6):
            case 0:
                hurt[place : place + 1] = draw.randbytes(1)
            case 1:
                del hurt[place : place + draw.randrange(60)]
            case 2:
                hurt[place:place] = draw.randbytes(draw.randrange(60))
            case 3:
                hurt[place:place] = hurt[place : place + draw.randrange(200)]
            case 4 if place < len(hurt):
                hurt[place] ^= 1 << draw.randrange(8)
            case _:
                # A byte the protocols frame with, where none belongs.
                hurt[place:place] = draw.choice(FRAMING) * draw.randrange(1, 9)
    return bytes(hurt)


FRAMING = (b"\x1b", b"\x7e", b"\x68", b"/", b"!", b"\n", b"\x00", b"\x02", b"<", b"{", b"\xdb\x08")
