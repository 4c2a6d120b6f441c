"""The REST API: what meters displayed, what was used, what it cost, and how errors are said."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import text

from cloud.app import create_app
from cloud.households.revocations import revoke
from cloud.ingest.hubbatch import Rules
from cloud.ingest.intake import Message
from cloud.ingest.service import IngestService
from shared.clock import DrivenClock
from shared.frames import Frame, encode_frame
from shared.instants import format_utc
from shared.protocol import Hello, LogState, encode_message
from shared.readings import Quality, StampedSample
from shared.units import MS_PER_DAY, MS_PER_HOUR, SLOT_MS
from tests.support.cloud import HEADERS, LOG_ID, METER, START_MS, config_in, frame_at, samples_of

NOW_MS = START_MS + 400 * MS_PER_DAY
SPRING_MS = 1_774_656_000_000
"""2026-03-28T00:00:00Z, the day before British clocks go forward."""

AUTUMN_MS = 1_792_796_400_000
"""2026-10-23T23:00:00Z: midnight of 24 October in London, the day before clocks go back."""

TARIFF: dict[str, Any] = {
    "name": "Two rates",
    "currency": "GBP",
    "versions": [
        {
            "version": "2026",
            "starts_on": "2026-01-01",
            "standing_millionths_per_day": 600_000,
            "vat_permille": 50,
            "prices": {
                "kind": "time-of-use",
                "base_name": "day",
                "base_price_millionths_per_kwh": 250_000,
                "bands": [
                    {
                        "name": "night",
                        "from_minute": 0,
                        "to_minute": 360,
                        "price_millionths_per_kwh": 100_000,
                    }
                ],
            },
        }
    ],
}


class Api:
    """The application on a database of its own, and ingest beside it."""

    def __init__(self, directory: Path) -> None:
        self.clock = DrivenClock(NOW_MS)
        self.app = create_app(config_in(directory), self.clock)
        self.client = TestClient(self.app, raise_server_exceptions=False)
        self.ingest = IngestService(self.app.state.parts.database, self.clock, Rules())

    def send(self, *frames: Frame) -> None:
        """Ingest frames as one batch."""
        messages = [Message("hub-1", encode_frame(frame), NOW_MS) for frame in frames]
        self.ingest.ingest(messages)

    def get(self, path: str, **query: str) -> Any:
        """Get a guarded path that must answer 200."""
        answer = self.client.get(f"/v1/{path}", params=query, headers=HEADERS)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def problem(self, path: str, status: int, **query: str) -> Any:
        """Get a guarded path that must answer with a problem of this status."""
        answer = self.client.get(f"/v1/{path}", params=query, headers=HEADERS)
        assert answer.status_code == status, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["status"] == status
        return answer.json()

    def usage(self, start: str, to: str, resolution: str = "half-hour") -> list[dict[str, Any]]:
        """Get the intervals of the tests' meter."""
        query = {"from": start, "to": to, "resolution": resolution}
        found: list[dict[str, Any]] = self.get(f"meters/{METER}/usage", **query)["intervals"]
        return found


@pytest.fixture(name="api")
def _api(tmp_path: Path) -> Iterator[Api]:
    api = Api(tmp_path)
    with api.client:
        yield api


def _half_hours(count: int, start_ms: int = START_MS, rise: int = 1_000) -> list[StampedSample]:
    """Samples exactly on the half hour, the first at the start itself."""
    return [
        StampedSample(seq, start_ms + seq * SLOT_MS, {"import_mwh": 5_000 + seq * rise})
        for seq in range(count + 1)
    ]


def _imports(intervals: Sequence[dict[str, Any]]) -> list[int | None]:
    return [one["import_mwh"] for one in intervals]


def test_every_path_but_health_needs_the_token(api: Api) -> None:
    """Without the token, or with another, the answer is 401 and a problem."""
    paths = ["gateways", "meters", "meters/M1/registers", "meters/M1/usage", "dead-letters"]
    paths += ["gateways/hub-1/gaps", "gateways/hub-1/consent"]
    paths += [f"meters/M1/{one}" for one in ("costs", "preview", "comparison", "prepayment")]
    paths += ["meters/M1/agreements", "tariffs", "tariffs/A", "tariffs/A/rates"]

    for path in [*paths, "meters/M1/cost", "meters/M1/tariff", "meters/M1/live"]:
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic eDp5"}):
            answer = api.client.get(f"/v1/{path}", headers=headers)
            assert answer.status_code == 401, path
            assert answer.headers["www-authenticate"] == "Bearer"
            assert answer.headers["content-type"] == "application/problem+json"


