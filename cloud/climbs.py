"""Where a register stood at the end of a slot, read from packed slots as they lie. Pure.

Nearly every slot is read to its end, after the one before it, and no register falls: then what a
stretch of time used is the difference of two closings, and nothing need be unpacked for it. This
tells whether it is so, and the closings where it is; all else is to be judged slot by slot
(`shared.meterdays.usage_of_run`), which comes to the same where both can tell.
"""

from bisect import bisect_right
from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate, islice, repeat
from operator import add, sub

from cloud.packing import Coded, Columns, Digits, decode_column, read_columns
from shared.meterdays import EDGE_TOLERANCE_MS

DECODED_FOR = 6
"""For so many slots of a stretch decoding it once is cheaper than a sum for each."""

FOLDS_KEPT = 1_024
"""Widths of numbers times how many are summed, by far the most of them never met."""

_BITS_OF_DIGIT = 4


def closings_of(stretches: Sequence[bytes], slots: Sequence[int]) -> list[int] | None:
    """Tell where a register stood at the end of each of these slots.

    Packed stretches and slots are in order of time. None where a slot lies outside, or where
    anything within the stretches is to be judged: a slot lacks, was not read to its end, or falls.
    """
    found: list[int] = []
    following: int | None = None
    stood = place = 0
    for packed in stretches:
        columns = read_columns(packed)
        if not columns.count:
            continue
        first, last = columns.first, columns.first + columns.count - 1
        if following is not None and (first != following or columns.opening < stood):
            return None
        if not _climbs(columns):
            return None
        end = bisect_right(slots, last, place)
        asked = slots[place:end]
        if asked and asked[0] < first:
            return None
        *closings, stood = _closings(columns, asked)
        found += closings
        place, following = end, last + 1
    return found if place == len(slots) else None


def last_closing(columns: Columns) -> int:
    """Tell where a register stood at the end of the last slot; there is one."""
    return _closings(columns, [])[-1]


def _climbs(columns: Columns) -> bool:
    """Tell whether slots follow one another, each read to its end, and nothing falls."""
    if columns.skipped != 0 or _least(columns.used) < 0 or _least(columns.rises) < 0:
        return False
    late_ms, count = columns.before_end_ms, columns.count
    return _most(late_ms, count) <= EDGE_TOLERANCE_MS or (
        max(decode_column(late_ms, count)) <= EDGE_TOLERANCE_MS
    )


def _closings(columns: Columns, slots: Sequence[int]) -> list[int]:
    """Tell where it stood at the end of these slots, and of the last of all."""
    first, count, opening = columns.first, columns.count, columns.opening
    if len(slots) >= DECODED_FOR:
        used = decode_column(columns.used, count)
        steps = map(add, islice(used, 1, None), decode_column(columns.rises, count - 1))
        every = list(accumulate(steps, initial=opening + used[0]))
        return [*map(every.__getitem__, map(sub, slots, repeat(first))), every[-1]]
    ends = [slot - first + 1 for slot in slots]
    used_sums = _sums(columns.used, count, [*ends, count])
    rise_sums = _sums(columns.rises, count - 1, [*(end - 1 for end in ends), count - 1])
    return [opening + one + other for one, other in zip(used_sums, rise_sums, strict=True)]


def _least(coded: Coded) -> int:
    return coded if isinstance(coded, int) else coded.least


def _most(coded: Coded, count: int) -> int:
    """Bound a column's values from above by how wide they are."""
    if isinstance(coded, int):
        return coded
    return coded.least + coded.scale * ((1 << _BITS_OF_DIGIT * _width(coded, count)) - 1)


def _width(coded: Digits, count: int) -> int:
    return 2 * len(coded.numbers) // count


def _sums(coded: Coded, count: int, ends: Sequence[int]) -> list[int]:
    """Sum the first so many values of a column, for each of `ends`."""
    if isinstance(coded, int):
        return [coded * end for end in ends]
    bits = _BITS_OF_DIGIT * _width(coded, count)
    numbers = int.from_bytes(coded.numbers, "big")
    all_bits = 8 * len(coded.numbers)
    return [
        coded.least * end + coded.scale * _sum(numbers >> all_bits - bits * end, bits, end)
        for end in ends
    ]


def _sum(numbers: int, bits: int, count: int) -> int:
    """Sum `count` numbers of so many bits each that stand one behind the other in one integer.

    By casting out nines: a number is congruent to the sum of its digits, modulo the base less one.
    For digits wide enough to hold the sum, every so many numbers are taken as one and the others
    laid over them.
    """
    shifts, mask, base_less_one = _folds(bits, count)
    laid = numbers & mask
    for shift in shifts:
        laid += (numbers >> shift) & mask
    return laid % base_less_one


@lru_cache(maxsize=FOLDS_KEPT)
def _folds(bits: int, count: int) -> tuple[Sequence[int], int, int]:
    """Say how numbers are laid over each other: by how far, which stay, and modulo what."""
    each = 1 + -(-count.bit_length() // bits)
    base_less_one = (1 << bits * each) - 1
    ones = ((1 << bits * each * -(-count // each)) - 1) // base_less_one
    return [bits * place for place in range(1, each)], ones * ((1 << bits) - 1), base_less_one
