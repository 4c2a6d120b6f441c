"""Blanks in a meter's readings: what they make uncertain is what usage is spread over."""

import random

import pytest

from cloud.gaps.blanks import Blank, find_blanks, joined
from shared.calendar import slot_start_ms
from shared.meterdays import EDGE_TOLERANCE_MS, SlotEdges, edges_of, usage_of_run
from shared.units import MS_PER_MINUTE, SLOT_MS
from tests.support.cloud import START_MS

FAR_MS = START_MS + 400 * SLOT_MS


def readings(*minutes: float) -> SlotEdges:
    """Read a meter so many minutes after the start."""
    times = [START_MS + int(one * MS_PER_MINUTE) for one in minutes]
    return edges_of(times, [1_000 + n for n in range(len(times))])


def slots(blanks: list[Blank]) -> set[int]:
    """Number the half hours of blanks."""
    return {
        slot for one in blanks for slot in range(one.start_ms // SLOT_MS, one.end_ms // SLOT_MS)
    }


@pytest.mark.parametrize("seed", range(40))
def test_blanks_are_where_usage_is_spread(seed: int) -> None:
    """Half hour by half hour, for readings at any times."""
    rng = random.Random(seed)
    gaps = [rng.choice((1, 4, 5, 6, 20, 29, 31, 60, 200)) + rng.random() for _ in range(60)]
    minutes = [sum(gaps[:n]) for n in range(len(gaps))]
    known = readings(*minutes)
    last = max(known)

    blanks = find_blanks(known, START_MS, FAR_MS, slot_start_ms(last))

    spread = {slot for slot, used in usage_of_run(known).items() if used.is_estimated}
    # The last is merely not whole yet, the first may have begun before the meter was read.
    edge = {min(known), last}
    assert slots([one for one in blanks if one.next_ms is not None]) - edge == spread - edge


def test_a_blank_is_told_with_its_two_readings() -> None:
    """What lies just beside a boundary stands for it."""
    known = readings(0, 10, 95, 100)

    blanks = find_blanks(known, START_MS, START_MS + 4 * SLOT_MS, START_MS + 101 * MS_PER_MINUTE)

    minute = [START_MS + n * MS_PER_MINUTE for n in range(121)]
    assert blanks == [Blank(minute[10], minute[95], minute[0], minute[90])]
    assert minute[95] - minute[90] == EDGE_TOLERANCE_MS


def test_what_is_not_over_is_no_blank() -> None:
    """Only half hours that have ended lack a reading; none lies in the future."""
    known = readings(0, 29)
    minute = [START_MS + n * MS_PER_MINUTE for n in range(121)]

    assert find_blanks(known, START_MS, FAR_MS, minute[59]) == []
    (blank,) = find_blanks(known, START_MS, FAR_MS, minute[119])
    assert blank == Blank(minute[29], None, minute[30], minute[90])


def test_before_the_first_reading_and_without_any_all_is_missing() -> None:
    """From where it was asked for."""
    before_ms = START_MS - 2 * SLOT_MS
    known = readings(40)
    (blank,) = find_blanks(known, before_ms, START_MS + SLOT_MS, START_MS + 2 * SLOT_MS)

    assert blank == Blank(None, START_MS + 40 * MS_PER_MINUTE, before_ms, START_MS + SLOT_MS)
    assert find_blanks({}, before_ms, FAR_MS, START_MS) == [Blank(None, None, before_ms, START_MS)]
    assert find_blanks({}, START_MS, FAR_MS, START_MS) == []


def test_any_register_is_a_reading() -> None:
    """A meter that said only what it exports was read all the same."""
    known = joined([readings(0, 29), readings(31, 200)])

    (blank,) = find_blanks(known, START_MS, FAR_MS, START_MS + 200 * MS_PER_MINUTE)

    assert blank.last_ms == START_MS + 31 * MS_PER_MINUTE
