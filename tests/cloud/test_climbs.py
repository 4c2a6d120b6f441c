"""Where a register stood, read from packed slots: right wherever it is told at all."""

import random
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud.climbs import closings_of, closings_of_each, closings_within, read_climbs, steps_of
from cloud.packing import NO_SLOTS, pack_slots
from shared.meterdays import EDGE_TOLERANCE_MS, Edges, SlotEdges
from shared.units import SLOT_MS

FIRST = 960_000
CUTS = (0, 7, 96, 97, 192)
"""Where the tests' slots are cut into stretches, one of them of a single slot."""


def _climb(seed: int, unit: int = 1) -> SlotEdges:
    """Make slots in a row, of which some count nothing and some much."""
    rng = random.Random(seed)
    value = rng.randrange(10**12)
    edges = {}
    for slot in range(FIRST, FIRST + CUTS[-1]):
        opening = value + rng.choice([0, 0, rng.randrange(300)]) * unit
        value = opening + rng.randrange(rng.choice([1, 2, 900, 90_000])) * unit
        late_ms = rng.choice([0, 9_000, EDGE_TOLERANCE_MS])
        edges[slot] = Edges(slot * SLOT_MS + 10_000, opening, (slot + 1) * SLOT_MS - late_ms, value)
    return edges


def _packed(edges: SlotEdges) -> list[bytes]:
    cuts = [(FIRST + one, FIRST + other) for one, other in pairwise(CUTS)]
    return [pack_slots({s: edges[s] for s in range(*cut) if s in edges}) for cut in cuts]


@given(
    st.integers(0, 10**6),
    st.sampled_from([1, 1_000]),
    st.sets(st.integers(FIRST, FIRST + CUTS[-1] - 1), min_size=1),
)
def test_closings_are_those_that_were_packed(seed: int, unit: int, slots: set[int]) -> None:
    """Of one slot or of many, within a stretch or at its ends."""
    edges = _climb(seed, unit)
    asked = sorted(slots)

    found = closings_of(_packed(edges), asked)

    assert found == [edges[slot].closing for slot in asked]


def _daily(first: int, zone_slots: int) -> list[int]:
    """List the last slots of days that begin so many slots after midnight, two to a stretch."""
    return list(range(first + zone_slots - 1, FIRST + CUTS[-1], 48))


@settings(max_examples=40)
@given(
    st.lists(st.tuples(st.integers(0, 10**6), st.sampled_from([1, 1_000])), min_size=1, max_size=3),
    st.integers(0, 47),
    st.integers(1, 7),
)
def test_registers_are_told_together_as_apart(
    meter: list[tuple[int, int]], zone_slots: int, later: int
) -> None:
    """Stretches cut at the same places or not, coded alike or not; one began in a later slot."""
    registers = [_climb(*one) for one in meter]
    registers[-1] = {slot: one for slot, one in registers[-1].items() if slot >= FIRST + later}
    asked = _daily(FIRST + 48, zone_slots)

    together = closings_of_each([_packed(one) for one in registers], asked)

    assert together == [closings_of(_packed(one), asked) for one in registers]
    assert together == [[one[slot].closing for slot in asked] for one in registers]


@pytest.mark.parametrize("lacks", [0, 1, 2])
def test_one_register_that_is_to_be_judged_leaves_all_untold(lacks: int) -> None:
    """Whichever of them it is: the meter's answer is judged as a whole."""
    registers = [_climb(seed) for seed in range(3)]
    del registers[lacks][FIRST + 130]

    asked = _daily(FIRST + 48, 0)

    assert closings_of_each([_packed(one) for one in registers], asked) is None


def test_a_register_that_ends_before_the_others_has_no_closing() -> None:
    """What the first one tells of where stretches lie is not taken for the next."""
    whole = _climb(4)
    ended = {slot: one for slot, one in whole.items() if slot < FIRST + 150}
    asked = [FIRST + 100, FIRST + 170]

    assert closings_of_each([_packed(whole)], asked) is not None
    assert closings_of_each([_packed(whole), _packed(ended)], asked) is None


@given(
    st.integers(0, 10**6),
    st.sampled_from([1, 1_000]),
    st.integers(FIRST, FIRST + CUTS[-1] - 1),
    st.integers(1, CUTS[-1]),
)
def test_steps_are_the_differences_of_closings(
    seed: int, unit: int, first: int, count: int
) -> None:
    """Of slots that follow one another, wherever stretches are cut; both ways lack the same."""
    packed = _packed(_climb(seed, unit))

    closings = closings_of(packed, range(first, first + count + 1))
    steps = steps_of(packed, first + 1, first + count)

    assert steps == (closings and [later - earlier for earlier, later in pairwise(closings)])


@pytest.mark.parametrize("harm", [96, 150, 190])
@pytest.mark.parametrize("lacks", [True, False])
def test_steps_are_not_told_where_anything_is_to_be_judged(harm: int, *, lacks: bool) -> None:
    """A slot that lacks, and a fall: within what is asked, before it or behind it."""
    edges = _climb(3)
    slot = FIRST + harm
    if lacks:
        del edges[slot]
    else:
        edges[slot] = edges[slot]._replace(opening=edges[slot - 1].closing - 1)

    assert steps_of(_packed(edges), FIRST + 140, FIRST + 160) is None
    assert closings_of(_packed(edges), range(FIRST + 139, FIRST + 161)) is None


