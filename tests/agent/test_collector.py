"""Which samples are logged, which values are believed, and how much time has passed."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.collector import (
    UNKNOWN_ELAPSED_MS,
    Collected,
    Collector,
)
from agent.heard import Heard, Moment
from agent.records import RunChange
from agent.registers import CONSISTENT_SAMPLES, Verdict
from agent.rows import LogRow
from firmware_bridge.meters.codec import Telegram
from firmware_bridge.simulator.oracle import CadenceOracle, Shown
from firmware_bridge.simulator.p1_meter import emissions
from shared.readings import Medium, Sample
from shared.units import MS_PER_HOUR, SLOT_MS
from tests.support.hubs import (
    BOOT,
    GAS_METER,
    METER,
    START_MS,
    gas_telegram,
    row_at,
    sample,
    telegram,
)

TOP_MWH = 10**11


def moment(after_ms: int, *, boot: int = BOOT, utc_ms: int | None = None) -> Moment:
    return Moment(boot, after_ms, START_MS + after_ms if utc_ms is None else utc_ms)


def offer(collector: Collector, after_ms: int, value_mwh: int = 10**9, **extra: int) -> Collected:
    return collector.offer(telegram(value_mwh, START_MS + after_ms, **extra), moment(after_ms))


def logged_times(collector: Collector, times_ms: list[int]) -> list[int]:
    found: list[Heard] = []
    for after_ms in times_ms:
        found += offer(collector, after_ms).to_log
    return [heard.at_ms - START_MS for heard in found]


def row_of(heard: Heard, seq: int = 1) -> LogRow:
    return row_at(
        seq,
        heard.moment.monotonic_ms,
        heard.sample.registers,
        boot=heard.moment.boot,
        meter_clock_ms=heard.meter_clock_ms,
        captured_at_ms=heard.captured_at_ms,
    )


def test_one_sample_of_each_ten_seconds_is_logged() -> None:
    """A telegram a second becomes a row every ten seconds, the first of each bucket."""
    times = list(range(0, 35_000, 1_000))

    assert logged_times(Collector(100), times) == [0, 10_000, 20_000, 30_000]


def test_the_last_sample_before_a_slot_boundary_is_logged() -> None:
    """The closing of a slot is the latest that was heard before its end."""
    times = [SLOT_MS - 10_000, SLOT_MS - 3_000, SLOT_MS - 2_000, SLOT_MS + 4_000]

    assert logged_times(Collector(100), times) == [
        SLOT_MS - 10_000,
        SLOT_MS - 2_000,
        SLOT_MS + 4_000,
    ]


def test_a_sample_on_the_boundary_closes_the_slot() -> None:
    """A register read exactly on the boundary is the closing; nothing before it is needed."""
    times = [SLOT_MS - 10_000, SLOT_MS - 1_000, SLOT_MS, SLOT_MS + 1_000]

    assert logged_times(Collector(100), times) == [SLOT_MS - 10_000, SLOT_MS]


def test_every_sample_is_heard_even_where_it_is_not_logged() -> None:
    """The display and live see each telegram."""
    collector = Collector(100)

    heard = [offer(collector, after_ms).heard for after_ms in (0, 1_000, 2_000)]

    assert [len(one) for one in heard] == [1, 1, 1]


def test_gas_is_logged_when_its_own_capture_time_changes() -> None:
    """A sub-meter repeated in every telegram makes a row an hour, at its capture's time."""
    collector = Collector(100)
    rows: list[Heard] = []

    for after_ms in range(0, 2 * MS_PER_HOUR, 300_000):
        captured_ms = START_MS + after_ms // MS_PER_HOUR * MS_PER_HOUR
        gas_l = 1_000 + (captured_ms - START_MS) // 60_000
        decoded = gas_telegram(10**9, START_MS + after_ms, gas_l, captured_ms)
        collected = collector.offer(decoded, moment(after_ms))
        rows += [one for one in collected.to_log if one.sample.meter == GAS_METER]

    assert [one.at_ms - START_MS for one in rows] == [0, MS_PER_HOUR]
    assert [one.captured_at_ms for one in rows] == [START_MS, START_MS + MS_PER_HOUR]


