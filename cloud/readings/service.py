"""Answers from the reading store: the last sample at an instant, the counters of a period."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from cloud.readings.revisions import outranked
from cloud.readings.runs import agree, are_of_one_log, clip, group_runs, join_runs
from cloud.readings.store import Readings, RunKey, StoredFrame
from cloud.readings.totals import Turns, find_turns, of_tariff, of_total
from cloud.readings.usage import RunEdges, keys_of, tariff_keys, usage_by_slot
from cloud.scope import Scope
from shared.calendar import utc_day_of_slot
from shared.frames import Frame, decode_frame
from shared.meterdays import SlotEdges, SlotUsage, join_into
from shared.ranges import Range, contains
from shared.readings import PREPAYMENT, QUANTITIES, Medium
from shared.units import (
    EARLIEST_PLAUSIBLE_MS,
    LATEST_PLAUSIBLE_MS,
    MS_PER_DAY,
    MS_PER_HOUR,
    SLOT_MS,
)

LAST_DAY = LATEST_PLAUSIBLE_MS // MS_PER_DAY
"""No sample is dated past it."""

COMPARED_DAYS = 31
"""Runs are compared a month at a time; the first month in which both were read decides."""

FIRST_LOOK_FRAMES = 4
"""The latest frame nearly always has the answer; revisions and overlaps need a few more."""


CREDIT_WITHIN_MS = 3 * MS_PER_HOUR
"""A credit is logged once a half hour at least: a meter whose last hours of readings hold none
tells none, and is not looked through to its first frame."""


class Displayed(NamedTuple):
    """What a meter displayed at an instant."""

    taken_at_ms: int
    registers: dict[str, int]
    quality: int


def sample_at(store: Readings, scope: Scope, meter: str, at_ms: int) -> Displayed | None:
    """Find the last sample of what a meter measures, taken at or before `at_ms`; None for none.

    A sample that a higher revision replaced or withheld is passed over.
    """
    return _last(store, scope, meter, at_ms, is_of_credit=False)


def credit_at(store: Readings, scope: Scope, meter: str, at_ms: int) -> Displayed | None:
    """Find the last sample of how a meter is paid for, taken at or before `at_ms`.

    None also where the frames of the meter's last CREDIT_WITHIN_MS hold none.
    """
    return _last(store, scope, meter, at_ms, is_of_credit=True, within_ms=CREDIT_WITHIN_MS)


def _last(
    store: Readings,
    scope: Scope,
    meter: str,
    at_ms: int,
    *,
    is_of_credit: bool,
    within_ms: int = LATEST_PLAUSIBLE_MS,
) -> Displayed | None:
    looked = FIRST_LOOK_FRAMES
    while True:
        frames = store.frames_of_meter(scope, meter, EARLIEST_PLAUSIBLE_MS, at_ms, newest=looked)
        best = _best(store, scope, frames, at_ms, is_of_credit=is_of_credit)
        is_all = len(frames) < looked or _span_ms(frames) > within_ms
        # A frame not looked at ends no later than the last one looked at.
        unseen_ms = frames[-1].last_taken_at_ms if frames and not is_all else None
        if is_all or (best is not None and unseen_ms is not None and best[0] > unseen_ms):
            return None if best is None else best[3]
        looked *= 4


def _span_ms(frames: Sequence[StoredFrame]) -> int:
    """Tell how far frames reach back from the end of the first of them, the latest ending one."""
    return (frames[0].last_taken_at_ms or 0) - (frames[-1].last_taken_at_ms or 0)


_Best = tuple[int, str, int, Displayed]
"""The order of samples (time, log, sequence), and what the sample says."""


def _best(
    store: Readings,
    scope: Scope,
    frames: Sequence[StoredFrame],
    at_ms: int,
    *,
    is_of_credit: bool,
) -> _Best | None:
    """Choose the greatest (time, log, sequence) at or before an instant among these frames."""
    best: _Best | None = None
    for stored in frames:
        if best is not None and (stored.last_taken_at_ms or 0) < best[0]:
            break
        frame = decode_frame(stored.payload)
        of_credit = _places_of_credit(frame)
        ordered = sorted(
            (
                (taken_at_ms, seq, place)
                for place, (seq, taken_at_ms) in enumerate(
                    zip(frame.sequences(), frame.times_ms, strict=True)
                )
                if taken_at_ms <= at_ms and (place in of_credit) is is_of_credit
            ),
            reverse=True,
        )
        replaced = replaced_ranges(store, scope, stored) if ordered else []
        for taken_at_ms, seq, place in ordered:
            if best is not None and (taken_at_ms, stored.log_id, seq) <= best[:3]:
                break
            if not contains(replaced, seq, seq):
                best = (taken_at_ms, stored.log_id, seq, _displayed(frame, place))
                break
    return best


def _places_of_credit(frame: Frame) -> frozenset[int]:
    """List the places of a frame whose samples say how the meter is paid for, and nothing else."""
    return frozenset(
        place
        for column in frame.columns
        if column.register == PREPAYMENT
        for place, value in enumerate(column.values)
        if value is not None
    )


def _displayed(frame: Frame, place: int) -> Displayed:
    registers = {
        column.register: value
        for column in frame.columns
        if (value := column.values[place]) is not None
    }
    return Displayed(frame.times_ms[place], registers, frame.qualities[place])


def replaced_ranges(store: Readings, scope: Scope, stored: StoredFrame) -> list[Range]:
    """List the places of a frame that a higher revision has decided."""
    others = store.frames_of_log(scope, stored.log_id, [(stored.first_seq, stored.last_seq)])
    return outranked(
        stored.revision,
        (decode_frame(one.payload) for one in others if one.revision > stored.revision),
    )


def counters_of(
    store: Readings, scope: Scope, meter: str, medium: Medium, start_ms: int, end_ms: int
) -> dict[str, dict[str, list[RunEdges]]]:
    """Give the counters behind each quantity of a meter by register, over `[start_ms, end_ms)`.

    The nearest known day on either side is read too, so that a gap across the edge is spread right.
    Where a meter has told both a total and its tariffs, each is cut to the slots that it tells.
    """
    first_day = utc_day_of_slot(start_ms // SLOT_MS)
    last_day = utc_day_of_slot(max(end_ms - 1, start_ms) // SLOT_MS)
    runs = store.runs(scope, meter)
    found: dict[str, dict[str, list[RunEdges]]] = {}
    for quantity in QUANTITIES[medium]:
        by_register: dict[str, list[RunKey]] = {}
        for key in [*keys_of(quantity, list(runs)), *tariff_keys(quantity, list(runs))]:
            by_register.setdefault(key.register, []).append(key)
        found[quantity] = {
            register: _counters(
                store, scope, meter, {key: runs[key] for key in keys}, (first_day, last_day)
            )
            for register, keys in by_register.items()
        }
        if quantity in by_register and len(by_register) > 1:
            turns = _turns(store, scope, meter, quantity, by_register)
            found[quantity] = _in_turns(found[quantity], quantity, turns)
    return found


def _turns(
    store: Readings,
    scope: Scope,
    meter: str,
    total: str,
    by_register: Mapping[str, Sequence[RunKey]],
) -> Turns | None:
    """Find which slots a total tells, from its and its tariffs' first and last known days."""
    ends: dict[bool, tuple[SlotEdges, SlotEdges]] = {True: ({}, {}), False: ({}, {})}
    for register, keys in by_register.items():
        for key in keys:
            for edges, day in zip(ends[register == total], (-1, LAST_DAY + 1), strict=True):
                for in_day in store.days(scope, meter, key, day, day).values():
                    join_into(edges, in_day)
    early, late = ends[False]
    tariffs = (min(early), max(late)) if early else None
    return find_turns(*ends[True], tariffs) if ends[True][0] else None


