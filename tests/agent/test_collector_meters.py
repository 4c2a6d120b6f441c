"""Sub-meters' captures, each repeated in many telegrams, and meters that come and go."""

import pytest

from agent.collector import (
    FORGOTTEN_AFTER_MS,
    MAX_METERS,
    PASSED_AFTER_MS,
    SURELY_THERE,
    Collected,
    Collector,
)
from agent.heard import Moment
from agent.registers import CONSISTENT_SAMPLES
from agent.timekeeping import ANY_CLOCK_MS
from firmware_bridge.meters.codec import Telegram
from shared.readings import Medium, Sample
from shared.units import MS_PER_DAY, MS_PER_HOUR, SLOT_MS
from tests.support.hubs import BOOT, GAS_METER, START_MS, sample


def moment(after_ms: int, *, boot: int = BOOT, utc_ms: int | None = None) -> Moment:
    return Moment(boot, after_ms, START_MS + after_ms if utc_ms is None else utc_ms)


def offer_gas(collector: Collector, after_ms: int, captured_ms: int, **gas: int) -> Collected:
    electricity = sample(10**9 + after_ms, START_MS + after_ms)
    said = Sample(GAS_METER, Medium.GAS, START_MS + captured_ms, gas)
    return collector.offer(Telegram((electricity, said)), moment(after_ms))


def gas_rows(collected: Collected) -> list[tuple[dict[str, int], bool]]:
    return [
        (one.sample.registers, any(change.is_new_run for change in one.changes.values()))
        for one in collected.to_log
        if one.sample.meter == GAS_METER
    ]


@pytest.mark.parametrize("valve", [{}, {"valve_index": 1}], ids=["without", "with a valve"])
def test_an_exchanged_gas_meter_begins_a_run(valve: dict[str, int]) -> None:
    """The sixth capture convinces; refused ones make no row, whatever else they print."""
    collector = Collector(100)
    values = [5_000_000, *(7_000 + n * 100 for n in range(CONSISTENT_SAMPLES + 1))]
    rows: list[tuple[dict[str, int], bool]] = []
    doubts: list[int] = []

    for place, value in enumerate(values):
        for repeat in range(20):
            at_ms = place * 300_000
            heard = offer_gas(collector, at_ms + repeat * 10_000, at_ms, gas_l=value, **valve)
            rows += gas_rows(heard)
            doubts += [doubt.value for doubt in heard.doubts]

    assert rows == [
        ({"gas_l": 5_000_000, **valve}, False),
        ({"gas_l": values[-2], **valve}, True),
        ({"gas_l": values[-1], **valve}, False),
    ]
    assert doubts == values[1:CONSISTENT_SAMPLES]


def test_a_bad_capture_convinces_nobody_however_often_it_is_repeated() -> None:
    """One reading, one doubt; the capture after it holds, in the run there was."""
    collector = Collector(100)
    offer_gas(collector, 0, 0, gas_l=5_000_000)

    repeats = [
        offer_gas(collector, 300_000 + n * 1_000, 300_000, gas_l=5_000_000 + 10_000)
        for n in range(300)
    ]
    after = offer_gas(collector, 600_000, 600_000, gas_l=5_000_200)

    assert sum(len(one.doubts) for one in repeats) == 1
    assert [gas_rows(one) for one in repeats] == [[]] * 300
    assert gas_rows(after) == [({"gas_l": 5_000_200}, False)]


def test_a_capture_garbled_at_first_is_logged_when_it_is_read_right() -> None:
    """A telegram without a checksum may be damaged; the next one repeats the capture."""
    collector = Collector(100)
    offer_gas(collector, 0, 0, gas_l=5_000_000)

    garbled = offer_gas(collector, 300_000, 300_000, gas_l=1_000_100)
    right = offer_gas(collector, 301_000, 300_000, gas_l=5_000_100)
    again = offer_gas(collector, 302_000, 300_000, gas_l=5_000_100)

    assert [gas_rows(one) for one in (garbled, right, again)] == [
        [],
        [({"gas_l": 5_000_100}, False)],
        [],
    ]


def test_what_an_hour_of_heating_burns_is_believed_of_an_hourly_capture() -> None:
    """What bounds the rise is the time from capture to capture, not from telegram to telegram."""
    collector = Collector(100)
    times_ms = range(0, MS_PER_HOUR, 10_000)
    heard = [offer_gas(collector, after_ms, 0, gas_l=5_000_000) for after_ms in times_ms]

    heard.append(offer_gas(collector, MS_PER_HOUR, MS_PER_HOUR, gas_l=5_003_000))

    assert [one.doubts for one in heard if one.doubts] == []
    assert gas_rows(heard[-1]) == [({"gas_l": 5_003_000}, False)]


def test_a_submeter_without_counters_is_logged_by_its_captures() -> None:
    """Where no counter was refused, what there is makes the row."""
    collector = Collector(100)

    rows = [gas_rows(offer_gas(collector, n * 1_000, 0, valve_index=1)) for n in range(3)]

    assert rows == [[({"valve_index": 1}, False)], [], []]


