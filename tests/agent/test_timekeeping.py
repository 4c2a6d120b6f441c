"""The clock ledger: what time it was, how well that is known, and whose clock is believed."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.log import Log
from agent.pieces import DRIFT_PPM, Piece
from agent.timekeeping import MAX_CAPTURE_AGE_MS, METER_CLOCK_TOLERANCE_MS, ClockLedger, taken_at
from shared.readings import Quality
from shared.units import EARLIEST_PLAUSIBLE_MS, MS_PER_DAY, MS_PER_HOUR
from tests.support.hubs import BOOT, START_MS, TIMED, row_at


def ledger_of(*pieces: Piece) -> ClockLedger:
    return ClockLedger(list(pieces))


@pytest.mark.parametrize(
    ("off_ms", "taken_off_ms", "quality"),
    [
        (0, 0, Quality.GOOD),
        (METER_CLOCK_TOLERANCE_MS, METER_CLOCK_TOLERANCE_MS, Quality.GOOD),
        (-METER_CLOCK_TOLERANCE_MS, -METER_CLOCK_TOLERANCE_MS, Quality.GOOD),
        (METER_CLOCK_TOLERANCE_MS + 1, 0, Quality.HUB_TIME),
        (-METER_CLOCK_TOLERANCE_MS - 1, 0, Quality.HUB_TIME),
    ],
)
def test_meter_clock_is_believed_within_two_minutes(
    off_ms: int, taken_off_ms: int, quality: Quality
) -> None:
    """Within 120 s the meter's clock is the time of the sample, beyond it the hub's is."""
    assert taken_at(START_MS, START_MS + off_ms, None, 0) == (START_MS + taken_off_ms, quality)


def test_a_meter_without_a_clock_has_the_hubs_time() -> None:
    """The quality says whose time it is, and keeps what else is known."""
    assert taken_at(START_MS, None, None, Quality.UNCHECKED) == (
        START_MS,
        Quality.UNCHECKED | Quality.HUB_TIME,
    )


def test_a_capture_keeps_its_own_time() -> None:
    """A gas register read an hour ago was taken an hour ago."""
    captured_ms = START_MS - MS_PER_HOUR

    assert taken_at(START_MS, START_MS + 1_000, captured_ms, 0) == (captured_ms, Quality.GOOD)


def test_a_capture_by_a_wrong_clock_keeps_its_age() -> None:
    """Where the meter's clock is off, what it says of the age of a capture still holds."""
    wrong_ms = START_MS + MS_PER_DAY

    assert taken_at(START_MS, wrong_ms, wrong_ms - MS_PER_HOUR, 0) == (
        START_MS - MS_PER_HOUR,
        Quality.HUB_TIME,
    )


@pytest.mark.parametrize("age_ms", [-1, MAX_CAPTURE_AGE_MS + 1])
def test_an_impossible_capture_has_the_hubs_time(age_ms: int) -> None:
    """A capture of tomorrow, or of a meter not heard for days, tells no time."""
    assert taken_at(START_MS, START_MS, START_MS - age_ms, 0) == (START_MS, Quality.HUB_TIME)


def test_a_row_is_read_through_the_ledger() -> None:
    """The time of a row follows from the piece of its boot."""
    assert ledger_of(TIMED).resolve(row_at(1, 5_000)) == (START_MS + 5_000, Quality.HUB_TIME)


def test_a_boot_that_never_learned_the_time_has_none() -> None:
    """Another boot's piece says nothing of it."""
    ledger = ledger_of(TIMED)

    assert ledger.resolve(row_at(1, 5_000, boot=2)) is None
    assert not ledger.is_trusted(2, 5_000)
    assert ledger.at(2, 5_000) is None


