"""Costs by agreement: switches, late prices, exports, tiers, and costs by interval."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cloud.households.repository import Household, put_household
from cloud.scope import Scope
from cloud.tariffs.hubtariffs import hub_tariffs
from shared.units import MS_PER_DAY
from tests.support.cloud import METER, START_MS
from tests.support.cost_stage import KWH, CostStage, flat_offer, rates_page, version

pytestmark = pytest.mark.usefixtures("either_store")

DAY = {"start": "2026-03-01", "to": "2026-03-02"}
AGILE = "E-1R-AGILE-24-10-01-C"


@pytest.fixture(name="stage")
def _stage(tmp_path: Path) -> Iterator[CostStage]:
    stage = CostStage(tmp_path)
    with stage.client:
        yield stage


def dynamic_file(*rows: tuple[str, str | None, float]) -> dict[str, Any]:
    """Spell a file of published half-hourly rates with 60 p a day."""
    return {
        "kind": "published-rates",
        "code": AGILE,
        "name": "Agile",
        "region": "C",
        "standard_unit_rates": [rates_page(*rows)],
        "standing_charges": [rates_page(("2025-01-01T00:00:00Z", None, 60.0))],
    }


def test_switch_of_tariff_is_two_bills_in_one(stage: CostStage) -> None:
    """Each day is priced by what was agreed for it, and each line says by which tariff."""
    stage.read_meter([KWH] * 96)
    offers = [flat_offer("old", 100_000), flat_offer("new", 200_000)]
    stage.import_file({"kind": "catalogue", "tariffs": offers})
    stage.put(
        f"meters/{METER}/agreements",
        [
            {"starts_on": "2026-03-02", "tariff_code": "new"},
            {"starts_on": "2026-01-01", "ends_on": "2026-03-02", "tariff_code": "old"},
        ],
    )

    bill = stage.meter("cost", start="2026-03-01", to="2026-03-03")

    charged = [
        (one["kind"], one["tariff_code"], one["amount_millionths"])
        for one in bill["lines"]
        if one["kind"] != "standing"
    ]
    assert charged == [
        ("energy", "old", 4_800_000),
        ("vat", "old", 240_000),
        ("energy", "new", 9_600_000),
        ("vat", "new", 480_000),
    ]
    assert bill["total_millionths"] == sum(one["amount_millionths"] for one in bill["lines"])
    assert [one["tariff_code"] for one in bill["agreements"]] == ["old", "new"]
    assert bill["total_minor"] == 1_512


def test_days_are_the_households_own(stage: CostStage) -> None:
    """Not those of the zone that the cloud is configured with."""
    stage.read_meter([KWH] * 96)
    stage.import_file({"kind": "catalogue", "tariffs": [flat_offer("one", 100_000)]})
    stage.put(f"meters/{METER}/agreements", [{"starts_on": "2026-01-01", "tariff_code": "one"}])
    with stage.database.writing() as connection:
        put_household(connection, Household("home", "Home", "Asia/Tokyo"))

    series = stage.meter("costs", start="2026-03-02", to="2026-03-03")
    bill = stage.meter("cost", start="2026-03-02", to="2026-03-03")

    assert series["zone"] == "Asia/Tokyo"
    assert [one["start"] for one in series["intervals"]] == ["2026-03-01T15:00:00Z"]
    assert (bill["start"], bill["end"]) == ("2026-03-01T15:00:00Z", "2026-03-02T15:00:00Z")
    assert bill["total_millionths"] == series["intervals"][0]["total_millionths"]


def test_what_no_agreement_covers_is_unpriced(stage: CostStage) -> None:
    """Also when the meter has a tariff of its own: agreements are the household's word."""
    stage.read_meter([KWH] * 48)
    stage.import_file({"kind": "catalogue", "tariffs": [flat_offer("new", 200_000)]})
    stage.put(f"meters/{METER}/agreements", [{"starts_on": "2026-03-02", "tariff_code": "new"}])

    bill = stage.meter("cost", **DAY)

    assert (bill["unpriced_slots"], bill["unpriced_mwh"]) == (48, 48 * KWH)
    assert bill["total_millionths"] == 0


