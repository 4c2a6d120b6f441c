"""Imports at the API: looked at first, kept apart, never over what was measured, undone."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cloud.households.tenancies import hand_over
from cloud.imports import endpoints
from cloud.ingest.hubbatch import Rules
from cloud.ingest.intake import Message
from cloud.ingest.service import IngestService
from shared.instants import format_utc
from shared.units import SLOT_MS
from tests.support.cloud import HEADERS, METER, START_MS, payload_of, samples_of
from tests.support.cost_stage import CostStage
from tests.support.usage_stage import UsageStage

BEFORE_MS = START_MS - 4 * SLOT_MS
HEADER = "Consumption (kwh), Estimated Cost Inc. Tax (p), Start, End"


@pytest.fixture(name="stage")
def _stage(tmp_path: Path) -> Iterator[UsageStage]:
    stage = UsageStage(tmp_path)
    stage.read_half_hours(4, rise=1_000_000, base=100_000_000)
    with stage.client:
        yield stage


def octopus(*kwh: str, start_ms: int = BEFORE_MS) -> str:
    """Write half hours as Octopus does."""
    lines = [HEADER]
    for place, one in enumerate(kwh):
        at_ms = start_ms + place * SLOT_MS
        lines.append(f"{one}, 1.5, {format_utc(at_ms)}, {format_utc(at_ms + SLOT_MS)}")
    return "\n".join(lines) + "\n"


def amounts(stage: UsageStage) -> list[int | None]:
    """What was used in the two hours before and the two after the meter was first read."""
    return [
        one["import_mwh"]
        for one in stage.usage(format_utc(BEFORE_MS), format_utc(START_MS + 4 * SLOT_MS))
    ]


def test_history_stands_where_the_meter_said_nothing(stage: UsageStage) -> None:
    """Half hours before the first reading are the import's; those after are the meter's."""
    report = stage.bring(octopus(*["0.5"] * 8))

    assert (report["outcome"], report["format"]) == ("imported", "octopus-csv")
    assert (report["slots"], report["measured_slots"], report["amount"]) == (8, 4, 4_000_000)
    assert amounts(stage) == [500_000] * 4 + [1_000_000] * 4
    found = stage.usage(format_utc(BEFORE_MS), format_utc(START_MS + SLOT_MS))
    assert [one["source"] for one in found] == ["imported"] * 4 + ["meter"]
    assert {one["status"] for one in found} == {"measured"}


def test_reading_that_comes_later_takes_the_place_of_history(stage: UsageStage) -> None:
    """What is measured wins whenever it comes, and the import is still listed."""
    stage.bring(octopus("0.5", "0.5", "0.5", "0.5"))

    stage.read({BEFORE_MS: 0, BEFORE_MS + SLOT_MS: 7}, meter="M2")
    assert amounts(stage)[:4] == [500_000] * 4
    stage.read({BEFORE_MS + n * SLOT_MS: 96_000_000 + n * 1_000_000 for n in range(5)})

    assert amounts(stage)[:4] == [1_000_000] * 4
    assert len(stage.get("imports")["imports"]) == 1


def test_dry_run_keeps_nothing(stage: UsageStage) -> None:
    """It says what would be done, and what is wrong by line."""
    body = octopus("0.5", "NaN", "-1", "0.5") + "short\n"

    report = stage.bring(body, 200, dry_run="true")

    assert (report["outcome"], report["import_id"], report["slots"]) == ("planned", None, 2)
    assert [(one["line"], one["reason"].split(":")[0]) for one in report["faults"]] == [
        (3, "the amount is no decimal number"),
        (4, "the amount is negative"),
        (6, "1 of 4 fields"),
    ]
    assert stage.get("imports")["imports"] == []
    assert amounts(stage)[:3] == [None] * 3


def test_file_with_faults_is_refused_unless_the_rest_is_asked_for(stage: UsageStage) -> None:
    """Each bad row is named by its line; `accept_partial` imports the others."""
    body = octopus("0.5", "x", "0.5", "0.5")

    problem = stage.bring(body, 422)
    report = stage.bring(body, accept_partial="true")

    assert problem["faults"][0].startswith("line 3: the amount is no decimal number")
    assert (report["rejected_rows"], report["slots"]) == (1, 3)
    assert amounts(stage)[:4] == [500_000, None, 500_000, 500_000]


def test_same_file_again_changes_nothing(stage: UsageStage) -> None:
    """The import that said it before is named, whatever the order of its rows."""
    first = stage.bring(octopus("0.5", "0.25"))
    header, *rows = octopus("0.5", "0.25").splitlines()

    again = stage.bring("\n".join([header, *reversed(rows)]), 200)

    assert again["outcome"] == "known"
    assert again["import_id"] == first["import_id"]
    assert len(stage.get("imports", meter=METER)["imports"]) == 1


def test_undoing_an_import_brings_back_what_stood_before(stage: UsageStage) -> None:
    """The latest import holds, then the earlier one, then nothing."""
    first = stage.bring(octopus("0.5", "0.5"))
    stage.clock.advance_to(stage.clock.utc_ms() + 1_000)
    second = stage.bring(octopus("0.7"))
    assert second["changed_slots"] == 1
    assert amounts(stage)[:2] == [700_000, 500_000]

    answers: list[object] = []
    for one in (second, first):
        answers.append(stage.ask("DELETE", f"imports/{one['import_id']}").status_code)
        answers.append(amounts(stage)[:2])

    assert answers == [204, [500_000, 500_000], 204, [None, None]]
    assert stage.ask("DELETE", f"imports/{first['import_id']}").status_code == 404


def test_gap_takes_the_shape_of_what_was_imported_and_keeps_its_energy(tmp_path: Path) -> None:
    """Between two readings the sum is the meter's to the mWh, laid out as the import has it."""
    stage = UsageStage(tmp_path)
    stage.read({START_MS: 0, START_MS + SLOT_MS: 100, START_MS + 4 * SLOT_MS: 1_000})
    flat = stage.usage(format_utc(START_MS), format_utc(START_MS + 4 * SLOT_MS))

    stage.bring(octopus("1", "2", "7", "9", start_ms=START_MS))

    shaped = stage.usage(format_utc(START_MS), format_utc(START_MS + 4 * SLOT_MS))
    inside = [one["import_mwh"] for one in shaped]
    assert [one["import_mwh"] for one in flat] == [100, 300, 300, 300]
    assert inside == [100, 133, 467, 300]
    assert sum(inside) == 1_000
    assert shaped[1]["why"] == ["gap", "shaped"]
    assert shaped[1]["status"] == "estimated"


