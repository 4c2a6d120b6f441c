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

from cloud.columnsums import size_of, sum_of, sums_alike
from cloud.packing import BITS_OF_DIGIT, Coded, Columns, decode_column, read_columns, width_of
from shared.meterdays import EDGE_TOLERANCE_MS
from shared.ranges import Range, union

DECODED_FOR = 6
"""For so many slots of a stretch decoding it once is cheaper than a sum for each."""

_lie = attrgetter("first", "count", "skipped")


class Climbs(NamedTuple):
    """Stretches of a register, and the spans of slots that it climbed through without a break.

    In each slot of a span it was read to its end, after the one before it. It falls in none of the
    stretches; that it does not from one to the next, `closings_within` sees to.
    """

    columns: Sequence[Columns]
    spans: Sequence[Range]


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
    for stretches in registers:
        climbs = read_climbs(stretches)
        if climbs is None or len(climbs.spans) != 1:
            return None
        found.append(climbs)
    return closings_within(found, slots)


def closings_of(stretches: Sequence[bytes], slots: Sequence[int]) -> list[int] | None:
    """Tell where one register stood, as `closings_of_each`."""
    found = closings_of_each([stretches], slots)
    return None if found is None else found[0]


def read_climbs(stretches: Sequence[bytes]) -> Climbs | None:
    """Read stretches, in order of time, but for those without slots; None where one falls."""
    columns = [one for one in map(read_columns, stretches) if one.count]
    if not columns:
        return Climbs(columns, [])
    following = (one.first + one.count for one in columns)
    if all(map(eq, following, [one.first for one in columns[1:]])) and all(map(_climbs, columns)):
        # As nearly always: without a hole from the first to the last.
        return Climbs(columns, [(columns[0].first, columns[-1].first + columns[-1].count - 1)])
    if min(_least(one) for stretch in columns for one in (stretch.used, stretch.rises)) < 0:
        return None
    return Climbs(columns, union(span for one in columns for span in _spans(one)))


def closings_within(registers: Sequence[Climbs], slots: Sequence[int]) -> list[list[int]] | None:
    """Tell where each register stood at the end of each of these slots, each within a span.

    None where a slot lies outside, or a register falls from one stretch to another.
    """
    found = []
    lie: list[tuple[int, int, Coded]] = []
    cuts: _Cuts | None = None
    for columns, _ in registers:
        # Registers of a meter are read together: their stretches are nearly always the same.
        if cuts is None or lie != list(map(_lie, columns)):
            lie = list(map(_lie, columns))
            cuts = _cut(columns, slots)
        closings = None if cuts is None else _closings(columns, cuts)
        if closings is None:
            return None
        found.append(closings)
    return found


def _cut(columns: Sequence[Columns], slots: Sequence[int]) -> _Cuts | None:
    """Cut stretches after these slots; None where one lies outside of all."""
    if not columns or slots[0] < columns[0].first:
        return None
    cuts = _Cuts([], [])
    place = 0
    for one in columns:
        first, count = one.first, one.count
        if one.skipped == 0:
            end = bisect_right(slots, first + count - 1, place)
            ends = tuple([slot - first + 1 for slot in slots[place:end]])
        else:
            known = _slots(one)
            end = bisect_right(slots, known[-1], place)
            ends = tuple([bisect_right(known, slot) for slot in slots[place:end]])
        cuts.asked.append(len(ends))
        cuts.ends.append(ends if ends and ends[-1] == count else (*ends, count))
        place = end
    return cuts if place == len(slots) else None


def _slots(columns: Columns) -> list[int]:
    in_row = range(columns.first, columns.first + columns.count)
    return list(map(add, in_row, decode_column(columns.skipped, columns.count)))


def _spans(columns: Columns) -> list[Range]:
    """List the slots of a stretch that were read to their ends."""
    if _climbs(columns):
        return [(columns.first, columns.first + columns.count - 1)]
    late_ms = decode_column(columns.before_end_ms, columns.count)
    whole = zip(_slots(columns), late_ms, strict=True)
    return union((slot, slot) for slot, ms in whole if ms <= EDGE_TOLERANCE_MS)


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
    count = columns.count
    return columns.opening + sum_of(columns.used, count) + sum_of(columns.rises, count - 1)


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
