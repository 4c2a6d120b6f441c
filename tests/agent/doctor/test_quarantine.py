"""What was set aside, in a household's words."""

from pathlib import Path

import pytest

from agent.doctor.check import Result
from agent.doctor.quarantine import (
    MAX_REASONS,
    MEANINGS,
    ORDINARY_PER_DAY,
    SetAside,
    check_quarantine,
    judge_quarantine,
)
from agent.doctor.reading import open_database
from agent.log import Log
from agent.records import Batch, Specimen
from agent.registers import Fault
from shared.clock import DrivenClock
from shared.units import MS_PER_DAY, MS_PER_HOUR
from tests.support.hubs import START_MS

REFUSALS_OF_CODECS = {
    *("bad-crc", "too-long", "truncated", "bad-value", "bad-time", "no-values", "noise"),
    *("encrypted", "unknown-apdu", "wrong-key", "no-meter-id", "not-described", "unknown-message"),
}
OF_THE_AGENT = {
    "replayed",
    "too-many-meters",
    "impossible-power",
    "bad-receipt",
    "bad-tariff",
    "unframeable",
}


def test_each_reason_is_counted_explained_and_dated(tmp_path: Path) -> None:
    """The newest damaged telegram was an hour ago; the household reads what that means."""
    log = Log(tmp_path / "hub.sqlite")
    specimens = [
        Specimen(START_MS - MS_PER_HOUR, "link", "bad-crc", "", b"/x"),
        Specimen(START_MS - 2 * MS_PER_HOUR, "link", "bad-crc", "", b"/y"),
        Specimen(1_000, "link", "no-values", "", b""),
    ]
    log.commit(Batch(specimens=specimens))

    with open_database(tmp_path / "hub.sqlite") as connection:
        checks = check_quarantine(connection, DrivenClock(START_MS))
    log.close()

    damaged, valueless = checks
    assert (damaged.name, damaged.result) == ("quarantine bad-crc", Result.WARNING)
    assert damaged.finding.startswith("2 times: a telegram arrived damaged")
    assert damaged.finding.endswith("last 1 h ago")
    assert "cable" in damaged.fix
    assert "ago" not in valueless.finding


def test_nothing_set_aside_is_ok() -> None:
    """The ordinary state has one line."""
    assert [check.result for check in judge_quarantine([])] == [Result.OK]


@pytest.mark.parametrize(
    ("one", "result"),
    [
        (SetAside("bad-crc", 5, 0, 2 * MS_PER_DAY), Result.OK),
        (SetAside("bad-crc", 5, 1, MS_PER_HOUR), Result.WARNING),
        (SetAside("truncated", 99, ORDINARY_PER_DAY, MS_PER_HOUR), Result.OK),
        (SetAside("truncated", 99, ORDINARY_PER_DAY + 1, MS_PER_HOUR), Result.WARNING),
        (SetAside("of-tomorrow", 1, 1, 0), Result.WARNING),
    ],
)
def test_what_is_old_or_ordinary_is_told_without_warning(one: SetAside, result: Result) -> None:
    """A telegram cut off at a start is no reason to call anybody."""
    (check,) = judge_quarantine([one])

    assert check.result is result
    assert bool(check.fix) is (result is not Result.OK)


def test_reasons_past_the_limit_are_counted_together() -> None:
    """A bug that invents reasons does not make the report endless."""
    checks = judge_quarantine(
        [SetAside(f"reason-{place}", 1, 0, None) for place in range(MAX_REASONS + 3)]
    )

    assert len(checks) == MAX_REASONS + 1
    assert checks[-1].finding == "3 further reasons"


def test_every_reason_has_words() -> None:
    """Codecs, counters' watch, tariffs and session give no reason that is not explained."""
    given = REFUSALS_OF_CODECS | OF_THE_AGENT | {fault.value for fault in Fault}

    assert given == MEANINGS.keys()
