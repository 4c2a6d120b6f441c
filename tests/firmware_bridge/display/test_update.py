"""The update of a whole simulated panel on virtual time: its way, and every way it goes wrong."""

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
    ended,
    is_kept,
    state_of,
    until,
)

MAKER = FirmwareMaker()


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


def test_the_time_that_is_due_is_never_behind_for_long() -> None:
    """Whoever drives it waits until then: it must neither spin nor sleep through."""
    bench = Bench.made(MAKER)
    while bench.turn():
        assert isinstance(bench.update, PanelUpdate)
        assert bench.update.due_ms() >= bench.now_ms - 600
        assert bench.update.due_ms() <= bench.now_ms + STALL_MS
