"""Runs of registers are found again from the rows, as they were when these were heard."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.log import Log
from agent.records import Batch, RunChange
from agent.rows import LogRow
from agent.upkeep.reruns import find_runs
from shared.readings import Medium
from shared.units import MS_PER_MINUTE
from tests.support.hubs import METER

BEFORE_WRAP_MWH = 99_999_990_000
AFTER_WRAP_MWH = 3_000
MODULUS_MWH = 100_000_000_000
SET_BACK_MWH = 1


@pytest.fixture(name="log")
def _log(tmp_path: Path) -> Iterator[Log]:
    log = Log(tmp_path / "hub.sqlite")
    yield log
    log.close()


def write(log: Log, *values_mwh: int, changes: tuple[RunChange, ...] = ()) -> int:
    """Log a value a minute; return the number of the log."""
    meter_log = log.meter_log(METER, Medium.ELECTRICITY)
    rows = [
        (meter_log, LogRow(seq, 1, seq * MS_PER_MINUTE, None, None, {"import_mwh": value}, 0))
        for seq, value in enumerate(values_mwh, 1)
    ]
    log.boot_number("boot-1")
    log.commit(Batch(rows=rows, run_changes=list(changes)))
    return meter_log.log


def test_a_wrap_and_a_register_set_back_are_found_again(log: Log) -> None:
    """The wrap goes on in the first run, what was set back in one of its own."""
    values = (BEFORE_WRAP_MWH, AFTER_WRAP_MWH, AFTER_WRAP_MWH + 1_000, SET_BACK_MWH)
    number = write(log, *values)

    found = list(find_runs(log.committed))

    (entry,) = log.entries()
    assert found == [
        RunChange(number, "import_mwh", 2, "", MODULUS_MWH),
        RunChange(number, "import_mwh", 4, f"{entry.log_id.hex()}:4", 0),
    ]


def test_what_is_known_is_not_told_again(log: Log) -> None:
    """A change that came through is believed, and what follows is judged by it."""
    known = RunChange(1, "import_mwh", 2, "its-own", 0)
    number = write(log, 5_000_000, 1_000, 2_000, 0, changes=(known,))

    found = list(find_runs(log.committed))

    (entry,) = log.entries()
    assert number == known.log
    assert found == [RunChange(number, "import_mwh", 4, f"{entry.log_id.hex()}:4", 0)]


def test_a_register_that_only_rises_is_in_its_first_run(log: Log) -> None:
    """Nothing is told of it: a register with no row is in its first run."""
    write(log, 1_000, 2_000, 3_000)

    assert list(find_runs(log.committed)) == []
