"""What a link's address says, and which kind of link it opens."""

from pathlib import Path
from urllib.parse import urlsplit

from firmware_bridge.links.mqtt_address import SCHEMES, parse_subscription
from firmware_bridge.links.port import Link, LinkSettings
from firmware_bridge.links.replay import open_replay
from firmware_bridge.links.serial_port import open_serial
from firmware_bridge.links.tcp import open_tcp
from firmware_bridge.links.zigbee.address import PREFIX as ZIGBEE
from firmware_bridge.links.zigbee.address import parse_zigbee_address
from shared.errors import OperatorError

OPTICAL = "optical:"
MBUS = "mbus:"
DEVICES = Path("/dev")
SLOWEST, FASTEST = 0.01, 10_000.0

FORMS = (
    "/dev/ttyUSB0, optical:/dev/ttyUSB0, mbus:/dev/ttyUSB0, zigbee:/dev/ttyUSB0, tcp://HOST:PORT, "
    "mqtt://HOST/FILTER, mqtts://HOST/FILTER, replay:FILE or replay:FILE?speed=1"
)


DEFAULTS = LinkSettings()


async def open_link(address: str, settings: LinkSettings = DEFAULTS) -> Link:
    """Open the byte stream an address names, in one of the FORMS.

    An optical head and an M-Bus are asked once a minute or as their address says; a replay without
    a speed is read as fast as the reader takes it.

    Raises LinkError where trying again may help, and OperatorError where the address itself must
    be changed.
    """
    check_address(address)
    if address.startswith("tcp://"):
        host, port = host_and_port(address)
        return await open_tcp(host, port)
    if address.startswith(SCHEMES):
        from firmware_bridge.links.mqtt import open_mqtt  # noqa: PLC0415 (most hubs need none)

        return await open_mqtt(address, settings)
    if address.startswith("replay:"):
        return open_replay(*capture_and_speed(address))
    if address.startswith((OPTICAL, MBUS, ZIGBEE)):
        return await _open_asking(address, settings)
    return open_serial(address, baud=settings.baud, framing=settings.framing)


async def _open_asking(address: str, settings: LinkSettings) -> Link:
    """Open a link that asks its meters; most hubs have none, so each is imported when needed."""
    if address.startswith(OPTICAL):
        from firmware_bridge.links.optical import head_of, open_optical  # noqa: PLC0415

        path, every_s = head_of(address)
        return open_optical(path, every_s=every_s)
    if address.startswith(MBUS):
        from firmware_bridge.links.mbus import open_mbus  # noqa: PLC0415

        return await open_mbus(address)
    from firmware_bridge.links.zigbee.link import open_zigbee  # noqa: PLC0415

    return await open_zigbee(address, settings)


def check_address(address: str) -> None:
    """Raise OperatorError unless an address has one of the forms `open_link` knows."""
    if meant := meant_by(address):
        raise OperatorError(f"link address {address!r} is not known", hint=f"did you mean {meant}?")
    if address.startswith("tcp://"):
        host_and_port(address)
    elif address.startswith(SCHEMES):
        parse_subscription(address)
    elif address.startswith("replay:"):
        capture_and_speed(address)
    elif address.startswith(MBUS):
        from firmware_bridge.links.mbus import bus_of  # noqa: PLC0415 (most hubs need none)

        bus_of(address)
    elif address.startswith(OPTICAL):
        from firmware_bridge.links.optical import head_of  # noqa: PLC0415 (most hubs need none)

        head_of(address)
    elif address.startswith(ZIGBEE):
        parse_zigbee_address(address)
    elif not device_of(address).startswith("/"):
        raise OperatorError(f"link address {address!r} is not known", hint=f"use {FORMS}")


def meant_by(address: str, folder: Path = DEVICES) -> str:
    """Return the address that a bare name stands for: a device's, or that of a file; "" for none.

    So `ttyUSB0` is told to be `/dev/ttyUSB0` where there is one, else what lies in this folder.
    """
    name = device_of(address)
    before, _, after = address.partition(name) if name else ("", "", "")
    if not name or name.startswith("/") or "://" in name:
        return ""
    device, beside = folder / name, Path(name)
    try:
        if device.is_char_device():
            return f"{before}{device}{after}"
        if beside.is_file() and not before:
            return f"replay:{name}"
        return f"{before}{beside.absolute()}{after}" if beside.is_char_device() else ""
    except OSError:
        # A name too long for a file, or a folder that is closed to this user.
        return ""


def device_of(address: str) -> str:
    """Return the device path of a serial port's address, an optical head's or a bus's included."""
    for prefix in (OPTICAL, MBUS, ZIGBEE):
        address = address.removeprefix(prefix)
    return address.partition("?")[0]


def network_of(address: str) -> tuple[str, int] | None:
    """Return the host and port an address leads to; None for a serial port or a file."""
    if address.startswith(SCHEMES):
        broker = parse_subscription(address)
        return broker.host, broker.port
    place = address.removeprefix(MBUS).partition("?")[0]
    return host_and_port(place) if place.startswith("tcp://") else None


def capture_and_speed(address: str) -> tuple[Path, float | None]:
    """Split `replay:FILE?speed=N`; raise OperatorError where there is no file or N is no speed."""
    name, _, written = address.removeprefix("replay:").partition("?speed=")
    if not name:
        raise OperatorError("replay: names no file", hint=f"use {FORMS}")
    if not written:
        return Path(name), None
    try:
        speed = float(written)
    except ValueError:
        speed = 0.0
    if not SLOWEST <= speed <= FASTEST:
        raise OperatorError(
            f"replay speed {written!r} is not usable", hint=f"give {SLOWEST:g} to {FASTEST:g}"
        )
    return Path(name), speed


def host_and_port(address: str) -> tuple[str, int]:
    """Split `tcp://HOST:PORT`; raise OperatorError where either is missing."""
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or port is None:
        raise OperatorError(f"link address {address!r} lacks a host or port", hint=f"use {FORMS}")
    return host, port
