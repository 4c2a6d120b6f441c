"""The short way to an answer says what the long way says, or nothing."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud.readings.energies import entries_of
from cloud.readings.measured import (
    may_be_measured,
    measured_amounts,
    stretches_for,
    write_entries,
)
from cloud.readings.store import RunKey
from cloud.readings.validators import Standing
from shared.calendar import Interval, Resolution, check_zone, intervals_between
from shared.meterdays import Edges, SlotEdges
from shared.readings import Medium
from shared.units import MS_PER_DAY, SLOT_MS
from tests.support.packed_meters import Runs, climbing_meter, judge_runs, pack_runs

DAYS = range(20_000, 20_008)
LONDON = check_zone("Europe/London")
NOW_MS = 20_300 * MS_PER_DAY
CHANGES = (
    ("Europe/London", 20_023),
    ("Europe/London", 20_177),
    ("Australia/Lord_Howe", 20_002),
    ("America/St_Johns", 20_156),
    ("Asia/Kolkata", 20_100),
)
"""Zones, and UTC days around whose beginning their clocks change; the last one's never do."""

STANDING = Standing(Medium.ELECTRICITY, 1, 0, 0, 2, 0, 0, 0, 0, "store")


def _short(runs: Runs, intervals: Sequence[Interval]) -> list[dict[str, Any]] | None:
    span_ms = intervals[0].start_ms, intervals[-1].end_ms
    bounds_ms = [span_ms[0], *(one.end_ms for one in intervals)]
    wanted = stretches_for("home", "M1", span_ms)
    packed = pack_runs(runs, wanted.first_day, wanted.last_day)
    amounts = measured_amounts(packed, Medium.ELECTRICITY, bounds_ms)
    if amounts is None:
        return None
    written = write_entries(amounts, bounds_ms)
    entries: list[dict[str, Any]] = msgspec.json.decode(written)
    # As the other way is written, byte by byte.
    assert msgspec.json.encode(entries) == bytes(written)
    return entries


def _long(runs: Runs, intervals: Sequence[Interval]) -> list[dict[str, Any]]:
    known = judge_runs(runs, [intervals[0].start_ms, intervals[-1].end_ms])
    return entries_of(known, intervals, NOW_MS, None)


def _same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return list(one) == list(other) and all(
        list(one[key]) == list(other[key]) if key == "why" else one[key] == other[key]
        for key in one
    )


def _gap(edges: SlotEdges, slot: int) -> None:
    del edges[slot]


def _small_fall(edges: SlotEdges, slot: int) -> None:
    edges[slot] = edges[slot]._replace(opening=edges[slot].opening - 3_000)


def _break(edges: SlotEdges, slot: int) -> None:
    for after in range(slot, (DAYS[-1] + 1) * 48):
        opening_at_ms, opening, closing_at_ms, closing = edges[after]
        edges[after] = Edges(opening_at_ms, opening - 10**9, closing_at_ms, closing - 10**9)


def _part(edges: SlotEdges, slot: int) -> None:
    edges[slot] = edges[slot]._replace(closing_at_ms=slot * SLOT_MS + SLOT_MS // 2)


HARMS: list[Callable[[SlotEdges, int], None]] = [_gap, _small_fall, _break, _part]
REGISTERS = (
    ("import_mwh",),
    ("import_mwh", "export_mwh"),
    ("import_t1_mwh", "import_t2_mwh", "export_mwh"),
)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 1_000),
    st.sampled_from(REGISTERS),
    st.sampled_from([Resolution.HALF_HOUR, Resolution.DAY]),
    st.integers(DAYS[2] * 48, DAYS[4] * 48),
    st.integers(1, 100),
    st.none() | st.tuples(st.sampled_from(HARMS), st.integers(DAYS[0] * 48 + 1, DAYS[-1] * 48)),
)
def test_short_way_says_what_the_long_way_says(
    seed: int,
    registers: Sequence[str],
    resolution: Resolution,
    first: int,
    count: int,
    harm: tuple[Callable[[SlotEdges, int], None], int] | None,
) -> None:
    """Wherever something is to be judged, in, before or after what was asked for."""
    runs = climbing_meter(seed, registers, DAYS)
    if harm is not None:
        harm[0](runs[RunKey(registers[0], "")], harm[1])
    span_ms = first * SLOT_MS, (first + count) * SLOT_MS
    intervals = intervals_between(*span_ms, resolution, LONDON, 200)

    short, judged = _short(runs, intervals), _long(runs, intervals)

    assert short is not None or harm is not None
    if short is not None:
        assert all(map(_same, short, judged))
        assert len(short) == len(judged)


