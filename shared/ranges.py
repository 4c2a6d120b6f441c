"""Sets of whole numbers kept as sorted, disjoint, inclusive ranges: what is stored or missing."""

from collections.abc import Iterable, Sequence

Range = tuple[int, int]
"""First and last, both included; first ≤ last."""


def union(ranges: Iterable[Sequence[int]]) -> list[Range]:
    """Merge ranges in any order, overlapping or touching, into the fewest sorted ones."""
    merged: list[Range] = []
    for first, last in sorted((r[0], r[1]) for r in ranges):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(merged[-1][1], last))
        else:
            merged.append((first, last))
    return merged


def subtract(whole: Iterable[Sequence[int]], taken: Iterable[Sequence[int]]) -> list[Range]:
    """List what of `whole` is in none of `taken`."""
    left: list[Range] = []
    holes = union(taken)
    for first, last in union(whole):
        start = first
        for hole_first, hole_last in holes:
            if hole_last < start:
                continue
            if hole_first > last:
                break
            if hole_first > start:
                left.append((start, hole_first - 1))
            start = max(start, hole_last + 1)
        if start <= last:
            left.append((start, last))
    return left


def intersect(one: Iterable[Sequence[int]], other: Iterable[Sequence[int]]) -> list[Range]:
    """List what is in both."""
    one_merged, other_merged = union(one), union(other)
    both: list[Range] = []
    i = j = 0
    while i < len(one_merged) and j < len(other_merged):
        first = max(one_merged[i][0], other_merged[j][0])
        last = min(one_merged[i][1], other_merged[j][1])
        if first <= last:
            both.append((first, last))
        if one_merged[i][1] < other_merged[j][1]:
            i += 1
        else:
            j += 1
    return both


def count(ranges: Iterable[Sequence[int]]) -> int:
    """Count the numbers in ranges that do not overlap."""
    return sum(last - first + 1 for first, last in ranges)


def contains(ranges: Iterable[Sequence[int]], first: int, last: int) -> bool:
    """Tell whether one of these merged ranges holds the whole of `first` to `last`."""
    return any(r[0] <= first and last <= r[1] for r in ranges)
