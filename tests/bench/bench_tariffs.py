"""How soon a year is priced again, and compared with 200 tariffs, 40 of them half-hourly.

Nothing is cached: each figure reads its tariffs and prices out of a database of its own, or lays
out the half hours anew.
"""

import datetime as dt
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from cloud.db import Database
from cloud.tariffs.catalogue import list_offers, priced_offers, put_offers, put_rates
from cloud.tariffs.ratedays import without_prices
from shared.calendar import day_start_ms
from shared.readings import Medium
from shared.tariffs.bill import price
from shared.tariffs.checks import check_tariff
from shared.tariffs.comparison import Candidate, load_shift, rank
from shared.tariffs.halfhours import HalfHours
from shared.tariffs.model import (
    Band,
    Flat,
    Flow,
    HalfHourly,
    Prices,
    SlotEnergy,
    Tariff,
    TariffVersion,
    TimeOfUse,
)
from shared.tariffs.offers import Offer
from shared.units import SLOT_MS
from tests.support.bill_oracle import bill_on_paper

ZONE = ZoneInfo("Europe/London")
FIRST, LAST = dt.date(2025, 10, 1), dt.date(2026, 10, 1)
START_MS, END_MS = day_start_ms(FIRST, ZONE), day_start_ms(LAST, ZONE)
SLOTS = (START_MS // SLOT_MS, END_MS // SLOT_MS)
TARIFFS = 200
DYNAMIC = 40
REPEATS = 9
COMPARE_MS = 250.0
REPRICE_MS = 5.0


def measure() -> list[dict[str, Any]]:
    """Price and compare a year of one household."""
    rng = random.Random(1)
    energy = [SlotEnergy(slot, rng.randint(0, 900_000)) for slot in range(*SLOTS)]
    tariffs = [made_up(number) for number in range(TARIFFS)]
    rows = [
        _line(
            "200 tariffs, 40 half-hourly, against a year of half hours",
            lambda: _compare(tariffs, energy),
            COMPARE_MS,
            "laid out, priced, ranked, with the load shift",
        )
    ]
    for name, tariff in (("half-hourly", tariffs[0]), ("by time, 4 versions", tariffs[-1])):
        rows.append(
            _line(
                f"a year priced again, {name}",
                lambda tariff=tariff: price(tariff, energy, START_MS, END_MS, ZONE),  # type: ignore[misc]
                REPRICE_MS,
                "from half hours and tariff in memory to a bill",
            )
        )
    rows.append(_from_store(tariffs, energy))
    rows.append(_plain(tariffs[-1], energy))
    return rows


def made_up(number: int) -> Tariff:
    """Make a tariff of a number: the first 40 half-hourly, the others by time or flat."""
    rng = random.Random(number)
    starts = [FIRST + dt.timedelta(days=91 * quarter) for quarter in range(4)]
    versions = [
        TariffVersion(f"v{start}", start, rng.randint(400_000, 600_000), 50, _prices(rng, number))
        for start in (starts[:1] if number < DYNAMIC else starts)
    ]
    return check_tariff(Tariff(f"T{number}", "GBP", versions))


def _prices(rng: random.Random, number: int) -> Prices:
    if number < DYNAMIC:
        starts_at = dt.datetime.fromtimestamp(SLOTS[0] * 1_800, tz=dt.UTC)
        return HalfHourly(starts_at, [rng.randint(-10_000, 600_000) for _ in range(*SLOTS)])
    if number % 4 == 0:
        return Flat(rng.randint(200_000, 300_000))
    weekdays = [1, 2, 3, 4, 5] if number % 4 == 1 else []
    night = Band("night", 30 * rng.randint(0, 10), 30 * rng.randint(11, 20), 90_000)
    peak = Band("peak", 960, 1_140, rng.randint(300_000, 500_000), weekdays)
    return TimeOfUse("day", rng.randint(200_000, 300_000), [night, peak])


def _compare(tariffs: list[Tariff], energy: list[SlotEnergy]) -> None:
    half_hours = HalfHours.lay_out(energy, START_MS, END_MS, ZONE)
    candidates = [Candidate(one.name, one) for one in tariffs]
    found = rank(candidates, lambda _tariff: half_hours, SLOTS)
    assert found[-1].rank == TARIFFS
    load_shift(found[1], found[0], half_hours, SLOTS)


def _from_store(tariffs: list[Tariff], energy: list[SlotEnergy]) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="hearthlink-bench-") as folder:
        database = Database(f"sqlite:///{Path(folder) / 'cloud.db'}")
        database.migrate()
        with database.writing() as connection:
            for one in tariffs:
                bare, prices = without_prices(one)
                put_offers(connection, [Offer(one.name, Medium.ELECTRICITY, bare)], 0)
                put_rates(connection, one.name, prices)

        def run() -> None:
            with database.reading() as connection:
                kept = list_offers(connection, Medium.ELECTRICITY, Flow.IMPORT)
                found = priced_offers(connection, [one.offer for one in kept], SLOTS)
            _compare([one.tariff for one in found], energy)

        row = _line("the same, catalogue and prices out of SQLite", run, None, "")
        database.close()
    return row


def _plain(tariff: Tariff, energy: list[SlotEnergy]) -> dict[str, Any]:
    days = [FIRST + dt.timedelta(days=number) for number in range((LAST - FIRST).days)]
    ours_ms, _ = _time(lambda: price(tariff, energy, START_MS, END_MS, ZONE))
    theirs_ms, _ = _time(lambda: bill_on_paper(tariff, energy, days, ZONE.key), 3)
    return {
        "name": "a year by time of use, against half hour by half hour",
        "ours": round(ours_ms, 2),
        "unit": "ms",
        "peer": "the tests' oracle",
        "theirs": round(theirs_ms, 1),
        "ratio": round(theirs_ms / ours_ms, 1),
        "target": None,
        "note": "the same bill to the millionth",
    }


def _line(
    name: str, run: Callable[[], object], limit_ms: float | None, note: str
) -> dict[str, Any]:
    median_ms, best_ms = _time(run)
    return {
        "name": name,
        "ours": round(median_ms, 2),
        "unit": "ms",
        "peer": "limit" if limit_ms else None,
        "theirs": limit_ms,
        "ratio": round(limit_ms / median_ms, 2) if limit_ms else None,
        "target": 1 if limit_ms else None,
        "note": f"best {best_ms:.2f} ms; {note}".rstrip("; "),
    }


def _time(run: Callable[[], object], repeats: int = REPEATS) -> tuple[float, float]:
    took_ms = []
    for _ in range(repeats):
        started_s = time.perf_counter()
        run()
        took_ms.append((time.perf_counter() - started_s) * 1_000)
    return statistics.median(took_ms), min(took_ms)


if __name__ == "__main__":
    for line in measure():
        print(line)
