"""How far a panel's update has come, in a file that survives."""

from pathlib import Path

import msgspec
import pytest

from agent.firmware.journal import UpdateJournal
from firmware_bridge.display.image import read_image
from firmware_bridge.display.update_moves import Phase
from tests.support.firmware import FirmwareMaker

MAKER = FirmwareMaker()
IMAGE = read_image(MAKER.make((1, 1, 0, 0), payload_bytes=300))
OTHER = read_image(MAKER.make((1, 2, 0, 0), payload_bytes=300))


def test_an_update_begins_with_uploading(tmp_path: Path) -> None:
    """Nothing was noted yet, and nothing is written by asking."""
    journal = UpdateJournal(tmp_path / "journal")

    state = journal.resume(IMAGE)

    assert (state.phase, state.trials, state.version) == (Phase.UPLOADING, 0, "1.1.0")
    assert (state.board, state.image_hash) == ("panel-a", IMAGE.hash.hex())
    assert list(tmp_path.iterdir()) == []


def test_what_was_noted_is_there_in_the_next_life(tmp_path: Path) -> None:
    """Phase, trials and the reason of a way back; in a folder that was made for it."""
    path = tmp_path / "state" / "journal"
    begun = UpdateJournal(path).resume(IMAGE)
    noted = msgspec.structs.replace(begun, phase=Phase.REVERTING, trials=2, reason="no HELLO")
    UpdateJournal(path).note(noted)

    assert UpdateJournal(path).resume(IMAGE) == noted
    assert path.stat().st_mode & 0o077 == 0


def test_another_image_begins_anew(tmp_path: Path) -> None:
    """Its trials are not those of the one before."""
    journal = UpdateJournal(tmp_path / "journal")
    journal.note(msgspec.structs.replace(journal.resume(IMAGE), phase=Phase.TRIED, trials=2))

    assert journal.resume(OTHER).trials == 0


def test_leave_to_go_back_in_version_is_kept(tmp_path: Path) -> None:
    """Said once, it holds for that update."""
    journal = UpdateJournal(tmp_path / "journal")
    journal.note(journal.resume(IMAGE, allows_older=True))

    assert journal.resume(IMAGE).allows_older
    assert not journal.resume(OTHER).allows_older


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b'{"image_hash": "zz", "version": "1", "board": "b"}', b"\xff\x00"],
)
def test_a_journal_that_cannot_be_read_counts_as_absent(tmp_path: Path, content: bytes) -> None:
    """The panel says by itself where it is."""
    path = tmp_path / "journal"
    path.write_bytes(content)

    assert UpdateJournal(path).read() is None
    assert UpdateJournal(path).resume(IMAGE).phase is Phase.UPLOADING


def test_a_closed_journal_is_gone(tmp_path: Path) -> None:
    """Closing twice does nothing."""
    journal = UpdateJournal(tmp_path / "journal")
    journal.note(journal.resume(IMAGE))
    journal.close()
    journal.close()

    assert list(tmp_path.iterdir()) == []
