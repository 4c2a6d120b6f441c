"""Clocks: the machine's own, and one that stands where it was told."""

from pathlib import Path

import pytest

from shared import clock
from shared.clock import Clock, DrivenClock, SystemClock


def test_two_system_clocks_are_of_one_boot() -> None:
    """Times of two processes of one boot may be compared."""
    assert SystemClock().boot_id == SystemClock().boot_id


def test_without_a_boot_id_each_process_is_its_own(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Where the kernel does not tell, nothing is compared with another process."""
    monkeypatch.setattr(clock, "BOOT_ID_PATH", tmp_path / "absent")

    assert SystemClock().boot_id.startswith("process-")


def test_a_driven_clock_never_goes_back() -> None:
    """An earlier time is ignored."""
    driven: Clock = (told := DrivenClock(1_000))

    told.advance_to(3_000)
    told.advance_to(2_000)

    assert driven.utc_ms() == driven.monotonic_ms() == 3_000


def test_each_driven_clock_is_a_boot_of_its_own() -> None:
    """Unless it is told which one it goes on with."""
    assert DrivenClock(0).boot_id != SystemClock().boot_id
    assert DrivenClock(0).boot_id.startswith("driven-")
    assert DrivenClock(0, "boot-7").boot_id == "boot-7"
