"""The change feed: what changed is listed once, in order, and nothing is missed between cursors."""

import datetime as dt
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from cloud.app import create_app
from cloud.changes.cursor import read_cursor, write_cursor
from cloud.changes.endpoints import MAX_WAIT_S
from cloud.changes.kinds import MAX_DAYS, NO_DAY, Change, ChangeKind, date_of, usage_changes
from cloud.changes.repository import (
    KEPT_MS,
    list_changes,
    note_changes,
    note_of_many,
    prune_changes,
    read_counter,
    read_revisions,
)
from cloud.errors import ProblemError
from cloud.ingest.hubbatch import Rules
from cloud.ingest.intake import Message
from cloud.ingest.merge import reach
from cloud.ingest.repository import renew_store
from cloud.ingest.service import IngestService
from cloud.scope import Scope
from shared.calendar import slot_of_sample
from shared.clock import DrivenClock
from shared.errors import BadInputError
from shared.meterdays import Edges
from shared.protocol import Hello, encode_message
from shared.units import MS_PER_DAY, SLOT_MS
from tests.support.cloud import (
    HEADERS,
    METER,
    START_MS,
    config_in,
    database_in,
    payload_of,
    samples_of,
)
from tests.support.ingest import HOME

NOW_MS = START_MS + 10 * MS_PER_DAY
LONDON = ZoneInfo("Europe/London")
DAY = {"currency": "GBP", "name": "Flat"}
TARIFF = {
    **DAY,
    "versions": [
        {
            "version": "1",
            "starts_on": "2026-01-01",
            "standing_millionths_per_day": 0,
            "vat_permille": 50,
            "prices": {"kind": "flat", "price_millionths_per_kwh": 250_000},
        }
    ],
}


class Api:
    """The application, and ingest beside it."""

    def __init__(self, directory: Path) -> None:
        self.clock = DrivenClock(NOW_MS)
        self.app: FastAPI = create_app(config_in(directory), self.clock)
        self.database = self.app.state.parts.database
        self.client = TestClient(self.app, raise_server_exceptions=False)
        self.ingest = IngestService(self.database, self.clock, Rules())

    def send(self, first_seq: int, count: int, rise: int = 1_000, revision: int = 0) -> None:
        """Let a frame of half-hourly samples come."""
        samples = samples_of(first_seq, count, every_ms=SLOT_MS, rise=rise)
        payload = payload_of(samples, revision=revision)
        self.ingest.ingest([Message("hub-1", payload, NOW_MS)])

    def get(self, status: int = 200, **query: Any) -> Any:
        """Ask the feed."""
        answer = self.client.get("/v1/changes", params=query, headers=HEADERS)
        assert answer.status_code == status, answer.text
        return answer.json()

    def changed(self, after: str) -> list[tuple[str, str | None, str | None]]:
        """List what changed: kind, of what, which day."""
        found = self.get(after=after)["changes"]
        return [(one["kind"], one["meter"] or one["gateway"], one["day"]) for one in found]


@pytest.fixture(name="api")
def _api(tmp_path: Path) -> Iterator[Api]:
    api = Api(tmp_path)
    with api.client:
        yield api


def test_a_new_app_begins_with_a_cursor_and_no_changes(api: Api) -> None:
    """It then reads all that it shows, and asks from there on."""
    api.send(1, 3)

    first = api.get()

    assert (first["changes"], first["has_more"]) == ([], False)
    assert api.get(after=first["next"]) == first


def test_readings_name_their_days_and_a_new_meter(api: Api) -> None:
    """Once each, however many frames touched them."""
    cursor = api.get()["next"]
    api.send(1, 3)
    api.send(4, 3)

    assert api.changed(cursor) == [("meter", METER, None), ("usage", METER, "2026-03-01")]


def test_late_data_opens_every_day_that_it_bears_on(api: Api) -> None:
    """What was spread over a gap of days is spread anew: all of them changed."""
    api.send(1, 3)
    api.send(48 * 4, 3)
    cursor = api.get()["next"]

    api.send(48 * 2, 3)

    days = ["2026-03-01", "2026-03-02", "2026-03-03", "2026-03-04"]
    assert api.changed(cursor) == [("usage", METER, day) for day in days]


def test_what_is_sent_again_changes_nothing(api: Api) -> None:
    """A duplicate costs no app a request."""
    api.send(1, 3)
    cursor = api.get()["next"]

    api.send(1, 3)

    assert api.changed(cursor) == []


def test_a_correction_opens_its_day_again(api: Api) -> None:
    """Also where an app has seen that day already."""
    api.send(1, 5)
    cursor = api.get()["next"]

    api.send(2, 1, rise=900, revision=1)

    assert api.changed(cursor) == [("usage", METER, "2026-03-01")]


