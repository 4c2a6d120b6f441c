"""How far a late reading bears on costs, told with the day that it is of."""

import datetime as dt
from pathlib import Path

import pytest

from cloud.changes.bearing import Filling, cost_until
from cloud.ingest.intake import Message
from shared.frames import encode_frame
from shared.readings import StampedSample
from shared.units import MS_PER_DAY, SLOT_MS
from tests.support.cloud import METER, START_MS, frame_at
from tests.support.cost_stage import KWH, CostStage, version

DAYS = 6
TIERS = {
    "kind": "tiers",
    "per": "month",
    "tiers": [
        {"name": "first", "price_millionths_per_kwh": 100_000, "up_to_mwh": 100 * KWH},
        {"name": "rest", "price_millionths_per_kwh": 300_000},
    ],
}


@pytest.mark.parametrize(
    ("day", "end", "until"),
    [
        ("2026-03-01", None, "2026-04-01"),
        ("2026-12-31", None, "2027-01-01"),
        ("2026-03-05", "2026-03-10", "2026-03-10"),
        ("2026-03-10", "2026-03-10", "2026-03-11"),
        ("2026-02-14", None, "2026-02-15"),
    ],
)
def test_tiers_bear_on_the_month_as_far_as_they_hold(day: str, end: str | None, until: str) -> None:
    """From their first day on, to their last or the month's; else a day bears on itself."""
    filling = Filling(dt.date(2026, 2, 20), None if end is None else dt.date.fromisoformat(end))

    assert cost_until(dt.date.fromisoformat(day), [filling]) == dt.date.fromisoformat(until)


@pytest.mark.parametrize("is_tiered", [True, False])
def test_every_day_that_costs_otherwise_is_told(tmp_path: Path, *, is_tiered: bool) -> None:
    """The first day comes last: under tiers it makes each day after it dearer."""
    stage = CostStage(tmp_path, START_MS + 20 * MS_PER_DAY)
    prices = TIERS if is_tiered else {"kind": "flat", "price_millionths_per_kwh": 100_000}
    samples = [
        StampedSample(seq, START_MS + seq * SLOT_MS, {"import_mwh": seq * KWH})
        for seq in range(DAYS * 48 + 1)
    ]

    def send(some: list[StampedSample]) -> None:
        message = Message("hub-1", encode_frame(frame_at(some)), stage.clock.utc_ms())
        stage._ingest.ingest([message])

    def costs() -> dict[str, int]:
        found = stage.meter("costs", start="2026-03-01", to="2026-03-07", resolution="day")
        return {one["start"][:10]: one["total_millionths"] for one in found["intervals"]}

    send(samples[48:])
    tariff = {"name": "T", "currency": "GBP", "versions": [version(prices)]}
    stage.put(f"meters/{METER}/tariff", tariff)
    cursor, before = stage.get("changes")["next"], costs()
    send(samples[:48])

    changes = [one for one in stage.get("changes", after=cursor)["changes"] if one["day"]]
    after = costs()

    changed = {day for day, cost in after.items() if cost != before[day]}
    assert len(changed) == (3 if is_tiered else 1)
    for day in changed:
        assert any(one["day"] <= day < one["cost_until"] for one in changes), (day, changes)
