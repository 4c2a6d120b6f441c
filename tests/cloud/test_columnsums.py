"""Sums told from packed columns as they lie are those of their values."""

import random
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.columnsums import size_of, sum_of, sums_alike
from cloud.packing import Coded, Digits, code_column, decode_column, width_of

WIDTHS = range(1, 17)
"""Half bytes: what one column's values may take."""


def _alike(width: int, count: int, number: int, seed: int) -> list[Digits]:
    """Code columns of which each has a least value and a unit of its own, and all the same size."""
    rng = random.Random(seed)
    found = []
    for _ in range(number):
        unit, least = rng.choice([1, 1, 10, 1_000]), rng.randrange(-5_000, 10**9)
        # The greatest that fits is there, and two whose difference no unit divides.
        above = [rng.randrange(16**width) for _ in range(count - 2)] + [0, 16**width - 1]
        rng.shuffle(above)
        coded = code_column([least + unit * one for one in above])
        assert isinstance(coded, Digits)
        found.append(coded)
    sizes = {size_of(one) for one in found}
    return [one for one in found if size_of(one) == max(sizes)]


@given(
    st.sampled_from(WIDTHS),
    st.integers(2, 96),
    st.integers(1, 4),
    st.integers(0, 10**6),
    st.sets(st.integers(0, 96), min_size=1, max_size=7),
)
def test_sums_are_those_of_the_values(
    width: int, count: int, number: int, seed: int, cuts: set[int]
) -> None:
    """However wide they are, wherever they are cut: after none of them, one, or all."""
    columns = _alike(width, count, number, seed)
    ends = tuple(sorted({min(cut, count) for cut in cuts}))

    sums = sums_alike(columns, count, ends)

    running = [[0, *accumulate(decode_column(one, count))] for one in columns]
    assert sums == [[one[end] for one in running] for end in ends]
    assert [sum_of(one, count) for one in columns] == [one[-1] for one in running]


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("count", [2, 47, 48, 64, 96])
def test_the_greatest_values_do_not_run_into_each_other(width: int, count: int) -> None:
    """A sum that fills what there is room for is still told from nothing."""
    greatest = 16**width - 1
    column = Digits(0, 1, bytes.fromhex("f" * (width * count) + "0" * (width * count % 2)))

    assert sums_alike([column], count, (count // 2, count)) == [
        [greatest * (count // 2)],
        [greatest * count],
    ]


def test_a_column_of_nothing_comes_to_nothing() -> None:
    """Numbers that are all zero stay in a column that was wider once."""
    column = Digits(7, 10, bytes(96))

    assert width_of(96, 64) == 3
    assert sums_alike([column], 64, (0, 1, 64)) == [[0], [7], [7 * 64]]


@given(st.lists(st.integers(-(10**9), 10**9), min_size=1, max_size=5), st.integers(0, 96))
def test_columns_of_one_number_are_multiplied(values: list[int], end: int) -> None:
    """Each is as often there as values are asked for."""
    columns: list[Coded] = [*values]

    sums = sums_alike(columns, 96, (end, 96))

    assert [size_of(one) for one in columns] == [0] * len(values)
    assert sums == [[one * end for one in values], [one * 96 for one in values]]
    assert [sum_of(one, end) for one in columns] == sums[0]
