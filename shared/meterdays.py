"""Meter-days: per register run and UTC day, 48 openings and closings; usage is their differences.

An opening is the least sample of a slot and a closing the greatest, ordered by (taken_at, value): a
join, so any order, repetition or split of samples gives the same meter-day. Hub and cloud keep the
same shape. Pure.
"""

import enum
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice, repeat
from operator import lt
from typing import NamedTuple

import msgspec

from shared.calendar import slot_of_sample, slot_start_ms, utc_day_of_slot
from shared.units import SLOT_MS, SLOTS_PER_UTC_DAY, spread_largest_remainder

EDGE_TOLERANCE_MS = 300_000
"""A sample this close to a slot's boundary stands for it: gas meters capture every five minutes."""

TAKEN_BACK_SLOTS = 4
"""How far back a fall may reach: two hours, more than the clocks of two hubs in a home differ.

Counted in slots and not in an amount, because one amount cannot suit mWh, litres and MJ.
"""


class Edges(NamedTuple):
    """The opening and the closing of one slot."""

    opening_at_ms: int
    opening: int
    closing_at_ms: int
    closing: int


class SlotUsage(NamedTuple):
    """What one slot used; `is_estimated` where a gap was spread into it or it is not yet whole."""

    amount: int
    is_estimated: bool


class Why(enum.StrEnum):
    """Why the usage of a slot is an estimate."""

    GAP = "gap"
    """Nothing was read in it: the exact difference of the readings around is spread over time."""
    PARTIAL = "partial"
    """It was read from too late on, or not to its end: the rest of it is not in the amount."""
    BREAK = "break"
    """The register began again in it: what the fall hides is not in the amount."""


SlotEdges = dict[int, Edges]
"""Edges by slot number, counted from 1970."""


def edges_of(times_ms: Sequence[int], values: Sequence[int | None]) -> SlotEdges:
    """Fold samples of one register, in any order, into the edges of their slots."""
    return edges_of_each(times_ms, [values])[0]


def edges_of_each(
    times_ms: Sequence[int], columns: Sequence[Sequence[int | None]]
) -> list[SlotEdges]:
    """Fold samples of several registers that were taken at the same times, as `edges_of`."""
    if any(len(values) != len(times_ms) for values in columns):
        raise ValueError(f"{len(times_ms)} times of {[len(values) for values in columns]} values")
    if not all(map(lt, times_ms, islice(times_ms, 1, None))):
        return [_edges_of_any(times_ms, values) for values in columns]
    spans = spans_of_rising(times_ms)
    return [_edges_of_rising(times_ms, values, spans) for values in columns]


def spans_of_rising(times_ms: Sequence[int]) -> list[tuple[int, int, int]]:
    """List each slot with its first place and its last, where times are in order."""
    spans: list[tuple[int, int, int]] = []
    start = 0
    while start < len(times_ms):
        slot = slot_of_sample(times_ms[start])
        end = bisect_right(times_ms, slot_start_ms(slot + 1), start)
        spans.append((slot, start, end - 1))
        start = end
    return spans


def _edges_of_rising(
    times_ms: Sequence[int], values: Sequence[int | None], spans: Sequence[tuple[int, int, int]]
) -> SlotEdges:
    """Fold samples in order of time, as a log's nearly always are: only the ends are looked at."""
    edges: SlotEdges = {}
    for slot, first, last in spans:
        opening, closing = values[first], values[last]
        if opening is None or closing is None:
            return _edges_of_any(times_ms, values)
        edges[slot] = Edges(times_ms[first], opening, times_ms[last], closing)
    return edges


def _edges_of_any(times_ms: Sequence[int], values: Sequence[int | None]) -> SlotEdges:
    by_slot: dict[int, list[tuple[int, int]]] = {}
    for at_ms, value in zip(times_ms, values, strict=True):
        if value is not None:
            by_slot.setdefault(slot_of_sample(at_ms), []).append((at_ms, value))
    return {slot: Edges(*min(seen), *max(seen)) for slot, seen in by_slot.items()}


def join(one: Edges | None, other: Edges) -> Edges:
    """Join what two parties know of a slot: the earlier opening and the later closing."""
    if one is None:
        return other
    return Edges(*min(one[:2], other[:2]), *max(one[2:], other[2:]))


def join_into(known: SlotEdges, more: Mapping[int, Edges]) -> None:
    """Join `more` into `known`, slot by slot."""
    for slot, edges in more.items():
        known[slot] = join(known.get(slot), edges)