def test_bills_count_imported_half_hours(tmp_path: Path) -> None:
    """What is shown is what is priced."""
    stage = CostStage(tmp_path)
    stage.read_meter([1_000_000] * 4)
    tariff = {
        "name": "Flat",
        "currency": "GBP",
        "versions": [
            {
                "version": "1",
                "starts_on": "2020-01-01",
                "standing_millionths_per_day": 0,
                "vat_permille": 0,
                "prices": {"kind": "flat", "price_millionths_per_kwh": 200_000},
            }
        ],
    }
    stage.put(f"meters/{METER}/tariff", tariff)
    period = {"start": "2026-02-28", "to": "2026-03-01"}
    before = stage.meter("cost", **period)

    answer = stage.client.post(
        "/v1/imports",
        params={"meter": METER},
        headers=HEADERS,
        content=octopus("0.5", "0.5", "0.5", "0.5"),
    )

    assert answer.status_code == 201
    assert before["total_millionths"] == 0
    assert stage.meter("cost", **period)["total_millionths"] == 400_000


def test_gas_in_energy_becomes_the_litres_of_its_conversion(tmp_path: Path) -> None:
    """The unit must be said; kWh are turned back by what held at the time."""
    stage = UsageStage(tmp_path)
    stage.read_half_hours(2, register="gas_l")
    body = (
        f'{{"results": [{{"consumption": 11.220633, "interval_start": "{format_utc(BEFORE_MS)}",'
        f' "interval_end": "{format_utc(BEFORE_MS + SLOT_MS)}"}}]}}'
    )

    problem = stage.bring(body, 400)
    stage.bring(body, unit="kWh")

    assert problem["detail"].startswith("unit:")
    (one,) = stage.usage(format_utc(BEFORE_MS), format_utc(BEFORE_MS + SLOT_MS))
    assert one["gas_l"] == 1_000
    assert one["gas_mwh"] == pytest.approx(11_220_633, abs=6_000)


