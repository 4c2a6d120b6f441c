"""What was spent by interval: nothing of what has not begun, and what the bill until then says."""

from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from shared.instants import parse_instant
from tests.support.cloud import METER
from tests.support.cost_stage import KWH, CostStage, flat_offer

UTC = ZoneInfo("UTC")


@pytest.mark.parametrize(
    ("now", "spent", "standing_days"),
    [
        ("2026-03-31T22:30:00Z", "2026-04-01", [31, 0, 0]),
        ("2026-03-31T23:00:00Z", "2026-04-02", [31, 1, 0]),
    ],
)
def test_standing_charges_of_days_to_come_are_not_spent(
    tmp_path: Path, now: str, spent: str, standing_days: list[int]
) -> None:
    """Today's is, by the household's clock; the months sum to the bill until tomorrow."""
    stage = CostStage(tmp_path, parse_instant(now, "now", UTC))
    with stage.client:
        stage.read_meter([KWH] * 96)
        offer = flat_offer("flat", 250_000)
        offer["tariff"]["versions"][0] |= {"standing_millionths_per_day": 600_000}
        stage.import_file({"kind": "catalogue", "tariffs": [offer]})
        stage.put(
            f"meters/{METER}/agreements", [{"starts_on": "2026-01-01", "tariff_code": "flat"}]
        )

        found = stage.meter("costs", start="2026-03-01", to="2026-06-01", resolution="month")
        so_far = stage.meter("cost", start="2026-03-01", to=spent)

    nets = [one["net_millionths"] for one in found["intervals"]]
    energy = 96 * 250_000
    assert nets == [
        days * 600_000 + (energy if place == 0 else 0) for place, days in enumerate(standing_days)
    ]
    assert sum(one["total_millionths"] for one in found["intervals"]) == so_far["total_millionths"]


def test_half_hours_to_come_are_not_missing(tmp_path: Path) -> None:
    """The running day is as complete as what is over of it; the half hour under way is to come."""
    stage = CostStage(tmp_path, parse_instant("2026-03-01T01:20:00Z", "now", UTC))
    with stage.client:
        stage.read_meter([KWH])
        stage.import_file({"kind": "catalogue", "tariffs": [flat_offer("flat", 250_000)]})
        stage.put(
            f"meters/{METER}/agreements", [{"starts_on": "2026-01-01", "tariff_code": "flat"}]
        )

        found = stage.meter("costs", start="2026-03-01", to="2026-03-03", resolution="day")

    assert [one["missing_slots"] for one in found["intervals"]] == [1, 0]
