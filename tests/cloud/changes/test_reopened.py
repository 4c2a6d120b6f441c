"""Days that change though nothing of them came: each is named, and no day that stayed as it was."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cloud.imports.differences import differences
from cloud.readings.usage import Known
from shared.instants import format_utc
from shared.meterdays import SlotUsage
from shared.units import MS_PER_DAY, MS_PER_MINUTE, SLOT_MS
from tests.support.cloud import METER, START_MS
from tests.support.usage_stage import UsageStage

DAYS = 8
SLOTS_A_DAY = 48


class Follower(UsageStage):
    """An app that follows the feed, and looks beside at every day there is."""

    def shown(self) -> dict[str, Any]:
        """Look at each day: what was used, how it is known, and by whom."""
        report = self.get(
            f"meters/{METER}/usage", start=_day(0), to=_day(DAYS), resolution="half-hour"
        )
        days: dict[str, list[Any]] = {}
        for one in report["intervals"]:
            days.setdefault(one["start"][:10], []).append(one)
        return days

    def follow(self, act: Callable[[], object]) -> tuple[list[str], list[str]]:
        """Let something happen; list the days the feed names, and those that look otherwise."""
        before = self.shown() if self.get("meters")["meters"] else {}
        cursor = self.get("changes")["next"]
        act()
        listed = self.get("changes", after=cursor)["changes"]
        after = self.shown()
        named = sorted(one["day"] for one in listed if one["kind"] == "usage")
        return named, [day for day in after if before.get(day) != after[day]]


@pytest.fixture(name="app")
def _app(tmp_path: Path, either_store: str) -> Iterator[Follower]:
    assert either_store
    stage = Follower(tmp_path, zone="UTC")
    with stage.client:
        yield stage


@pytest.fixture(name="alone")
def _alone(tmp_path: Path) -> Iterator[Follower]:
    stage = Follower(tmp_path, zone="UTC")
    with stage.client:
        yield stage


def _day(number: int) -> str:
    return format_utc(START_MS + number * MS_PER_DAY)[:10]


def _days(first: int, last: int) -> list[str]:
    return [_day(number) for number in range(first, last + 1)]


def _hourly(first_day: float, last_day: float, value: int, rise: int = 2_000) -> dict[int, int]:
    """Read a counter each half hour from one day to another."""
    start_ms = START_MS + int(first_day * MS_PER_DAY)
    count = int((last_day - first_day) * SLOTS_A_DAY)
    return {start_ms + n * SLOT_MS: value + n * rise for n in range(1, count + 1)}


def _often(first_day: float, last_day: float, shift_ms: int) -> dict[int, int]:
    """Read a counter twice each half hour, so far apart that two hubs can be compared."""
    by_slot = _hourly(first_day, last_day, 0)
    early = {at + 5 * MS_PER_MINUTE + shift_ms: value for at, value in by_slot.items()}
    late = {at + 20 * MS_PER_MINUTE + shift_ms: value + 500 for at, value in by_slot.items()}
    return dict(sorted({**early, **late}.items()))


def _octopus(first_slot: int, count: int) -> str:
    lines = ["Consumption (kwh), Start, End"]
    for place in range(first_slot, first_slot + count):
        at_ms = START_MS + place * SLOT_MS
        kwh = 0.1 + place % 5 / 10
        lines.append(f"{kwh:.1f}, {format_utc(at_ms)}, {format_utc(at_ms + SLOT_MS)}")
    return "\n".join(lines) + "\n"


def test_import_that_completes_a_gap_names_all_of_it(app: Follower) -> None:
    """The half hours that were imported before count by their shape only now, and by none again."""
    app.read(_hourly(0, 1, 0))
    app.read(_hourly(4, 5, 50_000_000))
    gap = range(SLOTS_A_DAY, 4 * SLOTS_A_DAY)
    half = len(gap) // 2

    begun = app.follow(lambda: app.bring(_octopus(gap.start, half)))
    done = app.follow(lambda: app.bring(_octopus(gap.start + half, half)))
    last = app.get("imports")["imports"][0]["import_id"]
    undone = app.follow(lambda: app.ask("DELETE", f"imports/{last}"))

    assert begun == ([], [])
    assert done == undone == (_days(1, 3), _days(1, 3))


def test_import_under_what_was_measured_changes_nothing(alone: Follower) -> None:
    """No app is sent to read again what it has."""
    alone.read(_hourly(0, 2, 0))

    assert alone.follow(lambda: alone.bring(_octopus(4, 40))) == ([], [])


def test_runs_that_come_to_agree_name_every_day_they_share(app: Follower) -> None:
    """Two hubs named a reset each; they were added up until both were read over one half hour."""
    app.read(_hourly(0, 1, 5_000_000))
    app.read({at + 5: v for at, v in _hourly(1, 6, 0).items() if at // SLOT_MS % 2}, run="a:1")
    away = {at + 9: v for at, v in _hourly(2, 6, SLOTS_A_DAY * 2_000).items() if at // SLOT_MS % 4}
    app.read({at: v for at, v in away.items() if at // SLOT_MS % 2 == 0}, run="b:1")
    beside = START_MS + 3 * MS_PER_DAY + 7 * MS_PER_MINUTE
    met = {beside + n * 5 * MS_PER_MINUTE: 96 * 2_000 + 10 + n for n in range(4)}
    app.read(met, run="a:1")

    named, differing = app.follow(lambda: app.read({at + 5: v for at, v in met.items()}, run="b:1"))

    assert set(differing) <= set(named)
    assert _days(2, 5) == [day for day in named if day in _days(2, 5)]
    assert _day(0) not in named


def test_runs_that_differ_after_all_are_named_again(app: Follower) -> None:
    """They were joined, and one half hour parts them: each counts by itself from then on."""
    app.read(_often(0, 3, 0), run="a:1")
    app.read(_often(0, 2, 10_000), run="b:1")
    far = START_MS + 2 * MS_PER_DAY + 10 * SLOT_MS + MS_PER_MINUTE

    named, differing = app.follow(
        lambda: app.read({far: 900_000_000, far + 20 * MS_PER_MINUTE: 900_000_001}, run="b:1")
    )

    assert differing
    assert set(differing) <= set(named)


def test_total_that_a_meter_begins_to_tell_names_its_own_days_alone(app: Follower) -> None:
    """What its tariffs told of days before goes on being told."""
    app.read(_hourly(0, 3, 0), register="import_t1_mwh")
    app.read(_hourly(1, 3, 7), register="import_t2_mwh")

    named, differing = app.follow(lambda: app.read(_hourly(4, 5, 10**9)))

    assert named == differing == [_day(4)]


def test_tariff_beside_others_names_its_own_days_alone(alone: Follower) -> None:
    """What the others said of other days stays as it was."""
    alone.read(_hourly(0, 3, 0), register="import_t1_mwh")

    named, differing = alone.follow(lambda: alone.read(_hourly(1, 2, 7), register="import_t2_mwh"))

    assert named == differing == [_day(1)]


def test_first_readings_of_a_meter_name_their_days_once(alone: Follower) -> None:
    """There is nothing before them that they could change."""
    named, _ = alone.follow(lambda: alone.read(_hourly(0, 2, 0)))

    assert named == _days(0, 1)


def test_differences_tell_amount_estimate_and_source_apart() -> None:
    """Each is shown by itself; what is the same in all is not listed."""
    before = {slot: SlotUsage(5, is_estimated=False) for slot in range(10, 16)}
    after = {**before, 11: SlotUsage(6, is_estimated=False), 12: SlotUsage(5, is_estimated=True)}
    del after[15]

    found = differences(
        {"import_mwh": Known(before)},
        {"import_mwh": Known(after, imported=frozenset({13}), shaped=frozenset({10}))},
    )

    assert found == [(10, 13), (15, 15)]
