"""Meters of a few registers that climb, as a store packs them, and what judging them comes to."""

import random
from collections.abc import Sequence

from cloud.packing import pack_slots
from cloud.readings.packed import Packed
from cloud.readings.runs import clip
from cloud.readings.store import RunKey
from cloud.readings.usage import Known, RunEdges, keys_of, usage_by_slot
from cloud.tables import STRETCH_DAYS
from shared.meterdays import Edges, SlotEdges
from shared.readings import QUANTITIES, Medium
from shared.units import MS_PER_DAY, SLOT_MS

Runs = dict[RunKey, SlotEdges]


def climbing_meter(seed: int, registers: Sequence[str], days: range) -> Runs:
    """Make one run of each register, read to the end of every slot of these UTC days."""
    rng = random.Random(seed)
    return {RunKey(one, ""): _climb(rng, days) for one in registers}


def _climb(rng: random.Random, days: range) -> SlotEdges:
    value = rng.randrange(10**10)
    edges = {}
    for slot in range(days[0] * 48, (days[-1] + 1) * 48):
        opening = value + rng.randrange(2_000)
        value = opening + rng.randrange(900_000)
        edges[slot] = Edges(slot * SLOT_MS + 9_000, opening, (slot + 1) * SLOT_MS, value)
    return edges


def pack_runs(runs: Runs, first_day: int, last_day: int) -> Packed:
    """Pack the stretches in which these days lie, as a store has them."""
    stretches = range(first_day // STRETCH_DAYS, last_day // STRETCH_DAYS + 1)
    slots = STRETCH_DAYS * 48
    return {
        key: [
            pack_slots({slot: one for slot, one in edges.items() if slot // slots == stretch})
            for stretch in stretches
        ]
        for key, edges in runs.items()
    }


def judge_runs(runs: Runs, bounds_ms: Sequence[int]) -> dict[str, Known]:
    """Judge slot by slot what a store gives: the days asked for and the nearest known ones."""
    first_day, last_day = bounds_ms[0] // MS_PER_DAY, (bounds_ms[-1] - 1) // MS_PER_DAY
    known: dict[str, Known] = {}
    for quantity in QUANTITIES[Medium.ELECTRICITY]:
        counters = [
            clip(RunEdges(0, runs[key]), first_day, last_day) for key in keys_of(quantity, [*runs])
        ]
        known[quantity] = Known(usage_by_slot(counters) if counters else {}, counters)
    return known
