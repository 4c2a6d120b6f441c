"""An optical head without the waiting: a fake line that answers at once, and a hurried dialogue."""

import asyncio

from firmware_bridge.meters.iec62056_dialogue import (
    Action,
    Iec62056Dialogue,
    Pause,
    Wait,
    data_block,
)
from shared.errors import LinkError

IDENTIFICATION = b"/EXM5TYPE\r\n"
BLOCK = data_block(b"1.8.0(1*kWh)\r\n!\r\n")
ANSWERS = {b"/?!\r\n": IDENTIFICATION, b"\x06050\r\n": BLOCK}


class FakeLine:
    """Answers each message written to it; keeps all that was asked of it.

    `arrive` gives bytes nobody asked for; `unplug` lets it fail as a port does.
    """

    def __init__(self, answers: dict[bytes, bytes]) -> None:
        self._answers = answers
        self._ready: asyncio.Queue[bytes] = asyncio.Queue()
        self.log: list[bytes | int] = []
        self.is_closed = False

    async def read(self) -> bytes:
        """Return the next answer; raise LinkError where the line is gone."""
        self._check()
        chunk = await self._ready.get()
        self._check()
        return chunk

    async def write(self, content: bytes) -> None:
        """Keep what was sent, and answer it."""
        self._check()
        self.log.append(content)
        if content in self._answers:
            self.arrive(self._answers[content])

    def retune(self, *, baud: int, framing: str) -> None:
        """Keep the speed asked for."""
        self._check()
        assert framing == "7E1"
        self.log.append(baud)

    async def close(self) -> None:
        """Be closed."""
        self.is_closed = True

    def arrive(self, chunk: bytes) -> None:
        """Let bytes arrive."""
        self._ready.put_nowait(chunk)

    def unplug(self) -> None:
        """Fail from now on, for whoever waits too."""
        self.is_closed = True
        self.arrive(b"gone")

    def _check(self) -> None:
        if self.is_closed:
            raise LinkError("the line is closed")


class FastDialogue(Iec62056Dialogue):
    """The real dialogue without its pauses, for a line that answers at once."""

    def start(self) -> list[Action]:
        """Begin a readout."""
        return _hurried(super().start())

    def receive(self, chunk: bytes) -> list[Action]:
        """Go on with what came."""
        return _hurried(super().receive(chunk))

    def time_out(self) -> list[Action]:
        """Go on where nothing came."""
        return _hurried(super().time_out())


def _hurried(actions: list[Action]) -> list[Action]:
    """Take the waiting out."""
    return [
        Wait(0.01) if isinstance(one, Wait) else one
        for one in actions
        if not isinstance(one, Pause)
    ]
