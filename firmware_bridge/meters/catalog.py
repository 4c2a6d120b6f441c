"""Which codec speaks which protocol, and how the ports of its meters are usually set. Pure.

A codec's module is imported when it is first asked for, so that a hub loads only what it uses.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from zoneinfo import ZoneInfo

from firmware_bridge.meters.codec import Codec
from firmware_bridge.meters.keys import Keys
from shared.errors import OperatorError


@dataclass(frozen=True, slots=True)
class PortSettings:
    """How a serial port is set: baud, and data bits, parity and stop bits as in 7E1."""

    baud: int
    framing: str = "8N1"

    def __str__(self) -> str:
        return f"{self.baud} baud, {self.framing}"


@dataclass(frozen=True, slots=True)
class Protocol:
    """One way meters speak: what people call it, its codec, its ports' settings, likeliest first.

    `must_ask` says that such meters send nothing before they are asked (IEC 62056-21 mode C,
    M-Bus).
    """

    title: str
    build: Callable[[ZoneInfo, Keys | None], Codec]
    ports: tuple[PortSettings, ...]
    must_ask: bool = False


def _p1(zone: ZoneInfo, _keys: Keys | None) -> Codec:
    return _load("p1", "P1Codec", zone)


def _p1_encrypted(zone: ZoneInfo, keys: Keys | None) -> Codec:
    return _load("p1_encrypted", "EncryptedP1Codec", zone, *_both(keys))


def _sml(_zone: ZoneInfo, _keys: Keys | None) -> Codec:
    return _load("sml", "SmlCodec")


def _dlms(zone: ZoneInfo, keys: Keys | None) -> Codec:
    return _load("dlms", "DlmsCodec", zone, *_both(keys))


def _iec62056(zone: ZoneInfo, _keys: Keys | None) -> Codec:
    return _load("iec62056", "Iec62056Codec", zone)


def _raven(_zone: ZoneInfo, _keys: Keys | None) -> Codec:
    return _load("raven", "RavenCodec")


def _glow(_zone: ZoneInfo, _keys: Keys | None) -> Codec:
    return _load("glow", "GlowCodec")


def _mbus(zone: ZoneInfo, _keys: Keys | None) -> Codec:
    return _load("mbus", "MbusCodec", zone)


def _zigbee(_zone: ZoneInfo, _keys: Keys | None) -> Codec:
    return _load("zigbee", "ZigbeeCodec")


def _both(keys: Keys | None) -> tuple[bytes | None, bytes | None]:
    return (None, None) if keys is None else (keys.key, keys.authentication_key)


def _load(module: str, name: str, *arguments: object) -> Codec:
    codec: Codec = getattr(import_module(f"firmware_bridge.meters.{module}"), name)(*arguments)
    return codec


CODECS: dict[str, Protocol] = {
    "p1": Protocol(
        "P1 (DSMR, ESMR, e-MUCS and kindred)",
        _p1,
        (PortSettings(115_200), PortSettings(9_600, "7E1")),
    ),
    "p1-encrypted": Protocol(
        "encrypted P1 (Luxembourg, Austria)", _p1_encrypted, (PortSettings(115_200),)
    ),
    "sml": Protocol("SML (German meters, optical or wired)", _sml, (PortSettings(9_600),)),
    "dlms": Protocol(
        "DLMS/COSEM push (HDLC or wired M-Bus)",
        _dlms,
        (
            PortSettings(2_400, "8E1"),
            PortSettings(2_400),
            PortSettings(9_600),
            PortSettings(115_200),
            PortSettings(9_600, "8E1"),
        ),
    ),
    "iec62056": Protocol(
        "IEC 62056-21 (optical head, asked)",
        _iec62056,
        (PortSettings(300, "7E1"),),
        must_ask=True,
    ),
    "raven": Protocol("RAVEn or EMU-2 XML", _raven, (PortSettings(115_200),)),
    "mbus": Protocol(
        "wired M-Bus (gas, water, heat and electricity meters, asked)",
        _mbus,
        (PortSettings(2_400, "8E1"), PortSettings(9_600, "8E1")),
        must_ask=True,
    ),
    "zigbee": Protocol("ZigBee (metering devices behind a radio stick)", _zigbee, ()),
    "glow": Protocol("Glow (British display, over MQTT)", _glow, ()),
}
"""Every protocol a meter may be configured with, the one to prefer first where two would do."""


def codec_for(protocol: str, zone: ZoneInfo, keys: Keys | None = None) -> Codec:
    """Return a new codec for a protocol; raise OperatorError naming the known ones.

    `zone` is where the meter's clock tells the time; `keys` matter to meters that encrypt.
    """
    found = CODECS.get(protocol)
    if found is None:
        raise OperatorError(
            f"protocol {protocol!r} is not known", hint=f"use one of: {', '.join(sorted(CODECS))}"
        )
    return found.build(zone, keys)
