"""What goes on behind packed slots comes to the same as unpacking, joining and packing again."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.ingest.merge import reach
from cloud.packing import NO_SLOTS, pack_slots, read_columns, unpack_slots
from cloud.tails import extend
from shared.meterdays import Edges, SlotEdges, join_into
from shared.units import INT64_MAX, SLOT_MS

FIRST = 960_000


def _edges(slot: int, opening: int, closing: int, after_ms: int = 1, before_ms: int = 0) -> Edges:
    return Edges(slot * SLOT_MS + after_ms, opening, (slot + 1) * SLOT_MS - before_ms, closing)


def _climbing(count: int, used: int = 300_000) -> SlotEdges:
    return {FIRST + n: _edges(FIRST + n, n * used, (n + 1) * used, 10_000) for n in range(count)}


VALUES = st.integers(0, INT64_MAX) | st.integers(0, 50).map(lambda n: n * 1_000)
ROWS = st.tuples(VALUES, VALUES, st.integers(1, SLOT_MS), st.integers(0, SLOT_MS - 1))


def _slots(first: int, last: int) -> st.SearchStrategy[SlotEdges]:
    days = st.dictionaries(st.integers(first, last), ROWS, min_size=1, max_size=12)
    return days.map(lambda day: {slot: _edges(slot, *row) for slot, row in day.items()})


@given(_slots(FIRST, FIRST + 40), _slots(FIRST + 20, FIRST + 95))
def test_any_slots_come_back_as_if_they_had_been_joined(known: SlotEdges, more: SlotEdges) -> None:
    """Whatever they say; where any lies before the last, or the only one grows, it is left."""
    joined = dict(known)
    join_into(joined, more)

    extended = extend(pack_slots(known), more)

    grows = joined[max(known)] != known[max(known)]
    assert (extended is None) == (min(more) < max(known) or (len(known) == 1 and grows))
    if extended is not None:
        differing = [slot for slot in more if joined[slot] != known.get(slot)]
        assert unpack_slots(extended[0]) == joined
        assert extended[1] == reach(known, joined, differing)


@pytest.mark.parametrize("seed", range(8))
def test_a_meter_that_is_read_on_and_on(seed: int) -> None:
    """Frame after frame over a day: what was extended is extended again, and nothing is lost."""
    rng = random.Random(seed)
    unit = rng.choice([1, 1_000, 1_000_000])
    packed, known = pack_slots(_climbing(2)), _climbing(2)
    value = known[FIRST + 1].closing
    at_ms = known[FIRST + 1].closing_at_ms
    for _ in range(120):
        more: SlotEdges = {}
        for _ in range(rng.randint(1, 3)):
            slot = at_ms // SLOT_MS
            ends_ms = min(at_ms + rng.choice([300_000, 900_000, 4_000_000]), (slot + 1) * SLOT_MS)
            opening, value = value, value + unit * rng.choice([0, 1, 40, -2, 70_000])
            join_into(more, {slot: Edges(at_ms + 1, opening, ends_ms, value)})
            at_ms = ends_ms + rng.choice([0, 0, 0, 5 * SLOT_MS])

        extended = extend(packed, more)

        assert extended is not None
        packed = extended[0]
        join_into(known, more)
        assert unpack_slots(packed) == known


def test_what_is_known_already_changes_nothing() -> None:
    """A frame that came before: the same bytes, and no slot to be told of."""
    known = _climbing(9)
    packed = pack_slots(known)

    assert extend(packed, {FIRST + 8: known[FIRST + 8]}) == (packed, [])


def test_a_slot_that_goes_on_bears_on_it_and_the_one_before() -> None:
    """And one that begins behind it on the last that was known, across the gap between them."""
    known = _climbing(3)
    grown = known[FIRST + 2]._replace(closing=known[FIRST + 2].closing + 5)
    begun = _edges(FIRST + 6, grown.closing, grown.closing + 5)

    first = extend(pack_slots(known), {FIRST + 2: grown})
    both = extend(pack_slots(known), {FIRST + 2: known[FIRST + 2], FIRST + 6: begun})

    assert first is not None
    assert both is not None
    assert (first[1], both[1]) == ([(FIRST + 1, FIRST + 2)], [(FIRST + 2, FIRST + 6)])


def test_a_stretch_without_slots_is_left() -> None:
    """What lies before its first is in another stretch."""
    assert extend(NO_SLOTS, {FIRST: _edges(FIRST, 9, 10)}) is None


def test_the_growth_of_an_only_slot_is_left() -> None:
    """It bears on the one before it, in another stretch; one that begins behind it does not."""
    known = _climbing(1)
    begun = {FIRST + 1: _edges(FIRST + 1, 300_000, 300_005)}

    extended = extend(pack_slots(known), begun)

    assert extend(pack_slots(known), {FIRST: known[FIRST]._replace(closing=9**9)}) is None
    assert extended is not None
    assert (unpack_slots(extended[0]), extended[1]) == (known | begun, [(FIRST, FIRST + 1)])


def test_nothing_is_left_too() -> None:
    """Without slots there is nothing to say."""
    assert extend(pack_slots(_climbing(5)), {}) is None


def test_columns_that_are_all_the_same_stay_so() -> None:
    """A register that stands, read to the end of each half hour, takes no more for another one."""
    known = {FIRST + n: _edges(FIRST + n, 7, 7) for n in range(20)}

    extended = extend(pack_slots(known), {FIRST + 20: _edges(FIRST + 20, 7, 7)})

    assert extended is not None
    assert extended[0] == pack_slots({**known, FIRST + 20: _edges(FIRST + 20, 7, 7)})


def test_an_end_not_reached_yet_is_packed_as_narrow_as_it_goes() -> None:
    """Only the last is not read to its end, and another with each frame: half a byte for each."""
    known = _climbing(20)
    packed = pack_slots(known)
    slot = FIRST + 20
    for before_ms in (1_500_000, 1_200_000, 900_000, 1_000):
        extended = extend(packed, {slot: _edges(slot, 6_000_000, 6_100_000, 10_000, before_ms)})
        assert extended is not None
        packed = extended[0]
        known[slot] = _edges(slot, 6_000_000, 6_100_000, 10_000, before_ms)

        assert read_columns(packed).before_end_ms == (read_columns(pack_slots(known)).before_end_ms)
