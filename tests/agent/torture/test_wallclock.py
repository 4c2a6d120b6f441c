"""A process's wall clock jumps while those that count from the boot go on, where that is there."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from agent.torture import wallclock
from agent.torture.cast import CLOCK_JUMP, Cast
from agent.torture.wallclock import WallClock, find_faketime

DAY_S = 86_400
SLACK_S = 60
CLOCKS = (
    "import time; print(time.time(), time.monotonic(), time.clock_gettime(time.CLOCK_BOOTTIME))"
)


@pytest.fixture(autouse=True)
def _no_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wallclock, "KEPT_S", 0)


def test_a_wall_clock_jumps_alone(tmp_path: Path) -> None:
    """The other clocks are the machine's; where the library is missing that is said instead."""
    library = find_faketime()
    if library is None:
        assert CLOCK_JUMP in Cast(tmp_path, 1, 1).lacking()
        return
    clock = WallClock(library, tmp_path / "clock")

    clock.jump(-DAY_S)
    told = subprocess.run(
        [sys.executable, "-c", CLOCKS],
        env=clock.environment,
        capture_output=True,
        text=True,
        check=True,
    )

    wall_s, monotonic_s, boot_s = map(float, told.stdout.split())
    assert abs(time.time() - DAY_S - wall_s) < SLACK_S
    assert abs(time.monotonic() - monotonic_s) < SLACK_S
    assert abs(time.clock_gettime(time.CLOCK_BOOTTIME) - boot_s) < SLACK_S


def test_the_library_is_found_where_distributions_have_it(tmp_path: Path) -> None:
    """Beside the libraries, or in the folder of a machine's kind."""
    assert find_faketime([str(tmp_path)]) is None

    library = tmp_path / "x86_64-linux-gnu" / "faketime" / wallclock.LIBRARY
    library.parent.mkdir(parents=True)
    library.touch()

    assert find_faketime([str(tmp_path)]) == library
