"""On which day ranges were stored: never said earlier than it was, never more than it may hold."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.upkeep.storage_days import (
    MAX_RANGES_A_DAY,
    StorageDays,
    decode_days,
    encode_days,
)
from shared.errors import BadInputError
from shared.ranges import Range, count, intersect, subtract

RETENTION_DAYS = 5
HELD = (1, 1_000)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 1_000)), max_size=60))
def test_nothing_is_freed_before_its_days_are_over(steps: list[tuple[int, int]]) -> None:
    """Whatever is stored when: a range is told only of days after the one it was stored on."""
    days, today = StorageDays(), 100
    stored: list[Range] = []
    stored_on: dict[int, int] = {}
    for passed, seq in steps:
        today += passed
        stored.append((seq, seq))
        stored_on.setdefault(seq, today)
        past_day = today - RETENTION_DAYS
        days = days.note(stored, HELD, today, past_day)

        told = {seq for first, last in days.until(past_day) for seq in range(first, last + 1)}

        assert all(stored_on[seq] <= past_day for seq in told)
        assert len(days.days) <= RETENTION_DAYS + 2
        assert decode_days(encode_days(days), b"") == days


def test_what_comes_in_pieces_is_noted_over_some_days() -> None:
    """A day has room for so many ranges; the others are noted later, and so kept longer."""
    stored = [(seq, seq) for seq in range(1, 4 * MAX_RANGES_A_DAY, 2)]

    first = StorageDays().note(stored, HELD, 10, 5)
    again = first.note(stored, HELD, 10, 5)
    then = again.note(stored, HELD, 11, 6)

    assert again == first
    assert count(first.known()) == MAX_RANGES_A_DAY
    assert subtract(stored, then.known()) == []


def test_the_days_of_a_correction_count_from_when_it_is_stored() -> None:
    """Rows moved in time are sent again; until a receipt lists them anew they are not stored."""
    first = StorageDays().note([(1, 100), (200, 300)], HELD, 100, 95)
    moved = first.note([(200, 300)], HELD, 110, 105)
    again = moved.note([(1, 100), (200, 300)], HELD, 110, 105)

    assert moved.known() == [(200, 300)]
    assert again.until(109) == [(200, 300)]
    assert again.until(110) == [(1, 100), (200, 300)]


def test_rows_that_are_gone_are_forgotten() -> None:
    """What is told as one past day is of rows held only."""
    days = StorageDays().note([(1, 500)], HELD, 10, 5).note([(1, 500)], (400, 900), 20, 15)

    assert intersect(days.until(15), [HELD]) == [(400, 500)]
    assert len(days.days) == 1


def test_a_fact_of_another_kind_is_refused() -> None:
    """A rotten fact is said to be one; rows are then kept as if stored just now."""
    with pytest.raises(BadInputError):
        decode_days(b"\xc1", b"")