def test_a_tariff_prices_every_day_anew(api: Api) -> None:
    """Its agreements and its costs, of no single day."""
    cursor = api.get()["next"]

    answer = api.client.put(f"/v1/meters/{METER}/tariff", json=TARIFF, headers=HEADERS)

    assert answer.status_code == 200, answer.text
    assert api.changed(cursor) == [("agreements", METER, None), ("cost", METER, None)]


def test_consent_is_a_change_of_the_hub(api: Api) -> None:
    """Said by the hub, or limited here; said again it is none."""
    api.send(1, 3)
    cursor = api.get()["next"]
    hello = encode_message(Hello("1", 1, [], consent="10s"))

    api.ingest.greet("hub-1", hello)
    said = api.changed(cursor)
    cursor = api.get(after=cursor)["next"]
    api.ingest.greet("hub-1", hello)
    again = api.changed(cursor)
    path = "/v1/gateways/hub-1/consent"
    api.client.put(path, json={"granularity": "daily"}, headers=HEADERS)

    assert said == [("consent", "hub-1", None)]
    assert again == []
    assert api.changed(cursor) == [("consent", "hub-1", None)]


def test_pages_lead_through_all_changes_once(api: Api) -> None:
    """By the cursor of each, in the order in which they were made."""
    cursor = api.get()["next"]
    found = [Change(ChangeKind.USAGE, METER, day) for day in range(20_000, 20_025)]
    with api.database.writing() as connection:
        note_changes(connection, "home", found, NOW_MS)

    seen: list[str] = []
    while True:
        page = api.get(after=cursor, limit=10)
        seen += [one["day"] for one in page["changes"]]
        cursor = page["next"]
        if not page["has_more"]:
            break

    assert seen == [str(date_of(one.local_day)) for one in found]
    assert api.changed(cursor) == []


@pytest.mark.parametrize("after", ["x", "\u00e9", "A" * 32])
def test_what_is_no_cursor_is_refused(api: Api, after: str) -> None:
    """With the fix."""
    assert "leave `after` out" in api.get(400, after=after)["hint"]


@pytest.mark.parametrize(
    "query", [{"limit": 0}, {"limit": 1_001}, {"wait_s": 31}, {"after": "A" * 33}]
)
def test_the_question_is_bounded(api: Api, query: dict[str, Any]) -> None:
    """Beyond its limits it is malformed."""
    api.get(422, **query)


def test_a_cursor_that_is_too_old_says_what_to_do(api: Api) -> None:
    """What changed a season ago is forgotten, and who has not seen it must begin anew."""
    before = api.get()["next"]
    api.send(1, 3)
    after = api.get()["next"]
    with api.database.writing() as connection:
        gone = prune_changes(connection, NOW_MS + KEPT_MS + 1)

    assert gone == 2
    problem = api.get(410, after=before)
    assert problem["code"] == "cursor-expired"
    assert "without `after`" in problem["hint"]
    assert api.changed(after) == []


def test_a_store_put_back_from_a_copy_knows_no_older_cursor(api: Api) -> None:
    """Its numbers begin again at the copy's: the app cannot go on from its own."""
    api.send(1, 3)
    cursor = api.get()["next"]
    ahead = _ahead(api)
    with api.database.writing() as connection:
        renew_store(connection, NOW_MS)

    assert api.get(410, after=cursor)["code"] == "cursor-expired"
    assert ahead == 410


def _ahead(api: Api) -> int:
    with api.database.reading() as connection:
        name = api.ingest.store_id
        cursor = write_cursor(name, "home", read_counter(connection, HOME).revision + 1)
    return api.client.get("/v1/changes", params={"after": cursor}, headers=HEADERS).status_code


def test_a_cursor_of_another_household_is_none_here() -> None:
    """It is not told what is there; it leads nowhere."""
    cursor = write_cursor("s", "home", 7)

    assert read_cursor(cursor, "s", "home") == 7
    with pytest.raises(ProblemError) as caught:
        read_cursor(cursor, "s", "other")
    assert caught.value.status == 410
    with pytest.raises(BadInputError):
        read_cursor("", "s", "home")


def test_who_waits_is_answered_when_something_changes(api: Api) -> None:
    """And before the time is over."""
    api.send(1, 3)
    cursor = api.get()["next"]
    sender = threading.Timer(0.3, api.send, (4, 3))
    began_s = time.monotonic()
    sender.start()

    page = api.get(after=cursor, wait_s=MAX_WAIT_S)
    took_s = time.monotonic() - began_s
    sender.join()

    assert [one["kind"] for one in page["changes"]] == ["usage"]
    assert took_s < MAX_WAIT_S
    assert api.app.state.change_watch.waiting_count == 0


def test_who_waits_in_vain_is_answered_in_time(api: Api) -> None:
    """With nothing, and a cursor to go on from."""
    api.send(1, 3)
    first = api.get()

    assert api.get(after=first["next"], wait_s=1) == first


