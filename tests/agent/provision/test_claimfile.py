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