def test_a_restart_logs_no_duplicate() -> None:
    """After a restart the row's bucket and the gas capture are known: neither is logged again."""
    first = Collector(100)
    decoded = gas_telegram(10**9, START_MS + 1_000, 500, START_MS)
    rows = {one.sample.meter: row_of(one) for one in first.offer(decoded, moment(1_000)).to_log}
    second = Collector(100)
    second.restore(METER, Medium.ELECTRICITY, [(rows[METER], START_MS + 1_000)], [], {})
    second.restore(GAS_METER, Medium.GAS, [(rows[GAS_METER], START_MS)], [], {})

    again = second.offer(decoded, moment(2_000, boot=2))
    later = second.offer(gas_telegram(10**9, START_MS + 10_000, 500, START_MS), moment(10_000))

    assert again.to_log == []
    assert [one.sample.meter for one in later.to_log] == [METER]


def test_a_restart_goes_on_from_the_last_values() -> None:
    """A register that fell while the hub was away is doubted; one that wrapped is known to."""
    collector = Collector(100)
    row = row_at(9, 0, {"import_mwh": 5 * 10**9, "export_mwh": TOP_MWH - 1})
    wrap = RunChange(1, "export_mwh", 2, "", TOP_MWH)
    collector.restore(METER, Medium.ELECTRICITY, [(row, START_MS)], [wrap], {})

    collected = offer(collector, 60_000, 4 * 10**9, export_mwh=7)

    assert [(one.register, one.reason) for one in collected.doubts] == [
        ("import_mwh", "register-fell")
    ]
    assert collected.heard[0].sample.registers == {"export_mwh": 7}
    assert collected.heard[0].changes["export_mwh"].modulus == TOP_MWH


def test_a_row_without_a_time_says_nothing_of_what_has_passed() -> None:
    """Restored from a boot that never learned the time, the hub does not take years for elapsed."""
    collector = Collector(100)
    row = row_at(1, 5_000, {"import_mwh": 10})
    collector.restore(METER, Medium.ELECTRICITY, [(row, 5_000)], [], {})
    far = telegram(10 + 100 * 253 * 3 * 1_000 * 24 * 60, None)

    collected = collector.offer(far, moment(6_000, boot=2))

    assert [one.reason for one in collected.doubts] == ["register-rose-impossibly"]


def test_a_counter_goes_on_from_the_newest_row_that_has_it() -> None:
    """Of a register refused when the hub stopped, the last rows are without: an older one counts.

    What it may have risen by since is bounded by the time from that row on.
    """
    rows = [
        (row_at(3, 2 * MS_PER_HOUR, {"power_import_w": 5}), START_MS + 2 * MS_PER_HOUR),
        (row_at(2, 0, {"import_mwh": 5 * 10**9}), START_MS),
        (row_at(1, 0, {"import_mwh": 4 * 10**9}), START_MS),
    ]
    hour_mwh = 100 * 253 * 3 * 1_000
    reasons: list[list[str]] = []

    for value in (0, 5 * 10**9 - 1, 5 * 10**9 + 2 * hour_mwh, 5 * 10**9 + 3 * hour_mwh):
        collector = Collector(100)
        collector.restore(METER, Medium.ELECTRICITY, rows, [], {})
        doubts = offer(collector, 2 * MS_PER_HOUR + 10_000, value).doubts
        reasons.append([one.reason for one in doubts])

    assert reasons == [["zero-after-boot"], ["register-fell"], [], ["register-rose-impossibly"]]


@pytest.mark.parametrize(
    ("closing_ms", "newest_ms"),
    [(START_MS - MS_PER_HOUR, START_MS), (START_MS + MS_PER_HOUR, START_MS), (START_MS, 5_000)],
    ids=["older", "newer", "no time known"],
)
def test_a_counter_in_no_row_goes_on_from_the_closing_of_its_run(
    closing_ms: int, newest_ms: int
) -> None:
    """Rows and closings of a run that is over say nothing of the one the register is in."""
    rows = [
        (row_at(9, 5_000, {"power_import_w": 5}), newest_ms),
        (row_at(2, 0, {"import_mwh": 7 * 10**9}), newest_ms),
    ]
    closings = {
        ("import_mwh", ""): (closing_ms, 6 * 10**9),
        ("import_mwh", "run"): (closing_ms, 10**9),
        ("export_mwh", ""): (closing_ms, 10**9),
    }
    collector = Collector(100)
    runs = [RunChange(1, "import_mwh", 3, "run", 0)]
    collector.restore(METER, Medium.ELECTRICITY, rows, runs, closings)

    rose = offer(collector, 10_000, 10**9 + 1, export_mwh=10**9 + 1)
    fell = offer(collector, 20_000, 10**9 - 1, export_mwh=10**9 - 1)

    assert rose.doubts == []
    assert [one.register for one in fell.doubts] == ["import_mwh", "export_mwh"]