def test_uncertainty_grows_with_drift_both_ways() -> None:
    """Away from a piece, before or after, the crystal's drift adds up until it is too much."""
    ledger = ledger_of(Piece(BOOT, 0, START_MS, 500, "cloud"))
    too_far_ms = (2_000 - 500 + 1) * 1_000_000 // DRIFT_PPM

    for sign in (1, -1):
        believed = ledger.at(BOOT, sign * MS_PER_DAY)

        assert believed is not None
        assert believed.uncertainty_ms == 500 + MS_PER_DAY * DRIFT_PPM // 1_000_000
        assert ledger.is_trusted(BOOT, sign * (too_far_ms - 20_000))
        assert not ledger.is_trusted(BOOT, sign * too_far_ms)
        assert ledger.resolve(row_at(1, sign * too_far_ms)) is None


def test_a_clock_in_1970_is_never_believed() -> None:
    """A machine that wakes without a battery tells nothing."""
    ledger = ledger_of()

    assert not ledger.believe(Piece(BOOT, 0, 12_345, 1, "ntp"))
    assert not ledger.believe(Piece(BOOT, 0, EARLIEST_PLAUSIBLE_MS - 1, 1, "ntp"))
    assert ledger.resolve(row_at(1, 0)) is None


def test_a_source_that_agrees_adds_nothing() -> None:
    """The ledger stays small while its sources agree."""
    ledger = ledger_of(TIMED)

    assert not ledger.believe(Piece(BOOT, 60_000, START_MS + 60_050, 5, "ntp"))
    assert not ledger.believe(Piece(BOOT, 60_000, START_MS + 60_000, 100, "cloud"))


def test_a_better_source_refines_what_has_drifted() -> None:
    """Once the uncertainty has grown, a good source is taken in again."""
    ledger = ledger_of(TIMED)

    assert ledger.believe(Piece(BOOT, MS_PER_DAY, START_MS + MS_PER_DAY + 90, 10, "ntp"))

    believed = ledger.at(BOOT, MS_PER_DAY)
    assert believed is not None
    assert (believed.utc_ms, believed.uncertainty_ms) == (START_MS + MS_PER_DAY + 90, 10)


def test_a_contradiction_is_won_by_the_later_word() -> None:
    """Of sources that cannot both be right the last one dates what was heard since the other."""
    ledger = ledger_of(Piece(BOOT, 0, START_MS, 10, "ntp"))

    assert ledger.believe(Piece(BOOT, MS_PER_HOUR, START_MS, 10, "ntp"))

    early, late = ledger.at(BOOT, 60_000), ledger.at(BOOT, MS_PER_HOUR + 60_000)
    assert early is not None
    assert late is not None
    assert early.utc_ms == START_MS + 60_000 - MS_PER_HOUR
    assert late.utc_ms == START_MS + 60_000


def test_pieces_survive_in_the_database(tmp_path: Path) -> None:
    """The ledger of earlier boots is there after a restart, oldest first."""
    log = Log(tmp_path / "hub.sqlite")
    boots = [log.boot_number(name) for name in ("a", "b")]
    pieces = [
        Piece(boots[0], 5, START_MS, 10, "ntp"),
        Piece(boots[0], 50, START_MS + 45, 5, "cloud"),
        Piece(boots[1], 1, START_MS + MS_PER_DAY, 10, "ntp"),
    ]
    for piece in reversed(pieces):
        log.add_clock_piece(piece)

    assert log.clock_pieces() == pieces
    log.close()


@pytest.mark.parametrize("sources", [("ntp", "cloud"), ("cloud", "ntp")])
def test_two_pieces_of_one_instant_keep_the_order_they_came_in(
    tmp_path: Path, sources: tuple[str, str]
) -> None:
    """The later one has the say, before a restart and after it."""
    log = Log(tmp_path / "hub.sqlite")
    boot = log.boot_number("a")
    wrong = Piece(boot, 5, START_MS - 5 * MS_PER_HOUR, 10, sources[0])
    right = Piece(boot, 5, START_MS, 10, sources[1])
    for piece in (wrong, right):
        log.add_clock_piece(piece)

    pieces = log.clock_pieces()

    assert pieces == [wrong, right]
    assert ledger_of(*pieces).at(boot, 5) == ledger_of(wrong, right).at(boot, 5)
    log.close()