def test_health_needs_no_token(api: Api) -> None:
    """Health says how database and broker are."""
    answer = api.client.get("/v1/health")

    assert answer.json() == {
        "status": "ok",
        "database": "ok",
        "broker": "none",
        "revocation_list": "none",
    }


def test_health_tells_of_a_database_that_cannot_be_read(api: Api) -> None:
    """Without its tables the service is degraded, and says which part."""
    with api.app.state.parts.database.writing() as connection:
        connection.execute(text("ALTER TABLE store RENAME TO gone"))

    answer = api.client.get("/v1/health")

    assert answer.status_code == 503
    assert answer.json() == {
        "status": "degraded",
        "database": "unavailable",
        "broker": "none",
        "revocation_list": "none",
    }


def test_streams_are_bounded(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """One viewer more than there is room for is told to come back."""
    api.send(frame_at(samples_of(1, 3)))
    monkeypatch.setattr("cloud.live.feed.MAX_VIEWERS", 0)
    api.problem(f"meters/{METER}/live", 503)
    monkeypatch.setattr("cloud.live.feed.MAX_VIEWERS_OF_HOUSEHOLD", 0)

    api.problem(f"meters/{METER}/live", 429)


def test_a_meter_that_nobody_knows_has_no_stream(api: Api) -> None:
    """Waiting for it would be waiting for ever."""
    api.problem(f"meters/{METER}/live", 404)


def test_documentation_comes_from_here(api: Api) -> None:
    """The documentation page names no other host, and the document has an example."""
    page = api.client.get("/docs").text
    document = api.client.get("/openapi.json").json()

    assert "https://" not in page
    assert document["components"]["schemas"]["Registers"]["example"]["meter"]
    assert "/v1/meters/{meter}/usage" in document["paths"]


def test_registers_are_what_the_meter_displayed(api: Api) -> None:
    """The last sample at or before the instant, exactly as it was said, with its quality."""
    quality = Quality.UNCHECKED | Quality.HUB_TIME
    registers = {"import_t1_mwh": 1, "import_t2_mwh": 2, "power_import_w": 3, "private_code": -4}
    samples = [
        StampedSample(1, START_MS, registers, int(quality)),
        StampedSample(2, START_MS + 10_500, {"import_t1_mwh": 9}),
    ]
    api.send(frame_at(samples))

    before = api.get("meters/M1/registers", at="2026-03-01T00:00:10Z")
    after = api.get("meters/M1/registers")

    assert before == {
        "meter": "M1",
        "medium": "electricity",
        "at": "2026-03-01T00:00:10Z",
        "taken_at": "2026-03-01T00:00:00Z",
        "registers": registers,
        "quality": ["unchecked", "hub-time"],
    }
    assert after["taken_at"] == "2026-03-01T00:00:10.500Z"
    assert after["registers"] == {"import_t1_mwh": 9}


def test_registers_follow_a_correction(api: Api) -> None:
    """A sample that a higher revision moved is no longer found at its old time."""
    api.send(frame_at(samples_of(1, 20)))
    api.send(frame_at(samples_of(15, 6, start_ms=START_MS + MS_PER_DAY), revision=1))

    found = api.get("meters/M1/registers", at="2026-03-01T12:00:00Z")

    assert found["taken_at"] == "2026-03-01T00:02:20Z"


def test_registers_look_past_many_replaced_frames(api: Api) -> None:
    """However many frames were replaced, the sample that still holds is found."""
    api.send(*[frame_at(samples_of(seq, 1)) for seq in range(1, 31)])
    later = START_MS + MS_PER_DAY
    api.send(*[frame_at(samples_of(s, 1, start_ms=later), revision=1) for s in range(2, 31)])

    found = api.get("meters/M1/registers", at="2026-03-01T12:00:00Z")

    assert found["taken_at"] == "2026-03-01T00:00:10Z"


def test_registers_before_the_first_sample_are_not_found(api: Api) -> None:
    """There is no reading to give before the meter said anything."""
    api.send(frame_at(samples_of(1, 5)))

    problem = api.problem("meters/M1/registers", 404, at="2026-02-01T00:00:00Z")

    assert "said nothing" in problem["detail"]


def test_unknown_meter_is_a_problem_with_a_hint(api: Api) -> None:
    """A meter nobody knows is 404 on every path of it."""
    query = {"from": "2026-03-01", "to": "2026-03-02"}

    assert api.problem("meters/none/registers", 404)["hint"] == "GET /v1/meters lists them"
    api.problem("meters/none/usage", 404, **query)
    api.problem("meters/none/cost", 404, **query)
    api.problem("meters/none/tariff", 404)


def test_meter_that_reports_only_on_the_half_hour(api: Api) -> None:
    """Readings exactly on the boundary close their intervals: every slot is measured."""
    api.send(frame_at(_half_hours(48)))

    intervals = api.usage("2026-03-01", "2026-03-02")

    assert _imports(intervals) == [1_000] * 48
    assert {one["status"] for one in intervals} == {"measured"}
    assert intervals[0]["start"] == "2026-03-01T00:00:00Z"
    assert intervals[-1]["end"] == "2026-03-02T00:00:00Z"
    assert intervals[0]["export_mwh"] is None


def test_meter_swap_is_two_meters_and_a_rebase_two_runs(api: Api) -> None:
    """No difference is taken across a register run; the slot of the change is the sum of both."""
    first = samples_of(1, 60, every_ms=30_000, rise=10)
    second = samples_of(61, 60, every_ms=30_000, value=7_000_000, rise=10)
    api.send(frame_at(first), frame_at(second, runs={"import_mwh": ("rebased", 0)}))

    (hour,) = api.usage("2026-03-01", "2026-03-01T01:00:00Z", "hour")

    assert hour["import_mwh"] == 59 * 10 + 59 * 10


def test_wrap_adds_the_modulus(api: Api) -> None:
    """A register that wrapped within its run goes on counting."""
    values = [999_000, 999_500, 100, 600]
    samples = [
        StampedSample(seq, START_MS + (seq + 1) * SLOT_MS, {"import_mwh": value})
        for seq, value in enumerate(values)
    ]
    api.send(frame_at(samples[:2]), frame_at(samples[2:], runs={"import_mwh": ("", 1_000_000)}))

    (day,) = api.usage("2026-03-01", "2026-03-02", "day")

    assert day["import_mwh"] == 500 + 600 + 500


def test_tariff_registers_sum_to_import_and_export(api: Api) -> None:
    """A meter without totals is served as the sum of its tariff registers."""
    samples = [
        StampedSample(
            seq,
            START_MS + seq * SLOT_MS,
            {
                "import_t1_mwh": seq * 10,
                "import_t2_mwh": seq * 3,
                "export_t1_mwh": seq * 2,
                "export_t2_mwh": 0,
            },
        )
        for seq in range(3)
    ]
    api.send(frame_at(samples))

    intervals = api.usage("2026-03-01T00:00:00Z", "2026-03-01T01:00:00Z")

    assert [(one["import_mwh"], one["export_mwh"]) for one in intervals] == [(13, 2), (13, 2)]


def test_gap_across_the_edge_is_spread_and_estimated(api: Api) -> None:
    """A hole that begins before the range is shared out between the nearest known days."""
    first = StampedSample(1, START_MS, {"import_mwh": 0})
    last = StampedSample(2, START_MS + 10 * MS_PER_DAY, {"import_mwh": 480_000})
    api.send(frame_at([first]), frame_at([last]))

    intervals = api.usage("2026-03-05", "2026-03-06")

    assert _imports(intervals) == [1_000] * 48
    assert {one["status"] for one in intervals} == {"estimated"}


def test_interval_without_any_reading_is_missing(api: Api) -> None:
    """Before the first reading and after the last nothing is known."""
    api.send(frame_at(_half_hours(2)))

    intervals = api.usage("2026-02-28T23:00:00Z", "2026-03-01T02:00:00Z")

    assert _imports(intervals) == [None, 0, 1_000, 1_000, None, None]
    qualities = [one["status"] for one in intervals]
    assert qualities == ["missing", "estimated", "measured", "measured", "missing", "missing"]


@pytest.mark.parametrize(
    ("start_ms", "days", "slots"),
    [
        (SPRING_MS, ["2026-03-28", "2026-03-29", "2026-03-30"], [48, 46, 48]),
        (AUTUMN_MS, ["2026-10-24", "2026-10-25", "2026-10-26"], [48, 50, 48]),
    ],
)
def test_local_days_through_both_clock_changes(
    api: Api, start_ms: int, days: list[str], slots: list[int]
) -> None:
    """The day the clocks change has 46 or 50 half hours, and no slot is lost or counted twice."""
    total = sum(slots)
    api.send(frame_at(_half_hours(total, start_ms)))
    end = {"2026-03-28": "2026-03-31", "2026-10-24": "2026-10-27"}[days[0]]

    by_day = api.usage(days[0], end, "day")
    by_slot = [
        len(api.usage(day, after)) for day, after in zip(days, [*days[1:], end], strict=True)
    ]
    by_hour = api.usage(days[1], days[2], "hour")

    assert _imports(by_day) == [1_000 * count for count in slots]
    assert by_slot == slots
    assert len(by_hour) == slots[1] // 2
    assert {one["status"] for one in by_day} == {"measured"}


def test_weeks_and_months_are_local(api: Api) -> None:
    """A week starts on Monday and a month on its first, both at local midnight."""
    api.send(frame_at(_half_hours(48 * 40)))

    months = api.usage("2026-03-15", "2026-04-02", "month")
    weeks = api.usage("2026-03-30", "2026-04-06", "week")

    assert [one["start"] for one in months] == ["2026-03-01T00:00:00Z", "2026-03-31T23:00:00Z"]
    assert months[0]["import_mwh"] == (31 * 48 - 2) * 1_000
    assert weeks[0]["start"] == "2026-03-29T23:00:00Z"
    assert _imports(weeks) == [7 * 48 * 1_000]


def test_gas_is_served_in_litres_and_energy(api: Api) -> None:
    """Gas counts litres; energy is derived with the tariff's calorific value, shown beside it."""
    samples = [StampedSample(n, START_MS + n * MS_PER_HOUR, {"gas_l": n * 1_000}) for n in range(3)]
    api.send(frame_at(samples))

    report = api.get(
        f"meters/{METER}/usage", **{"from": "2026-03-01", "to": "2026-03-01T01:00:00Z"}
    )

    assert report["medium"] == "gas"
    (conversion,) = report["conversions"]
    assert conversion["calorific_value_kj_per_m3"] == 39_500
    assert conversion["source"] == "default"
    assert sum(one["gas_l"] for one in report["intervals"]) == 1_000
    assert sum(one["gas_mwh"] for one in report["intervals"]) == pytest.approx(11_220_633, abs=2)


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"from": "2026-03-01"}, 422),
        ({"from": "2026-03-01", "to": "2026-03-02", "resolution": "century"}, 422),
        ({"from": "2026-03-02", "to": "2026-03-01"}, 400),
        ({"from": "2026-03-01T00:00:00", "to": "2026-03-02"}, 400),
        ({"from": "yesterday", "to": "2026-03-02"}, 400),
        ({"from": "1990-01-01", "to": "2026-03-02"}, 400),
        ({"from": "2024-01-01", "to": "2026-03-02"}, 400),
    ],
)
def test_bad_questions_are_problems(api: Api, query: dict[str, str], status: int) -> None:
    """Malformed is 422, impossible or too much is 400, never 500."""
    api.send(frame_at(samples_of(1, 5)))

    api.problem(f"meters/{METER}/usage", status, **query)