def test_a_doubted_value_is_taken_out_and_the_rest_is_logged() -> None:
    """One bad register does not cost the others."""
    collector = Collector(100)
    offer(collector, 0, 5 * 10**9, power_import_w=100)

    collected = offer(collector, 10_000, 4 * 10**9, power_import_w=200)

    assert collected.to_log[0].sample.registers == {"power_import_w": 200}
    assert collected.doubts[0].value == 4 * 10**9


def test_a_sample_of_doubts_alone_is_neither_logged_nor_heard() -> None:
    """Nothing is left to show."""
    collector = Collector(100)
    offer(collector, 0, 5 * 10**9)

    collected = offer(collector, 10_000, 4 * 10**9)

    assert (collected.to_log, collected.heard) == ([], [])
    assert len(collected.doubts) == 1


def test_an_impossible_power_is_doubted() -> None:
    """A sentinel of −8388.608 kW never reaches the gauge."""
    collected = offer(Collector(100), 0, 10**9, power_import_w=-8_388_608)

    assert [one.reason for one in collected.doubts] == ["impossible-power"]
    assert collected.heard[0].sample.registers == {"import_mwh": 10**9}


def test_a_wrap_between_logged_samples_is_carried_to_the_next_row() -> None:
    """What changed in a sample that was not logged is said by the one that is."""
    collector = Collector(100)
    offer(collector, 0, TOP_MWH - 1_000)

    unlogged = offer(collector, 1_000, 500)
    logged = offer(collector, 10_000, 900)

    assert unlogged.to_log == []
    assert logged.to_log[0].changes["import_mwh"].modulus == TOP_MWH


def test_a_wrap_soon_after_a_new_run_does_not_undo_it() -> None:
    """Both happen between two logged samples: the row begins the run and says the modulus."""
    collector = Collector(100)
    offer(collector, 0, 5 * 10**9)
    for n in range(1, CONSISTENT_SAMPLES + 1):
        offer(collector, 10 + n, TOP_MWH - 10_000 + n)
    unlogged = offer(collector, 5_000, 500)

    logged = offer(collector, 10_000, 900)

    assert unlogged.to_log == []
    assert logged.to_log[0].changes == {"import_mwh": Verdict(modulus=TOP_MWH, is_new_run=True)}


def test_a_new_run_begins_where_the_meter_has_insisted() -> None:
    """Six consistent values after a fall, and the seventh row is in a run of its own."""
    collector = Collector(100)
    offer(collector, 0, 5 * 10**9)

    collected = [
        offer(collector, n * 10_000, 10**6 + n * 1_000) for n in range(1, CONSISTENT_SAMPLES + 1)
    ]

    assert [len(one.doubts) for one in collected] == [1] * (CONSISTENT_SAMPLES - 1) + [0]
    assert collected[-1].to_log[0].changes["import_mwh"].is_new_run


@pytest.mark.parametrize(
    ("monotonic_ms", "meter_ms", "utc_ms"),
    [
        (MS_PER_HOUR, 10_000, 10_000),
        (10_000, MS_PER_HOUR, 10_000),
        (10_000, 10_000, MS_PER_HOUR),
    ],
    ids=["monotonic", "meter", "wall"],
)
def test_the_longest_time_any_clock_says_bounds_the_rise(
    monotonic_ms: int, meter_ms: int, utc_ms: int
) -> None:
    """A rise an hour can explain holds if one clock says that an hour has passed."""
    collector = Collector(100)
    offer(collector, 0, 0)
    rise = telegram(70_000_000, START_MS + meter_ms)

    collected = collector.offer(rise, Moment(BOOT, monotonic_ms, START_MS + utc_ms))

    assert collected.doubts == []


