"""Live samples from the hubs' live topic to everyone who watches a meter. Nothing is stored.

Messages arrive on the MQTT thread and come to the event loop, which owns all else here, through
`inbox.py`. A sample is decoded and written once, however many watch. Asking hubs for samples is
`demands.py`'s.
"""

import asyncio
import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from itertools import islice
from typing import NamedTuple

from cloud.live.inbox import HouseholdsOf, Inbox
from cloud.live.messages import EventId, Message, read_event_id, sample_message
from cloud.live.ring import KEPT_MS, Ring
from cloud.live.viewers import Viewer
from cloud.problems import ProblemError
from shared import topics
from shared.clock import Clock, SystemClock
from shared.errors import BadInputError
from shared.protocol import Live, decode_live
from shared.units import MS_PER_SECOND

MAX_VIEWERS = 12_000
"""One process's share of open streams: each holds a connection, and 10,000 are measured."""

MAX_VIEWERS_OF_HOUSEHOLD = 100
"""No household takes every place: a family's devices, each in some tabs, are fewer."""

MAX_AUDIENCES = 12_000
"""Meters that are watched, or may be resumed: as many as viewers, each of another meter."""

GRACE_S = KEPT_MS / MS_PER_SECOND
"""Hubs go on so long after the last viewer left: one that comes back has missed nothing."""

HEARTBEAT_S = 15.0
"""A word this often keeps proxies from closing a quiet stream, and finds viewers who left."""

MAX_HEARTBEATS = 500
"""In one tick: ten thousand that began together must not hold up the samples together."""

MAX_STREAM_S = 900.0
"""A stream ends then and is resumed without loss: who may no longer look is found at the door."""

ALL_KEPT = "0"
"""In place of the id of a sample: all that is kept is wanted, and nothing was seen."""


class Place(NamedTuple):
    """A household's meter."""

    household_id: str
    meter: str


class Audience:
    """Who watches one meter, and until when somebody is to be expected back."""

    def __init__(self, ring: Ring) -> None:
        self.ring = ring
        self.viewers: set[Viewer] = set()
        self.wanted_until_s = 0.0

    def is_wanted(self, now_s: float) -> bool:
        """Tell whether the meter's hubs are to send: somebody looks, did lately, or has asked."""
        return bool(self.viewers) or now_s < self.wanted_until_s


