"""Where a register stood at the end of a slot, read from packed slots as they lie. Pure.

Nearly every slot is read to its end, after the one before it, and no register falls: then what a
stretch of time used is the difference of two closings, and nothing need be unpacked for it. This
tells whether it is so, and the closings where it is; all else is to be judged slot by slot
(`shared.meterdays.usage_of_run`), which comes to the same where both can tell.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import accumulate, chain, islice
from operator import add, attrgetter, eq, lt
from typing import NamedTuple

from cloud.columnsums import size_of, sums_alike
from cloud.packing import BITS_OF_DIGIT, Coded, Columns, decode_column, read_columns, width_of
from shared.meterdays import EDGE_TOLERANCE_MS

DECODED_FOR = 6
"""For so many slots of a stretch decoding it once is cheaper than a sum for each."""

_span = attrgetter("first", "count")


class _Cuts(NamedTuple):
    """Where stretches are cut for slots: after how many of each one's own, the last after all.

    `asked` are how many of the cuts were asked for: all of them, or all but the last.
    """

    ends: list[tuple[int, ...]]
    asked: list[int]


def closings_of_each(
    registers: Iterable[Sequence[bytes]], slots: Sequence[int]
) -> list[list[int]] | None:
    """Tell where each register stood at the end of each of these slots.

    Packed stretches and slots are in order of time. None where a slot lies outside, or where
    anything within the stretches is to be judged: a slot lacks, was not read to its end, or falls.
    """
    found = []
    spans: list[tuple[int, int]] = []
    cuts: _Cuts | None = None
    for stretches in registers:
        columns = _read_row(stretches)
        # Registers of a meter are read together: their stretches are nearly always the same.
        if columns is not None and (cuts is None or spans != list(map(_span, columns))):
            spans = list(map(_span, columns))
            cuts = _cut(spans, slots)
        if columns is None or cuts is None:
            return None
        closings = _closings(columns, cuts)
        if closings is None:
            return None
        found.append(closings)
    return found


def closings_of(stretches: Sequence[bytes], slots: Sequence[int]) -> list[int] | None:
    """Tell where one register stood, as `closings_of_each`."""
    found = closings_of_each([stretches], slots)
    return None if found is None else found[0]


def _read_row(stretches: Sequence[bytes]) -> list[Columns] | None:
    """Read stretches, but for those without slots; None where they are not in a row, or fall."""
    columns = [one for one in map(read_columns, stretches) if one.count]
    following = (one.first + one.count for one in columns)
    if not all(map(eq, following, [one.first for one in columns[1:]])):
        return None
    return columns if all(map(_climbs, columns)) else None


def _cut(spans: Sequence[tuple[int, int]], slots: Sequence[int]) -> _Cuts | None:
    """Cut stretches that follow one another after these slots; None where one lies outside."""
    if not spans or slots[0] < spans[0][0] or slots[-1] >= sum(spans[-1]):
        return None
    cuts = _Cuts([], [])
    place = 0
    for first, count in spans:
        end = bisect_right(slots, first + count - 1, place)
        ends = tuple([slot - first + 1 for slot in slots[place:end]])
        cuts.asked.append(len(ends))
        cuts.ends.append(ends if ends and ends[-1] == count else (*ends, count))
        place = end
    return cuts


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
    ((closing,),) = _stood([columns], (columns.count,))
    return closing


def _climbs(columns: Columns) -> bool:
    """Tell whether slots follow one another, each read to its end, and nothing falls."""
    if columns.skipped != 0 or _least(columns.used) < 0 or _least(columns.rises) < 0:
        return False
    late_ms, count = columns.before_end_ms, columns.count
    return _most(late_ms, count) <= EDGE_TOLERANCE_MS or (
        max(decode_column(late_ms, count)) <= EDGE_TOLERANCE_MS
    )


def _closings(columns: Sequence[Columns], cuts: _Cuts) -> list[int] | None:
    """Tell where a register stood at the cuts asked for; None where one stretch falls to another.

    Stretches that are cut and coded alike are summed together.
    """
    used, rises = [one.used for one in columns], [one.rises for one in columns]
    keys = zip(cuts.ends, map(size_of, used), map(size_of, rises), strict=True)
    alike: defaultdict[tuple[tuple[int, ...], int, int], list[int]] = defaultdict(list)
    for place, key in enumerate(keys):
        alike[key].append(place)
    stood: list[Sequence[int]] = [()] * len(columns)
    for (ends, _, _), places in alike.items():
        by_end = _stood([columns[place] for place in places], ends)
        for place, row in zip(places, zip(*by_end, strict=True), strict=True):
            stood[place] = row
    following = [one.opening for one in columns[1:]]
    if any(map(lt, following, [row[-1] for row in stood])):
        return None
    asked = zip(stood, cuts.asked, strict=True)
    return list(chain.from_iterable([row[:count] for row, count in asked]))


def _stood(columns: Sequence[Columns], ends: tuple[int, ...]) -> Iterable[Sequence[int]]:
    """Tell where a register stood in stretches that are coded alike: for each end, in each."""
    count = ends[-1]
    if len(ends) > DECODED_FOR:
        every = [_every(one) for one in columns]
        return [[closings[end - 1] for closings in every] for end in ends]
    used = sums_alike([one.used for one in columns], count, ends)
    rises = sums_alike([one.rises for one in columns], count - 1, tuple([n - 1 for n in ends]))
    openings = [one.opening for one in columns]
    return [
        list(map(add, map(add, openings, some), more))
        for some, more in zip(used, rises, strict=True)
    ]


def _every(columns: Columns) -> list[int]:
    """Tell where it stood at the end of each slot."""
    used = decode_column(columns.used, columns.count)
    steps = map(add, islice(used, 1, None), decode_column(columns.rises, columns.count - 1))
    return list(accumulate(steps, initial=columns.opening + used[0]))


def _least(coded: Coded) -> int:
    return coded if isinstance(coded, int) else coded.least


def _most(coded: Coded, count: int) -> int:
    """Bound a column's values from above by how wide they are."""
    if isinstance(coded, int):
        return coded
    width = width_of(len(coded.numbers), count)
    return coded.least + coded.scale * ((1 << BITS_OF_DIGIT * width) - 1)
