"""Updates of a panel that are cut off: hub, cable, power, answers, flash; and gone on with."""

import random

import pytest

from firmware_bridge.display.update import STALL_MS
from firmware_bridge.display.update_moves import TRIALS_MAX, Phase
from tests.support.firmware import FirmwareMaker
from tests.support.panel_updates import (
    Bench,
    Toll,
    ended,
    interrupted_update,
    is_kept,
    until,
)

MAKER = FirmwareMaker()
CI_UPDATES = 56


@pytest.mark.parametrize("loss", [0.05, 0.3])
def test_lost_answers_cost_time_and_nothing_else(loss: float) -> None:
    """The panel has the piece and we do not know: it says where it is."""
    bench = Bench.made(MAKER, payload_bytes=60_000, loss=loss, chance=random.Random(4))

    ended(bench)

    assert is_kept(bench)
    assert bench.board.answers_lost > 1
    assert bench.board.started == ["1.0.0", "1.1.0"]


def test_a_killed_hub_goes_on_where_the_panel_is() -> None:
    """The panel is asked for its offset; what it has is not sent again."""
    bench = Bench.made(MAKER, payload_bytes=60_000)
    while bench.update.sent_bytes < 40_000:
        bench.turn()
    had_bytes = bench.update.sent_bytes

    bench.start_hub()
    offsets = set()
    while bench.turn():
        offsets.add(bench.update.sent_bytes)

    assert is_kept(bench)
    assert min(offsets - {0}) >= had_bytes


def test_a_pulled_cable_goes_on_where_the_panel_is() -> None:
    """The same, of one life of the hub; half a line was lost on each side."""
    bench = Bench.made(MAKER, payload_bytes=60_000)
    while bench.update.sent_bytes < 40_000:
        bench.turn()
    bench.turn(cut_at=700)
    bench.now_ms += 5_000
    bench.update.begin(bench.now_ms)
    offsets = set()
    while bench.turn():
        offsets.add(bench.update.sent_bytes)

    assert is_kept(bench)
    assert min(offsets) >= 40_000


def test_a_brown_out_in_the_upload_begins_it_again() -> None:
    """The panel forgot the upload, and half a slot is no image."""
    bench = Bench.made(MAKER, payload_bytes=60_000)
    while bench.update.sent_bytes < 40_000:
        bench.turn()
    bench.board.flash.cut_after = 2

    ended(bench)

    assert is_kept(bench)
    assert bench.board.started == ["1.0.0", "1.0.0", "1.1.0"]


def test_a_power_cut_between_mark_and_restart_is_the_restart() -> None:
    """The bootloader starts the image without being asked; it is confirmed all the same."""
    bench = Bench.made(MAKER)
    while not bench.board.flash.slots[1].is_pending:
        bench.turn()
    bench.board.cut_power(bench.now_ms)

    ended(bench)

    assert is_kept(bench)


def test_a_power_cut_in_the_trial_gives_another() -> None:
    """The bootloader went back as it must; the image is still in the other slot."""
    bench = Bench.made(MAKER)
    until(bench, "restarting")
    while bench.board.started[-1] != "1.1.0":
        bench.turn()
    bench.board.cut_power(bench.now_ms)

    ended(bench)

    assert bench.board.started == ["1.0.0", "1.1.0", "1.0.0", "1.1.0"]
    assert is_kept(bench)
    assert bench.update.state.trials == TRIALS_MAX


def test_firmware_that_is_given_up_stays_so_after_a_kill() -> None:
    """The reason is in the journal: a hub that comes back does not confirm it."""
    bench = Bench.made(MAKER, silent=["1.1.0"])
    until(bench, "going back")
    assert bench.journal is not None
    assert bench.journal.phase is Phase.REVERTING
    bench.board._silent = ()

    bench.start_hub()

    assert "did not say HELLO" in ended(bench)
    assert bench.board.started[-1] == "1.0.0"


def test_a_lost_request_for_a_restart_is_made_again() -> None:
    """The panel is looked at first: a second restart in the trial would end it."""
    bench = Bench.made(MAKER)
    until(bench, "restarting")
    bench.update.take_outgoing()

    ended(bench)

    assert bench.board.started == ["1.0.0", "1.1.0"]
    assert is_kept(bench)


def test_a_panel_that_starts_slowly_is_asked_to_restart_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A swap takes seconds; a second restart that waits in the line would end the trial."""
    monkeypatch.setattr("tests.support.panel_board.RESTART_MS", 4_000)
    bench = Bench.made(MAKER)
    until(bench, "restarting")
    take, requests = bench.update.take_outgoing, 0

    def counted() -> bytes:
        nonlocal requests
        taken = take()
        requests += taken.count(b"\x06\x09") if bench.update.step == "restarting" else 0
        return taken

    bench.update.take_outgoing = counted  # type: ignore[method-assign]
    while bench.board.starts < 2:
        bench.turn()

    assert requests == 1
    bench.run()
    assert bench.board.started == ["1.0.0", "1.1.0"]


def test_a_restart_whose_answer_is_lost_is_asked_for_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No answer is no reason to ask again: the second one would come in the trial and end it."""
    monkeypatch.setattr("tests.support.panel_board.RESTART_MS", 4_000)
    bench = Bench.made(MAKER)
    until(bench, "restarting")
    bench.board.loss = 1.0
    take, requests = bench.update.take_outgoing, 0

    def counted() -> bytes:
        nonlocal requests
        taken = take()
        requests += taken.count(b"\x06\x09")
        return taken

    bench.update.take_outgoing = counted  # type: ignore[method-assign]
    while bench.board.starts < 2:
        bench.turn()
    bench.board.loss = 0.0

    assert requests == 1
    bench.run()
    assert bench.board.started == ["1.0.0", "1.1.0"]