def test_cost_is_lines_that_sum(api: Api) -> None:
    """Energy by rate, the standing charge of the day, and VAT: the lines sum to the total."""
    api.send(frame_at(_half_hours(48, rise=1_000_000)))
    put = api.client.put(f"/v1/meters/{METER}/tariff", json=TARIFF, headers=HEADERS)

    bill = api.get(f"meters/{METER}/cost", **{"from": "2026-03-01", "to": "2026-03-02"})

    assert put.status_code == 200
    amounts = {one["name"]: one["amount_millionths"] for one in bill["lines"]}
    assert amounts["night"] == 12 * 100_000
    assert amounts["day"] == 36 * 250_000
    assert amounts["standing charge"] == 600_000
    assert sum(amounts.values()) == bill["total_millionths"]
    assert (bill["missing_slots"], bill["estimated_slots"]) == (0, 0)


def test_water_is_used_and_has_no_price(api: Api) -> None:
    """Water is served in litres; a tariff of energy does not price it."""
    samples = [StampedSample(n, START_MS + n * SLOT_MS, {"water_l": n * 7}) for n in range(3)]
    api.send(frame_at(samples))
    api.client.put(f"/v1/meters/{METER}/tariff", json=TARIFF, headers=HEADERS)

    (hour,) = api.usage("2026-03-01", "2026-03-01T01:00:00Z", "hour")

    assert hour["water_l"] == 14
    api.problem(f"meters/{METER}/cost", 400, **{"from": "2026-03-01", "to": "2026-03-02"})


