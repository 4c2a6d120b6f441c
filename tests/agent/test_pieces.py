"""Pieces: who dates an instant, in which order, and how often that has changed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.pieces import MAX_SHIFT_MS, Piece
from agent.rows import LogRow
from agent.timekeeping import ClockLedger
from shared.units import MS_PER_DAY, MS_PER_HOUR, MS_PER_MINUTE
from tests.support.hubs import BOOT, START_MS, row_at

HOUR = MS_PER_HOUR


def said(at_ms: int, off_ms: int = 0, uncertainty_ms: int = 10) -> Piece:
    """What a source says at an instant of the boot, wrong by so much."""
    return Piece(BOOT, at_ms, START_MS + at_ms + off_ms, uncertainty_ms, "ntp")


def off_ms(ledger: ClockLedger, at_ms: int) -> int | None:
    """How far off a row without a clock is dated; None where it is not."""
    resolved = ledger.resolve(row_at(1, at_ms))
    return None if resolved is None else resolved[0] - START_MS - at_ms


def test_what_is_dated_stays_where_a_later_word_differs_little() -> None:
    """A drift of a second in an hour is learned, and moves nothing that may have been sent."""
    ledger = ClockLedger([said(0, 0, 500), said(HOUR, 900, 600)])

    assert [off_ms(ledger, at) for at in (1, HOUR // 2, HOUR, HOUR + 1)] == [0, 0, 0, 900]
    assert ledger.revised() == []


def test_a_later_word_moves_what_was_dated_wrongly_since_the_piece_before() -> None:
    """The stretch between the two is revised, before the first too where nothing was before it."""
    ledger = ClockLedger([said(HOUR, 5 * HOUR), said(2 * HOUR)])

    assert [off_ms(ledger, at) for at in (0, HOUR, 2 * HOUR, 3 * HOUR)] == [0, 0, 0, 0]
    assert [(one.end_ms, one.revision) for one in ledger.revised()] == [(HOUR, 2), (2 * HOUR, 2)]


def test_two_that_agree_outweigh_the_one_between_them() -> None:
    """What was moved by it is moved back: the last cause counts."""
    ledger = ClockLedger([said(0), said(HOUR, -5 * HOUR), said(HOUR + 60_000)])

    assert [off_ms(ledger, at) for at in (0, HOUR - 1, HOUR + 1, 2 * HOUR)] == [0, 0, 0, 0]
    assert [(one.start_ms, one.revision) for one in ledger.revised()][-2:] == [(0, 3), (HOUR, 3)]


def test_a_vague_word_takes_no_date_away() -> None:
    """A minute's uncertainty contradicts, and dates nothing."""
    ledger = ClockLedger([said(0), said(HOUR, 2 * HOUR, 60_000)])

    assert off_ms(ledger, HOUR - 1) == 0
    assert off_ms(ledger, HOUR + 1) is None


def test_what_was_heard_after_a_vague_word_is_dated_by_a_good_one() -> None:
    """NTP begins with an error of seconds: the first minutes are dated once it is small.

    What was heard before the first word may have been declared untimed by then.
    """
    ledger = ClockLedger([said(0, 0, 5_000), said(MS_PER_MINUTE, 0, 20)])

    assert off_ms(ledger, 1_000) == 0
    assert off_ms(ledger, -1_000) == 0
    assert [(one.end_ms, one.revision) for one in ledger.revised()] == [(0, 2)]


def test_a_contradiction_reaches_no_further_than_drift_allows() -> None:
    """Twenty hours back a crystal may be off by more than 2 s: what was dated there stays."""
    ledger = ClockLedger([said(0, 5 * HOUR), said(20 * HOUR)])

    assert off_ms(ledger, HOUR) == 5 * HOUR
    assert off_ms(ledger, 19 * HOUR) == 0


@pytest.mark.parametrize(("clock_off_ms", "moves"), [(30_000, False), (10 * HOUR, True)])
def test_a_meter_with_a_believed_clock_keeps_its_time(clock_off_ms: int, *, moves: bool) -> None:
    """Whatever the hub takes for the time: only where its clock is not believed is it moved."""
    ledger = ClockLedger([said(0, 90_000)])
    row = row_at(1, 60_000, meter_clock_ms=START_MS + 60_000 + clock_off_ms)
    before = ledger.resolve(row)

    assert ledger.believe(said(HOUR))

    assert (ledger.resolve(row) != before) is moves


