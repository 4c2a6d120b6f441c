"""The hub's own API over HTTP: now, meters, usage, costs and files, and what it refuses."""

import asyncio
import csv
import datetime as dt
import io
import sqlite3
from typing import Any
from unittest import mock

import httpx
import pytest
from starlette.testclient import TestClient

from agent.departures import DepartureLine
from agent.home.events import MAX_VIEWERS
from agent.home.local.endpoints import MAX_WAITING, LocalApi
from shared.readings import Medium
from shared.units import MS_PER_DAY
from tests.support.home_inputs import NOW_MS, home_inputs
from tests.support.home_page import Home

TODAY = {"from": "2026-11-20", "to": "2026-11-21"}


@pytest.fixture
def home() -> Home:
    """A home in good health, five weeks of it."""
    return Home()


@pytest.fixture
def client(home: Home) -> TestClient:
    """A program in the home."""
    return TestClient(home.page(), base_url="http://localhost:8080")


def get(client: TestClient, path: str, **query: Any) -> dict[str, Any]:
    answer = client.get(path, params=query)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def test_now_is_what_every_display_shows(client: TestClient) -> None:
    """The page, a panel and Home Assistant say the same."""
    now = get(client, "/v1/now")
    view = get(client, "/view.json")

    assert now["power"] == view["power"]
    assert {"cost", "usage", "periods", "gas", "rate", "solar", "link"} <= now.keys()


def test_meters_are_listed_with_their_registers(client: TestClient) -> None:
    """By canonical names, with the age of what they say."""
    (electricity, gas) = get(client, "/v1/meters")["meters"]

    assert electricity["registers"]["power_import_w"] == 1_436
    assert (gas["medium"], gas["taken_at"]) == ("gas", "2026-11-20T18:00:00Z")


def test_usage_of_days_and_half_hours_sum_alike(client: TestClient) -> None:
    """The same names as the cloud's answer."""
    by_day = get(client, "/v1/usage", **TODAY)
    by_half = get(client, "/v1/usage", **TODAY, resolution="half-hour")

    (day,) = by_day["series"][0]["intervals"]
    halves = by_half["series"][0]["intervals"]
    assert (by_day["zone"], by_day["resolution"]) == ("Europe/London", "day")
    assert len(halves) == 48
    assert sum(one["import_mwh"] or 0 for one in halves) == day["import_mwh"]
    assert halves[-1]["why"] == ["not-yet"]


def test_named_meters_are_asked_for_by_name(client: TestClient, home: Home) -> None:
    """What a plug counts is no part of the totals, and can be had; heard lately or not."""
    home.inputs = home_inputs(logged_meters=frozenset({"P1", "P2"}))

    answer = get(client, "/v1/usage", **TODAY, meter=["P1", "P2"])

    assert home.asked[0][1:] == (Medium.ELECTRICITY, frozenset({"P1", "P2"}))
    assert answer["series"][0]["meters"] == ["P1", "P2"]


def test_a_meter_that_was_heard_and_not_yet_logged_is_known(client: TestClient) -> None:
    """Whatever /v1/meters lists can be asked for, in its first minute too."""
    meters = [one["meter"] for one in get(client, "/v1/meters")["meters"]]

    answer = get(client, "/v1/usage", **TODAY, meter=meters)

    assert answer["series"][0]["meters"] == sorted(meters)


@pytest.mark.parametrize("path", ["/v1/usage", "/v1/costs", "/v1/exports/usage"])
def test_a_meter_the_hub_does_not_know_is_not_found(
    client: TestClient, home: Home, path: str
) -> None:
    """Named, and where the known ones are listed: nothing is missing of a meter there is not."""
    known = get(client, "/v1/meters")["meters"][0]["meter"]

    answer = client.get(path, params={**TODAY, "meter": ["nobody's", known]})

    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (404, "not-found")
    assert answer.headers["content-type"] == "application/problem+json"
    assert "nobody's" in problem["detail"]
    assert known not in problem["detail"]
    assert "/v1/meters" in problem["hint"]
    assert home.asked == []


