"""Tells the service manager how the hub is: datagrams to systemd's socket (sd_notify(3)).

Without such a socket every word is dropped: a hub started by hand has nobody to tell. It decides
nothing; a manager that cannot be reached is logged once and never stops the hub.
"""

import logging
import socket
from typing import NamedTuple

READY = "READY=1"
STOPPING = "STOPPING=1"
ALIVE = "WATCHDOG=1"
STATUS = "STATUS="

MAX_STATUS_CHARS = 200
"""One line of `systemctl status`."""

_logger = logging.getLogger(__name__)


class ServiceManager(NamedTuple):
    """What systemd put into the environment: its socket, and how often it wants to be fed.

    `address` is a path, or "@" and a name for an abstract socket; "" where there is no manager.
    `watchdog_s` is 0 where it watches nothing.
    """

    address: str = ""
    watchdog_s: float = 0.0


class Notifier:
    """Sends assignments to one manager; never raises."""

    def __init__(self, manager: ServiceManager) -> None:
        self.manager = manager
        self._is_lost = False

    def say(self, *assignments: str) -> bool:
        """Send the assignments in one datagram; tell whether the manager was there to take it."""
        if not self.manager.address:
            return False
        address = self.manager.address
        if address.startswith("@"):
            address = f"\0{address[1:]}"
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sender:
                sender.connect(address)
                sender.sendall("\n".join(assignments).encode())
        except OSError as error:
            if not self._is_lost:
                _logger.warning("the service manager cannot be told anything: %s", error)
            self._is_lost = True
            return False
        self._is_lost = False
        return True

    def status(self, text: str) -> bool:
        """Say in a line what the hub is doing."""
        return self.say(STATUS + " ".join(text.split())[:MAX_STATUS_CHARS])
