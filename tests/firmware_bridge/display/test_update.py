"""The update of a whole simulated panel on virtual time: its way, and every way it goes wrong."""

import random

import pytest

from firmware_bridge.display.image import read_image
from firmware_bridge.display.update import HELLO_MS, STALL_MS, PanelUpdate
from firmware_bridge.display.update_moves import TRIALS_MAX, Phase
from firmware_bridge.simulator.smp_flash import Flash
from firmware_bridge.simulator.smp_server import SmpServer
from tests.support.firmware import FirmwareMaker
from tests.support.panel_board import Board
from tests.support.panel_updates import (
    NEW,
    OLD,
    Bench,
    Toll,
    interrupted_update,
    state_of,
)

MAKER = FirmwareMaker()
CI_UPDATES = 60


def until(bench: Bench, step: str) -> None:
    """Let an update come as far as a step."""
    while bench.update.step != step:
        assert bench.turn(), bench.update.ended


def ended(bench: Bench) -> str:
    """Run to the end and return the reason."""
    bench.run()
    assert bench.update.ended is not None
    return bench.update.ended.reason


def is_kept(bench: Bench) -> bool:
    """Tell whether the panel runs 1.1.0 for good."""
    return bench.board.started[-1] == "1.1.0" and bench.board.flash.slots[0].is_confirmed


def test_a_panel_is_updated_tried_and_confirmed() -> None:
    """Upload, mark, restart, HELLO, confirm; each noted before it is done."""
    bench = Bench.made(MAKER, payload_bytes=20_000)
    noted: list[Phase] = []
    bench.update._note = lambda state: noted.append(state.phase)

    reason = ended(bench)

    assert reason == "the panel runs version 1.1.0"
    assert noted == [Phase.UPLOADING, Phase.MARKING, Phase.TRIED]
    assert bench.board.started == ["1.0.0", "1.1.0"]
    assert is_kept(bench)
    assert bench.update.sent_bytes == bench.update.total_bytes == len(bench.image.content)


def test_an_update_is_quick_because_pieces_are_large() -> None:
    """As many requests as the panel's buffer makes necessary, and five more."""
    bench = Bench.made(MAKER, payload_bytes=50_000)
    requests = 0
    until(bench, "restarting")
    requests = bench.board.server.requests

    assert requests <= 50_600 // (1_024 - 48) + 6


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


def test_firmware_that_never_says_hello_goes_back_after_thirty_seconds() -> None:
    """It answers SMP, and yet it is not what a household wants to look at."""
    bench = Bench.made(MAKER, silent=["1.1.0"])
    until(bench, "restarting")
    asked_at_ms = bench.now_ms

    reason = ended(bench)

    assert "did not say HELLO within 30 s" in reason
    assert "went back to 1.0.0" in reason
    assert bench.board.started == ["1.0.0", "1.1.0", "1.0.0"]
    assert HELLO_MS <= bench.now_ms - asked_at_ms < HELLO_MS + 10_000
    assert bench.update.ended is not None
    assert not bench.update.ended.is_installed


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


def test_firmware_that_says_another_version_is_not_kept() -> None:
    """A build that was mixed up."""
    bench = Bench.made(MAKER, says={"1.1.0": "1.0.9"})

    reason = ended(bench)

    assert "says that it is 1.0.9" in reason
    assert bench.board.started == ["1.0.0", "1.1.0", "1.0.0"]


def test_firmware_that_says_nothing_and_answers_nothing_is_told_to_the_household() -> None:
    """Only switching it off helps; then its bootloader goes back."""
    bench = Bench.made(MAKER, silent=["1.1.0"])
    until(bench, "restarting")
    while bench.board.started[-1] != "1.1.0":
        bench.turn()
    bench.board.receive = lambda raw, now_ms: None  # type: ignore[method-assign]

    reason = ended(bench)

    assert "switch the panel off and on" in reason
    bench.board.cut_power(bench.now_ms)
    bench.now_ms += 1_000
    bench.board.advance(bench.now_ms)
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


def test_an_image_that_the_bootloader_refuses_ends_the_update() -> None:
    """The panel has its own key: the check at both ends is why a wrong key bricks nothing."""
    flash = Flash.with_image(FirmwareMaker().make(OLD), sectors=4)
    stranger = FirmwareMaker()
    flash.slots[0].content[: len(stranger.make(OLD))] = stranger.make(OLD)
    bench = Bench(Board(flash, stranger.public_pem()), read_image(MAKER.make(NEW)))

    reason = ended(bench)

    assert "did not take the image" in reason
    assert bench.board.started == ["1.0.0"] * (1 + TRIALS_MAX)
    assert not bench.board.is_bricked


