"""Live power: from the hubs' live topic to everyone who watches a meter. Nothing here is stored.

Messages arrive on the MQTT thread and are handed to the event loop, which owns the viewers. One
that reads too slowly loses the oldest samples, counted: live is about now.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from shared import topics
from shared.errors import BadInputError
from shared.protocol import Live, decode_live

MAX_WAITING_SAMPLES = 8
"""At a sample a second, what a viewer may lag before the oldest is dropped."""

MAX_VIEWERS = 200
"""One process's share of open streams: each holds a connection."""

ANSWER_HOLDS_S = 2.0
"""How long a revoked hub may still be shown; a hub at 2 Hz costs a query every fourth sample."""

MAX_REMEMBERED = 10_000
"""Hubs whose household is remembered: a few megabytes."""

Viewer = asyncio.Queue[Live | None]
"""Samples for one viewer; None ends the stream."""


class LiveFeed:
    """Fans live samples out by (household, meter).

    `household_of` names a hub's household, None where its live samples may not be shown: it is
    unknown, revoked, or limited to less. It is asked again after `ANSWER_HOLDS_S`.
    """

    def __init__(
        self,
        household_of: Callable[[str], str | None],
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._household_of = household_of
        self._monotonic_s = monotonic_s
        self._households: dict[str, tuple[str | None, float]] = {}
        self._viewers: dict[tuple[str, str], set[Viewer]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self.counts: Counter[str] = Counter()

    def attach(self, loop: asyncio.AbstractEventLoop) -> None:
        """Say which event loop the viewers live on."""
        self._loop = loop

    def receive(self, topic: str, payload: bytes) -> None:
        """Take a message from any thread."""
        try:
            thing = topics.check_hub(topics.thing_of(topic))
            live = decode_live(payload)
        except BadInputError:
            self.counts["bad-messages"] += 1
            return
        household_id = self._find_household(thing)
        if household_id is None or self._loop is None or self._loop.is_closed():
            self.counts["unknown-hub"] += 1
            return
        self._loop.call_soon_threadsafe(self.deliver, household_id, live)

    def deliver(self, household_id: str, live: Live) -> None:
        """Give a sample to each viewer of its meter; runs on the event loop."""
        for viewer in self._viewers.get((household_id, live.meter), ()):
            self._put(viewer, live)

    def close(self) -> None:
        """End every stream; from any thread, or a signal's handler."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._end_all)

    @property
    def viewer_count(self) -> int:
        """How many streams are open."""
        return sum(len(viewers) for viewers in self._viewers.values())

    @contextmanager
    def watching(self, household_id: str, meter: str) -> Iterator[Viewer]:
        """Watch a meter for as long as the block lasts."""
        viewer: Viewer = asyncio.Queue(MAX_WAITING_SAMPLES)
        key = (household_id, meter)
        self._viewers.setdefault(key, set()).add(viewer)
        try:
            yield viewer
        finally:
            self._viewers[key].discard(viewer)
            if not self._viewers[key]:
                del self._viewers[key]

    def _put(self, viewer: Viewer, live: Live | None) -> None:
        if viewer.full():
            viewer.get_nowait()
            self.counts["dropped"] += 1
        viewer.put_nowait(live)

    def _end_all(self) -> None:
        for viewers in self._viewers.values():
            for viewer in viewers:
                self._put(viewer, None)

    def _find_household(self, thing: str) -> str | None:
        household_id, until_s = self._households.get(thing, (None, 0.0))
        if self._monotonic_s() < until_s:
            return household_id
        if len(self._households) >= MAX_REMEMBERED:
            self._households.clear()
        household_id = self._household_of(thing)
        self._households[thing] = (household_id, self._monotonic_s() + ANSWER_HOLDS_S)
        return household_id
