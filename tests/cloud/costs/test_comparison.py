"""Comparison over the API: what else the household could have, and what would change the order."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from shared.units import MS_PER_DAY
from tests.support.cloud import METER, START_MS
from tests.support.cost_stage import KWH, CostStage, flat_offer, version

EVENING = {
    "name": "evening",
    "from_minute": 960,
    "to_minute": 1_140,
    "price_millionths_per_kwh": 500_000,
}
TWO_RATES = {
    "kind": "time-of-use",
    "base_name": "day",
    "base_price_millionths_per_kwh": 150_000,
    "bands": [EVENING],
}


def two_rates() -> dict[str, Any]:
    """Spell an offer that is dear in the evening: 9.0 pounds a day against 9.6 at 20 p flat."""
    offer = flat_offer("evening", 0)
    offer["tariff"]["versions"] = [version(TWO_RATES)]
    return offer


@pytest.fixture(name="stage")
def _stage(tmp_path: Path) -> Iterator[CostStage]:
    stage = CostStage(tmp_path, START_MS + 10 * MS_PER_DAY)
    with stage.client:
        stage.read_meter([KWH] * 480)
        yield stage


def import_all(stage: CostStage, *offers: dict[str, Any], current: str = "") -> None:
    """Import offers and, where one is named, agree on it."""
    stage.import_file({"kind": "catalogue", "tariffs": list(offers)})
    agreements = [{"starts_on": "2026-01-01", "tariff_code": current}]
    stage.put(f"meters/{METER}/agreements", agreements)


def test_tariffs_are_ranked_with_what_switching_saves(stage: CostStage) -> None:
    """A kWh each half hour for ten days, under three prices."""
    offers = [flat_offer(code, price) for code, price in (("a", 300_000), ("b", 200_000))]
    import_all(stage, *offers, flat_offer("c", 250_000), current="a")

    found = stage.meter("comparison", start="2026-03-01", to="2026-03-11")

    options = [(one["rank"], one["code"], one["saving_millionths"]) for one in found["options"]]
    assert options == [(1, "b", 50_400_000), (2, "c", 25_200_000), (3, "a", 0)]
    assert [one["is_current"] for one in found["options"]] == [False, False, True]
    assert (found["current"], found["compared"], found["missing_slots"]) == ("a", 3, 0)


def test_load_shift_makes_the_second_the_first(stage: CostStage) -> None:
    """19 p a kWh is the cheapest; 6 of 48 kWh are dear in the evening and can move."""
    import_all(stage, flat_offer("flat", 190_000), two_rates(), current="flat")

    found = stage.meter("comparison", start="2026-03-01", to="2026-03-11")

    # A day costs 42 × 15 p + 6 × 50 p = 9.30 against 9.12: 18 p more, and a kWh moved gains 35 p.
    shift = found["load_shift"]
    assert [one["code"] for one in found["options"]] == ["flat", "evening"]
    assert (shift["code"], shift["over"], shift["is_enough"]) == ("evening", "flat", True)
    assert shift["energy_mwh"] == pytest.approx(10 * 18 * KWH / 35, abs=100)


def test_tariff_with_unpriced_half_hours_is_not_ranked(stage: CostStage) -> None:
    """What would have been no price then is no bargain; it is shown last, and says so."""
    late = flat_offer("late", 1)
    late["tariff"]["versions"][0]["starts_on"] = "2026-03-05"
    import_all(stage, flat_offer("flat", 190_000), late, current="flat")

    then = stage.meter("comparison", start="2026-03-01", to="2026-03-11", prices="then")
    now = stage.meter("comparison", start="2026-03-01", to="2026-03-11")

    last = then["options"][-1]
    assert (last["code"], last["rank"], last["saving_millionths"]) == ("late", None, None)
    assert last["unpriced_slots"] == 192
    assert now["options"][0]["code"] == "late"


def test_tariffs_in_another_currency_are_left_out(stage: CostStage) -> None:
    """19 cents are not less than 20 pence; without an agreement most offers say which it is."""
    euro = flat_offer("euro", 190_000)
    euro["tariff"]["currency"] = "EUR"
    import_all(stage, euro, flat_offer("a", 200_000), flat_offer("b", 210_000), current="euro")

    of_euro = stage.meter("comparison", start="2026-03-01", to="2026-03-11")
    over = [{"starts_on": "2026-01-01", "ends_on": "2026-03-05", "tariff_code": "euro"}]
    stage.put(f"meters/{METER}/agreements", over)
    of_none = stage.meter("comparison", start="2026-03-01", to="2026-03-11")

    assert (of_euro["currency"], [one["code"] for one in of_euro["options"]]) == ("EUR", ["euro"])
    assert (of_none["currency"], [one["code"] for one in of_none["options"]]) == ("GBP", ["a", "b"])


def test_what_was_paid_in_another_currency_is_no_saving(stage: CostStage) -> None:
    """Whoever changed the currency with the tariff has nothing to count the saving from."""
    euro = flat_offer("euro", 190_000)
    euro["tariff"]["currency"] = "EUR"
    import_all(stage, euro, flat_offer("a", 200_000), current="euro")
    switched = [
        {"starts_on": "2026-01-01", "ends_on": "2026-03-09", "tariff_code": "euro"},
        {"starts_on": "2026-03-09", "tariff_code": "a"},
    ]
    stage.put(f"meters/{METER}/agreements", switched)

    found = stage.meter("comparison", start="2026-03-01", to="2026-03-08", prices="then")

    assert [(one["code"], one["saving_millionths"]) for one in found["options"]] == [("a", None)]


def test_offers_of_other_regions_and_past_ones_are_left_out(stage: CostStage) -> None:
    """The cap is shown, and is nothing to switch to."""
    cap = {
        "kind": "price-cap",
        "periods": [
            {
                "starts_on": "2026-01-01",
                "ends_on": "2026-04-01",
                "rates": [
                    {
                        "region": "C",
                        "medium": "electricity",
                        "payment": "direct-debit",
                        "standing_millionths_per_day": 0,
                        "price_millionths_per_kwh": 100_000,
                    }
                ],
            }
        ],
    }
    past = flat_offer("past", 1, offered_to="2026-03-01")
    import_all(
        stage,
        flat_offer("c", 200_000, region="C"),
        flat_offer("d", 1, region="D"),
        past,
        current="c",
    )
    stage.import_file(cap)

    found = stage.meter("comparison", start="2026-03-01", to="2026-03-11", region="C")

    codes = [(one["code"], one["is_cap"]) for one in found["options"]]
    assert codes == [("cap-electricity-direct-debit-C", True), ("c", False)]
    assert found["load_shift"] is None


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"region": "Z"}, 400),
        ({"prices": "soon"}, 422),
        ({"limit": "0"}, 422),
        ({"payment": "coins"}, 422),
        ({"start": "2026-03-01", "to": "2027-01-01"}, 400),
        ({"start": "2026-03-02", "to": "2026-03-01"}, 400),
    ],
)
def test_bad_questions_are_problems(stage: CostStage, query: dict[str, str], status: int) -> None:
    """Each with what to do instead."""
    import_all(stage, flat_offer("flat", 1), current="flat")

    problem = stage.meter("comparison", status, **query)

    assert problem["status"] == status


def test_catalogue_is_listed_by_region_and_shown_whole(stage: CostStage) -> None:
    """By the region's letter or by the meter point's number."""
    stage.import_file(
        {
            "kind": "catalogue",
            "tariffs": [flat_offer("c", 1, region="C"), flat_offer("d", 1, region="D")],
        }
    )

    listed = [stage.get("tariffs", region="C"), stage.get("tariffs", mpan="12 0000 0000 000")]

    assert [[one["code"] for one in found["tariffs"]] for found in listed] == [["c"], ["c"]]
    assert stage.get("tariffs/d")["tariff"]["versions"][0]["version"] == "v1"
    assert stage.get("tariffs/nothing", 404)["hint"] == "GET /v1/tariffs lists them"
    assert stage.get("tariffs", 400, mpan="99")["detail"] == "MPAN of 2 characters names no region"


def test_household_without_an_agreement_today_has_nothing_to_save_from(stage: CostStage) -> None:
    """The catalogue is ranked all the same; a tariff that has not begun yet is left out."""
    offers = [flat_offer("a", 2), flat_offer("b", 1), flat_offer("next", 1)]
    offers[2]["tariff"]["versions"][0]["starts_on"] = "2027-01-01"
    stage.import_file({"kind": "catalogue", "tariffs": offers})
    over = [{"starts_on": "2026-01-01", "ends_on": "2026-03-05", "tariff_code": "a"}]
    stage.put(f"meters/{METER}/agreements", over)

    found = stage.meter("comparison", start="2026-03-01", to="2026-03-05")

    listed = [(one["code"], one["saving_millionths"]) for one in found["options"]]
    assert listed == [("b", None), ("a", None)]
    assert found["current"] is None


def test_comparison_looks_back_as_far_as_a_year_is_known(stage: CostStage) -> None:
    """Days before the first reading have a standing charge and no use: they would rank nothing."""
    offer = flat_offer("a", 200_000)
    offer["tariff"]["versions"][0]["standing_millionths_per_day"] = 1_000_000
    import_all(stage, offer, current="a")

    found = stage.meter("comparison")

    assert (found["start"], found["end"]) == ("2026-03-01T00:00:00Z", "2026-03-11T00:00:00Z")
    assert found["missing_slots"] == 0
    assert (
        found["options"][0]["total_millionths"] == (10 * 48 * 200_000 + 10 * 1_000_000) * 105 / 100
    )


def test_what_is_asked_for_is_compared_though_little_is_known_of_it(stage: CostStage) -> None:
    """Half hours from before the meter was there are missing, and said to be."""
    import_all(stage, flat_offer("a", 200_000), current="a")

    found = stage.meter("comparison", start="2025-03-11")

    assert (found["start"], found["end"]) == ("2025-03-11T00:00:00Z", "2026-03-11T00:00:00Z")
    # The first reading closes the half hour before it: nothing was used in that one.
    assert found["missing_slots"] == 365 * 48 - 481
