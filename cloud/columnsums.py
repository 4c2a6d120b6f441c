"""Sums of packed columns, many at once: of the first so many values of each. Pure.

A column's values stand one behind the other in one large integer; what they come to is told from
that, by a few operations on all of them, and none is made a number of its own.
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import accumulate, pairwise
from operator import add, mul
from typing import NamedTuple

from cloud.packing import BITS_OF_DIGIT, Coded, Digits, width_of

CUTS_KEPT = 1_024
"""Lengths of columns times where they are cut, by far the most of them never met."""

QUICK_BITS = 30
"""Python divides by no more than this in one step for each as many bits of what is divided."""


class Cut(NamedTuple):
    """How to sum some values of a column: parts laid over one another, then a remainder.

    Of each part by how far it is shifted, and which bits stay.
    """

    parts: Sequence[tuple[int, int]]
    modulus: int


def sums_alike(columns: Sequence[Coded], count: int, ends: tuple[int, ...]) -> list[list[int]]:
    """Sum the first so many values of each column, for each of `ends`, which rise.

    All columns have `count` values, and are single numbers or digits of the same length.
    """
    digits = [one for one in columns if isinstance(one, Digits)]
    if not digits:
        same = [one for one in columns if isinstance(one, int)]
        return [[one * end for one in same] for end in ends]
    numbers = [int.from_bytes(one.numbers, "big") for one in digits]
    cuts = _cuts(len(digits[0].numbers), count, ends)
    by_end: Iterable[list[int]] = accumulate([_sums(numbers, cut) for cut in cuts], _add_each)
    leasts, scales = [one.least for one in digits], [one.scale for one in digits]
    if scales.count(1) < len(scales):
        by_end = (list(map(mul, scales, sums)) for sums in by_end)
    return [
        [least * end + summed for least, summed in zip(leasts, sums, strict=True)]
        for end, sums in zip(ends, by_end, strict=True)
    ]


def sum_of(column: Coded, count: int) -> int:
    """Sum all `count` values of one column: at once what `sums_alike` says of many."""
    if isinstance(column, int):
        return column * count
    ((parts, modulus),) = _cuts(len(column.numbers), count, (count,))
    number = int.from_bytes(column.numbers, "big")
    laid = 0
    for shift, lanes in parts:
        laid += (number >> shift) & lanes
    return column.least * count + column.scale * (laid % modulus)


def size_of(column: Coded) -> int:
    """Tell by how many bytes a column is alike to others; 0 for one that is a single number."""
    return 0 if isinstance(column, int) else len(column.numbers)


def _sums(numbers: Sequence[int], cut: Cut) -> list[int]:
    parts, modulus = cut
    match parts:
        case [(one, some), (two, more)]:
            return [(((n >> one) & some) + ((n >> two) & more)) % modulus for n in numbers]
        case [(one, some), (two, more), (three, most)]:
            return [
                (((n >> one) & some) + ((n >> two) & more) + ((n >> three) & most)) % modulus
                for n in numbers
            ]
    return [sum([(n >> shift) & lanes for shift, lanes in parts]) % modulus for n in numbers]


def _add_each(some: list[int], others: list[int]) -> list[int]:
    return list(map(add, some, others))


@lru_cache(maxsize=CUTS_KEPT)
def _cuts(size: int, count: int, ends: tuple[int, ...]) -> list[Cut]:
    """Say how to sum what lies between each end and the next, from so many bytes of `count` values.

    By casting out nines: a number is congruent to the sum of its digits, modulo the base less one.
    For digits wide enough to hold the sum, every so many values are taken as one and the others
    laid over them; a base of which such a digit is a power does as well.
    """
    bits = BITS_OF_DIGIT * width_of(size, count)
    cuts = []
    for start, end in pairwise((0, *ends)):
        each, base_bits = _laid(bits, bits + (end - start).bit_length())
        behind = 8 * size - bits * end
        parts = [
            (behind + bits * part, _lanes(bits, each, -(-(end - start - part) // each)))
            for part in range(min(each, end - start))
        ]
        cuts.append(Cut(parts, (1 << base_bits) - 1))
    return cuts


def _laid(bits: int, least: int) -> tuple[int, int]:
    """Say how many values to take as one, and in a base of how many bits, which are `least`."""
    for each in (2, 3):
        for base_bits in range(least, QUICK_BITS + 1):
            if not bits * each % base_bits:
                return each, base_bits
    each = max(2, -(-least // bits))
    return each, bits * each


def _lanes(bits: int, each: int, count: int) -> int:
    """Name the bits of `count` values, of so many as are taken as one the last."""
    ones = ((1 << bits * each * count) - 1) // ((1 << bits * each) - 1)
    return ones * ((1 << bits) - 1)
