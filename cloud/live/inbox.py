"""Live samples on their way from the MQTT thread to the event loop.

Those that come together are taken together: whose hubs they are of is asked once for all, and the
loop is woken once. A sample is given on within that, in the order in which it came.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence

from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool

from shared.protocol import Live

MAX_WAITING = 4_000
"""Samples; one more takes the place of the oldest. Eight times what 500 homes send at once."""

LOOKED_UP_AT_ONCE = 500
"""Hubs of one question."""

GIVEN_AT_ONCE = 16
"""Samples after which the loop goes on with all else: a few milliseconds of their viewers."""

ANSWER_HOLDS_S = 2.0
"""How long a revoked hub may still be shown; one at 2 Hz is asked for with every fourth sample."""

MAX_REMEMBERED = 10_000
"""Hubs whose household is remembered: a few megabytes."""

HouseholdsOf = Callable[[Sequence[str]], Mapping[str, str]]

_log = logging.getLogger(__name__)


class Inbox:
    """One process's; `give` is called on the event loop, with a household or None and a sample.

    `households_of` names hubs' households, and leaves out whose live samples may not be shown:
    they are unknown, revoked, or limited to less. It is asked again after `ANSWER_HOLDS_S`.
    """

    def __init__(
        self,
        households_of: HouseholdsOf,
        give: Callable[[str | None, Live], None],
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._households_of = households_of
        self._give = give
        self._monotonic_s = monotonic_s
        self._households: dict[str, tuple[str | None, float]] = {}
        self._waiting: deque[tuple[str, Live]] = deque(maxlen=MAX_WAITING)
        self._is_woken = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._carrying: asyncio.Task[None] | None = None

    def attach(self, loop: asyncio.AbstractEventLoop) -> None:
        """Say which event loop samples are given on."""
        self._loop = loop

    def put(self, thing: str, live: Live) -> bool:
        """Take a sample from any thread; false where there is no loop to give it on."""
        if self._loop is None or self._loop.is_closed():
            return False
        self._waiting.append((thing, live))
        # After the append: who empties the queue meanwhile has let this be said again before.
        if not self._is_woken:
            self._is_woken = True
            self._loop.call_soon_threadsafe(self._wake)
        return True

    async def settle(self) -> None:
        """Return once all that was put is given on."""
        while self._is_woken or self._carrying is not None:
            await (self._carrying or asyncio.sleep(0))

    def _wake(self) -> None:
        self._is_woken = False
        if self._carrying is None:
            self._carrying = asyncio.ensure_future(self._carry())

    async def _carry(self) -> None:
        try:
            while self._waiting:
                taken = [self._waiting.popleft() for _ in range(len(self._waiting))]
                await self._look_up({thing for thing, _ in taken})
                for place, (thing, live) in enumerate(taken, start=1):
                    self._give(self._households.get(thing, (None, 0.0))[0], live)
                    if place % GIVEN_AT_ONCE == 0:
                        await asyncio.sleep(0)
        finally:
            self._carrying = None

    async def _look_up(self, things: set[str]) -> None:
        """Ask for the households of hubs that are not known, or not any more."""
        now_s = self._monotonic_s()
        if len(self._households) >= MAX_REMEMBERED:
            self._households.clear()
        asked = sorted(one for one in things if self._households.get(one, (None, 0.0))[1] <= now_s)
        for first in range(0, len(asked), LOOKED_UP_AT_ONCE):
            some = asked[first : first + LOOKED_UP_AT_ONCE]
            try:
                found = await run_in_threadpool(self._households_of, some)
            except SQLAlchemyError as error:
                _log.warning("whose live samples are cannot be read: %s", error)
                found = {}
            until_s = self._monotonic_s() + ANSWER_HOLDS_S
            self._households.update((one, (found.get(one), until_s)) for one in some)
