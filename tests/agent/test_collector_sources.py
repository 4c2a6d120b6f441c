"""One meter heard by two sources: the one that lags is no anomaly, and a real fall still is."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from agent.collector import Collected, Collector
from agent.heard import Moment
from agent.registers import CONSISTENT_SAMPLES
from firmware_bridge.meters.codec import Telegram
from shared.meterdays import edges_of
from tests.support.hubs import BOOT, START_MS, sample

NEAR, FAR = "serial:/dev/ttyUSB0", "mqtt:glow"
START_MWH = 10**9


def offer(
    collector: Collector, source: str, heard_ms: int, value_mwh: int, clock_ms: int | None = None
) -> Collected:
    """Let one source tell a value, with the meter's clock or without."""
    said = sample(value_mwh, None if clock_ms is None else START_MS + clock_ms)
    return collector.offer(Telegram((said,)), Moment(BOOT, heard_ms, START_MS + heard_ms), source)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 50), st.integers(1, 60), st.booleans())
def test_a_source_that_lags_is_never_doubted(
    seed: int, lag_s: int, every_s: int, has_clock: bool
) -> None:
    """Whatever its lag and its rhythm: no doubt, no new run, and the slots of the meter itself."""
    chance = random.Random(seed)
    collector, value_mwh = Collector(100), START_MWH
    shown: list[int] = []
    doubts, changes = 0, 0
    logged: list[tuple[int, int]] = []
    for second in range(4_000):
        value_mwh += chance.randint(0, 2_000)
        shown.append(value_mwh)
        told = [(NEAR, second)] if second % 3 == 0 else []
        if second % every_s == 0 and second >= lag_s:
            told.append((FAR, second - lag_s))
        for source, of_second in told:
            clock_ms = of_second * 1_000 if has_clock else None
            found = offer(collector, source, second * 1_000, shown[of_second], clock_ms)
            doubts += len(found.doubts)
            for heard in found.to_log:
                changes += len(heard.changes)
                logged.append((heard.at_ms, heard.counters["import_mwh"]))

    assert (doubts, changes) == (0, 0)
    times_ms, values = [at_ms for at_ms, _ in logged], [value for _, value in logged]
    assert values == sorted(values)
    edges = edges_of(times_ms, values)
    assert all(edge.closing >= edge.opening for edge in edges.values())


def test_a_meter_that_falls_is_doubted_by_each_source_and_believed_at_last() -> None:
    """Being behind another excuses only what its own source's values allow."""
    collector = Collector(100)
    for second in range(0, 60, 10):
        offer(collector, NEAR, second * 1_000, START_MWH + second * 100)
        offer(collector, FAR, second * 1_000 + 500, START_MWH + second * 100 - 50)

    fallen = [
        offer(collector, source, 60_000 + place * 5_000, 5_000 + place * 100)
        for place in range(2 * CONSISTENT_SAMPLES)
        for source in (NEAR, FAR)
    ]

    reasons = {doubt.reason for one in fallen for doubt in one.doubts}
    changes = [heard.changes for one in fallen for heard in one.heard if heard.changes]
    assert reasons == {"register-fell"}
    assert [change["import_mwh"].is_new_run for change in changes] == [True]


def test_one_source_alone_that_falls_is_doubted() -> None:
    """With nobody ahead of it, a lower value is what it always was."""
    collector = Collector(100)
    offer(collector, NEAR, 0, START_MWH)

    found = offer(collector, NEAR, 10_000, START_MWH - 1_000)

    assert [doubt.reason for doubt in found.doubts] == ["register-fell"]


def test_the_source_behind_takes_over_where_the_other_falls_silent() -> None:
    """What it says is taken again once it is past what the other said last."""
    collector = Collector(100)
    offer(collector, NEAR, 0, START_MWH)
    behind = offer(collector, FAR, 1_000, START_MWH - 500)
    still = offer(collector, FAR, 11_000, START_MWH - 100)

    past = offer(collector, FAR, 21_000, START_MWH + 300)

    assert (behind.to_log, behind.doubts, still.to_log) == ([], [], [])
    assert [one.counters for one in past.to_log] == [{"import_mwh": START_MWH + 300}]


def test_a_replayed_telegram_is_set_aside_by_source() -> None:
    """Each source may only not go back behind itself."""
    collector = Collector(100)
    offer(collector, NEAR, 100_000, START_MWH + 500, 100_000)
    offer(collector, FAR, 101_000, START_MWH + 100, 70_000)

    again = offer(collector, FAR, 102_000, START_MWH + 50, 60_000)
    on = offer(collector, FAR, 103_000, START_MWH + 200, 80_000)

    assert [doubt.reason for doubt in again.doubts] == ["replayed"]
    assert on.doubts == []
