"""A line whose meters speak only when asked: a dialogue played on it, now and again.

Owns the waiting; what is said is the dialogue's, and the line's bytes are the reader's to decode.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Sequence
from typing import Protocol

from firmware_bridge.meters.iec62056_dialogue import Action, Done, Pause, Send, SetBaud, Wait
from shared.errors import LinkError


class Line(Protocol):
    """What meters are reached by: a serial port or a gateway in the network."""

    async def read(self) -> bytes:
        """Return the next bytes; raise LinkError when the line has gone away."""

    async def write(self, content: bytes) -> None:
        """Send, and return when the last byte has left; raise LinkError if that fails."""

    async def close(self) -> None:
        """Release the line."""


class Dialogue(Protocol):
    """Says what to do next; every answer ends with a Wait or Done."""

    def start(self) -> Sequence[Action]:
        """Begin a round."""

    def receive(self, chunk: bytes) -> Sequence[Action]:
        """Take what came."""

    def time_out(self) -> Sequence[Action]:
        """Take note that nothing came."""


class AskingLink:
    """Rounds of a dialogue, a new one begun every `every_s` seconds, for ever."""

    is_finite = False

    def __init__(self, line: Line, dialogue: Dialogue, *, every_s: float) -> None:
        self._line = line
        self._dialogue = dialogue
        self._every_s = every_s
        self._next_s = 0.0
        self._actions: deque[Action] = deque()

    async def read(self) -> bytes:
        """Return what came next; raise LinkError when a round fails or the line does.

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
        """Release the line."""
        await self._line.close()

    def _retune(self, baud: int) -> None:
        """Change the line's speed; most lines have one."""

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
            case SetBaud(baud):
                self._retune(baud)
                self._actions.popleft()
            case Pause(seconds):
                await asyncio.sleep(seconds)
                self._actions.popleft()
            case Done(fault, hint):
                self._actions.popleft()
                if fault:
                    raise LinkError(fault, hint=hint)
