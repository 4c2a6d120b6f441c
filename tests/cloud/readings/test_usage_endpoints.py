"""Usage at the API: calendars, meters together and apart, gas, quality and comparisons."""

import datetime as dt
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from sqlalchemy import update

from cloud.readings.comparison import Days, kind_of_day, previous_of, year_before
from cloud.tables import households
from shared.calendar import day_start_ms
from shared.instants import format_utc
from shared.units import MS_PER_DAY, MS_PER_HOUR, SLOT_MS
from tests.support.cloud import METER, START_MS
from tests.support.usage_stage import UsageStage

DAY = {"start": "2026-03-01", "to": "2026-03-02"}


@pytest.fixture(name="stage")
def _stage(tmp_path: Path) -> Iterator[UsageStage]:
    stage = UsageStage(tmp_path)
    with stage.client:
        yield stage


def test_year_is_local(stage: UsageStage) -> None:
    """It begins and ends at the household's midnight."""
    stage.read_half_hours(4)

    (year,) = stage.usage("2026-03-01", "2026-03-02", "year")

    assert (year["start"], year["end"]) == ("2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z")
    assert year["import_mwh"] == 4_000
    assert "incomplete" in year["why"]


def test_days_are_of_the_household_and_not_of_the_service(stage: UsageStage) -> None:
    """A household that moved abroad has its own midnights; `zone` asks for another."""
    stage.read_half_hours(96)
    with stage.database.writing() as connection:
        connection.execute(update(households).values(zone="America/New_York"))

    own = stage.get(f"meters/{METER}/usage", **DAY, resolution="day")
    asked = stage.get(f"meters/{METER}/usage", **DAY, resolution="day", zone="Asia/Kolkata")

    assert own["zone"] == "America/New_York"
    assert own["intervals"][0]["start"] == "2026-03-01T05:00:00Z"
    assert asked["intervals"][0]["start"] == "2026-02-28T18:30:00Z"


def test_a_long_period_with_a_hole_says_of_each_day_what_the_day_says(stage: UsageStage) -> None:
    """From before the first reading into a day that is not over, across a clock change."""
    first = dt.date(2026, 2, 27)
    days = [str(first + dt.timedelta(days=n)) for n in range(40)]
    stage.read(
        {
            START_MS + n * SLOT_MS: {"import_mwh": n * n, "export_mwh": n * 7}
            for n in range(36 * 48 - 3)
            if not 12 * 48 + 40 < n < 13 * 48 + 5
        }
    )

    together = stage.usage(days[0], days[-1], "day")

    apart = [stage.usage(day, after, "day") for day, after in pairwise(days)]
    assert together == [one for answer in apart for one in answer]
    assert [one["start"][:10] for one in together if one["status"] != "measured"] == [
        "2026-02-27",
        "2026-02-28",
        "2026-03-13",
        "2026-03-14",
        "2026-04-04",
        "2026-04-05",
    ]


def test_reasons_are_told(stage: UsageStage) -> None:
    """A gap, a beginning, a register that began again, and nothing at all."""
    stage.read(
        {
            START_MS + SLOT_MS // 2: 1_000,
            START_MS + SLOT_MS: 2_000,
            START_MS + 4 * SLOT_MS: 8_000,
            START_MS + 5 * SLOT_MS: 9_000,
            START_MS + 6 * SLOT_MS: 10,
            START_MS + 7 * SLOT_MS: 20,
        }
    )

    found = stage.usage("2026-03-01T00:00:00Z", "2026-03-01T05:00:00Z")

    assert [one["why"] for one in found] == [
        ["partial"],
        ["gap"],
        ["gap"],
        ["gap"],
        [],
        ["break"],
        [],
        ["no-readings"],
        ["no-readings"],
        ["no-readings"],
    ]
    assert [one["import_mwh"] for one in found][1:4] == [2_000] * 3


