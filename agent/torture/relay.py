"""A small TCP relay before the broker: the link that is cut, stalls, is slow, loses or tears.

It moves bytes and reads none. It runs on a loop in a thread of its own, until closed.
"""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from enum import Enum
from random import Random
from typing import Any

CHUNK_BYTES = 16_384
LOST = 0.3
RETRANSMIT_S = 0.2
"""Linux sends again after 200 ms at first, and each time doubles it."""

MOST_DOUBLINGS = 3
POLL_S = 0.02


class Link(Enum):
    """What the link is like."""

    UP = "up"
    DOWN = "down"
    """Connections are reset, and refused."""
    HALF_OPEN = "half-open"
    """Connections stand, and no byte arrives."""
    SLOW = "slow"
    """Every byte is late."""
    LOSSY = "lossy"
    """Some pieces are lost: they come as late as TCP sends them again, and all behind them too."""
    TORN = "torn"
    """The first half of a piece arrives, and then the connection is gone."""


class Relay:
    """Relays connections from `port` of the loopback to another one, as its link lets it."""

    def __init__(self, target_port: int) -> None:
        self._target_port = target_port
        self._link = Link.UP
        self._delay_s = 0.0
        self._draw = Random(target_port)  # noqa: S311  # spreads losses, guards no secret
        self.struck = 0
        """Pieces that were lost or torn."""
        self._writers: set[asyncio.StreamWriter] = set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="relay", daemon=True)
        self._thread.start()
        self._call(self._open()).result()

    def set(self, link: Link, delay_s: float = 0.0) -> None:
        """Change the link; `delay_s` is how late each piece is on a slow one."""
        self._call(self._change(link, delay_s)).result()

    def close(self) -> None:
        """Cut every connection and end the thread."""
        self.set(Link.DOWN)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._listener.close()

    def _call(self, work: Coroutine[Any, Any, None]) -> "Future[None]":
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    async def _open(self) -> None:
        self._server = await asyncio.start_server(self._serve, sock=self._listener)

    async def _change(self, link: Link, delay_s: float) -> None:
        self._link, self._delay_s = link, delay_s
        if link is Link.DOWN:
            for writer in list(self._writers):
                writer.transport.abort()

    def _is_down(self) -> bool:
        return self._link is Link.DOWN

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._is_down():
            writer.transport.abort()
            return
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self._target_port)
        except OSError:
            writer.transport.abort()
            return
        self._writers |= {writer, back}
        if self._is_down():
            # It went down while this connection was made, and cut only those it knew.
            writer.transport.abort()
            back.transport.abort()
        await asyncio.gather(self._pump(reader, back), self._pump(there, writer))
        self._writers -= {writer, back}

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while piece := await reader.read(CHUNK_BYTES):
                await asyncio.sleep(self._delay_s)
                while self._link is Link.HALF_OPEN:  # noqa: ASYNC110  # changed by a person's hand
                    await asyncio.sleep(POLL_S)
                if self._link is Link.TORN:
                    self.struck += 1
                    writer.write(piece[: len(piece) // 2])
                    break
                if self._link is Link.LOSSY and self._draw.random() < LOST:
                    self.struck += 1
                    await asyncio.sleep(RETRANSMIT_S * 2 ** self._draw.randint(0, MOST_DOUBLINGS))
                writer.write(piece)
                await writer.drain()
        writer.transport.abort()
