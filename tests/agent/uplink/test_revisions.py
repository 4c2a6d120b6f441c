"""Wanted revisions: which rows are to be sent again where the clock ledger has moved them."""

import sqlite3
from pathlib import Path

import pytest

from agent.pieces import Piece
from agent.rows import LogRow
from agent.timekeeping import ClockLedger
from agent.uplink import revisions
from agent.uplink.framing import Chunk
from agent.uplink.ledger import Delivery, Flight
from agent.uplink.revisions import wanted_revisions
from shared.calendar import slot_of_sample, slot_start_ms
from shared.frames import MAX_SEQ
from shared.protocol import Receipt
from shared.units import MS_PER_HOUR, MS_PER_MINUTE
from tests.support.corrections import World
from tests.support.hubs import BOOT, START_MS, append, log_with, row_at

HELD = (1, 100)


def said(at_ms: int, off_ms: int = 0) -> Piece:
    """What a source says at an instant of the boot, wrong by so much."""
    return Piece(BOOT, at_ms, START_MS + at_ms + off_ms, 10, "ntp")


def half_hour(_row: LogRow, taken_at_ms: int) -> int:
    """Consent to half hours: the end of the one that a sample is in."""
    return slot_start_ms(slot_of_sample(taken_at_ms) + 1)


def receipt(
    revision: int,
    stored: list[tuple[int, int, int]] | None = None,
    rejected: list[tuple[int, int, str]] | None = None,
) -> Receipt:
    """A receipt of the store."""
    return Receipt("s", "00", revision, stored or [], rejected or [], 4, 0)


def test_nothing_is_wanted_anew_where_nothing_moved(tmp_path: Path) -> None:
    """A ledger whose pieces agree."""
    log, meter_log = log_with(tmp_path / "hub.sqlite", 100)

    assert (
        wanted_revisions(log, ClockLedger([said(0), said(500_000, 900)]), meter_log.log, half_hour)
        == []
    )
    log.close()


def test_the_stretch_that_moved_is_wanted_with_its_half_hour(tmp_path: Path) -> None:
    """Rows before it in the same half hour get another closing, so they are cut anew too."""
    log, meter_log = log_with(tmp_path / "hub.sqlite", 600)
    at_ms = 40 * MS_PER_MINUTE
    ledger = ClockLedger([said(0), said(at_ms), said(at_ms + 60_000, 5 * MS_PER_HOUR)])

    wanted = wanted_revisions(log, ledger, meter_log.log, half_hour)

    # Row 181 is the first of the second half hour; 240 is heard as the second piece comes.
    assert wanted == [(181, 360, 3)]
    log.close()


def test_rows_whose_own_time_did_not_move_are_not_wanted_anew(tmp_path: Path) -> None:
    """A meter that tells its clock, but for the middle of the stretch: only that is."""
    log, meter_log = log_with(tmp_path / "hub.sqlite", 0)
    at_ms = 40 * MS_PER_MINUTE
    rows = [
        row_at(
            seq, seq * 1_000, meter_clock_ms=None if 900 < seq < 1_600 else START_MS + seq * 1_000
        )
        for seq in range(1, 2_401)
    ]
    append(log, meter_log, rows)
    ledger = ClockLedger([said(0), said(at_ms, 5_000)])

    wanted = wanted_revisions(log, ledger, meter_log.log, lambda *_: None)

    assert wanted == [(901, 1_599, 2)]
    assert [row.seq for row in rows if ledger.moved(row)] == list(range(901, 1_600))
    log.close()


def test_a_later_word_that_moves_no_row_leaves_the_revision(tmp_path: Path) -> None:
    """The stretch counts as moved again, its rows are at the time that they were sent with."""
    log, meter_log = log_with(tmp_path / "hub.sqlite", 0)
    append(log, meter_log, [row_at(1, 60_000, meter_clock_ms=START_MS + 60_000)])
    lies = [said(0, 5 * MS_PER_HOUR), said(120_000)]
    before = wanted_revisions(log, ClockLedger(lies), meter_log.log, lambda *_: None)
    later = ClockLedger([*lies, said(180_000, 5_000), said(240_000, -5_000)])

    wanted = wanted_revisions(log, later, meter_log.log, lambda *_: None)

    assert wanted == before == [(1, 1, 2)]
    log.close()