@pytest.mark.parametrize(
    ("body", "query", "status"),
    [
        (b"", {}, 400),
        (b"hello", {}, 400),
        (b"\xff\xfe\x00", {"format": "octopus-csv"}, 400),
        (b"{", {"format": "n3rgy-json"}, 400),
        (b"[" * 100_000, {"format": "glow-json"}, 400),
        (b'{"results": [NaN]}', {}, 400),
        (b'{"results": {}}', {"format": "octopus-json"}, 400),
        (HEADER.encode(), {}, 400),
        (HEADER.encode(), {"meter": "none"}, 404),
        (HEADER.encode(), {"meter": "\0"}, 400),
        (HEADER.encode(), {"zone": "Mars/Base"}, 400),
        (HEADER.encode(), {"zone": "../../etc/passwd"}, 400),
        (HEADER.encode(), {"format": "xls"}, 422),
        (HEADER.encode(), {"unit": "therms"}, 422),
        (HEADER.encode(), {"dry_run": "perhaps"}, 422),
        (b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', {}, 400),
        (b"<a><b></a>", {}, 400),
        (b"<feed/>", {}, 400),
        (b"<a>" * 100, {}, 400),
        (HEADER.encode() + b'\n"' + b"x" * 200_000, {}, 422),
    ],
)
def test_bad_files_and_questions_are_problems(
    stage: UsageStage, body: bytes, query: dict[str, str], status: int
) -> None:
    """Never a failure here: what is wrong is named."""
    answer = stage.ask("POST", "imports", body, **{"meter": METER, **query})

    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"


def test_what_is_too_large_or_too_much_is_refused(
    stage: UsageStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bytes, imports and listed faults have their limits."""
    monkeypatch.setattr(endpoints, "MAX_IMPORTS", 1)
    monkeypatch.setattr(endpoints, "MAX_FAULTS", 2)
    stage.bring(octopus("0.5"))

    full = stage.bring(octopus("0.6"), 409)
    faulty = stage.bring(octopus("x", "x", "x"), 200, dry_run="true")
    monkeypatch.setattr(endpoints, "MAX_IMPORT_BYTES", 100)
    large = stage.bring(octopus("0.7", "0.7"), 413)

    assert "DELETE" in full["hint"]
    assert (len(faulty["faults"]), faulty["faults_left_off"]) == (2, 1)
    assert "100 bytes" in large["detail"]


def test_another_household_neither_sees_nor_undoes(stage: UsageStage) -> None:
    """Imports stay with the household that made them, also when its hub is handed over."""
    made = stage.bring(octopus("0.5"))
    now_ms = stage.clock.utc_ms()
    with stage.database.writing() as connection:
        _, handed = hand_over(connection, "hub-1", "Next", "Europe/London", now_ms)
    sent = payload_of(samples_of(1, 2, start_ms=now_ms), log_id=b"next".ljust(16, b"-"))
    IngestService(stage.database, stage.clock, Rules()).ingest([Message("hub-1", sent, now_ms)])

    def ask(method: str, path: str) -> Any:
        headers = {"Authorization": f"Bearer {handed.token}"}
        return stage.client.request(method, f"/v1/{path}", headers=headers)

    assert ask("GET", "imports").json() == {"imports": []}
    assert ask("DELETE", f"imports/{made['import_id']}").status_code == 404
    exported = ask("GET", f"exports/usage?meter={METER}&from=2026-02-28&to=2026-03-02").text
    assert "0.5" not in exported
    assert [one["import_id"] for one in stage.get("imports")["imports"]] == [made["import_id"]]


def test_imported_history_ends_where_the_household_left(stage: UsageStage) -> None:
    """What was imported before that was said is told no further than they lived there."""
    stage.bring(octopus(*["0.5"] * 8))
    left_ms = START_MS - 2 * SLOT_MS

    with stage.database.writing() as connection:
        hand_over(connection, "hub-1", "Next", "UTC", stage.clock.utc_ms(), at_ms=left_ms)

    assert amounts(stage) == [500_000] * 2 + [None] * 6


def test_history_of_another_familys_time_is_no_history(stage: UsageStage) -> None:
    """Rows of after the household left are faults by line, before they would ever be shown."""
    left_ms = START_MS + 2 * SLOT_MS
    with stage.database.writing() as connection:
        hand_over(connection, "hub-1", "Next", "UTC", stage.clock.utc_ms(), at_ms=left_ms)

    refused = stage.bring(octopus(*["0.5"] * 8), 422)
    report = stage.bring(octopus(*["0.5"] * 8), accept_partial="true")

    assert len(refused["faults"]) == 2
    assert all("not this household's then" in one for one in refused["faults"])
    assert (report["rejected_rows"], report["slots"]) == (2, 6)


def test_files_wait_for_their_turn(stage: UsageStage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where others are being read, the answer says to come again, and holds no thread."""
    monkeypatch.setattr(endpoints, "AT_ONCE", threading.BoundedSemaphore(1))
    endpoints.AT_ONCE.acquire()

    problem = stage.bring(octopus("0.5"), 429)

    assert "again" in problem["hint"]
