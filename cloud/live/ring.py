"""The last two minutes of a watched meter, from which a stream that broke off is resumed. Pure."""

from collections import deque

from cloud.live.messages import EventId, Message

KEPT_MS = 120_000
"""A phone that changes networks, or a service that is restarted, is back within two minutes."""

MAX_KEPT = 256
"""Two minutes at two samples a second, and some; about 100 KB."""

OTHER_LIFE_MS = 2_000
"""How much sooner another process may have had the same sample: it is rather said twice."""


class Ring:
    """One meter's; `since` is the place before which nothing is known."""

    def __init__(self, since: EventId) -> None:
        self._since = since
        self._kept: deque[tuple[EventId, Message]] = deque()

    def add(self, event_id: EventId, message: Message) -> None:
        """Keep a message, and let go of what is too old or too much."""
        self._kept.append((event_id, message))
        oldest_ms = event_id.received_ms - KEPT_MS
        while len(self._kept) > MAX_KEPT or self._kept[0][0].received_ms < oldest_ms:
            self._since = self._kept.popleft()[0]

    def kept(self) -> list[Message]:
        """List all there is."""
        return [message for _, message in self._kept]

    def after(self, seen: EventId) -> tuple[list[Message], bool]:
        """List what came after a place, and tell whether that is all that did."""
        if seen.life == self._since.life:
            newer = [message for one, message in self._kept if one.number > seen.number]
            return newer, seen.number >= self._since.number
        from_ms = seen.received_ms - OTHER_LIFE_MS
        newer = [message for one, message in self._kept if one.received_ms > from_ms]
        return newer, seen.received_ms >= self._since.received_ms
