"""How well a period is known: counts by status, and the stretches that are not measured. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import NamedTuple

from cloud.readings.usage import Known, Reason, Source, Status
from shared.units import SLOT_MS

MAX_STRETCHES = 500
"""A year with more holes than one a day; the counts are of all of them."""


class Kind(NamedTuple):
    """How a slot is known, by whom, and why not better."""

    status: Status
    source: Source | None
    why: tuple[Reason, ...]


class Stretch(NamedTuple):
    """Slots `[first, end)` of one kind."""

    first: int
    end: int
    kind: Kind


class Summary(NamedTuple):
    """Slots of a period by how they are known; the counts sum to `slots`.

    Of `outside_slots` the meter was not the household's: nothing else is said of them.
    """

    slots: int
    measured_slots: int
    imported_slots: int
    estimated_slots: int
    missing_slots: int
    not_yet_slots: int
    outside_slots: int
    known_permille: int | None
    stretches: list[Stretch]


MEASURED = Kind(Status.MEASURED, Source.METER, ())
IMPORTED = Kind(Status.MEASURED, Source.IMPORTED, ())
MISSING = Kind(Status.MISSING, None, (Reason.NO_READINGS,))
NOT_YET = Kind(Status.MISSING, None, (Reason.NOT_YET,))
OUTSIDE = Kind(Status.MISSING, None, ())
UNLISTED = frozenset({MEASURED, NOT_YET, OUTSIDE})


def summarize(
    known: Known, first: int, end: int, now_ms: int, held: Sequence[tuple[int, int]]
) -> Summary:
    """Judge the slots `[first, end)` of one quantity, where they lie in `held` ones (end out)."""
    stretches = [
        Stretch(group[0][0], group[-1][0] + 1, kind)
        for kind, members in groupby(
            _kinds(known, first, end, now_ms, held), key=lambda one: one[1]
        )
        if (group := list(members))
    ]
    counts: dict[str, int] = dict.fromkeys(
        ("measured", "imported", "estimated", "missing", "not_yet", "outside"), 0
    )
    for one in stretches:
        counts[_column(one.kind)] += one.end - one.first
    begun = end - first - counts["not_yet"] - counts["outside"]
    sure = counts["measured"] + counts["imported"]
    return Summary(
        end - first,
        counts["measured"],
        counts["imported"],
        counts["estimated"],
        counts["missing"],
        counts["not_yet"],
        counts["outside"],
        sure * 1_000 // begun if begun else None,
        [one for one in stretches if one.kind not in UNLISTED],
    )


def _kinds(
    known: Known, first: int, end: int, now_ms: int, held: Sequence[tuple[int, int]]
) -> Iterator[tuple[int, Kind]]:
    """Say of each slot in order how it is known."""
    why = known.why()
    place = first
    for low, high in sorted(held):
        for slot in range(place, min(low, end)):
            yield slot, OUTSIDE
        place = max(place, min(low, end))
        for slot in range(place, min(high, end)):
            yield slot, _kind(known, why, slot, now_ms)
        place = max(place, min(high, end))
    for slot in range(place, end):
        yield slot, OUTSIDE


def _kind(known: Known, why: Mapping[int, set[Reason]], slot: int, now_ms: int) -> Kind:
    usage = known.by_slot.get(slot)
    if usage is None:
        return NOT_YET if slot * SLOT_MS > now_ms else MISSING
    if not usage.is_estimated:
        return IMPORTED if slot in known.imported else MEASURED
    source = Source.IMPORTED if slot in known.imported else Source.METER
    if slot in known.shaped:
        source = Source.MIXED
    return Kind(Status.ESTIMATED, source, tuple(sorted(why.get(slot, ()))))


def _column(kind: Kind) -> str:
    if kind == NOT_YET:
        return "not_yet"
    if kind == OUTSIDE:
        return "outside"
    if kind.status is not Status.MEASURED:
        return kind.status.value
    return "imported" if kind.source is Source.IMPORTED else "measured"
