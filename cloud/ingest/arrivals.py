"""What has come for an ingest worker and waits for it: a bounded queue, its frames read already.

A frame is read by the thread it arrives on, while the worker's own waits for the database to commit
the batch before. Reading asks nothing of the database and changes nothing: what is lost here was
never answered, and its hub sends it again.
"""

import logging
import threading
from collections import deque
from typing import NamedTuple

from cloud.ingest.intake import Message, Read, read_message

MAX_QUEUED = 256
"""Messages between the network and the database: at the largest frame 32 MB."""

MAX_SLOTS_AHEAD = 512
"""Half hours that a frame read ahead may know, over its registers: 256 of them take 40 MB.

A day of ten counters has fewer; a frame whose samples lie years apart can have hundreds of times
as many, and is read when its turn comes.
"""

LINGER_S = 0.003
"""How long a batch waits for company: less than a commit takes."""

POLL_S = 0.2
"""How soon an idle worker notices that it is to stop."""

FULL_QUEUE_S_MAX = 10.0
"""Held up longer the connection would miss its keepalive; the hub sends what is dropped again."""

FRAMES = "frames"
"""The kind of message that is read ahead."""

_log = logging.getLogger(__name__)


class Arrival(NamedTuple):
    """A message off the wire; `read` is None of other kinds, and of a frame not yet read."""

    kind: str
    message: Message
    read: Read | None

    @property
    def thing(self) -> str:
        """The hub whose topic it came on."""
        return self.message.thing


class Arrivals:
    """The queue; `put` is for the network's thread, `gather` for the worker's."""

    def __init__(self) -> None:
        self._waiting: deque[Arrival] = deque()
        self._wanted = 1
        self._changed = threading.Condition()

    def __len__(self) -> int:
        """How many wait now."""
        return len(self._waiting)

    def put(self, kind: str, message: Message) -> bool:
        """Queue a message, waiting while there is no room; false where none came free."""
        read = _read_ahead(message) if kind == FRAMES else None
        with self._changed:
            if not self._changed.wait_for(self._has_room, FULL_QUEUE_S_MAX):
                return False
            self._waiting.append(Arrival(kind, message, read))
            # To be woken for each message would take the worker as long as to read it.
            if len(self._waiting) in (1, self._wanted):
                self._changed.notify_all()
        return True

    def gather(self, count_max: int) -> list[Arrival]:
        """Take what has arrived, the oldest first, waiting a little for company."""
        with self._changed:
            self._wanted = count_max
            if self._changed.wait_for(self._waiting.__len__, POLL_S):
                self._changed.wait_for(self._is_enough, LINGER_S)
            batch = [self._waiting.popleft() for _ in range(min(count_max, len(self._waiting)))]
            self._changed.notify_all()
        return batch

    def _has_room(self) -> bool:
        return len(self._waiting) < MAX_QUEUED

    def _is_enough(self) -> bool:
        return len(self._waiting) >= self._wanted


def _read_ahead(message: Message) -> Read | None:
    """Read a frame; None where it is too much to keep, or breaks the reading itself.

    Such a one is read with its batch, which gives up alone what cannot be done.
    """
    try:
        read = read_message(message, message.received_at_ms)
    except Exception:  # noqa: BLE001  # the network thread's boundary: no frame must end it
        _log.exception("frame of %s is not read ahead", message.thing)
        return None
    if read.outline is not None and sum(map(len, read.outline.edges.values())) > MAX_SLOTS_AHEAD:
        return None
    return read
