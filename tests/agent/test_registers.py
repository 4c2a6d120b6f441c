"""What a counter may do: rise within the fuse, wrap near its modulus, and nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.registers import (
    CONSISTENT_SAMPLES,
    HOLDS,
    MAX_GAS_L_PER_HOUR,
    CounterWatch,
    Fault,
    Verdict,
    join_changes,
)
from shared.readings import Medium
from shared.units import MS_PER_DAY, MS_PER_HOUR

TOP_MWH = 10**11
"""A display of five digits of kWh turns over here: after 99999.999 kWh comes 0."""

STEP_MS = 10_000


def watch_at(
    value: int, *, medium: Medium = Medium.ELECTRICITY, register: str = "import_mwh"
) -> CounterWatch:
    watch = CounterWatch(medium)
    assert watch.judge(register, value, 0) is HOLDS
    return watch


def test_an_ordinary_rise_holds() -> None:
    """What the fuse can let through is believed."""
    watch = watch_at(1_000)

    assert watch.judge("import_mwh", 1_500, STEP_MS) is HOLDS
    assert watch.judge("import_mwh", 1_500, 2 * STEP_MS) is HOLDS


def test_a_wrap_is_a_rise_that_records_the_modulus() -> None:
    """From 99999.999 kWh to 0.001 kWh is two Wh, not a fall."""
    watch = watch_at(TOP_MWH - 1_000)

    verdict = watch.judge("import_mwh", 1_000, STEP_MS)

    assert verdict == Verdict(modulus=TOP_MWH)
    assert watch.judge("import_mwh", 2_000, 2 * STEP_MS) is HOLDS


def test_a_wrap_to_exactly_zero_is_a_wrap() -> None:
    """Zero next to the top of the span is where a counter goes, not a boot's zero."""
    watch = watch_at(TOP_MWH - 1_000)

    assert watch.judge("import_mwh", 0, STEP_MS) == Verdict(modulus=TOP_MWH)


def test_a_second_wrap_prefers_the_modulus_known() -> None:
    """A register that has wrapped once wraps at the same place again."""
    watch = CounterWatch(Medium.ELECTRICITY)
    watch.restore("import_mwh", 777_999_000, 0, 778_000_000)

    assert watch.judge("import_mwh", 0, STEP_MS) == Verdict(modulus=778_000_000)


def test_a_fall_is_a_fault_and_the_next_true_value_holds() -> None:
    """A value that goes back is refused; the register it belongs to goes on."""
    watch = watch_at(5_000_000)

    assert watch.judge("import_mwh", 4_000_000, STEP_MS).fault is Fault.FELL
    assert watch.judge("import_mwh", 5_000_100, 2 * STEP_MS) is HOLDS


def test_a_fall_in_the_middle_is_no_wrap_after_weeks_of_silence() -> None:
    """Only the end of a register's span is near a wrap, however long nobody looked."""
    watch = watch_at(50_000 * 10**6)

    assert watch.judge("import_mwh", 10_000 * 10**6, 35 * MS_PER_DAY).fault is Fault.FELL


def test_a_wrap_during_days_of_silence_is_a_wrap() -> None:
    """A hub that was off for a week still knows a turned display."""
    watch = watch_at(99_900 * 10**6)

    assert watch.judge("import_mwh", 50 * 10**6, 7 * MS_PER_DAY).modulus == TOP_MWH


def test_zero_after_boot_is_no_value() -> None:
    """A meter that starts shows zeros for a moment: missing, never a fall, never a new run."""
    watch = watch_at(5_000_000)

    verdicts = {watch.judge("import_mwh", 0, n * STEP_MS).fault for n in range(1, 20)}

    assert verdicts == {Fault.ZERO}


def test_an_impossible_rise_is_a_fault() -> None:
    """53 MWh in ten seconds pass no fuse."""
    watch = watch_at(1_000_000)

    assert watch.judge("import_mwh", 53_000_000_000, STEP_MS).fault is Fault.ROSE
    assert watch.judge("import_mwh", 1_000_100, 2 * STEP_MS) is HOLDS


def test_the_same_rise_holds_when_enough_time_has_passed() -> None:
    """The bound grows with the time elapsed."""
    watch = watch_at(0)

    assert watch.judge("import_mwh", 700_000_000, 10 * MS_PER_HOUR) is HOLDS