def full_collector(heard: Moment) -> Collector:
    collector = Collector(100)
    for number in range(MAX_METERS):
        for _ in range(SURELY_THERE):
            collector.offer(Telegram((sample(10**9, meter=f"M-{number}"),)), heard)
    return collector


def refusals(collector: Collector, heard: Moment, *meters: str) -> list[str]:
    offered = [collector.offer(Telegram((sample(10, meter=one),)), heard) for one in meters]
    return [doubt.reason for collected in offered for doubt in collected.doubts]


@pytest.mark.parametrize(
    ("now", "later"),
    [
        (moment(0), moment(FORGOTTEN_AFTER_MS)),
        (moment(0), moment(0, boot=BOOT + 1, utc_ms=START_MS + FORGOTTEN_AFTER_MS)),
        (Moment(BOOT, 0, None), Moment(BOOT, FORGOTTEN_AFTER_MS, None)),
    ],
    ids=["one boot", "another boot", "no time"],
)
def test_a_meter_silent_for_a_month_makes_room(now: Moment, later: Moment) -> None:
    """A swapped meter is read though garbled serials have filled the list years ago."""
    collector = full_collector(now)
    utc_ms = None if later.utc_ms is None else later.utc_ms + 1
    after = Moment(later.boot, later.monotonic_ms + 1, utc_ms)

    too_soon = refusals(collector, later, "NEW")
    alive = refusals(collector, later, "M-0")
    in_time = refusals(collector, after, "NEW")

    assert (too_soon, alive, in_time) == (["too-many-meters"], ["register-fell"], [])
    assert refusals(collector, after, "M-0") == ["register-fell"]


def test_where_no_clock_can_tell_no_meter_is_forgotten() -> None:
    """After a restart without the time, nobody knows who has been silent."""
    collector = full_collector(Moment(BOOT, 0, None))

    assert refusals(collector, Moment(2, 10**15, None), "NEW") == ["too-many-meters"]


def gas_alone(collector: Collector, after_ms: int, gas_l: int, *, is_past: bool = False) -> int:
    """Offer a gas meter heard by itself, at its own time; return how many rows that made."""
    said = Sample(GAS_METER, Medium.GAS, START_MS + after_ms, {"gas_l": gas_l})
    return len(collector.offer(Telegram((said,), is_past=is_past), moment(after_ms)).to_log)


def test_a_gas_meter_heard_by_itself_makes_a_row_a_slot_or_a_change() -> None:
    """Every ten seconds would wear the card for a register that moves twice an hour."""
    collector = Collector(100)
    times_ms = range(10_000, SLOT_MS + 30_000, 10_000)

    rows = [gas_alone(collector, after_ms, 500 + (after_ms > 60_000)) for after_ms in times_ms]

    assert [after_ms for after_ms, made in zip(times_ms, rows, strict=True) if made] == [
        10_000,
        70_000,
        SLOT_MS + 10_000,
    ]


def electricity_then(collector: Collector, after_ms: int, value_mwh: int) -> Collected:
    return collector.offer(Telegram((sample(value_mwh, START_MS + after_ms),)), moment(after_ms))


def kept(collector: Collector, heard_ms: int, captured_ms: int, value_mwh: int) -> Collected:
    past = Telegram((sample(value_mwh, START_MS + captured_ms),), is_past=True)
    return collector.offer(past, moment(heard_ms))


def test_what_a_meter_kept_heals_the_gap_in_order() -> None:
    """Half hours asked for after an outage are rows at their own time; a rise of hours is held."""
    collector = Collector(100)
    electricity_then(collector, 1_000, 10**9)
    electricity_then(collector, 2_000, 10**9 + 1)
    back_ms = 2 * SLOT_MS + 60_000

    first = kept(collector, back_ms, SLOT_MS, 10**9 + 9_000_000)
    second = kept(collector, back_ms, 2 * SLOT_MS, 10**9 + 18_000_000)
    now = electricity_then(collector, back_ms, 10**9 + 18_100_000)

    rows = first.to_log + second.to_log + now.to_log
    assert [one.at_ms - START_MS for one in rows] == [2_000, SLOT_MS, 2 * SLOT_MS, back_ms]
    assert first.doubts + second.doubts + now.doubts == []


def test_what_the_log_has_already_is_not_logged_again() -> None:
    """A hub asks for a day; only what came after its last row is new."""
    collector = Collector(100)
    electricity_then(collector, SLOT_MS + 1_000, 10**9)

    known = kept(collector, SLOT_MS + 5_000, SLOT_MS, 10**9 - 100)

    assert known == Collected()


def test_a_replays_meters_are_believed_however_far_apart() -> None:
    """Where the meters' clocks are the only ones, one that is days behind keeps its own time."""
    behind_ms = 3 * MS_PER_DAY
    decoded = Telegram((sample(10**9, START_MS - behind_ms),))

    replay = Collector(100, ANY_CLOCK_MS).offer(decoded, moment(0))
    home = Collector(100).offer(decoded, moment(0))

    assert [one.at_ms - START_MS for one in replay.to_log + home.to_log] == [-behind_ms, 0]


