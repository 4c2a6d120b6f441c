"""The gap ledger of a log: what is missing, since when, and what the hub can still send. Pure.

A place is missing once anything says that it exists: samples stored on both sides of it, or a hello
that lists it. It stays missing until it is stored or declared (withheld, thinned, damaged,
untimed), also when the hub has freed it since.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from cloud.ingest.merge import Covered
from shared.ranges import Range, intersect, subtract, union

MAX_MISSING_RANGES = 1_024
"""Of one log; neighbours of different age are joined past it, the older age holding for both."""


class Missing(NamedTuple):
    """A missing range, both ends included, and since when the cloud knows of it."""

    first_seq: int
    last_seq: int
    since_ms: int


class Held(NamedTuple):
    """What the hub last said that it holds of a log; None before its first hello."""

    first_seq: int | None
    last_seq: int | None

    def span(self) -> list[Range]:
        """The range held, or nothing where that is unknown or empty."""
        if self.first_seq is None or self.last_seq is None or self.first_seq > self.last_seq:
            return []
        return [(self.first_seq, self.last_seq)]


def find_missing(
    known: Sequence[Missing], coverage: Sequence[Covered], held: Held, now_ms: int
) -> list[Missing]:
    """Bring a log's ledger up to date: what was missing keeps its age, what is stored closes."""
    if not known and _is_whole(coverage, held):
        # As nearly always.
        return []
    stored = union(coverage)
    expected = [one[:2] for one in known] + held.span()
    ends = [end for span in [*stored, *expected] for end in span]
    missing = subtract([(min(ends), max(ends))], stored) if ends else []
    aged = [
        Missing(first, last, one.since_ms)
        for one in known
        for first, last in intersect([one[:2]], missing)
    ]
    new = subtract(missing, [one[:2] for one in known])
    return _bounded(sorted([*aged, *(Missing(first, last, now_ms) for first, last in new)]))


def _is_whole(coverage: Sequence[Covered], held: Held) -> bool:
    """Tell whether all that is stored is one range, and all that is held lies within it."""
    if len(coverage) != 1:
        return False
    return all(coverage[0][0] <= first and last <= coverage[0][1] for first, last in held.span())


def _bounded(ranges: list[Missing]) -> list[Missing]:
    joined: list[Missing] = []
    is_over = len(ranges) > MAX_MISSING_RANGES
    for one in ranges:
        last = joined[-1] if joined else None
        if last and last.last_seq + 1 == one.first_seq and (is_over or last[2] == one[2]):
            joined[-1] = Missing(last.first_seq, one.last_seq, min(last.since_ms, one.since_ms))
        else:
            joined.append(one)
    return joined


def hole_since(missing: Sequence[Missing], coverage: Sequence[Covered], held: Held) -> int | None:
    """Since when the hub could fill a hole: a missing range before something that is stored.

    What comes after all that is stored is merely on its way; what the hub no longer holds will
    never come. None where there is no hole.
    """
    if not coverage or not missing:
        return None
    newest = coverage[-1][1]
    first_held = held.first_seq if held.first_seq is not None else 0
    ages = [
        one.since_ms for one in missing if one.first_seq < newest and one.last_seq >= first_held
    ]
    return min(ages, default=None)


def freed(missing: Iterable[Missing], held: Held) -> list[Range]:
    """List what is missing and no longer held by the hub: it will never come."""
    if held.first_seq is None:
        return []
    return subtract([one[:2] for one in missing], [(held.first_seq, 1 << 62)])
