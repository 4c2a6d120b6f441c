"""Previews: what is expected, and that the interval holds what it says."""

import datetime as dt
import random
from zoneinfo import ZoneInfo

from shared.calendar import day_start_ms
from shared.tariffs.halfhours import HalfHours, LocalDays
from shared.tariffs.model import Flat, HalfHourly, SlotEnergy, Tariff, TariffVersion
from shared.tariffs.preview import interval_of, look_ahead, scale, with_expected_prices
from shared.units import SLOT_MS

LONDON = ZoneInfo("Europe/London")
FIRST = dt.date(2025, 1, 6)
"""A Monday."""


def slot_on(place: int) -> int:
    """Find the first slot of the day at a place."""
    return day_start_ms(FIRST + dt.timedelta(days=place), LONDON) // SLOT_MS


def laid_out(days: int, to_come: int, amount: object, seed: int = 0) -> HalfHours:
    """Lay out so many known days with days to come; `amount(day, rng)` is of each half hour."""
    rng = random.Random(seed)
    energy = []
    for place in range(days):
        of_day = amount(place, rng)  # type: ignore[operator]
        energy += [SlotEnergy(slot, of_day) for slot in range(slot_on(place), slot_on(place + 1))]
    end_ms = slot_on(days + to_come) * SLOT_MS
    return HalfHours.lay_out(energy, slot_on(0) * SLOT_MS, end_ms, LONDON)


def test_weekdays_and_weekends_are_expected_apart() -> None:
    """A home that uses three times as much at weekends."""
    half_hours = laid_out(28, 7, lambda place, _rng: 300 if place % 7 >= 5 else 100)

    outlook = look_ahead(half_hours, slot_on(28), slot_on(35))

    assert outlook is not None
    assert [one.energy_mwh for one in outlook.to_come[::48]] == [100] * 5 + [300] * 2
    assert (outlook.low_permille, outlook.trials) == (None, 0)


def test_interval_holds_about_eight_of_ten() -> None:
    """Forty homes of a year whose weeks differ; what then came is held against the interval."""
    held = 0
    for seed in range(40):
        weeks = random.Random(seed).choices(range(500, 1_500), k=60)
        known = laid_out(386, 0, lambda place, rng, w=weeks: w[place // 7] + rng.randint(0, 99))
        cut = slot_on(365)
        truth = known.energy_mwh(cut, slot_on(379))
        before = [
            SlotEnergy(slot, amount)
            for slot, amount in enumerate(known.runs[0].amounts, known.start)
            if slot < cut
        ]
        half_hours = HalfHours.lay_out(
            before, known.start * SLOT_MS, slot_on(379) * SLOT_MS, LONDON
        )
        outlook = look_ahead(half_hours, cut, slot_on(379))
        assert outlook is not None
        ends = interval_of(outlook, lambda energy: sum(amount for _, amount in energy))
        assert ends is not None
        held += ends[0] <= truth <= ends[1]

    assert 26 <= held <= 38


def test_without_a_whole_day_nothing_is_expected() -> None:
    """Half a day is no habit."""
    half_hours = HalfHours.lay_out(
        [SlotEnergy(slot_on(0), 5)], slot_on(0) * SLOT_MS, slot_on(9) * SLOT_MS, LONDON
    )

    assert look_ahead(half_hours, slot_on(1), slot_on(9)) is None


def test_kind_of_day_that_was_never_known_is_as_the_other() -> None:
    """Five weekdays known, a weekend to come."""
    half_hours = laid_out(5, 2, lambda _place, _rng: 100)

    outlook = look_ahead(half_hours, slot_on(5), slot_on(7))

    assert outlook is not None
    assert {one.energy_mwh for one in outlook.to_come} == {100}


def test_price_to_come_is_the_mean_of_its_half_hour() -> None:
    """A known price stays; one that was never seen at that time of day stays unknown."""
    days = LocalDays(slot_on(0), slot_on(4), LONDON)
    starts_at = dt.datetime.fromtimestamp(slot_on(0) * 1_800, tz=dt.UTC)
    known: list[int | None] = [10, None] + [30] * 46 + [20, None] + [50] * 46 + [7]
    versions = [
        TariffVersion("a", FIRST, 0, 0, HalfHourly(starts_at, known)),
        TariffVersion("b", FIRST + dt.timedelta(days=90), 0, 0, Flat(1)),
    ]

    filled = with_expected_prices(
        Tariff("T", "GBP", versions), days, slot_on(2), slot_on(3)
    ).versions

    assert isinstance(filled[0].prices, HalfHourly)
    assert filled[0].prices.prices_millionths_per_kwh[96:100] == [7, None, 40, 40]
    assert filled[1].prices == Flat(1)


def test_scaling_keeps_slots() -> None:
    """Each rounded down to a mWh."""
    assert scale([SlotEnergy(4, 999)], 1_500) == [SlotEnergy(4, 1_498)]