def test_a_question_that_is_malformed_is_told_so_first(client: TestClient) -> None:
    """Whichever meters it names."""
    answer = client.get("/v1/usage", params={"from": "soon", "to": "later", "meter": "nobody's"})

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid-request")


def test_costs_are_those_of_the_page(client: TestClient) -> None:
    """Today's figure on the display, to the millionth."""
    costs = get(client, "/v1/costs", **TODAY)
    shown = get(client, "/v1/now")["cost"]

    assert costs["intervals"][0]["total_millionths"] == shown["total_millionths"]
    assert (costs["currency"], costs["tariff"]) == ("GBP", "Night Saver")


def test_without_a_tariff_costs_say_how_to_enter_one(client: TestClient, home: Home) -> None:
    """A refusal and a fix, not a zero."""
    home.inputs = home_inputs(tariff=None)

    answer = client.get("/v1/costs", params=TODAY)

    assert answer.status_code == 422
    assert "tariff" in answer.json()["detail"]
    assert "tariff import" in answer.json()["hint"]


def test_an_export_is_a_file(client: TestClient) -> None:
    """A line for each half hour, named by what is in it."""
    answer = client.get("/v1/exports/usage", params={**TODAY, "resolution": "half-hour"})

    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert answer.headers["content-type"].startswith("text/csv")
    assert answer.headers["content-disposition"] == (
        'attachment; filename="hearthlink-electricity-2026-11-20_2026-11-21.csv"'
    )
    assert len(rows) == 48


def test_an_export_as_json_is_the_same_as_usage(client: TestClient) -> None:
    """Only the name of the file is added."""
    answer = client.get("/v1/exports/usage", params={**TODAY, "format": "json"})

    assert answer.json() == get(client, "/v1/usage", **TODAY)
    assert answer.headers["content-disposition"].endswith('.json"')


