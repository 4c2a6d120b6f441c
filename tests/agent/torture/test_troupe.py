"""Processes are taken away and come again as they were started."""

import sys
from pathlib import Path

from agent.torture.troupe import Troupe

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]
FAIL = [sys.executable, "-c", "raise SystemExit(3)"]


def test_a_killed_process_comes_again(tmp_path: Path) -> None:
    """By the command it was started with; one that runs is not started twice."""
    troupe = Troupe(tmp_path)
    troupe.start("sleeper", SLEEP)

    troupe.kill("sleeper")
    gone = troupe.ended()
    troupe.again("sleeper")
    troupe.again("sleeper")

    assert gone == []
    assert troupe.ended() == []
    troupe.kill("sleeper")


def test_a_frozen_process_goes_on(tmp_path: Path) -> None:
    """Frozen it cannot end; what is not there is passed over."""
    troupe = Troupe(tmp_path)
    troupe.start("sleeper", SLEEP)

    troupe.freeze("sleeper")
    troupe.limit_files("sleeper", 4_096)
    troupe.limit_files("sleeper", None)
    troupe.resume("sleeper")
    troupe.resume("nobody")
    troupe.kill("nobody")

    troupe.stop("sleeper")
    assert troupe.ended() == []


def test_a_process_that_ends_by_itself_is_told(tmp_path: Path) -> None:
    """With its status."""
    troupe = Troupe(tmp_path)
    troupe.remember("failing", FAIL)

    troupe.again("failing")

    assert troupe.wait("failing", 20) == 3
