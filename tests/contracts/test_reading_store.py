"""The contract of the ReadingStore port, held by every adapter."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from cloud.ingest.merger import digest_of
from cloud.readings.gathered import GatheredReadingStore
from cloud.readings.repository import SqlReadingStore
from cloud.readings.store import Change, ReadingStore, RunKey, StoredFrame
from cloud.scope import Scope
from shared.meterdays import Edges
from tests.support.cloud import LOG_ID, METER, START_MS, MemoryReadingStore, database_in
from tests.support.stores import STORES, kept_on

HOME, OTHER = Scope.of("home"), Scope.of("other")
KEY = RunKey("import_mwh", "")
DAY = START_MS // 86_400_000
FIRST_SLOT = DAY * 48


@pytest.fixture(name="store", params=["memory", *STORES, *(f"gathered-{one}" for one in STORES)])
def _store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ReadingStore]:
    if request.param == "memory":
        yield MemoryReadingStore()
        return
    kind = GatheredReadingStore if "gathered" in request.param else SqlReadingStore
    with kept_on(request.param.removeprefix("gathered-")):
        database = database_in(tmp_path)
        with database.writing() as connection:
            yield kind(connection)
        database.close()


def _frame(first: int, last: int, start_ms: int | None, end_ms: int | None) -> StoredFrame:
    return StoredFrame(
        thing="hub-1",
        log_id=LOG_ID.hex(),
        meter=METER,
        revision=0,
        first_seq=first,
        last_seq=last,
        first_taken_at_ms=start_ms,
        last_taken_at_ms=end_ms,
        received_at_ms=START_MS,
        digest=digest_of(bytes([first])),
        payload=b"frame",
    )


def _edges(slot: int, value: int) -> dict[int, Edges]:
    start_ms = slot * 1_800_000
    return {slot: Edges(start_ms + 1, value, start_ms + 1_800_000, value + 10)}


def _put(store: ReadingStore, scope: Scope, *days: int, modulus: int = 0) -> None:
    change = Change({KEY: modulus}, {(KEY, day): _edges(day * 48, day) for day in days})
    store.apply(scope, METER, change)


def test_frames_of_a_log_are_found_by_shared_places(store: ReadingStore) -> None:
    """A range finds the frames that share at least one sequence with it."""
    store.add_frames(HOME, [_frame(1, 9, 1, 2), _frame(10, 19, 3, 4), _frame(20, 29, 5, 6)])

    found = store.frames_of_log(HOME, LOG_ID.hex(), [(9, 10)])

    assert sorted(one.first_seq for one in found) == [1, 10]
    assert store.frames_of_log(HOME, LOG_ID.hex(), [(30, 40)]) == []


def test_frames_of_a_log_are_found_once_by_several_ranges(store: ReadingStore) -> None:
    """However many of the ranges a frame shares a place with; without a range there is none."""
    store.add_frames(HOME, [_frame(n, n + 9, n, n + 1) for n in range(1, 60, 10)])

    found = store.frames_of_log(HOME, LOG_ID.hex(), [(2, 3), (5, 11), (41, 41), (99, 120)])

    assert sorted(one.first_seq for one in found) == [1, 11, 41]
    assert store.frames_of_log(HOME, LOG_ID.hex(), []) == []


def test_frame_comes_back_as_it_was(store: ReadingStore) -> None:
    """Every field of a frame survives."""
    frame = _frame(1, 9, START_MS, START_MS + 5)

    store.add_frames(HOME, [frame])

    assert store.frames_of_log(HOME, LOG_ID.hex(), [(1, 1)]) == [frame]


def test_frames_of_a_meter_are_found_by_time_latest_first(store: ReadingStore) -> None:
    """Both ends of the span count, a long frame that began before it too, and gaps never."""
    store.add_frames(
        HOME, [_frame(1, 1, 100, 200), _frame(2, 2, 300, 900), _frame(3, 3, None, None)]
    )
    store.add_frames(HOME, [_frame(4, 4, 201, 250), _frame(5, 5, 1_000, 1_100)])

    found = store.frames_of_meter(HOME, METER, 200, 500)

    assert [one.first_seq for one in found] == [2, 4, 1]
    assert [one.first_seq for one in store.frames_of_meter(HOME, METER, 0, 500, newest=1)] == [2]


def test_days_come_with_the_nearest_known_neighbours(store: ReadingStore) -> None:
    """Asking for days gives them, and one known day on either side however far."""
    _put(store, HOME, DAY - 40, DAY - 30, DAY, DAY + 1, DAY + 50, DAY + 60)

    found = store.days(HOME, METER, KEY, DAY, DAY + 1)

    assert sorted(found) == [DAY - 30, DAY, DAY + 1, DAY + 50]
    assert found[DAY] == _edges(FIRST_SLOT, DAY)


def test_days_are_replaced_and_removed(store: ReadingStore) -> None:
    """Applying writes a day over what was there; a day without edges goes."""
    _put(store, HOME, DAY, DAY + 1)

    store.apply(
        HOME, METER, Change({}, {(KEY, DAY): _edges(FIRST_SLOT + 3, 7), (KEY, DAY + 1): {}})
    )

    assert store.days(HOME, METER, KEY, DAY, DAY + 1) == {DAY: _edges(FIRST_SLOT + 3, 7)}


def _next(slot: int, value: int) -> dict[int, Edges]:
    return _edges(slot, value) | _edges(slot + 1, value + 10)


@pytest.mark.parametrize("is_known", [True, False])
def test_what_goes_on_at_a_runs_end_is_there_or_is_left(
    store: ReadingStore, *, is_known: bool
) -> None:
    """A store may leave it to `apply`, having done nothing; else all of it is known since."""
    known = _next(FIRST_SLOT, 10) if is_known else {}
    store.apply(HOME, METER, Change({KEY: 0}, {(KEY, DAY): known}))

    reached = store.extend(HOME, METER, KEY, 1_000, _next(FIRST_SLOT + 1, 20))

    found = store.days(HOME, METER, KEY, DAY, DAY)
    if reached is None:
        assert (store.runs(HOME, METER), found) == ({KEY: 0}, {DAY: known} if known else {})
    else:
        assert reached == [(FIRST_SLOT + 1, FIRST_SLOT + 2)]
        assert store.runs(HOME, METER) == {KEY: 1_000}
        assert found == {DAY: known | _next(FIRST_SLOT + 1, 20)}


@pytest.mark.parametrize("slot", [FIRST_SLOT, FIRST_SLOT + 7 * 48])
def test_what_does_not_go_on_at_a_runs_end_is_left(store: ReadingStore, slot: int) -> None:
    """A half hour before the newest, and one of days that are not begun yet."""
    store.apply(HOME, METER, Change({KEY: 0}, {(KEY, DAY): _next(FIRST_SLOT, 10)}))

    reached = store.extend(HOME, METER, KEY, 0, _edges(slot, 0))

    assert reached is None
    assert store.days(HOME, METER, KEY, DAY, DAY) == {DAY: _next(FIRST_SLOT, 10)}


def test_what_was_extended_is_laid_down_with_newer_days(store: ReadingStore) -> None:
    """And goes on being known: half hour by half hour, then the days after."""
    known = _next(FIRST_SLOT, 10)
    store.apply(HOME, METER, Change({KEY: 0}, {(KEY, DAY): known}))
    for slot in range(FIRST_SLOT + 2, FIRST_SLOT + 12):
        more = _edges(slot, 10 * (slot - FIRST_SLOT + 1))
        known |= more
        if store.extend(HOME, METER, KEY, 0, more) is None:
            store.apply(HOME, METER, Change({}, {(KEY, DAY): known}))

    _put(store, HOME, DAY + 9)

    assert store.days(HOME, METER, KEY, DAY, DAY)[DAY] == known


def test_nobody_elses_run_is_extended(store: ReadingStore) -> None:
    """One that another household has of a meter of the same name, or that is not there at all."""
    store.apply(HOME, METER, Change({KEY: 0}, {(KEY, DAY): _next(FIRST_SLOT, 10)}))

    reached = [
        store.extend(OTHER, METER, KEY, 0, _next(FIRST_SLOT + 1, 20)),
        store.extend(HOME, "M-other", KEY, 0, _next(FIRST_SLOT + 1, 20)),
        store.extend(HOME, METER, RunKey("export_mwh", ""), 0, _next(FIRST_SLOT + 1, 20)),
    ]

    assert reached == [None, None, None]
    assert store.days(HOME, METER, KEY, DAY, DAY) == {DAY: _next(FIRST_SLOT, 10)}


def test_modulus_once_known_stays(store: ReadingStore) -> None:
    """A late frame from before a wrap does not take the run's modulus away."""
    _put(store, HOME, DAY, modulus=10**9)

    _put(store, HOME, DAY + 1)

    assert store.runs(HOME, METER) == {KEY: 10**9}


