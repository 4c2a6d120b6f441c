"""The household's budget in the database."""

from pathlib import Path

import pytest

from agent.budget import FACT, BudgetFact
from agent.log import Log
from agent.status import read_home_inputs
from shared.errors import RetryableError
from tests.support.hubs import hub_in


def test_a_budget_is_kept_over_restarts(tmp_path: Path) -> None:
    """So is that it was taken back."""
    log = Log(tmp_path / "hub.sqlite")
    kept = []
    for millionths in (45_500_000, None):
        BudgetFact(log).set(millionths)
        kept.append(BudgetFact(log).millionths)
    log.close()

    assert kept == [45_500_000, None]


def test_a_budget_that_cannot_be_kept_is_refused(tmp_path: Path) -> None:
    """The old one holds on."""
    log = Log(tmp_path / "hub.sqlite")
    budget = BudgetFact(log)
    budget.set(1_000_000)
    log._db.execute("PRAGMA query_only = ON")

    with pytest.raises(RetryableError, match="could not be kept"):
        budget.set(2_000_000)
    assert budget.millionths == 1_000_000
    log.close()


@pytest.mark.parametrize("written", [b"x", b"0", b"-5", b"\xff"])
def test_a_spoilt_record_is_no_budget(tmp_path: Path, written: bytes) -> None:
    """The hub starts all the same."""
    log = Log(tmp_path / "hub.sqlite")
    log.put_fact(FACT, written)

    assert BudgetFact(log).millionths is None
    log.close()


def test_displays_are_given_it(tmp_path: Path) -> None:
    """From the hub's own state."""
    hub = hub_in(tmp_path)
    hub.budget.set(45_500_000)

    assert read_home_inputs(hub).budget_millionths == 45_500_000
    hub.log.close()
