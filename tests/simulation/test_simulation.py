"""Thousands of fault schedules on virtual time: nothing is lost, doubled, altered or let out."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.simulation import __main__ as command
from tests.simulation.play import Outcome, Theatre
from tests.simulation.schedule import KINDS, plan_of
from tests.soak.record import next_seed

ROOT = Path(__file__).parents[2]
SCHEDULES = 5_000
PATIENCE_S = 600
"""It takes a minute and a half on two idle cores; the tests of a busy machine take turns."""


def test_a_seed_plays_the_same_every_time() -> None:
    """Whatever ran before in the process: a failing seed reproduces."""
    with Theatre() as theatre:
        first = theatre.play(plan_of(7))
        theatre.play(plan_of(8))
        again = theatre.play(plan_of(7))

    assert again == first
    assert first.samples > 0


def test_a_run_finds_nothing_of_the_one_before() -> None:
    """Its store is as one that was just made: no row is left, nor a count of rows, nor a name."""
    upgraded = next(seed for seed in range(100) if "upgrade-cloud" in _kinds(seed))
    with Theatre() as theatre:
        new = theatre.dump()
        found = []
        for seed in (7, upgraded, 8):
            theatre.play(plan_of(seed))
            assert theatre.dump() != new
            theatre.empty()
            found.append(theatre.dump())

    assert found == [new] * 3


def test_schedules_draw_every_fault() -> None:
    """No kind of fault is left out of the first thousand seeds."""
    drawn = set().union(*map(_kinds, range(1_000)))

    assert drawn == set(KINDS)


def _kinds(seed: int) -> set[str]:
    return {fault.kind for fault in plan_of(seed).faults}


@pytest.mark.parametrize("violations", [[], ["lost"]])
def test_only_schedules_that_all_hold_are_recorded(
    violations: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What one of them shows is mended first, and the same seeds are played again."""
    record = tmp_path / "record.json"
    outcomes = [Outcome(0), Outcome(1, violations)]
    monkeypatch.setattr(command, "play_many", lambda _seeds, _jobs: [outcomes])
    monkeypatch.setattr(sys, "argv", ["simulation", "--count=2", f"--record={record}"])

    status = command.main()

    assert status == len(violations)
    assert next_seed(record, "simulation") == (0 if violations else 2)


@pytest.mark.slow
def test_thousands_of_schedules_violate_nothing() -> None:
    """The short form; `python -m tests.simulation --count 200000` is the long one."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.simulation", "--count", str(SCHEDULES)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["schedules"] == SCHEDULES
