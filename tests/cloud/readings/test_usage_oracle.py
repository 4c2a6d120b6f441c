"""Usage against an oracle that walks local half hours one by one, through every clock change."""

import datetime as dt
from collections.abc import Mapping
from itertools import pairwise
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from cloud.readings.overlay import overlay
from cloud.readings.usage import (
    Known,
    Reason,
    RunEdges,
    Source,
    Status,
    serve,
    sum_known,
    usage_by_slot,
)
from shared.calendar import Interval, Resolution, intervals_between
from shared.meterdays import SlotUsage, edges_of, usage_of_run, why_estimated
from shared.units import MS_PER_DAY, SLOT_MS

ZONES = ("Europe/London", "Australia/Lord_Howe", "America/New_York", "Asia/Kolkata", "UTC")
EDGES_OF_YEARS = [
    "2024-02-28T00:00:00+00:00",
    "2026-03-28T12:00:00+00:00",
    "2026-10-24T12:00:00+00:00",
    "2026-04-04T00:00:00+00:00",
    "2026-12-30T00:00:00+00:00",
]
"""Days before a leap day, clock changes of both hemispheres, and New Year."""

LATER_MS = 4_000_000_000_000


def first_ms(text: str) -> int:
    """An instant in milliseconds."""
    return int(dt.datetime.fromisoformat(text).timestamp()) * 1_000


def label(at_ms: int, zone: ZoneInfo, resolution: Resolution) -> object:
    """Name the local interval an instant is in, by the calendar alone."""
    local = dt.datetime.fromtimestamp(at_ms / 1_000, zone)
    return {
        Resolution.HALF_HOUR: at_ms,
        Resolution.HOUR: (local.date(), local.hour, local.utcoffset()),
        Resolution.DAY: local.date(),
        Resolution.WEEK: local.isocalendar()[:2],
        Resolution.MONTH: (local.year, local.month),
        Resolution.YEAR: local.year,
    }[resolution]


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(EDGES_OF_YEARS),
    st.sampled_from(ZONES),
    st.sampled_from(Resolution),
    st.lists(st.one_of(st.none(), st.integers(0, 5_000)), min_size=1, max_size=220),
)
def test_intervals_sum_what_each_local_half_hour_used(
    start: str, name: str, resolution: Resolution, used: list[int | None]
) -> None:
    """Every half hour is in the interval that its local time names, and unknown ones in none."""
    zone = ZoneInfo(name)
    start_ms = first_ms(start)
    by_slot = {
        start_ms // SLOT_MS + n: SlotUsage(amount, is_estimated=False)
        for n, amount in enumerate(used)
        if amount is not None
    }
    intervals = intervals_between(
        start_ms, start_ms + len(used) * SLOT_MS, resolution, zone, 10_000
    )

    served = serve({"import_mwh": Known(by_slot)}, intervals, LATER_MS)

    expected: dict[object, int] = {}
    for slot, usage in by_slot.items():
        of = label(slot * SLOT_MS, zone, resolution)
        expected[of] = expected.get(of, 0) + usage.amount
    found = {
        label(one.interval.start_ms, zone, resolution): one.amounts["import_mwh"] for one in served
    }
    assert {of: amount for of, amount in found.items() if amount is not None} == expected
    assert len(found) == len(served)
    for one in served:
        slots = range(one.interval.start_ms // SLOT_MS, one.interval.end_ms // SLOT_MS)
        known = sum(slot in by_slot for slot in slots)
        wanted = Status.MEASURED if known == len(slots) else Status.ESTIMATED
        assert one.status is (wanted if known else Status.MISSING)
        assert one.why == (
            [] if known == len(slots) else [Reason.INCOMPLETE if known else Reason.NO_READINGS]
        )


READINGS = st.dictionaries(st.integers(0, 200), st.integers(0, 900), min_size=2, max_size=25)
"""Half hours at whose end a register was read, with what it rose since the time before."""


def read(rises: Mapping[int, int]) -> RunEdges:
    """A register read exactly at these boundaries."""
    value = 0
    times, values = [], []
    for place in sorted(rises):
        value += rises[place]
        times.append(place * SLOT_MS)
        values.append(value)
    return RunEdges(0, edges_of(times, values))


@settings(max_examples=80, deadline=None)
@given(READINGS, st.dictionaries(st.integers(-20, 220), st.integers(0, 500), max_size=200))
def test_what_is_imported_moves_no_energy_between_readings(
    rises: dict[int, int], imported: dict[int, int]
) -> None:
    """Between any two readings the sum is the register's difference, to the mWh."""
    counter = read(rises)
    history = {slot: SlotUsage(amount, is_estimated=False) for slot, amount in imported.items()}

    known = overlay([counter], history)

    bare = usage_by_slot([counter])
    places = sorted(rises)
    for before, after in pairwise(places):
        within = range(before, after)
        assert sum(known.by_slot[slot].amount for slot in within) == rises[after]
    for slot, usage in bare.items():
        if not usage.is_estimated:
            assert known.by_slot[slot] == usage
    for slot in known.imported:
        assert known.by_slot[slot] == history[slot]
        assert slot < places[0] or slot >= places[-1]
    assert all(known.by_slot[slot].is_estimated for slot in known.shaped)


@given(READINGS)
def test_every_estimated_slot_has_a_reason_and_no_other(rises: dict[int, int]) -> None:
    """The reasons are of exactly the slots that usage calls estimated."""
    counter = read(rises)

    usage = usage_of_run(counter.edges)

    assert set(why_estimated(counter.edges)) == {
        slot for slot, one in usage.items() if one.is_estimated
    }


@given(READINGS, READINGS)
def test_meters_add_up_and_say_what_one_of_them_lacks(
    one: dict[int, int], other: dict[int, int]
) -> None:
    """A slot that only one meter knows is incomplete."""
    parts = [overlay([read(one)], {}), overlay([read(other)], {})]

    total = sum_known(parts)

    for slot, usage in total.by_slot.items():
        amounts = [part.by_slot[slot].amount for part in parts if slot in part.by_slot]
        assert usage.amount == sum(amounts)
        assert (slot in total.incomplete) == (len(amounts) == 1)
    assert sum(usage.amount for usage in total.by_slot.values()) == sum(
        usage.amount for part in parts for usage in part.by_slot.values()
    )


def test_source_says_who_told_an_interval() -> None:
    """The meter, an import, or both."""
    imported = {slot: SlotUsage(1, is_estimated=False) for slot in (2, 3)}
    known = overlay([read({0: 0, 1: 5, 2: 5})], imported)
    spans = [Interval(0, SLOT_MS), Interval(2 * SLOT_MS, 4 * SLOT_MS), Interval(0, 4 * SLOT_MS)]

    sources = [serve({"gas_l": known}, [span], LATER_MS)[0].source for span in spans]

    assert sources == [Source.METER, Source.IMPORTED, Source.MIXED]


def test_what_has_not_begun_says_so() -> None:
    """An interval after now is missing for another reason than one before."""
    intervals = intervals_between(0, MS_PER_DAY, Resolution.HALF_HOUR, ZoneInfo("UTC"), 100)

    served = serve({"gas_l": Known({})}, intervals, 10 * SLOT_MS)

    assert [one.why[0] for one in served].count(Reason.NO_READINGS) == 11
    assert served[-1].why == [Reason.NOT_YET]
