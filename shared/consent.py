"""How much detail may leave a hub: the words that hub and cloud use for it. Pure."""

import enum

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