def test_where_no_clock_can_tell_a_month_may_have_passed() -> None:
    """A meter and a hub without time, after a restart: the benefit of the doubt is bounded."""
    collector = Collector(100)
    row = row_at(1, 0, {"import_mwh": 0})
    collector.restore(METER, Medium.ELECTRICITY, [(row, 0)], [], {})
    bound_mwh = 100 * 253 * 3 * 1_000 * (UNKNOWN_ELAPSED_MS + 60_000) // MS_PER_HOUR

    too_much = collector.offer(telegram(bound_mwh + 1), Moment(2, 0, None))
    enough = collector.offer(telegram(bound_mwh), Moment(3, 0, None))

    assert len(too_much.doubts) == 1
    assert enough.doubts == []


def test_without_any_time_the_cadence_follows_the_monotonic_clock() -> None:
    """A boot in 1970 with a meter without a clock still logs every ten seconds."""
    collector = Collector(100)

    rows = [
        len(collector.offer(telegram(n), Moment(BOOT, n * 1_000, None)).to_log) for n in range(21)
    ]

    assert sum(rows) == 3


def test_an_empty_telegram_is_nothing() -> None:
    """No sample, no row, no error."""
    assert Collector(100).offer(Telegram(()), moment(0)) == Collected()


def oracle_says(shown: list[tuple[Shown, ...]]) -> list[tuple[str, int]]:
    oracle = CadenceOracle()
    followers: list[tuple[Shown, ...] | None] = [*shown[1:], None]
    return [
        (line.meter, line.taken_at_ms)
        for one, following in zip(shown, followers, strict=True)
        for line in oracle.decide(one, following)
        if line.must_log
    ]


def collector_says(shown: list[tuple[Shown, ...]]) -> list[tuple[str, int]]:
    collector = Collector(100)
    found: list[tuple[str, int]] = []
    for one in shown:
        decoded = Telegram(
            tuple(Sample(s.meter, s.medium, s.taken_at_ms, s.registers) for s in one)
        )
        at_ms = one[0].taken_at_ms
        collected = collector.offer(decoded, Moment(BOOT, at_ms - START_MS, at_ms))
        found += [(heard.sample.meter, heard.at_ms) for heard in collected.to_log]
    return found


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 900), min_size=1, max_size=60), st.integers(0, 3_600))
def test_cadence_agrees_with_the_oracle(steps_s: list[int], first_s: int) -> None:
    """Whatever the times of the telegrams, what is logged is what the oracle says must be."""
    at_ms = START_MS + first_s * 1_000
    shown: list[tuple[Shown, ...]] = []
    for place, step_s in enumerate(steps_s):
        at_ms += step_s * 1_000
        electricity = Shown(METER, Medium.ELECTRICITY, at_ms, {"import_mwh": place})
        gas_ms = at_ms // SLOT_MS * SLOT_MS
        gas = Shown(GAS_METER, Medium.GAS, gas_ms, {"gas_l": gas_ms // SLOT_MS % 1_000})
        shown.append((electricity, gas))

    assert sorted(collector_says(shown)) == sorted(oracle_says(shown))


@pytest.mark.parametrize("cadence_s", [1, 7, 10, 60])
def test_cadence_agrees_with_the_oracle_on_a_household(cadence_s: int) -> None:
    """A simulated household's telegrams, at several rates, across slot boundaries."""
    shown: list[tuple[Shown, ...]] = [
        one.shown for one in emissions(3, START_MS, START_MS + 2 * MS_PER_HOUR, cadence_s)
    ]

    assert sorted(collector_says(shown)) == sorted(oracle_says(shown))


def test_samples_are_kept_apart_by_meter() -> None:
    """A second meter has its own cadence and its own registers."""
    collector = Collector(100)
    offer(collector, 0, 10**9)

    collected = collector.offer(Telegram((sample(5, START_MS + 1_000, meter="M2"),)), moment(1_000))

    assert [one.sample.meter for one in collected.to_log] == ["M2"]
    assert collected.doubts == []


def test_energy_is_not_overwritten_by_power_told_after_it() -> None:
    """A stick tells power and registers by turns: the registers within a bucket are logged."""
    collector = Collector(100)
    power = {"power_import_w": 400}
    energy = {"import_mwh": 10**9}
    logged: list[dict[str, int]] = []

    for after_ms, registers in ((0, power), (2_000, energy), (4_000, power), (6_000, power)):
        one = Sample(METER, Medium.ELECTRICITY, START_MS + after_ms, registers)
        collected = collector.offer(Telegram((one,)), moment(after_ms))
        logged += [heard.sample.registers for heard in collected.to_log]

    assert logged == [power, energy]
