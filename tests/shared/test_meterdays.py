"""Meter-days: the same for any order of samples, and usage that sums to what the register rose."""

import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.calendar import slot_of_sample, slot_start_ms, utc_day_of_slot
from shared.meterdays import (
    EDGE_TOLERANCE_MS,
    Edges,
    SlotEdges,
    SlotUsage,
    Usage,
    edges_of,
    edges_of_each,
    join,
    join_into,
    pack_day,
    split_by_day,
    sum_runs,
    unpack_day,
    usage_between,
    usage_of_run,
)
from shared.units import INT64_MAX, MS_PER_DAY, MS_PER_MINUTE, SLOT_MS

DAY = 20_000
START_MS = DAY * MS_PER_DAY
FIRST = slot_of_sample(START_MS + 1)
Samples = list[tuple[int, int]]

INSTANTS = st.integers(START_MS + 1, START_MS + 2 * MS_PER_DAY)
SAMPLES = st.lists(st.tuples(INSTANTS, st.integers(0, 10**9)), max_size=60)
EDGES = st.tuples(
    st.tuples(INSTANTS, st.integers(0, 10**9)), st.tuples(INSTANTS, st.integers(0, 10**9))
).map(lambda pair: Edges(*min(pair), *max(pair)))


@st.composite
def rising(draw: st.DrawFn) -> Samples:
    """Draw a register that only rises, at chance instants of two days."""
    times = sorted(draw(st.sets(INSTANTS, min_size=1, max_size=60)))
    rises = draw(st.lists(st.integers(0, 10**7), min_size=len(times), max_size=len(times)))
    value = draw(st.integers(0, 10**9))
    samples = []
    for at_ms, rise in zip(times, rises, strict=True):
        value += rise
        samples.append((at_ms, value))
    return samples


def fold(samples: Samples) -> SlotEdges:
    """Fold (time, value) samples into edges."""
    return edges_of([at_ms for at_ms, _ in samples], [value for _, value in samples])


def total(usage: dict[int, SlotUsage]) -> int:
    """Add up what all slots used."""
    return sum(one.amount for one in usage.values())


@given(EDGES, EDGES, EDGES)
def test_join_is_commutative_associative_and_idempotent(a: Edges, b: Edges, c: Edges) -> None:
    """A join in the order theorist's sense: the one property all the rest stands on."""
    assert join(a, b) == join(b, a)
    assert join(join(a, b), c) == join(a, join(b, c))
    assert join(a, a) == join(None, a) == a


