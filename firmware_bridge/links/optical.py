"""An optical head on a serial port: asks the meter for a readout now and again.

Owns the waiting and the line; what is said is `meters/iec62056_dialogue.py`'s. To its reader it is
a link like any other: everything the meter sends, echoes included, for the codec to decode.
"""

import asyncio
from collections import deque
from typing import Protocol

from firmware_bridge.links.serial_port import open_serial
from firmware_bridge.meters.iec62056_dialogue import (
    FRAMING,
    START_BAUD,
    Action,
    Done,
    Iec62056Dialogue,
    Pause,
    Send,
    SetBaud,
    Wait,
)
from shared.errors import LinkError

READOUT_EVERY_S = 60
"""A readout takes 3 to 40 s of the meter's light; once a minute shows power without wearing it."""

LONGEST_READOUT_S = 600
"""The largest readout at 300 baud; a silence watchdog must wait this and the pause between two."""


class Line(Protocol):
    """A serial line that can be written to and retuned; `serial_port.SerialLink` is one."""

    async def read(self) -> bytes:
        """Return the next bytes; raise LinkError when the port has gone away."""

    async def write(self, content: bytes) -> None:
        """Send, and return when the last byte has left; raise LinkError if that fails."""

    def retune(self, *, baud: int, framing: str) -> None:
        """Change speed and framing; raise LinkError if the port refuses."""

    async def close(self) -> None:
        """Release the port."""


class OpticalLink:
    """Readouts of one meter, a new one begun every `every_s` seconds, for ever."""

    is_finite = False

    def __init__(self, line: Line, dialogue: Iec62056Dialogue, *, every_s: float) -> None:
        self.longest_pause_s = every_s + LONGEST_READOUT_S
        self._line = line
        self._dialogue = dialogue
        self._every_s = every_s
        self._next_s = 0.0
        self._actions: deque[Action] = deque()

    async def read(self) -> bytes:
        """Return what the meter sent next; raise LinkError when a readout fails or the port does.

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
        """Wait for the time of the next readout, and set that of the one after it."""
        loop = asyncio.get_running_loop()
        await asyncio.sleep(max(0.0, self._next_s - loop.time()))
        self._next_s = loop.time() + self._every_s

    async def _listen(self, seconds: float) -> bytes:
        """Return what arrives within the time, and learn what to do next; b"" if nothing did."""
        try:
            async with asyncio.timeout(seconds):
                chunk = await self._line.read()
        except TimeoutError:
            chunk = b""
        following = self._dialogue.receive(chunk) if chunk else self._dialogue.time_out()
        self._actions = deque(following)
        return chunk

    async def _perform(self, action: Action) -> None:
        match action:
            case Send(content):
                self._actions.popleft()
                await self._line.write(content)
            case SetBaud(baud):
                self._line.retune(baud=baud, framing=FRAMING)
                self._actions.popleft()
            case Pause(seconds):
                await asyncio.sleep(seconds)
                self._actions.popleft()
            case Done(fault, hint):
                self._actions.popleft()
                if fault:
                    raise LinkError(fault, hint=hint)


def open_optical(
    path: str, dialogue: Iec62056Dialogue | None = None, *, every_s: float = READOUT_EVERY_S
) -> OpticalLink:
    """Open an optical head on a serial port; raise LinkError, with the fix in its hint."""
    line = open_serial(path, baud=START_BAUD, framing=FRAMING)
    return OpticalLink(line, dialogue or Iec62056Dialogue(), every_s=every_s)
