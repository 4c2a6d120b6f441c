"""A claim's file on the boot partition: what is left of one that is refused."""

from pathlib import Path

import pytest

from agent.provision.claimfile import ClaimFile

NEARLY = "hearthlink:cloud.example.org/7K2Q9-M4XAB-9CDEF-GHJK"


@pytest.mark.parametrize("text", [NEARLY, f"{NEARLY}M extra", f"{NEARLY}M\n{NEARLY}M"])
def test_a_refused_file_leaves_the_reason_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, text: str
) -> None:
    """A card reader reaches it: nothing of the code may stay, there or in the log."""
    path = tmp_path / "hearthlink-claim.txt"
    path.write_text(text)

    assert ClaimFile(path, "").read() is None

    (left,) = tmp_path.iterdir()
    assert "no claim" in left.read_text()
    assert "9CDEF" not in left.read_text() + caplog.text


def test_a_reason_of_several_lines_stays_a_remark(tmp_path: Path) -> None:
    """What a cloud answers is put on one line."""
    path = tmp_path / "hearthlink-claim.txt"
    path.write_text(NEARLY)

    ClaimFile(path, "").refuse("used\nalready")

    assert (tmp_path / "hearthlink-claim.refused.txt").read_text() == "# used already\n"


def test_a_used_file_that_cannot_be_removed_is_not_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The boot partition is often root's alone; another claim put there is read all the same."""
    path, done_file = tmp_path / "hearthlink-claim.txt", tmp_path / "claim.done"
    path.write_text(f"{NEARLY}M")

    def refuse(_path: Path, *, missing_ok: bool = False) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(Path, "unlink", refuse)
    before = path.read_bytes()
    ClaimFile(path, "", done_file).remove()

    assert path.read_bytes() == before
    assert ClaimFile(path, "", done_file).read() is None
    assert "9CDEF" not in done_file.read_text()
    path.write_text(f"{NEARLY}M of another day")
    assert not ClaimFile(path, "", done_file)._is_done(path)