def test_a_gas_register_may_step_by_what_an_hour_burns() -> None:
    """A broker repeats the last half hour's register every ten seconds, then it steps at once."""
    collector = Collector(100)
    steps = [500_000, 500_000, 500_000 + 2_000, 500_000 + 2_000, 500_000 + 4_000]

    made = [gas_alone(collector, n * 10_000, gas_l) for n, gas_l in enumerate(steps, start=1)]

    assert made == [1, 0, 1, 0, 1]


def test_a_telegram_heard_once_more_is_set_aside() -> None:
    """An older clock and no counter higher is a repetition; a clock set back tells more energy."""
    collector = Collector(100)
    electricity_then(collector, 20_000, 10**9 + 50)
    electricity_then(collector, 40_000, 10**9 + 90)

    again = collector.offer(Telegram((sample(10**9 + 50, START_MS + 20_000),)), moment(41_000))
    set_back = collector.offer(Telegram((sample(10**9 + 95, START_MS + 30_000),)), moment(50_000))

    assert [doubt.reason for doubt in again.doubts] == ["replayed"]
    assert again.heard == again.to_log == []
    assert len(set_back.to_log) == 1


def test_garbled_serials_heard_once_make_room_for_a_meter() -> None:
    """Telegrams without a checksum give many; a meter fitted today is read within the hour."""
    collector = Collector(100)
    for number in range(MAX_METERS):
        collector.offer(Telegram((sample(10**9, meter=f"G-{number}"),)), moment(0))

    at_once = refusals(collector, moment(1_000), "NEW")
    soon = refusals(collector, moment(PASSED_AFTER_MS + 2_000), "NEW")

    assert (at_once, soon) == (["too-many-meters"], [])


def test_a_gas_meter_whose_capture_stands_still_is_read_by_what_it_counts() -> None:
    """Its clock has stopped, not its register: the rows get the time they were heard."""
    collector = Collector(100)

    rows = [
        one
        for n in range(4)
        for one in offer_gas(collector, n * MS_PER_HOUR, 0, gas_l=5_000_000 + n * 100).to_log
        if one.sample.meter == GAS_METER
    ]

    assert [one.at_ms - START_MS for one in rows] == [n * MS_PER_HOUR for n in range(4)]


def healing(collector: Collector, heard_ms: int, captured_ms: int, value_mwh: int) -> Collected:
    said = sample(value_mwh, START_MS + captured_ms)
    return collector.offer(Telegram((said,), is_past=True, is_healing=True), moment(heard_ms))


def test_half_hours_of_a_week_heal_and_older_ones_are_not_dated_now() -> None:
    """Three days away: each half hour at its own time; one of ten days ago is set aside."""
    collector = Collector(100)
    electricity_then(collector, 1_000, 10**9)
    back_ms = 3 * MS_PER_DAY

    healed = [
        healing(collector, back_ms, place * SLOT_MS, 10**9 + place * 10_000)
        for place in range(1, 3 * 48)
    ]
    old = healing(collector, back_ms + 10 * MS_PER_DAY, back_ms + 1, 10**9 + 10_000_000)

    rows = [one for collected in healed for one in collected.to_log]
    assert [one.at_ms - START_MS for one in rows] == [n * SLOT_MS for n in range(1, 3 * 48)]
    assert [doubt.reason for doubt in old.doubts] == ["bad-time"]
    assert old.to_log == []


def test_the_reading_after_a_heal_may_have_gained_since_then() -> None:
    """The newest half hour that was kept is minutes old: what was used since is no spike."""
    collector = Collector(100)
    electricity_then(collector, 1_000, 10**9)
    back_ms = 2 * SLOT_MS + 20 * 60_000

    healing(collector, back_ms, 2 * SLOT_MS, 10**9 + 7_000_000)
    now = collector.offer(
        Telegram((sample(10**9 + 7_000_000 + 20 * 7_000_000 // 60, None),)), moment(back_ms)
    )

    assert now.doubts == []


def test_a_meter_never_heard_has_nothing_to_heal() -> None:
    """Known by another name before, its half hours would be counted twice."""
    assert healing(Collector(100), SLOT_MS, 0, 10**9) == Collected()


def test_an_empty_house_whose_clock_is_set_back_loses_no_slot() -> None:
    """Nothing is used for an hour, and no counter falls: that is no repetition."""
    collector = Collector(100)
    electricity_then(collector, 2 * SLOT_MS, 10**9)

    heard = [
        collector.offer(
            Telegram((sample(10**9, START_MS + n * 10_000),)), moment(2 * SLOT_MS + n * 10_000)
        )
        for n in range(1, 360)
    ]

    assert sum(len(collected.doubts) for collected in heard) == 0
    assert sum(len(collected.to_log) for collected in heard) > 350