def test_what_has_left_is_listed_for_the_last_month(client: TestClient, home: Home) -> None:
    """By day, meter and granularity, as `hearthlink log sent` says it."""
    home.departed = [DepartureLine("2026-11-20", "E1", "ab", "half-hourly", 1, 90, 1, 2, 88)]

    answer = get(client, "/v1/departures")

    assert answer["days"] == 31
    assert answer["departures"] == [
        {
            "day": "2026-11-20", "meter": "E1", "log_id": "ab", "granularity": "half-hourly",
            "first_seq": 1, "last_seq": 90, "frames": 1, "samples": 2, "withheld": 88,
        }
    ]  # fmt: skip
    assert home.asked_since == [NOW_MS // MS_PER_DAY - 30]


def test_too_many_who_ask_what_has_left_are_told_to_come_back(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They wait in the same line as questions about usage."""
    api: LocalApi = client.app.state.local  # type: ignore[attr-defined]
    monkeypatch.setattr(api, "_waiting", MAX_WAITING)

    answer = client.get("/v1/departures")

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")


@pytest.mark.parametrize("path", ["/v1/usage", "/v1/costs", "/v1/exports/usage"])
def test_a_bad_question_is_refused_with_the_fix(client: TestClient, path: str) -> None:
    """As problem+json, whatever is asked."""
    answer = client.get(path, params={**TODAY, "resolution": "fortnight"})

    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert "half-hour" in answer.json()["hint"]


@pytest.mark.parametrize(
    "path", ["/v1/now", "/v1/meters", "/v1/usage", "/v1/exports/usage", "/v1/departures"]
)
def test_it_is_read_only_and_behind_the_host_check(client: TestClient, path: str) -> None:
    """Nothing is written by it, and no page of the wide web reads it."""
    written = client.post(path)
    foreign = client.get(path, headers={"Host": "evil.example"})

    assert (written.status_code, foreign.status_code) == (405, 421)


@pytest.mark.parametrize(
    ("method", "path", "status", "said"),
    [
        ("GET", "/v1/nothing", 404, "There is no '/v1/nothing' here."),
        ("GET", "/v2/now", 404, "There is no '/v2/now' here."),
        ("GET", "/v1/" + "x" * 4_000, 404, "x" * 70),
        ("DELETE", "/v1/now", 405, "'/v1/now' takes no DELETE."),
        ("POST", "/v1/exports/usage", 405, "takes no POST"),
        ("OPTIONS", "/v1/events", 405, "takes no OPTIONS"),
    ],
)
def test_what_is_not_there_is_refused_like_the_rest(
    client: TestClient, method: str, path: str, status: int, said: str
) -> None:
    """As problem+json, with the page's own headers, and no more of the question than a line."""
    answer = client.request(method, path)

    assert (answer.status_code, answer.json()["status"]) == (status, status)
    assert answer.headers["content-type"] == "application/problem+json"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert said in answer.json()["detail"]
    assert len(answer.content) < 400


@pytest.mark.parametrize("path", ["/v1/usage", "/v1/costs", "/v1/exports/usage", "/v1/departures"])
def test_a_log_that_cannot_be_read_is_said_to_be(home: Home, path: str) -> None:
    """With where to look; the next question is answered again."""

    async def fail(*_: object) -> bytes:
        raise sqlite3.DatabaseError("database disk image is malformed")

    def fail_too(_since: int) -> list[DepartureLine]:
        raise sqlite3.DatabaseError("database disk image is malformed")

    with (
        mock.patch.object(home, "recall", fail),
        mock.patch.object(home, "read_departures", fail_too),
    ):
        client = TestClient(home.page(), base_url="http://localhost:8080")
        answers = [client.get(path, params=TODAY) for _ in range(MAX_WAITING + 2)]

    assert {answer.status_code for answer in answers} == {503}
    assert answers[-1].json()["title"] == "Not readable"
    assert "doctor" in answers[-1].json()["hint"]


def test_a_refused_method_names_those_that_are_taken(client: TestClient) -> None:
    """As HTTP asks for (RFC 9110, 15.5.6)."""
    assert "GET" in client.post("/v1/now").headers["allow"]


def test_events_carry_what_now_says(home: Home) -> None:
    """A program listens to changes; one too many is told to come back."""
    client = TestClient(home.page(), base_url="http://localhost:8080")
    api: LocalApi = client.app.state.local  # type: ignore[attr-defined]
    api.feed.viewers = MAX_VIEWERS

    refused = client.get("/v1/events")

    assert refused.status_code == 503
    assert refused.headers["retry-after"] == "30"


def test_too_many_questions_at_once_are_told_to_wait(home: Home) -> None:
    """A hub reads one year at a time, and lets a few wait."""
    slow = asyncio.Event()

    recall = home.recall

    async def recall_slowly(*asked: Any) -> bytes:
        await slow.wait()
        return await recall(*asked)

    with mock.patch.object(home, "recall", recall_slowly):
        transport = httpx.ASGITransport(home.page())

    async def ask_all() -> list[int]:
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            asked = [
                asyncio.ensure_future(client.get("/v1/usage", params=TODAY))
                for _ in range(MAX_WAITING + 1)
            ]
            await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
            slow.set()
            return sorted(answer.status_code for answer in await asyncio.gather(*asked))

    assert asyncio.run(ask_all()) == [200] * MAX_WAITING + [503]


def test_a_year_of_half_hours_is_answered_at_once(client: TestClient) -> None:
    """17,520 of them, in one question."""
    to = dt.date(2026, 11, 21)
    answer = get(
        client, "/v1/usage", **{"from": "2025-11-21", "to": str(to)}, resolution="half-hour"
    )

    assert len(answer["series"][0]["intervals"]) == 17_520
