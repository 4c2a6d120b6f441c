"""`hearthlink panel update`, killed with SIGKILL at any request, and given again."""

import multiprocessing
import time
from pathlib import Path

import pytest

from agent import panel_command as cli
from agent.firmware.journal import UpdateJournal
from firmware_bridge.display.update_moves import Phase
from firmware_bridge.simulator.smp_flash import Flash
from shared.cli import EXIT_OK
from tests.support.firmware import FirmwareMaker
from tests.support.panel_board import Board
from tests.support.panel_pty import panel_on_pty
from tests.support.panel_updates import NEW, OLD

MAKER = FirmwareMaker()
PAYLOAD_BYTES = 30_000
GIVEN_UP_S = 60.0


@pytest.mark.parametrize("requests", [3, 20, 34])
def test_the_same_command_goes_on_after_a_kill(tmp_path: Path, requests: int) -> None:
    """In the upload, at the mark, before the restart; a process of the kernel's, and its port."""
    image, keys = tmp_path / "panel.bin", tmp_path / "maker.pem"
    image.write_bytes(MAKER.make(NEW, PAYLOAD_BYTES))
    keys.write_text(MAKER.public_pem())
    board = Board(Flash.with_image(MAKER.make(OLD), sectors=9), MAKER.public_pem())
    with panel_on_pty(board) as port:
        words = ["update", str(image), "--port", port, "--keys", str(keys), "--json"]
        # A fork has all that is imported already, and none of the threads.
        process = multiprocessing.get_context("fork").Process(target=cli.run, args=(words,))
        process.start()
        deadline_s = time.monotonic() + GIVEN_UP_S
        while board.server.requests < requests and len(board.started) < 2:
            assert time.monotonic() < deadline_s
            time.sleep(0.0005)
        process.kill()
        process.join()

        assert cli.run(words) == EXIT_OK

    assert board.started[-1] == "1.1.0"
    assert board.flash.slots[0].is_confirmed
    assert not board.is_bricked
    assert not list(tmp_path.glob("*.journal"))


def test_what_a_killed_update_leaves_is_its_journal(tmp_path: Path) -> None:
    """Beside the image, whole, for this user's eyes."""
    image, keys = tmp_path / "panel.bin", tmp_path / "maker.pem"
    image.write_bytes(MAKER.make(NEW, PAYLOAD_BYTES))
    keys.write_text(MAKER.public_pem())
    board = Board(Flash.with_image(MAKER.make(OLD), sectors=9), MAKER.public_pem())
    with panel_on_pty(board) as port:
        words = ["update", str(image), "--port", port, "--keys", str(keys)]
        process = multiprocessing.get_context("fork").Process(target=cli.run, args=(words,))
        process.start()
        deadline_s = time.monotonic() + GIVEN_UP_S
        while board.server.requests < 12:
            assert time.monotonic() < deadline_s
            time.sleep(0.0005)
        process.kill()
        process.join()

    left = UpdateJournal(tmp_path / "panel.bin.journal").read()
    assert left is not None
    assert left.phase is Phase.UPLOADING
    assert left.version == "1.1.0"
