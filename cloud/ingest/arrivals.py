"""What has come for an ingest worker and waits for it: a bounded queue, its frames read already.

A frame is read by the thread it arrives on, while the worker's own waits for the database to commit
the batch before. Reading asks nothing of the database and changes nothing: what is lost here was
never answered, and its hub sends it again.
"""

import logging
import queue
import time
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
        self._queue: queue.Queue[Arrival] = queue.Queue(MAX_QUEUED)

    def __len__(self) -> int:
        """How many wait now."""
        return self._queue.qsize()

    def put(self, kind: str, message: Message) -> bool:
        """Queue a message, waiting while there is no room; false where none came free."""
        read = _read_ahead(message) if kind == FRAMES else None
        try:
            self._queue.put(Arrival(kind, message, read), timeout=FULL_QUEUE_S_MAX)
        except queue.Full:
            return False
        return True

    def gather(self, count_max: int) -> list[Arrival]:
        """Take what has arrived, waiting a little for company."""
        try:
            batch = [self._queue.get(timeout=POLL_S)]
        except queue.Empty:
            return []
        until = time.monotonic() + LINGER_S
        while len(batch) < count_max:
            try:
                batch.append(self._queue.get_nowait())
                continue
            except queue.Empty:
                left = until - time.monotonic()
            if left <= 0:
                break
            try:
                batch.append(self._queue.get(timeout=left))
            except queue.Empty:
                break
        return batch


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
