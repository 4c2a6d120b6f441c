"""Announces the page on the home network, so that `http://hearthlink.local` finds it (mDNS).

Multicast DNS and service discovery (RFC 6762, RFC 6763) by the library zeroconf. It says that there
is a page and where; nothing of the meters, the household or the hub's name in its cloud.
"""

import contextlib
import ipaddress
import logging
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from zeroconf import Error, InterfaceChoice, IPVersion, NonUniqueNameException
from zeroconf.asyncio import AsyncServiceInfo, AsyncZeroconf

SERVICE = "_http._tcp.local."
EVERY_ADDRESS = ("0.0.0.0", "::")  # noqa: S104 (compared with, not bound)

_logger = logging.getLogger(__name__)


@asynccontextmanager
async def announced(
    host: str,
    port: int,
    names: Sequence[str],
    interfaces: list[str] | InterfaceChoice = InterfaceChoice.Default,
) -> AsyncIterator[str]:
    """Have the page on `host:port` announced; give the name it has got, "" where it is not.

    The name is the first of `names` that no other hub on the network goes by. A page on loopback is
    not announced, for nobody else could read it. A network that takes no multicast is no reason not
    to run.
    """
    addresses = _addresses(host)
    if not addresses and interfaces is InterfaceChoice.Default:
        _logger.warning("the page listens on %s alone, so it is not announced", host)
        yield ""
        return
    zeroconf, name = None, ""
    try:
        zeroconf = AsyncZeroconf(interfaces=interfaces, ip_version=IPVersion.V4Only)
        name = await _register(zeroconf, port, addresses or [socket.inet_aton(host)], names)
        _logger.info("the page is announced as http://%s:%d", name, port)
    except (OSError, Error) as error:
        _logger.warning("the page is not announced: %s", error)
    try:
        yield name
    finally:
        if zeroconf is not None:
            await zeroconf.async_unregister_all_services()
            await zeroconf.async_close()


async def _register(
    zeroconf: AsyncZeroconf, port: int, addresses: list[bytes], names: Sequence[str]
) -> str:
    """Take the first name that is free: two hubs of one name would answer for each other."""
    for name in names:
        info = AsyncServiceInfo(
            SERVICE,
            f"{name.removesuffix('.local').capitalize()}.{SERVICE}",
            port=port,
            addresses=addresses,
            server=f"{name}.",
            properties={"path": "/"},
        )
        with contextlib.suppress(NonUniqueNameException):
            await zeroconf.async_register_service(info)
            return name
    raise OSError(f"all of {names[0]} to {names[-1]} are taken")


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
