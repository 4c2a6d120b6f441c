"""A power cut after any write costs nothing acknowledged; `tests.faults.soak` cuts more often."""

from pathlib import Path

import pytest

from tests.support.kills import kill_often
from tests.support.power_cuts import DISKS, cut_everywhere, record

STEPS = 120
EVERY = 4
KILLS = 12


@pytest.mark.parametrize("seed", [1, 2])
def test_what_was_acknowledged_survives_a_cut_after_any_write(seed: int) -> None:
    """Commits, seals, frees, thinning, new ids and checkpoints: none lost, altered or halved."""
    life = record(seed, STEPS)

    verdict = cut_everywhere(life, seed, every=EVERY)

    assert verdict.cuts > len(life.recording) // EVERY - 1
    assert {"commit", "seal", "free"} <= life.counts.keys()
    assert verdict.is_sound(), verdict.faults


def test_the_first_writes_of_a_database_survive_every_kind_of_disk() -> None:
    """Cut while the file is being made, it is made anew; nothing of a half is left."""
    life = record(3, 4)

    verdict = cut_everywhere(life, 3, disks=len(DISKS))

    assert verdict.is_sound(), verdict.faults


def test_the_cuts_find_out_a_log_that_does_not_wait_for_the_disk() -> None:
    """With synchronous=NORMAL rows are lost, so the suite would see it if FULL were given up."""
    life = record(1, STEPS, "NORMAL")

    verdict = cut_everywhere(life, 1, every=EVERY)

    assert verdict.lost > 0
    assert verdict.faults


@pytest.mark.slow
def test_everything_acknowledged_survives_kill_9(tmp_path: Path) -> None:
    """A process that appends and seals is killed a dozen times: what it printed is there, once."""
    toll = kill_often(tmp_path / "hub.sqlite", KILLS, seed=3)

    assert toll.acknowledged > 0
    assert (toll.kills, toll.lost, toll.doubled, toll.renewed) == (KILLS, 0, 0, 0)