def test_late_price_prices_its_half_hour_again(stage: CostStage) -> None:
    """Unpriced until it is known; then in the next answer, by the same code."""
    stage.read_meter([KWH] * 48)
    stage.import_file(
        dynamic_file(
            ("2026-03-01T00:00:00Z", "2026-03-01T12:00:00Z", 20.02),
            ("2026-03-01T12:30:00Z", "2026-03-02T00:00:00Z", 10.0),
        )
    )
    stage.put(f"meters/{METER}/agreements", [{"starts_on": "2026-01-01", "tariff_code": AGILE}])
    before = stage.meter("cost", **DAY)
    late = rates_page(("2026-03-01T12:00:00Z", "2026-03-01T12:30:00Z", -5.0))

    stage.import_file(late, rates_of=AGILE)

    after = stage.meter("cost", **DAY)
    assert (before["unpriced_slots"], after["unpriced_slots"]) == (1, 0)
    assert before["unpriced_mwh"] == KWH
    energy = {one["name"]: one["amount_millionths"] for one in after["lines"]}
    assert energy["half-hourly"] == 24 * 200_200 + 23 * 100_000 - 50_000
    assert energy["standing charge"] == 600_000
    assert after["lines"][0]["price_millionths_per_kwh"] is None
    assert stage.get(f"tariffs/{AGILE}")["revision"] == 2


def test_export_is_taken_off_the_bill(stage: CostStage) -> None:
    """By an agreement for it; its energy is on its own line."""
    stage.read_meter([KWH] * 48)
    stage.read_meter([KWH * 2] * 48, "export_mwh", b"2" * 16)
    out = flat_offer("out", 150_000)
    out["tariff"] |= {"flow": "export"}
    out["tariff"]["versions"][0]["vat_permille"] = 0
    stage.import_file({"kind": "catalogue", "tariffs": [flat_offer("in", 250_000), out]})
    agreements = [
        {"starts_on": "2026-01-01", "tariff_code": "in"},
        {"starts_on": "2026-01-01", "tariff_code": "out", "flow": "export"},
    ]
    stage.put(f"meters/{METER}/agreements", agreements)

    bill = stage.meter("cost", **DAY)

    amounts = {one["kind"]: one["amount_millionths"] for one in bill["lines"]}
    assert amounts.pop("standing") == 0
    assert amounts == {"energy": 12_000_000, "vat": 600_000, "export": -14_400_000}
    assert bill["total_minor"] == -180
    turned = [{"starts_on": "2026-01-01", "tariff_code": "out"}]
    assert "flow" in stage.put(f"meters/{METER}/agreements", turned, 422)["faults"][0]


def test_tiers_of_a_month_are_filled_by_its_earlier_days(stage: CostStage) -> None:
    """The second day of the month begins where the first one left the tier."""
    stage.read_meter([KWH] * 96)
    tiers = [
        {"name": "first", "price_millionths_per_kwh": 100_000, "up_to_mwh": 60 * KWH},
        {"name": "rest", "price_millionths_per_kwh": 300_000},
    ]
    offer = flat_offer("tiers", 0)
    offer["tariff"]["versions"] = [version({"kind": "tiers", "per": "month", "tiers": tiers})]
    stage.import_file({"kind": "catalogue", "tariffs": [offer]})
    stage.put(f"meters/{METER}/agreements", [{"starts_on": "2026-01-01", "tariff_code": "tiers"}])

    second = stage.meter("cost", start="2026-03-02", to="2026-03-03")
    both = stage.meter("costs", start="2026-03-01", to="2026-03-03", resolution="day")

    energy = {one["name"]: one["energy_mwh"] for one in second["lines"] if one["kind"] == "energy"}
    assert energy == {"first": 12 * KWH, "rest": 36 * KWH}
    assert both["intervals"][1]["total_millionths"] == second["total_millionths"]


@pytest.mark.parametrize(("resolution", "count"), [("half-hour", 48), ("hour", 24), ("day", 1)])
def test_costs_of_intervals_sum_to_the_day(stage: CostStage, resolution: str, count: int) -> None:
    """The standing charge is in the interval in which the day begins."""
    stage.read_meter([KWH] * 48)
    offer = flat_offer("flat", 250_000)
    offer["tariff"]["versions"][0]["standing_millionths_per_day"] = 600_000
    stage.import_file({"kind": "catalogue", "tariffs": [offer]})
    stage.put(f"meters/{METER}/agreements", [{"starts_on": "2026-01-01", "tariff_code": "flat"}])

    found = stage.meter("costs", resolution=resolution, **DAY)

    assert len(found["intervals"]) == count
    total = sum(one["total_millionths"] for one in found["intervals"])
    assert total == stage.meter("cost", **DAY)["total_millionths"] == 13_230_000


