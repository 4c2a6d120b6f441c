"""A prepayment account over the API: charges, top-ups, emergency credit and debt."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.units import MS_PER_DAY
from tests.support.cloud import METER, START_MS
from tests.support.cost_stage import KWH, CostStage, flat_offer

POUND = 1_000_000


@pytest.fixture(name="stage")
def _stage(tmp_path: Path) -> Iterator[CostStage]:
    stage = CostStage(tmp_path, START_MS + 2 * MS_PER_DAY)
    with stage.client:
        stage.read_meter([KWH] * 96)
        stage.import_file({"kind": "catalogue", "tariffs": [flat_offer("key", 100_000)]})
        yield stage


def test_account_falls_into_emergency_credit_and_a_top_up_lifts_it(stage: CostStage) -> None:
    """Each day costs 5.04 pounds; a fifth of the top-up goes to the debt."""
    terms = {
        "opening_millionths": POUND,
        "emergency_credit_millionths": 10 * POUND,
        "debt_millionths": 50 * POUND,
        "recovery_permille_of_top_up": 200,
    }
    agreement = {"starts_on": "2026-03-01", "tariff_code": "key", "prepayment": terms}
    stage.put(f"meters/{METER}/agreements", [agreement])
    top_up = {"at": "2026-03-02T10:00:00Z", "amount_millionths": 20 * POUND}
    for _ in range(2):
        stage.put(f"meters/{METER}/top-ups/receipt-1", top_up)

    account = stage.meter("prepayment")

    first, second, third = account["days"]
    assert (first["balance_millionths"], first["emergency_used_millionths"]) == (
        -4_040_000,
        4_040_000,
    )
    assert second["recovered_millionths"] == 4 * POUND
    assert second["balance_millionths"] == -4_040_000 + 16 * POUND - 5_040_000
    assert third["debt_millionths"] == 46 * POUND
    assert not any(one["is_off_supply"] for one in account["days"])
    assert (account["unpriced_slots"], account["missing_slots"]) == (0, 0)


def test_meter_without_terms_has_no_account(stage: CostStage) -> None:
    """The problem says how to make one; a top-up of nothing is refused."""
    stage.put(f"meters/{METER}/agreements", [{"starts_on": "2026-03-01", "tariff_code": "key"}])

    hint = stage.meter("prepayment", 404)["hint"]

    assert "prepayment" in hint
    nothing = {"at": "2026-03-02T10:00:00Z", "amount_millionths": 0}
    stage.put(f"meters/{METER}/top-ups/x", nothing, 422)
    stage.put(f"meters/{METER}/top-ups/x", {"at": "soon", "amount_millionths": 5}, 400)
