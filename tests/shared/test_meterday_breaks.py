"""Falls within a register run: another hub's clock is taken back, a break is counted anew."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.calendar import slot_of_sample
from shared.meterdays import TAKEN_BACK_SLOTS, SlotEdges, SlotUsage, edges_of, usage_of_run
from shared.units import MS_PER_DAY, MS_PER_MINUTE, SLOT_MS

START_MS = 20_000 * MS_PER_DAY
FIRST = slot_of_sample(START_MS + 1)
Samples = list[tuple[int, int]]


def fold(samples: Samples) -> SlotEdges:
    """Fold (time, value) samples into edges."""
    return edges_of([at_ms for at_ms, _ in samples], [value for _, value in samples])


def total(usage: dict[int, SlotUsage]) -> int:
    """Add up what all slots used."""
    return sum(one.amount for one in usage.values())


@pytest.mark.parametrize("spread_slots", [0, 1, 100])
def test_a_register_that_began_again_is_counted_from_there(spread_slots: int) -> None:
    """A reset under the same run's name costs a measured slot, never the days until it catches up.

    It holds however long nothing was heard: a fall must not hide by being spread thin.
    """
    again = spread_slots + 2
    samples = [(START_MS + n * SLOT_MS, 10**9 + 100 * n) for n in range(3)]
    samples.append((START_MS + again * SLOT_MS + 1, 5_000))
    samples += [(START_MS + (again + n) * SLOT_MS, 5_000 + 70 * n) for n in range(1, 4)]

    usage = usage_of_run(fold(samples))

    assert usage[FIRST + 1] == SlotUsage(100, is_estimated=False)
    assert usage[FIRST + again] == SlotUsage(70, is_estimated=True)
    assert [usage[FIRST + again + n] for n in (1, 2)] == [SlotUsage(70, is_estimated=False)] * 2
    assert not set(range(FIRST + 2, FIRST + again)) & usage.keys()
    assert total(usage) == 200 + 210


def test_a_register_that_began_again_within_a_slot_is_counted_from_there() -> None:
    """What the slot used on both sides of the break is not known: 0 and estimated."""
    samples = [
        (START_MS + SLOT_MS, 10**9),
        (START_MS + SLOT_MS + 1, 10**9),
        (START_MS + 2 * SLOT_MS, 5),
        (START_MS + 3 * SLOT_MS, 25),
    ]

    usage = usage_of_run(fold(samples))

    assert usage[FIRST + 1] == SlotUsage(0, is_estimated=True)
    assert usage[FIRST + 2] == SlotUsage(20, is_estimated=False)


def test_a_register_that_began_again_mid_slot_leaves_what_was_not_heard_estimated() -> None:
    """A slot whose end was never read stays an estimate, as at the end of any run."""
    samples = [
        (START_MS + 1, 10**9),
        (START_MS + SLOT_MS // 2, 10**9 + 50),
        (START_MS + 2 * SLOT_MS + 1, 0),
        (START_MS + 3 * SLOT_MS, 20),
    ]

    usage = usage_of_run(fold(samples))

    assert usage == {
        FIRST: SlotUsage(50, is_estimated=True),
        FIRST + 2: SlotUsage(20, is_estimated=True),
    }


@pytest.mark.parametrize(("fall", "owed"), [(400, 400), (401, 0)])
def test_a_fall_is_anothers_clock_as_far_as_the_slots_before_it_counted(
    fall: int, owed: int
) -> None:
    """At 100 a slot, 400 is what two hours can take back; more is a register that began again."""
    count = TAKEN_BACK_SLOTS + 2
    samples = [(START_MS + 1, 0)]
    samples += [(START_MS + n * SLOT_MS, 100 * n) for n in range(1, count + 1)]
    low = 100 * count - fall
    samples += [
        (START_MS + count * SLOT_MS + 1, low),
        (START_MS + (count + 1) * SLOT_MS, low + 500),
    ]

    usage = usage_of_run(fold(samples))

    assert usage[FIRST + count].amount == 500 - owed


@given(st.integers(-4, 4), st.integers(0, 2**32))
def test_two_hubs_whose_clocks_differ_make_no_break(ahead_minutes: int, seed: int) -> None:
    """Minutes between two clocks are taken back, and never counted a second time."""
    rng = random.Random(seed)
    register = [0]
    for _ in range(720):
        register.append(register[-1] + rng.choice([0, 0, 0, 1_000, 60_000]))
    one = [(START_MS + n * 30_000, register[n]) for n in range(1, 721)]
    other = [
        (at_ms + ahead_minutes * MS_PER_MINUTE, value)
        for at_ms, value in one[120:]
        if rng.random() < 0.5
    ]
    kept = [*one[:120], *(sample for sample in one[120:] if rng.random() < 0.5), *other]
    edges = fold(kept)

    usage = usage_of_run(edges)

    first = edges[min(edges)].opening
    highest = max(value for _, value in kept)
    assert edges[max(edges)].closing - first <= total(usage) <= highest - first
