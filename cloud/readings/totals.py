"""Which slots a meter's total tells, and which its tariff registers do, where it has both. Pure.

A hub that comes later, or goes, may read a total that the others do not, or the other way round.
Neither takes from the household what the other has told: the total tells its slots from the first
that it was read to the end of to the last, and the tariffs those before and after.
"""

from typing import NamedTuple

from cloud.readings.usage import RunEdges
from shared.calendar import slot_start_ms
from shared.meterdays import EDGE_TOLERANCE_MS, Edges, SlotEdges
from shared.ranges import Range


class Turns(NamedTuple):
    """The total tells slots past `first` up to `last`; the tariffs those up to `first` and past it.

    Where `begins` the tariffs go on to the total's first slot, which counts nothing by the total;
    where `ends` they go on from its last. Else the total keeps all that it knows at that end.
    """

    first: int
    last: int
    begins: bool
    ends: bool


def find_turns(early: SlotEdges, late: SlotEdges, tariffs: Range | None) -> Turns | None:
    """Find them by the total's first and last known day, and the tariffs' first and last slot.

    None where the total has no turn: it was read to the end of no two slots, and tariffs were all
    the while.
    """
    low, high = tariffs or (0, -1)
    first_known, last_known = min(early), max(late)
    first = min((slot for slot in early if _is_to_the_end(slot, early[slot])), default=None)
    last = max((slot for slot in late if _is_to_the_end(slot, late[slot])), default=None)
    if (first is None or last is None) and low < first_known and last_known <= high:
        return None
    begins = first is not None and low < first_known and first <= high
    ends = last is not None and last_known < high and low <= last
    turns = Turns(
        first if first is not None and begins else first_known - 1,
        last if last is not None and ends else last_known,
        begins,
        ends,
    )
    return None if turns.last <= turns.first else turns


def of_total(run: RunEdges, turns: Turns) -> list[RunEdges]:
    """Keep what the total tells."""
    return _cut(run, turns.first if turns.begins else None, turns.last if turns.ends else None)


def of_tariff(run: RunEdges, turns: Turns) -> list[RunEdges]:
    """Keep what a tariff register tells: before, and after."""
    return [*_cut(run, None, turns.first), *_cut(run, turns.last, None)]


def _cut(run: RunEdges, after: int | None, to: int | None) -> list[RunEdges]:
    """Keep the slots past one and up to another; of the first only where it closed is known."""
    kept = {
        slot: edges
        for slot, edges in run.edges.items()
        if (after is None or slot > after) and (to is None or slot <= to)
    }
    if not kept:
        return []
    if after is not None and after in run.edges:
        # Another register tells that slot: this one counts nothing in it, and goes on from its end.
        at_ms, value = run.edges[after][2:]
        kept[after] = Edges(slot_start_ms(after) + 1, value, at_ms, value)
    return [run._replace(edges=kept)]


def _is_to_the_end(slot: int, edges: Edges) -> bool:
    return slot_start_ms(slot + 1) - edges.closing_at_ms <= EDGE_TOLERANCE_MS
