"""Why readings lack, and what was corrected, asked as an app asks."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from cloud.app import create_app
from cloud.gaps import endpoints
from cloud.gaps.reasons import Between, Found, Gateway, MissingReason, explain
from cloud.households.revocations import revoke
from cloud.ingest.gaps import Missing
from cloud.ingest.hubbatch import Rules
from cloud.ingest.intake import Message
from cloud.ingest.service import IngestService
from shared.clock import DrivenClock
from shared.consent import Granularity
from shared.frames import Gap, GapKind, encode_frame, frame_of
from shared.protocol import Hello, LogState, Status, encode_message
from shared.readings import StampedSample
from shared.units import MS_PER_DAY, MS_PER_HOUR, MS_PER_MINUTE, SLOT_MS
from tests.support.cloud import HEADERS, LOG_ID, METER, START_MS, config_in

NOW_MS = START_MS + 12 * MS_PER_HOUR
ONLINE = Gateway(
    is_online=True, is_revoked=False, last_seen_ms=NOW_MS, consent=Granularity.TEN_SECONDS
)


class Api:
    """The application, and a hub's frames beside it; sequence n is read n minutes after."""

    def __init__(self, directory: Path) -> None:
        self.clock = DrivenClock(NOW_MS)
        self.app = create_app(config_in(directory), self.clock)
        self.database = self.app.state.parts.database
        self.client = TestClient(self.app, raise_server_exceptions=False)
        self.ingest = IngestService(self.database, self.clock, Rules())

    def send(
        self,
        *minutes: int,
        gaps: tuple[tuple[str, int, int], ...] = (),
        revision: int = 0,
        rise: int = 1_000,
    ) -> None:
        """Let a frame come, with these minutes' samples."""
        samples = [
            StampedSample(n, START_MS + n * MS_PER_MINUTE, {"import_mwh": 10**6 + n * rise})
            for n in minutes
        ]
        declared = [Gap(GapKind(kind), first, last) for kind, first, last in gaps]
        frame = frame_of(LOG_ID, METER, revision, samples, gaps=declared)
        self.ingest.ingest([Message("hub-1", encode_frame(frame), NOW_MS)])

    def greet(self, first: int, last: int, consent: str = "10s") -> None:
        """Let the hub say what it holds, online."""
        hello = Hello("1", 1, [LogState(LOG_ID.hex(), METER, first, last)], consent=consent)
        self.ingest.greet("hub-1", encode_message(hello))
        self.ingest.note_status("hub-1", encode_message(Status("a", online=True)))

    def get(self, path: str, status: int = 200, **query: Any) -> Any:
        """Ask for the meter's gaps or corrections of the day."""
        chosen = {"from": "2026-03-01", "to": "2026-03-02", **query}
        answer = self.client.get(f"/v1/meters/{METER}/{path}", params=chosen, headers=HEADERS)
        assert answer.status_code == status, answer.text
        return answer.json()

    def reasons(self, **query: Any) -> list[list[str]]:
        """List the reasons of each gap."""
        found = self.get("gaps", **query)["gaps"]
        return [[one["reason"] for one in gap["reasons"]] for gap in found]


@pytest.fixture(name="api")
def _api(tmp_path: Path) -> Iterator[Api]:
    api = Api(tmp_path)
    with api.client:
        yield api


@pytest.mark.usefixtures("either_store")
def test_a_gap_is_told_with_its_half_hours_and_why(api: Api) -> None:
    """Between two readings what was used is known, and spread."""
    api.send(*range(61), 180, gaps=(("withheld", 61, 179),))
    api.greet(0, 180)

    (gap,) = api.get("gaps", to="2026-03-01T03:00:00Z")["gaps"]

    assert gap == {
        "start": "2026-03-01T01:00:00Z",
        "end": "2026-03-01T03:00:00Z",
        "last_reading": "2026-03-01T01:00:00Z",
        "next_reading": "2026-03-01T03:00:00Z",
        "quality": "estimated",
        "reasons": [{"reason": "withheld", "gateway": "hub-1", "samples": 119, "since": None}],
    }


@pytest.mark.parametrize("kind", ["withheld", "thinned", "damaged", "untimed"])
def test_what_a_hub_declares_is_the_reason(api: Api, kind: str) -> None:
    """Each kind by its own word."""
    api.send(0, 1, 180, gaps=((kind, 2, 179),))

    assert api.reasons(to="2026-03-01T03:00:00Z") == [[kind]]


def test_what_was_not_sent_yet_or_never_will_be_is_told_apart(api: Api) -> None:
    """By what the hub says that it still holds."""
    api.send(*range(31))
    api.send(180)
    api.greet(0, 180)
    held = api.get("gaps")["gaps"][0]["reasons"]
    api.greet(100, 180)
    partly = api.get("gaps")["gaps"][0]["reasons"]

    assert [(one["reason"], one["samples"]) for one in held] == [("not-received", 149)]
    assert held[0]["since"] is not None
    assert [(one["reason"], one["samples"]) for one in partly] == [
        ("not-received", 80),
        ("lost", 69),
    ]


def test_a_silent_meter_and_a_silent_hub_are_told_apart(api: Api) -> None:
    """Two neighbours in the log with hours between them; and nothing since the last."""
    frame = frame_of(
        LOG_ID,
        METER,
        0,
        [
            StampedSample(n, START_MS + minute * MS_PER_MINUTE, {"import_mwh": 10**6 + n})
            for n, minute in enumerate((0, 30, 240, 270))
        ],
    )
    api.ingest.ingest([Message("hub-1", encode_frame(frame), NOW_MS)])

    offline = api.reasons()
    api.greet(0, 3)
    online = api.reasons()
    with api.database.writing() as connection:
        revoke(connection, "hub-1", NOW_MS)

    assert offline == [["meter-silent"], ["gateway-offline"]]
    assert online == [["meter-silent"], ["meter-silent"]]
    assert api.reasons()[-1] == ["gateway-revoked"]


