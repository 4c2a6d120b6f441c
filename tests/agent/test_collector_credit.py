"""How a meter is paid for, through the collector: logged apart, and nothing else moves."""

from agent.collector import Collected, Collector
from agent.heard import Moment
from agent.rows import LogRow
from firmware_bridge.meters.codec import Telegram
from shared.readings import Medium, Sample, tells_credit
from shared.units import MS_PER_MINUTE, SLOT_MS
from tests.support.hubs import BOOT, GAS_METER, METER, START_MS, row_at, telegram

PREPAID = {"prepayment_index": 1, "currency_iso4217": 826}


def moment(after_ms: int) -> Moment:
    """So long after the start."""
    return Moment(BOOT, after_ms, START_MS + after_ms)


def offer_credit(
    collector: Collector, after_ms: int, credit: int, *, meter: str = METER
) -> Collected:
    """Let a meter tell its credit."""
    medium = Medium.GAS if meter == GAS_METER else Medium.ELECTRICITY
    sample = Sample(meter, medium, None, {**PREPAID, "credit_millionths": credit})
    return collector.offer(Telegram((sample,)), moment(after_ms))


def offer_mode(collector: Collector, after_ms: int, mode: int) -> Collected:
    """Let a meter tell how it is paid for, and no amount."""
    sample = Sample(METER, Medium.ELECTRICITY, None, {"prepayment_index": mode})
    return collector.offer(Telegram((sample,)), moment(after_ms))


def offer_energy(collector: Collector, after_ms: int, value_mwh: int = 10**9) -> Collected:
    """Let the meter tell its register."""
    return collector.offer(telegram(value_mwh, START_MS + after_ms), moment(after_ms))


def logged(*collected: Collected) -> list[tuple[int, bool]]:
    """When each row is of, and whether it is of credit."""
    return [
        (heard.at_ms - START_MS, tells_credit(heard.sample.registers))
        for one in collected
        for heard in one.to_log
    ]


def test_credit_is_logged_when_it_changes_and_once_a_slot() -> None:
    """And not every five minutes; all of it is heard."""
    collector = Collector(100)
    told = [(1, 500), (2, 500), (3, 499), (4, 499), (31, 499)]

    found = [offer_credit(collector, at * MS_PER_MINUTE, credit) for at, credit in told]

    assert logged(*found) == [(at * MS_PER_MINUTE, True) for at in (1, 3, 31)]
    assert [len(one.heard) for one in found] == [1] * len(told)


def test_credit_takes_no_ten_seconds_away_from_energy() -> None:
    """The first of each bucket is logged as without it."""
    collector = Collector(100)

    found = [
        offer_credit(collector, 20_000, 500),
        offer_energy(collector, 20_500),
        offer_credit(collector, 29_000, 499),
        offer_energy(collector, 30_000),
    ]

    assert logged(*found) == [(20_000, True), (20_500, False), (29_000, True), (30_000, False)]


def test_the_last_energy_before_a_slots_end_is_logged_before_the_credit_behind_it() -> None:
    """A closing is never hidden by a balance, and rows stay in the order of their times."""
    collector = Collector(100)

    found = [
        offer_energy(collector, SLOT_MS - 10_000),
        offer_energy(collector, SLOT_MS - 3_000),
        offer_credit(collector, SLOT_MS - 1_000, 500),
        offer_energy(collector, SLOT_MS + 4_000),
    ]

    assert logged(*found) == [
        (SLOT_MS - 10_000, False),
        (SLOT_MS - 3_000, False),
        (SLOT_MS - 1_000, True),
        (SLOT_MS + 4_000, False),
    ]


def test_a_meter_paid_by_bill_logs_nothing_of_it() -> None:
    """It says so each time; only one that was prepaid before is worth a row."""
    collector = Collector(100)

    before = [offer_mode(collector, at * MS_PER_MINUTE, 0) for at in (1, 40)]
    prepaid = offer_credit(collector, 50 * MS_PER_MINUTE, 500)
    changed = [offer_mode(collector, at * MS_PER_MINUTE, 0) for at in (51, 52, 99)]

    assert logged(*before) == []
    assert logged(prepaid, *changed) == [(50 * MS_PER_MINUTE, True), (51 * MS_PER_MINUTE, True)]


def test_a_restart_goes_on_from_energy_and_credit_apart() -> None:
    """The newest row is of credit: neither the counter nor the ten seconds are forgotten for it."""
    rows: list[tuple[LogRow, int]] = [
        (row_at(3, 31_000, {**PREPAID, "credit_millionths": 500}), START_MS + 31_000),
        (row_at(2, 30_000, {"import_mwh": 10**9}), START_MS + 30_000),
        (row_at(1, 20_000, {**PREPAID, "credit_millionths": 501}), START_MS + 20_000),
    ]
    collector = Collector(100)

    collector.restore(METER, Medium.ELECTRICITY, iter(rows), [], {})
    same = offer_credit(collector, 32_000, 500)
    fallen = offer_energy(collector, 33_000, 10**9 - 1)
    energy = offer_energy(collector, 34_000)
    other = offer_credit(collector, 41_000, 499)

    assert logged(same, energy) == []
    assert [doubt.reason for doubt in fallen.doubts] == ["register-fell"]
    assert logged(other) == [(34_000, False), (41_000, True)]


def test_a_log_of_credit_alone_can_be_gone_on_from() -> None:
    """A meter that told nothing else before the hub stopped."""
    collector = Collector(100)
    row = row_at(1, 20_000, {**PREPAID, "credit_millionths": 500})

    collector.restore(METER, Medium.ELECTRICITY, iter([(row, START_MS + 20_000)]), [], {})

    assert logged(offer_credit(collector, 21_000, 500)) == []
    assert logged(offer_energy(collector, 22_000)) == [(22_000, False)]


def test_a_gas_meters_credit_leaves_its_register_alone() -> None:
    """Gas is logged when it has changed, whatever is paid meanwhile."""
    collector = Collector(100)
    gas = Telegram((Sample(GAS_METER, Medium.GAS, None, {"gas_l": 1_000}),))

    found = [
        collector.offer(gas, moment(1_000)),
        offer_credit(collector, 2_000, 500, meter=GAS_METER),
        collector.offer(gas, moment(3_000)),
    ]

    assert logged(*found) == [(1_000, False), (2_000, True)]