def test_months_of_a_year_through_both_clock_changes(stage: CostStage) -> None:
    """Every month's cost is a bill's, and their standing charges are of 365 days."""
    stage.read_meter([KWH // 10] * (365 * 48))
    offer = flat_offer("flat", 0)
    offer["tariff"]["versions"][0] |= {"standing_millionths_per_day": 1_000_000, "vat_permille": 0}
    stage.import_file({"kind": "catalogue", "tariffs": [offer]})
    stage.put(f"meters/{METER}/agreements", [{"starts_on": "2026-01-01", "tariff_code": "flat"}])

    found = stage.meter("costs", start="2026-03-01", to="2027-03-01", resolution="month")

    days = [one["total_millionths"] // 1_000_000 for one in found["intervals"]]
    assert days == [31, 30, 31, 30, 31, 31, 30, 31, 30, 31, 31, 28]


def test_agreements_with_faults_are_named_and_nothing_is_kept(stage: CostStage) -> None:
    """Overlaps, unknown tariffs, ends before beginnings, and terms that cannot be meant."""
    wrong = [
        {"starts_on": "2026-03-01", "ends_on": "2026-02-01"},
        {"starts_on": "2026-01-01"},
        {"starts_on": "2026-05-01", "prepayment": {"emergency_credit_millionths": -1}},
    ]

    faults = stage.put(f"meters/{METER}/agreements", wrong, 422)["faults"]
    unknown = stage.put(
        f"meters/{METER}/agreements", [{"starts_on": "2026-01-01", "tariff_code": "?"}], 422
    )
    shape = stage.put(f"meters/{METER}/agreements", [{"starts_on": "yesterday"}], 422)

    assert any("ends_on = 2026-02-01" in fault for fault in faults)
    assert any("[2]: overlaps the one from 2026-01-01" in fault for fault in faults)
    assert any("[2].prepayment.emergency_credit_millionths = -1" in fault for fault in faults)
    assert "GET /v1/tariffs" in unknown["faults"][0]
    assert "starts_on" in shape["faults"][0]
    assert stage.meter("agreements") == []


def test_costs_are_bounded(stage: CostStage) -> None:
    """More intervals than a month of half hours is asked for in parts."""
    stage.read_meter([KWH])
    stage.put(f"meters/{METER}/tariff", flat_offer("own", 1)["tariff"])

    problem = stage.meter("costs", 400, start="2026-03-01", to="2026-06-01", resolution="half-hour")

    assert "coarser resolution" in problem["hint"]
    stage.meter("costs", 400, start="2010-01-01", to="2090-01-01", resolution="month")
    stage.meter("preview", 400, start="2080-01-01", to="2080-02-01")
    stage.meter("preview", 404, start="2027-03-01", to="2027-06-01")
    stage.meter("costs", 422, resolution="century", **DAY)


def test_preview_of_a_steady_home_is_what_it_will_be(tmp_path: Path) -> None:
    """A home that never changes: the interval is a point, and the method is told."""
    stage = CostStage(tmp_path, START_MS + 80 * MS_PER_DAY)
    with stage.client:
        stage.read_meter([KWH] * (80 * 48))
        stage.import_file({"kind": "catalogue", "tariffs": [flat_offer("flat", 100_000)]})
        agreements = [{"starts_on": "2026-01-01", "tariff_code": "flat"}]
        stage.put(f"meters/{METER}/agreements", agreements)

        seen = stage.meter("preview", start="2026-05-01", to="2026-06-01")
        over = stage.meter("preview", 400, **DAY)

    whole = 31 * 48 * 105_000
    assert seen["expected_millionths"] == whole
    assert (seen["low_millionths"], seen["high_millionths"]) == (whole, whole)
    assert 0 < seen["so_far_millionths"] < whole
    assert seen["trials"] >= 10
    assert "eight of ten" in seen["method"]
    assert "/cost" in over["hint"]


def test_preview_without_history_has_no_interval(tmp_path: Path) -> None:
    """Three days of habit are enough to expect, and too few to say how sure that is."""
    stage = CostStage(tmp_path, START_MS + 3 * MS_PER_DAY)
    with stage.client:
        stage.read_meter([KWH] * (3 * 48))
        stage.import_file(dynamic_file(("2026-02-28T22:30:00Z", "2026-03-04T00:00:00Z", 10.0)))
        agreements = [{"starts_on": "2026-01-01", "tariff_code": AGILE}]
        stage.put(f"meters/{METER}/agreements", agreements)

        seen = stage.meter("preview", start="2026-03-01", to="2026-03-11")

    assert seen["low_millionths"] is None
    assert seen["expected_millionths"] == (480 * 100_000 + 10 * 600_000) * 105 // 100
    assert seen["unpriced_slots"] == 0


def test_hub_hears_what_was_agreed(stage: CostStage) -> None:
    """In place of the meter's own tariff, today's prices of the catalogue."""
    stage.read_meter([KWH] * 48)
    offers = [flat_offer("old", 100_000), flat_offer("new", 200_000)]
    stage.import_file({"kind": "catalogue", "tariffs": offers})
    own = flat_offer("own", 300_000)["tariff"]
    stage.put(f"meters/{METER}/tariff", own)
    with stage.database.reading() as connection:
        before = hub_tariffs(connection, Scope.of("home"), "hub-1", stage.clock.utc_ms())
    agreements = [
        {"starts_on": "2026-01-01", "ends_on": "2026-03-02", "tariff_code": "old"},
        {"starts_on": "2026-03-02", "tariff_code": "new"},
    ]

    stage.put(f"meters/{METER}/agreements", agreements)

    with stage.database.reading() as connection:
        (heard,) = hub_tariffs(connection, Scope.of("home"), "hub-1", stage.clock.utc_ms())
    assert [one.tariff.name for one in before] == ["Own"]
    assert heard.tariff.name == "New"
    assert heard.revision > before[0].revision


def test_gas_is_priced_by_each_agreements_calorific_value(stage: CostStage) -> None:
    """Both are recorded beside what they made of the same volume."""
    stage.read_meter([1_000] * 96, "gas_l")
    offers = [flat_offer(code, 60_000, medium="gas") for code in ("lean", "rich")]
    offers[0]["tariff"]["calorific_value_kj_per_m3"] = 38_000
    offers[1]["tariff"] |= {
        "calorific_value_kj_per_m3": 40_000,
        "volume_correction_millionths": 1_000_000,
    }
    stage.import_file({"kind": "catalogue", "tariffs": offers})
    agreements = [
        {"starts_on": "2026-01-01", "ends_on": "2026-03-02", "tariff_code": "lean"},
        {"starts_on": "2026-03-02", "tariff_code": "rich"},
    ]
    stage.put(f"meters/{METER}/agreements", agreements)

    bill = stage.meter("cost", start="2026-03-01", to="2026-03-03")

    energy = [one["energy_mwh"] for one in bill["lines"] if one["kind"] == "energy"]
    assert energy == [48 * 10_794_533, 48 * 11_111_111]
    recorded = [
        (one["calorific_value_kj_per_m3"], one["volume_correction_millionths"])
        for one in bill["agreements"]
    ]
    assert recorded == [(38_000, 1_022_640), (40_000, 1_000_000)]


def test_half_hourly_prices_are_served_with_their_gaps(stage: CostStage) -> None:
    """A half hour without a price is null, also on a day that has none at all."""
    stage.import_file(dynamic_file(("2026-03-01T00:30:00Z", "2026-03-01T01:00:00Z", 10.0)))

    found = stage.get(
        f"tariffs/{AGILE}/rates", **{"from": "2026-03-01", "to": "2026-03-01T01:30:00Z"}
    )
    whole = stage.get(f"tariffs/{AGILE}")

    prices = [one["price_millionths_per_kwh"] for one in found["rates"]]
    assert prices == [None, 100_000, None]
    assert found["rates"][1]["start"] == "2026-03-01T00:30:00Z"
    assert whole["tariff"]["versions"][0]["prices"]["kind"] == "half-hourly"
    stage.get("tariffs/none/rates", 404, **{"from": "2026-03-01", "to": "2026-03-02"})
    stage.get(f"tariffs/{AGILE}/rates", 400, **{"from": "2026-03-01", "to": "2028-03-02"})
    stage.get("tariffs/two%20words", 422)
    stage.get("tariffs", 400, region="Z")


def test_own_tariff_is_of_import(stage: CostStage) -> None:
    """Export is agreed on; two currencies at once have no sum."""
    own = flat_offer("own", 1)["tariff"]
    euro = flat_offer("euro", 1)
    euro["tariff"] |= {"currency": "EUR", "flow": "export"}
    stage.import_file({"kind": "catalogue", "tariffs": [euro]})
    stage.read_meter([KWH] * 48)
    agreements = [
        {"starts_on": "2026-01-01"},
        {"starts_on": "2026-01-01", "tariff_code": "euro", "flow": "export"},
    ]

    refused = stage.put(f"meters/{METER}/tariff", own | {"flow": "export"}, 422)
    stage.put(f"meters/{METER}/tariff", own)
    stage.put(f"meters/{METER}/agreements", agreements)

    assert "see agreements" in refused["faults"][0]
    assert "EUR and GBP" in stage.meter("cost", 400, **DAY)["detail"]
    long = "M" * 65
    stage.put(f"meters/{long}/agreements", [], 422)
    stage.put(f"meters/{METER}/agreements", [{"starts_on": "x" * 9_000}], 422)


def test_account_of_years_is_to_be_opened_anew(stage: CostStage) -> None:
    """The problem says how."""
    stage.read_meter([KWH] * 48)
    stage.put(f"meters/{METER}/tariff", flat_offer("own", 1)["tariff"])
    agreement = {"starts_on": "2020-01-01", "prepayment": {"opening_millionths": 5}}
    stage.put(f"meters/{METER}/agreements", [agreement])

    assert "opening_millionths" in stage.meter("prepayment", 400)["hint"]
