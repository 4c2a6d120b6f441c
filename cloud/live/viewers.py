"""One viewer's outbox: written on the event loop by the feed, read by the viewer's connection."""

import asyncio
from collections import deque
from collections.abc import Callable

from cloud.live.messages import HEARTBEAT, Message

MAX_WAITING = 8
"""At a sample a second, what a viewer may lag before the oldest is dropped: live is about now."""


Write = Callable[[Message], bool]
"""Writes a message at once; false where the connection cannot take it."""


class Viewer:
    """Messages for one connection; the bytes are shared with every other viewer of the meter."""

    __slots__ = (
        "_is_ended",
        "_resumed",
        "_waiting",
        "_wake",
        "_write",
        "began_s",
        "is_complete",
        "put_s",
    )

    def __init__(self, began_s: float, resumed: list[Message], *, is_complete: bool | None) -> None:
        """`resumed` is what it missed; `is_complete` whether that is all, None for a new one."""
        self._resumed = resumed
        self._waiting: deque[Message] = deque()
        self._wake: asyncio.Future[None] | None = None
        self._write: Write | None = None
        self._is_ended = False
        self.began_s = began_s
        self.put_s = began_s
        self.is_complete = is_complete

    def write_by(self, write: Write | None) -> None:
        """Let messages be written at once where nothing waits; `write` is the connection's.

        Its task need not be woken for each then, which is most of what a message costs.
        """
        self._write = write

    def put(self, message: Message, now_s: float) -> bool:
        """Hand a message over; false where the oldest had to go for it."""
        if self._is_written(message):
            self.put_s = now_s
            return True
        is_full = len(self._waiting) >= MAX_WAITING
        if is_full:
            self._waiting.popleft()
        self._waiting.append(message)
        self.put_s = now_s
        self._rouse()
        return not is_full

    def keep_alive(self, now_s: float) -> None:
        """Say that the stream lives, where nothing else waits to be said."""
        self.put_s = now_s
        if not self._waiting and not self._is_written(HEARTBEAT):
            self._waiting.append(HEARTBEAT)
            self._rouse()

    def end(self) -> None:
        """Let the connection end once it has said what waits."""
        self._is_ended = True
        self._rouse()

    async def take(self) -> list[Message]:
        """Wait for messages and take all there are; an empty list is the end."""
        if self._resumed:
            taken, self._resumed = self._resumed, []
            return taken
        if not self._waiting and not self._is_ended:
            self._wake = asyncio.get_running_loop().create_future()
            try:
                await self._wake
            finally:
                self._wake = None
        taken = list(self._waiting)
        self._waiting.clear()
        return taken

    def _is_written(self, message: Message) -> bool:
        """Write a message where the connection's task sleeps, having said all before it."""
        sleeps = self._wake is not None and not self._wake.done()
        return sleeps and self._write is not None and self._write(message)

    def _rouse(self) -> None:
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)
