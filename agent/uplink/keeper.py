"""Keeps a transport connected: one connection after another, with growing pauses between.

Owns the task; knows nothing of how a connection is made.
"""

import asyncio
import contextlib
import logging
import random
from collections.abc import Awaitable, Callable

from agent.uplink.pacing import Backoff
from agent.uplink.port import Disconnected, Event

RECONNECT_S_MIN = 1.0
RECONNECT_S_MAX = 60.0
"""A cloud that is away an hour is found again within a minute of its return."""

_logger = logging.getLogger(__name__)


class Keeper:
    """Runs `connect_once` for ever: it holds one connection and returns what ended it.

    It is given `succeeded`, to be called once the connection stands.
    """

    def __init__(
        self,
        connect_once: Callable[[Callable[[], None]], Awaitable[str]],
        deliver: Callable[[Event], None],
    ) -> None:
        self._connect_once = connect_once
        self._deliver = deliver
        self._pauses = Backoff(RECONNECT_S_MIN, RECONNECT_S_MAX, random.random)
        self._task = asyncio.create_task(self._run(), name="uplink")

    async def stop(self) -> None:
        """End the connection, letting it say goodbye."""
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task

    async def _run(self) -> None:
        while True:
            try:
                reason = await self._connect_once(self._pauses.reset)
            except Exception as error:  # the loop's boundary: one try must not end all others
                _logger.exception("a connection to the cloud failed in a way not foreseen")
                reason = f"unforeseen: {error}"
            self._deliver(Disconnected(reason))
            await asyncio.sleep(self._pauses.next_s())
