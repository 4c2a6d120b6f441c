"""What was imported, laid under what the meter itself said. Pure.

A slot that the meter's registers tell keeps their amount whatever was imported for it. Inside of a
gap, where only the sum over the gap is the meter's, imported half hours decide how that sum is laid
out, and nothing else. A slot in which the meter's readings only begin or end is the import's.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise

from cloud.readings.usage import Known, RunEdges, usage_by_slot
from shared.meterdays import SlotUsage, Why, why_estimated
from shared.units import spread_largest_remainder


def overlay(counters: Sequence[RunEdges], imported: Mapping[int, SlotUsage]) -> Known:
    """Say what is known of a quantity from its counters and from what was imported of it."""
    by_slot = usage_by_slot(counters) if counters else {}
    if not imported:
        return Known(by_slot, counters)
    added = imported.keys() - by_slot.keys()
    added |= imported.keys() & _begun_or_ended(counters)
    shaped: set[int] = set()
    read = {slot for counter in counters for slot in counter.edges}
    for gap in gaps_within(by_slot, read):
        shaped.update(_shape(by_slot, gap, imported))
    by_slot.update((slot, imported[slot]) for slot in added)
    return Known(by_slot, counters, frozenset(added), frozenset(shaped))


def _begun_or_ended(counters: Sequence[RunEdges]) -> set[int]:
    """List the slots that every counter which tells of them was read in for a part only."""
    found: set[int] = set()
    told: set[int] = set()
    for counter in counters:
        why = why_estimated(counter.edges, counter.modulus)
        partial = {slot for slot, one in why.items() if one is Why.PARTIAL}
        found |= partial
        told |= counter.edges.keys() - partial
    return found - told


def gaps_within(by_slot: Mapping[int, SlotUsage], read: set[int]) -> list[range]:
    """List the stretches of slots in which nothing was read, with a reading on either side."""
    found = []
    for before, after in pairwise(sorted(read)):
        if after - before > 1 and before + 1 in by_slot:
            found.append(range(before + 1, after))
    return found


def _shape(
    by_slot: dict[int, SlotUsage], gap: range, imported: Mapping[int, SlotUsage]
) -> Sequence[int]:
    """Lay a gap's energy out as the import has it; an import that lacks a slot says nothing."""
    if any(slot not in imported or slot not in by_slot for slot in gap):
        return ()
    weights = [imported[slot].amount for slot in gap]
    if not any(weights):
        return ()
    total = sum(by_slot[slot].amount for slot in gap)
    for slot, share in zip(gap, spread_largest_remainder(total, weights), strict=True):
        by_slot[slot] = SlotUsage(share, is_estimated=True)
    return gap
