"""From what is known of a meter, slot by slot, to what was used in each interval. Pure."""

import enum
import math
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import NamedTuple

from cloud.readings.store import RunKey
from shared.calendar import Interval
from shared.meterdays import SlotEdges, SlotUsage, Why, sum_runs, usage_of_run, why_estimated
from shared.readings import parts_of
from shared.units import SLOT_MS


class Status(enum.StrEnum):
    """How an interval's usage is known."""

    MEASURED = "measured"
    """The meter said it: its registers at both ends of every slot, or imported half hours."""
    ESTIMATED = "estimated"
    """A part of it is spread over a gap, or not known; `why` says which."""
    MISSING = "missing"
    """Nothing is known of it."""


class Source(enum.StrEnum):
    """Who said what an interval used."""

    METER = "meter"
    IMPORTED = "imported"
    MIXED = "mixed"


class Reason(enum.StrEnum):
    """Why an interval is estimated or missing."""

    GAP = Why.GAP.value
    PARTIAL = Why.PARTIAL.value
    BREAK = Why.BREAK.value
    SHAPED = "shaped"
    """A gap's exact energy is laid out after the half hours that were imported for it."""
    IMPORTED_ESTIMATE = "imported-estimate"
    """What was imported calls itself an estimate, or was longer than a half hour."""
    INCOMPLETE = "incomplete"
    """Some of its half hours are not known, and are not in the amount."""
    NO_READINGS = "no-readings"
    NOT_YET = "not-yet"
    """It has not begun."""


class RunEdges(NamedTuple):
    """A register run's known slots, and its modulus (0 where it has not wrapped)."""

    modulus: int
    edges: SlotEdges


class Known(NamedTuple):
    """What is known of one quantity: usage by slot, and where it is from.

    `imported` slots an import alone tells (whole); `shaped` ones have a register's energy in an
    import's shape; of `incomplete` ones not every meter that is summed has said anything. `parts`
    are the meters of a sum; its `mixed` slots one tells by an import and another by its registers.
    """

    by_slot: Mapping[int, SlotUsage]
    counters: Sequence[RunEdges] = ()
    imported: frozenset[int] = frozenset()
    shaped: frozenset[int] = frozenset()
    incomplete: frozenset[int] = frozenset()
    mixed: frozenset[int] = frozenset()
    parts: Sequence["Known"] = ()

    def begins(self) -> float:
        """Give the first slot in which it was counted, as far as is known; infinite where never.

        The nearest reading before what was asked for is among the counters.
        """
        firsts = [min(counter.edges) for counter in self.counters if counter.edges]
        return min([*firsts, *([min(self.by_slot)] if self.by_slot else [])], default=math.inf)

    def why(self) -> dict[int, set[Reason]]:
        """Say of each estimated slot why it is one."""
        if self.parts:
            return self._why_of_parts()
        found: dict[int, set[Reason]] = {}
        for counter in self.counters:
            for slot, why in why_estimated(counter.edges, counter.modulus).items():
                if slot not in self.imported:
                    found.setdefault(slot, set()).add(Reason(why.value))
        for slot in self.shaped:
            found.setdefault(slot, set()).add(Reason.SHAPED)
        for slot in self.imported:
            if self.by_slot[slot].is_estimated:
                found.setdefault(slot, set()).add(Reason.IMPORTED_ESTIMATE)
        return found

    def _why_of_parts(self) -> dict[int, set[Reason]]:
        found = {slot: {Reason.INCOMPLETE} for slot in self.incomplete}
        for part in self.parts:
            for slot, reasons in part.why().items():
                found.setdefault(slot, set()).update(reasons)
        return found


class Part(NamedTuple):
    """One quantity's share of an interval; the amount is None where no slot is known."""

    amount: int | None
    slots: int
    known: int
    estimated: Sequence[int]
    imported: int
    mixed: int


class Served(NamedTuple):
    """One interval with its amounts by quantity, None where unknown."""

    interval: Interval
    amounts: dict[str, int | None]
    status: Status
    source: Source | None
    why: list[Reason]


def keys_of(quantity: str, keys: Sequence[RunKey]) -> list[RunKey]:
    """List the runs that sum to a quantity: those of the total register, else of its tariffs."""
    registers = set(parts_of(quantity, {key.register for key in keys}))
    return sorted(key for key in keys if key.register in registers)


def tariff_keys(quantity: str, keys: Sequence[RunKey]) -> list[RunKey]:
    """List the runs of a quantity's tariffs where it has a total beside them."""
    names = {key.register for key in keys}
    if quantity not in names:
        return []
    registers = set(parts_of(quantity, names - {quantity}))
    return sorted(key for key in keys if key.register in registers)


