"""A token bucket: how fast backlog may leave, so that it never crowds out what is live. Pure."""

from dataclasses import dataclass


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

    def give_back(self) -> None:
        """Return a token that nothing was sent for."""
        self.tokens = min(self.burst, self.tokens + 1)
