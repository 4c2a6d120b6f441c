"""A span that is judged in passages is written as if it had been judged whole."""

from collections.abc import Callable, Sequence
from itertools import pairwise, starmap
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud.readings.energies import entries_of
from cloud.readings.measured import stretches_for
from cloud.readings.passages import JUDGED_MAX, write_passages
from cloud.readings.store import RunKey
from cloud.readings.usage import Known
from shared.calendar import Interval, Resolution, bounds_between, check_zone
from shared.meterdays import SlotEdges
from shared.readings import Medium
from shared.units import MS_PER_DAY, MS_PER_MINUTE, SLOT_MS
from tests.support.packed_meters import Runs, climbing_meter, judge_runs, pack_runs

CHANGES = (
    ("Europe/London", 20_023),
    ("Europe/London", 20_177),
    ("Australia/Lord_Howe", 20_002),
    ("Asia/Kolkata", 20_100),
)
"""Zones, and UTC days around whose beginning their clocks change; the last one's never do."""

REGISTERS = (
    ("import_mwh",),
    ("import_mwh", "export_mwh"),
    ("import_t1_mwh", "import_t2_mwh", "export_mwh"),
)
BEFORE, AFTER = 24, 24
LATER_MS = 30_000 * MS_PER_DAY
IMPORT, EXPORT = RunKey("import_mwh", ""), RunKey("export_mwh", "")
DAY = 20_100
"""Where the plain cases lie: in a zone whose days are those of UTC."""


def _bounds_ms(first_day: int, days: int, resolution: Resolution, name: str) -> Sequence[int]:
    span_ms = first_day * MS_PER_DAY, (first_day + days) * MS_PER_DAY
    return bounds_between(*span_ms, resolution, check_zone(name), 2_000)


def _written(runs: Runs, bounds_ms: Sequence[int], now_ms: int = LATER_MS) -> bytes | None:
    return _written_and_judged(runs, bounds_ms, now_ms)[0]


def _written_and_judged(
    runs: Runs, bounds_ms: Sequence[int], now_ms: int = LATER_MS
) -> tuple[bytes | None, list[int]]:
    """Write passages; gives besides the first day and the number of each that was judged."""
    judged: list[int] = []

    def judge(bounds: Sequence[int]) -> dict[str, Known]:
        judged.extend(at_ms // MS_PER_DAY for at_ms in bounds[:-1])
        return judge_runs(runs, bounds)

    wanted = stretches_for("home", "M1", (bounds_ms[0], bounds_ms[-1]))
    packed = pack_runs(runs, wanted.first_day, wanted.last_day)
    written = write_passages(packed, Medium.ELECTRICITY, bounds_ms, now_ms, judge)
    return None if written is None else bytes(written), judged


def _whole(runs: Runs, bounds_ms: Sequence[int], now_ms: int = LATER_MS) -> bytes:
    intervals = list(starmap(Interval, pairwise(bounds_ms)))
    return msgspec.json.encode(entries_of(judge_runs(runs, bounds_ms), intervals, now_ms, None))


def _lose(edges: SlotEdges, slot: int, count: int) -> None:
    for one in range(slot, slot + count):
        edges.pop(one, None)


def _end_early(edges: SlotEdges, slot: int, count: int) -> None:
    if slot in edges:
        at_ms = (slot + 1) * SLOT_MS - min(count, 29) * MS_PER_MINUTE
        edges[slot] = edges[slot]._replace(closing_at_ms=at_ms)


def _begin_late(edges: SlotEdges, slot: int, count: int) -> None:
    if slot in edges:
        at_ms = slot * SLOT_MS + min(count, 29) * MS_PER_MINUTE
        edges[slot] = edges[slot]._replace(opening_at_ms=at_ms)


def _lose_all_before(edges: SlotEdges, slot: int, _count: int) -> None:
    for one in [one for one in edges if one < slot]:
        del edges[one]


def _lose_all_behind(edges: SlotEdges, slot: int, _count: int) -> None:
    for one in [one for one in edges if one > slot]:
        del edges[one]


def _fall(edges: SlotEdges, slot: int, count: int) -> None:
    """Have it stand lower by a little from a slot on, so that some of what follows is taken off."""
    less = count * 10_000
    for one in [one for one in edges if one >= slot]:
        here = edges[one]
        edges[one] = here._replace(opening=here.opening - less, closing=here.closing - less)


Harm = tuple[Callable[[SlotEdges, int, int], None], int, int, int]
HARMS = st.tuples(
    st.sampled_from(
        [_lose, _lose, _end_early, _begin_late, _lose_all_before, _lose_all_behind, _fall]
    ),
    st.integers(-BEFORE * 48, AFTER * 48),
    st.integers(1, 150),
    st.integers(0, 2),
)


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 1_000),
    st.sampled_from(CHANGES),
    st.sampled_from(REGISTERS),
    st.sampled_from([Resolution.DAY, Resolution.DAY, Resolution.HALF_HOUR, Resolution.WEEK]),
    st.integers(-14, -8),
    st.integers(15, 20),
    st.lists(HARMS, min_size=1, max_size=3),
)
def test_passages_are_what_judging_the_whole_comes_to(
    seed: int,
    change: tuple[str, int],
    registers: Sequence[str],
    resolution: Resolution,
    before: int,
    days: int,
    harms: Sequence[Harm],
) -> None:
    """Byte by byte: with holes, late and early readings, falls, in days of 23 to 25 hours."""
    name, day = change
    if resolution is Resolution.HALF_HOUR:
        days = 9
    runs = climbing_meter(seed, registers, range(day - BEFORE, day + AFTER))
    for harm, slot, count, register in harms:
        key = RunKey(registers[register % len(registers)], "")
        harm(runs[key], day * 48 + slot, count)
    bounds_ms = _bounds_ms(day + before, days, resolution, name)

    written = _written(runs, bounds_ms)

    if written is not None:
        assert written == _whole(runs, bounds_ms)