def test_meters_and_registers_are_summed_or_apart(stage: UsageStage) -> None:
    """Two meters, one with two tariffs: one series, one each, or one for each register."""
    stage.read(
        {
            START_MS + n * SLOT_MS: {
                "import_t1_mwh": n * 10,
                "import_t2_mwh": n,
                "export_t1_mwh": n,
            }
            for n in range(49)
        },
        meter="M1",
    )
    stage.read_half_hours(24, rise=100, meter="M2")
    stage.read_half_hours(4, register="gas_l", meter="G1")

    (total,) = stage.get("usage", **DAY)["series"]
    apart = stage.get("usage", **DAY, by="meter")["series"]
    registers = stage.get("usage", **DAY, by="register", meter="M1")["series"]
    gas = stage.get("usage", **DAY, medium="gas")

    assert total["meters"] == ["M1", "M2"]
    assert total["intervals"][0]["import_mwh"] == 48 * 11 + 24 * 100
    assert total["intervals"][0]["export_mwh"] == 48
    assert total["intervals"][0]["status"] == "estimated"
    assert total["intervals"][0]["why"] == ["incomplete"]
    assert [one["intervals"][0]["import_mwh"] for one in apart] == [528, 2_400]
    assert [(one["register"], one["intervals"][0].get("import_mwh")) for one in registers] == [
        ("import_t1_mwh", 480),
        ("import_t2_mwh", 48),
        ("export_t1_mwh", None),
    ]
    assert gas["series"][0]["intervals"][0]["gas_l"] == 4_000
    assert gas["series"][0]["intervals"][0]["gas_mwh"] > 0
    assert stage.get("usage", **DAY, medium="water")["series"] == []


def test_gas_conversions_are_dated(stage: UsageStage) -> None:
    """Energy changes where the calorific value does; without settings the default holds."""
    stage.read_half_hours(48, register="gas_l")
    path = f"meters/{METER}/gas-conversions"
    before = stage.get(path)["conversions"]
    body = (
        b'[{"starts_on": "2026-03-01", "calorific_value_kj_per_m3": 36000,'
        b' "volume_correction_millionths": 1000000},'
        b' {"starts_on": "2026-03-02", "calorific_value_kj_per_m3": 40000}]'
    )

    answer = stage.ask("PUT", path, body)
    report = stage.get(f"meters/{METER}/usage", **DAY, resolution="day")

    assert [one["source"] for one in before] == ["default"]
    assert answer.status_code == 200
    assert [one["starts_on"] for one in answer.json()["conversions"]] == [
        "2000-01-01",
        "2026-03-01",
        "2026-03-02",
    ]
    assert report["intervals"][0]["gas_mwh"] == 480_000_000
    assert [one["source"] for one in report["conversions"]] == ["meter"]
    assert stage.ask("PUT", path, b"[]").status_code == 200
    assert stage.get(path)["conversions"] == before


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[" * 50_000,
        b'[{"starts_on": "2026-13-01", "calorific_value_kj_per_m3": 39500}]',
        b'[{"starts_on": "1900-01-01", "calorific_value_kj_per_m3": 39500}]',
        b'[{"starts_on": "2026-01-01", "calorific_value_kj_per_m3": 39.5}]',
        b'[{"starts_on": "2026-01-01", "calorific_value_kj_per_m3": 39}]',
        b'[{"starts_on": "2026-01-01", "calorific_value_kj_per_m3": NaN}]',
        b'[{"starts_on": "2026-01-01", "calorific_value_kj_per_m3": 39500, "x": 1}]',
        b'[{"starts_on":"2026-01-01","calorific_value_kj_per_m3":%d}]' % 10**30,
        b"[%b,%b]" % ((b'{"starts_on": "2026-01-01", "calorific_value_kj_per_m3": 39500}',) * 2),
    ],
)
def test_bad_conversions_are_refused(stage: UsageStage, body: bytes) -> None:
    """The problem lists what is wrong."""
    stage.read_half_hours(1, register="gas_l")

    answer = stage.ask("PUT", f"meters/{METER}/gas-conversions", body)

    assert answer.status_code == 422, answer.text
    assert answer.json()["faults"]


def test_only_gas_is_converted(stage: UsageStage) -> None:
    """Electricity has no calorific value."""
    stage.read_half_hours(1)

    assert "electricity" in stage.get(f"meters/{METER}/gas-conversions", 400)["detail"]


