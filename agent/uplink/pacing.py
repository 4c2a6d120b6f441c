"""How fast things leave: backlog beside what is live, and tries beside failures. Pure."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from shared.units import MS_PER_MINUTE, MS_PER_SECOND


@dataclass(slots=True)
class TokenBucket:
    """Holds at most `burst` tokens and fills at `rate_per_s`; times are monotonic milliseconds."""

    rate_per_s: float
    burst: int
    tokens: float = 0.0
    filled_at_ms: int = 0

    def take(self, now_ms: int) -> bool:
        """Take one token if there is one."""
        gained = max(now_ms - self.filled_at_ms, 0) * self.rate_per_s / 1_000
        self.tokens = min(self.burst, self.tokens + gained)
        self.filled_at_ms = now_ms
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True

    def wait_s(self) -> float:
        """Say how long after the last `take` the next token is there."""
        return max(0.0, (1 - self.tokens) / self.rate_per_s)

    def give_back(self) -> None:
        """Return a token that nothing was sent for."""
        self.tokens = min(self.burst, self.tokens + 1)


MAX_DOUBLINGS = 16
"""Longer than any pause; a number that doubles for months would not stay one."""

LEAST_OF_PAUSE = 0.5
"""A pause is drawn from this share of it up to the whole, so that hubs do not knock together."""


@dataclass(slots=True)
class Backoff:
    """Pauses between tries that fail: each twice the last, from `least_s` up to `most_s`.

    `draw` gives a number from 0 to 1; it spreads many hubs over time.
    """

    least_s: float
    most_s: float
    draw: Callable[[], float]
    failures: int = 0

    def next_s(self) -> float:
        """Say how long to wait after one more failure."""
        doubled_s = self.least_s * (1 << min(self.failures, MAX_DOUBLINGS))
        whole_s = min(self.most_s, doubled_s)
        self.failures += 1
        return whole_s * (LEAST_OF_PAUSE + (1 - LEAST_OF_PAUSE) * self.draw())

    def reset(self) -> None:
        """Begin with the shortest pause again: a try succeeded."""
        self.failures = 0


UNHEARD_S_MIN, UNHEARD_S_MAX = 1.0, 10.0
"""An ingest that is started anew is back within a second or two; one that stays away is not."""

SETTLED_MS = MS_PER_MINUTE
"""So long after a pause the next one is the shortest again."""


class Silence:
    """How long nothing is said after messages that nobody heard, or that were refused.

    Those that left together are one failure, however many they were.
    """

    def __init__(self, draw: Callable[[], float]) -> None:
        self._backoff = Backoff(UNHEARD_S_MIN, UNHEARD_S_MAX, draw)
        self._end_ms = 0

    def end_ms(self, now_ms: int) -> int:
        """Say until when to be silent, now that one more was not heard; times are monotonic."""
        if now_ms < self._end_ms:
            return self._end_ms
        if now_ms - self._end_ms >= SETTLED_MS:
            self._backoff.reset()
        self._end_ms = now_ms + int(self._backoff.next_s() * MS_PER_SECOND)
        return self._end_ms


PROGRESS_WINDOW_MS = MS_PER_MINUTE
"""How far back the rate is measured: long enough for a steady figure, short enough to follow."""

PROGRESS_LEAST_MS = 2 * MS_PER_SECOND
"""Measured over less, one frame more or less would decide."""


@dataclass(slots=True)
class Progress:
    """How fast the backlog shrinks: what receipts left over, and when, of the last minute."""

    seen: deque[tuple[int, int]] = field(default_factory=deque)

    def note(self, now_ms: int, rows_left: int) -> None:
        """Take in how many rows no receipt names yet; `now_ms` is monotonic."""
        if self.seen and now_ms - self.seen[-1][0] < MS_PER_SECOND:
            # Within one second the newest counts; a drain answers hundreds of frames in it.
            now_ms = self.seen.pop()[0]
        self.seen.append((now_ms, rows_left))
        while now_ms - self.seen[0][0] > PROGRESS_WINDOW_MS:
            self.seen.popleft()

    def forget(self) -> None:
        """Begin anew: while offline nothing shrinks."""
        self.seen.clear()

    def left_ms(self, now_ms: int) -> int | None:
        """Estimate how long the backlog will take; None where it does not shrink measurably."""
        if not self.seen:
            return None
        (first_ms, first_rows), (last_ms, last_rows) = self.seen[0], self.seen[-1]
        gone, took_ms = first_rows - last_rows, last_ms - first_ms
        is_stale = now_ms - last_ms > PROGRESS_WINDOW_MS
        if gone <= 0 or took_ms < PROGRESS_LEAST_MS or is_stale:
            return None
        return max(0, last_rows * took_ms // gone - (now_ms - last_ms))
