"""Agreements: bills over switches, re-pricing, and what is unpriced, as properties."""

import datetime as dt
import json
import random
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.calendar import day_start_ms
from shared.errors import BadInputError, ConfigError
from shared.tariffs.agreements import (
    MAX_AGREEMENTS,
    Agreed,
    Agreement,
    clip,
    decode_agreements,
    price_agreements,
)
from shared.tariffs.bill import Cost, price
from shared.tariffs.checks import decode_tariff, encode_tariff
from shared.tariffs.halfhours import HalfHours
from shared.tariffs.model import (
    Flat,
    HalfHourly,
    SlotEnergy,
    Tariff,
    TariffVersion,
    Tier,
    Tiers,
)
from shared.units import SLOT_MS
from tests.support.household_years import made_up_tariff

LONDON = ZoneInfo("Europe/London")
FIRST = dt.date(2026, 3, 20)
DAYS = [FIRST + dt.timedelta(days=n) for n in range(20)]
START_MS = day_start_ms(DAYS[0], LONDON)
END_MS = day_start_ms(DAYS[-1] + dt.timedelta(days=1), LONDON)
SLOTS = range(START_MS // SLOT_MS, END_MS // SLOT_MS)
ENERGY = [SlotEnergy(slot, slot * 7_919 % 900_001) for slot in SLOTS]


def flat(price_per_kwh: int, currency: str = "GBP") -> Tariff:
    """Make a tariff of one price."""
    version = TariffVersion("v", dt.date(2020, 1, 1), 500_000, 50, Flat(price_per_kwh))
    return Tariff("Flat", currency, [version])


def bill(agreed: list[Agreed], energy: list[SlotEnergy], start: int, end: int) -> Cost:
    """Price the slots `[start, end)` of some energy."""
    half_hours = HalfHours.lay_out(energy, START_MS, END_MS, LONDON)
    return price_agreements(agreed, lambda _tariff: half_hours, (start, end))


def kept(tariff: Tariff) -> Tariff:
    """Return a tariff as it comes back from being kept."""
    return decode_tariff(encode_tariff(tariff), max_bytes=10**9)


@pytest.mark.parametrize("until_day", [0, 1, 2, len(DAYS), len(DAYS) + 5])
def test_days_to_come_have_energy_and_no_standing_charge(until_day: int) -> None:
    """Whichever agreement they are under; what was used is priced in any case."""
    day = DAYS[0] + dt.timedelta(days=until_day)
    changed = DAYS[0] + dt.timedelta(days=2)
    agreed = [
        Agreed(Agreement(DAYS[0], "old", changed), flat(100_000)),
        Agreed(Agreement(changed, "new"), flat(200_000)),
    ]
    half_hours = HalfHours.lay_out(ENERGY, START_MS, END_MS, LONDON)
    whole = bill(agreed, ENERGY, SLOTS.start, SLOTS.stop)

    cost = price_agreements(
        agreed,
        lambda _tariff: half_hours,
        (SLOTS.start, SLOTS.stop),
        standing_until=day_start_ms(day, LONDON) // SLOT_MS,
    )

    days = {one.tariff_code: one.days for one in cost.lines if one.kind == "standing"}
    begun = min(until_day, len(DAYS))
    assert sum(days.values()) == begun
    assert days.get("old", 0) == min(begun, 2)
    energy = [one for one in whole.lines if one.kind == "energy"]
    assert [one for one in cost.lines if one.kind == "energy"] == energy
    assert cost.unpriced_slots == 0


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 10**6), st.integers(1, 19), st.integers(0, len(SLOTS)))
def test_a_bill_over_a_switch_is_the_two_bills(seed: int, switch: int, missing: int) -> None:
    """Lines, VAT and what is unpriced add up; half hours not known are in neither."""
    rng = random.Random(seed)
    one, other = (made_up_tariff(rng, DAYS, SLOTS) for _ in range(2))
    day = DAYS[switch]
    energy = ENERGY[:missing] + ENERGY[missing + 5 :]
    agreed = [
        Agreed(Agreement(dt.date(2020, 1, 1), "one", day), one),
        Agreed(Agreement(day, "other"), kept(other)),
    ]
    middle = day_start_ms(day, LONDON) // SLOT_MS

    whole = bill(agreed, energy, SLOTS[0], SLOTS[-1] + 1)

    parts = [
        bill(agreed, energy, SLOTS[0], middle),
        bill(agreed, energy, middle, SLOTS[-1] + 1),
    ]
    assert whole.total_millionths == sum(part.total_millionths for part in parts)
    assert whole.total_millionths == sum(line.amount_millionths for line in whole.lines)
    assert whole.unpriced_mwh == sum(part.unpriced_mwh for part in parts)
    priced = sum(line.energy_mwh for line in whole.lines)
    assert priced + whole.unpriced_mwh == sum(amount for _, amount in energy)


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10**6), st.sets(st.integers(0, len(SLOTS) - 1), max_size=30))
def test_late_prices_and_readings_give_the_bill_they_would_have_given(
    seed: int, late: set[int]
) -> None:
    """Whatever comes late, the answer after it is that of all having been there at once."""
    rng = random.Random(seed)
    prices: list[int | None] = [rng.randint(-50_000, 900_000) for _ in SLOTS]
    early = [None if place in late else one for place, one in enumerate(prices)]
    starts_at = dt.datetime.fromtimestamp(SLOTS[0] * 1_800, tz=dt.UTC)

    def dynamic(known: list[int | None]) -> Tariff:
        version = TariffVersion("v", DAYS[0], 100, 50, HalfHourly(starts_at, known))
        return Tariff("Dynamic", "GBP", [version])

    before = price(dynamic(early), ENERGY, START_MS, END_MS, LONDON)
    after = price(dynamic(prices), ENERGY, START_MS, END_MS, LONDON)
    shuffled = [*ENERGY]
    rng.shuffle(shuffled)

    assert before.unpriced_slots == len(late)
    assert before.unpriced_mwh == sum(ENERGY[place].energy_mwh for place in late)
    assert after.unpriced_slots == 0
    assert price(dynamic(prices), shuffled, START_MS, END_MS, LONDON) == after
    exact = sum((one or 0) * energy.energy_mwh for one, energy in zip(prices, ENERGY, strict=True))
    assert abs(after.lines[0].amount_millionths * 1_000_000 - exact) <= 500_000


