"""Reaches for a TCP port, bounded in time, and tells apart why it cannot. Sends nothing."""

import enum
import socket
from typing import NamedTuple

CONNECT_S = 5.0
"""A home network answers in milliseconds, a cloud within a second; the rest is patience."""


class Reach(enum.StrEnum):
    """How far an attempt to connect came."""

    CONNECTED = "connected"
    UNKNOWN_NAME = "unknown name"
    REFUSED = "refused"
    TIMEOUT = "timeout"
    UNREACHABLE = "unreachable"


class Attempt(NamedTuple):
    """An attempt's outcome; `detail` is the system's own text, `stream` the open socket, if any."""

    reach: Reach
    detail: str = ""
    stream: socket.socket | None = None


def connect(host: str, port: int, patience_s: float = CONNECT_S) -> Attempt:
    """Open a TCP connection; never raises OSError. The caller closes `stream`."""
    try:
        return Attempt(
            Reach.CONNECTED, stream=socket.create_connection((host, port), timeout=patience_s)
        )
    except (socket.gaierror, UnicodeError) as error:
        return Attempt(Reach.UNKNOWN_NAME, str(error))
    except ConnectionRefusedError as error:
        return Attempt(Reach.REFUSED, error.strerror or str(error))
    except TimeoutError as error:
        return Attempt(Reach.TIMEOUT, str(error))
    except OSError as error:
        return Attempt(Reach.UNREACHABLE, error.strerror or str(error))


def explain(reach: Reach, host: str, port: int) -> tuple[str, str]:
    """Say what a failed attempt means and what to do: (finding, fix)."""
    address = f"{host}:{port}"
    if reach is Reach.UNKNOWN_NAME:
        return (
            f"the name {host} is not known to the network",
            "check the name, and that this machine's DNS works",
        )
    if reach is Reach.REFUSED:
        return (
            f"{address} refused the connection: the machine is there, nothing listens",
            "start what should listen there, or correct the port",
        )
    if reach is Reach.TIMEOUT:
        return (
            f"{address} did not answer in {CONNECT_S:g} s",
            "check that it is on and on this network, and that no firewall stands between",
        )
    return f"{address} cannot be reached", "check this machine's network cable or Wi-Fi"
