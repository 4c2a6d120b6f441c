"""Tariffs: bills whose lines sum exactly, on every kind of local day."""

import datetime as dt
from fractions import Fraction
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.calendar import day_start_ms, slots_between
from shared.readings import Medium
from shared.tariffs import (
    Band,
    Cost,
    Flat,
    HalfHourly,
    SlotEnergy,
    Tariff,
    TariffVersion,
    Tier,
    Tiers,
    TimeOfUse,
    check_tariff,
    decode_tariff,
    encode_tariff,
    energy_of,
    gas_mwh,
    price,
    rate_at,
    version_on,
)
from shared.tariffs.model import Prices

LONDON = ZoneInfo("Europe/London")
KWH = 1_000_000
PRICES = st.integers(-500_000, 1_000_000)


def version(
    name: str = "v1",
    starts_on: dt.date = dt.date(2026, 1, 1),
    prices: Prices | None = None,
    *,
    standing: int = 600_000,
    vat: int = 50,
) -> TariffVersion:
    """Make a version; 25 p a kWh where no prices are given."""
    return TariffVersion(name, starts_on, standing, vat, prices or Flat(250_000))


def tariff(*versions: TariffVersion) -> Tariff:
    """Make a checked tariff in pounds."""
    return check_tariff(Tariff("Test", "GBP", list(versions or [version()])))


def at(text: str) -> int:
    """Read a local time in London; the first where it comes twice."""
    return int(dt.datetime.fromisoformat(text).replace(tzinfo=LONDON).timestamp()) * 1_000


def cost_of(asked: Tariff, start: str, end: str, energy_mwh: int = 0) -> Cost:
    """Price the same energy in every slot of a period."""
    start_ms, end_ms = at(start), at(end)
    energy = [SlotEnergy(slot, energy_mwh) for slot in slots_between(start_ms, end_ms)]
    return price(asked, energy, start_ms, end_ms, LONDON)


NIGHT = TimeOfUse("day", 300_000, [Band("night", 23 * 60, 6 * 60, 100_000)])


@st.composite
def tariffs(draw: st.DrawFn) -> Tariff:
    """Draw a tariff of one to three versions, flat or by time."""
    starts = sorted(draw(st.sets(st.integers(0, 60), min_size=1, max_size=3)))
    versions = []
    for place, start in enumerate(starts):
        bands = [
            Band(f"b{n}", 30 * a, 30 * b, draw(PRICES))
            for n, (a, b) in enumerate(
                draw(
                    st.lists(
                        st.tuples(st.integers(0, 47), st.integers(0, 47)).filter(
                            lambda ends: ends[0] != ends[1]
                        ),
                        max_size=4,
                    )
                )
            )
        ]
        prices = Flat(draw(PRICES)) if draw(st.booleans()) else TimeOfUse("d", draw(PRICES), bands)
        starts_on = dt.date(2026, 3, 1) + dt.timedelta(days=start)
        vat = draw(st.sampled_from([0, 50, 200]))
        versions.append(version(f"v{place}", starts_on, prices, standing=draw(PRICES), vat=vat))
    return tariff(*versions)


@st.composite
def bills(draw: st.DrawFn) -> tuple[Tariff, list[SlotEnergy], int, int]:
    """Draw a tariff and the energy of each slot of some days about a clock change."""
    start_ms = at("2026-03-20T00:00") + draw(st.integers(0, 96)) * 1_800_000
    count = draw(st.integers(1, 600))
    seed = draw(st.integers(0, 10**6))
    first = start_ms // 1_800_000
    energy = [SlotEnergy(first + n, (seed * 7_919 + n * 104_729) % 3_000_000) for n in range(count)]
    return draw(tariffs()), energy, start_ms, start_ms + count * 1_800_000


