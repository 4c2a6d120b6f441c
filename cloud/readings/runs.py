"""Which register runs are one counter seen by two hubs: they are joined, not added. Pure.

A meter's first run has one name whichever hub reads it. After a reset each hub names the next run
by its own log, and two hubs on one meter would count it twice. A register has one value at a time:
runs of it that were read over the same time are one counter if their values agree there, and are
left apart where they do not, or where they never met.
"""

from collections.abc import Callable, Sequence

from cloud.readings.store import RunKey
from cloud.readings.usage import RunEdges
from shared.calendar import utc_day_of_slot
from shared.meterdays import Edges, SlotEdges, join_into

CLOCKS_APART_MS = 124_000
"""One hub may date a sample by the meter's clock and another by its own: 120 s apart at most, each
known to 2 s. Two stretches that share no more than this say nothing about each other."""


def agree(one: SlotEdges, other: SlotEdges) -> bool | None:
    """Tell whether two runs agree in every slot in which both were read; None where in none.

    In such a slot neither may have ended below where the other began. A slot in which a run itself
    falls has no say: something began again there.
    """
    has_agreed = None
    for slot in one.keys() & other.keys():
        ours, theirs = one[slot], other[slot]
        shared_ms = min(ours.closing_at_ms, theirs.closing_at_ms) - max(
            ours.opening_at_ms, theirs.opening_at_ms
        )
        if shared_ms <= CLOCKS_APART_MS or _falls(ours) or _falls(theirs):
            continue
        if ours.closing < theirs.opening or theirs.closing < ours.opening:
            return False
        has_agreed = True
    return has_agreed


def are_of_one_log(one: RunKey, other: RunKey) -> bool:
    """Tell whether one log named both: it reads one after the other, never both at once."""
    return ":" in one.run and one.run.split(":")[0] == other.run.split(":")[0]


def _falls(edges: Edges) -> bool:
    return edges.closing < edges.opening


def group_runs(
    keys: Sequence[RunKey], is_same: Callable[[RunKey, RunKey], bool]
) -> list[list[RunKey]]:
    """Sort the runs of one register into counters, however many hubs have read each."""
    groups: list[list[RunKey]] = []
    for key in sorted(keys):
        same = [group for group in groups if any(is_same(key, known) for known in group)]
        groups = [group for group in groups if group not in same]
        groups.append([*(known for group in same for known in group), key])
    return groups


def join_runs(runs: Sequence[RunEdges]) -> RunEdges:
    """Join runs that are one counter; one that has wrapped for any hub has wrapped."""
    edges: SlotEdges = {}
    for run in runs:
        join_into(edges, run.edges)
    return RunEdges(max(run.modulus for run in runs), edges)


def clip(counter: RunEdges, first_day: int, last_day: int) -> RunEdges:
    """Keep the UTC days asked for, and the nearest known one on either side, as a store does.

    Past that, the days of one run are here and those of another are not.
    """
    days = {utc_day_of_slot(slot) for slot in counter.edges}
    low = max((day for day in days if day < first_day), default=first_day)
    high = min((day for day in days if day > last_day), default=last_day)
    kept = {s: one for s, one in counter.edges.items() if low <= utc_day_of_slot(s) <= high}
    return counter._replace(edges=kept)
