"""What the household lets leave the hub: the narrower of what held when taken and now. Pure.

Enforced before framing, re-sends and live included (DESIGN rule 6).
"""

import enum
from bisect import bisect_right

from shared.errors import BadInputError


class Granularity(enum.StrEnum):
    """How much detail may leave the hub, from all to nothing."""

    LIVE = "live"
    """Every logged sample, and live ones while they are asked for."""
    TEN_SECONDS = "10s"
    """Every logged sample."""
    HALF_HOURLY = "half-hourly"
    """Each half hour's opening and closing, after it has ended."""
    DAILY = "daily"
    """Each local day's opening and closing, after it has ended."""
    NONE = "none"


_WIDEST_FIRST = list(Granularity)


def narrowest(one: Granularity, other: Granularity) -> Granularity:
    """Choose the one that lets less out."""
    return max(one, other, key=_WIDEST_FIRST.index)


def check_granularity(text: str) -> Granularity:
    """Read a granularity; raises BadInputError naming those there are."""
    try:
        return Granularity(text)
    except ValueError as error:
        known = ", ".join(_WIDEST_FIRST)
        raise BadInputError(
            f"granularity {text!r} is unknown", hint=f"use one of {known}"
        ) from error


class Consent:
    """The household's choices by the time from which they hold."""

    def __init__(self, choices: list[tuple[int, Granularity]]) -> None:
        self._choices = sorted(choices, key=_since) or [(0, Granularity.HALF_HOURLY)]

    @property
    def now(self) -> Granularity:
        """The newest choice."""
        return self._choices[-1][1]

    @property
    def since_ms(self) -> int:
        """Since when the newest choice holds."""
        return self._choices[-1][0]

    def choose(self, since_ms: int, granularity: Granularity) -> None:
        """Take in a choice that holds from `since_ms` on."""
        self._choices = sorted([*self._choices, (since_ms, granularity)], key=_since)

    def for_sample(self, taken_at_ms: int) -> Granularity:
        """Tell what holds for a sample: the narrower of then and now; the first held before."""
        place = bisect_right(self._choices, taken_at_ms, key=lambda choice: choice[0])
        then = self._choices[max(place - 1, 0)][1]
        return narrowest(then, self.now)

    def for_all(self, first_ms: int, last_ms: int) -> Granularity | None:
        """Tell what holds for all samples of a span of time; None where it changes within."""
        if any(first_ms < since_ms <= last_ms for since_ms, _ in self._choices):
            return None
        return self.for_sample(first_ms)


def _since(choice: tuple[int, Granularity]) -> int:
    return choice[0]
