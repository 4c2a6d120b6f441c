"""What the log holds, what waits for the cloud, what the cloud refused."""

import ast
import sqlite3
from pathlib import Path

import pytest

import cloud
import shared
from agent.config import Config
from agent.doctor.check import Result
from agent.doctor.contents import (
    REFUSALS,
    Waiting,
    check_backlog,
    check_log,
    check_refused,
    judge_backlog,
    judge_refused,
    ordinary_wait_ms,
)
from agent.doctor.reading import open_database
from agent.records import Batch
from shared.clock import DrivenClock
from shared.consent import Granularity
from shared.units import MS_PER_HOUR
from tests.support.hubs import START_MS, TIMED, config_in, log_with

HOUR_LATER = DrivenClock(START_MS + MS_PER_HOUR)
CLOUD = {
    "uplink_host": "localhost",
    "uplink_ca_file": "ca.crt",
    "uplink_certificate_file": "hub.crt",
    "uplink_key_file": "hub.key",
}


def config_with_cloud(folder: Path, **settings: object) -> Config:
    """A configuration of a hub that has a cloud."""
    return config_in(folder, **CLOUD, **settings)


def test_the_logs_size_and_age_are_told(tmp_path: Path) -> None:
    """Samples, meters, megabytes, and how far back it reaches."""
    log, _ = log_with(tmp_path / "hub.sqlite", 60)
    log.boot_number("boot")
    log.add_clock_piece(TIMED)

    with open_database(tmp_path / "hub.sqlite") as connection:
        check = check_log(connection, config_in(tmp_path), HOUR_LATER)
    log.close()

    assert check.result is Result.OK
    assert check.finding.startswith("60 samples of 1 meter, ")
    assert "the oldest 59 min old" in check.finding


def test_an_empty_log_is_a_warning(tmp_path: Path) -> None:
    """A hub that logs nothing is of no use, and the meter is where to look."""
    log_with(tmp_path / "hub.sqlite", 0)[0].close()

    with open_database(tmp_path / "hub.sqlite") as connection:
        check = check_log(connection, config_in(tmp_path), HOUR_LATER)

    assert check.result is Result.WARNING
    assert "meter link" in check.fix


def test_backlog_is_what_neither_receipt_nor_refusal_names(tmp_path: Path) -> None:
    """Refused ranges are a check of their own."""
    log, meter_log = log_with(tmp_path / "hub.sqlite", 60)
    log.boot_number("boot")
    log.add_clock_piece(TIMED)
    log.commit(Batch(stored={meter_log.log: [(1, 40, 0)]}))
    log.hold(meter_log.log, 41, 50, "conflict")

    with open_database(tmp_path / "hub.sqlite") as connection:
        check = check_backlog(connection, config_with_cloud(tmp_path), HOUR_LATER)
    log.close()

    assert check.finding.startswith("10 samples not stored yet, the oldest 51 min old")


@pytest.mark.parametrize(
    ("waiting", "result"),
    [
        (Waiting(0, None), Result.OK),
        (Waiting(5, 60_000), Result.OK),
        (Waiting(5, 12 * MS_PER_HOUR), Result.WARNING),
        (Waiting(5, None), Result.WARNING),
    ],
)
def test_only_what_waits_too_long_is_a_warning(
    tmp_path: Path, waiting: Waiting, result: Result
) -> None:
    """The steady flow always has something under way; nothing of it is ever a fault."""
    check = judge_backlog(config_with_cloud(tmp_path), Granularity.HALF_HOURLY, waiting)

    assert check.result is result


def test_a_backlog_that_is_being_sent_says_how_long_yet(tmp_path: Path) -> None:
    """A hub that catches up needs nothing done to it, however far behind it is."""
    waiting = Waiting(103_680, 12 * 24 * MS_PER_HOUR, 9 * 60_000)

    check = judge_backlog(config_with_cloud(tmp_path), Granularity.TEN_SECONDS, waiting)

    assert check.result is Result.OK
    assert "the oldest 12 days old: being sent, 9 min left" in check.finding


def test_daily_consent_lets_samples_wait_a_day(tmp_path: Path) -> None:
    """A day's opening and closing leave after it has ended."""
    config = config_with_cloud(tmp_path)

    daily_ms = ordinary_wait_ms(config, Granularity.DAILY)
    half_hourly_ms = ordinary_wait_ms(config, Granularity.HALF_HOURLY)

    assert daily_ms - half_hourly_ms > 24 * MS_PER_HOUR


def test_a_hub_without_a_cloud_has_no_backlog(tmp_path: Path) -> None:
    """It keeps what it holds."""
    check = judge_backlog(config_in(tmp_path), Granularity.NONE, Waiting(7, 1))

    assert check.result is Result.ABSENT
    assert "7 samples kept here" in check.finding


def test_refused_ranges_are_a_fault_with_their_codes(tmp_path: Path) -> None:
    """Each code is counted, explained, and has its fix."""
    log, meter_log = log_with(tmp_path / "hub.sqlite", 60)
    log.hold(meter_log.log, 1, 10, "conflict")
    log.hold(meter_log.log, 20, 20, "of-tomorrow")

    with open_database(tmp_path / "hub.sqlite") as connection:
        check = check_refused(connection)
    log.close()

    assert check.result is Result.FAULT
    assert "10 samples refused as conflict" in check.finding
    assert "1 sample refused as of-tomorrow" in check.finding
    assert "second hub" in check.fix


def test_nothing_refused_is_ok() -> None:
    """The ordinary state."""
    assert judge_refused({}).result is Result.OK


def test_what_came_too_late_for_good_is_no_fault() -> None:
    """What the cloud stored stays, and there is nothing to mend."""
    check = judge_refused({"too-late": 10})

    assert check.result is Result.WARNING
    assert "13 months" in check.finding
    assert judge_refused({"too-late": 10, "bad-time": 1}).result is Result.FAULT


def code_of(node: ast.AST) -> set[str]:
    """Find the code that a piece of source gives a FrameError, if it is that."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args:
        first = node.args[0]
        if node.func.id == "FrameError" and isinstance(first, ast.Constant):
            return {str(first.value)}
    return set()


def test_every_rejection_code_has_words() -> None:
    """A code that any package gives a frame is explained here."""
    codes = set()
    for package in (cloud, shared):
        for source in Path(package.__path__[0]).rglob("*.py"):
            for node in ast.walk(ast.parse(source.read_text())):
                codes |= code_of(node)

    assert codes
    assert codes <= REFUSALS.keys()


def test_a_table_that_is_gone_raises_a_database_error(tmp_path: Path) -> None:
    """The guard around every check makes a finding of it."""
    with sqlite3.connect(":memory:") as connection, pytest.raises(sqlite3.Error):
        check_refused(connection)
    connection.close()