def test_writers_side_by_side_leave_no_gap_in_what_is_read(api: Api) -> None:
    """A reader that follows while several write sees every change, in the order of revisions."""
    seen: list[int] = []
    errors: list[Exception] = []

    def write(first: int) -> None:
        try:
            for day in range(first, first + 25):
                with api.database.writing() as connection:
                    note_changes(connection, "home", [Change(ChangeKind.USAGE, METER, day)], NOW_MS)
        except Exception as error:  # noqa: BLE001  # told to the test below
            errors.append(error)

    writers = [threading.Thread(target=write, args=(first,)) for first in (0, 100, 200)]
    for one in writers:
        one.start()
    reached = 0
    while len(seen) < 75 and not errors:
        with api.database.reading() as connection:
            found = list_changes(connection, HOME, reached, 10)
        seen += [one.local_day for one in found]
        reached = found[-1].revision if found else reached
    for one in writers:
        one.join()

    assert not errors
    assert sorted(seen) == [first + n for first in (0, 100, 200) for n in range(25)]


def test_a_thing_is_kept_once_with_its_newest_revision(api: Api) -> None:
    """However often it changes the feed does not grow."""
    found = [Change(ChangeKind.USAGE, METER, 5), Change(ChangeKind.COST, METER)]
    for _ in range(3):
        with api.database.writing() as connection:
            note_changes(connection, "home", found, NOW_MS)

    with api.database.reading() as connection:
        listed = list_changes(connection, HOME, 0, 100)

    assert [(one.kind, one.revision) for one in listed] == [
        (ChangeKind.COST, 5),
        (ChangeKind.USAGE, 6),
    ]


@pytest.mark.usefixtures("either_store")
def test_changes_of_several_households_are_each_numbered_on(tmp_path: Path) -> None:
    """By one statement for those that are new and those that are not; who has none is not."""
    database = database_in(tmp_path, NOW_MS)
    days = [Change(ChangeKind.USAGE, METER, day) for day in (1, 2, 2)]
    with database.writing() as connection:
        note_changes(connection, "b", days, NOW_MS)

    with database.writing() as connection:
        note_of_many(connection, {"c": days, "b": days[:1], "a": days, "d": []}, NOW_MS)
        note_of_many(connection, {"d": []}, NOW_MS)

    with database.reading() as connection:
        households = Scope(frozenset("abcd"))
        assert read_revisions(connection, households) == {"a": 2, "b": 3, "c": 2}
        found = {one: list_changes(connection, Scope.of(one), 0, 9) for one in "abc"}
    database.close()
    assert [[(one.local_day, one.revision) for one in found[name]] for name in "abc"] == [
        [(1, 1), (2, 2)],
        [(2, 2), (1, 3)],
        [(1, 1), (2, 2)],
    ]


def test_what_fails_is_not_noted(api: Api) -> None:
    """A change is noted in the transaction that makes it, or not at all."""
    cursor = api.get()["next"]

    def fail() -> None:
        with api.database.writing() as connection:
            note_changes(connection, "home", [Change(ChangeKind.COST, METER)], NOW_MS)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()

    assert api.changed(cursor) == []


def test_days_are_the_households_own() -> None:
    """A slot before local midnight belongs to the day before, in summer an hour sooner."""
    summer = dt.datetime(2026, 7, 1, 22, 30, tzinfo=dt.UTC)
    slot = int(summer.timestamp() * 1_000) // SLOT_MS

    (before,) = usage_changes(METER, [(slot, slot)], LONDON)
    both = usage_changes(METER, [(slot, slot + 1)], LONDON)
    every = usage_changes(METER, [(slot, slot + 48 * (MAX_DAYS + 1))], LONDON)

    assert str(date_of(before.local_day)) == "2026-07-01"
    assert [str(date_of(one.local_day)) for one in both] == ["2026-07-01", "2026-07-02"]
    assert every == [Change(ChangeKind.USAGE, METER, NO_DAY)]
    assert date_of(NO_DAY) is None


def test_a_slot_bears_on_its_neighbours_as_far_as_the_next_known() -> None:
    """What lies between is spread over the time."""
    edge = Edges(0, 0, 1, 1)
    before = {10: edge, 20: edge, 30: edge}

    assert reach(before, {10: edge, 15: edge, 20: edge}, [10, 15, 20]) == [(10, 20)]
    assert reach(before, before, [10, 20, 30]) == []
    assert reach(before, {10: edge, 20: Edges(0, 0, 1, 2), 30: edge}, [20]) == [(10, 30)]
    assert reach({}, {7: edge}, [7]) == [(7, 7)]
    assert reach({10: edge, 20: edge}, {10: edge}, [20]) == [(10, 20)]
    assert slot_of_sample(SLOT_MS) == 0