def test_agreements_in_two_currencies_have_no_sum() -> None:
    """The problem names both."""
    agreed = [
        Agreed(Agreement(DAYS[0], "a", DAYS[5]), flat(1)),
        Agreed(Agreement(DAYS[5], "b"), flat(1, "EUR")),
    ]

    with pytest.raises(BadInputError, match="EUR and GBP"):
        bill(agreed, ENERGY, SLOTS[0], SLOTS[-1])


def test_no_agreement_prices_nothing() -> None:
    """Nothing is known of a currency either, unless it is given."""
    cost = price_agreements([], lambda _tariff: pytest.fail("asked"), (0, 1), "GBP")

    assert (cost.lines, cost.total_minor, cost.currency) == ([], 0, "GBP")


def test_clipped_tariff_has_the_versions_of_those_days() -> None:
    """The first begins with them, the last ends with them."""
    versions = [
        TariffVersion(f"v{month}", dt.date(2026, month, 1), 0, 0, Flat(month))
        for month in range(1, 7)
    ]

    found = clip(Tariff("T", "GBP", versions), dt.date(2026, 2, 15), dt.date(2026, 4, 15))

    spans = [(one.version, one.starts_on, one.ends_on) for one in found.versions]
    assert spans == [
        ("v2", dt.date(2026, 2, 15), dt.date(2026, 3, 1)),
        ("v3", dt.date(2026, 3, 1), dt.date(2026, 4, 1)),
        ("v4", dt.date(2026, 4, 1), dt.date(2026, 4, 15)),
    ]


def test_tiers_begin_with_their_agreement() -> None:
    """What was used under the one before, within the month, fills none of theirs."""
    tiers = Tiers("month", [Tier("first", 100_000, 1_000_000), Tier("rest", 200_000, None)])
    blocks = Tariff("Blocks", "GBP", [TariffVersion("v", dt.date(2020, 1, 1), 0, 0, tiers)])
    switch = DAYS[3]
    agreed = [
        Agreed(Agreement(DAYS[0], "flat", switch), flat(300_000)),
        Agreed(Agreement(switch, "blocks"), blocks),
    ]

    cost = bill(agreed, ENERGY, SLOTS[0], day_start_ms(DAYS[5], LONDON) // SLOT_MS)

    by_name = {line.name: line.energy_mwh for line in cost.lines if line.tariff_code == "blocks"}
    assert by_name["first"] == 1_000_000


def test_import_and_export_may_hold_at_once() -> None:
    """They price other energy; two of one flow may only follow each other."""
    payload = json.dumps(
        [
            {"starts_on": "2026-01-01", "flow": "export", "tariff_code": "out"},
            {"starts_on": "2026-02-01"},
            {"starts_on": "2026-01-01", "ends_on": "2026-02-01"},
        ]
    )

    found = decode_agreements(payload.encode())

    assert [(one.flow.value, one.starts_on.month) for one in found] == [
        ("export", 1),
        ("import", 1),
        ("import", 2),
    ]


@pytest.mark.parametrize(
    ("payload", "fault"),
    [
        (b"\xff", "invalid"),
        (b"{}", "array"),
        (b"[" * 5_000, "array"),
        (b" " * 9_000, "the limit is 8192"),
        (json.dumps([{"starts_on": "2026-01-01"}] * (MAX_AGREEMENTS + 1)).encode(), "at most 64"),
        (b'[{"starts_on": "2026-01-01", "tarif": "x"}]', "tarif"),
        (json.dumps([{"starts_on": "2026-01-01", "tariff_code": "x" * 97}]).encode(), "at most 96"),
    ],
)
def test_what_is_no_list_of_agreements_is_refused(payload: bytes, fault: str) -> None:
    """Without an exception of any other kind."""
    with pytest.raises(ConfigError, match=fault):
        decode_agreements(payload)
