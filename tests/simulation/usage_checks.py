"""The API's answers against the oracle's registers, at every slot boundary of what was logged."""

from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

from agent.torture.card import Key
from cloud.readings.repository import SqlReadingStore
from cloud.readings.service import sample_at, usage_of
from cloud.scope import Scope
from shared.calendar import slot_of_sample, slot_start_ms
from shared.consent import Granularity
from shared.meterdays import EDGE_TOLERANCE_MS
from shared.readings import Medium
from shared.units import SLOT_MS
from tests.simulation.stored import Store
from tests.simulation.world import World

COARSE = (Granularity.DAILY, Granularity.NONE)
HOME = Scope.of("home")


class Point(NamedTuple):
    """When a register was read, and what it had truly counted."""

    at_ms: int
    counted: int
    shown: int


def registers_are_served(world: World, store: Store) -> Iterator[str]:
    """At each slot's end the API shows the last sample that counts, as the oracle has it."""
    by_meter: dict[str, list[tuple[int, str, int]]] = defaultdict(list)
    said: dict[Key, dict[str, int]] = {}
    for key, copies in store.copies.items():
        sample = store.current(key)
        if sample is not None and world.witness.find(key, sample.registers) is not None:
            by_meter[copies[0].meter].append((sample.taken_at_ms, *key))
            said[key] = sample.registers
    with world.cloud.database.reading() as connection:
        reading = SqlReadingStore(connection)
        for meter, places in by_meter.items():
            for boundary_ms in sorted({_end_ms(at_ms) for at_ms, _, _ in places}):
                last = max(one for one in places if one[0] <= boundary_ms)
                counts = said[Key(*last[1:])]
                shown = sample_at(reading, HOME, meter, boundary_ms)
                if shown is None or (shown.taken_at_ms, shown.registers) != (last[0], counts):
                    yield f"{meter} at {boundary_ms}: the API shows {shown}, the oracle {counts}"


def usage_is_exact(world: World, store: Store) -> Iterator[str]:
    """Each slot's usage is what the meter counted from one slot's last sample to the next's."""
    if world.has_lied or world.has_stepped or world.ever(*COARSE):
        return
    # An older card cannot know that a register has wrapped or fallen since.
    if world.witness.cards and _goes_back(world):
        return
    # Nor can a hub that cannot read the last row of before.
    if _is_forgotten(world):
        return
    eras: dict[tuple[str, int], list[Point]] = defaultdict(list)
    for key, copies in store.copies.items():
        kept = world.witness.find(key, copies[0].sample.registers)
        if kept is not None and "import_mwh" in kept.registers:
            point = Point(
                copies[0].sample.taken_at_ms,
                kept.shown.counted,
                kept.shown.registers["import_mwh"],
            )
            eras[kept.meter, kept.shown.era].append(point)
    by_meter: dict[str, list[list[Point]]] = defaultdict(list)
    for (meter, _), points in eras.items():
        by_meter[meter].append(sorted(points))
    if any(map(_is_hidden, by_meter.values())):
        return
    with world.cloud.database.reading() as connection:
        for meter, registers in by_meter.items():
            yield from _compare(SqlReadingStore(connection), meter, registers)


def _is_hidden(registers: list[list[Point]]) -> bool:
    """Tell whether a register set back had passed what it said before when it was read again."""
    return any(after[0].shown >= before[-1].shown for before, after in pairwise(sorted(registers)))


def _goes_back(world: World) -> bool:
    return any(
        before.meter == after.meter
        and before.registers["import_mwh"] > after.registers["import_mwh"]
        for before, after in pairwise(world.meter.shown)
    )


def _is_forgotten(world: World) -> bool:
    """Tell whether a register went back after a row that was damaged."""
    rows = sorted(
        (kept.shown.at_ms, kept.meter, kept.registers["import_mwh"], key in world.witness.damaged)
        for key, kept in world.witness.kept.items()
        if "import_mwh" in kept.registers
    )
    return any(
        is_damaged and meter == other and before > after
        for (_, meter, before, is_damaged), (_, other, after, _) in pairwise(rows)
    )


def _compare(reading: SqlReadingStore, meter: str, registers: list[list[Point]]) -> Iterator[str]:
    by_slot: dict[int, int] = defaultdict(int)
    for points in registers:
        before = points[0]
        for point in points:
            by_slot[slot_of_sample(point.at_ms)] += point.counted - before.counted
            before = point
    start_ms, end_ms = slot_start_ms(min(by_slot)), slot_start_ms(max(by_slot) + 1)
    served = usage_of(reading, HOME, meter, Medium.ELECTRICITY, start_ms, end_ms)
    told = {slot: one.amount for slot, one in served["import_mwh"].items()}
    if sum(told.values()) != sum(by_slot.values()):
        yield f"{meter} used {sum(by_slot.values())} mWh, the API says {sum(told.values())}"
    elif all(map(_is_close, registers)) and told != dict(by_slot):
        yield f"{meter} used {dict(by_slot)}, the API says {told}"


def _is_close(points: list[Point]) -> bool:
    """Tell whether each boundary has a sample near on both sides: then nothing is spread."""
    for before, after in pairwise(points):
        slots = (slot_of_sample(before.at_ms), slot_of_sample(after.at_ms))
        boundary_ms = slot_start_ms(slots[1])
        is_near = max(boundary_ms - before.at_ms, after.at_ms - boundary_ms) <= EDGE_TOLERANCE_MS
        if slots[0] != slots[1] and (slots[0] + 1 != slots[1] or not is_near):
            return False
    return True


def _end_ms(at_ms: int) -> int:
    return slot_start_ms(slot_of_sample(at_ms)) + SLOT_MS