def test_quality_counts_every_half_hour_once(stage: UsageStage) -> None:
    """Measured, imported, estimated, missing and not yet; what is not measured is listed."""
    stage.read({START_MS + n * SLOT_MS: n * 10 for n in [*range(10), *range(14, 20)]})
    stage.clock.advance_to(START_MS + 30 * MS_PER_DAY)
    at_ms = START_MS + 22 * SLOT_MS
    stage.bring(
        f"Consumption (kWh),Start,End\n1,{format_utc(at_ms)},{format_utc(at_ms + SLOT_MS)}\n"
    )

    report = stage.get(f"meters/{METER}/quality", **DAY)
    later = stage.get(f"meters/{METER}/quality", start="2027-01-01", to="2027-01-02")

    (quantity,) = report["quantities"]
    assert quantity["quantity"] == "import_mwh"
    assert quantity["slots"] == 48
    assert quantity["measured_slots"] == 14
    assert quantity["estimated_slots"] == 5
    assert quantity["imported_slots"] == 1
    assert quantity["missing_slots"] == 28
    assert quantity["known_permille"] == 15 * 1_000 // 48
    assert [(one["status"], one["slots"]) for one in quantity["stretches"]] == [
        ("estimated", 5),
        ("missing", 3),
        ("measured", 1),
        ("missing", 25),
    ]
    assert later["quantities"][0]["not_yet_slots"] == 48
    assert later["quantities"][0]["known_permille"] is None


