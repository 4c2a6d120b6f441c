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
        closings, stood = _closings(columns, asked)
        found += closings
        place, following = end, last + 1
    return found if place == len(slots) else None


def steps_of(stretches: Sequence[bytes], first: int, last: int) -> list[int] | None:
    """Tell by how much a register rose with each slot from `first` to `last`, both included.

    Since the end of the slot before, which is asked about too: these are the differences of what
    `closings_of` tells, with less to do for slots that follow one another. None where that is.
    """
    found: list[int] = []
    before: Columns | None = None
    for packed in stretches:
        columns = read_columns(packed)
        if not columns.count:
            continue
        begin, end = columns.first, columns.first + columns.count
        gap = 0 if before is None else columns.opening - last_closing(before)
        if gap < 0 or not _climbs(columns):
            return None
        if begin != (before.first + before.count if before else min(begin, first - 1)):
            return None
        low, high = max(first, begin), min(last + 1, end)
        if low < high:
            found += _steps(columns, low - begin, high - begin, gap)
        before = columns
    return found if len(found) == last + 1 - first else None


def _steps(columns: Columns, start: int, stop: int, gap: int) -> Sequence[int]:
    """Tell by how much it rose with each slot of these places; `gap` is before the first of all."""
    used = decode_column(columns.used, columns.count, start, stop)
    if columns.rises == 0 and (start or not gap):
        return used
    rises = decode_column(columns.rises, columns.count - 1, max(start - 1, 0), stop - 1)
    return list(map(add, used, rises if start else [gap, *rises]))


def last_closing(columns: Columns) -> int:
    """Tell where a register stood at the end of the last slot; there is one."""
    return _closings(columns, [])[1]


def _climbs(columns: Columns) -> bool:
    """Tell whether slots follow one another, each read to its end, and nothing falls."""
    if columns.skipped != 0 or _least(columns.used) < 0 or _least(columns.rises) < 0:
        return False
    late_ms, count = columns.before_end_ms, columns.count
    return _most(late_ms, count) <= EDGE_TOLERANCE_MS or (
        max(decode_column(late_ms, count)) <= EDGE_TOLERANCE_MS
    )


def _closings(columns: Columns, slots: Sequence[int]) -> tuple[list[int], int]:
    """Tell where it stood at the end of these slots, and at that of the last of all."""
    first, count, opening = columns.first, columns.count, columns.opening
    if len(slots) >= DECODED_FOR:
        used = decode_column(columns.used, count)
        steps = map(add, islice(used, 1, None), decode_column(columns.rises, count - 1))
        every = list(accumulate(steps, initial=opening + used[0]))
        return list(map(every.__getitem__, map(sub, slots, repeat(first)))), every[-1]
    ends = [slot - first + 1 for slot in slots]
    if not ends or ends[-1] < count:
        ends.append(count)
    used_sums = _sums(columns.used, count, ends)
    rise_sums = _sums(columns.rises, count - 1, [end - 1 for end in ends])
    stood = [opening + one + other for one, other in zip(used_sums, rise_sums, strict=True)]
    return stood[: len(slots)], stood[-1]


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
    """Sum the first so many values of a column, for each of `ends`, which rise."""
    if isinstance(coded, int):
        return [coded * end for end in ends]
    bits = _BITS_OF_DIGIT * _width(coded, count)
    least, scale = coded.least, coded.scale
    numbers = int.from_bytes(coded.numbers, "big")
    all_bits = 8 * len(coded.numbers)
    found = []
    before = summed = 0
    for end in ends:
        # By casting out nines: see `_folds`.
        shifts, lanes, base_less_one, every = _folds(bits, end - before)
        here = (numbers >> all_bits - bits * end) & every
        laid = here & lanes
        for shift in shifts:
            laid += (here >> shift) & lanes
        summed += laid % base_less_one
        found.append(least * end + scale * summed)
        before = end
    return found


@lru_cache(maxsize=FOLDS_KEPT)
def _folds(bits: int, count: int) -> tuple[Sequence[int], int, int, int]:
    """Say how to sum `count` numbers of so many bits that stand one behind the other in an integer.

    By casting out nines: a number is congruent to the sum of its digits, modulo the base less one.
    For digits wide enough to hold the sum, every so many numbers are taken as one and the others
    laid over them: by how far each, which bits stay, modulo what, and the bits of all.
    """
    each = 1 + -(-count.bit_length() // bits)
    base_less_one = (1 << bits * each) - 1
    ones = ((1 << bits * each * -(-count // each)) - 1) // base_less_one
    shifts = [bits * place for place in range(1, each)]
    return shifts, ones * ((1 << bits) - 1), base_less_one, (1 << bits * count) - 1
