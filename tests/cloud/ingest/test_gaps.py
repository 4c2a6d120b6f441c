"""The gap ledger: what is missing keeps its age until it is stored."""

import random

from hypothesis import given
from hypothesis import strategies as st

from cloud.ingest import gaps, merge
from cloud.ingest.gaps import Held, Missing, find_missing, freed, hole_since

NOBODY = Held(None, None)


def test_what_lies_between_stored_ranges_is_missing_since_it_is_known() -> None:
    """A hole is dated when it is first seen, and keeps its date while other ranges come and go."""
    first = find_missing([], [(1, 5, 0), (11, 15, 0)], NOBODY, 100)

    second = find_missing(first, [(1, 5, 0), (8, 8, 0), (11, 15, 0), (20, 20, 0)], NOBODY, 200)

    assert first == [Missing(6, 10, 100)]
    assert second == [Missing(6, 7, 100), Missing(9, 10, 100), Missing(16, 19, 200)]


def test_what_a_hello_lists_is_missing_until_stored() -> None:
    """The newest of a log is on its way: missing, and no hole."""
    held = Held(1, 20)

    missing = find_missing([], [(1, 15, 0)], held, 100)

    assert missing == [Missing(16, 20, 100)]
    assert hole_since(missing, [(1, 15, 0)], held) is None
    assert find_missing(missing, [(1, 20, 0)], held, 200) == []


def test_a_log_that_is_stored_whole_misses_nothing() -> None:
    """What is held before or after it is missing all the same, and so is what was before."""
    stored = [(5, 15, 0)]

    assert find_missing([], stored, NOBODY, 100) == []
    assert find_missing([], stored, Held(5, 15), 100) == []
    assert find_missing([], stored, Held(16, 15), 100) == []
    assert find_missing([], stored, Held(4, 15), 100) == [Missing(4, 4, 100)]
    assert find_missing([], stored, Held(5, 16), 100) == [Missing(16, 16, 100)]
    assert find_missing([Missing(1, 2, 50)], stored, NOBODY, 100) == [
        Missing(1, 2, 50),
        Missing(3, 4, 100),
    ]


def test_head_that_never_came_is_a_hole() -> None:
    """What the hub holds before the first that is stored is asked for like any other hole."""
    held = Held(1, 20)

    missing = find_missing([], [(11, 20, 0)], held, 100)

    assert hole_since(missing, [(11, 20, 0)], held) == 100


def test_freed_range_stays_missing_and_is_asked_for_no_more() -> None:
    """A hub that no longer holds a range cannot send it: the ledger says so for good."""
    coverage = [(11, 20, 0)]
    missing = find_missing([], coverage, Held(1, 20), 100)

    later = find_missing(missing, coverage, Held(6, 20), 200)
    last = find_missing(later, coverage, Held(15, 20), 300)

    assert later == last == [Missing(1, 10, 100)]
    assert freed(later, Held(6, 20)) == [(1, 5)]
    assert freed(later, NOBODY) == []
    assert hole_since(later, coverage, Held(6, 20)) == 100
    assert hole_since(last, coverage, Held(15, 20)) is None


def test_empty_log_misses_nothing() -> None:
    """A log that holds nothing says last below first; nothing is stored and nothing is missing."""
    assert find_missing([], [], Held(1, 0), 100) == []
    assert hole_since([], [], Held(1, 0)) is None


def test_ledger_is_bounded() -> None:
    """Past the bound neighbours of different age are one range of the older age."""
    known = [Missing(seq, seq, 1_000 - seq) for seq in range(1, gaps.MAX_MISSING_RANGES + 2)]

    missing = find_missing(known, [], NOBODY, 2_000)

    assert missing == [Missing(1, gaps.MAX_MISSING_RANGES + 1, 1_000 - known[-1].last_seq)]


@given(st.integers(0, 2**32))
def test_ledger_is_what_is_expected_less_what_is_stored(seed: int) -> None:
    """Whatever arrives in whatever order, each place is missing since it was first known to be."""
    rng = random.Random(seed)
    coverage: list[merge.Covered] = []
    missing: list[Missing] = []
    held = NOBODY
    since: dict[int, int] = {}
    stored: set[int] = set()
    known: set[int] = set()

    for now_ms in range(1, 12):
        if rng.random() < 0.4:
            first = rng.randint(1, 20)
            held = Held(first, first + rng.randint(0, 40))
            known.update(range(first, first + held.span()[0][1] - first + 1))
        else:
            first = rng.randint(1, 50)
            last = first + rng.randint(0, 9)
            coverage = merge.cover(coverage, first, last, rng.randint(0, 2))
            stored.update(range(first, last + 1))
        known |= stored
        missing = find_missing(missing, coverage, held, now_ms)
        for seq in range(min(known), max(known) + 1):
            if seq not in stored:
                since.setdefault(seq, now_ms)

    listed = {s: one.since_ms for one in missing for s in range(one.first_seq, one.last_seq + 1)}
    assert listed == {seq: at_ms for seq, at_ms in since.items() if seq not in stored}