@given(bills())
def test_the_lines_sum_to_the_total_exactly(
    bill: tuple[Tariff, list[SlotEnergy], int, int],
) -> None:
    """Net, VAT and total are sums of lines, and no energy is lost between them."""
    asked, energy, start_ms, end_ms = bill

    cost = price(asked, energy, start_ms, end_ms, LONDON)

    amounts = dict.fromkeys(("energy", "standing", "vat"), 0)
    for line in cost.lines:
        amounts[line.kind] += line.amount_millionths
    assert cost.net_millionths == amounts["energy"] + amounts["standing"]
    assert cost.vat_millionths == amounts["vat"]
    assert cost.total_millionths == sum(amounts.values())
    assert abs(cost.total_minor * 10_000 - cost.total_millionths) <= 5_000
    priced = sum(line.energy_mwh for line in cost.lines)
    assert priced + cost.unpriced_mwh == sum(one.energy_mwh for one in energy)


@given(bills(), st.integers(0, 600))
def test_the_parts_of_a_period_sum_to_it_within_the_rounding_of_their_lines(
    bill: tuple[Tariff, list[SlotEnergy], int, int], cut: int
) -> None:
    """Each energy and VAT line is rounded once, by half a millionth at most; all else is exact."""
    asked, energy, start_ms, end_ms = bill
    middle_ms = min(start_ms + cut * 1_800_000, end_ms)
    middle = middle_ms // 1_800_000
    early = price(asked, [e for e in energy if e.slot < middle], start_ms, middle_ms, LONDON)
    late = price(asked, [e for e in energy if e.slot >= middle], middle_ms, end_ms, LONDON)

    whole = price(asked, energy, start_ms, end_ms, LONDON)

    lines = [*early.lines, *late.lines, *whole.lines]
    # VAT is taken on a rounded net, so it may carry a part of the net's rounding too.
    slack = Fraction(sum(line.kind != "standing" for line in lines) * 12, 20)
    assert abs(early.net_millionths + late.net_millionths - whole.net_millionths) <= slack
    assert abs(early.total_millionths + late.total_millionths - whole.total_millionths) <= slack
    standing = [line for line in lines if line.kind == "standing"]
    parts = [line for cost in (early, late) for line in cost.lines if line.kind == "standing"]
    assert sum(line.days for line in parts) * 2 == sum(line.days for line in standing)
    assert early.unpriced_mwh + late.unpriced_mwh == whole.unpriced_mwh