def test_ranges_past_the_limit_are_joined(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sources that contradict each other for ever: more is sent again, nothing is forgotten."""
    log, meter_log = log_with(tmp_path / "hub.sqlite", 3_000)
    steps = range(0, 8 * MS_PER_HOUR, MS_PER_HOUR // 2)
    ledger = ClockLedger([said(at, (at % MS_PER_HOUR > 0) * 9_000 * at) for at in steps])
    whole = wanted_revisions(log, ledger, meter_log.log, half_hour)
    monkeypatch.setattr(revisions, "MAX_REVISED_RANGES", 1)

    bounded = wanted_revisions(log, ledger, meter_log.log, half_hour)

    assert len(whole) > len(bounded) == 1
    for first, last, revision in whole:
        assert any(a <= first and last <= b and r >= revision for a, b, r in bounded)
    log.close()


def test_what_is_stored_at_a_lower_revision_is_not_stored() -> None:
    """It is sent again, shown as backlog, and not freed."""
    delivery = Delivery(stored=[(1, 100, 0)])

    delivery.learn([(20, 40, 1)], 100)

    assert delivery.unsent(HELD) == delivery.unstored(HELD) == [(20, 40)]
    assert delivery.stored_ranges() == [(1, 19), (41, 100)]
    assert [delivery.revision_of(seq) for seq in (19, 20, 40, 41, MAX_SEQ)] == [0, 1, 1, 0, 0]


def test_a_receipt_for_the_old_revision_does_not_answer_the_new_frame() -> None:
    """Both are on their way; only the corrected one settles the range."""
    delivery = Delivery(wanted=[(1, 50, 1)], flights=[Flight(1, 50, 99), Flight(1, 50, 99, 1)])

    delivery.apply(receipt(1, stored=[(1, 50, 0)]))
    after_old = list(delivery.flights), delivery.unstored((1, 50))
    delivery.apply(receipt(2, stored=[(1, 50, 1)]))

    assert after_old == ([Flight(1, 50, 99, 1)], [(1, 50)])
    assert (delivery.flights, delivery.unstored((1, 50))) == ([], [])


def test_a_frame_ends_where_the_wanted_revision_changes() -> None:
    """What can be sent is parted there, though it touches."""
    delivery = Delivery(wanted=[(10, 19, 2), (20, 30, 1)], flights=[Flight(15, 25, 99, 1)])

    assert delivery.unsent((1, 40)) == [(1, 9), (10, 19), (26, 30), (31, 40)]


def test_what_was_refused_for_its_wrong_time_is_let_go() -> None:
    """Another time is another frame; a late refusal of the old one no longer counts."""
    delivery = Delivery(refused=[(1, 50, "bad-time"), (60, 70, "conflict")])

    let_go = delivery.learn([(1, 30, 1)], 100)
    delivery.flights = [Flight(1, 30, 99, 1)]
    for revision in (1, 2, 3):
        delivery.apply(receipt(revision, rejected=[(1, 50, "bad-time")]))

    assert let_go == [(1, 50, "bad-time")]
    assert delivery.refused == [(60, 70, "conflict")]


def test_the_frame_says_the_revision(tmp_path: Path) -> None:
    """Cut anew with the corrected times."""
    world = World(tmp_path)
    world.tell(5 * MS_PER_HOUR)
    world.hear(5)
    world.tell()
    (log,) = world.hub.log.all_logs()
    rows = world.hub.log.read(log.log, 1, 5)

    frame = world.hub.cut(log, Chunk(1, 5, rows, goes_on=False, revision=1)).frame

    assert frame is not None
    assert (frame.revision, frame.times_ms) == (1, list(world.true_ms.values()))
    world.close()


def test_a_piece_and_the_days_it_moves_are_kept_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk keeps neither; the page goes on with what it had."""
    world = World(tmp_path)
    world.tell(5 * MS_PER_HOUR)
    world.hear(50)
    before = world.hub_edges()

    def refuse(*_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as full:
        full.setattr(world.hub.log, "add_clock_piece", refuse)
        world.tell()
    refused = world.hub_edges(), world.true_edges()
    world.tell()
    told = world.hub_edges(), world.true_edges()
    world.restart()

    assert refused == (before, before)
    assert told[0] == told[1] != before
    assert world.hub_edges() == told[1]
    world.close()