def split_by_day(edges: Mapping[int, Edges]) -> dict[int, SlotEdges]:
    """Sort edges into the UTC days they belong to."""
    days: dict[int, SlotEdges] = {}
    for slot, one in edges.items():
        days.setdefault(utc_day_of_slot(slot), {})[slot] = one
    return days


def pack_day(edges: Mapping[int, Edges]) -> bytes:
    """Pack the edges of one UTC day: rows of small differences, in MessagePack."""
    rows: list[int] = []
    before = 0
    for slot in sorted(edges):
        opening_at_ms, opening, closing_at_ms, closing = edges[slot]
        rows += (
            slot % SLOTS_PER_UTC_DAY,
            opening_at_ms - slot_start_ms(slot),
            opening - before,
            closing_at_ms - opening_at_ms,
            closing - opening,
        )
        before = closing
    return msgspec.msgpack.encode(rows)


def unpack_day(packed: bytes, utc_day: int) -> SlotEdges:
    """Unpack what `pack_day` packed for this UTC day."""
    rows = _decode_rows(packed)
    edges: SlotEdges = {}
    before = 0
    for place in range(0, len(rows), 5):
        in_day, after_start_ms, rise, span_ms, used = rows[place : place + 5]
        slot = utc_day * SLOTS_PER_UTC_DAY + in_day
        opening_at_ms = slot_start_ms(slot) + after_start_ms
        opening = before + rise
        before = opening + used
        edges[slot] = Edges(opening_at_ms, opening, opening_at_ms + span_ms, before)
    return edges


_decode_rows = msgspec.msgpack.Decoder(list[int]).decode


def usage_of_run(edges: Mapping[int, Edges], modulus: int = 0) -> dict[int, SlotUsage]:
    """Difference one register run into usage by slot; the sum is last closing − first opening.

    A slot's usage is its closing minus the previous closing. Where slots in between are unknown,
    what was used meanwhile is spread over the time by largest remainder and marked estimated. A
    fall of over half the `modulus` of a run that has wrapped is a wrap. A fall that takes back no
    more than the `TAKEN_BACK_SLOTS` before it counted is two hubs whose clocks differ: it is taken
    off the slots that follow. A longer one is a break, a register that began again under the same
    run's name: the fall counts nothing, its slot is estimated, unknown slots before it stay so,
    and the sum is that of the parts on either side.
    """
    amounts, why = _trace(edges, modulus)
    return _without_falls(amounts, why)


def why_estimated(edges: Mapping[int, Edges], modulus: int = 0) -> dict[int, Why]:
    """Say of each slot that `usage_of_run` estimates, why it does."""
    return _trace(edges, modulus)[1]


def _trace(edges: Mapping[int, Edges], modulus: int) -> tuple[dict[int, int], dict[int, Why]]:
    """Follow a run through its slots: the difference of each, and why it is an estimate."""
    amounts: dict[int, int] = {}
    why: dict[int, Why] = {}
    before: tuple[int, Edges] | None = None
    for slot in sorted(edges):
        here = edges[slot]
        if before is not None and _follows(before, slot, here):
            # As nearly always: all that rose in between is this slot's.
            amounts[slot] = here.closing - before[1].closing
            before = (slot, here)
            continue
        if before is None:
            if here.opening_at_ms - slot_start_ms(slot) > EDGE_TOLERANCE_MS:
                why[slot] = Why.PARTIAL
        else:
            _bridge(before, (slot, here), modulus, amounts, why)
        used = _rise(here.opening, here.closing, modulus)
        if _is_break(used, slot, amounts):
            why[slot] = Why.BREAK
            used = 0
        amounts[slot] = amounts.get(slot, 0) + used
        before = (slot, here)
    if before and _ends_early(*before):
        why[before[0]] = Why.PARTIAL
    return amounts, why


def _follows(before: tuple[int, Edges], slot: int, here: Edges) -> bool:
    """Tell whether a slot goes on where the one before was read to its end, and nothing fell."""
    last, edges = before
    return (
        slot == last + 1
        and edges.closing <= here.opening <= here.closing
        and slot * SLOT_MS - edges.closing_at_ms <= EDGE_TOLERANCE_MS
    )


