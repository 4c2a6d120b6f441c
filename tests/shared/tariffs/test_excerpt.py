"""What a hub hears of what was agreed."""

import datetime as dt
from zoneinfo import ZoneInfo

from shared.calendar import day_start_ms
from shared.tariffs.agreements import Agreed, Agreement
from shared.tariffs.bill import price
from shared.tariffs.checks import MAX_TARIFF_BYTES, check_tariff, encode_tariff
from shared.tariffs.excerpt import excerpt
from shared.tariffs.model import Flat, Flow, HalfHourly, Prices, SlotEnergy, Tariff, TariffVersion
from shared.units import MS_PER_HOUR, SLOT_MS

LONDON = ZoneInfo("Europe/London")
TODAY = dt.date(2026, 6, 1)
TODAY_MS = day_start_ms(TODAY, LONDON)
NOW_MS = TODAY_MS + 9 * MS_PER_HOUR


def tariff(prices: Prices, **keys: str) -> Tariff:
    """Make a tariff of one version from January on."""
    version = TariffVersion("v", dt.date(2026, 1, 1), 500_000, 50, prices)
    return Tariff(keys.get("name", "T"), keys.get("currency", "GBP"), [version])


def test_hub_prices_today_as_the_cloud_does() -> None:
    """A year of half-hourly prices is cut to 48 hours, which fit its one document."""
    starts_at = dt.datetime(2025, 12, 31, tzinfo=dt.UTC)
    dynamic = tariff(HalfHourly(starts_at, [n * 7 % 999_983 for n in range(400 * 48)]))
    energy = [SlotEnergy(TODAY_MS // SLOT_MS + n, 500_000 + n) for n in range(48)]
    span = TODAY_MS, TODAY_MS + 24 * MS_PER_HOUR

    cut = excerpt([Agreed(Agreement(dt.date.min), dynamic)], NOW_MS, LONDON)

    assert cut is not None
    assert price(cut, energy, *span, LONDON) == price(dynamic, energy, *span, LONDON)
    assert len(encode_tariff(check_tariff(cut))) < MAX_TARIFF_BYTES // 4


def test_switch_to_come_is_known_beforehand() -> None:
    """What is over is left out; export and other currencies are too."""
    over = Agreed(Agreement(dt.date(2026, 1, 1), "old", TODAY), tariff(Flat(1)))
    now = Agreed(Agreement(TODAY, "now", dt.date(2026, 7, 1)), tariff(Flat(2), name="Now"))
    then = Agreed(Agreement(dt.date(2026, 7, 1), "then", dt.date(2026, 8, 1)), tariff(Flat(3)))
    euro = Agreed(Agreement(dt.date(2026, 8, 1), "euro"), tariff(Flat(4), currency="EUR"))
    out = Agreed(Agreement(TODAY, "out", flow=Flow.EXPORT), tariff(Flat(5)))

    cut = excerpt([then, out, euro, now, over], NOW_MS, LONDON)

    assert cut is not None
    assert (cut.name, cut.currency) == ("Now", "GBP")
    assert [(one.version, one.starts_on, one.ends_on) for one in cut.versions] == [
        ("now v", TODAY, dt.date(2026, 7, 1)),
        ("then v", dt.date(2026, 7, 1), dt.date(2026, 8, 1)),
    ]


def test_prices_that_begin_later_leave_their_half_hours_unpriced() -> None:
    """Nothing is known before them."""
    later = dt.datetime.fromtimestamp(TODAY_MS // 1_000 + 3_600, tz=dt.UTC)
    agreed = [Agreed(Agreement(dt.date.min), tariff(HalfHourly(later, [5, 6])))]

    cut = excerpt(agreed, NOW_MS, LONDON)

    assert cut is not None
    prices = cut.versions[0].prices
    assert isinstance(prices, HalfHourly)
    assert prices.prices_millionths_per_kwh == [None, None, 5, 6]


def test_nothing_agreed_is_nothing_to_hear() -> None:
    """Also where all of it is over."""
    over = Agreed(Agreement(dt.date(2026, 1, 1), "old", TODAY), tariff(Flat(1)))

    assert excerpt([], NOW_MS, LONDON) is None
    assert excerpt([over], NOW_MS, LONDON) is None
