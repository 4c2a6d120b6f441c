"""Households made up for a year: what they used by half hour, and the tariff they had.

Each comes from its number alone. Every year has both clock changes.
"""

import datetime as dt
import random
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from shared.calendar import day_start_ms
from shared.tariffs.checks import check_tariff
from shared.tariffs.model import (
    Band,
    Flat,
    Flow,
    HalfHourly,
    Prices,
    SlotEnergy,
    Tariff,
    TariffVersion,
    Tier,
    Tiers,
    TimeOfUse,
)

ZONES = ("Europe/London", "Europe/Berlin", "America/New_York", "America/Santiago")
SLOT_MS = 1_800_000


@dataclass(frozen=True)
class HouseholdYear:
    """A year of one household: `energy` where it is known, the tariff, and the year's days."""

    number: int
    zone_name: str
    start_ms: int
    end_ms: int
    days: list[dt.date]
    energy: list[SlotEnergy]
    tariff: Tariff

    @property
    def zone(self) -> ZoneInfo:
        """The zone of its local days."""
        return ZoneInfo(self.zone_name)


def household_year(number: int) -> HouseholdYear:
    """Make the household of a number."""
    rng = random.Random(number)
    zone_name = rng.choice(ZONES)
    first = dt.date(rng.randint(2020, 2027), rng.randint(1, 12), 1)
    last = first.replace(year=first.year + 1)
    days = [first + dt.timedelta(days=n) for n in range((last - first).days)]
    start_ms, end_ms = (day_start_ms(day, ZoneInfo(zone_name)) for day in (first, last))
    slots = range(start_ms // SLOT_MS, end_ms // SLOT_MS)
    missing = {rng.choice(slots) for _ in range(rng.choice((0, 0, 3, 40)))}
    most = rng.choice((40_000, 900_000, 6_000_000))
    energy = [
        SlotEnergy(slot, int(rng.random() ** 3 * most)) for slot in slots if slot not in missing
    ]
    return HouseholdYear(
        number, zone_name, start_ms, end_ms, days, energy, made_up_tariff(rng, days, slots)
    )


def made_up_tariff(rng: random.Random, days: list[dt.date], slots: range) -> Tariff:
    """Make a tariff of one to four versions, each of any kind, some with a hole between."""
    count = rng.randint(1, 4)
    starts = sorted(rng.sample(days[4:], count - 1))
    starts.insert(0, days[0] - dt.timedelta(days=400) if rng.random() < 0.9 else days[3])
    versions = []
    for number, starts_on in enumerate(starts):
        ends_on = starts_on + dt.timedelta(days=rng.randint(1, 90)) if rng.random() < 0.1 else None
        versions.append(
            TariffVersion(
                version=f"v{number}",
                starts_on=starts_on,
                standing_millionths_per_day=rng.randint(0, 900_000),
                vat_permille=rng.choice((0, 50, 50, 50, 175, 200)),
                prices=made_up_prices(rng, slots),
                ends_on=ends_on,
            )
        )
    flow = Flow.EXPORT if rng.random() < 0.1 else Flow.IMPORT
    return check_tariff(Tariff("Made up", "GBP", versions, flow=flow))


def made_up_prices(rng: random.Random, slots: range) -> Prices:
    """Make prices of any kind."""
    kind = rng.choice(("flat", "time-of-use", "time-of-use", "half-hourly", "tiers"))
    if kind == "flat":
        return Flat(rng.randint(-20_000, 400_000))
    if kind == "time-of-use":
        holidays = [dt.date(year, 12, 25) for year in range(2020, 2029)]
        bands = [made_up_band(rng, number) for number in range(rng.randint(0, 5))]
        return TimeOfUse("base", rng.randint(0, 400_000), bands, holidays)
    if kind == "half-hourly":
        first = slots[0] - rng.choice((0, 48, -100))
        count = len(slots) + rng.choice((0, 96, -500))
        gap = rng.random() < 0.5
        prices = [
            None if gap and rng.random() < 0.001 else rng.randint(-100_000, 1_000_000)
            for _ in range(count)
        ]
        starts_at = dt.datetime.fromtimestamp(first * 1_800, tz=dt.UTC)
        return HalfHourly(starts_at, prices)
    limits = sorted(rng.sample(range(1_000_000, 300_000_000), rng.randint(0, 3)))
    if rng.random() < 0.5:
        limits = [limit // 30 for limit in limits]
    made = [
        Tier(f"tier {number}", rng.randint(0, 400_000), limit)
        for number, limit in enumerate([*limits, None])
    ]
    return Tiers(rng.choice(("day", "month")), made)


def made_up_band(rng: random.Random, number: int) -> Band:
    """Make a band of some hours, on some weekdays, in some season."""
    begin, end = rng.sample(range(0, 1_441, 30), 2)
    if (begin, end) in ((0, 1_440), (1_440, 0)):
        begin, end = 0, 720
    weekdays = rng.choice(([], [], [1, 2, 3, 4, 5], [6, 7], [rng.randint(1, 7)]))
    dates = rng.choice((("", ""), ("", ""), ("11-01", "03-01"), ("04-01", "10-01")))
    return Band(f"band {number}", begin, end, rng.randint(-50_000, 600_000), weekdays, *dates)