@given(SAMPLES, st.integers(0, 2**32))
def test_any_order_split_and_repetition_gives_the_same_edges(samples: Samples, seed: int) -> None:
    """Parts in any order, some twice, join into what folding all at once gives."""
    rng = random.Random(seed)
    shuffled = samples + rng.choices(samples, k=len(samples) // 3) if samples else []
    rng.shuffle(shuffled)
    known: SlotEdges = {}

    while shuffled:
        size = rng.randint(1, 8)
        join_into(known, fold(shuffled[:size]))
        shuffled = shuffled[size:]

    assert known == fold(samples)


@given(rising(), st.integers(0, 2**32))
def test_samples_in_order_of_time_fold_as_any_order_does(samples: Samples, seed: int) -> None:
    """A log's rows nearly always rise in time, and are folded by their slots' ends alone."""
    on_boundaries = [(START_MS + slot * SLOT_MS, slot) for slot in range(1, 4)]
    in_order = sorted(dict([*samples, *on_boundaries]).items())
    shuffled = random.Random(seed).sample([*in_order, *in_order], 2 * len(in_order))

    assert fold(in_order) == fold(shuffled)


def test_absent_values_open_and_close_nothing() -> None:
    """A sample that lacks the register says nothing of it."""
    edges = edges_of([START_MS + 1, START_MS + 2, START_MS + 3], [None, 5, None])

    assert edges == {FIRST: Edges(START_MS + 2, 5, START_MS + 2, 5)}


@pytest.mark.parametrize("is_in_order", [True, False])
def test_registers_of_the_same_samples_fold_as_each_alone(is_in_order: bool) -> None:
    """Where one of them is absent now and then, at a slot's ends too, only it is without."""
    rng = random.Random(6)
    times_ms = sorted(rng.sample(range(1, 6 * SLOT_MS), 200))
    if not is_in_order:
        rng.shuffle(times_ms)
    columns = [
        [rng.randrange(10**6) if rng.random() > share else None for _ in times_ms]
        for share in (0.0, 0.01, 0.5, 1.0)
    ]

    folded = edges_of_each(times_ms, columns)

    for values, edges in zip(columns, folded, strict=True):
        known: dict[int, list[tuple[int, int]]] = {}
        for at_ms, value in zip(times_ms, values, strict=True):
            if value is not None:
                known.setdefault(slot_of_sample(at_ms), []).append((at_ms, value))
        assert edges == {slot: (*min(seen), *max(seen)) for slot, seen in known.items()}


@given(rising(), st.integers(0, 2**32))
def test_usage_sums_to_what_the_register_rose_whatever_was_lost(
    samples: Samples, seed: int
) -> None:
    """Losing any samples between the first and the last changes no total."""
    rng = random.Random(seed)
    kept = [samples[0], *(one for one in samples[1:-1] if rng.random() < 0.4), samples[-1]]

    usage = usage_of_run(fold(kept))

    assert total(usage) == samples[-1][1] - samples[0][1]
    assert all(one.amount >= 0 for one in usage.values())
    assert sorted(usage) == list(range(min(usage), max(usage) + 1))


@given(rising(), st.integers(1, 50))
def test_a_wrap_costs_nothing(samples: Samples, modulus_in_rises: int) -> None:
    """A register that starts again at its modulus has used what one without end has."""
    edges = [value for _, edge in sorted(fold(samples).items()) for value in edge[1::2]]
    steps = [after - before for before, after in pairwise(edges)]
    modulus = 2 * (max([0, *steps]) + 1) * modulus_in_rises
    wrapped = [(at_ms, value % modulus) for at_ms, value in samples]

    usage = usage_of_run(fold(wrapped), modulus)

    assert total(usage) == samples[-1][1] - samples[0][1]


def test_a_small_fall_in_a_run_that_has_wrapped_is_no_second_wrap() -> None:
    """Two hubs whose clocks differ must not show a household the register's whole span."""
    samples = [(START_MS + 1, 500), (START_MS + SLOT_MS, 600), (START_MS + 2 * SLOT_MS, 599)]

    usage = usage_of_run(fold(samples), 1_000_000)

    assert [usage[FIRST + n].amount for n in range(2)] == [100, 0]


def test_a_wrap_within_a_slot_and_between_two() -> None:
    """Both places where a register can start again."""
    within = fold([(START_MS + 1, 999_990), (START_MS + SLOT_MS, 10)])
    between = fold([(START_MS + SLOT_MS, 999_990), (START_MS + 2 * SLOT_MS, 10)])

    assert usage_of_run(within, 1_000_000)[FIRST].amount == 20
    assert usage_of_run(between, 1_000_000)[FIRST + 1] == SlotUsage(20, is_estimated=False)


def test_a_meter_that_speaks_on_the_half_hour_is_measured() -> None:
    """One reading exactly on each boundary is all that a slot needs, after the first."""
    samples = [(START_MS + n * SLOT_MS, 1_000 * n * n) for n in range(1, 6)]

    usage = usage_of_run(fold(samples))

    assert usage == {
        FIRST: SlotUsage(0, is_estimated=True),
        **{FIRST + n: SlotUsage(1_000 * (2 * n + 1), is_estimated=False) for n in range(1, 5)},
    }


def test_a_meter_that_speaks_every_ten_seconds_is_measured() -> None:
    """What falls between a closing and the next opening belongs to the slot that follows."""
    samples = [(START_MS + n * 10_000, n) for n in range(361)]

    usage = usage_of_run(fold(samples))

    assert [usage[FIRST + n] for n in range(2)] == [SlotUsage(180, is_estimated=False)] * 2


def test_a_gap_is_spread_over_its_time_exactly_and_marked() -> None:
    """Three unknown slots share what was used in them; the known ones stay measured."""
    samples = [
        (START_MS + MS_PER_MINUTE, 0),
        (START_MS + SLOT_MS, 1_000),
        (START_MS + 4 * SLOT_MS, 1_100),
        (START_MS + 5 * SLOT_MS, 1_200),
    ]

    usage = usage_of_run(fold(samples))

    assert usage == {
        FIRST: SlotUsage(1_000, is_estimated=False),
        FIRST + 1: SlotUsage(34, is_estimated=True),
        FIRST + 2: SlotUsage(33, is_estimated=True),
        FIRST + 3: SlotUsage(33, is_estimated=True),
        FIRST + 4: SlotUsage(100, is_estimated=False),
    }


def test_a_gap_that_begins_and_ends_within_slots_is_shared_by_time() -> None:
    """Ten minutes of one slot and twenty of the next share one to two."""
    samples = [
        (START_MS + MS_PER_MINUTE, 0),
        (START_MS + 20 * MS_PER_MINUTE, 600),
        (START_MS + 50 * MS_PER_MINUTE, 900),
        (START_MS + 60 * MS_PER_MINUTE, 1_000),
    ]

    usage = usage_of_run(fold(samples))

    assert usage == {
        FIRST: SlotUsage(700, is_estimated=True),
        FIRST + 1: SlotUsage(300, is_estimated=True),
    }


@pytest.mark.parametrize(
    ("late_ms", "is_estimated"), [(EDGE_TOLERANCE_MS, False), (EDGE_TOLERANCE_MS + 1, True)]
)
def test_a_sample_near_enough_stands_for_the_boundary(late_ms: int, is_estimated: bool) -> None:
    """Five minutes is a gas meter's pace; later, the slot is not yet whole."""
    opening = fold([(START_MS + late_ms, 0), (START_MS + SLOT_MS, 9)])
    closing = fold([(START_MS + 1, 0), (START_MS + SLOT_MS - late_ms, 9)])

    assert usage_of_run(opening)[FIRST] == SlotUsage(9, is_estimated)
    assert usage_of_run(closing)[FIRST] == SlotUsage(9, is_estimated)


def test_a_fall_is_taken_off_the_slots_that_follow() -> None:
    """Two hubs whose clocks differ never make a slot negative, nor the total wrong."""
    samples = [
        (START_MS + 1, 0),
        (START_MS + SLOT_MS, 100),
        (START_MS + SLOT_MS + 1, 70),
        (START_MS + 2 * SLOT_MS, 80),
        (START_MS + 3 * SLOT_MS, 130),
    ]

    usage = usage_of_run(fold(samples))

    assert [usage[FIRST + n].amount for n in range(3)] == [100, 0, 30]


@given(rising(), rising(), st.integers(1, 10**12))
def test_the_parts_on_either_side_of_a_break_sum(
    before: Samples, after: Samples, below: int
) -> None:
    """A register that falls below all it has shown counts what it rose before and since."""
    base = after[0][1] + below - before[0][1]
    first = [(at_ms, value + base) for at_ms, value in before]
    then = [(at_ms + 2 * MS_PER_DAY, value) for at_ms, value in after]

    usage = usage_of_run(fold([*first, *then]))

    assert total(usage) == before[-1][1] - before[0][1] + after[-1][1] - after[0][1]
    assert all(one.amount >= 0 for one in usage.values())


def test_nothing_known_is_no_usage() -> None:
    """A run without edges has no slots."""
    assert usage_of_run({}) == {}


@given(SAMPLES)
def test_a_day_unpacks_to_what_was_packed(samples: Samples) -> None:
    """Each UTC day comes back whole, and all days together are what was split."""
    edges = fold(samples)

    days = split_by_day(edges)

    back = {day: unpack_day(pack_day(one), day) for day, one in days.items()}
    assert back == days
    assert {slot: one for day in back.values() for slot, one in day.items()} == edges
    assert all(utc_day_of_slot(slot) == day for day, one in days.items() for slot in one)


def test_a_day_packs_registers_of_any_size() -> None:
    """From nothing to the end of 64 bits and back within one day."""
    edges = fold([(START_MS + 1, 0), (START_MS + 2, INT64_MAX), (START_MS + SLOT_MS + 1, 0)])

    assert unpack_day(pack_day(edges), DAY) == edges
    assert unpack_day(pack_day({}), DAY) == {}


def test_a_full_day_packs_small() -> None:
    """48 slots of an ordinary home take well under a kilobyte and a half."""
    samples = [(START_MS + n * 10_000, 50_000_000_000 + n * 1_300) for n in range(1, 8_641)]

    packed = pack_day(fold(samples))

    assert len(packed) < 1_000


def test_a_slot_with_a_meter_swap_is_the_sum_of_both_runs() -> None:
    """Runs are added slot by slot; one estimate makes the sum one."""
    old = {1: SlotUsage(5, is_estimated=False), 2: SlotUsage(2, is_estimated=True)}
    new = {2: SlotUsage(3, is_estimated=False), 3: SlotUsage(7, is_estimated=False)}

    assert sum_runs([old, new]) == {
        1: SlotUsage(5, is_estimated=False),
        2: SlotUsage(5, is_estimated=True),
        3: SlotUsage(7, is_estimated=False),
    }
    assert sum_runs([]) == {}


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        (0, 0, Usage(None, is_estimated=False)),
        (0, 1, Usage(5, is_estimated=False)),
        (-1, 1, Usage(5, is_estimated=True)),
        (0, 2, Usage(9, is_estimated=True)),
        (0, 3, Usage(9, is_estimated=True)),
        (2, 4, Usage(None, is_estimated=False)),
    ],
)
def test_an_interval_is_measured_estimated_or_missing(
    first: int, last: int, expected: Usage
) -> None:
    """One unknown or estimated slot makes an estimate; all unknown is missing, never 0."""
    by_slot = {
        FIRST: SlotUsage(5, is_estimated=False),
        FIRST + 1: SlotUsage(4, is_estimated=True),
    }

    usage = usage_between(by_slot, slot_start_ms(FIRST + first), slot_start_ms(FIRST + last))

    assert usage == expected


@given(rising(), st.integers(1, 95))
def test_intervals_that_part_a_period_sum_to_it(samples: Samples, cut: int) -> None:
    """Wherever a period is cut on a boundary, its parts add up."""
    by_slot = usage_of_run(fold(samples))
    start_ms, middle_ms, end_ms = START_MS, START_MS + cut * SLOT_MS, START_MS + 2 * MS_PER_DAY

    parts = [usage_between(by_slot, start_ms, middle_ms), usage_between(by_slot, middle_ms, end_ms)]

    whole = usage_between(by_slot, start_ms, end_ms)
    assert sum(part.amount or 0 for part in parts) == whole.amount
