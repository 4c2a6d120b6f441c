"""The tag of a meter's usage: it changes with the answer, and spares it where the client has it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import update

from cloud.households.tenancies import hand_over
from cloud.readings import usage_desk
from cloud.readings.usage_desk import Question, UsageDesk
from cloud.readings.usage_schemas import UsageReport
from cloud.tables import households, register_runs
from shared.calendar import Resolution
from shared.errors import BadInputError
from shared.units import MS_PER_DAY, SLOT_MS
from tests.support.cloud import HEADERS, METER, START_MS
from tests.support.usage_stage import UsageStage

PATH = f"/v1/meters/{METER}/usage"
DAY = {"from": "2026-03-02", "to": "2026-03-03"}
OCTOPUS = """Consumption (kWh), Start, End
0.5, 2026-03-02T00:00:00Z, 2026-03-02T00:30:00Z
"""


@pytest.fixture(name="stage")
def _stage(tmp_path: Path) -> Iterator[UsageStage]:
    stage = UsageStage(tmp_path)
    with stage.client:
        yield stage


def _tag(stage: UsageStage, **query: str) -> str:
    answer = stage.client.get(PATH, params={**DAY, **query}, headers=HEADERS)
    assert answer.status_code == 200, answer.text
    return answer.headers["etag"]


def _status(stage: UsageStage, tag: str, **query: str) -> int:
    headers = {**HEADERS, "If-None-Match": tag}
    return stage.client.get(PATH, params={**DAY, **query}, headers=headers).status_code


def test_answer_is_spared_who_has_it(stage: UsageStage, monkeypatch: pytest.MonkeyPatch) -> None:
    """No reading is read for it, whichever content coding it came in."""
    stage.read_half_hours(200)
    tag = _tag(stage)
    for reads in ("known_usage", "read_packed"):
        monkeypatch.delattr(usage_desk, reads)

    statuses = {_status(stage, one) for one in (tag, f'"other", {tag}', f"W/{tag}")}

    assert "-" in tag
    assert statuses == {304}


def test_readings_of_other_days_leave_a_tag(stage: UsageStage) -> None:
    """An app that looks at yesterday need not load it anew with each frame of today."""
    stage.read_half_hours(5 * 48)
    tag = _tag(stage)

    stage.read_half_hours(10, START_MS + 5 * MS_PER_DAY, base=5 * 48 * 1_000)

    assert _status(stage, tag) == 304
    assert _status(stage, _tag(stage, to="2026-03-07"), to="2026-03-07") == 304


def _late_reading(stage: UsageStage) -> None:
    at_ms = START_MS + MS_PER_DAY + 2 * SLOT_MS - 60_000
    stage.read({at_ms: 49_900})


def _import(stage: UsageStage) -> None:
    stage.bring(OCTOPUS, format="octopus-csv")


def _other_register(stage: UsageStage) -> None:
    stage.read_half_hours(2, START_MS + 6 * MS_PER_DAY, register="export_mwh")


def _rezone(stage: UsageStage) -> None:
    with stage.database.writing() as connection:
        connection.execute(update(households).values(zone="Europe/Paris"))


def _hand_over(stage: UsageStage) -> None:
    moved = START_MS + MS_PER_DAY + 4 * SLOT_MS
    with stage.database.writing() as connection:
        hand_over(connection, "hub-1", "Next", "UTC", stage.clock.utc_ms(), at_ms=moved)


@pytest.mark.parametrize("change", [_late_reading, _import, _other_register, _rezone, _hand_over])
def test_what_changes_the_answer_changes_its_tag(
    stage: UsageStage, change: Callable[[UsageStage], None]
) -> None:
    """A reading of that day, an import, a register that is new, another calendar or tenant."""
    stage.read_half_hours(200)
    tag = _tag(stage)

    change(stage)

    assert _status(stage, tag) == 200


def test_next_tenants_readings_are_no_part_of_an_answer(stage: UsageStage) -> None:
    """What was read since the handover is not told."""
    stage.read_half_hours(200)
    _hand_over(stage)

    intervals = stage.usage(DAY["from"], DAY["to"])

    assert [one["import_mwh"] for one in intervals] == [1_000] * 4 + [None] * 44
    assert {one["status"] for one in intervals[4:]} == {"missing"}


def test_register_that_is_missed_from_earlier_days_on_changes_a_tag(stage: UsageStage) -> None:
    """Read once and never again, it is missing of each day since, whichever it was noted under."""
    stage.read_half_hours(200)
    stage.read({START_MS + 3 * MS_PER_DAY + 1: 0}, "export_mwh")
    _forget(stage, "export_mwh")
    tag = _tag(stage)
    before = stage.usage(DAY["from"], DAY["to"])

    stage.read({START_MS + SLOT_MS: 0}, "export_mwh")

    assert {one["status"] for one in before} == {"measured"}
    assert {one["status"] for one in stage.usage(DAY["from"], DAY["to"])} == {"estimated"}
    assert _status(stage, tag) == 200


def _forget(stage: UsageStage, register: str) -> None:
    """Leave a register's run without readings, as a correction that withholds them does."""
    emptied = {"open_stretch": None, "open_edges": None}
    with stage.database.writing() as connection:
        of_register = register_runs.c.register == register
        connection.execute(update(register_runs).where(of_register).values(emptied))