def _bridge(
    before: tuple[int, Edges],
    here: tuple[int, Edges],
    modulus: int,
    amounts: dict[int, int],
    why: dict[int, Why],
) -> None:
    """Share out what was used between one slot's closing and the next known slot's opening."""
    amount = _rise(before[1].closing, here[1].opening, modulus)
    if _is_break(amount, before[0], amounts):
        why[here[0]] = Why.BREAK
        if _ends_early(*before):
            why[before[0]] = Why.BREAK
        return
    start_ms, end_ms = before[1].closing_at_ms, here[1].opening_at_ms
    if not _ends_early(*before):
        start_ms = slot_start_ms(before[0] + 1)
    if end_ms - slot_start_ms(here[0]) <= EDGE_TOLERANCE_MS:
        end_ms = slot_start_ms(here[0])
    if end_ms <= start_ms:
        amounts[here[0]] = amounts.get(here[0], 0) + amount
        return
    first = slot_of_sample(start_ms + 1)
    if first == here[0]:
        # As nearly always: nothing was left unread in between.
        amounts[first] = amounts.get(first, 0) + amount
        return
    slots = range(first, slot_of_sample(end_ms) + 1)
    weights = [
        min(end_ms, slot_start_ms(slot + 1)) - max(start_ms, slot_start_ms(slot)) for slot in slots
    ]
    for slot, share in zip(slots, spread_largest_remainder(amount, weights), strict=True):
        amounts[slot] = amounts.get(slot, 0) + share
    if len(slots) > 1:
        why.update(dict.fromkeys(slots, Why.GAP))


def _rise(earlier: int, later: int, modulus: int) -> int:
    # Half the span tells a wrap from a small fall, which must not become a spike of the whole span.
    return later - earlier + (modulus if 2 * (earlier - later) > modulus else 0)


def _is_break(rise: int, slot: int, amounts: Mapping[int, int]) -> bool:
    """Tell whether a rise is a fall to below where the register stood before these slots.

    `slot` is the last one counted; its predecessors are looked back over.
    """
    return rise < 0 and -rise > sum(amounts.get(slot - n, 0) for n in range(TAKEN_BACK_SLOTS))


def _ends_early(slot: int, edges: Edges) -> bool:
    """Tell whether a slot's closing is too far from its end to stand for it."""
    return slot_start_ms(slot + 1) - edges.closing_at_ms > EDGE_TOLERANCE_MS


def _without_falls(amounts: dict[int, int], why: Mapping[int, Why]) -> dict[int, SlotUsage]:
    if min(amounts.values(), default=0) >= 0 and not why:
        return dict(zip(amounts, map(SlotUsage, amounts.values(), repeat(False)), strict=True))
    usage: dict[int, SlotUsage] = {}
    owed = 0
    for slot in sorted(amounts):
        amount = amounts[slot] + owed
        owed = min(amount, 0)
        usage[slot] = SlotUsage(max(amount, 0), slot in why)
    return usage


class Usage(NamedTuple):
    """What an interval used: None where nothing is known of it."""

    amount: int | None
    is_estimated: bool


def sum_runs(runs: Iterable[Mapping[int, SlotUsage]]) -> dict[int, SlotUsage]:
    """Add several runs or registers slot by slot: a slot with a meter swap is the sum of both."""
    total: dict[int, SlotUsage] = {}
    for run in runs:
        for slot, usage in run.items():
            known = total.get(slot, SlotUsage(0, is_estimated=False))
            total[slot] = SlotUsage(
                known.amount + usage.amount, known.is_estimated or usage.is_estimated
            )
    return total


def missing_between(by_slot: Mapping[int, SlotUsage], start_ms: int, end_ms: int) -> int:
    """Count the slots of `[start_ms, end_ms)` that are over and of which nothing is known."""
    return sum(slot not in by_slot for slot in range(start_ms // SLOT_MS, end_ms // SLOT_MS))


def usage_between(by_slot: Mapping[int, SlotUsage], start_ms: int, end_ms: int) -> Usage:
    """Sum the slots of `[start_ms, end_ms)`: estimated where one is, or where one is unknown."""
    known = 0
    amount = 0
    is_estimated = False
    slots = range(start_ms // SLOT_MS, -(-end_ms // SLOT_MS))
    for slot in slots:
        usage = by_slot.get(slot)
        if usage is not None:
            known += 1
            amount += usage.amount
            is_estimated = is_estimated or usage.is_estimated
    if not known:
        return Usage(None, is_estimated=False)
    return Usage(amount, is_estimated or known < len(slots))
