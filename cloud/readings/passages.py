"""A long span of which a few intervals are to be judged: those are, and all others told.

A year that reaches into today, or that has seen a power cut, was measured but for a few days. What
each half hour used follows from the readings on either side of it alone, as long as no register
falls: then judging some intervals for themselves says what judging all of them would. Where one
falls there is no answer here, as what a fall takes back may be counted off much later.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain, groupby, islice, pairwise, starmap
from operator import sub
from typing import NamedTuple

import msgspec

from cloud.climbs import Climbs, closings_within, read_climbs
from cloud.readings.energies import entries_of
from cloud.readings.measured import (
    Amounts,
    registers_of,
    slots_of,
    sum_quantities,
    write_entries,
)
from cloud.readings.packed import Packed
from cloud.readings.usage import Known, tariff_keys
from shared.calendar import Interval
from shared.readings import Medium

JUDGED_MAX = 4
"""Passages: each takes as many questions as the whole, which is judged where there are more."""

JUDGED_PARTS = 2
"""Where one of so many intervals is to be judged, judging all of them takes hardly longer."""

Judge = Callable[[Sequence[int]], Mapping[str, Known]]
"""Gives what is known of each quantity between bounds, looking at one half hour after the other."""


class _Passage(NamedTuple):
    """Intervals in a row, by their bounds; without amounts where they are to be judged."""

    bounds_ms: Sequence[int]
    amounts: Amounts | None


def write_passages(
    packed: Packed, medium: Medium, bounds_ms: Sequence[int], now_ms: int, judge: Judge
) -> msgspec.Raw | None:
    """Write intervals as the API gives them, in JSON; None where they are to be judged whole."""
    passages = _passages(packed, medium, bounds_ms)
    if passages is None:
        return None
    written = []
    for bounds, amounts in passages:
        if amounts is not None:
            entries = bytes(write_entries(amounts, bounds))
        else:
            known = judge(bounds)
            if any(map(_falls, known.values())):
                return None
            intervals = list(starmap(Interval, pairwise(bounds)))
            entries = msgspec.json.encode(entries_of(known, intervals, now_ms, None))
        written.append(entries[1:-1])
    return msgspec.Raw(b"[%b]" % b",".join(written))


def _passages(packed: Packed, medium: Medium, bounds_ms: Sequence[int]) -> list[_Passage] | None:
    """Part intervals into those that are told and those to be judged; None where all are to be."""
    slots, registers = slots_of(bounds_ms), registers_of(packed, medium)
    # Which of a total and its tariffs tells a slot is judged.
    if slots is None or any(tariff_keys(one, list(packed)) for one in registers):
        return None
    stretches = {key.register: one for key, one in packed.items()}
    names = list(chain.from_iterable(registers.values()))
    climbs = [one for one in map(read_climbs, map(stretches.__getitem__, names)) if one is not None]
    parts = _parts(climbs, slots)
    if not names or len(climbs) < len(names) or not _is_worth(parts):
        return None
    asked = [slots[start : end + 1] for start, end, is_told in parts if is_told]
    closings = closings_within(climbs, list(chain.from_iterable(asked)))
    if closings is None:
        return None
    stood = dict(zip(names, map(iter, closings), strict=True))
    return [
        _Passage(
            bounds_ms[start : end + 1],
            sum_quantities(registers, _rises(stood, end + 1 - start)) if is_told else None,
        )
        for start, end, is_told in parts
    ]


def _rises(stood: Mapping[str, Iterator[int]], count: int) -> dict[str, list[int]]:
    """Tell by how much each register rose between the next so many closings."""
    rises = {}
    for name, closings in stood.items():
        here = list(islice(closings, count))
        rises[name] = list(map(sub, here[1:], here))
    return rises


def _parts(registers: Sequence[Climbs], slots: Sequence[int]) -> list[tuple[int, int, bool]]:
    """List the places of bounds between which all registers climb through, or not all do."""
    within = [_spans_at(one, slots) for one in registers]
    is_told = [
        all(one is not None and one == other for one, other in zip(earlier, later, strict=True))
        for earlier, later in pairwise(zip(*within, strict=True))
    ]
    parts = []
    start = 0
    for are_told, some in groupby(is_told):
        end = start + len(list(some))
        parts.append((start, end, are_told))
        start = end
    return parts


def _spans_at(climbs: Climbs, slots: Sequence[int]) -> list[int | None]:
    """Number the spans that slots lie in."""
    firsts = [first for first, _ in climbs.spans]
    places = [bisect_right(firsts, slot) - 1 for slot in slots]
    return [
        place if place >= 0 and slot <= climbs.spans[place][1] else None
        for place, slot in zip(places, slots, strict=True)
    ]


def _is_worth(parts: Sequence[tuple[int, int, bool]]) -> bool:
    judged = [end - start for start, end, is_told in parts if not is_told]
    count = parts[-1][1] if parts else 0
    return len(judged) <= JUDGED_MAX and sum(judged) * JUDGED_PARTS < count


def _falls(known: Known) -> bool:
    """Tell whether a register falls anywhere in what was read in order to judge."""
    for _, edges in known.counters:
        stood = None
        for _, (_, opening, _, closing) in sorted(edges.items()):
            if closing < opening or (stood is not None and opening < stood):
                return True
            stood = closing
    return False
