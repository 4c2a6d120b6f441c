"""A total and tariffs of one meter: each tells its slots, and neither takes any from the other."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from cloud.readings.service import usage_of
from cloud.readings.store import Change, RunKey
from cloud.scope import Scope
from shared.instants import format_utc
from shared.meterdays import SlotUsage, edges_of, split_by_day
from shared.readings import Medium
from shared.units import MS_PER_DAY, SLOT_MS
from tests.support.cloud import METER, START_MS, MemoryReadingStore
from tests.support.usage_stage import UsageStage

HOME = Scope.of("home")
FIRST = START_MS // SLOT_MS
EVERY_MS = SLOT_MS // 6
TOTAL, T1, T2 = "import_mwh", "import_t1_mwh", "import_t2_mwh"
SHARES = {TOTAL: 6, T1: 2, T2: 4}
"""What each register counts in five minutes."""

Told = dict[str, tuple[float, float]]
"""From which slot to which each register was read."""


def _store(told: Told) -> MemoryReadingStore:
    """Let registers be read each five minutes, between slots counted from the start."""
    store = MemoryReadingStore()
    for register, (first, end) in told.items():
        # At the very start too: the first half hour is known from its beginning.
        steps = range(int(first * 6) + bool(first), int(end * 6) + 1)
        times = [START_MS + step * EVERY_MS for step in steps]
        edges = edges_of(times, [10**6 + step * SHARES[register] for step in steps])
        key = RunKey(register, "")
        days = {(key, day): one for day, one in split_by_day(edges).items()}
        store.apply(HOME, METER, Change({key: 0}, days))
    return store


def _usage(store: MemoryReadingStore, slots: range) -> dict[int, SlotUsage]:
    start_ms, end_ms = (FIRST + slots.start) * SLOT_MS, (FIRST + slots.stop) * SLOT_MS
    found = usage_of(store, HOME, METER, Medium.ELECTRICITY, start_ms, end_ms)[TOTAL]
    return {slot - FIRST: one for slot, one in found.items() if slot - FIRST in slots}


def _amounts(told: Told, slots: range) -> list[int | None]:
    found = _usage(_store(told), slots)
    return [found[slot].amount if slot in found else None for slot in slots]


@pytest.mark.parametrize(
    "told",
    [
        {T1: (0, 100), T2: (0, 100), TOTAL: (40.5, 100)},  # a hub with the total came
        {T1: (0, 100), T2: (0, 100), TOTAL: (0, 60.5)},  # and went
        {T1: (0, 100), T2: (0, 100), TOTAL: (30.5, 60.5)},  # or was there for a while
        {T1: (20.5, 70.5), T2: (20.5, 70.5), TOTAL: (0, 100)},  # the other one was
        {T1: (0, 60.5), T2: (0, 60.5), TOTAL: (40.5, 100)},  # one took the other's place
        {T1: (40.5, 100), T2: (40.5, 100), TOTAL: (0, 60.5)},
        {T1: (0, 100), T2: (0, 100), TOTAL: (0, 100)},  # the meter tells both
        {T1: (0, 100), T2: (0, 100), TOTAL: (50.2, 50.8)},  # the total within one half hour
    ],
)
def test_every_half_hour_is_told_once(told: Told) -> None:
    """As much as was used in it, whichever register was read when."""
    found = _usage(_store(told), range(100))

    assert {slot: one.amount for slot, one in found.items()} == dict.fromkeys(range(100), 36)
    assert [slot for slot, one in found.items() if one.is_estimated] == []


@pytest.mark.parametrize("days", [(0, 1), (1, 2), (2, 3), (3, 5)])
def test_a_days_answer_does_not_depend_on_the_others_asked_for(days: tuple[int, int]) -> None:
    """Before the total's turn, in it, over its ends and after it."""
    store = _store({T1: (0, 240), T2: (0, 240), TOTAL: (60.5, 110.5)})
    whole = _usage(store, range(240))

    slots = range(days[0] * 48, days[1] * 48)

    assert _usage(store, slots) == {slot: whole[slot] for slot in slots}
    assert {one.amount for one in whole.values()} == {36}


def test_time_between_two_hubs_stays_unknown() -> None:
    """No difference is taken from a tariff to a total."""
    told: Told = {T1: (0, 40), T2: (0, 40), TOTAL: (60, 100)}

    amounts = _amounts(told, range(100))

    assert amounts == [36] * 40 + [None] * 20 + [30] + [36] * 39


def test_total_wins_where_both_were_always_read() -> None:
    """Though its tariffs round otherwise."""
    store = _store({T1: (0, 50), T2: (0, 50)})
    more = _store({TOTAL: (0, 50)})
    for (household_id, meter, key), modulus in more.modulus.items():
        store.modulus[household_id, meter, key] = modulus
    store.edges.update(
        {
            place: {
                slot: one._replace(closing=one.closing + 1 if slot == FIRST + 10 else one.closing)
                for slot, one in edges.items()
            }
            for place, edges in more.edges.items()
        }
    )

    amounts = [one.amount for _, one in sorted(_usage(store, range(50)).items())]

    assert amounts[9:13] == [36, 37, 35, 36]
    assert sum(amounts) == 50 * 36


@pytest.fixture(name="stage")
def _stage(tmp_path: Path) -> Iterator[UsageStage]:
    stage = UsageStage(tmp_path, zone="UTC")
    with stage.client:
        yield stage


def test_days_before_a_total_came_are_shown_and_priced_on(stage: UsageStage) -> None:
    """At the API: by day, by quality and apart by register."""
    stage.read_half_hours(96, register=T1, rise=1_000)
    before = stage.usage("2026-03-01", "2026-03-03", "day")

    stage.read_half_hours(48, start_ms=START_MS + 2 * MS_PER_DAY, rise=3_000, base=10**9)

    assert [one["import_mwh"] for one in before] == [48_000, 48_000]
    assert stage.usage("2026-03-01", "2026-03-03", "day") == before
    assert stage.usage("2026-03-03", "2026-03-04", "day")[0]["import_mwh"] == 48 * 3_000
    period = {"start": "2026-03-01", "to": "2026-03-04"}
    (quality,) = stage.get(f"meters/{METER}/quality", **period)["quantities"]
    assert (quality["measured_slots"], quality["missing_slots"]) == (144, 0)
    assert before[0]["start"] == format_utc(START_MS)
