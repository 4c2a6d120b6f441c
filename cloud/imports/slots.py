"""From the rows of a file to half hours. Pure.

Half hours are taken as they are, shorter rows are summed where they fill one, longer ones spread
over theirs by largest remainder and called an estimate.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from cloud.imports.rows import Fault, Parsed, Row
from shared.meterdays import SlotUsage
from shared.units import MS_PER_DAY, MS_PER_MINUTE, SLOT_MS, spread_largest_remainder

MAX_ROW_MS = 31 * MS_PER_DAY
"""A month: a longer row says nothing of half hours."""

MIN_ROW_MS = MS_PER_MINUTE
"""Thirty rows fill a half hour; finer ones are no history but samples."""

MAX_PER_SLOT = {"mwh": 250_000_000, "l": 80_000}
"""500 kW over a half hour, and 160 m³ of gas an hour: no home has a connection of that."""


class Half(NamedTuple):
    """The rows within one slot so far: what they cover, their sum, and the first one's line."""

    line: int
    covered: list[tuple[int, int]]
    amount: int
    is_estimated: bool


def slots_of(parsed: Parsed) -> tuple[dict[int, SlotUsage], list[Fault]]:
    """Lay rows out by slot; the faults are those of the file and those found here, by line."""
    kept: dict[int, tuple[int, SlotUsage]] = {}
    halves: dict[int, Half] = {}
    faults = list(parsed.faults)
    for row in parsed.rows:
        reason = _fault_of(row, parsed.unit)
        if reason is None:
            reason = _place(row, kept) if _is_whole(row) else _gather(row, kept, halves)
        if reason:
            faults.append(_named(row, reason))
    for slot, half in halves.items():
        if sum(end - start for start, end in half.covered) == SLOT_MS:
            kept[slot] = half.line, SlotUsage(half.amount, half.is_estimated)
        else:
            minutes = sum(end - start for start, end in half.covered) // MS_PER_MINUTE
            faults.append(Fault(half.line, f"only {minutes} minutes of its half hour are told", ""))
    faults.sort()
    return {slot: usage for slot, (_, usage) in sorted(kept.items())}, faults


def total_of(by_slot: Iterable[SlotUsage]) -> int:
    """Sum amounts."""
    return sum(usage.amount for usage in by_slot)


def _fault_of(row: Row, unit: str) -> str | None:
    length_ms = row.end_ms - row.start_ms
    if length_ms <= 0:
        return "it ends before it begins"
    if length_ms < MIN_ROW_MS:
        return "it is shorter than a minute"
    if length_ms > MAX_ROW_MS:
        return "it is longer than a month"
    if row.amount * SLOT_MS > MAX_PER_SLOT[unit] * max(length_ms, SLOT_MS):
        return "the amount is more than any home's connection carries"
    is_inside = row.start_ms // SLOT_MS == (row.end_ms - 1) // SLOT_MS
    if not is_inside and not _is_whole(row):
        return "it does not begin and end on a half hour of UTC"
    return None


def _is_whole(row: Row) -> bool:
    return row.start_ms % SLOT_MS == 0 and row.end_ms % SLOT_MS == 0


def _place(row: Row, kept: dict[int, tuple[int, SlotUsage]]) -> str | None:
    slots = range(row.start_ms // SLOT_MS, row.end_ms // SLOT_MS)
    shares = spread_largest_remainder(row.amount, [1] * len(slots))
    said = [SlotUsage(share, row.is_estimated or len(slots) > 1) for share in shares]
    for slot, usage in zip(slots, said, strict=True):
        before = kept.get(slot)
        if before is not None and before[1] != usage:
            return f"line {before[0]} says something else of the same time"
    for slot, usage in zip(slots, said, strict=True):
        kept.setdefault(slot, (row.line, usage))
    return None


def _gather(
    row: Row, kept: dict[int, tuple[int, SlotUsage]], halves: dict[int, Half]
) -> str | None:
    slot = row.start_ms // SLOT_MS
    if slot in kept:
        return f"line {kept[slot][0]} says something else of the same time"
    half = halves.get(slot, Half(row.line, [], 0, is_estimated=False))
    if any(start < row.end_ms and row.start_ms < end for start, end in half.covered):
        return "another row tells of the same time"
    halves[slot] = Half(
        half.line,
        [*half.covered, (row.start_ms, row.end_ms)],
        half.amount + row.amount,
        half.is_estimated or row.is_estimated,
    )
    return None


def _named(row: Row, reason: str) -> Fault:
    return Fault(row.line, reason, f"{row.amount} from {row.start_ms} to {row.end_ms}")


def lines_of(faults: Sequence[Fault]) -> list[str]:
    """Write faults as lines of text."""
    return [
        f"line {one.line}: {one.reason}" + (f" ({one.text})" if one.text else "") for one in faults
    ]
