"""Token buckets by name: how often a caller may do something. Pure but for its lock."""

import threading
from collections import OrderedDict

NAMES_MAX = 10_000
"""Names remembered, some two megabytes; the one heard of longest ago begins anew."""


class Buckets:
    """So many at once, then one each so many milliseconds; safe to use from many threads.

    `size` 0 is no limit at all.
    """

    def __init__(self, size: int, refill_ms: int, names_max: int = NAMES_MAX) -> None:
        self._size = size
        self._refill_ms = refill_ms
        self._names_max = names_max
        self._full_at_ms: OrderedDict[str, int] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, name: str, now_ms: int) -> int:
        """Take one; returns 0, or how many milliseconds to wait where none is left."""
        if not self._size:
            return 0
        with self._lock:
            full_at_ms = max(self._full_at_ms.pop(name, 0), now_ms)
            wait_ms = full_at_ms - now_ms - (self._size - 1) * self._refill_ms
            taken_ms = 0 if wait_ms > 0 else self._refill_ms
            self._full_at_ms[name] = full_at_ms + taken_ms
            if len(self._full_at_ms) > self._names_max:
                self._full_at_ms.popitem(last=False)
        return max(wait_ms, 0)

    def give_back(self, name: str) -> None:
        """Put back one that was taken for something that does not count."""
        with self._lock:
            if name in self._full_at_ms:
                self._full_at_ms[name] -= self._refill_ms
