"""Exports: every format says the same, in bounded pieces, and can be brought back."""

import csv
import io
import itertools
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pyarrow.parquet as pq  # type: ignore[import-untyped]
import pytest

from cloud.exports import parquet, rows
from cloud.exports.columns import Column, Kind
from cloud.exports.parquet import write_parquet
from cloud.exports.text import write_csv, write_json
from cloud.ingest.hubbatch import Rules
from cloud.ingest.intake import Message
from cloud.ingest.service import IngestService
from cloud.readings.known import known_usage
from shared.instants import format_utc
from shared.units import MS_PER_DAY, MS_PER_HOUR, SLOT_MS, exact_decimal
from tests.support.cloud import METER, START_MS, payload_of, samples_of
from tests.support.usage_stage import UsageStage

DAY = {"meter": METER, "start": "2026-03-01", "to": "2026-03-02"}
ESPI = "{http://naesb.org/espi}"


@pytest.fixture(name="stage")
def _stage(tmp_path: Path) -> Iterator[UsageStage]:
    stage = UsageStage(tmp_path)
    readings = {
        START_MS + n * SLOT_MS: {"import_mwh": n * 1_500_001, "export_mwh": n * 7}
        for n in range(20)
    }
    readings |= {
        START_MS + n * SLOT_MS: {"import_mwh": n * 1_500_001, "export_mwh": n * 7}
        for n in range(25, 40)
    }
    stage.read(readings)
    with stage.client:
        yield stage


def exported(stage: UsageStage, kind: str, written: str, **query: str) -> bytes:
    """Fetch an export, which must be given."""
    answer = stage.ask("GET", f"exports/{kind}", b"", **{**DAY, **query}, format=written)
    assert answer.status_code == 200, answer.text
    assert "attachment" in answer.headers["content-disposition"]
    return answer.content


