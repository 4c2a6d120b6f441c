"""The starter: it always finds a program to start, and counts out one that proves nothing."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from agent.update import starter
from agent.update.slots import FAILED, Trial
from tests.support.artefacts import SlotsAs, fill_slot, first_slot, packages_in

STARTER = Path(starter.__file__)


@pytest.fixture
def slots(tmp_path: Path) -> SlotsAs:
    """A hub with version 1.0.0 in slot a, and 1.1.0 in slot b on trial."""
    made = first_slot(tmp_path / "slots", "1.0.0")
    fill_slot(made, "b", "1.1.0")
    made.try_out(Trial("b", "a", "1.1.0", "job/1"))
    return made


def test_it_stands_alone() -> None:
    """Nothing of ours is imported: what guards the slots must not come with one."""
    tree = ast.parse(STARTER.read_text())

    imported = {
        name.split(".")[0]
        for node in ast.walk(tree)
        for name in (
            [one.name for one in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }

    assert imported <= sys.stdlib_module_names


def test_three_starts_are_given_and_the_fourth_goes_back(slots: SlotsAs) -> None:
    """A program on trial that never proves itself is left for the one before, with the reason."""
    started = [starter.choose(slots.folder) for _ in range(5)]

    trial = slots.trial()
    assert started == ["b", "b", "b", "a", "a"]
    assert trial is not None
    assert (trial.outcome, slots.current) == (FAILED, "a")
    assert "3 times" in trial.reason


def test_a_program_that_proved_itself_is_started_for_ever(slots: SlotsAs) -> None:
    """After the trial nothing is counted any more."""
    trial = slots.trial()
    assert trial is not None
    slots.confirm(trial)

    assert [starter.choose(slots.folder) for _ in range(6)] == ["b"] * 6


def test_a_way_back_that_was_cut_off_is_gone_to_its_end(slots: SlotsAs) -> None:
    """The verdict was written, `current` not yet changed."""
    trial = slots.trial()
    assert trial is not None
    starter.write(
        slots.folder / "trial.json",
        {"slot": "b", "previous": "a", "version": "1.1.0", "job": "", "outcome": "failed"},
    )

    assert starter.choose(slots.folder) == "a"
    assert slots.current == "a"


def test_a_trial_that_was_not_begun_counts_nothing(slots: SlotsAs) -> None:
    """The trial was written, `current` still names the program before."""
    starter.point(slots.folder, "a")

    assert starter.choose(slots.folder) == "a"
    trial = slots.trial()
    assert trial is not None
    assert trial.starts == 0


@pytest.mark.parametrize("content", ["", "{", "[]", '{"starts": "x", "slot": "b"}', "\x00" * 40])
def test_a_spoilt_trial_keeps_nothing_from_starting(slots: SlotsAs, content: str) -> None:
    """A file of zeros, as a dying card leaves it, counts as none."""
    (slots.folder / "trial.json").write_text(content)

    assert starter.choose(slots.folder) == "b"


def test_without_current_whatever_is_whole_is_started(slots: SlotsAs) -> None:
    """A lost link, or a slot without its manifest, is no reason to stay down."""
    (slots.folder / "current").unlink()
    (slots.folder / "a" / "slot.json").unlink()

    assert starter.choose(slots.folder) == "b"


def test_a_disk_that_takes_no_writes_keeps_nothing_from_starting(
    slots: SlotsAs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The start is not counted, and said to be so."""

    def refuse(*_: object) -> None:
        raise OSError(30, "read-only file system")

    monkeypatch.setattr(starter, "write", refuse)

    assert starter.choose(slots.folder) == "b"


def test_there_is_nothing_to_start(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Empty slots are a matter for a person."""
    status = starter.main(["--slots", str(tmp_path), "run"])

    assert status == 2
    assert "no slot" in capsys.readouterr().err


def test_the_program_of_the_slot_is_what_runs(tmp_path: Path) -> None:
    """A real process: its packages come from the slot, and it knows how it was started."""
    slots = first_slot(tmp_path / "slots", "1.0.0")
    site = slots.folder / "a" / "site"
    (site / "shared" / "cli.py").write_text(
        "import json, os, sys, shared\n"
        "def main():\n"
        "    said = {k: os.environ[k] for k in os.environ if k.startswith('HEARTHLINK')}\n"
        "    print(json.dumps([shared.__path__[0], sys.argv[1:], said, sys.path]))\n"
    )
    (site / "shared" / "__init__.py").write_text("")
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}

    answer = subprocess.run(
        [sys.executable, STARTER, "--slots", slots.folder, "run", "--config", "x.toml"],
        capture_output=True,
        check=True,
        cwd=packages_in(tmp_path / "elsewhere", "9.9.9"),
        env=environment,
        timeout=30,
    )

    where, arguments, said, path = json.loads(answer.stdout)
    assert where == str(site / "shared")
    assert arguments == ["run", "--config", "x.toml"]
    assert said["HEARTHLINK_UPDATE_SLOTS_DIR"] == str(slots.folder)
    again = json.loads(said["HEARTHLINK_STARTED_BY"])
    assert again[1:4] == [str(STARTER), "--slots", str(slots.folder)]
    assert again[4:] == ["run", "--config", "x.toml"]
    assert str(tmp_path / "elsewhere") not in path
