"""A wired M-Bus behind a level converter: asks its meters in turn, now and again.

Owns the waiting, the line and what the address says; what is asked is `meters/mbus_dialogue.py`'s.
To its reader it is a link like any other: everything the bus gives, for the codec to decode.
"""

import asyncio
import contextlib
import re
from collections import deque
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final, Protocol
from urllib.parse import parse_qsl, urlsplit

from firmware_bridge.links.serial_port import open_serial
from firmware_bridge.links.tcp import open_tcp
from firmware_bridge.meters.iec62056_dialogue import Action, Done, Pause, Send, SetBaud, Wait
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
from shared.errors import LinkError, OperatorError

MBUS: Final = "mbus:"
NETWORK: Final = "tcp://"

EVERY_S: Final = 60
"""A round takes a second for each meter; a mains-fed bus bears it, a battery-fed meter may not."""

SHORTEST_S, LONGEST_S = 5, 86_400
BAUDS: Final = (300, 600, 1_200, 2_400, 4_800, 9_600, 19_200, 38_400)
"""The speeds of EN 13757-2."""

NETWORK_DELAY_S: Final = 0.5
"""What a gateway in the home network may add to an answer."""

FORM: Final = (
    "mbus:/dev/ttyUSB0, mbus:/dev/ttyUSB0?addresses=1,2,5-7&every_s=60&baud=2400, "
    "mbus:/dev/ttyUSB0?secondary=12345678FFFFFFFF or mbus:tcp://HOST:PORT"
)


_PIECE = re.compile(r"([0-9]{1,3})(?:-([0-9]{1,3}))?")


class Line(Protocol):
    """What a bus is reached by: a serial port or a gateway in the network."""

    async def read(self) -> bytes:
        """Return the next bytes; raise LinkError when the line has gone away."""

    async def write(self, content: bytes) -> None:
        """Send; raise LinkError if that fails."""

    async def close(self) -> None:
        """Release the line."""


@dataclass(frozen=True, slots=True)
class Bus:
    """What an address says: where the bus is, who is on it (empty: look), and how it is asked."""

    place: str
    slaves: tuple[Slave, ...] = ()
    every_s: int = EVERY_S
    baud: int = DEFAULT_BAUD


class MbusLink:
    """Rounds over the meters of one bus, a new one begun every `every_s` seconds, for ever."""

    is_finite = False

    def __init__(self, line: Line, dialogue: MbusDialogue, *, every_s: float) -> None:
        self._line = line
        self._dialogue = dialogue
        self._every_s = every_s
        self._next_s = 0.0
        self._actions: deque[Action] = deque()

    @property
    def longest_pause_s(self) -> float:
        """The pause between two rounds, and as long as one may be silent."""
        return self._every_s + self._dialogue.longest_silence_s

    async def read(self) -> bytes:
        """Return what the bus gave next; raise LinkError when nobody answers or the port fails.

        Safe to cancel: an action that was cut short is taken up again, but nothing is sent twice.
        """
        while True:
            if not self._actions:
                await self._until_due()
                self._actions.extend(self._dialogue.start())
            action = self._actions[0]
            if isinstance(action, Wait):
                chunk = await self._listen(action.seconds)
                if chunk:
                    return chunk
                continue
            await self._perform(action)

    async def close(self) -> None:
        """Release the port."""
        await self._line.close()

    async def _until_due(self) -> None:
        """Wait for the time of the next round, and set that of the one after it."""
        loop = asyncio.get_running_loop()
        await asyncio.sleep(max(0.0, self._next_s - loop.time()))
        self._next_s = loop.time() + self._every_s

    async def _listen(self, seconds: float) -> bytes:
        """Return what arrives within the time, and learn what to do next; b"" if nothing did."""
        chunk = b""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                chunk = await self._line.read()
        following = self._dialogue.receive(chunk) if chunk else self._dialogue.time_out()
        self._actions = deque(following)
        return chunk

    async def _perform(self, action: Action) -> None:
        match action:
            case Send(content):
                self._actions.popleft()
                await self._line.write(content)
            case Pause(seconds):
                await asyncio.sleep(seconds)
                self._actions.popleft()
            case Done(fault, hint):
                self._actions.popleft()
                if fault:
                    raise LinkError(fault, hint=hint)
            case SetBaud() | Wait():
                self._actions.popleft()


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
    place, _, query = address.removeprefix(MBUS).partition("?")
    if not place.startswith("/") and not _is_network(place):
        raise OperatorError(f"link address {address!r} names no bus", hint=f"use {FORM}")
    try:
        asked = dict(parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query)))
    except ValueError as error:
        raise OperatorError(f"link address {address!r}: {error}", hint=f"use {FORM}") from error
    if strange := sorted(asked.keys() - {"addresses", "secondary", "every_s", "baud"}):
        raise OperatorError(
            f"link address {address!r} has {strange[0]!r}, which is not known", hint=f"use {FORM}"
        )
    slaves = _primary(asked.get("addresses", "")) + _secondary(asked.get("secondary", ""))
    every_s = _number(asked, "every_s", EVERY_S, range(SHORTEST_S, LONGEST_S + 1))
    return Bus(place, slaves, every_s, _number(asked, "baud", DEFAULT_BAUD, BAUDS))


def _is_network(place: str) -> bool:
    try:
        parts = urlsplit(place)
        return place.startswith(NETWORK) and bool(parts.hostname) and parts.port is not None
    except ValueError:
        return False


def _number(asked: dict[str, str], name: str, default: int, known: Collection[int]) -> int:
    written = asked.get(name)
    if written is None:
        return default
    if re.fullmatch(r"[0-9]{1,6}", written) and int(written) in known:
        return int(written)
    allowed = (
        f"{known[0]} to {known[-1]}" if isinstance(known, range) else ", ".join(map(str, known))
    )
    raise OperatorError(f"M-Bus {name} {written!r} is not usable", hint=f"give {allowed}")


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