class LiveFeed:
    """Fans live samples out by (household, meter); `households_of` as `Inbox` asks it."""

    def __init__(
        self,
        households_of: HouseholdsOf,
        monotonic_s: Callable[[], float] = time.monotonic,
        clock: Clock | None = None,
    ) -> None:
        self._inbox = Inbox(households_of, self._take, monotonic_s)
        self._monotonic_s = monotonic_s
        self._clock = clock or SystemClock()
        self._life = secrets.token_hex(4)
        self._number = 0
        self.audiences: dict[Place, Audience] = {}
        self._by_household: Counter[str] = Counter()
        self._viewer_count = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self.is_roused = asyncio.Event()
        """Set when an audience is new: `demands.py` need not wait for its tick."""
        self.counts: Counter[str] = Counter()

    def attach(self, loop: asyncio.AbstractEventLoop) -> None:
        """Say which event loop the viewers live on."""
        self._loop = loop
        self._inbox.attach(loop)

    def receive(self, topic: str, payload: bytes) -> None:
        """Take a message from any thread; where nobody looks it costs next to nothing."""
        try:
            thing = topics.check_hub(topics.thing_of(topic))
            live = decode_live(payload)
        except BadInputError:
            self.counts["bad-messages"] += 1
            return
        if not self.audiences:
            self.counts["unwatched"] += 1
            return
        if not self._inbox.put(thing, live):
            self.counts["unattached"] += 1

    async def settle(self) -> None:
        """Return once all that was received is with its viewers."""
        await self._inbox.settle()

    def _take(self, household_id: str | None, live: Live) -> None:
        if household_id is None:
            self.counts["unknown-hub"] += 1
        elif Place(household_id, live.meter) not in self.audiences:
            self.counts["unwatched"] += 1
        else:
            self.deliver(household_id, live)

    def deliver(self, household_id: str, live: Live) -> None:
        """Give a sample to each viewer of its meter; runs on the event loop."""
        audience = self.audiences.get(Place(household_id, live.meter))
        if audience is None:
            return
        event_id = self._next_id()
        message = sample_message(live, event_id)
        audience.ring.add(event_id, message)
        now_s = self._monotonic_s()
        for viewer in audience.viewers:
            if not viewer.put(message, now_s):
                self.counts["dropped"] += 1

    def close(self) -> None:
        """End every stream; from any thread, or a signal's handler."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._end_all)

    @property
    def viewer_count(self) -> int:
        """How many streams are open."""
        return self._viewer_count

    def expect(self, household_id: str, meter: str, for_s: float) -> None:
        """Keep a meter's audience for so long, though nobody has come yet."""
        audience = self._audience(Place(household_id, meter))
        audience.wanted_until_s = max(audience.wanted_until_s, self._monotonic_s() + for_s)

    def check_room(self, household_id: str) -> None:
        """Raise ProblemError 503 where no stream more may be opened, 429 for this household."""
        if self._by_household[household_id] >= MAX_VIEWERS_OF_HOUSEHOLD:
            raise ProblemError(
                HTTPStatus.TOO_MANY_REQUESTS,
                f"{MAX_VIEWERS_OF_HOUSEHOLD} streams of this household are open already",
                hint="close some: one stream a device is enough",
            )
        if self.viewer_count >= MAX_VIEWERS or len(self.audiences) >= MAX_AUDIENCES:
            raise ProblemError(
                HTTPStatus.SERVICE_UNAVAILABLE,
                f"{self.viewer_count} streams are open already",
                hint="try again later",
            )

    @contextmanager
    def watching(self, household_id: str, meter: str, after: str = "") -> Iterator[Viewer]:
        """Watch a meter for as long as the block lasts, from after the sample with this id on."""
        audience = self._audience(Place(household_id, meter))
        missed, is_complete = _resume(audience.ring, after)
        viewer = Viewer(self._monotonic_s(), missed, is_complete=is_complete)
        audience.viewers.add(viewer)
        self._by_household[household_id] += 1
        self._viewer_count += 1
        try:
            yield viewer
        finally:
            audience.viewers.discard(viewer)
            self._viewer_count -= 1
            self._by_household[household_id] -= 1
            if not self._by_household[household_id]:
                del self._by_household[household_id]
            until_s = self._monotonic_s() + GRACE_S
            audience.wanted_until_s = max(audience.wanted_until_s, until_s)

    def tick(self) -> None:
        """Keep quiet streams alive, and end those that are due; call it each second."""
        now_s = self._monotonic_s()
        viewers = [one for audience in self.audiences.values() for one in audience.viewers]
        quiet = (one for one in viewers if now_s - one.put_s >= HEARTBEAT_S)
        for viewer in islice(quiet, MAX_HEARTBEATS):
            viewer.keep_alive(now_s)
        for viewer in viewers:
            if now_s - viewer.began_s >= MAX_STREAM_S:
                viewer.end()

    def _audience(self, place: Place) -> Audience:
        audience = self.audiences.get(place)
        if audience is None:
            audience = self.audiences[place] = Audience(Ring(self._next_id()))
            self.is_roused.set()
        return audience

    def _next_id(self) -> EventId:
        self._number += 1
        return EventId(self._clock.utc_ms(), self._number, self._life)

    def _end_all(self) -> None:
        for audience in self.audiences.values():
            for viewer in audience.viewers:
                viewer.end()


def _resume(ring: Ring, after: str) -> tuple[list[Message], bool | None]:
    """List what a viewer has missed, and tell whether that is all; None for one that is new."""
    if not after:
        return [], None
    if after == ALL_KEPT:
        return ring.kept(), None
    seen = read_event_id(after)
    return ([], False) if seen is None else ring.after(seen)
