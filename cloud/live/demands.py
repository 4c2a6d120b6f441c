"""Asks hubs for live samples while somebody looks, and ends that when nobody does.

One task of the API. A demand ends by itself at the hub, and is renewed before: what a process that
was killed has asked for is over minutes later.
"""

import asyncio
import contextlib
import logging
import secrets
import time
from collections.abc import Callable
from typing import NamedTuple

from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool

from cloud.db import Database
from cloud.live.feed import LiveFeed, Place
from cloud.live.repository import HubState, hubs_of, put_demand
from cloud.registry.port import DeviceRegistry
from cloud.scope import Scope
from shared import topics
from shared.clock import Clock
from shared.errors import HearthlinkError
from shared.shadows import LiveDemand
from shared.units import MS_PER_SECOND

RENEW_S = 60.0
DEMAND_S = 150
"""Two renewals may fail before a hub stops that somebody watches."""

RETRY_S = 5.0
"""How soon it is tried again to ask a hub that could not be asked."""

TICK_S = 1.0
MAX_AT_ONCE = 8
"""Places asked for at the same time: each takes a thread and a connection of the pool."""

MAX_HOLDER_CHARS = 96

_log = logging.getLogger(__name__)


class _Asked(NamedTuple):
    """Which hubs were asked last, and when that is to be done anew."""

    things: tuple[str, ...]
    due_s: float


class Demands:
    """One process's demands on hubs; `run` is its task.

    Every process notes its own, so that one whose viewers have left does not end what another's
    still need.
    """

    def __init__(
        self,
        feed: LiveFeed,
        database: Database,
        registry: DeviceRegistry,
        clock: Clock,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._feed = feed
        self._database = database
        self._registry = registry
        self._clock = clock
        self._monotonic_s = monotonic_s
        self._life = secrets.token_hex(4)
        self._asked: dict[Place, _Asked] = {}

    async def run(self) -> None:
        """Look each second who looks, and at once when somebody new does; for ever."""
        while True:
            self._feed.is_roused.clear()
            self._feed.tick()
            await self.settle()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(TICK_S):
                    await self._feed.is_roused.wait()

    async def settle(self) -> None:
        """Ask for what is due, and take back what nobody wants any more."""
        now_s = self._monotonic_s()
        due = []
        for place, audience in list(self._feed.audiences.items()):
            if not audience.is_wanted(now_s):
                del self._feed.audiences[place]
            elif place not in self._asked or now_s >= self._asked[place].due_s:
                due.append(place)
        gone = [place for place in self._asked if place not in self._feed.audiences]
        work = [(place, True) for place in due] + [(place, False) for place in gone]
        for first in range(0, len(work), MAX_AT_ONCE):
            batch = work[first : first + MAX_AT_ONCE]
            await asyncio.gather(*(self._settle_one(*one) for one in batch))

    async def _settle_one(self, place: Place, is_wanted: bool) -> None:
        before = self._asked.get(place, _Asked((), 0.0))
        try:
            if is_wanted:
                things = await run_in_threadpool(self._ask, place, before.things)
                self._asked[place] = _Asked(things, self._monotonic_s() + RENEW_S)
            else:
                await run_in_threadpool(self._end, place, before.things)
                self._asked.pop(place, None)
        except (HearthlinkError, SQLAlchemyError) as error:
            self._feed.counts["failed-demands"] += 1
            _log.warning("hubs of a watched meter cannot be asked: %s", error)
            if is_wanted:
                self._asked[place] = before._replace(due_s=self._monotonic_s() + RETRY_S)
            else:
                # It is over by itself soon.
                self._asked.pop(place, None)

    def _ask(self, place: Place, before: tuple[str, ...]) -> tuple[str, ...]:
        now_ms = self._clock.utc_ms()
        scope = Scope.of(place.household_id)
        with self._database.writing(scope) as connection:
            found = hubs_of(connection, scope, place.meter)
            states = {one.thing: one.state for one in found}
            # In one order: two processes may lock the same hubs.
            wanted = sorted(
                thing
                for thing, state in states.items()
                if state in (HubState.ASKED, HubState.OFFLINE)
            )
            holder = self._holder(place.meter)
            until_ms = now_ms + DEMAND_S * MS_PER_SECOND
            demands = [
                (thing, put_demand(connection, thing, holder, until_ms, now_ms)) for thing in wanted
            ]
            # What a hub no longer allows needs no word: it stopped by itself.
            for thing in sorted(set(before) & states.keys() - set(wanted)):
                put_demand(connection, thing, holder, 0, now_ms)
        for thing, demand in demands:
            self._tell(thing, demand)
        return tuple(wanted)

    def _end(self, place: Place, things: tuple[str, ...]) -> None:
        now_ms = self._clock.utc_ms()
        holder = self._holder(place.meter)
        with self._database.writing() as connection:
            demands = [
                (thing, put_demand(connection, thing, holder, 0, now_ms)) for thing in things
            ]
        for thing, demand in demands:
            # Where another process still wants it, that one's next renewal says how long.
            if demand.for_s == 0:
                self._tell(thing, demand)

    def _tell(self, thing: str, demand: LiveDemand) -> None:
        state = {"revision": demand.revision, "for_s": demand.for_s}
        self._registry.desire(thing, topics.LIVE_SHADOW, state)
        self._feed.counts["demands"] += 1

    def _holder(self, meter: str) -> str:
        return f"{self._life}:{meter}"[:MAX_HOLDER_CHARS]