def test_gas_is_priced_by_its_energy(api: Api) -> None:
    """A cubic metre of gas is some 11.2 kWh, and is charged as that."""
    samples = [StampedSample(n, START_MS + n * SLOT_MS, {"gas_l": n * 500}) for n in range(3)]
    api.send(frame_at(samples))
    api.client.put(f"/v1/meters/{METER}/tariff", json=TARIFF, headers=HEADERS)

    bill = api.get(f"meters/{METER}/cost", **{"from": "2026-03-01", "to": "2026-03-01T01:00:00Z"})

    assert bill["lines"][0]["energy_mwh"] == pytest.approx(11_220_633, abs=2)


def test_cost_needs_a_tariff_and_half_hours(api: Api) -> None:
    """Without a tariff there is no price; between half hours there is no slot."""
    api.send(frame_at(_half_hours(4)))
    day = {"from": "2026-03-01", "to": "2026-03-02"}

    hint = api.problem(f"meters/{METER}/cost", 404, **day)["hint"]
    api.client.put(f"/v1/meters/{METER}/tariff", json=TARIFF, headers=HEADERS)

    assert hint.startswith("PUT ")
    api.problem(f"meters/{METER}/cost", 400, **{**day, "to": "2026-03-01T00:10:00Z"})
    api.problem(f"meters/{METER}/cost", 400, **{**day, "to": "2028-03-01"})