def _in_turns(
    counters: Mapping[str, list[RunEdges]], total: str, turns: Turns | None
) -> dict[str, list[RunEdges]]:
    if turns is None:
        return {name: runs for name, runs in counters.items() if name != total}
    return {
        name: [
            piece
            for run in runs
            for piece in (of_total(run, turns) if name == total else of_tariff(run, turns))
        ]
        for name, runs in counters.items()
    }


def usage_of(
    store: Readings, scope: Scope, meter: str, medium: Medium, start_ms: int, end_ms: int
) -> dict[str, dict[int, SlotUsage]]:
    """Give the usage by slot that a meter's own readings tell, whole at least over the span."""
    counters = counters_of(store, scope, meter, medium, start_ms, end_ms)
    return {
        quantity: usage_by_slot([run for runs in by_register.values() for run in runs])
        for quantity, by_register in counters.items()
    }


def _counters(
    store: Readings,
    scope: Scope,
    meter: str,
    runs: Mapping[RunKey, int],
    days: tuple[int, int],
) -> list[RunEdges]:
    """Give the counters behind one register's runs, over these UTC days and the nearest known."""
    edges = {key: edges_between(store, scope, meter, key, *days) for key in runs}
    if len(runs) == 1:
        return [RunEdges(modulus, edges[key]) for key, modulus in runs.items()]
    counters = [
        [RunEdges(runs[key], edges[key]) for key in keys]
        for keys in counters_among(store, scope, meter, list(runs))
    ]
    return [one[0] if len(one) == 1 else clip(join_runs(one), *days) for one in counters]


def counters_among(
    store: Readings, scope: Scope, meter: str, keys: Sequence[RunKey]
) -> list[list[RunKey]]:
    """Sort the runs of one register into the counters that they are."""
    spans = {key: span_of_run(store, scope, meter, key) for key in keys}

    def is_same(one: RunKey, other: RunKey) -> bool:
        if are_of_one_log(one, other):
            return False
        first = max(spans[one][0], spans[other][0])
        last = min(spans[one][1], spans[other][1])
        # Not by the days asked for: the answer for a day must not depend on the others.
        for start in range(first, last + 1, COMPARED_DAYS):
            end = min(start + COMPARED_DAYS - 1, last)
            pair = [edges_between(store, scope, meter, key, start, end) for key in (one, other)]
            if (said := agree(*pair)) is not None:
                return said
        return False

    return group_runs(keys, is_same)


def span_of_run(store: Readings, scope: Scope, meter: str, key: RunKey) -> tuple[int, int]:
    """Find a run's first and last known UTC day: the nearest ones to days that never are.

    The last is before the first where nothing is known of it.
    """
    first = store.days(scope, meter, key, -1, -1)
    last = store.days(scope, meter, key, LAST_DAY + 1, LAST_DAY + 1)
    return min(first, default=0), max(last, default=-1)


def edges_between(
    store: Readings, scope: Scope, meter: str, key: RunKey, first_day: int, last_day: int
) -> SlotEdges:
    """Read a run over UTC days, both ends included, and the nearest known on either side."""
    edges: SlotEdges = {}
    for in_day in store.days(scope, meter, key, first_day, last_day).values():
        edges.update(in_day)
    return edges
