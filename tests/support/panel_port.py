"""A panel at the far end of a serial port in memory, as a hub's line opens it."""

import asyncio
from collections.abc import Callable, Coroutine
from random import Random
from typing import Any

from firmware_bridge.display.messages import Hello, PanelMessage
from firmware_bridge.display.panel_end import PanelEnd
from shared.errors import LinkError
from tests.simulation.loop import VirtualLoop
from tests.support.panel_line import HELLO


class FakePort:
    """A port whose far end is a `PanelEnd`; it can be deaf, mute, full, babbling or pulled out."""

    def __init__(self, hello: Hello = HELLO, clock: Callable[[], int] | None = None) -> None:
        self.panel = PanelEnd(hello)
        self.news: list[PanelMessage] = []
        self.written = b""
        self.is_deaf = False
        self.is_mute = False
        self.room_bytes: int | None = None
        self.is_closed = False
        self._clock = clock or (lambda: int(asyncio.get_running_loop().time() * 1_000))
        self._received = bytearray()
        self._readable = asyncio.Event()
        self._lost = False

    async def read(self) -> bytes:
        """Return what the panel has sent."""
        while not self._received:
            if self._lost:
                raise LinkError("the port hung up", hint="plug it in")
            self._readable.clear()
            await self._readable.wait()
        chunk = bytes(self._received[:16_384])
        del self._received[:16_384]
        return chunk

    def write_now(self, content: bytes) -> int:
        """Hand bytes to the panel, as many as there is room for."""
        if self._lost:
            raise LinkError("the port hung up", hint="plug it in")
        taken = len(content) if self.room_bytes is None else min(self.room_bytes, len(content))
        if self.room_bytes is not None:
            self.room_bytes -= taken
        self.written += content[:taken]
        if not self.is_deaf:
            for one in self.panel.receive(content[:taken], self._clock()):
                assert not isinstance(one, tuple)
                self.news.append(one)
            self.speak()
        return taken

    async def close(self) -> None:
        """Note that the port was released."""
        self.is_closed = True

    def speak(self) -> None:
        """Let what the panel wants to send arrive."""
        said = self.panel.take_outgoing()
        self.arrive(b"" if self.is_mute else said)

    def arrive(self, raw: bytes) -> None:
        """Let any bytes arrive."""
        if raw:
            self._received += raw
            self._readable.set()

    def pull(self) -> None:
        """Pull the cable out."""
        self._lost = True
        self._readable.set()

    def news_of(self, kind: type[PanelMessage]) -> list[PanelMessage]:
        """List what the panel was told of one kind."""
        return [one for one in self.news if isinstance(one, kind)]

    async def live(self) -> None:
        """Be a panel for as long as the test lasts: time passes for it too."""
        while True:
            await asyncio.sleep(0.01)
            self.panel.advance(self._clock())
            self.speak()


def loop_ms() -> int:
    """Tell the virtual time of the loop that a test runs in."""
    return int(asyncio.get_running_loop().time() * 1_000)


def play(test: Coroutine[None, None, None]) -> None:
    """Run a test on virtual time; what it leaves running is cancelled."""
    loop = VirtualLoop(Random(1))
    try:
        loop.run_until_complete(test)
    finally:
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        loop.run_until_complete(_ended(left))
        loop.close()


async def _ended(tasks: set[asyncio.Task[Any]]) -> None:
    await asyncio.gather(*tasks, return_exceptions=True)
