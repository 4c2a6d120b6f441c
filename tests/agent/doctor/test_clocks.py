"""The kernel's clock, the ledger and the machine's time."""

from pathlib import Path

import pytest

from agent.doctor.check import Result
from agent.doctor.clocks import (
    check_kernel,
    check_ledger,
    check_system,
    judge_believed,
    judge_driven,
    judge_kernel,
    judge_system,
    judge_unstarted,
)
from agent.doctor.guard import guard
from agent.doctor.reading import open_database
from agent.pieces import BelievedTime
from shared.clock import DrivenClock
from shared.units import MS_PER_HOUR
from tests.support.hubs import START_MS, TIMED, config_in, log_with

BOOT = "first-boot"


@pytest.mark.parametrize(
    ("error_ms", "result"), [(None, Result.WARNING), (5, Result.OK), (9_000, Result.WARNING)]
)
def test_the_kernels_word_is_passed_on(error_ms: int | None, result: Result) -> None:
    """Not kept, kept well, kept badly; the fix turns NTP on."""
    check = judge_kernel(error_ms)

    assert check.result is result
    assert ("timedatectl" in check.fix) is (result is Result.WARNING)


def test_this_machines_kernel_can_be_asked() -> None:
    """Whatever it says, it is a finding."""
    assert guard("kernel clock", check_kernel).name == "kernel clock"


@pytest.mark.parametrize(
    ("believed", "result"),
    [
        (None, Result.WARNING),
        (BelievedTime(START_MS, 40, "ntp"), Result.OK),
        (BelievedTime(START_MS, 2_001, "cloud"), Result.WARNING),
    ],
)
def test_the_ledgers_uncertainty_is_judged(believed: BelievedTime | None, result: Result) -> None:
    """Two seconds are what framing needs."""
    assert judge_believed(believed).result is result


def test_the_ledger_is_read_for_this_boot(tmp_path: Path) -> None:
    """The boot that the machine is in now is the one that counts."""
    config = config_in(tmp_path)
    log, _ = log_with(config.database_path, 0)
    log.boot_number(BOOT)
    log.add_clock_piece(TIMED)

    with open_database(config.database_path) as connection:
        known = check_ledger(connection, config, DrivenClock(1_000, BOOT))
        unknown = check_ledger(connection, config, DrivenClock(1_000, "second-boot"))
    log.close()

    assert known.result is Result.OK
    assert "from ntp" in known.finding
    assert unknown.result is Result.WARNING
    assert "has not run since" in unknown.finding


def test_a_ledger_without_pieces_is_told() -> None:
    """A hub that never ran, and a replay that has not begun."""
    assert judge_unstarted(None).result is Result.WARNING
    assert judge_driven(None).result is Result.WARNING
    assert judge_driven(TIMED).result is Result.OK


@pytest.mark.parametrize(
    ("now_ms", "newest_ms", "believed", "result"),
    [
        (START_MS, START_MS - 1, None, Result.OK),
        (START_MS, None, None, Result.OK),
        (1_000, None, None, Result.FAULT),
        (START_MS, START_MS + MS_PER_HOUR, None, Result.FAULT),
        (START_MS, START_MS, BelievedTime(START_MS + 60_000, 50, "cloud"), Result.WARNING),
        (START_MS, START_MS, BelievedTime(START_MS + 100, 50, "ntp"), Result.OK),
    ],
)
def test_the_machines_clock_is_held_against_what_is_known(
    now_ms: int, newest_ms: int | None, believed: BelievedTime | None, result: Result
) -> None:
    """Never set, behind a known time, off what the ledger believes."""
    assert judge_system(now_ms, newest_ms, believed).result is result


def test_a_clock_behind_the_newest_sample_is_a_fault(tmp_path: Path) -> None:
    """A machine that wakes in the past is found out by its own log."""
    config = config_in(tmp_path)
    log, _ = log_with(config.database_path, 60)
    log.boot_number(BOOT)
    log.add_clock_piece(TIMED)

    with open_database(config.database_path) as connection:
        check = check_system(connection, config, DrivenClock(START_MS - MS_PER_HOUR, "later"))
    log.close()

    assert check.result is Result.FAULT
    assert "1 h 10 min behind" in check.finding


def test_a_replays_clock_is_not_held_against_the_machines(tmp_path: Path) -> None:
    """Its time is the meter's."""
    config = config_in(tmp_path, hub_clock="meter")
    log, _ = log_with(config.database_path, 0)
    log.boot_number(BOOT)
    log.add_clock_piece(TIMED)

    with open_database(config.database_path) as connection:
        checks = [
            check(connection, config, DrivenClock(1_000)) for check in (check_ledger, check_system)
        ]
    log.close()

    assert [check.result for check in checks] == [Result.OK, Result.OK]