@settings(max_examples=30, deadline=None)
@given(
    st.integers(0, 1_000),
    st.sampled_from(CHANGES),
    st.sampled_from([Resolution.HOUR, Resolution.DAY, Resolution.WEEK]),
    st.integers(-4, 3),
    st.integers(1, 5),
    st.lists(
        st.tuples(st.sampled_from([_gap, _small_fall, _part]), st.integers(1, 9 * 48)),
        max_size=2,
        unique_by=lambda harm: harm[1],
    ),
)
def test_days_of_clock_changes_are_the_same_both_ways(
    seed: int,
    change: tuple[str, int],
    resolution: Resolution,
    before: int,
    days: int,
    harms: Sequence[tuple[Callable[[SlotEdges, int], None], int]],
) -> None:
    """In spring and in autumn, in zones on the hour and beside it, whole or with holes."""
    zone, day = check_zone(change[0]), change[1]
    around = range(day - 12, day + 16)
    runs = climbing_meter(seed, ["import_mwh", "export_mwh"], around)
    for harm, slot in harms:
        harm(runs[RunKey("export_mwh", "")], (day - 4) * 48 + slot)
    span_ms = (day + before) * MS_PER_DAY, (day + before + days) * MS_PER_DAY
    intervals = intervals_between(*span_ms, resolution, zone, 200)

    short, judged = _short(runs, intervals), _long(runs, intervals)

    assert short is not None or harms
    if short is not None:
        assert all(map(_same, short, judged))
        assert len(short) == len(judged)


def _second_run(runs: Runs) -> None:
    runs[RunKey("import_mwh", "log:7")] = runs[RunKey("import_mwh", "")]


def _late_register(runs: Runs) -> None:
    edges = runs[RunKey("import_mwh", "")]
    late = {slot: one for slot, one in edges.items() if slot >= DAYS[4] * 48}
    runs[RunKey("export_mwh", "")] = late


def _nothing(runs: Runs) -> None:
    runs.clear()


@pytest.mark.parametrize("change", [_second_run, _late_register, _nothing])
def test_runs_that_are_to_be_judged_have_no_short_way(change: Callable[[Runs], None]) -> None:
    """Several of one register, one that began later, or none at all."""
    runs = climbing_meter(1, ["import_mwh"], DAYS)
    intervals = intervals_between(
        DAYS[3] * MS_PER_DAY, DAYS[4] * MS_PER_DAY, Resolution.HALF_HOUR, LONDON, 200
    )
    before = _short(runs, intervals)

    change(runs)

    assert before is not None
    assert _short(runs, intervals) is None


def test_bounds_within_a_slot_have_no_short_way() -> None:
    """Days of a zone that was once minutes off are not made of half hours."""
    runs = climbing_meter(1, ["import_mwh"], DAYS)
    odd = [DAYS[3] * MS_PER_DAY + 75_000, DAYS[4] * MS_PER_DAY + 75_000]

    assert measured_amounts(pack_runs(runs, DAYS[2], DAYS[4]), Medium.ELECTRICITY, odd) is None


@pytest.mark.parametrize(
    "standing",
    [
        STANDING._replace(medium=Medium.GAS),
        STANDING._replace(import_count=1),
        STANDING._replace(tenancy_count=1),
    ],
)
def test_what_is_converted_imported_or_handed_over_is_judged(standing: Standing) -> None:
    """None of it can be told from the meter's closings alone."""
    assert may_be_measured(STANDING)
    assert not may_be_measured(standing)