def test_a_period_is_compared(tmp_path: Path) -> None:
    """With the month before, the same month a year ago, and similar days."""
    stage = UsageStage(tmp_path, now_ms=START_MS + 40 * MS_PER_DAY)
    first_ms = START_MS - 400 * MS_PER_DAY
    stage.read({first_ms + n * MS_PER_HOUR // 2: n * 1_000 for n in range(440 * 48)})

    found = stage.get(f"meters/{METER}/usage/comparison", start="2026-03-01", to="2026-04-01")

    assert found["is_over"] is True
    assert found["period"]["import_mwh"] == (31 * 48 - 2) * 1_000
    assert (found["previous"]["start"], found["previous"]["import_mwh"]) == (
        "2026-02-01T00:00:00Z",
        28 * 48_000,
    )
    assert found["last_year"]["start"] == "2025-03-01T00:00:00Z"
    assert found["last_year"]["change_permille"] == 0
    assert found["similar"]["import_mwh"] == pytest.approx(31 * 48_000, rel=0.01)
    assert found["similar"]["days"] > 20


def test_a_period_that_is_not_over_is_compared_as_far_as_it_went(tmp_path: Path) -> None:
    """At noon, a day is held against half of the day before."""
    stage = UsageStage(tmp_path, now_ms=START_MS + MS_PER_DAY + MS_PER_DAY // 2)
    stage.read_half_hours(72)

    found = stage.get(f"meters/{METER}/usage/comparison", start="2026-03-02", to="2026-03-03")

    assert found["is_over"] is False
    assert found["period"]["import_mwh"] == 24_000
    assert found["previous"]["import_mwh"] == 48_000
    assert found["previous"]["so_far"]["import_mwh"] == 24_000
    assert found["previous"]["change_permille"] == 0
    assert found["last_year"]["change_permille"] is None
    assert found["similar"] is None


@pytest.mark.parametrize(
    ("first", "end", "previous", "year"),
    [
        ("2026-03-01", "2026-04-01", ("2026-02-01", "2026-03-01"), ("2025-03-01", "2025-04-01")),
        ("2026-01-01", "2027-01-01", ("2025-01-01", "2026-01-01"), ("2025-01-01", "2026-01-01")),
        ("2026-03-02", "2026-03-09", ("2026-02-23", "2026-03-02"), ("2025-03-03", "2025-03-10")),
        ("2028-02-29", "2028-03-01", ("2028-02-28", "2028-02-29"), ("2027-02-28", "2027-03-01")),
        ("2028-02-28", "2028-02-29", ("2028-02-27", "2028-02-28"), ("2027-02-28", "2027-03-01")),
    ],
)
def test_compared_periods(
    first: str, end: str, previous: tuple[str, str], year: tuple[str, str]
) -> None:
    """Whole months by months, whole weeks by weekdays, leap days by the days around."""

    def days(one: str, other: str) -> Days:
        return Days(dt.date.fromisoformat(one), dt.date.fromisoformat(other))

    assert previous_of(days(first, end)) == days(*previous)
    assert year_before(days(first, end)) == days(*year)


def test_days_are_alike_by_season_and_weekend() -> None:
    """December is with January, a Saturday with a Sunday."""
    kinds = [
        kind_of_day(dt.date(*day))
        for day in [(2026, 12, 1), (2026, 1, 2), (2026, 2, 28), (2026, 3, 1), (2026, 11, 30)]
    ]

    assert kinds == [(0, False), (0, False), (0, True), (1, True), (3, False)]


@pytest.mark.parametrize(
    "path",
    ["meters/M1/usage", "usage", "meters/M1/quality", "meters/M1/usage/comparison"],
)
@pytest.mark.parametrize(
    "query",
    [
        {"start": "2026-03-02", "to": "2026-03-01"},
        {"start": "1800-01-01", "to": "2000-01-01"},
        {"start": "NaN", "to": "2026-03-01"},
        {"start": "2026-03-01", "to": "٢٠٢٦-٠٣-٠٢"},
        {"start": "2026-03-01", "to": "9" * 300},
        {"start": "2026-03-01", "to": "9999-12-31T23:59:59Z"},
        {**DAY, "zone": "Mars/Base"},
        {**DAY, "zone": "Asia/Kathmandu"},
        {**DAY, "zone": "\0"},
        {**DAY, "zone": "Europe"},
        {**DAY, "zone": "x" * 300},
        {},
    ],
)
def test_bad_questions_are_problems(stage: UsageStage, path: str, query: dict[str, str]) -> None:
    """Never a failure here, and the field is named."""
    stage.read_half_hours(1)

    answer = stage.ask("GET", path, b"", **query)

    assert 400 <= answer.status_code < 500, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert any(name in answer.text for name in ("from", "to", "zone"))


@pytest.mark.parametrize(
    ("path", "query", "status"),
    [
        ("usage", {"meter": "none"}, 404),
        ("usage", {"meter": "G1"}, 400),
        ("usage", {"meter": ["M1"] * 17}, 422),
        ("usage", {"medium": "steam"}, 422),
        ("usage", {"start": "2010-01-01", "resolution": "half-hour"}, 400),
        ("meters/none/usage", {}, 404),
        ("meters/%00/usage", {}, 400),
        ("meters/M1/usage/comparison", {"start": "2026-03-01T01:00:00Z"}, 400),
        ("meters/M1/usage/comparison", {"start": "2024-03-01"}, 400),
        ("meters/M1/quality", {"start": "2010-01-01"}, 400),
        ("meters/none/quality", {}, 404),
    ],
)
def test_questions_that_have_no_answer(
    stage: UsageStage, path: str, query: dict[str, str], status: int
) -> None:
    """Unknown meters, other media, too much at once."""
    stage.read_half_hours(1, meter="M1")
    stage.read_half_hours(1, register="gas_l", meter="G1")

    answer = stage.ask("GET", path, b"", **{**DAY, **query})

    assert answer.status_code == status, answer.text


def test_century_is_answered_at_once(stage: UsageStage) -> None:
    """A range without readings costs nothing: years from 2000 to 2099."""
    stage.read_half_hours(48)

    years = stage.usage("2000-01-01", "2099-12-31", "year")

    assert len(years) == 100
    assert sum(one["import_mwh"] or 0 for one in years) == 48_000


@pytest.mark.parametrize("day", ["2026-03-29", "2026-10-25"])
def test_days_of_clock_changes_have_their_own_length(tmp_path: Path, day: str) -> None:
    """46 and 50 half hours; the day's sum is theirs."""
    date = dt.date.fromisoformat(day)
    stage = UsageStage(tmp_path, now_ms=START_MS + 300 * MS_PER_DAY)
    zone = stage.app.state.parts.zone
    start_ms = day_start_ms(date, zone)
    stage.read_half_hours(60, start_ms)
    after = (date + dt.timedelta(days=1)).isoformat()

    (whole,) = stage.usage(day, after, "day")

    slots = stage.usage(day, after)
    assert len(slots) == (46 if date.month == 3 else 50)
    assert whole["import_mwh"] == len(slots) * 1_000
    assert whole["status"] == "measured"