def _entries(written: bytes | None) -> list[dict[str, Any]]:
    assert written is not None
    entries: list[dict[str, Any]] = msgspec.json.decode(written)
    return entries


def test_only_the_days_of_a_power_cut_are_judged() -> None:
    """And the one after, which began before anything was known of it."""
    runs = climbing_meter(1, ["import_mwh", "export_mwh"], range(DAY, DAY + 30))
    for edges in runs.values():
        _lose(edges, (DAY + 11) * 48 + 40, 20)
    bounds_ms = _bounds_ms(DAY + 2, 20, Resolution.DAY, "UTC")

    written, judged = _written_and_judged(runs, bounds_ms)

    assert judged == [DAY + 11, DAY + 12]
    assert written == _whole(runs, bounds_ms)
    estimated = [one["start"] for one in _entries(written) if one["status"] == "estimated"]
    assert len(estimated) == 2


def test_a_month_that_reaches_into_today_judges_today_alone() -> None:
    """The newest half hour is not over, and what follows has not begun."""
    now = (DAY + 20) * 48 + 30
    runs = climbing_meter(2, ["import_mwh", "export_mwh"], range(DAY, DAY + 30))
    for edges in runs.values():
        _end_early(edges, now, 12)
        _lose_all_behind(edges, now, 0)
    bounds_ms = _bounds_ms(DAY + 1, 20, Resolution.DAY, "UTC")

    written, judged = _written_and_judged(runs, bounds_ms, now * SLOT_MS + 1)

    assert judged == [DAY + 20]
    assert written == _whole(runs, bounds_ms, now * SLOT_MS + 1)
    assert [one["status"] for one in _entries(written)] == ["measured"] * 19 + ["estimated"]


def test_days_before_the_first_reading_are_missing_without_being_looked_through() -> None:
    """A household that asks for a month of which it has been here for most."""
    runs = climbing_meter(3, ["import_mwh"], range(DAY + 5, DAY + 40))
    bounds_ms = _bounds_ms(DAY, 30, Resolution.DAY, "UTC")

    written, judged = _written_and_judged(runs, bounds_ms)

    # Of the first day it is not told where the register stood when it began.
    assert judged == list(range(DAY, DAY + 6))
    assert written == _whole(runs, bounds_ms)


def _one_falls(runs: Runs) -> None:
    _fall(runs[EXPORT], (DAY + 12) * 48, 1)


def _falls_across_a_gap(runs: Runs) -> None:
    _lose(runs[EXPORT], (DAY + 11) * 48, 96)
    _fall(runs[EXPORT], (DAY + 12) * 48, 10_000)


def _fell_before_what_was_read(runs: Runs) -> None:
    """On the nearest known day before a gap that reaches into the first day asked for."""
    _lose(runs[IMPORT], (DAY + 4) * 48, 120)
    _fall(runs[IMPORT], (DAY + 3) * 48 + 10, 1)


def _is_full_of_holes(runs: Runs) -> None:
    for number in range(JUDGED_MAX + 1):
        _lose(runs[IMPORT], (DAY + 7 + 3 * number) * 48, 1)


def _is_mostly_unknown(runs: Runs) -> None:
    _lose(runs[IMPORT], (DAY + 8) * 48, 11 * 48)


def _has_tariffs_beside_its_total(runs: Runs) -> None:
    runs[RunKey("import_t1_mwh", "")] = runs[EXPORT]


def _has_two_runs_of_one_register(runs: Runs) -> None:
    runs[RunKey("import_mwh", "log:7")] = runs[IMPORT]


def _has_no_register(runs: Runs) -> None:
    runs.clear()


@pytest.mark.parametrize(
    "change",
    [
        _one_falls,
        _falls_across_a_gap,
        _fell_before_what_was_read,
        _is_full_of_holes,
        _is_mostly_unknown,
        _has_tariffs_beside_its_total,
        _has_two_runs_of_one_register,
        _has_no_register,
    ],
)
def test_what_is_to_be_judged_whole_has_no_written(change: Callable[[Runs], None]) -> None:
    """What a fall takes back is counted off later; else passages would gain nothing."""
    runs = climbing_meter(4, ["import_mwh", "export_mwh"], range(DAY, DAY + 40))
    _lose(runs[IMPORT], (DAY + 20) * 48, 3)
    bounds_ms = _bounds_ms(DAY + 6, 20, Resolution.DAY, "UTC")
    before = _written(runs, bounds_ms)

    change(runs)

    assert before is not None
    assert _written(runs, bounds_ms) is None


def test_bounds_within_a_slot_have_no_written() -> None:
    """Days of a zone that was once minutes off are not made of half hours."""
    runs = climbing_meter(5, ["import_mwh"], range(DAY, DAY + 30))
    odd = [at_ms + 75_000 for at_ms in _bounds_ms(DAY + 2, 20, Resolution.DAY, "UTC")]

    assert _written(runs, odd) is None
