"""The hub's own process killed with SIGKILL in the middle of a job: it is done, and reported once.

The short form; `python -m tests.soak.record jobs 100` strikes at every change of the disk.
"""

from pathlib import Path

import pytest

from shared.jobs import Operation
from tests.support.job_kills import kill_jobs, struck

BECOMES_THE_NEXT = 4
CLOUD_HAS_BEEN_TOLD = 10
"""Changes of the disk of a job, the first of which is that it is noted down."""

pytestmark = pytest.mark.slow


def test_restart_and_diagnose_survive_kill_9(tmp_path: Path) -> None:
    """Killed on its way out, and when only the cloud knows: neither is lost or done again."""
    with struck(tmp_path) as hub:
        restarts = kill_jobs(hub, Operation.RESTART, (BECOMES_THE_NEXT,))
        looks = kill_jobs(hub, Operation.DIAGNOSE, (CLOUD_HAS_BEEN_TOLD,))

    assert (restarts.kills, looks.kills) == (1, 1)
    assert restarts.is_sound, restarts.faults
    assert looks.is_sound, looks.faults
