"""How far what a day used bears on what later days cost: to the month's end, under its tiers. Pure.

Tiers by the month are filled by the days before: a late reading changes what each day after it
costs, though nothing is noted of those days.
"""

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import Connection

from cloud.scope import Scope

_DAY = dt.timedelta(days=1)


class Filling(NamedTuple):
    """The days `[start, end)` in which one version fills tiers by the month; None is for ever."""

    start: dt.date
    end: dt.date | None


FillingsOf = Callable[[Connection, Scope, Iterable[str]], Mapping[str, Sequence[Filling]]]
"""Says of each meter when it is priced by such tiers; the composition root gives it."""


def cost_until(day: dt.date, fillings: Sequence[Filling]) -> dt.date:
    """Give the first day after `day` whose cost does not follow from what `day` used."""
    until = day + _DAY
    following_month = (day.replace(day=1) + 32 * _DAY).replace(day=1)
    for one in fillings:
        if one.start <= day and (one.end is None or day < one.end):
            until = max(until, min(following_month, one.end or following_month))
    return until
