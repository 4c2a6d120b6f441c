"""The state folder and its disk."""

from pathlib import Path

import pytest

from agent.doctor.check import Result
from agent.doctor.storage import (
    FULL_BELOW_MB,
    TIGHT_BELOW_MB,
    Folder,
    check_folder,
    judge_folder,
    judge_free_mb,
    probe_free_mb,
)


def test_a_private_folder_is_ok(tmp_path: Path) -> None:
    """The folder as the hub makes it has nothing against it."""
    folder = tmp_path / "state"
    folder.mkdir(mode=0o700)

    check = check_folder(folder)

    assert (check.result, check.fix) == (Result.OK, "")


def test_an_open_folder_is_a_warning_with_the_command(tmp_path: Path) -> None:
    """Others could read what the home uses; the fix can be typed."""
    folder = tmp_path / "state"
    folder.mkdir()
    folder.chmod(0o755)

    check = check_folder(folder)

    assert check.result is Result.WARNING
    assert "0755" in check.finding
    assert check.fix == f"chmod 700 {folder}"


def test_an_absent_folder_is_not_made(tmp_path: Path) -> None:
    """A hub that has not run yet is no fault, and the doctor does not prepare for it."""
    folder = tmp_path / "state"

    check = check_folder(folder)

    assert check.result is Result.WARNING
    assert not folder.exists()


def test_a_file_in_the_folders_place_is_a_fault(tmp_path: Path) -> None:
    """A file cannot hold the database."""
    (tmp_path / "state").touch()

    check = check_folder(tmp_path / "state")

    assert check.result is Result.FAULT


@pytest.mark.parametrize(
    ("folder", "word"),
    [
        (Folder(is_there=True, is_folder=True, mode=0o700), "not writable"),
        (
            Folder(
                is_there=True, is_folder=True, is_writable=True, is_read_only_disk=True, mode=0o700
            ),
            "read-only",
        ),
    ],
)
def test_a_folder_that_takes_no_writing_is_a_fault(folder: Folder, word: str) -> None:
    """Permission and a disk mounted read-only are told apart."""
    check = judge_folder(Path("state"), folder)

    assert check.result is Result.FAULT
    assert word in check.finding
    assert check.fix


@pytest.mark.parametrize(
    ("free_mb", "result"),
    [
        (FULL_BELOW_MB - 1, Result.FAULT),
        (FULL_BELOW_MB, Result.WARNING),
        (TIGHT_BELOW_MB - 1, Result.WARNING),
        (TIGHT_BELOW_MB, Result.OK),
    ],
)
def test_the_room_left_is_judged_by_its_limits(free_mb: int, result: Result) -> None:
    """Little room warns, hardly any is a fault."""
    assert judge_free_mb(free_mb).result is result


def test_the_room_of_a_folder_to_come_is_that_of_its_parent(tmp_path: Path) -> None:
    """Before the first run there is a disk already."""
    assert probe_free_mb(tmp_path / "not" / "yet") == pytest.approx(probe_free_mb(tmp_path), abs=50)