def test_tariff_with_faults_is_422_naming_them(api: Api) -> None:
    """Every fault of a tariff is listed, and nothing is stored."""
    bad = {**TARIFF, "currency": "pounds", "versions": []}

    answer = api.client.put(f"/v1/meters/{METER}/tariff", json=bad, headers=HEADERS)
    huge = api.client.put(f"/v1/meters/{METER}/tariff", content=b" " * 9000, headers=HEADERS)

    assert answer.status_code == huge.status_code == 422
    assert len(answer.json()["faults"]) == 2
    api.problem(f"meters/{METER}/tariff", 404)


def test_tariff_that_cannot_reach_the_hub_is_refused(api: Api) -> None:
    """Two tariffs of one hub that together pass its shadow's limit: the second changes nothing."""
    api.send(frame_at(samples_of(1, 5)), frame_at(samples_of(1, 5), log_id=b"2" * 16, meter="M2"))
    long = {**TARIFF, "name": "x" * 6_000}

    first = api.client.put("/v1/meters/M1/tariff", json=long, headers=HEADERS)
    second = api.client.put("/v1/meters/M2/tariff", json=long, headers=HEADERS)

    assert (first.status_code, second.status_code) == (200, 413)
    api.problem("meters/M2/tariff", 404)


def test_tariff_reads_back_as_it_was_put(api: Api) -> None:
    """A tariff may be set before the meter has said anything."""
    api.client.put(f"/v1/meters/{METER}/tariff", json=TARIFF, headers=HEADERS)

    kept = api.get(f"meters/{METER}/tariff")

    assert kept["versions"] == TARIFF["versions"]