def test_another_household_sees_nothing(store: ReadingStore) -> None:
    """Neither frames nor runs nor days cross from one household to another."""
    store.add_frames(HOME, [_frame(1, 9, 100, 200)])
    _put(store, HOME, DAY)

    assert store.frames_of_log(OTHER, LOG_ID.hex(), [(1, 9)]) == []
    assert store.frames_of_meter(OTHER, METER, 0, 10**13) == []
    assert store.runs(OTHER, METER) == {}
    assert store.days(OTHER, METER, KEY, DAY, DAY) == {}


@pytest.mark.parametrize("seed", range(4))
def test_days_are_the_same_in_whatever_order_they_are_written(
    store: ReadingStore, seed: int
) -> None:
    """Late ones too, and where the newest of a run went again: a store may lay it elsewhere."""
    rng, truth = random.Random(seed), MemoryReadingStore()
    for _ in range(30):
        key = RunKey("import_mwh", rng.choice(["", "log:7"]))
        chosen = rng.sample(range(DAY, DAY + 8), rng.randint(1, 3))
        days = {
            (key, day): _edges(day * 48 + rng.randrange(48), rng.randrange(10**6))
            if rng.random() < 0.7
            else {}
            for day in chosen
        }
        for one in (store, truth):
            one.apply(HOME, METER, Change({key: 0}, days))

        for run in truth.runs(HOME, METER):
            first = rng.randrange(DAY - 2, DAY + 10)
            span = (first, first + rng.randrange(3))
            assert store.days(HOME, METER, run, *span) == truth.days(HOME, METER, run, *span)
