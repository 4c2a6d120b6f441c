"""What the household chose, in words."""

import datetime as dt
from pathlib import Path

import pytest

from agent.consent import Consent
from agent.departures import LeftTotals
from agent.doctor.check import Result
from agent.doctor.guard import guard
from agent.doctor.household import (
    CONSENT_WORDS,
    check_tariff,
    judge_clone,
    judge_commit_window,
    judge_consent,
    judge_departures,
    judge_tariff,
)
from agent.doctor.reading import open_database, read_choice, read_consent
from agent.heard import Moment
from agent.log import Log
from agent.sharing import Sharing
from shared.clock import DrivenClock
from shared.consent import Granularity
from shared.protocol import ConsentLimit
from shared.readings import Medium
from shared.tariffs import Flat, Tariff, TariffVersion, encode_tariff
from tests.support.hubs import START_MS, config_in, log_with

CLOCK = DrivenClock(START_MS)


def tariff(starts_on: str) -> Tariff:
    """A flat tariff with one version."""
    version = TariffVersion("v1", dt.date.fromisoformat(starts_on), 500_000, 50, Flat(250_000))
    return Tariff("Plain", "GBP", [version])


def test_second_hub_with_this_identity_is_a_fault_for_a_day() -> None:
    """With when it was seen, and what to do."""
    seen = judge_clone(START_MS, START_MS + 3_600_000)

    assert seen.result is Result.FAULT
    assert "1 h ago" in seen.finding
    assert "wipe" in seen.fix
    assert judge_clone(START_MS, START_MS + 25 * 3_600_000).result is Result.OK
    assert judge_clone(0, START_MS).result is Result.OK


def test_consent_is_told_in_words_with_who_said_so(tmp_path: Path) -> None:
    """The household's newest choice wins over the configuration."""
    config = config_in(tmp_path)
    log = Log(config.database_path)
    log.write("INSERT INTO consent VALUES (?, ?)", (1, "live"))
    log.write("INSERT INTO consent VALUES (?, ?)", (2, "daily"))

    with open_database(config.database_path) as connection:
        check = judge_consent(read_choice(connection), config)
    log.close()

    assert check.result is Result.OK
    assert check.finding.startswith("daily: one reading a day")
    assert check.finding.endswith("(the household's choice)")


def test_a_lost_choice_is_a_warning_with_what_to_do(tmp_path: Path) -> None:
    """It is not the household that chose nothing: its record was lost."""
    check = judge_consent(Granularity.NONE, config_in(tmp_path), is_lost=True)

    assert check.result is Result.WARNING
    assert "what the household allowed was lost" in check.finding
    assert "choose on the hub's page" in check.fix


def test_without_a_choice_the_configuration_holds(tmp_path: Path) -> None:
    """The default is named as such."""
    check = judge_consent(None, config_in(tmp_path))

    assert check.finding.startswith("half-hourly: ")
    assert "consent.granularity" in check.finding


def test_a_limit_of_the_cloud_is_named_with_how_to_lift_it(tmp_path: Path) -> None:
    """What leaves is the narrower; what the household allowed is said beside it."""
    config = config_in(tmp_path)
    sharing = Sharing(
        Log(config.database_path), Consent([]), lambda: Moment(1, 0, START_MS), lambda: START_MS
    )
    sharing.choose("10s")
    sharing.take_limit(ConsentLimit("daily", 1))

    with open_database(config.database_path) as connection:
        consent = read_consent(connection, config)
        check = judge_consent(read_choice(connection), config, consent.limit)

    assert consent.now is Granularity.DAILY
    assert check.result is Result.WARNING
    assert check.finding.startswith("daily: one reading a day")
    assert "the cloud limits it; the household's choice is 10s" in check.finding
    assert "lifts the cloud's limit" in check.fix


def test_a_limit_wider_than_the_choice_is_not_worth_a_word(tmp_path: Path) -> None:
    """It changes nothing."""
    check = judge_consent(Granularity.DAILY, config_in(tmp_path), Granularity.LIVE)

    assert check.result is Result.OK
    assert "limits" not in check.finding


def test_departures_of_today_are_told() -> None:
    """With the command that lists every day."""
    check = judge_departures(LeftTotals(samples=96, live=0, withheld=8_544))

    assert check.finding == (
        "today 96 readings left, 8,544 were held back, 0 left live; "
        "hearthlink log sent lists every day"
    )


def test_live_without_consent_is_pointed_out(tmp_path: Path) -> None:
    """A setting that does nothing is a surprise worth a line."""
    check = judge_consent(None, config_in(tmp_path, uplink_live=True))

    assert check.result is Result.WARNING


def test_every_granularity_has_words() -> None:
    """None of the household's choices is left unexplained."""
    assert CONSENT_WORDS.keys() == set(Granularity)


@pytest.mark.parametrize(
    ("window_s", "words", "result"),
    [
        (60, "the last minute of detail, never energy", Result.OK),
        (10, "the last 10 s of detail, never energy", Result.OK),
        (0, "the last reading's detail, never energy", Result.WARNING),
    ],
)
def test_the_cost_of_a_power_cut_is_told(window_s: float, words: str, result: Result) -> None:
    """A window of none wears the card."""
    check = judge_commit_window(window_s)

    assert check.result is result
    assert check.finding == f"a power cut costs at most {words}"


def test_the_tariff_given_to_the_hub_wins_over_its_file(tmp_path: Path) -> None:
    """The same order as the page prices by."""
    file = tmp_path / "tariff.json"
    file.write_text("rubbish")
    config = config_in(tmp_path, tariff_electricity_file=str(file))
    log = Log(config.database_path)
    log.put_fact("tariff.electricity", encode_tariff(tariff("2020-01-01")))

    with open_database(config.database_path) as connection:
        check = check_tariff(connection, config, CLOCK, Medium.ELECTRICITY)
    log.close()

    assert check.result is Result.OK
    assert check.finding == "Plain, version v1 since 2020-01-01"


def test_a_tariff_file_that_cannot_be_read_is_a_fault(tmp_path: Path) -> None:
    """Its own faults are told; the hub would not start with it."""
    file = tmp_path / "tariff.json"
    file.write_text("rubbish")
    config = config_in(tmp_path, tariff_gas_file=str(file))

    check = guard("tariff gas", lambda: check_tariff(None, config, CLOCK, Medium.GAS))

    assert check.result is Result.FAULT
    assert str(file) in check.finding


def test_a_heard_meter_without_a_tariff_is_a_warning(tmp_path: Path) -> None:
    """The page cannot show a cost; a medium that is not there needs none."""
    config = config_in(tmp_path)
    log_with(config.database_path, 1)[0].close()

    with open_database(config.database_path) as connection:
        electricity = check_tariff(connection, config, CLOCK, Medium.ELECTRICITY)
        gas = check_tariff(connection, config, CLOCK, Medium.GAS)

    assert electricity.result is Result.WARNING
    assert "hearthlink tariff import" in electricity.fix
    assert gas.result is Result.ABSENT


def test_a_tariff_that_begins_later_is_a_warning(tmp_path: Path) -> None:
    """Until then usage stays unpriced."""
    check = judge_tariff(
        Medium.GAS, tariff("2099-01-01"), config_in(tmp_path), START_MS, has_meter=True
    )

    assert check.result is Result.WARNING
    assert "unpriced" in check.finding
