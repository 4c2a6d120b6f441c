"""A household hears of no day, and judges no half hour, on which the meter was another's."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import true

from cloud.changes.kinds import Change, ChangeKind
from cloud.changes.repository import note_changes
from cloud.ingest.hubbatch import Rules
from cloud.ingest.intake import Message
from cloud.ingest.service import IngestService
from cloud.readings.quality import summarize
from cloud.readings.usage import Known
from shared.instants import format_utc
from shared.meterdays import SlotUsage
from shared.units import MS_PER_DAY, MS_PER_HOUR, SLOT_MS
from tests.support.cloud import HEADERS, METER, START_MS, payload_of, samples_of
from tests.support.usage_stage import UsageStage

HUB = "hub-1"
LEFT_MS = START_MS + 2 * MS_PER_DAY + 9 * MS_PER_HOUR
FIRST_DAY = START_MS // MS_PER_DAY
SLOTS_A_DAY = 48
PERIOD = {"from": "2026-03-01", "to": "2026-03-06"}


class Move(UsageStage):
    """A home that was left on its third day, which was said on its fifth."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory, zone="UTC", now_ms=START_MS + 5 * MS_PER_DAY)
        self._service = IngestService(self.database, self.clock, Rules())
        self.cursor: str = self.ask_as(HEADERS, "changes").json()["next"]
        self.send(1, 5 * SLOTS_A_DAY, bytes(16))
        wanted = {"household": "Next", "at": format_utc(LEFT_MS)}
        answer = self.client.post(f"/v1/fleet/hubs/{HUB}/handover", json=wanted, headers=HEADERS)
        assert answer.status_code == 200, answer.text
        self.left_id = "home"
        self.came = {"Authorization": f"Bearer {answer.json()['token']}"}
        self.came_id: str = answer.json()["household_id"]

    def send(self, first_seq: int, count: int, log_id: bytes) -> None:
        """Let the hub send half hours; those of a sequence, whoever has it by now."""
        payload = payload_of(samples_of(first_seq, count, every_ms=SLOT_MS), log_id=log_id)
        self._service.ingest([Message(HUB, payload, self.clock.utc_ms())])

    def ask_as(self, headers: dict[str, str], path: str, **query: str) -> Any:
        """Ask as one household or the other."""
        return self.client.get(f"/v1/{path}", params=query, headers=headers)

    def changed(self, headers: dict[str, str], after: str) -> set[tuple[str, str, str | None]]:
        """List what changed, as one household or the other."""
        answer = self.ask_as(headers, "changes", after=after)
        assert answer.status_code == 200, answer.text
        found = answer.json()["changes"]
        return {(one["kind"], one["meter"] or one["gateway"], one["day"]) for one in found}

    def note(self, household_id: str, *found: Change) -> None:
        """Note changes as whoever makes them does."""
        with self.database.writing() as connection:
            note_changes(connection, household_id, found, self.clock.utc_ms())


@pytest.fixture(name="move")
def _move(tmp_path: Path, either_store: str) -> Iterator[Move]:
    assert either_store
    stage = Move(tmp_path)
    with stage.client:
        yield stage


def test_who_left_hears_of_the_days_they_lived_there_alone(move: Move) -> None:
    """And that what they were shown of others is gone, without which days those were."""
    days = {("usage", METER, day) for day in ("2026-03-01", "2026-03-02", "2026-03-03", None)}

    assert move.changed(HEADERS, move.cursor) == {("meter", METER, None), *days}


def test_who_left_hears_of_nothing_that_comes_after(move: Move) -> None:
    """Neither what a price makes of later days nor what the hub is asked for by the next family."""
    cursor = move.ask_as(HEADERS, "changes").json()["next"]

    move.note(
        move.left_id,
        *[Change(ChangeKind.COST, METER, FIRST_DAY + day) for day in (1, 2, 3, 4, 40)],
        Change(ChangeKind.USAGE, "M2", FIRST_DAY + 40),
        Change(ChangeKind.CONSENT, HUB),
        Change(ChangeKind.GATEWAY, "hub-2"),
    )

    assert move.changed(HEADERS, cursor) == {
        ("cost", METER, "2026-03-02"),
        ("cost", METER, "2026-03-03"),
        ("usage", "M2", "2026-04-10"),
        ("gateway", "hub-2", None),
    }
    after = move.ask_as(HEADERS, "changes", after=cursor).json()["next"]
    assert move.changed(HEADERS, after) == set()


def test_who_came_hears_of_no_day_before(move: Move) -> None:
    """Of the day they came, and of what the hub reads for them."""
    cursor = move.ask_as(move.came, "changes").json()["next"]

    move.note(move.came_id, *[Change(ChangeKind.COST, METER, FIRST_DAY + day) for day in range(4)])
    move.send(5 * SLOTS_A_DAY + 1, 2, bytes([1] * 16))

    assert move.changed(move.came, cursor) == {
        ("cost", METER, "2026-03-03"),
        ("cost", METER, "2026-03-04"),
        ("usage", METER, "2026-03-06"),
        ("meter", METER, None),
    }
    assert move.ask_as(move.came, "changes", after=move.cursor).status_code == 410


def test_without_the_condition_no_row_of_other_days_comes_out(
    move: Move, either_store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostgreSQL hides by row what lies outside in every zone; SQLite has the one wall."""
    move.note(move.left_id, Change(ChangeKind.COST, METER, FIRST_DAY + 40))
    monkeypatch.setattr("cloud.changes.repository.held_changes", lambda *_: true())

    found = move.changed(HEADERS, move.cursor)

    far = {("usage", METER, "2026-03-05"), ("cost", METER, "2026-04-10")}
    assert (far & found) == (far if either_store == "sqlite" else set())
    assert ("usage", METER, "2026-03-02") in found


def test_quality_judges_the_half_hours_of_the_household_alone(move: Move) -> None:
    """What is outside is counted by itself: it is neither known nor missing here."""
    answers = [
        move.ask_as(one, f"meters/{METER}/quality", **PERIOD) for one in (HEADERS, move.came)
    ]

    assert [one.status_code for one in answers] == [200, 404]
    (left,) = answers[0].json()["quantities"]
    lived = (LEFT_MS - START_MS) // SLOT_MS
    assert (left["slots"], left["outside_slots"]) == (5 * SLOTS_A_DAY, 5 * SLOTS_A_DAY - lived)
    assert left["measured_slots"] + left["estimated_slots"] == lived
    assert (left["missing_slots"], left["not_yet_slots"]) == (0, 0)
    assert all(one["end"] <= format_utc(LEFT_MS) for one in left["stretches"])
    move.send(5 * SLOTS_A_DAY + 1, 2, bytes([1] * 16))
    (came,) = move.ask_as(move.came, f"meters/{METER}/quality", **PERIOD).json()["quantities"]
    assert (came["outside_slots"], came["measured_slots"]) == (lived, 0)
    assert came["missing_slots"] == 5 * SLOTS_A_DAY - lived


def test_a_meter_that_came_back_is_judged_in_both_its_times() -> None:
    """The time between is another household's, also where the two orders of time are mixed."""
    known = Known({slot: SlotUsage(1, is_estimated=False) for slot in range(100)})

    found = summarize(known, 0, 100, 100 * SLOT_MS, [(60, 10**6), (0, 20)])

    assert (found.slots, found.measured_slots, found.outside_slots) == (100, 60, 40)
    assert (found.stretches, found.known_permille) == ([], 1_000)
    nobody = summarize(known, 30, 50, 100 * SLOT_MS, [(60, 10**6), (0, 20)])
    assert (nobody.outside_slots, nobody.known_permille) == (20, None)
