"""One device that a link reads and somebody else needs for a while: taken in turns.

Owns whose turn it is; what is read, and what else is done with the device, is others'. A link that
is asked for its device is lost like any other, and its opener waits until the device is back.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

from firmware_bridge.links.port import Link
from firmware_bridge.links.reconnecting import Opener
from shared.errors import LinkError


class LendableDevice:
    """A device; what opens it goes through `opener`, and `borrow` has it meanwhile."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()
        self._is_wanted = asyncio.Event()
        self._wanting = 0

    def opener(self, opener: Opener, on_wait: Callable[[], object]) -> Opener:
        """Return what opens the device in its turn; `on_wait` hears that it is lent just now."""

        async def open_in_turn() -> Link:
            if self._is_wanted.is_set() or self._turn.locked():
                on_wait()
            await self._turn.acquire()
            try:
                return _TurnLink(await opener(), self._is_wanted, self._turn)
            except BaseException:
                self._turn.release()
                raise

        return open_in_turn

    @contextlib.asynccontextmanager
    async def borrow(self) -> AsyncIterator[None]:
        """Have the link let go of the device, and keep it until this ends."""
        self._wanting += 1
        self._is_wanted.set()
        try:
            await self._turn.acquire()
        finally:
            # Whoever opens it next waits for the turn, and is asked only where another wants it.
            self._wanting -= 1
            if not self._wanting:
                self._is_wanted.clear()
        try:
            yield
        finally:
            self._turn.release()


class _TurnLink:
    """A link that fails once its device is wanted, and gives the turn up when it is closed."""

    def __init__(self, link: Link, is_wanted: asyncio.Event, turn: asyncio.Lock) -> None:
        self._link = link
        self._is_wanted = is_wanted
        self._turn: asyncio.Lock | None = turn

    @property
    def is_finite(self) -> bool:
        """As the link's."""
        return self._link.is_finite

    @property
    def longest_pause_s(self) -> float:
        """As the link's."""
        return self._link.longest_pause_s

    async def read(self) -> bytes:
        """Read from the link; raise LinkError where it does, or once the device is wanted."""
        reading = asyncio.ensure_future(self._link.read())
        wanted = asyncio.ensure_future(self._is_wanted.wait())
        try:
            await asyncio.wait({reading, wanted}, return_when=asyncio.FIRST_COMPLETED)
            if reading.done():
                return reading.result()
            raise LinkError("its device is being given firmware", hint="it goes on by itself")
        finally:
            reading.cancel()
            wanted.cancel()

    async def close(self) -> None:
        """Close the link and give the turn up."""
        turn, self._turn = self._turn, None
        try:
            await self._link.close()
        finally:
            if turn is not None:
                turn.release()