def test_a_panel_that_keeps_nothing_is_given_up() -> None:
    """It takes each piece and has no image after it: after five times that is told in words."""
    bench = Bench.made(MAKER)
    while bench.turn():
        slot = bench.board.flash.slots[1].content
        if bench.update.sent_bytes == bench.update.total_bytes:
            slot[:] = b"\xff" * len(slot)

    assert bench.update.ended is not None
    assert bench.update.ended.reason == "the panel does not get beyond: send the image"
    assert bench.board.started == ["1.0.0"]


def test_a_restart_leaves_the_hub_whenever_the_clock_ticks() -> None:
    """Between asking and writing time may pass; the request waits for no answer, and is sent."""
    bench = Bench.made(MAKER)
    receive = bench.update.receive

    def late(received: bytes, now_ms: int) -> None:
        receive(received, now_ms)
        bench.update.advance(now_ms + 3)

    bench.update.receive = late  # type: ignore[method-assign]
    until(bench, "restarting")
    asked_at_ms = bench.now_ms
    bench.run()

    assert is_kept(bench)
    assert bench.now_ms - asked_at_ms < 1_000


def test_a_slot_that_was_spoilt_after_the_upload_is_sent_once_more() -> None:
    """The bootloader finds the wrong hash and throws it away."""
    bench = Bench.made(MAKER)
    until(bench, "marking")
    bench.board.flash.slots[1].content[3_000] ^= 0xFF

    ended(bench)

    assert bench.board.started == ["1.0.0", "1.0.0", "1.1.0"]
    assert is_kept(bench)


def test_an_image_on_trial_is_kept_though_the_journal_was_lost() -> None:
    """It says the version that is wanted, and its slot that it is this very image."""
    bench = Bench.made(MAKER)
    until(bench, "confirming")
    bench.journal = None
    bench.start_hub()

    assert ended(bench) == "the panel runs version 1.1.0"
    assert is_kept(bench)


def test_a_panel_that_answers_nothing_puts_the_update_off() -> None:
    """Two minutes without progress; the journal stays, and it goes on another time."""
    bench = Bench.made(MAKER)
    while bench.update.sent_bytes < 3_000:
        bench.turn()
    receive = bench.board.receive
    bench.board.receive = lambda raw, now_ms: None  # type: ignore[method-assign]
    began_ms = bench.now_ms
    bench.run()
    assert bench.update.ended is not None
    assert bench.update.ended.is_put_off
    assert bench.now_ms - began_ms < STALL_MS + 1_000

    bench.board.receive = receive  # type: ignore[method-assign]
    bench.start_hub()
    ended(bench)
    assert is_kept(bench)


def test_a_panel_that_restarts_for_ever_puts_the_update_off() -> None:
    """It says HELLO each time and never gets beyond the first pieces."""
    bench = Bench.made(MAKER, payload_bytes=30_000)
    while bench.update.ended is None:
        for _ in range(6):
            bench.turn()
        bench.board.cut_power(bench.now_ms)
        assert bench.now_ms < 10 * STALL_MS

    assert not bench.update.ended.is_installed
    assert bench.board.started[-1] == "1.0.0"


def test_noise_and_other_frames_on_the_line_do_no_harm() -> None:
    """A boot banner, log lines, half frames: the splitter takes them apart."""
    bench = Bench.made(MAKER, payload_bytes=20_000)
    chance = random.Random(8)
    take = bench.board.take_outgoing

    def noisy() -> bytes:
        said = take()
        return b"\r\nuart: booting\r\n" + said if said and chance.random() < 0.3 else said

    bench.board.take_outgoing = noisy  # type: ignore[method-assign]

    ended(bench)

    assert is_kept(bench)


def test_an_update_that_was_done_says_so_again() -> None:
    """Killed after the confirmation and before the report."""
    bench = Bench.made(MAKER)
    bench.run()

    bench.start_hub()

    assert ended(bench) == "the panel runs version 1.1.0"
    assert bench.board.started == ["1.0.0", "1.1.0"]


def test_interruptions_at_random_brick_nothing_and_all_get_there() -> None:
    """Kills, cables, power, brown-outs and spoilt slots; the long run is docs/soak.json's."""
    toll = Toll()
    for seed in range(CI_UPDATES):
        interrupted_update(MAKER, seed, toll, payload_bytes=5_000)

    assert toll.faults == []
    assert (toll.bricked, toll.unfinished) == (0, 0)
    assert toll.interruptions >= 60
    assert min(toll.interrupted.values()) > 4
    assert {"uploading", "restarting", "waiting for the panel"} <= set(toll.steps)


def test_a_brick_would_be_noticed() -> None:
    """Both slots spoilt: the judgement of the runs above is not blind."""
    bench = Bench.made(MAKER)
    bench.run()
    for slot in bench.board.flash.slots:
        slot.content[2_000] ^= 0xFF
    bench.board.cut_power(bench.now_ms)
    bench.board.advance(bench.now_ms + 1_000)

    assert bench.board.is_bricked
