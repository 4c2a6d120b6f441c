"""The trial: a program that works for a while stays, one that does not goes back."""

import asyncio
from pathlib import Path

import pytest

from agent.update.slots import CONFIRMED, FAILED, Trial
from agent.update.trial import TrialWatch
from tests.support.artefacts import SlotsAs, fill_slot, first_slot


@pytest.fixture
def slots(tmp_path: Path) -> SlotsAs:
    """A hub that runs 1.1.0 from slot b, on trial."""
    made = first_slot(tmp_path, "1.0.0")
    fill_slot(made, "b", "1.1.0")
    made.try_out(Trial("b", "a", "1.1.0", "job/1"))
    made.runs = "b"
    return made


def watch(slots: SlotsAs, faults: list[list[str]], restarts: list[str]) -> None:
    """Watch a program that has these faults, one list after another, the last one staying."""

    async def find(_: Trial) -> list[str]:
        return faults.pop(0) if len(faults) > 1 else faults[0]

    looking = TrialWatch(
        slots, find, restarts.append, trial_s=0.3, healthy_for_s=0.05, look_every_s=0.01
    )
    asyncio.run(looking.run())


def test_a_sound_program_is_confirmed(slots: SlotsAs) -> None:
    """Faults at the beginning are a start; after them it has to be sound for a while."""
    restarts: list[str] = []

    watch(slots, [["no commit yet"], ["no commit yet"], []], restarts)

    trial = slots.trial()
    assert trial is not None
    assert (trial.outcome, slots.current, restarts) == (CONFIRMED, "b", [])


def test_a_program_that_stays_unsound_goes_back_by_itself(slots: SlotsAs) -> None:
    """The slot before is named, the reason written down, and the hub started anew."""
    restarts: list[str] = []

    watch(slots, [["the page does not answer", "no meter is understood"]], restarts)

    trial = slots.trial()
    assert trial is not None
    assert (trial.outcome, slots.current, len(restarts)) == (FAILED, "a", 1)
    assert "the page does not answer; no meter is understood" in trial.reason


def test_a_program_that_is_not_on_trial_is_left_alone(slots: SlotsAs) -> None:
    """It runs from the other slot, or the trial has ended."""
    slots.runs = "a"
    restarts: list[str] = []

    watch(slots, [["everything is wrong"]], restarts)

    trial = slots.trial()
    assert trial is not None
    assert (trial.outcome, restarts) == ("", [])
