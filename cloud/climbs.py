"""Where a register stood at the end of a slot, read from packed slots as they lie. Pure.

Nearly every slot is read to its end, after the one before it, and no register falls: then what a
stretch of time used is the difference of two closings, and nothing need be unpacked for it. This
tells whether it is so, and the closings where it is; all else is to be judged slot by slot
(`shared.meterdays.usage_of_run`), which comes to the same where both can tell.
"""

from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate

from cloud.packing import Coded, Columns, Digits, decode_column, read_columns
from shared.meterdays import EDGE_TOLERANCE_MS

SUMS_OF_DECODED = 6
"""From so many sums of one column on, decoding it once is cheaper than each sum by itself."""

MASKS_KEPT = 1_024
"""Widths of numbers times how many are summed, by far the most of them never met."""

_BITS_OF_DIGIT = 4


def closings_of(stretches: Sequence[bytes], slots: Sequence[int]) -> list[int] | None:
    """Tell where a register stood at the end of each of these slots.

    Packed stretches and slots are in order of time. None where a slot lies outside, or where
    anything within the stretches is to be judged: a slot lacks, was not read to its end, or falls.
    """
    found: list[int] = []
    following = stood = None
    for packed in stretches:
        columns = read_columns(packed)
        if not columns.count:
            continue
        first, last = columns.first, columns.first + columns.count - 1
        if following is None:
            following, stood = first, columns.opening
        if first != following or columns.opening < (stood or 0) or not _climbs(columns):
            return None
        asked: list[int] = []
        while len(found) + len(asked) < len(slots) and slots[len(found) + len(asked)] <= last:
            asked.append(slots[len(found) + len(asked)])
        if asked and asked[0] < first:
            return None
        *closings, stood = _closings(columns, [*asked, last])
        found += closings
        following = last + 1
    return found if len(found) == len(slots) else None


def _climbs(columns: Columns) -> bool:
    """Tell whether slots follow one another, each read to its end, and nothing falls."""
    if columns.skipped != 0 or _least(columns.used) < 0 or _least(columns.rises) < 0:
        return False
    late_ms, count = columns.before_end_ms, columns.count
    return _most(late_ms, count) <= EDGE_TOLERANCE_MS or (
        max(decode_column(late_ms, count)) <= EDGE_TOLERANCE_MS
    )


def _closings(columns: Columns, slots: Sequence[int]) -> list[int]:
    ends = [slot - columns.first + 1 for slot in slots]
    used = _sums(columns.used, columns.count, ends)
    rises = _sums(columns.rises, columns.count - 1, [end - 1 for end in ends])
    opening = columns.opening
    return [opening + one + other for one, other in zip(used, rises, strict=True)]


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
    if len(ends) >= SUMS_OF_DECODED:
        sums = list(accumulate(decode_column(coded, count), initial=0))
        return [sums[end] for end in ends]
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
    each = 1 + -(-count.bit_length() // bits)
    mask = _mask(bits, each, -(-count // each))
    laid = sum((numbers >> bits * place) & mask for place in range(each))
    return laid % ((1 << bits * each) - 1)


@lru_cache(maxsize=MASKS_KEPT)
def _mask(bits: int, each: int, count: int) -> int:
    """Make a mask of the lowest of every `each` numbers, `count` times."""
    ones = ((1 << bits * each * count) - 1) // ((1 << bits * each) - 1)
    return ones * ((1 << bits) - 1)
