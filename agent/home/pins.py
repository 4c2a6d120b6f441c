"""The PIN that lets someone change a setting: compared in constant time, guesses slowed.

Keeps one count for the whole page, not one a caller: an address is easy to change. Pure.
"""

import hmac
from collections.abc import Callable

FREE_TRIES = 5
"""Wrong PINs in a row before the first lock-out: fingers slip."""

LOCK_S_FIRST = 30
LOCK_S_MAX = 3_600
"""Lock-outs double up to an hour: ten thousand PINs then take over a year."""


class PinGate:
    """Checks PINs at times that the caller tells, in seconds of any clock that never goes back."""

    def __init__(self, pin: str) -> None:
        written = pin.encode()
        self._matches: Callable[[str], bool] | None = None
        if written:
            self._matches = lambda candidate: hmac.compare_digest(written, candidate.encode())
        self._wrong = 0
        self._locked_until_s = float("-inf")

    @property
    def is_configured(self) -> bool:
        """Whether there is a PIN at all; without one nothing is accepted."""
        return self._matches is not None

    def set_by(self, matches: Callable[[str], bool]) -> None:
        """Have a PIN from now on: `matches` tells in constant time whether a text is it."""
        self._matches = matches

    def seconds_locked(self, now_s: float) -> int:
        """Say how long the lock-out still holds, 0 where there is none."""
        left_s = self._locked_until_s - now_s
        return int(left_s) + 1 if left_s > 0 else 0

    def accepts(self, candidate: str, now_s: float) -> bool:
        """Tell whether this is the PIN; a wrong one counts, the right one clears the count.

        While locked out nothing is accepted, and nothing counts.
        """
        if self._matches is None or self.seconds_locked(now_s):
            return False
        if self._matches(candidate):
            self._wrong = 0
            return True
        self._wrong += 1
        if self._wrong >= FREE_TRIES:
            doublings = min(self._wrong - FREE_TRIES, LOCK_S_MAX.bit_length())
            self._locked_until_s = now_s + min(LOCK_S_FIRST << doublings, LOCK_S_MAX)
        return False
