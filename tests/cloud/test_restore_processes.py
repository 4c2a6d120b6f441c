"""The cloud put back from an old backup under real processes: broker, workers, hub and meter."""

import os
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from tests.support.way import COMMAND, Way

pytestmark = pytest.mark.slow
HUB = "hub-1"
END_MS = 1_772_323_200_000
"""2026-03-01T00:00:00Z, where the meter's history ends and its live telegrams begin."""


def _care(way: Way, *words: str) -> None:
    """Run one of the cloud's commands on the way's database."""
    subprocess.run(
        [COMMAND, "cloud", *words],
        env={**os.environ, "HEARTHLINK_CLOUD_STATE_DIR": str(way.folder / "cloud")},
        check=True,
        timeout=60,
        capture_output=True,
    )


def test_hub_brings_back_what_the_backup_lacks(tmp_path: Path) -> None:
    """Nobody is stopped for it: the next receipt names another store, and all is offered again."""
    with Way(tmp_path, workers=2) as way:
        way.start(
            "meter",
            "simulate",
            f"--link=pty:{tmp_path / 'meter'}",
            "--history-days=1",
            f"--now-ms={END_MS}",
        )
        way.until((tmp_path / "meter").exists, "the meter's port is there")
        way.start_hub(HUB, str(tmp_path / "meter"))
        way.until(lambda: way.count_stored(HUB) > 1_000, "the backlog begins to arrive")
        _care(way, "backup", str(tmp_path / "old.db"))
        in_backup = way.count_stored(HUB)
        way.until(lambda: "live:" in (tmp_path / "meter.log").read_text(), "the history is played")
        way.until(lambda: way.count_stored(HUB) > in_backup, "more is stored than the backup has")

        _care(way, "restore", str(tmp_path / "old.db"))
        way.until(lambda: way.is_all_stored(HUB), "everything committed is stored again")
        assert way.stop("meter") == 0
        assert way.stop(HUB) == 0
        way.until(lambda: way.is_all_stored(HUB), "the last of it too")

        copies = Counter((one["log_id"], one["seq"]) for one in way.stored_samples())
        assert max(copies.values()) == 1
        assert len(copies) == sum(last - first + 1 for first, last in way.held(HUB).values())