def usage_by_slot(runs: Sequence[RunEdges]) -> dict[int, SlotUsage]:
    """Difference each run and add them up slot by slot."""
    if len(runs) == 1:
        return usage_of_run(runs[0].edges, runs[0].modulus)
    return sum_runs(usage_of_run(run.edges, run.modulus) for run in runs)


def sum_known(parts: Sequence[Known]) -> Known:
    """Add several meters up; a slot that not all of them know is incomplete, and so estimated."""
    if len(parts) == 1:
        return parts[0]
    by_slot = sum_runs(part.by_slot for part in parts)
    common = frozenset(by_slot).intersection(*(part.by_slot.keys() for part in parts))
    incomplete = frozenset(by_slot) - common
    for slot in incomplete:
        by_slot[slot] = SlotUsage(by_slot[slot].amount, is_estimated=True)
    imported: frozenset[int] = frozenset().union(*(part.imported for part in parts))
    read = {slot for part in parts for slot in part.by_slot.keys() - part.imported}
    return Known(
        by_slot,
        tuple(chain.from_iterable(part.counters for part in parts)),
        imported=imported - read,
        shaped=frozenset().union(*(part.shaped for part in parts)),
        incomplete=incomplete,
        mixed=imported & read,
        parts=parts,
    )


def parts_by_interval(known: Known, intervals: Sequence[Interval]) -> list[Part]:
    """Sum one quantity over intervals in order of time, each slot looked at once."""
    if all(one.end_ms - one.start_ms == SLOT_MS for one in intervals):
        return [_part_of_slot(known, one.start_ms // SLOT_MS) for one in intervals]
    found = []
    slots = sorted(known.by_slot)
    place = 0
    for interval in intervals:
        first, end = interval.start_ms // SLOT_MS, -(-interval.end_ms // SLOT_MS)
        place = bisect_left(slots, first, place)
        amount = count = imported = mixed = 0
        estimated = []
        while place < len(slots) and slots[place] < end:
            slot = slots[place]
            usage = known.by_slot[slot]
            amount += usage.amount
            count += 1
            imported += slot in known.imported
            mixed += slot in known.mixed
            if usage.is_estimated:
                estimated.append(slot)
            place += 1
        some = amount if count else None
        found.append(Part(some, end - first, count, estimated, imported, mixed))
    return found


def _part_of_slot(known: Known, slot: int) -> Part:
    usage = known.by_slot.get(slot)
    if usage is None:
        return Part(None, 1, 0, (), 0, 0)
    amount, is_estimated = usage
    estimated = (slot,) if is_estimated else ()
    return Part(amount, 1, 1, estimated, int(slot in known.imported), int(slot in known.mixed))


def serve(
    by_quantity: Mapping[str, Known], intervals: Sequence[Interval], now_ms: int
) -> list[Served]:
    """Sum each quantity over each interval; quantities the meter does not count stay None.

    One that it has counted and that is not known of an interval makes that interval incomplete.
    """
    names = list(by_quantity)
    columns = [parts_by_interval(one, intervals) for one in by_quantity.values()]
    why = [
        known.why() if any(part.estimated for part in column) else {}
        for known, column in zip(by_quantity.values(), columns, strict=True)
    ]
    begins_ms = [known.begins() * SLOT_MS for known in by_quantity.values()]
    served = []
    for interval, *parts in zip(intervals, *columns, strict=True):
        reasons: set[Reason] = set()
        for part, of_slot in zip(parts, why, strict=True):
            for slot in part.estimated:
                reasons.update(of_slot.get(slot, ()))
        amounts = dict(zip(names, [part.amount for part in parts], strict=True))
        begun = zip(parts, begins_ms, strict=True)
        counted = [part for part, at_ms in begun if at_ms < interval.end_ms]
        served.append(Served(interval, amounts, *_judge(counted, reasons, interval, now_ms)))
    return served


def _judge(
    parts: Sequence[Part], reasons: set[Reason], interval: Interval, now_ms: int
) -> tuple[Status, Source | None, list[Reason]]:
    """Judge an interval by all its quantities that the meter counts; takes the reasons over."""
    count = imported = mixed = 0
    is_estimated = False
    for _, slots, known, estimated, of_imports, of_both in parts:
        count += known
        imported += of_imports
        mixed += of_both
        is_estimated = is_estimated or bool(estimated)
        if known < slots:
            reasons.add(Reason.INCOMPLETE)
    if not count:
        begun = interval.start_ms <= now_ms
        return Status.MISSING, None, [Reason.NO_READINGS if begun else Reason.NOT_YET]
    source = Source.MIXED if imported or mixed else Source.METER
    if imported == count:
        source = Source.IMPORTED
    if reasons or is_estimated:
        return Status.ESTIMATED, source, sorted(reasons)
    return Status.MEASURED, source, []