def test_a_refused_piece_leaves_no_trace() -> None:
    """A full disk: what it would have moved is as it was."""
    ledger = ClockLedger([said(0, 5 * HOUR)])
    piece = said(HOUR)
    ledger.believe(piece)

    ledger.forget(piece)

    assert off_ms(ledger, HOUR // 2) == 5 * HOUR
    assert ledger.revised() == []


WORDS = st.lists(
    st.builds(
        said,
        st.integers(0, 3 * MS_PER_DAY),
        st.integers(-10_000, 10_000) | st.integers(-5 * HOUR, 5 * HOUR),
        st.sampled_from((10, 900, 2_000, 8_000, 60_000)),
    ),
    min_size=1,
    max_size=9,
    unique_by=lambda piece: piece.monotonic_ms,
)
ROWS = st.builds(
    lambda at_ms, clock_off_ms: row_at(
        1, at_ms, meter_clock_ms=None if clock_off_ms is None else START_MS + at_ms + clock_off_ms
    ),
    st.integers(0, 3 * MS_PER_DAY),
    st.none() | st.integers(-150_000, 150_000),
)


@given(WORDS, st.lists(ROWS, max_size=20))
def test_a_time_once_told_changes_by_more_than_two_seconds_and_counts(
    words: list[Piece], rows: list[LogRow]
) -> None:
    """As each piece comes: no change without a revision, none taken back, small ones never."""
    told: dict[int, tuple[tuple[int, int], int]] = {}
    ledger = ClockLedger()

    for piece in sorted(words, key=lambda one: one.monotonic_ms):
        ledger.believe(piece)
        for place, row in enumerate(rows):
            if row.monotonic_ms > piece.monotonic_ms:
                continue
            now, revision = ledger.resolve(row), revision_at(ledger, row.monotonic_ms)
            if place in told:
                assert now is not None
                before, was_revision = told[place]
                is_moved = now != before
                assert revision >= was_revision + is_moved
                assert not is_moved or abs(now[0] - before[0]) > MAX_SHIFT_MS
            if now is not None:
                told[place] = (now, revision)


def revision_at(ledger: ClockLedger, at_ms: int) -> int:
    """The number of what last moved what was heard at an instant."""
    found = [one.revision for one in ledger.revised() if one.start_ms < at_ms <= one.end_ms]
    return max(found, default=0)


@given(WORDS, st.integers(0, 3 * MS_PER_DAY))
def test_a_restart_computes_the_same(words: list[Piece], at_ms: int) -> None:
    """The pieces are all there is to it."""
    ledger, believed = ClockLedger(), []
    for piece in sorted(words, key=lambda one: one.monotonic_ms):
        believed += [piece] if ledger.believe(piece) else []

    again = ClockLedger(believed)

    assert again.revised() == ledger.revised()
    assert again.resolve(row_at(1, at_ms)) == ledger.resolve(row_at(1, at_ms))


@given(WORDS, st.lists(st.integers(0, 3 * MS_PER_DAY), max_size=30))
def test_what_a_piece_moves_is_within_the_spans_that_it_is_said_to_move(
    words: list[Piece], instants_ms: list[int]
) -> None:
    """No other instant before it is dated otherwise than it was, however many words there are."""
    ledger = ClockLedger()
    asked_ms = {*instants_ms, *(word.monotonic_ms + step for word in words for step in (0, 1))}

    for piece in sorted(words, key=lambda one: one.monotonic_ms):
        was_dated = ledger.size > 0
        if not ledger.believe(piece) or not was_dated:
            continue
        before, moved = ledger.before(piece), ledger.moved_by(piece)
        for at_ms in asked_ms:
            is_within = any(one.start_ms < at_ms <= one.end_ms for one in moved)
            if at_ms <= piece.monotonic_ms and not is_within:
                assert before.heard(BOOT, at_ms) == ledger.heard(BOOT, at_ms)


def test_a_piece_moves_only_what_the_one_before_no_longer_dated() -> None:
    """A source that comes back each few hours has nothing dated anew that was dated well."""
    reach_ms = said(0, 0, 1_000).reach_ms
    ledger = ClockLedger([said(0, 0, 1_000)])
    piece = said(2 * reach_ms, 0, 1_000)
    ledger.believe(piece)

    ((_, start_ms, end_ms, _), *behind) = ledger.moved_by(piece)

    assert (start_ms, end_ms) == (reach_ms - 1, 2 * reach_ms)
    assert all(one.start_ms >= end_ms for one in behind)


@given(WORDS, st.lists(ROWS, max_size=10))
def test_a_row_is_dated_by_the_last_time_that_it_was_told(
    words: list[Piece], rows: list[LogRow]
) -> None:
    """Whether a stretch is quiet, so that one word settles it, or not."""
    ledger = ClockLedger(words)

    for row in rows:
        resolved = ledger.resolve(row)
        assert ([] if resolved is None else [resolved[0]]) == ledger.datings(row)[-1:]
