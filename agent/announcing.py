"""Announces the page on the home network, so that `http://hearthlink.local` finds it (mDNS).

Multicast DNS and service discovery (RFC 6762, RFC 6763) by the library zeroconf. It says that there
is a page and where; nothing of the meters, the household or the hub's name in its cloud.
"""

import ipaddress
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from zeroconf import Error, InterfaceChoice, IPVersion
from zeroconf.asyncio import AsyncServiceInfo, AsyncZeroconf

HOST = "hearthlink.local"
SERVICE = "_http._tcp.local."
NAME = f"Hearthlink.{SERVICE}"
EVERY_ADDRESS = ("0.0.0.0", "::")  # noqa: S104 (compared with, not bound)

_logger = logging.getLogger(__name__)


@asynccontextmanager
async def announced(
    host: str, port: int, interfaces: list[str] | InterfaceChoice = InterfaceChoice.Default
) -> AsyncIterator[bool]:
    """Have the page on `host:port` announced; tell whether it is.

    A page on loopback is not, for nobody else could read it. A network that takes no multicast is
    no reason not to run.
    """
    addresses = _addresses(host)
    if not addresses and interfaces is InterfaceChoice.Default:
        _logger.warning("the page listens on %s alone, so it is not announced", host)
        yield False
        return
    zeroconf = None
    try:
        zeroconf = AsyncZeroconf(interfaces=interfaces, ip_version=IPVersion.V4Only)
        info = AsyncServiceInfo(
            SERVICE,
            NAME,
            port=port,
            addresses=addresses or [socket.inet_aton(host)],
            server=f"{HOST}.",
            properties={"path": "/"},
        )
        await zeroconf.async_register_service(info, allow_name_change=True)
        _logger.info("the page is announced as http://%s:%d", HOST, port)
        is_announced = True
    except (OSError, Error) as error:
        _logger.warning("the page is not announced: %s", error)
        is_announced = False
    try:
        yield is_announced
    finally:
        if zeroconf is not None:
            await zeroconf.async_unregister_all_services()
            await zeroconf.async_close()


def _addresses(host: str) -> list[bytes]:
    """List the addresses that others reach the page by."""
    found = {_outward_address()} if host in EVERY_ADDRESS else {host}
    return [
        socket.inet_aton(one)
        for one in found
        if one and "." in one and not ipaddress.ip_address(one).is_loopback
    ]


def _outward_address() -> str:
    """Ask the routing table which address this machine goes out by; nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        try:
            asking.connect(("192.0.2.1", 9))
        except OSError:
            return ""
        return str(asking.getsockname()[0])
