"""The time floor: what is surely past, and by which time certificates are judged."""

import pytest

from agent.floor import (
    METER_LEAD_MS,
    RELEASED_MS,
    WRONG_BY_MS,
    KnownTime,
    TimeFloor,
    known_time,
)
from agent.pieces import BelievedTime
from agent.timekeeping import METER_CLOCK_TOLERANCE_MS
from shared.clock import SystemClock
from shared.units import MS_PER_DAY, MS_PER_HOUR

LATER_MS = RELEASED_MS + 100 * MS_PER_DAY


def test_the_release_is_past() -> None:
    """A release of the future would be no floor."""
    assert SystemClock().utc_ms() >= RELEASED_MS


def test_a_hub_that_knows_nothing_is_no_younger_than_its_program() -> None:
    """The release alone is enough to be out of 1970."""
    assert TimeFloor(5_000).at(5_000) == RELEASED_MS
    assert TimeFloor(5_000, 0, 12_345).at(5_000) == RELEASED_MS


def test_the_newest_of_what_is_past_counts_and_goes_on() -> None:
    """An hour after the start it is an hour later."""
    floor = TimeFloor(5_000, LATER_MS - 1, LATER_MS, 0)

    assert floor.at(5_000) == LATER_MS
    assert floor.at(5_000 + MS_PER_HOUR) == LATER_MS + MS_PER_HOUR


def test_it_rises_and_never_falls() -> None:
    """A source that is behind tells nothing."""
    floor = TimeFloor(0, LATER_MS)

    floor.raise_to(LATER_MS - MS_PER_DAY, 10_000)
    unmoved_ms = floor.at(10_000)
    floor.raise_to(LATER_MS + MS_PER_DAY, 20_000)

    assert unmoved_ms == LATER_MS + 10_000
    assert floor.at(20_000) == LATER_MS + MS_PER_DAY


def test_a_time_believed_now_overrules_a_floor_that_is_days_ahead() -> None:
    """Less than a day ahead is a meter's clock or a drift, and the floor stays."""
    floor = TimeFloor(0, LATER_MS)

    floor.correct_to(LATER_MS - WRONG_BY_MS, 0)
    stays_ms = floor.at(0)
    floor.correct_to(LATER_MS - WRONG_BY_MS - 1, 0)

    assert stays_ms == LATER_MS
    assert floor.at(0) == LATER_MS - WRONG_BY_MS - 1


@pytest.mark.parametrize(
    ("ahead_ms", "is_believed"),
    [(0, True), (METER_LEAD_MS, True), (METER_LEAD_MS + 1, False), (-1, False)],
)
def test_a_meters_clock_is_a_guess_but_no_floor(ahead_ms: int, is_believed: bool) -> None:
    """It may be years off: within a year ahead it is shown, and certificates never see it."""
    floor = TimeFloor(0, LATER_MS)

    floor.hear_meter(LATER_MS + ahead_ms, 0)

    assert floor.guess(1_000) == LATER_MS + 1_000 + (ahead_ms if is_believed else 0)
    assert floor.at(1_000) == LATER_MS + 1_000


def test_without_a_meter_the_guess_is_the_floor() -> None:
    """Nobody says anything likelier."""
    assert TimeFloor(0, LATER_MS).guess(7) == LATER_MS + 7


@pytest.mark.parametrize(
    ("machine_ms", "believed_ms", "expected"),
    [
        (LATER_MS, None, None),
        (LATER_MS - METER_CLOCK_TOLERANCE_MS, None, None),
        (LATER_MS - METER_CLOCK_TOLERANCE_MS - 1, None, KnownTime(LATER_MS, is_exact=False)),
        (12_345, None, KnownTime(LATER_MS, is_exact=False)),
        (LATER_MS + 5, LATER_MS, None),
        (LATER_MS - WRONG_BY_MS - 50, LATER_MS, None),
        (LATER_MS - WRONG_BY_MS - 51, LATER_MS, KnownTime(LATER_MS, is_exact=True)),
        (LATER_MS + WRONG_BY_MS + 51, LATER_MS, KnownTime(LATER_MS, is_exact=True)),
        (12_345, LATER_MS, KnownTime(LATER_MS, is_exact=True)),
    ],
)
def test_the_machine_is_asked_unless_it_is_known_to_be_wrong(
    machine_ms: int, believed_ms: int | None, expected: KnownTime | None
) -> None:
    """What the hub believes goes first, the machine's clock next, the floor last."""
    believed = None if believed_ms is None else BelievedTime(believed_ms, 50, "cloud")

    assert known_time(machine_ms, LATER_MS, believed) == expected
