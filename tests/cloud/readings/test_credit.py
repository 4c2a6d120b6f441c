"""`GET /v1/meters/{meter}/credit`: what a prepayment meter said last, and when it is nobody's."""

from pathlib import Path

import pytest

from shared.units import MS_PER_DAY, MS_PER_HOUR, MS_PER_MINUTE
from tests.support.cloud import METER, START_MS
from tests.support.usage_stage import UsageStage

PREPAID = {"prepayment_index": 1, "currency_iso4217": 826}
FULL = {
    **PREPAID,
    "credit_millionths": -1_250_000,
    "emergency_credit_millionths": 8_750_000,
    "debt_millionths": 30_000_000,
}


@pytest.fixture
def stage(tmp_path: Path) -> UsageStage:
    """The API and a household, a day after the first reading."""
    return UsageStage(tmp_path, now_ms=START_MS + MS_PER_DAY)


def test_credit_is_what_the_meter_said_last(stage: UsageStage) -> None:
    """Amounts as they were told, with their currency's letters and the time of their own sample."""
    stage.read(
        {
            START_MS: {"import_mwh": 1},
            START_MS + 1_000: {**FULL, "credit_millionths": 1},
            START_MS + MS_PER_HOUR: FULL,
            START_MS + MS_PER_HOUR + 10_000: {"import_mwh": 2, "power_import_w": 300},
        }
    )

    assert stage.get(f"meters/{METER}/credit") == {
        "meter": METER,
        "medium": "electricity",
        "taken_at": "2026-03-01T01:00:00Z",
        "currency": "GBP",
        "credit_millionths": -1_250_000,
        "emergency_credit_millionths": 8_750_000,
        "debt_millionths": 30_000_000,
    }


def test_what_the_meter_left_out_is_null(stage: UsageStage) -> None:
    """And not 0: a debt that is not told is not paid off."""
    stage.read({START_MS: {"import_mwh": 1}, START_MS + 1: {**PREPAID, "credit_millionths": 5}})

    found = stage.get(f"meters/{METER}/credit")

    assert found["credit_millionths"] == 5
    assert found["emergency_credit_millionths"] is None
    assert found["debt_millionths"] is None


def test_a_meter_that_told_no_credit_has_none(stage: UsageStage) -> None:
    """The answer says what would have to leave the home for it; an unknown meter is unknown."""
    stage.read({START_MS: {"import_mwh": 1}})

    problem = stage.get(f"meters/{METER}/credit", 404)
    unknown = stage.get("meters/NOBODYS/credit", 404)

    assert "10s or live" in str(problem)
    assert problem["detail"] != unknown["detail"]


@pytest.mark.parametrize(
    "now",
    [{"prepayment_index": 0}, {**FULL, "currency_iso4217": 4_095}],
    ids=["by bill", "unknown currency"],
)
def test_a_newer_word_takes_the_old_credit_away(stage: UsageStage, now: dict[str, int]) -> None:
    """A meter that is paid for by bill now, or in money nobody can name."""
    stage.read({START_MS: {"import_mwh": 1}, START_MS + 1: FULL, START_MS + 2: now})

    stage.get(f"meters/{METER}/credit", 404)


def test_registers_are_those_of_what_is_measured(stage: UsageStage) -> None:
    """A balance read last at midnight does not hide the register there."""
    stage.read({START_MS: {"import_mwh": 7}, START_MS + 1_000: FULL})

    found = stage.get(f"meters/{METER}/registers")

    assert found["registers"] == {"import_mwh": 7}


def test_credit_changes_no_usage(stage: UsageStage) -> None:
    """Energy is counted as if nobody had paid."""
    half_hour_ms = 30 * MS_PER_MINUTE
    stage.read(
        {
            START_MS: {"import_mwh": 0},
            START_MS + half_hour_ms - 1_000: FULL,
            START_MS + half_hour_ms: {"import_mwh": 500},
        }
    )

    (interval,) = stage.usage("2026-03-01T00:00:00Z", "2026-03-01T00:30:00Z")

    assert interval["import_mwh"] == 500


def test_credit_is_found_behind_many_frames_without(stage: UsageStage) -> None:
    """A hub may send a frame each second: how many there are decides nothing."""
    stage.read({START_MS: FULL})
    for second in range(1, 40):
        stage.read({START_MS + second * 1_000: {"import_mwh": second}})

    assert stage.get(f"meters/{METER}/credit")["taken_at"] == "2026-03-01T00:00:00Z"


def test_a_meter_without_credit_is_not_looked_through_to_its_first_frame(
    stage: UsageStage,
) -> None:
    """Hours of readings that hold none are a meter's that tells none any more."""
    stage.read({START_MS: FULL})
    for hour in range(1, 17):
        stage.read({START_MS + hour * MS_PER_HOUR: {"import_mwh": hour}})

    stage.get(f"meters/{METER}/credit", 404)
