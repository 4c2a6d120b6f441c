"""The card's wear in words."""

from pathlib import Path

import pytest

from agent.disk import DiskCounter
from agent.doctor import wear as wear_module
from agent.doctor.check import Result
from agent.doctor.reading import open_database
from agent.doctor.wear import FIX, check_wear, judge_wear
from agent.vitals import FACT, Vitals, decode_note
from agent.wear import Wear
from shared.units import MS_PER_DAY, MS_PER_HOUR
from tests.support.clocks import StillClock
from tests.support.hubs import config_in, log_with

MB = 1_000_000


def wear_of(megabytes_a_day: float, days: int = 4) -> Wear:
    written = int(megabytes_a_day * MB) * days
    return Wear("mmcblk0", "", "a", 0, 0, written, written, days * MS_PER_DAY)


@pytest.mark.parametrize(
    ("megabytes_a_day", "words", "result"),
    [
        (18.25, "18.2 MB a day to mmcblk0", Result.OK),
        (18.25, "lasts more than 50 years", Result.OK),
        (600, "lasts about 23 years", Result.OK),
        (12_000, "lasts about 413 days", Result.WARNING),
        (2_000_000, "lasts about 0 days", Result.WARNING),
        (0, "nothing wears it", Result.OK),
    ],
)
def test_the_finding_says_rate_and_life(megabytes_a_day: float, words: str, result: Result) -> None:
    """A card that lasts less than two years is a warning, with what to do."""
    check = judge_wear(wear_of(megabytes_a_day), 5)

    assert words in check.finding
    assert check.result is result
    assert check.fix == (FIX if result is Result.WARNING else "")


def test_it_says_whose_writes_they_are() -> None:
    """The whole device is counted, not this program: nobody shall think the hub wrote it all."""
    assert "by all programs of this machine" in judge_wear(wear_of(20), 5).finding
    assert "if it takes 5 TB" in judge_wear(wear_of(20), 5).finding


def test_before_an_hour_has_passed_nothing_is_said() -> None:
    """The rate of switching on is nobody's rate."""
    check = judge_wear(Wear("sda", "", "a", 0, 0, MB, MB, MS_PER_HOUR - 1), 5)

    assert check.result is Result.OK
    assert "not known" in check.finding


def test_the_note_of_the_hub_is_gone_on_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Doctor adds what was written since, and changes nothing."""
    config = config_in(tmp_path)
    log, _ = log_with(config.database_path, 0)
    clock = StillClock("a")
    clock.monotonic = 6 * MS_PER_HOUR
    written = [DiskCounter("sda", "", 6 * MB), DiskCounter("sda", "", 24 * MB)]
    for name, value in Vitals(log, clock, lambda: written[0]).due().items():
        log.put_fact(name, value)
    clock.monotonic = 12 * MS_PER_HOUR
    monkeypatch.setattr(wear_module, "read_counter", lambda _folder: written[1])

    with open_database(config.database_path) as connection:
        check = check_wear(connection, config, clock)

    assert check.finding.startswith("48.0 MB a day to sda")
    note = decode_note(log.fact(FACT))
    assert note.wear is not None
    assert note.wear.written_bytes == 6 * MB
    log.close()


def test_a_folder_on_no_disk_is_not_set_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In memory nothing wears."""
    config = config_in(tmp_path)
    log_with(config.database_path, 0)[0].close()
    monkeypatch.setattr(wear_module, "read_counter", lambda _folder: None)

    with open_database(config.database_path) as connection:
        check = check_wear(connection, config, StillClock())

    assert check.result is Result.ABSENT