def test_a_negative_counter_is_a_fault() -> None:
    """No counter shows less than nothing."""
    assert watch_at(10).judge("import_mwh", -1, STEP_MS).fault is Fault.NEGATIVE


def test_a_meter_that_insists_is_based_anew_in_a_run_of_its_own() -> None:
    """After six values that go on from each other the register starts a run; before, each is set
    aside.
    """
    watch = watch_at(5_000_000_000)

    verdicts = [
        watch.judge("import_mwh", 1_000_000 + n * 100, n * STEP_MS)
        for n in range(1, CONSISTENT_SAMPLES + 2)
    ]

    assert [verdict.fault for verdict in verdicts[: CONSISTENT_SAMPLES - 1]] == [Fault.FELL] * 5
    assert verdicts[CONSISTENT_SAMPLES - 1] == Verdict(is_new_run=True)
    assert verdicts[CONSISTENT_SAMPLES] is HOLDS


def test_doubtful_values_that_disagree_never_convince() -> None:
    """Noise is not consistent: each outlier begins the count again."""
    watch = watch_at(5_000_000_000)

    faults = [watch.judge("import_mwh", 10**6 * (20 - n), n * STEP_MS).fault for n in range(1, 19)]

    assert set(faults) == {Fault.FELL}


def test_a_reading_that_is_repeated_counts_once() -> None:
    """At the time it was first heard, a refused value stays refused and convinces nobody."""
    watch = watch_at(5_000_000_000)

    repeats = [watch.judge("import_mwh", 1_000_000, STEP_MS) for _ in range(20)]
    later = [
        watch.judge("import_mwh", 1_000_000, n * STEP_MS) for n in range(2, CONSISTENT_SAMPLES + 1)
    ]

    assert {verdict.fault for verdict in repeats} == {Fault.FELL}
    assert [verdict.is_new_run for verdict in later] == [False] * (CONSISTENT_SAMPLES - 2) + [True]


def test_joined_changes_keep_a_new_run() -> None:
    """A wrap after a new run adds its modulus; a new run after a wrap is a run without one."""
    began, wrapped = Verdict(is_new_run=True), Verdict(modulus=TOP_MWH)

    assert join_changes({"a": began}, {"a": wrapped, "b": began}) == {
        "a": Verdict(modulus=TOP_MWH, is_new_run=True),
        "b": began,
    }
    assert join_changes({"a": wrapped}, {"a": began}) == {"a": began}
    assert join_changes({"a": wrapped}, {}) == {"a": wrapped}


@pytest.mark.parametrize(
    ("medium", "register", "possible", "impossible"),
    [
        (Medium.GAS, "gas_l", MAX_GAS_L_PER_HOUR, 2 * MAX_GAS_L_PER_HOUR),
        (Medium.WATER, "water_l", 20_000, 40_000),
        (Medium.HEAT, "heat_mj", 1_000, 2_000),
    ],
)
def test_each_medium_has_its_bound(
    medium: Medium, register: str, possible: int, impossible: int
) -> None:
    """Gas, water and heat rise no faster than a home's meter can turn."""
    fast = watch_at(0, medium=medium, register=register)
    slow = watch_at(0, medium=medium, register=register)

    assert fast.judge(register, impossible, MS_PER_HOUR).fault is Fault.ROSE
    assert slow.judge(register, possible, MS_PER_HOUR) is HOLDS


def test_a_gas_meter_wraps_at_its_own_digits() -> None:
    """Four digits of cubic metres turn over at 10,000."""
    watch = watch_at(9_999_990, medium=Medium.GAS, register="gas_l")

    assert watch.judge("gas_l", 5, MS_PER_HOUR) == Verdict(modulus=10_000_000)


@given(st.lists(st.integers(-(10**6), 10**13), min_size=1, max_size=40))
def test_what_is_believed_never_falls_within_a_run(values: list[int]) -> None:
    """Whatever a meter says, within a run the believed values only rise, wraps apart."""
    watch = CounterWatch(Medium.ELECTRICITY)
    last: int | None = None

    for place, value in enumerate(values):
        verdict = watch.judge("import_mwh", value, place * STEP_MS)
        if verdict.fault is not None:
            continue
        if verdict.modulus is None and not verdict.is_new_run:
            assert last is None or value >= last
        last = value
