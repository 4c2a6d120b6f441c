"""Byte streams from meters: serial port, TCP, replay of a capture; reconnecting and watched.

Owns opening, reading and losing a link; knows nothing of what the bytes mean.
"""

from firmware_bridge.links.addresses import open_link
from firmware_bridge.links.lending import LendableDevice
from firmware_bridge.links.port import READ_BYTES, Link, LinkSettings
from firmware_bridge.links.reconnecting import Backoff, LinkEvent, LinkEventKind, Opener, chunks

__all__ = [
    "READ_BYTES",
    "Backoff",
    "LendableDevice",
    "Link",
    "LinkEvent",
    "LinkEventKind",
    "LinkSettings",
    "Opener",
    "chunks",
    "open_link",
]