def test_half_hours_that_begin_change_a_tag(stage: UsageStage) -> None:
    """What is missing as `not-yet` is missing otherwise once its time has come."""
    stage.read_half_hours(4)
    stage.clock.advance_to(START_MS + 50 * MS_PER_DAY)
    coming = {"from": "2026-04-20", "to": "2026-04-21"}
    tag = _tag(stage, **coming)

    before = _status(stage, tag, **coming)
    stage.clock.advance_to(START_MS + 50 * MS_PER_DAY + SLOT_MS)

    assert (before, _status(stage, tag, **coming)) == (304, 200)


def test_import_that_is_undone_changes_a_tag(stage: UsageStage) -> None:
    """The answer is what it was before, and is told anew."""
    stage.read_half_hours(4)
    made = stage.bring(OCTOPUS, format="octopus-csv")
    tag = _tag(stage)

    stage.ask("DELETE", f"imports/{made['import_id']}")

    assert _status(stage, tag) == 200


def test_no_tag_finds_a_meter_that_is_not_there(stage: UsageStage) -> None:
    """Who gives any tag at all is told that there is nothing."""
    assert _status(stage, "*") == 404


def test_questions_asked_together_are_answered_each_by_itself(stage: UsageStage) -> None:
    """Of another household there is nothing, and what is wrong with one is said to that one."""
    stage.read_half_hours(100)
    desk: UsageDesk = stage.app.state.usage_desk
    plain = Question("home", METER, "2026-03-01", "2026-03-02", Resolution.HALF_HOUR, None, "")
    questions = [
        plain,
        plain._replace(household_id="other"),
        plain._replace(to="2026-02-01"),
        plain._replace(meter="nobody\0"),
        plain._replace(resolution=Resolution.DAY),
    ]

    first, theirs, backwards, unknown, last = desk.answer_all(questions)
    alone = [desk.answer_all([one])[0] for one in (plain, questions[4])]

    assert [first, last] == alone
    assert isinstance(backwards, BadInputError)
    assert [str(getattr(one, "status", 0)) for one in (theirs, unknown)] == ["404", "404"]


def test_document_is_as_it_is_described(stage: UsageStage) -> None:
    """Each field of it is one of the response model's, with a value that it allows."""
    stage.read_half_hours(60)
    answer = stage.client.get(PATH, params=DAY, headers=HEADERS)

    report = UsageReport.model_validate_json(answer.content, strict=True)

    shown = report.model_dump(mode="json", exclude_unset=True)
    assert shown == answer.json()
