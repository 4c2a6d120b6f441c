"""Requests that wait to be answered: a lane for each asker, taken in turn, each of bounded length.

Whatever one asker sends, another's request is behind one of each asker at most. Knows nothing of
what is asked; safe to use from several threads.
"""

import threading
from collections import OrderedDict, deque
from typing import NamedTuple

from shared.topics import CREATE_FROM_CSR

MAX_QUEUED = 1_000
"""Requests that wait: at two milliseconds each two seconds, less than a hub's patience."""

MAX_OF_ONE = 32
"""Of one asker: a hub that connects asks for a handful of shadows and its jobs."""

MAX_UNNAMED = 500
"""Of all who ask for a certificate: that topic is everybody's, and does not tell who asks."""

NAME_LEVELS = 3


class Waiting(NamedTuple):
    """A request, and the topic it came on."""

    topic: str
    payload: bytes


def lane_of(topic: str) -> str:
    """Name who asks: AWS IoT's topics begin with what is asked of and the asker's own name."""
    return "/".join(topic.split("/")[:NAME_LEVELS])


UNNAMED = lane_of(CREATE_FROM_CSR)


class Lanes:
    """A queue that no asker can fill for others."""

    def __init__(self) -> None:
        self._lanes: OrderedDict[str, deque[Waiting]] = OrderedDict()
        self._count = 0
        self._refused: dict[str, Waiting] = {}
        self._changed = threading.Condition()

    def __len__(self) -> int:
        return self._count

    def put(self, topic: str, payload: bytes) -> bool:
        """Let a request wait; false where it, or another in its place, is dropped.

        Over its lane's length it is dropped itself, and remembered to be refused. Over the length
        of all, the longest lane loses its last.
        """
        lane = lane_of(topic)
        waiting = Waiting(topic, payload)
        with self._changed:
            present = self._lanes.get(lane, ())
            if len(present) >= (MAX_UNNAMED if lane == UNNAMED else MAX_OF_ONE):
                if lane in self._refused or len(self._refused) < MAX_QUEUED:
                    self._refused[lane] = waiting
                return False
            is_full = self._count >= MAX_QUEUED
            if is_full and not self._shorten(len(present)):
                return False
            self._lanes.setdefault(lane, deque()).append(waiting)
            self._count += 1
            self._changed.notify()
            return not is_full

    def take(self, wait_s: float) -> Waiting | None:
        """Take the next request, of another asker each time; None where none comes in time."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._count, wait_s):
                return None
            lane, present = self._lanes.popitem(last=False)
            waiting = present.popleft()
            if present:
                self._lanes[lane] = present
            self._count -= 1
            return waiting

    def take_refused(self) -> list[Waiting]:
        """Take the last request of each asker that was over its own length since the last call."""
        with self._changed:
            refused, self._refused = list(self._refused.values()), {}
        return refused

    def _shorten(self, length: int) -> bool:
        """Make room at the end of the longest lane; false where none is longer than `length`."""
        lane = max(self._lanes, key=lambda name: len(self._lanes[name]))
        if len(self._lanes[lane]) <= length + 1:
            return False
        self._lanes[lane].pop()
        self._count -= 1
        return True