def test_a_flat_day_is_worked_by_hand() -> None:
    """4.8 kWh at 25 p, 60 p standing, 5 % VAT: 1.89 pounds."""
    cost = cost_of(tariff(), "2026-06-01T00:00", "2026-06-02T00:00", KWH // 10)

    assert [(line.kind, line.name, line.amount_millionths) for line in cost.lines] == [
        ("energy", "all day", 1_200_000),
        ("standing", "standing charge", 600_000),
        ("vat", "VAT 5 %", 90_000),
    ]
    assert (cost.total_millionths, cost.total_minor, cost.currency) == (1_890_000, 189, "GBP")
    assert [line.tariff_version for line in cost.lines] == ["v1", "v1", "v1"]


@pytest.mark.parametrize(
    ("day", "next_day", "night_slots", "day_slots"),
    [
        ("2026-06-01", "2026-06-02", 14, 34),
        ("2026-03-29", "2026-03-30", 12, 34),
        ("2026-10-25", "2026-10-26", 16, 34),
    ],
)
def test_a_band_past_midnight_keeps_local_time_through_clock_changes(
    day: str, next_day: str, night_slots: int, day_slots: int
) -> None:
    """The short night is an hour cheaper in spring, the long one an hour longer in autumn."""
    cost = cost_of(tariff(version(prices=NIGHT, vat=0)), f"{day}T00:00", f"{next_day}T00:00", KWH)

    energy = {line.name: line.energy_mwh for line in cost.lines if line.kind == "energy"}
    assert energy == {"night": night_slots * KWH, "day": day_slots * KWH}
    assert [line.days for line in cost.lines if line.kind == "standing"] == [1]


def test_the_first_band_that_holds_decides() -> None:
    """Where bands overlap, their order is the tariff's word."""
    prices = TimeOfUse("base", 1, [Band("a", 600, 720, 2), Band("b", 660, 780, 3)])
    asked = tariff(version(prices=prices))

    names = [
        rate.name
        for hour in (9, 10, 11, 12, 13)
        if (rate := rate_at(asked, at(f"2026-06-01T{hour:02}:00"), LONDON)) is not None
    ]

    assert names == ["base", "a", "a", "b", "base"]


def test_a_season_may_go_over_the_end_of_a_year() -> None:
    """Winter's band holds on both sides of New Year, from its first day to before its last."""
    winter = Band("winter", 0, 24 * 60, 400_000, from_date="12-01", to_date="02-01")
    asked = tariff(version(prices=TimeOfUse("summer", 100_000, [winter])))
    days = ("2026-11-30", "2026-12-01", "2026-12-31", "2027-01-01", "2027-01-31", "2027-02-01")

    found = [rate_at(asked, at(f"{day}T12:00"), LONDON) for day in days]

    names = [one.name for one in found if one is not None]
    assert names == ["summer", "winter", "winter", "winter", "winter", "summer"]


def test_a_band_may_hold_all_day() -> None:
    """From 0 to 1440 is the whole day."""
    asked = tariff(version(prices=TimeOfUse("base", 1, [Band("all", 0, 1_440, 2)])))

    cost = cost_of(asked, "2026-06-01T00:00", "2026-06-02T00:00", KWH)

    assert [line.name for line in cost.lines if line.kind == "energy"] == ["all"]


def test_the_standing_charge_is_one_for_each_local_day() -> None:
    """A year with both clock changes has 365, and a period of no midnight has none."""
    year = cost_of(tariff(), "2026-01-01T00:00", "2027-01-01T00:00")
    morning = cost_of(tariff(), "2026-06-01T06:00", "2026-06-01T09:00", KWH)

    assert [line.days for line in year.lines if line.kind == "standing"] == [365]
    assert [line.kind for line in morning.lines] == ["energy", "vat"]


def test_versions_switch_at_local_midnight() -> None:
    """Each line names the version it was priced by; VAT is taken for each rate of it."""
    old = version("2025", dt.date(2025, 1, 1), Flat(100_000), standing=100, vat=50)
    new = version("2026-06", dt.date(2026, 6, 1), Flat(200_000), standing=200, vat=200)
    asked = tariff(new, old)

    cost = cost_of(asked, "2026-05-31T00:00", "2026-06-03T00:00", KWH)

    lines = [(line.kind, line.tariff_version, line.amount_millionths) for line in cost.lines]
    assert lines == [
        ("energy", "2025", 4_800_000),
        ("energy", "2026-06", 19_200_000),
        ("standing", "2025", 100),
        ("standing", "2026-06", 400),
        ("vat", "2025", 240_005),
        ("vat", "2026-06", 3_840_080),
    ]


def test_versions_of_one_rate_of_vat_share_its_line() -> None:
    """The line names both versions."""
    asked = tariff(version("a"), version("b", dt.date(2026, 6, 1)))

    cost = cost_of(asked, "2026-05-31T00:00", "2026-06-02T00:00")

    assert [line.tariff_version for line in cost.lines if line.kind == "vat"] == ["a,b"]


def test_what_has_no_price_is_counted_and_never_charged_as_nothing() -> None:
    """Before the first version a slot is unpriced, and a day has no standing charge."""
    asked = tariff(version(starts_on=dt.date(2026, 6, 2)))

    cost = cost_of(asked, "2026-06-01T00:00", "2026-06-03T00:00", KWH)

    assert (cost.unpriced_slots, cost.unpriced_mwh) == (48, 48 * KWH)
    assert [line.days for line in cost.lines if line.kind == "standing"] == [1]
    assert rate_at(asked, at("2026-06-01T12:00"), LONDON) is None
    assert version_on(asked, dt.date(2026, 6, 1)) is None


def test_half_hours_without_a_published_price_are_counted_wherever_they_lie() -> None:
    """Before the first price, after the last and in a hole: with their energy, and none at 0."""
    starts_at = dt.datetime(2026, 6, 1, 1, tzinfo=LONDON)
    prices = HalfHourly(starts_at, [100_000, None, None, 200_000])

    cost = cost_of(tariff(version(prices=prices)), "2026-06-01T00:00", "2026-06-01T04:00", KWH)

    energy = [line for line in cost.lines if line.kind == "energy"]
    assert (cost.unpriced_slots, cost.unpriced_mwh) == (6, 6 * KWH)
    assert [(one.energy_mwh, one.amount_millionths) for one in energy] == [(2 * KWH, 300_000)]


@pytest.mark.parametrize(
    ("total_millionths", "pennies"), [(5_000, 1), (4_999, 0), (15_000, 2), (-5_000, -1)]
)
def test_the_printed_total_is_rounded_half_up(total_millionths: int, pennies: int) -> None:
    """As a printed bill does it, away from zero."""
    asked = tariff(version(standing=total_millionths, vat=0))

    cost = cost_of(asked, "2026-06-01T00:00", "2026-06-02T00:00")

    assert (cost.total_millionths, cost.total_minor) == (total_millionths, pennies)


def test_an_energy_line_is_rounded_half_even() -> None:
    """Half a millionth goes to the even one; the next half up to the even two."""
    asked = tariff(version(prices=Flat(1), vat=0))
    slot = at("2026-06-01T12:00") // 1_800_000

    amounts = [
        price(asked, [SlotEnergy(slot, mwh)], 0, 0, LONDON).lines[0].amount_millionths
        for mwh in (KWH // 2, KWH * 3 // 2)
    ]

    assert amounts == [0, 2]


@given(tariffs())
def test_a_tariff_comes_back_from_json(asked: Tariff) -> None:
    """What is encoded is what is decoded and checked."""
    assert decode_tariff(encode_tariff(asked)) == asked


@given(tariffs(), st.integers(-5, 70))
def test_the_version_that_holds_is_the_last_that_began(asked: Tariff, days: int) -> None:
    """Against the plain definition."""
    day = dt.date(2026, 3, 1) + dt.timedelta(days=days)

    begun = [one for one in asked.versions if one.starts_on <= day]

    assert version_on(asked, day) == (max(begun, key=lambda one: one.starts_on) if begun else None)


@given(st.integers(0, 10**9), st.integers(10_000, 60_000))
def test_gas_is_energy_by_the_formula_of_british_bills(volume_l: int, kj_per_m3: int) -> None:
    """Cubic metres × 1.02264 × MJ/m³ ÷ 3.6 is kWh, exactly, rounded once."""
    kwh = Fraction(volume_l, 1_000) * Fraction("1.02264") * Fraction(kj_per_m3, 1_000)
    kwh /= Fraction("3.6")

    energy = gas_mwh(volume_l, kj_per_m3)

    assert energy == round(kwh * KWH)


def test_gas_of_a_known_bill() -> None:
    """100 m³ at 39.5 MJ/m³ are 1122.06 kWh."""
    asked = tariff()

    assert energy_of(Medium.GAS, 100_000, asked) == 1_122_063_333
    assert energy_of(Medium.ELECTRICITY, 100_000, asked) == 100_000


def test_a_day_starts_where_the_calendar_says() -> None:
    """The helper of these tests and the calendar agree on local midnight."""
    assert at("2026-06-01T00:00") == day_start_ms(dt.date(2026, 6, 1), LONDON)


def test_half_hourly_price_at_an_instant() -> None:
    """Within its list; null, before and after it there is none. Tiers have none at an instant."""
    starts_at = dt.datetime(2026, 6, 1, 12, tzinfo=dt.UTC)
    asked = tariff(version(prices=HalfHourly(starts_at, [5, None])))
    tiers = tariff(version(prices=Tiers("day", [Tier("all", 5)])))

    prices = [
        rate.price_millionths_per_kwh if rate else None
        for minute in (-1, 0, 29, 30, 60)
        if (rate := rate_at(asked, int(starts_at.timestamp() + 60 * minute) * 1_000, LONDON))
        or minute
    ]

    assert prices == [None, 5, 5, None, None]
    assert rate_at(tiers, at("2026-06-01T12:00"), LONDON) is None


def test_version_that_ended_prices_nothing() -> None:
    """Its last day is the one before `ends_on`."""
    ended = msgspec.structs.replace(version(), ends_on=dt.date(2026, 6, 2))
    asked = tariff(ended)

    cost = cost_of(asked, "2026-06-01T00:00", "2026-06-03T00:00", KWH)

    assert (cost.unpriced_slots, version_on(asked, dt.date(2026, 6, 2))) == (48, None)
