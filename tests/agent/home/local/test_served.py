"""What the hub's own API says of intervals: amounts, how they are known, and what they cost."""

import datetime as dt

from agent.home.local.served import KnownSlots, Past, entry_of, spent_in, used_in
from shared.calendar import Interval, Resolution, day_of, intervals_between
from shared.meterdays import SlotUsage, Why
from shared.readings import Medium
from shared.units import SLOT_MS
from tests.support.home_inputs import LONDON, at_ms, flat_tariff, gas_tariff

DAY = day_of(dt.date(2026, 3, 2), LONDON)
FIRST_SLOT = DAY.start_ms // SLOT_MS
TOMORROW_MS = DAY.end_ms + 1
WH = 1_000


def known(amounts: dict[int, int], why: dict[int, Why] | None = None) -> KnownSlots:
    """Make slots counted from the day's first; those with a reason are estimated."""
    reasons = {FIRST_SLOT + slot: frozenset({one}) for slot, one in (why or {}).items()}
    return KnownSlots(
        {
            FIRST_SLOT + slot: SlotUsage(amount, FIRST_SLOT + slot in reasons)
            for slot, amount in amounts.items()
        },
        reasons,
    )


def whole_day(amount: int = 100 * WH) -> Past:
    return {"import_mwh": known(dict.fromkeys(range(48), amount)), "export_mwh": known({})}


def test_a_whole_day_is_measured() -> None:
    """All of its half hours are known; what the meter never counted is left out."""
    (used,) = used_in(whole_day(), [DAY], None, TOMORROW_MS)

    assert (used.amounts, used.status, used.why) == ({"import_mwh": 4_800 * WH}, "measured", [])


def test_a_hole_makes_a_day_incomplete() -> None:
    """What is known is served, and said to be less than all."""
    past = {"import_mwh": known({0: WH, 1: WH})}

    (used,) = used_in(past, [DAY], None, TOMORROW_MS)

    assert (used.amounts["import_mwh"], used.status) == (2 * WH, "estimated")
    assert used.why == ["incomplete"]


def test_an_estimate_says_why() -> None:
    """A gap that was spread over time is one, in its own interval alone."""
    past = {"import_mwh": known({0: WH, 1: WH}, {1: Why.GAP})}
    halves = intervals_between(
        DAY.start_ms, DAY.start_ms + 2 * SLOT_MS, Resolution.HALF_HOUR, LONDON, 10
    )

    first, second = used_in(past, halves, None, TOMORROW_MS)

    assert (first.status, first.why) == ("measured", [])
    assert (second.status, second.why) == ("estimated", ["gap"])


def test_what_nobody_knows_is_missing_and_never_zero() -> None:
    """A half hour without a reading is null; one that has not begun says so."""
    halves = [
        Interval(DAY.start_ms + n * SLOT_MS, DAY.start_ms + (n + 1) * SLOT_MS) for n in (0, 9)
    ]

    over, to_come = used_in({"import_mwh": known({})}, halves, None, DAY.start_ms + SLOT_MS)

    assert (over.amounts, over.status, over.why) == (
        {"import_mwh": None},
        "missing",
        ["no-readings"],
    )
    assert to_come.why == ["not-yet"]


def test_an_export_that_is_not_known_makes_an_interval_incomplete() -> None:
    """Both are counted by the meter: bought alone is half of the truth."""
    past = {"import_mwh": known({0: WH, 1: WH}), "export_mwh": known({0: WH})}
    span = Interval(DAY.start_ms, DAY.start_ms + 2 * SLOT_MS)

    (used,) = used_in(past, [span], None, TOMORROW_MS)

    assert used.amounts == {"import_mwh": 2 * WH, "export_mwh": WH}
    assert used.why == ["incomplete"]


def test_gas_has_its_energy_by_the_tariffs_calorific_value() -> None:
    """m³ × 1.02264 × 39.5 ÷ 3.6 is kWh, where no tariff says otherwise."""
    past = {"gas_l": known({0: 1_000})}
    span = Interval(DAY.start_ms, DAY.start_ms + SLOT_MS)

    (used,) = used_in(past, [span], None, TOMORROW_MS)
    (by_tariff,) = used_in(past, [span], gas_tariff(), TOMORROW_MS)

    assert used.amounts == {"gas_l": 1_000, "gas_mwh": 11_220_633}
    assert by_tariff.amounts == used.amounts


def test_an_entry_is_written_as_the_cloud_writes_it() -> None:
    """Instants are RFC 3339 in UTC."""
    (used,) = used_in(whole_day(), [DAY], None, TOMORROW_MS)

    assert entry_of(used) == {
        "start": "2026-03-02T00:00:00Z",
        "end": "2026-03-03T00:00:00Z",
        "import_mwh": 4_800 * WH,
        "status": "measured",
        "why": [],
    }


def test_a_day_costs_its_energy_and_its_standing_charge() -> None:
    """4.8 kWh at 24.5 p and 60.1 p a day, and 5 % VAT on both."""
    (spent,) = spent_in(whole_day(), Medium.ELECTRICITY, [DAY], flat_tariff(), LONDON, TOMORROW_MS)

    assert spent.net_millionths == 1_777_000
    assert spent.total_millionths == 1_777_000 + 88_850
    assert (spent.energy_mwh, spent.missing_slots, spent.estimated_slots) == (4_800 * WH, 0, 0)


def test_a_month_has_the_standing_charges_of_days_that_have_begun() -> None:
    """What is to come is not spent yet, nor missing."""
    month = Interval(at_ms("2026-03-01T00:00:00+00:00"), at_ms("2026-03-31T23:00:00+00:00"))

    (spent,) = spent_in(
        whole_day(), Medium.ELECTRICITY, [month], flat_tariff(), LONDON, DAY.end_ms - 1
    )

    assert spent.net_millionths == 4_800 * 245 + 2 * 601_000
    assert spent.missing_slots == 47


def test_a_day_before_the_tariff_has_no_price() -> None:
    """Null is not known, and the energy without a price is counted."""
    tariff = flat_tariff(starts="2026-04-01")

    (spent,) = spent_in(whole_day(), Medium.ELECTRICITY, [DAY], tariff, LONDON, TOMORROW_MS)

    assert (spent.net_millionths, spent.total_millionths) == (None, None)
    assert spent.unpriced_slots == 48
