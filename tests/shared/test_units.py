"""Units: exact shares and the two ways of rounding."""

from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.units import (
    MS_PER_DAY,
    SLOT_MS,
    SLOTS_PER_UTC_DAY,
    round_half_even,
    round_half_up,
    spread_largest_remainder,
)

WEIGHTS = st.lists(st.integers(0, 10**9), min_size=1, max_size=60).filter(any)


@given(st.integers(-(2**63), 2**63), WEIGHTS)
def test_shares_sum_to_the_total(total: int, weights: list[int]) -> None:
    """Not a unit is lost or made, and each share is within one of its proportion."""
    shares = spread_largest_remainder(total, weights)

    assert sum(shares) == total
    for share, weight in zip(shares, weights, strict=True):
        assert abs(share - Fraction(total * weight, sum(weights))) < 1


@given(st.integers(0, 10**6), WEIGHTS)
def test_a_fall_is_shared_as_its_rise_is(total: int, weights: list[int]) -> None:
    """A negative total gives the negative shares."""
    rise = spread_largest_remainder(total, weights)

    fall = spread_largest_remainder(-total, weights)

    assert fall == [-share for share in rise]


def test_ties_go_to_the_earlier_place() -> None:
    """Equal remainders are served in order, so that every machine shares alike."""
    assert spread_largest_remainder(5, [1, 1, 1]) == [2, 2, 1]
    assert spread_largest_remainder(1, [0, 1, 1]) == [0, 1, 0]


@given(st.integers(-(10**12), 10**12), st.sampled_from([1, 2, 4, 5, 8, 10, 1_000]))
def test_rounding_agrees_with_decimal_arithmetic(numerator: int, denominator: int) -> None:
    """Half-even and half-up (away from zero) are what decimal arithmetic calls so."""
    value = Fraction(numerator, denominator)
    exact = Decimal(numerator) / Decimal(denominator)

    assert round_half_even(value) == int(exact.quantize(Decimal(1), ROUND_HALF_EVEN))
    assert round_half_up(value) == int(exact.quantize(Decimal(1), ROUND_HALF_UP))


@pytest.mark.parametrize(
    ("halves", "even", "up"), [(1, 0, 1), (3, 2, 2), (5, 2, 3), (-1, 0, -1), (-5, -2, -3)]
)
def test_ties_round_as_named(halves: int, even: int, up: int) -> None:
    """A half goes to the even number, or away from zero."""
    assert round_half_even(Fraction(halves, 2)) == even
    assert round_half_up(Fraction(halves, 2)) == up


def test_a_day_has_whole_slots() -> None:
    """Forty-eight half hours make a UTC day."""
    assert SLOTS_PER_UTC_DAY * SLOT_MS == MS_PER_DAY
    assert SLOTS_PER_UTC_DAY == 48
