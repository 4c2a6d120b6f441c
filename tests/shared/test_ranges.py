"""Ranges behave as the sets of numbers that they stand for."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from shared.ranges import Range, contains, count, intersect, subtract, union

RANGES = st.lists(
    st.tuples(st.integers(-20, 60), st.integers(0, 12)).map(lambda r: (r[0], r[0] + r[1])),
    max_size=12,
)


def numbers(ranges: list[Range]) -> set[int]:
    """List the numbers that ranges stand for."""
    return {number for first, last in ranges for number in range(first, last + 1)}


def is_canonical(ranges: list[Range]) -> bool:
    """Tell whether ranges are sorted, apart and neither empty nor touching."""
    whole = all(first <= last for first, last in ranges)
    return whole and all(before[1] + 1 < after[0] for before, after in pairwise(ranges))


@given(RANGES)
def test_union_holds_each_number_once(ranges: list[Range]) -> None:
    """Overlap and touch make one range, in any order."""
    merged = union(ranges)

    assert numbers(merged) == numbers(ranges)
    assert is_canonical(merged)
    assert count(merged) == len(numbers(ranges))
    assert union(reversed(ranges)) == merged


@given(RANGES, RANGES)
def test_subtract_leaves_the_difference(whole: list[Range], taken: list[Range]) -> None:
    """What is left is what a set difference leaves."""
    left = subtract(whole, taken)

    assert numbers(left) == numbers(whole) - numbers(taken)
    assert is_canonical(left)


@given(RANGES, RANGES)
def test_intersect_keeps_what_both_have(one: list[Range], other: list[Range]) -> None:
    """What is kept is what a set intersection keeps, from either side."""
    both = intersect(one, other)

    assert numbers(both) == numbers(one) & numbers(other)
    assert union(both) == union(intersect(other, one))


@given(RANGES, st.integers(-20, 60), st.integers(0, 12))
def test_contains_asks_for_every_number(ranges: list[Range], first: int, length: int) -> None:
    """A span is contained where each of its numbers is."""
    merged = union(ranges)

    held = contains(merged, first, first + length)

    assert held == (set(range(first, first + length + 1)) <= numbers(merged))


def test_ranges_may_be_of_any_sequence() -> None:
    """Lists as JSON gives them, and ranges with a revision after the ends, serve as well."""
    assert union([[5, 6], (1, 4, 2)]) == [(1, 6)]
