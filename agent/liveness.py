"""When each part of the hub last answered, and how long it may take: what the watchdog asks.

A part is alive as long as it answers within its own bound; whether it has anything to say (a meter
behind a pulled cable has not) is another matter and nobody's business here.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

COMMIT = "commit"
PAGE = "page"

LINK_SLACK_S = 120.0
"""What a link may take beyond its silence: the longest pause before it is opened anew, and that."""

POLLED_SLACK_S = 7_200.0
"""The same where the hub asks: rounds may be an hour apart, and a slow one takes minutes."""

POLLED = ("mbus:", "optical:", "zigbee:")
REPLAYED = "replay:"

COMMIT_SLACK_S = 60.0
"""What a group commit may take beyond its window: cards stall for seconds, dying ones for more."""


def meter_bound_s(link: str, silence_s: float) -> float:
    """Tell how long a meter's loop may be without a byte or an event of its link.

    A silent link is opened anew after `silence_s` and says so: that is an answer. A replay may
    pause for as long as what it plays did, and is bound to nothing.
    """
    if link.startswith(REPLAYED):
        return float("inf")
    return silence_s + (POLLED_SLACK_S if link.startswith(POLLED) else LINK_SLACK_S)


@dataclass(slots=True)
class _Part:
    answered_s: float
    bound_s: float


class Parts(msgspec.Struct, frozen=True):
    """How the parts are: the late ones with their seconds, and whether systemd is told."""

    is_watched: bool = False
    late: dict[str, float] = {}


class Liveness:
    """The parts that must answer, by name; `seconds` is a clock that stands still in suspend."""

    def __init__(self, seconds: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._parts: dict[str, _Part] = {}

    def expect(self, part: str, bound_s: float) -> None:
        """Take note that a part has answered, and expect it again within `bound_s`."""
        self._parts[part] = _Part(self._seconds(), bound_s)

    def release(self, part: str) -> None:
        """Expect nothing more of a part: it has ended, or waits for another one."""
        self._parts.pop(part, None)

    def knows(self, part: str) -> bool:
        """Tell whether a part has answered, and is expected to again."""
        return part in self._parts

    def late(self) -> dict[str, float]:
        """Name the parts that are late, each with the seconds since it last answered."""
        now_s = self._seconds()
        return {
            name: now_s - part.answered_s
            for name, part in self._parts.items()
            if now_s - part.answered_s > part.bound_s
        }