@pytest.mark.parametrize(
    ("version", "board", "word"),
    [((0, 9, 0, 0), "panel-a", "already runs"), ((1, 1, 0, 0), "panel-b", "board")],
)
def test_a_wrong_image_is_refused_before_a_byte_of_it_is_sent(
    version: tuple[int, int, int, int], board: str, word: str
) -> None:
    """Not one SMP request leaves, let alone a piece."""
    bench = Bench.made(MAKER)
    bench.image = read_image(MAKER.make(version, board=board))
    bench.start_hub()
    sent = bytearray()
    take = bench.update.take_outgoing

    def watched() -> bytes:
        taken = take()
        sent.extend(taken)
        return taken

    bench.update.take_outgoing = watched  # type: ignore[method-assign]

    reason = ended(bench)

    assert word in reason
    assert b"\x06\x09" not in sent
    assert bench.board.server.requests == 0


def test_another_image_of_the_version_that_runs_is_refused() -> None:
    """The panel is asked what it holds, and given nothing."""
    bench = Bench.made(MAKER)
    bench.image = read_image(MAKER.make(OLD, payload_bytes=5_000))
    bench.start_hub()
    before = bytes(bench.board.flash.slots[1].content)

    assert "already runs 1.0.0" in ended(bench)
    assert bytes(bench.board.flash.slots[1].content) == before


def test_an_image_on_trial_is_kept_though_the_journal_was_lost() -> None:
    """It says the version that is wanted, and its slot that it is this very image."""
    bench = Bench.made(MAKER)
    until(bench, "confirming")
    bench.journal = None
    bench.start_hub()

    assert ended(bench) == "the panel runs version 1.1.0"
    assert is_kept(bench)


def test_an_older_image_goes_in_where_it_is_said() -> None:
    """A household that wants the firmware before back."""
    board = Board(Flash.with_image(MAKER.make(NEW), sectors=4), MAKER.public_pem())
    bench = Bench(board, read_image(MAKER.make(OLD)))
    bench.journal = state_of(bench.image, allows_older=True)
    bench.start_hub()

    assert ended(bench) == "the panel runs version 1.0.0"
    assert board.started == ["1.1.0", "1.0.0"]


def test_another_panel_on_the_line_is_not_given_a_marked_image() -> None:
    """Somebody plugged another one in while the hub was off."""
    bench = Bench.made(MAKER)
    until(bench, "restarting")
    other = Flash.with_image(MAKER.make(OLD, board="panel-b"), sectors=4)
    bench.board = Board(other, MAKER.public_pem(), board="panel-b")
    bench.board.starts = 70

    bench.start_hub()

    assert "panel-b" in ended(bench)
    assert bench.board.server.requests == 0


def test_an_image_that_waits_in_the_panel_already_is_refused_in_the_panels_words() -> None:
    """Somebody else's, marked to be started: it is not ours to throw away."""
    bench = Bench.made(MAKER)
    flash = bench.board.flash
    other = MAKER.make((1, 0, 5, 0))
    flash.slots[1].content[: len(other)] = other
    flash.slots[1].is_pending = True
    bench.board.advance(0)
    flash.slots[1].content[: len(other)] = other
    flash.slots[1].is_pending = True

    assert "NO_FREE_SLOT" in ended(bench)


def test_an_image_larger_than_the_slot_is_refused_by_the_panel() -> None:
    """Only the panel knows how large its slots are."""
    board = Board(Flash.with_image(MAKER.make(OLD), sectors=3), MAKER.public_pem())
    bench = Bench(board, read_image(MAKER.make(NEW, payload_bytes=13_000)))

    assert "INVALID_IMAGE_TOO_LARGE" in ended(bench)


def test_a_panel_with_a_small_buffer_gets_small_pieces() -> None:
    """Zephyr's default is 384 bytes; below 192 the first piece has no room."""
    for buffer_bytes, word in ((384, "runs version 1.1.0"), (100, "192 are needed")):
        bench = Bench.made(MAKER)
        bench.board.advance(0)
        bench.board.server = SmpServer(bench.board.flash, buffer_bytes)
        assert word in ended(bench)


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


def test_no_request_is_made_after_the_end() -> None:
    """What still arrives changes nothing."""
    bench = Bench.made(MAKER)
    bench.run()
    told = bench.update.ended
    bench.update.take_outgoing()
    bench.update.receive(b"\x06\x09AAAA\n", bench.now_ms)
    bench.update.advance(bench.now_ms + 200_000)

    assert bench.update.ended is told
    assert b"\x06\x09" not in bench.update.take_outgoing()


def test_interruptions_at_random_brick_nothing_and_all_get_there() -> None:
    """Kills, cables, power, brown-outs and spoilt slots; the long run is docs/soak.json's."""
    toll = Toll()
    for seed in range(CI_UPDATES):
        interrupted_update(MAKER, seed, toll)

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


def test_the_time_that_is_due_is_never_behind_for_long() -> None:
    """Whoever drives it waits until then: it must neither spin nor sleep through."""
    bench = Bench.made(MAKER)
    while bench.turn():
        assert isinstance(bench.update, PanelUpdate)
        assert bench.update.due_ms() >= bench.now_ms - 600
        assert bench.update.due_ms() <= bench.now_ms + STALL_MS
