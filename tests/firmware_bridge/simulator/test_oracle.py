"""The oracle's own statement of what must be logged."""

from firmware_bridge.simulator.oracle import CadenceOracle, OracleLine, Shown, slot_of
from firmware_bridge.simulator.p1_meter import telegrams
from shared.readings import Medium

SLOT = 1_800_000
BASE = 1_000 * SLOT


def must_log(times_ms: list[int], medium: Medium = Medium.ELECTRICITY) -> list[bool]:
    """Decide for one meter that is read at these times."""
    oracle = CadenceOracle()
    shown = [[Shown("m", medium, time_ms, {})] for time_ms in times_ms]
    return [
        oracle.decide(now, following)[0].must_log
        for now, following in zip(shown, [*shown[1:], None], strict=True)
    ]


def test_first_of_each_ten_seconds_is_logged() -> None:
    """The others are for live only."""
    times = [BASE + 60_000 + second * 1_000 for second in (0, 1, 9, 10, 11, 25, 31)]

    assert must_log(times) == [True, False, False, True, False, True, True]


def test_last_before_the_slots_end_is_logged() -> None:
    """It closes the slot; so does a sample on the boundary itself, and then only that."""
    before = [BASE + SLOT - 3_000, BASE + SLOT - 2_000, BASE + SLOT - 1_000, BASE + SLOT + 1_000]
    on_it = [BASE + SLOT - 3_000, BASE + SLOT - 1_000, BASE + SLOT, BASE + SLOT + 1_000]

    assert must_log(before) == [True, False, True, True]
    assert must_log(on_it) == [True, False, True, False]


def test_last_sample_of_all_is_judged_by_its_bucket_alone() -> None:
    """What would have followed is not known."""
    assert must_log([BASE + SLOT - 2_000, BASE + SLOT - 1_000]) == [True, False]


def test_gas_is_logged_when_its_capture_time_changes() -> None:
    """However often it is repeated between."""
    assert must_log([BASE, BASE, BASE + SLOT, BASE + SLOT], Medium.GAS) == [
        True,
        False,
        True,
        False,
    ]


def test_boundary_belongs_to_the_slot_it_closes() -> None:
    """Slots are open at the start and closed at the end."""
    assert slot_of(BASE) == slot_of(BASE - 1) == slot_of(BASE + 1) - 1


def test_history_of_ten_seconds_is_all_logged_once() -> None:
    """At the cadence itself, every electricity telegram must be in the log."""
    lines: list[OracleLine] = []
    for _, some in telegrams(1, BASE, BASE + 3 * SLOT):
        lines += some

    electricity = [line for line in lines if line.medium is Medium.ELECTRICITY]
    assert len(electricity) == 540
    assert all(line.must_log for line in electricity)
    assert sum(line.must_log for line in lines if line.medium is Medium.GAS) == 3
