"""The record of long runs adds up."""

import json
from pathlib import Path

import pytest

from tests.soak import record as recording
from tests.soak.record import add_run, main, next_seed


def test_runs_add_up_and_their_seeds_are_one_list(tmp_path: Path) -> None:
    """Totals are summed over all runs, the longest is kept, seeds are merged."""
    record = tmp_path / "soak.json"

    add_run(record, "simulation", {"schedules": 10, "longest_s": 3}, [(0, 9)])
    add_run(record, "simulation", {"schedules": 5, "longest_s": 2}, [(10, 14)])
    add_run(record, "torture", {"faults": 500}, [(7, 7)])

    told = json.loads(record.read_text())
    assert told["simulation"] == {
        "runs": 2,
        "schedules": 15,
        "longest_s": 3,
        "seeds": [[0, 14]],
    }
    assert told["torture"]["faults"] == 500


def test_next_seed_is_after_all_that_were_run(tmp_path: Path) -> None:
    """Also where ranges were left out before it."""
    record = tmp_path / "soak.json"

    assert next_seed(record, "simulation") == 0
    add_run(record, "simulation", {"schedules": 10}, [(0, 9)])
    add_run(record, "simulation", {"schedules": 10}, [(100, 109)])

    assert next_seed(record, "simulation") == 110
    assert next_seed(record, "torture") == 0


def test_what_is_not_known_is_refused() -> None:
    """By a status of its own."""
    assert main(["patience"]) == 2


def test_interrupted_updates_of_panels_are_added(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two runs of a few, with seeds that follow each other; nothing bricked."""
    monkeypatch.setattr(recording, "RECORD", tmp_path / "soak.json")

    assert main(["panels", "3"]) == 0
    assert main(["panels", "2"]) == 0

    told = json.loads((tmp_path / "soak.json").read_text())["panel_updates"]
    assert (told["runs"], told["updates"], told["seeds"]) == (2, 5, [[0, 4]])
    assert told["interruptions"] >= 5
    assert (told["bricked"], told["unfinished"]) == (0, 0)