def test_gateways_show_stored_and_missing(api: Api) -> None:
    """What lies between stored ranges is missing; poison is counted and listed."""
    api.send(frame_at(samples_of(1, 5)), frame_at(samples_of(11, 5)))
    api.ingest.ingest([Message("hub-1", b"noise", NOW_MS)])

    (gateway,) = api.get("gateways")["gateways"]
    (letter,) = api.get("dead-letters")["dead_letters"]

    assert gateway["thing"] == "hub-1"
    assert gateway["logs"][0]["stored"] == [[1, 5, 0], [11, 15, 0]]
    assert gateway["logs"][0]["missing"] == [[6, 10]]
    assert gateway["dead_letters"] == 1
    assert (letter["code"], letter["first_seq"], letter["seen_count"]) == ("not-a-frame", None, 1)


def test_gaps_are_listed_with_their_age(api: Api) -> None:
    """The oldest first, and whether the hub can still send it."""
    api.send(frame_at(samples_of(6, 5)), frame_at(samples_of(16, 5)))
    state = LogState(LOG_ID.hex(), METER, 14, 30)
    api.ingest.greet("hub-1", encode_message(Hello("0.1.0", 1, [state])))

    ledger = api.get("gateways/hub-1/gaps")
    (log,) = api.get("gateways")["gateways"][0]["logs"]

    assert ledger["is_whole"]
    assert [(one["first_seq"], one["last_seq"], one["is_held"]) for one in ledger["gaps"]] == [
        (11, 13, False),
        (14, 15, True),
        (21, 30, True),
    ]
    assert {one["since"] for one in ledger["gaps"]} == {format_utc(NOW_MS)}
    assert (log["missing_count"], log["freed_count"]) == (15, 3)
    assert log["missing_since"] == format_utc(NOW_MS)
    api.problem("gateways/hub-9/gaps", 404)


def test_list_of_gaps_says_when_it_is_cut(api: Api) -> None:
    """A list that is not whole must not look whole, and says where it goes on."""
    api.send(*[frame_at(samples_of(first, 5)) for first in (1, 11, 21)])

    first = api.get("gateways/hub-1/gaps", limit="1")
    second = api.get("gateways/hub-1/gaps", limit="1", cursor=first["next_cursor"])

    assert (len(first["gaps"]), first["is_whole"]) == (1, False)
    assert (len(second["gaps"]), second["is_whole"]) == (1, True)
    assert [one["gaps"][0]["first_seq"] for one in (first, second)] == [6, 16]
    assert second["next_cursor"] is None


def test_gateway_shows_that_it_is_revoked(api: Api) -> None:
    """And how much it has said since."""
    api.send(frame_at(samples_of(1, 5)))
    with api.app.state.parts.database.writing() as connection:
        revoke(connection, "hub-1", NOW_MS)

    api.send(frame_at(samples_of(6, 5)))
    (gateway,) = api.get("gateways")["gateways"]

    assert gateway["revoked_at"] == format_utc(NOW_MS)
    assert (gateway["messages_refused"], gateway["logs"][0]["stored_count"]) == (1, 5)


def test_consent_is_narrowed_by_the_api(api: Api) -> None:
    """What the hub enforces and the limit stand side by side; widening is refused with the way."""
    api.send(frame_at(samples_of(1, 5)))

    before = api.get("gateways/hub-1/consent")
    narrowed = api.client.put(
        "/v1/gateways/hub-1/consent", json={"granularity": "daily"}, headers=HEADERS
    )
    widened = api.client.put(
        "/v1/gateways/hub-1/consent", json={"granularity": "live"}, headers=HEADERS
    )
    unknown = api.client.put(
        "/v1/gateways/hub-9/consent", json={"granularity": "live"}, headers=HEADERS
    )

    assert before == {
        "thing": "hub-1",
        "enforced": "",
        "limit": None,
        "limit_revision": None,
    }
    assert narrowed.json()["limit"] == "daily"
    assert (widened.status_code, unknown.status_code) == (400, 404)
    assert "at the hub" in widened.json()["hint"]
    assert api.get("gateways")["gateways"][0]["consent_limit"] == "daily"


def test_dead_letters_are_tried_again(api: Api) -> None:
    """All, one, or none: what stays says why."""
    api.ingest.ingest([Message("hub-1", payload, NOW_MS) for payload in (b"noise", b"more")])

    everything = api.client.post("/v1/dead-letters/replay", headers=HEADERS).json()
    one = api.client.post("/v1/dead-letters/1/replay", headers=HEADERS).json()
    none = api.client.post("/v1/dead-letters/99/replay", headers=HEADERS)

    assert [entry["code"] for entry in everything["replayed"]] == ["not-a-frame"] * 2
    assert everything["next_after"] is None
    assert one == {
        "dead_letter_id": 1,
        "thing": "hub-1",
        "is_read": False,
        "code": "not-a-frame",
    }
    assert none.status_code == 404