def test_a_register_that_stands_takes_no_steps() -> None:
    """Its columns are single numbers; what it rose by before a stretch counts to the first."""
    edges = {
        slot: Edges(slot * SLOT_MS, 7, (slot + 1) * SLOT_MS, 7) for slot in range(FIRST, FIRST + 96)
    }
    later = {
        slot: Edges(slot * SLOT_MS, 9, (slot + 1) * SLOT_MS, 9)
        for slot in range(FIRST + 96, FIRST + 192)
    }

    steps = steps_of([pack_slots(edges), pack_slots(later)], FIRST + 1, FIRST + 191)

    assert steps == [0] * 95 + [2] + [0] * 95


@given(st.integers(0, 2**63 - 1), st.lists(st.integers(0, 2**56), min_size=1, max_size=96))
def test_sums_of_wide_numbers_are_exact(base: int, used: list[int]) -> None:
    """However large the differences are that a column holds."""
    edges, value = {}, base
    for slot, amount in enumerate(used, FIRST):
        edges[slot] = Edges(slot * SLOT_MS, value, (slot + 1) * SLOT_MS, value + amount)
        value += amount

    found = closings_of([pack_slots(edges)], [FIRST + len(used) - 1])

    assert found == [base + sum(used)]


def _without(edges: SlotEdges, slot: int) -> None:
    del edges[slot]


def _ending_early(edges: SlotEdges, slot: int) -> None:
    at_ms = (slot + 1) * SLOT_MS - EDGE_TOLERANCE_MS - 1
    edges[slot] = edges[slot]._replace(closing_at_ms=at_ms)


def _falling_within(edges: SlotEdges, slot: int) -> None:
    edges[slot] = edges[slot]._replace(opening=edges[slot].closing + 1)


def _falling_between(edges: SlotEdges, slot: int) -> None:
    low = edges[slot - 1].closing - 1
    edges[slot] = edges[slot]._replace(opening=low, closing=low)


@pytest.mark.parametrize("harm", [_without, _ending_early, _falling_within, _falling_between])
@pytest.mark.parametrize("place", [20, 96, 97])
def test_what_is_to_be_judged_has_no_closings(
    harm: Callable[[SlotEdges, int], None], place: int
) -> None:
    """Within a stretch, and where one stretch follows another."""
    edges = _climb(1)
    asked = [FIRST + 10, FIRST + 150]
    whole = closings_of(_packed(edges), asked)

    harm(edges, FIRST + place)

    assert whole is not None
    assert closings_of(_packed(edges), asked) is None


@pytest.mark.parametrize("slot", [FIRST - 1, FIRST + CUTS[-1]])
def test_outside_of_what_is_known_nothing_is_told(slot: int) -> None:
    """Neither before the first reading nor after the last."""
    assert closings_of(_packed(_climb(2)), [slot]) is None
    assert closings_of([], [slot]) is None
    assert closings_of([NO_SLOTS], [slot]) is None


def test_a_stretch_without_slots_is_passed_over() -> None:
    """One that has lost its readings stays in the store, as the newest."""
    edges = _climb(3)

    found = closings_of([*_packed(edges), NO_SLOTS], [FIRST + 191])

    assert found == [edges[FIRST + 191].closing]


def test_climbs_end_where_a_slot_lacks_or_was_not_read_to_its_end() -> None:
    """A slot that ended early belongs to none; with the next one another climb begins."""
    edges = _climb(5)
    _without(edges, FIRST + 40)
    _ending_early(edges, FIRST + 96)
    _ending_early(edges, FIRST + CUTS[-1] - 1)

    climbs = read_climbs(_packed(edges))

    assert climbs is not None
    assert climbs.spans == [
        (FIRST, FIRST + 39),
        (FIRST + 41, FIRST + 95),
        (FIRST + 97, FIRST + CUTS[-1] - 2),
    ]


def test_closings_are_told_within_climbs_that_are_parted() -> None:
    """Behind slots that lack a stretch's others lie at other places than their numbers say."""
    edges = _climb(6)
    for slot in (FIRST + 20, FIRST + 21, FIRST + 50, FIRST + 120):
        _without(edges, slot)
    asked = [FIRST + one for one in (3, 19, 22, 49, 51, 95, 96, 100, 121, 191)]

    climbs = read_climbs(_packed(edges))

    assert climbs is not None
    assert closings_within([climbs], asked) == [[edges[slot].closing for slot in asked]]
    assert closings_within([climbs], asked[2:5]) == [[edges[slot].closing for slot in asked[2:5]]]


@pytest.mark.parametrize("fall", [_falling_within, _falling_between])
@pytest.mark.parametrize("place", [20, 97, 150])
def test_of_a_register_that_falls_nothing_is_told(
    fall: Callable[[SlotEdges, int], None], place: int
) -> None:
    """Not even of before it fell, within a stretch or from one to the next."""
    edges = _climb(7)
    _without(edges, FIRST + 60)

    fall(edges, FIRST + place)

    climbs = read_climbs(_packed(edges))
    assert climbs is None or closings_within([climbs], [FIRST + 5]) is None


def test_nothing_that_is_known_climbs_nowhere() -> None:
    """A register without stretches in these days."""
    for stretches in ([], [NO_SLOTS]):
        climbs = read_climbs(stretches)

        assert climbs is not None
        assert climbs.spans == []
        assert closings_within([climbs], [FIRST]) is None