def test_before_the_first_reading_nobody_read_the_meter(api: Api) -> None:
    """The day before, and all of it."""
    api.send(0)

    (gap,) = api.get("gaps", 200, **{"from": "2026-02-27", "to": "2026-02-28"})["gaps"]

    assert gap["quality"] == "missing"
    assert gap["last_reading"] is None
    assert [one["reason"] for one in gap["reasons"]] == ["before-first"]
    assert gap["reasons"][0]["gateway"] is None


def test_a_whole_day_has_no_gap(api: Api) -> None:
    """Also where all but each half hour's ends is withheld."""
    gaps = tuple(("withheld", n * 30 + 1, n * 30 + 29) for n in range(24))
    api.send(*range(0, 721, 30), gaps=gaps)

    assert api.get("gaps") == {"meter": METER, "gaps": [], "next": None}


@pytest.mark.usefixtures("either_store")
def test_gaps_come_in_pages(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """None is passed over between two."""
    monkeypatch.setattr(endpoints, "MAX_GAPS", 3)
    for minute in range(0, 700, 100):
        api.send(minute)
    seen: list[str] = []
    start: str | None = "2026-03-01"
    while start is not None:
        page = api.get("gaps", 200, **{"from": start})
        seen += [one["start"] for one in page["gaps"] if one["start"] not in seen]
        start = page["next"]

    assert len(seen) == 7
    assert seen == sorted(seen)


@pytest.mark.parametrize("path", ["gaps", "corrections"])
@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"from": "2026-03-02", "to": "2026-03-01"}, 400),
        ({"from": "x"}, 400),
        ({"to": "2226-03-01"}, 400),
    ],
)
def test_a_bad_period_is_a_problem(api: Api, path: str, query: dict[str, str], status: int) -> None:
    """With the field."""
    api.send(0)

    api.get(path, status, **query)


def test_a_meter_nobody_knows_has_neither(api: Api) -> None:
    """404, as everywhere."""
    api.get("gaps", 404)
    api.get("corrections", 404)


def test_a_period_past_what_can_be_explained_is_refused(api: Api) -> None:
    """Thirteen months."""
    api.send(0)

    api.get("gaps", 400, **{"from": "2024-01-01"})


@pytest.mark.usefixtures("either_store")
def test_corrections_are_listed_with_what_they_decide(api: Api) -> None:
    """Which range, when, by which revision, and of which time."""
    api.send(*range(61))
    api.send(30, 31, revision=1, rise=999)
    gaps = (("damaged", 40, 45),)
    api.send(gaps=gaps, revision=2)

    found = api.get("corrections")

    common = {
        "received_at": "2026-03-01T12:00:00Z",
        "gateway": "hub-1",
        "log_id": LOG_ID.hex(),
        "withheld": 0,
        "thinned": 0,
        "untimed": 0,
    }
    assert found["next"] is None
    assert found["corrections"] == [
        {
            **common,
            "first_seq": 40,
            "last_seq": 45,
            "revision": 2,
            "start": "2026-03-01T00:00:00Z",
            "end": "2026-03-01T01:00:00Z",
            "samples": 0,
            "damaged": 6,
        },
        {
            **common,
            "first_seq": 30,
            "last_seq": 31,
            "revision": 1,
            "start": "2026-03-01T00:30:00Z",
            "end": "2026-03-01T00:31:00Z",
            "samples": 2,
            "damaged": 0,
        },
    ]


def test_corrections_come_in_pages(api: Api) -> None:
    """The newest first; a place that is none is refused."""
    api.send(*range(61))
    for revision in (1, 2, 3):
        api.send(revision, revision=revision, rise=999 - revision)

    first = api.get("corrections", limit=2)
    rest = api.get("corrections", limit=2, before=first["next"])

    assert [one["revision"] for one in first["corrections"]] == [3, 2]
    assert [one["revision"] for one in rest["corrections"]] == [1]
    assert rest["next"] is None
    api.get("corrections", 400, before="x")


def _between(last: int | None, following: int | None, *missing: tuple[Missing, bool]) -> Between:
    return Between(last, following, {}, list(missing))


def test_what_is_on_its_way_is_not_due() -> None:
    """For as long as consent and the hub's pace hold readings back."""
    daily = ONLINE._replace(consent=Granularity.DAILY)
    soon_ms = NOW_MS - 10 * MS_PER_MINUTE

    found = [
        explain(_between(5, None), gateway, last_ms, NOW_MS)[0].reason
        for gateway, last_ms in (
            (ONLINE, soon_ms),
            (ONLINE, NOW_MS - MS_PER_HOUR),
            (daily, NOW_MS - MS_PER_DAY),
            (ONLINE._replace(consent=Granularity.NONE), soon_ms),
        )
    ]

    assert found == [
        MissingReason.NOT_DUE,
        MissingReason.METER_SILENT,
        MissingReason.NOT_DUE,
        MissingReason.WITHHELD,
    ]


def test_what_no_frame_tells_any_more_is_unknown() -> None:
    """Frames are pruned after 13 months; what was missing elsewhere in the log says nothing."""
    elsewhere = (Missing(100, 200, NOW_MS), True)

    assert explain(_between(None, None), ONLINE, None, NOW_MS) == [Found(MissingReason.UNKNOWN)]
    assert explain(_between(5, 9, elsewhere), ONLINE, NOW_MS - SLOT_MS, NOW_MS) == [
        Found(MissingReason.METER_SILENT)
    ]