def test_late_frame_opens_usage_and_cost_again(api: Api) -> None:
    """A gap was spread over its hours and priced so; the true values take its place at once."""
    api.client.put(f"/v1/meters/{METER}/tariff", json=TARIFF, headers=HEADERS)
    day = {"from": "2026-03-01", "to": "2026-03-02"}
    steady = _half_hours(48)
    # By night, where a kilowatt-hour costs less, nothing was used until the third hour.
    true = [
        StampedSample(one.seq, one.taken_at_ms, {"import_mwh": 5_000 + max(one.seq - 6, 0) * 1_000})
        for one in steady
    ]
    api.send(frame_at(true[:1]), frame_at(true[20:]))
    before = (api.usage("2026-03-01", "2026-03-02"), api.get(f"meters/{METER}/cost", **day))

    api.send(frame_at(true[1:20]))
    after = (api.usage("2026-03-01", "2026-03-02"), api.get(f"meters/{METER}/cost", **day))

    assert _imports(before[0])[:20] == [700] * 20
    assert _imports(after[0])[:20] == [0] * 6 + [1_000] * 14
    assert (before[1]["estimated_slots"], after[1]["estimated_slots"]) == (20, 0)
    assert [line["energy_mwh"] for line in before[1]["lines"] if line["kind"] == "energy"] == [
        33_600,
        8_400,
    ]
    assert [line["energy_mwh"] for line in after[1]["lines"] if line["kind"] == "energy"] == [
        36_000,
        6_000,
    ]
    assert before[1]["total_millionths"] != after[1]["total_millionths"]


def test_correction_opens_usage_and_cost_again(api: Api) -> None:
    """Samples dated six hours late move, with their cost, to the slots they belong to."""
    api.client.put(f"/v1/meters/{METER}/tariff", json=TARIFF, headers=HEADERS)
    day = {"from": "2026-03-01", "to": "2026-03-02"}
    samples = [
        StampedSample(one.seq, one.taken_at_ms, {"import_mwh": one.seq * 1_000_000})
        for one in _half_hours(6)
    ]
    late = [
        StampedSample(one.seq, one.taken_at_ms + 12 * SLOT_MS, one.registers) for one in samples
    ]
    api.send(frame_at(late))
    before = api.get(f"meters/{METER}/cost", **day)

    api.send(frame_at(samples, revision=1))
    after = api.get(f"meters/{METER}/cost", **day)

    assert _imports(api.usage("2026-03-01", "2026-03-02"))[:12] == [1_000_000] * 6 + [None] * 6
    assert [line["name"] for line in before["lines"] if line["energy_mwh"]] == ["day"]
    assert [line["name"] for line in after["lines"] if line["energy_mwh"]] == ["night"]
    assert (before["net_millionths"], after["net_millionths"]) == (2_100_000, 1_200_000)


def test_meters_are_listed_with_their_gateways(api: Api) -> None:
    """Each meter says what it measures, since when, and through which hub."""
    api.send(frame_at(samples_of(1, 5)))

    (meter,) = api.get("meters")["meters"]

    assert meter == {
        "meter": METER,
        "medium": "electricity",
        "first_taken_at": "2026-03-01T00:00:10Z",
        "last_taken_at": "2026-03-01T00:00:50Z",
        "gateways": ["hub-1"],
        "counters": ["import_mwh"],
        "frames_pruned": 0,
    }


def test_unknown_path_is_a_problem(api: Api) -> None:
    """Even a path that does not exist answers as a problem."""
    api.problem("nothing/here", 404)


def test_unforeseen_error_is_a_problem_without_details(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault of ours is 500, says so, and shows nothing of itself."""

    def fail(*_: object) -> None:
        raise RuntimeError("secret")

    monkeypatch.setattr("cloud.readings.endpoints.list_meters", fail)

    problem = api.problem("meters", 500)

    assert "secret" not in str(problem)
