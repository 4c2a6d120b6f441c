"""Where nothing is known between two readings, and which half hours are estimated for it. Pure."""

from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import NamedTuple

from shared.calendar import slot_of_sample, slot_start_ms
from shared.meterdays import EDGE_TOLERANCE_MS, Edges, SlotEdges


class Blank(NamedTuple):
    """A time without a reading that lasts past what a boundary may be missed by.

    `last_ms` is the last reading before it, None before a meter's first; `next_ms` the first after
    it, None where none has come yet. `[start_ms, end_ms)` are the half hours it makes uncertain.
    """

    last_ms: int | None
    next_ms: int | None
    start_ms: int
    end_ms: int


def joined(runs: Iterable[SlotEdges]) -> SlotEdges:
    """Lay the edges of all of a meter's registers over one another: any of them is a reading."""
    known: SlotEdges = {}
    for edges in runs:
        for slot, one in edges.items():
            other = known.get(slot, one)
            known[slot] = Edges(
                min(one.opening_at_ms, other.opening_at_ms),
                0,
                max(one.closing_at_ms, other.closing_at_ms),
                0,
            )
    return known


def find_blanks(known: Mapping[int, Edges], start_ms: int, end_ms: int, now_ms: int) -> list[Blank]:
    """List the blanks that overlap `[start_ms, end_ms)`, in order; none is past now.

    `known` holds at least the next known slot on either side of the period, where there is one.
    """
    end_ms = min(end_ms, now_ms)
    slots = sorted(known)
    if not slots:
        return [Blank(None, None, start_ms, end_ms)] if start_ms < end_ms else []
    found = [_before_first(known[slots[0]].opening_at_ms, start_ms)]
    found += [
        _between(known[one].closing_at_ms, known[other].opening_at_ms)
        for one, other in pairwise(slots)
    ]
    found.append(_after_last(known[slots[-1]].closing_at_ms, now_ms))
    return [
        one for one in found if one is not None and one.start_ms < end_ms and start_ms < one.end_ms
    ]


def _before_first(first_ms: int, start_ms: int) -> Blank | None:
    opens_ms = slot_start_ms(slot_of_sample(first_ms))
    return Blank(None, first_ms, start_ms, opens_ms) if start_ms < opens_ms else None


def _between(last_ms: int, next_ms: int) -> Blank | None:
    """Span the half hours over which usage is spread, as `shared.meterdays.usage_of_run` does."""
    last = slot_of_sample(next_ms)
    if next_ms - slot_start_ms(last) <= EDGE_TOLERANCE_MS:
        # A reading soon after a boundary stands for it.
        last -= 1
    first = _first_uncertain(last_ms)
    # What one half hour used alone is known exactly.
    return _blank(last_ms, next_ms, first, last) if first < last else None


def _after_last(last_ms: int, now_ms: int) -> Blank | None:
    first, last = _first_uncertain(last_ms), slot_of_sample(now_ms + 1) - 1
    return _blank(last_ms, None, first, last) if first <= last else None


def _first_uncertain(last_ms: int) -> int:
    first = slot_of_sample(last_ms + 1)
    return first + (slot_start_ms(first + 1) - last_ms <= EDGE_TOLERANCE_MS)


def _blank(last_ms: int, next_ms: int | None, first: int, last: int) -> Blank:
    return Blank(last_ms, next_ms, slot_start_ms(first), slot_start_ms(last + 1))
