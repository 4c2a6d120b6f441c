"""How the cloud packs half hours."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.packing import NO_SLOTS, code_column, decode_column, pack_slots, unpack_slots
from shared.meterdays import Edges, SlotEdges
from shared.units import INT64_MAX, SLOT_MS, SLOTS_PER_UTC_DAY

DAY = 20_000
FIRST_SLOT = DAY * SLOTS_PER_UTC_DAY


def _edges(slot: int, after_ms: int, opening: int, before_ms: int, closing: int) -> Edges:
    start_ms = slot * SLOT_MS
    return Edges(start_ms + after_ms, opening, start_ms + SLOT_MS - before_ms, closing)


VALUES = st.integers(0, INT64_MAX) | st.integers(0, 50).map(lambda n: n * 1_000)
DAYS = st.dictionaries(
    st.integers(FIRST_SLOT, FIRST_SLOT + 2 * SLOTS_PER_UTC_DAY - 1),
    st.tuples(st.integers(1, SLOT_MS), VALUES, st.integers(0, SLOT_MS - 1), VALUES),
).map(lambda day: {slot: _edges(slot, *row) for slot, row in day.items()})


@given(DAYS)
def test_slots_come_back_as_they_were(day: SlotEdges) -> None:
    """Whatever slots are known, whichever way the register went between them."""
    assert unpack_slots(pack_slots(day)) == day


def test_no_slots_are_packed_as_such() -> None:
    """Its own few bytes, by which a store tells it without unpacking."""
    assert pack_slots({}) == NO_SLOTS
    assert unpack_slots(NO_SLOTS) == {}


@pytest.mark.parametrize(("unit_mwh", "bytes_most"), [(1, 3.1), (1_000, 2.2)])
def test_half_hour_takes_what_differs_in_it(unit_mwh: int, bytes_most: float) -> None:
    """The times of a meter read regularly come to nothing, a register's unit is left out."""
    rng = random.Random(1)
    value, day = 10**9, {}
    for slot in range(FIRST_SLOT, FIRST_SLOT + SLOTS_PER_UTC_DAY):
        opening = value + 1_000
        value += rng.randint(20_000 // unit_mwh, 900_000 // unit_mwh) * unit_mwh
        day[slot] = _edges(slot, 10_000, opening, 0, value)

    packed = pack_slots(day)

    assert len(packed) / SLOTS_PER_UTC_DAY <= bytes_most


@pytest.mark.parametrize("scale", [1, 1_000])
@pytest.mark.parametrize("least", [0, -70])
def test_a_part_of_a_column_is_read_as_of_the_whole(scale: int, least: int) -> None:
    """From any place to any other, wherever a number's half bytes begin; there may be none."""
    rng = random.Random(5)
    for bits in (3, 9, 20, 40):
        values = [least + scale * rng.randrange(1 << bits) for _ in range(11)]
        coded = code_column(values)

        for start in range(11):
            for stop in range(start, 12):
                assert list(decode_column(coded, 11, start, stop)) == values[start:stop]


def test_a_part_of_a_column_of_one_value_is_so_many_of_it() -> None:
    """However few are asked for."""
    assert [list(decode_column(7, 5, 2, stop)) for stop in (2, 3, 5)] == [[], [7], [7, 7, 7]]