def test_between_two_pieces_the_drift_is_known() -> None:
    """Thirty hours without NTP: what lies between is read off the two ends, within a second."""
    ledger = ledger_of(
        Piece(BOOT, 0, START_MS, 10, "ntp"),
        Piece(BOOT, 30 * MS_PER_HOUR, START_MS + 30 * MS_PER_HOUR + 3_000, 10, "ntp"),
    )

    middle = ledger.at(BOOT, 15 * MS_PER_HOUR)

    assert middle is not None
    assert middle.utc_ms == START_MS + 15 * MS_PER_HOUR + 1_500
    assert middle.uncertainty_ms < 1_000


def test_a_clock_that_was_set_between_two_pieces_is_not_drift() -> None:
    """No crystal gains an hour in a day: each side keeps to its own piece."""
    ledger = ledger_of(
        Piece(BOOT, 0, START_MS, 10, "ntp"),
        Piece(BOOT, MS_PER_DAY, START_MS + MS_PER_DAY + MS_PER_HOUR, 10, "ntp"),
    )

    early, late = ledger.at(BOOT, MS_PER_HOUR), ledger.at(BOOT, 23 * MS_PER_HOUR)

    assert early is not None
    assert late is not None
    assert early.utc_ms == START_MS + MS_PER_HOUR
    assert late.utc_ms == START_MS + 24 * MS_PER_HOUR


def test_a_vague_hub_time_is_enough_for_a_meter_with_a_clock() -> None:
    """Days after the last NTP the meter's own clock still dates its samples."""
    ledger = ledger_of(Piece(BOOT, 0, START_MS, 10, "ntp"))
    at_ms = 5 * MS_PER_DAY

    dated = ledger.resolve(row_at(1, at_ms, meter_clock_ms=START_MS + at_ms + 20_000))
    undated = ledger.resolve(row_at(2, at_ms))
    far_off = ledger.resolve(row_at(3, at_ms, meter_clock_ms=START_MS + at_ms + 110_000))

    assert dated == (START_MS + at_ms + 20_000, Quality.GOOD)
    assert undated is None
    assert far_off is None


def test_an_imprecise_source_does_not_fill_the_ledger() -> None:
    """A source that is always off by a second adds a few pieces a day, not one a minute."""
    ledger = ledger_of(Piece(BOOT, 0, START_MS, 1_000, "ntp"))

    added = sum(
        ledger.believe(Piece(BOOT, minute * 60_000, START_MS + minute * 60_000, 1_000, "ntp"))
        for minute in range(1, 1_441)
    )

    assert 1 <= added <= 6


INSTANTS = st.integers(0, 200_000_000)
PIECES = st.builds(
    lambda boot, at_ms, off_ms, vague_ms: Piece(
        boot, at_ms, START_MS + at_ms + off_ms, vague_ms, "x"
    ),
    st.integers(1, 2),
    INSTANTS,
    st.integers(-5_000, 5_000),
    st.integers(0, 2_000),
)


@given(st.lists(PIECES | INSTANTS, max_size=12))
def test_what_was_asked_before_changes_no_answer(steps: list[Piece | int]) -> None:
    """A ledger asked between its pieces answers as one that is asked for the first time."""
    ledger, believed = ClockLedger(), []

    for step in steps:
        if isinstance(step, Piece):
            believed += [step] if ledger.believe(step) else []
        else:
            fresh = ClockLedger(believed)
            assert [ledger.at(boot, step) for boot in (1, 2)] == [
                fresh.at(boot, step) for boot in (1, 2)
            ]
            assert ledger.highest == fresh.highest


def test_the_highest_revision_follows_every_change() -> None:
    """A piece that moves the time, one that is taken back, a base that was learned of."""
    moving = Piece(BOOT, MS_PER_HOUR, START_MS + MS_PER_HOUR + 9_000, 10, "ntp")
    ledger = ledger_of(TIMED)
    seen = [ledger.highest]

    ledger.believe(moving)
    seen.append(ledger.highest)
    ledger.forget(moving)
    seen.append(ledger.highest)
    ledger.count_from(40)
    seen.append(ledger.highest)

    assert seen == [0, 2, 0, 41]
