"""A hub's process killed with SIGKILL while it joins, renews or updates: no hub is ever lost.

The short form; `make soak` kills two hundred of each and more.
"""

from pathlib import Path

import pytest

from tests.support.hub_kills import kill_identities
from tests.support.update_kills import kill_updates

KILLS = 10

pytestmark = pytest.mark.slow


def test_joining_and_renewing_survive_kill_9(tmp_path: Path) -> None:
    """On a real broker and API: every hub has one whole identity that the cloud knows as its."""
    joining, renewing = kill_identities(tmp_path, KILLS, seed=7)

    assert min(joining.kills, renewing.kills) >= KILLS
    assert joining.is_sound, joining.faults
    assert renewing.is_sound, renewing.faults


def test_updating_survives_kill_9(tmp_path: Path) -> None:
    """The real starter starts a whole program after each kill, and each update comes to its end."""
    toll = kill_updates(tmp_path, KILLS, seed=7)

    assert toll.kills == KILLS
    assert toll.is_sound, toll.faults
