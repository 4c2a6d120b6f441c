"""Runs that two hubs named apart are one counter exactly when they were read together and agree."""

import random
from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from cloud.ingest.merge import join_days
from cloud.readings.runs import CLOCKS_APART_MS, agree, are_of_one_log, group_runs
from cloud.readings.service import usage_of
from cloud.readings.store import Change, RunKey
from cloud.readings.usage import RunEdges, usage_by_slot
from cloud.scope import Scope
from shared.meterdays import SlotEdges, SlotUsage, edges_of
from shared.readings import Medium
from shared.units import MS_PER_DAY, MS_PER_HOUR, MS_PER_MINUTE, SLOT_MS
from tests.support.cloud import METER, START_MS, MemoryReadingStore

HOME = Scope.of("home")
EVERY_MS = 5 * MS_PER_MINUTE
HOURS = 72


class Home(NamedTuple):
    """A register that was reset, and what two hubs say of it by run: (time, value) pairs."""

    reset_ms: int
    truth: list[tuple[int, int]]
    said: dict[str, list[tuple[int, int]]]


@st.composite
def homes(draw: st.DrawFn) -> Home:
    """Draw a counter over three days with one reset, and two hubs that are each away for a while.

    Each hub's clock is wrong by up to two seconds, and its samples lie at other instants. Before
    the reset both know the first run; after it each names its own.
    """
    rng = random.Random(draw(st.integers(0, 2**32)))
    reset_ms = START_MS + rng.randint(12, 40) * MS_PER_HOUR + rng.randint(1, SLOT_MS - 1)
    value, at_ms = 5_000_000, START_MS
    truth: list[tuple[int, int]] = []
    while at_ms < START_MS + HOURS * MS_PER_HOUR:
        at_ms += 10_000
        if at_ms - 10_000 < reset_ms <= at_ms:
            value = 0
        value += rng.choice((0, 1, 500, 3_000))
        truth.append((at_ms, value))
    said: dict[str, list[tuple[int, int]]] = {}
    for hub in ("a", "b"):
        error_ms = rng.randint(-2_000, 2_000)
        phase = rng.randrange(EVERY_MS // 10_000)
        away = rng.randint(0, HOURS - 8) * MS_PER_HOUR + START_MS
        for place, (taken_ms, seen) in enumerate(truth):
            if place % (EVERY_MS // 10_000) != phase or away < taken_ms < away + 8 * MS_PER_HOUR:
                continue
            run = f"{hub}:1" if taken_ms >= reset_ms else ""
            said.setdefault(run, []).append((taken_ms + error_ms, seen))
    return Home(reset_ms, truth, said)


def _store(said: dict[str, list[tuple[int, int]]]) -> MemoryReadingStore:
    store = MemoryReadingStore()
    for run, samples in said.items():
        edges = edges_of([at_ms for at_ms, _ in samples], [value for _, value in samples])
        days: dict[int, SlotEdges] = {}
        join_days(days, edges)
        key = RunKey("import_mwh", run)
        change = Change({key: 0}, {(key, day): known for day, known in days.items()})
        store.apply(HOME, METER, change)
    return store


def _usage(store: MemoryReadingStore, start_ms: int, end_ms: int) -> dict[int, SlotUsage]:
    return usage_of(store, HOME, METER, Medium.ELECTRICITY, start_ms, end_ms)["import_mwh"]


@settings(max_examples=40, deadline=None)
@given(homes())
def test_two_hubs_over_a_reset_count_once(home: Home) -> None:
    """What is used is what any hub saw last less what any saw first, before the reset and after."""
    store = _store(home.said)

    total = sum(one.amount for one in _usage(store, START_MS, START_MS + 3 * MS_PER_DAY).values())

    before = home.said[""]
    after = [one for run in ("a:1", "b:1") for one in home.said[run]]
    expected = max(v for _, v in before) - min(v for _, v in before)
    expected += max(v for _, v in after) - min(v for _, v in after)
    assert total == expected


@settings(max_examples=20, deadline=None)
@given(homes(), st.integers(0, 47))
def test_answer_for_a_slot_does_not_depend_on_the_period_asked_for(home: Home, hour: int) -> None:
    """Also where only one of the hubs was there in the period."""
    store = _store(home.said)
    whole = _usage(store, START_MS, START_MS + 3 * MS_PER_DAY)
    start_ms = START_MS + hour * MS_PER_HOUR

    part = _usage(store, start_ms, start_ms + 6 * MS_PER_HOUR)

    slots = range(start_ms // SLOT_MS, start_ms // SLOT_MS + 12)
    assert {slot: part.get(slot) for slot in slots} == {slot: whole.get(slot) for slot in slots}


@settings(max_examples=40, deadline=None)
@given(homes(), st.integers(5_000_000, 10**9), st.booleans())
def test_runs_of_other_values_are_added(home: Home, apart: int, is_below: bool) -> None:
    """Two counters that stand elsewhere are never taken for one, and their usage is the sum."""
    shift = -apart if is_below else apart
    said = {
        "a:1": [(at_ms, value + 2 * 10**9) for at_ms, value in home.said["a:1"]],
        "b:1": [(at_ms, value + 2 * 10**9 + shift) for at_ms, value in home.said["b:1"]],
    }

    usage = _usage(_store(said), START_MS, START_MS + 3 * MS_PER_DAY)

    gained = sum(max(v for _, v in one) - min(v for _, v in one) for one in said.values())
    assert sum(one.amount for one in usage.values()) == gained


def _steady(start_ms: int, hours: int, value: int, rise: int = 100) -> SlotEdges:
    times = list(range(start_ms, start_ms + hours * MS_PER_HOUR, EVERY_MS))
    return edges_of(times, [value + place * rise for place, _ in enumerate(times)])


def test_runs_that_never_met_are_two() -> None:
    """A reset after a reset: the values may fit, but nobody has seen both at once."""
    assert agree(_steady(START_MS, 4, 0), _steady(START_MS + 4 * MS_PER_HOUR, 4, 0)) is None


def test_one_slot_that_disagrees_parts_them() -> None:
    """However long they have agreed."""
    one, other = _steady(START_MS, 40, 0), _steady(START_MS, 40, 0)
    last = max(other)
    other[last] = other[last]._replace(
        opening=other[last].opening + 10**6, closing=other[last].closing + 10**6
    )

    assert agree(one, other) is False


def test_stretches_within_the_clocks_error_say_nothing() -> None:
    """The last sample of one run and the first of another may seem to overlap."""
    one = edges_of([START_MS + 1, START_MS + 300_000], [900, 990])
    other = edges_of([START_MS + 300_000 - CLOCKS_APART_MS, START_MS + SLOT_MS], [0, 50])

    assert agree(one, other) is None


def test_slot_in_which_a_run_falls_has_no_say() -> None:
    """A hub that came after the reset reads on in the first run, which falls there."""
    first = edges_of([START_MS + 1, START_MS + SLOT_MS], [9_000, 10])
    named = edges_of([START_MS + 1, START_MS + SLOT_MS], [0, 10])

    assert agree(first, named) is None
    agreed = _steady(START_MS + SLOT_MS + 1, 2, 10)
    assert agree({**agreed, **first}, {**agreed, **named})


def test_three_hubs_are_one_counter_though_two_never_met() -> None:
    """The third has read beside both."""
    runs = {
        RunKey("import_mwh", "a:1"): _steady(START_MS, 4, 0),
        RunKey("import_mwh", "b:1"): _steady(START_MS + 4 * MS_PER_HOUR, 4, 4_800),
        RunKey("import_mwh", "c:1"): _steady(START_MS, 8, 0),
        RunKey("import_mwh", "d:1"): _steady(START_MS, 8, 10**9),
    }

    groups = group_runs(list(runs), lambda one, other: agree(runs[one], runs[other]) or False)

    assert sorted(sorted(key.run for key in group) for group in groups) == [
        ["a:1", "b:1", "c:1"],
        ["d:1"],
    ]


def test_runs_that_meet_years_later_are_one_from_then_on() -> None:
    """A hub that was away for months says nothing until it is back."""
    late_ms = START_MS + 200 * MS_PER_DAY
    one = {**_steady(START_MS, 4, 0), **_steady(late_ms, 4, 10**6)}
    other = {**_steady(START_MS + 5 * MS_PER_HOUR, 4, 50_000), **_steady(late_ms, 4, 10**6)}
    store = MemoryReadingStore()
    for run, edges in (("a:1", one), ("b:1", other)):
        key = RunKey("import_mwh", run)
        days: dict[int, SlotEdges] = {}
        join_days(days, edges)
        store.apply(HOME, METER, Change({key: 0}, {(key, day): e for day, e in days.items()}))

    usage = _usage(store, late_ms, late_ms + 4 * MS_PER_HOUR)

    slots = range(late_ms // SLOT_MS, late_ms // SLOT_MS + 8)
    assert [usage[slot].amount for slot in slots][1:7] == [600] * 6


def test_runs_of_one_log_are_never_one() -> None:
    """It reads them one after the other."""
    one, other, first = (RunKey("import_mwh", run) for run in ("a:1", "a:9", ""))

    assert are_of_one_log(one, other)
    assert not are_of_one_log(one, first)
    assert not are_of_one_log(first, first)


def test_one_hub_and_a_reset_is_as_it_was() -> None:
    """The first run ends before the next begins: a slot with both is the sum of both."""
    reset_ms = START_MS + 10 * MS_PER_MINUTE
    said = {
        "": [(START_MS - SLOT_MS + 1, 5_000), (reset_ms - 1, 5_700)],
        "a:1": [(reset_ms, 0), (START_MS + SLOT_MS, 300)],
    }

    usage = _usage(_store(said), START_MS - SLOT_MS, START_MS + SLOT_MS)

    apart = [RunEdges(0, edges_of(*zip(*one, strict=True))) for one in said.values()]
    assert usage == usage_by_slot(apart)
    assert sum(one.amount for one in usage.values()) == 1_000
