"""Ranking tariffs, and the load shift that changes their order."""

import datetime as dt
import random
from zoneinfo import ZoneInfo

import msgspec
import pytest

from shared.calendar import day_start_ms
from shared.tariffs.bill import price_half_hours
from shared.tariffs.comparison import (
    Candidate,
    Ranked,
    held_still,
    load_shift,
    of_one_currency,
    rank,
)
from shared.tariffs.halfhours import HalfHours
from shared.tariffs.model import (
    Band,
    Flat,
    HalfHourly,
    Prices,
    SlotEnergy,
    Tariff,
    TariffVersion,
    Tier,
    Tiers,
    TimeOfUse,
)
from shared.units import SLOT_MS
from tests.support.bill_oracle import wall_clock

LONDON = ZoneInfo("Europe/London")
START_MS = day_start_ms(dt.date(2026, 3, 20), LONDON)
END_MS = day_start_ms(dt.date(2026, 4, 5), LONDON)
SLOTS = range(START_MS // SLOT_MS, END_MS // SLOT_MS)
SPAN = (SLOTS[0], SLOTS[-1] + 1)


def tariff(prices: Prices, vat: int = 50, starts_on: dt.date = dt.date(2020, 1, 1)) -> Tariff:
    """Make a tariff of one version without a standing charge."""
    return Tariff("T", "GBP", [TariffVersion("v", starts_on, 0, vat, prices)])


def laid_out(energy: list[SlotEnergy]) -> HalfHours:
    """Lay out some energy over the tests' days."""
    return HalfHours.lay_out(energy, START_MS, END_MS, LONDON)


def ranked(half_hours: HalfHours, **tariffs: Tariff) -> list[Ranked]:
    """Rank tariffs by name."""
    candidates = [Candidate(code, one) for code, one in tariffs.items()]
    return rank(candidates, lambda _tariff: half_hours, SPAN)


@pytest.mark.parametrize("seed", range(25))
def test_moving_what_is_said_makes_the_second_no_dearer(seed: int) -> None:
    """Half hours are moved, and both bills drawn up again; moving less is not enough."""
    rng = random.Random(seed)
    starts_at = dt.datetime.fromtimestamp(SLOTS[0] * 1_800, tz=dt.UTC)
    one = tariff(TimeOfUse("d", 200_000, [Band("p", 960, 1_140, rng.randint(300_000, 500_000))]))
    other = tariff(HalfHourly(starts_at, [rng.randint(50_000, 400_000) for _ in SLOTS]))
    energy = [SlotEnergy(slot, rng.randint(0, 900_000)) for slot in SLOTS]
    first, second = ranked(laid_out(energy), one=one, other=other)

    shift = load_shift(second, first, laid_out(energy), SPAN)

    if not shift.is_enough:
        assert gap_after(first, second, energy, sum(e for _, e in energy)) > 0
        return
    assert gap_after(first, second, energy, shift.energy_mwh) <= 0
    assert gap_after(first, second, energy, shift.energy_mwh - 1_000) > 0


def gap_after(first: Ranked, second: Ranked, energy: list[SlotEnergy], moved_mwh: int) -> int:
    """Move energy the plain way, best moves first, and say what the second costs more."""
    prices = [{slot: asked(one.tariff, slot) for slot in SLOTS} for one in (second, first)]
    worth = {slot: prices[0][slot] - prices[1][slot] for slot in SLOTS}
    best: dict[dt.date, int] = {}
    for slot in SLOTS:
        day = wall_clock(slot, "Europe/London").date()
        best[day] = min(best.get(day, slot), slot, key=lambda one: (worth[one], one))
    held = dict(energy)
    by_gain = sorted(
        SLOTS,
        key=lambda slot: worth[best[wall_clock(slot, "Europe/London").date()]] - worth[slot],
    )
    for slot in by_gain:
        target = best[wall_clock(slot, "Europe/London").date()]
        part = min(held[slot], moved_mwh) if worth[slot] > worth[target] else 0
        held[slot] -= part
        held[target] += part
        moved_mwh -= part
    half_hours = laid_out([SlotEnergy(slot, amount) for slot, amount in held.items()])
    costs = [price_half_hours(one.tariff, half_hours, SPAN) for one in (second, first)]
    return costs[0].total_millionths - costs[1].total_millionths


def asked(of: Tariff, slot: int) -> int:
    """Say what a half hour's kWh costs, by looking."""
    prices = of.versions[0].prices
    if isinstance(prices, HalfHourly):
        return prices.prices_millionths_per_kwh[slot - SLOTS[0]] or 0
    assert isinstance(prices, TimeOfUse)
    local = wall_clock(slot, "Europe/London")
    is_peak = 960 <= local.hour * 60 + local.minute < 1_140
    return prices.bands[0].price_millionths_per_kwh if is_peak else 200_000


def test_two_flat_tariffs_cannot_change_places() -> None:
    """No hour is better than another: there is nothing to move."""
    half_hours = laid_out([SlotEnergy(slot, 1_000_000) for slot in SLOTS])
    first, second = ranked(half_hours, a=tariff(Flat(2)), b=tariff(Flat(1)))

    shift = load_shift(second, first, half_hours, SPAN)

    assert (shift.energy_mwh, shift.from_slots, shift.is_enough) == (0, 0, False)
    assert load_shift(first, second, half_hours, SPAN).is_enough


def test_tiers_do_not_mind_when_within_a_day() -> None:
    """Only the other tariff's hours count."""
    half_hours = laid_out([SlotEnergy(slot, 1_000_000) for slot in SLOTS])
    tiers = tariff(Tiers("day", [Tier("all", 210_000)]))
    peaks = tariff(TimeOfUse("d", 200_000, [Band("p", 960, 1_140, 400_000)]))
    first, second = ranked(half_hours, tiers=tiers, peaks=peaks)

    shift = load_shift(second, first, half_hours, SPAN)

    # Sixteen days: 6 kWh of each at 40 p and 42 at 20 p are 10.80 against 10.08.
    assert (first.code, second.code) == ("tiers", "peaks")
    assert shift.energy_mwh == pytest.approx(len(SLOTS) / 48 * 720_000 / 200_000 * 1_000_000, 0.01)


def test_equal_tariffs_share_a_rank_and_unpriced_ones_have_none() -> None:
    """The next one's rank counts both."""
    half_hours = laid_out([SlotEnergy(slot, 1_000_000) for slot in SLOTS])
    late = tariff(Flat(0), starts_on=dt.date(2026, 3, 25))

    found = ranked(half_hours, d=tariff(Flat(3)), b=tariff(Flat(2)), a=tariff(Flat(2)), late=late)

    assert [(one.code, one.rank) for one in found] == [
        ("a", 1),
        ("b", 1),
        ("d", 3),
        ("late", None),
    ]


def test_one_currency_is_compared_at_a_time() -> None:
    """The one that is named, else that of the most, else the first by name."""
    pounds = tariff(Flat(200_000))
    euros = msgspec.structs.replace(pounds, currency="EUR")
    some = [Candidate("a", euros), Candidate("b", pounds), Candidate("c", pounds)]

    assert of_one_currency(some) == ("GBP", some[1:])
    assert of_one_currency(some, "EUR") == ("EUR", some[:1])
    assert of_one_currency(some[:2]) == ("EUR", some[:1])
    assert of_one_currency([]) == ("", [])


def test_tariff_held_still_has_one_version_for_ever() -> None:
    """Half-hourly prices stay at their times; before a tariff begins there is nothing to hold."""
    dynamic = tariff(HalfHourly(dt.datetime(2026, 1, 1, tzinfo=dt.UTC), [1]))

    still = held_still(tariff(Flat(5), starts_on=dt.date(2026, 3, 25)), dt.date(2026, 4, 1))

    assert still is not None
    assert [(one.starts_on, one.ends_on) for one in still.versions] == [(dt.date.min, None)]
    assert held_still(dynamic, dt.date(2026, 4, 1)) is dynamic
    assert held_still(still, dt.date.min) is not None
    assert held_still(tariff(Flat(5)), dt.date(2019, 1, 1)) is None
