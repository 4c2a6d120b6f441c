"""A wired M-Bus behind a level converter: asks its meters in turn, now and again.

Owns the waiting, the line and what the address says; what is asked is `meters/mbus_dialogue.py`'s.
To its reader it is a link like any other: everything the bus gives, for the codec to decode.
"""

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from firmware_bridge.links.asking import AskingLink, Line
from firmware_bridge.links.query import EVERY_S_RANGE, number_in, split_query
from firmware_bridge.links.serial_port import open_serial
from firmware_bridge.links.tcp import open_tcp
from firmware_bridge.meters.mbus_dialogue import (
    DEFAULT_BAUD,
    FRAMING,
    LAST_ADDRESS,
    MAX_SLAVES,
    TEST_ADDRESS,
    MbusDialogue,
    Primary,
    Secondary,
    Slave,
    is_mask,
)
from shared.errors import OperatorError

MBUS: Final = "mbus:"
NETWORK: Final = "tcp://"

EVERY_S: Final = 60
"""A round takes a second for each meter; a mains-fed bus bears it, a battery-fed meter may not."""

BAUDS: Final = (300, 600, 1_200, 2_400, 4_800, 9_600, 19_200, 38_400)
"""The speeds of EN 13757-2."""

NETWORK_DELAY_S: Final = 0.5
"""What a gateway in the home network may add to an answer."""

FORM: Final = (
    "mbus:/dev/ttyUSB0, mbus:/dev/ttyUSB0?addresses=1,2,5-7&every_s=60&baud=2400, "
    "mbus:/dev/ttyUSB0?secondary=12345678FFFFFFFF or mbus:tcp://HOST:PORT"
)

_PIECE = re.compile(r"([0-9]{1,3})(?:-([0-9]{1,3}))?")


@dataclass(frozen=True, slots=True)
class Bus:
    """What an address says: where the bus is, who is on it (empty: look), and how it is asked."""

    place: str
    slaves: tuple[Slave, ...] = ()
    every_s: int = EVERY_S
    baud: int = DEFAULT_BAUD


class MbusLink(AskingLink):
    """Rounds over the meters of one bus."""

    def __init__(self, line: Line, dialogue: MbusDialogue, *, every_s: float) -> None:
        super().__init__(line, dialogue, every_s=every_s)
        self._bus = dialogue

    @property
    def longest_pause_s(self) -> float:
        """The pause between two rounds, and as long as one may be silent."""
        return self._every_s + self._bus.longest_silence_s


async def open_mbus(address: str) -> MbusLink:
    """Open the bus an address names; raise LinkError, with the fix in its hint."""
    bus = bus_of(address)
    if not bus.place.startswith(NETWORK):
        line: Line = open_serial(bus.place, baud=bus.baud, framing=FRAMING)
        dialogue = MbusDialogue(bus.slaves, baud=bus.baud)
    else:
        parts = urlsplit(bus.place)
        line = await open_tcp(parts.hostname or "", parts.port or 0)
        dialogue = MbusDialogue(bus.slaves, baud=bus.baud, delay_s=NETWORK_DELAY_S)
    return MbusLink(line, dialogue, every_s=bus.every_s)


def bus_of(address: str) -> Bus:
    """Read `mbus:PLACE[?…]`; raise OperatorError naming what in it is wrong."""
    place, asked = split_query(address, MBUS, ("addresses", "secondary", "every_s", "baud"), FORM)
    if not place.startswith("/") and not _is_network(place):
        raise OperatorError(f"link address {address!r} names no bus", hint=f"use {FORM}")
    slaves = _primary(asked.get("addresses", "")) + _secondary(asked.get("secondary", ""))
    every_s = number_in(asked, "every_s", EVERY_S, EVERY_S_RANGE, "M-Bus")
    return Bus(place, slaves, every_s, number_in(asked, "baud", DEFAULT_BAUD, BAUDS, "M-Bus"))


def _is_network(place: str) -> bool:
    try:
        parts = urlsplit(place)
        return place.startswith(NETWORK) and bool(parts.hostname) and parts.port is not None
    except ValueError:
        return False


def _primary(written: str) -> tuple[Slave, ...]:
    """Read `1,2,5-7`."""
    numbers: dict[int, None] = {}
    for piece in filter(None, written.split(",")):
        match = _PIECE.fullmatch(piece)
        first = int(match[1]) if match else -1
        last = int(match[2]) if match and match[2] else first
        if not (0 <= first <= last <= LAST_ADDRESS or first == last == TEST_ADDRESS):
            raise OperatorError(
                f"M-Bus address {piece!r} is none",
                hint=f"give numbers from 0 to {LAST_ADDRESS}, as in addresses=1,2,5-7, or "
                f"{TEST_ADDRESS} where the bus has one meter",
            )
        numbers.update(dict.fromkeys(range(first, last + 1)))
    return tuple(Primary(number) for number in numbers)


def _secondary(written: str) -> tuple[Slave, ...]:
    masks = [piece for piece in written.split(",") if piece]
    for mask in masks:
        if not is_mask(mask):
            raise OperatorError(
                f"M-Bus secondary address {mask!r} is none",
                hint="give its 16 digits: 8 of the meter's number, 4 maker, 2 version, 2 medium; "
                "F stands for any",
            )
    if len(masks) > MAX_SLAVES:
        raise OperatorError(f"an M-Bus has at most {MAX_SLAVES} meters, not {len(masks)}")
    return tuple(Secondary(mask.upper()) for mask in masks)