def test_no_more_than_a_month_is_read_at_once(
    stage: UsageStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the resolution: ten years by month are as many half hours as by half hour."""
    read: list[int] = []

    def noted(*asked: Any) -> Any:
        read.append(asked[-1][1] - asked[-1][0])
        return known_usage(*asked)

    monkeypatch.setattr("cloud.exports.rows.known_usage", noted)
    period = {"start": "2025-01-01", "to": "2027-01-01"}

    months = exported(stage, "usage", "csv", **period, resolution="month")
    monthly = list(read)
    days = exported(stage, "usage", "csv", **period, resolution="day")

    assert (len(monthly), max(monthly)) == (24, 31 * MS_PER_DAY + MS_PER_HOUR)
    assert max(read) <= rows.BATCH_MS
    assert (len(months.splitlines()), len(days.splitlines())) == (25, 731)


def test_every_format_says_what_the_api_says(stage: UsageStage) -> None:
    """CSV in exact decimals, JSON and Parquet in the integers of the API."""
    served = stage.usage("2026-03-01", "2026-03-02")

    table = list(csv.DictReader(io.StringIO(exported(stage, "usage", "csv").decode())))
    document = stage.ask("GET", "exports/usage", b"", **DAY, format="json").json()
    packed = pq.read_table(io.BytesIO(exported(stage, "usage", "parquet"))).to_pylist()

    wanted = [one["import_mwh"] for one in served]
    assert wanted[-1] is None
    assert [one.get("import_mwh") for one in document["intervals"]] == wanted
    assert [one["import_mwh"] for one in packed] == wanted
    assert [one["import_kwh"] for one in table] == [
        "" if one is None else exact_decimal(one, 1_000_000) for one in wanted
    ]
    assert [one["status"] for one in table] == [one["status"] for one in served]
    assert table[20]["why"] == "gap"
    assert table[0]["local_start"] == "2026-03-01T00:00:00+00:00"
    assert document["zone"] == "Europe/London"
    assert packed[0]["start"].isoformat() == "2026-03-01T00:00:00+00:00"


def test_green_button_is_a_feed_of_exact_readings(stage: UsageStage) -> None:
    """Read by another parser: import and export apart, what is missing left out."""
    root = ET.fromstring(exported(stage, "usage", "espi"))  # our own

    values = [int(one.text or "") for one in root.iter(f"{ESPI}value")]
    directions = [one.text for one in root.iter(f"{ESPI}flowDirection")]
    qualities = [one.text for one in root.iter(f"{ESPI}quality")]
    ids = [one.text for one in root.iter("{http://www.w3.org/2005/Atom}id")]
    assert sum(values[:39]) == 39 * 1_500_001
    assert sum(values[39:]) == 39 * 7
    assert directions == ["1", "19"]
    assert set(qualities) == {"9"}
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("written", ["csv", "espi"])
@pytest.mark.parametrize("flow", ["import", "export"])
def test_what_is_exported_can_be_imported_again(
    stage: UsageStage, tmp_path: Path, written: str, flow: str
) -> None:
    """In another household, half hour by half hour the same."""
    file = exported(stage, "usage", written)
    other = UsageStage(tmp_path / "other")
    other.read({START_MS + MS_PER_DAY: 0}, meter=METER)

    report = other.bring(file, flow=flow)

    name = f"{flow}_mwh"
    assert report["rejected_rows"] == 0
    assert [one[name] for one in other.usage("2026-03-01", "2026-03-02")][:39] == [
        one[name] for one in stage.usage("2026-03-01", "2026-03-02")
    ][:39]


def test_samples_are_given_once_and_in_order(stage: UsageStage) -> None:
    """Also those that two frames hold; each register by its name."""
    table = list(csv.DictReader(io.StringIO(exported(stage, "samples", "csv").decode())))
    packed = pq.read_table(io.BytesIO(exported(stage, "samples", "parquet"))).to_pylist()

    assert len(table) == len(packed) == 35
    assert [one["taken_at"] for one in table] == sorted(one["taken_at"] for one in table)
    assert table[1]["import_mwh"] == "1500001"
    assert packed[1]["export_mwh"] == 7
    assert table[1]["voltage_l1_mv"] == ""


def test_corrected_sample_is_given_as_it_was_corrected(stage: UsageStage) -> None:
    """Once, at its new time: the copy that a higher revision replaced is no sample any more."""
    service = IngestService(stage.database, stage.clock, Rules())
    for revision, later_ms in ((0, 0), (1, 60_000)):
        samples = samples_of(1, 3, start_ms=START_MS + later_ms, register="power_import_w")
        payload = payload_of(samples, revision=revision, log_id=b"corrected".ljust(16, b"-"))
        service.ingest([Message("hub-9", payload, stage.clock.utc_ms())])

    table = list(csv.DictReader(io.StringIO(exported(stage, "samples", "csv").decode())))

    found = [(one["taken_at"], one["revision"]) for one in table if one["power_import_w"]]
    assert found == [(format_utc(START_MS + 60_000 + n * 10_000), "1") for n in (1, 2, 3)]


def test_gas_goes_out_and_comes_in_as_green_button(stage: UsageStage, tmp_path: Path) -> None:
    """In cubic metres, by the litre."""
    stage.read({START_MS + n * SLOT_MS: n * 1_234 for n in range(49)}, "gas_l", "G1")
    file = exported(stage, "usage", "espi", meter="G1")
    other = UsageStage(tmp_path / "other")
    other.read({START_MS + MS_PER_DAY: 0}, "gas_l", METER)

    report = other.bring(file)

    assert (report["rejected_rows"], report["slots"]) == (0, 48)
    assert {one["gas_l"] for one in other.usage("2026-03-01", "2026-03-02")} == {1_234}


def test_resolution_and_zone_are_those_asked_for(stage: UsageStage) -> None:
    """A year of days in another calendar."""
    file = exported(stage, "usage", "csv", resolution="month", zone="Europe/Berlin")

    (month, *_) = csv.DictReader(io.StringIO(file.decode()))
    assert month["start"] == "2026-02-28T23:00:00Z"
    assert month["local_start"] == "2026-03-01T00:00:00+01:00"


@pytest.mark.parametrize(
    ("kind", "query", "status"),
    [
        ("usage", {"meter": "none"}, 404),
        ("usage", {"meter": "x" * 65}, 422),
        ("usage", {"format": "xls"}, 422),
        ("usage", {"zone": "Asia/Kathmandu"}, 400),
        ("usage", {"start": "1800-01-01", "to": "2000-01-01"}, 400),
        ("usage", {"start": "2026-03-02", "to": "2026-03-01"}, 400),
        ("usage", {"start": "2001-01-01", "to": "2026-03-01"}, 400),
        ("samples", {"start": "2020-01-01", "to": "2026-03-01"}, 400),
        ("samples", {"start": "NaN"}, 400),
        ("samples", {"format": "espi"}, 422),
    ],
)
def test_bad_questions_are_problems(
    stage: UsageStage, kind: str, query: dict[str, str], status: int
) -> None:
    """Before the first byte, so that a download never breaks for them."""
    answer = stage.ask("GET", f"exports/{kind}", b"", **{**DAY, **query})

    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"


def test_green_button_has_no_water(tmp_path: Path) -> None:
    """The problem says what to ask for."""
    stage = UsageStage(tmp_path)
    stage.read_half_hours(2, register="water_l")

    assert "csv" in stage.get("exports/usage", 400, **DAY, format="espi")["hint"]
    assert stage.ask("GET", "exports/usage", b"", **DAY).status_code == 200


def test_parquet_is_an_extra(stage: UsageStage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without it the answer is 406 and says what to do."""
    monkeypatch.setattr(parquet, "find_spec", lambda _name: None)

    problem = stage.get("exports/usage", 406, **DAY, format="parquet")

    assert problem["code"] == "parquet-not-installed"


def test_text_that_a_spreadsheet_would_run_is_quoted() -> None:
    """A meter's id is whatever a meter says."""
    columns = [Column("meter", Kind.TEXT), Column("start", Kind.INSTANT)]
    rows: list[dict[str, Any]] = [{"meter": "=1+1", "start": START_MS}]

    text = b"".join(write_csv(columns, [rows])).decode()

    assert text == f"meter,start\r\n'=1+1,{format_utc(START_MS)}\r\n"


def test_memory_does_not_grow_with_the_rows() -> None:
    """Twenty times the rows take no more at once, in any format."""
    columns = [Column("start", Kind.INSTANT), Column("import_mwh", Kind.INTEGER)]

    def batches(count: int) -> Iterator[list[dict[str, Any]]]:
        for number in range(count):
            yield [{"start": START_MS + n, "import_mwh": number * n} for n in range(500)]

    def peak(written: str, count: int) -> int:
        tracemalloc.start()
        rows = batches(count)
        pieces = {
            "csv": lambda: write_csv(columns, rows),
            "json": lambda: write_json({}, "rows", columns, rows),
            "parquet": lambda: write_parquet(columns, rows),
        }[written]()
        assert sum(map(len, pieces)) > 0
        top = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return top

    for written in ("csv", "json", "parquet"):
        peak(written, 2)
        # All rows at once would be twenty times as much; the collector has its own hours.
        assert peak(written, 60) < 5 * peak(written, 3), written


def test_exact_decimals() -> None:
    """No digit is lost or made up."""
    found = [exact_decimal(*one) for one in [(1, 1_000_000), (-1_500, 1_000), (7, 1), (0, 1_000)]]

    assert found == ["0.000001", "-1.500", "7", "0.000"]
    assert all(
        int(exact_decimal(n, 1_000).replace(".", "")) == n
        for n in itertools.chain(range(0, 5_000, 7))
    )
