"""What a link's address says, and which kind of link it opens."""

from pathlib import Path
from urllib.parse import urlsplit

from firmware_bridge.links.port import Link
from firmware_bridge.links.replay import open_replay
from firmware_bridge.links.serial_port import open_serial
from firmware_bridge.links.tcp import open_tcp
from shared.errors import OperatorError

DEFAULT_BAUD = 115_200
"""DSMR 4 and 5 P1 ports; DSMR 2.2 and 3 use 9600."""

FORMS = "/dev/ttyUSB0, tcp://HOST:PORT or replay:FILE"


async def open_link(address: str, *, baud: int = DEFAULT_BAUD) -> Link:
    """Open the byte stream an address names: a device path, `tcp://HOST:PORT` or `replay:FILE`.

    `baud` matters to serial ports only. Raises LinkError where trying again may help, and
    OperatorError where the address itself must be changed.
    """
    check_address(address)
    if address.startswith("tcp://"):
        host, port = host_and_port(address)
        return await open_tcp(host, port)
    if address.startswith("replay:"):
        return open_replay(Path(address.removeprefix("replay:")))
    return open_serial(address, baud=baud)


def check_address(address: str) -> None:
    """Raise OperatorError unless an address has one of the forms `open_link` knows."""
    if address.startswith("tcp://"):
        host_and_port(address)
    elif address.startswith("replay:"):
        if not address.removeprefix("replay:"):
            raise OperatorError("replay: names no file", hint=f"use {FORMS}")
    elif not address.startswith("/"):
        raise OperatorError(f"link address {address!r} is not known", hint=f"use {FORMS}")


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
