"""The slots' folder: what it says, and that nothing has its name before it is durable."""

from pathlib import Path

import pytest

import agent
from agent.update.slots import CONFIRMED, FAILED, Slots, Trial
from shared.errors import BadInputError, RetryableError
from tests.support.artefacts import fill_slot, first_slot

TRIAL = Trial("b", "a", "1.1.0", "job/1", was_answered=True, was_heard=True)


def test_a_slot_gets_its_name_after_it_is_durable(tmp_path: Path) -> None:
    """What is unpacked is settled first; the name is the promise that all of it is there."""
    seen: list[bool] = []
    slots = Slots(tmp_path, settle=lambda: seen.append((tmp_path / "b").exists()))
    fill_slot(slots, "a", "1.0.0")
    slots.adopt("a")
    unpacked = slots.begin()
    (unpacked / "site").mkdir()
    (unpacked / "slot.json").write_text("{}")

    name = slots.install(unpacked)

    assert (name, seen) == ("b", [False])
    assert slots.is_usable("b")


def test_confirming_raises_the_floor(tmp_path: Path) -> None:
    """A program that proved itself is what nothing may be older than."""
    slots = first_slot(tmp_path, "1.0.0")
    slots.try_out(TRIAL)

    slots.confirm(TRIAL)

    trial = slots.trial()
    assert trial is not None
    assert (trial.outcome, slots.floor()) == (CONFIRMED, "1.1.0")


def test_giving_up_names_the_slot_before(tmp_path: Path) -> None:
    """The floor stays: a version that failed may come again, mended."""
    slots = first_slot(tmp_path, "1.0.0")
    fill_slot(slots, "b", "1.1.0")
    slots.try_out(TRIAL)

    slots.give_up(TRIAL, "the page does not answer")

    trial = slots.trial()
    assert trial is not None
    assert (trial.outcome, trial.reason) == (FAILED, "the page does not answer")
    assert (slots.current, slots.floor()) == ("a", "1.0.0")


def test_two_processes_do_not_update_at_once(tmp_path: Path) -> None:
    """The second is told to wait."""
    slots = Slots(tmp_path)

    with slots.held(), pytest.raises(RetryableError, match="in use"), Slots(tmp_path).held():
        pass


def test_where_the_program_runs_from_is_read_off_its_own_file(tmp_path: Path) -> None:
    """This test's program lies in no slot; one below a slot's folder does."""
    slots = Slots(tmp_path)

    assert slots.running(Path(agent.__file__)) == ""
    assert slots.running(tmp_path / "b" / "site" / "agent" / "__init__.py") == "b"
    assert Slots(tmp_path / "none").current == ""


def test_a_manifest_that_is_none_is_refused(tmp_path: Path) -> None:
    """Fields that are missing or unknown."""
    slots = first_slot(tmp_path, "1.0.0")
    (tmp_path / "a" / "slot.json").write_text('{"version": "1.0.0", "more": 1}')

    with pytest.raises(BadInputError, match=r"slot\.json"):
        slots.manifest("a")
