"""Recall: half hours of any age, whether memory, the disk or both have them."""

import asyncio
import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.history import HISTORY_DAYS, History
from agent.home.local.served import KnownSlots
from agent.log import Log
from agent.pieces import Piece
from agent.recall import Recall
from agent.records import Batch
from agent.timekeeping import ClockLedger
from shared.calendar import Interval
from shared.meterdays import Why
from shared.readings import Medium
from shared.units import MS_PER_DAY, SLOT_MS
from tests.support.hubs import BOOT, GAS_METER, METER, START_MS, append, row_at

FIRST_SLOT = START_MS // SLOT_MS
LATER_MS = (HISTORY_DAYS + 20) * MS_PER_DAY
LAST_SLOT = (START_MS + LATER_MS) // SLOT_MS


class Past:
    """A hub that read a few half hours long ago and a few just now, and what it recalls of them.

    `written` are the register's values at the end of the first half hours, `recent` of the last.
    """

    def __init__(self, path: Path) -> None:
        self.log = Log(path)
        self.meter_log = self.log.meter_log(METER, Medium.ELECTRICITY)
        told = [Piece(BOOT, at_ms, START_MS + at_ms, 10, "ntp") for at_ms in (0, LATER_MS)]
        self.history = History(self.log, ClockLedger(told))
        self.history.load(START_MS)
        self.recall = Recall(path, self.history)
        self._seq = 0

    def read(self, at_ms: int, **registers: int) -> None:
        """Take in a sample so long after the start, as a commit would."""
        self._seq += 1
        rows = append(self.log, self.meter_log, [row_at(self._seq, at_ms, registers)])
        self.history.fold(self.meter_log, rows)

    def write_days(self, now_ms: int) -> None:
        """Write the days that changed, and forget those that are old by now."""
        batch = Batch()
        self.history.add_days(batch, START_MS + now_ms)
        self.log.commit(batch)

    def ask(
        self, first_slot: int, end_slot: int, medium: Medium = Medium.ELECTRICITY
    ) -> dict[str, KnownSlots]:
        """Recall what is known of these slots."""
        span = Interval(first_slot * SLOT_MS, end_slot * SLOT_MS)
        return asyncio.run(self.recall.read(span, medium, None, dict))


@pytest.fixture
def past(tmp_path: Path) -> Iterator[Past]:
    """Three half hours of 100 Wh long ago, forgotten by now, and two of 50 Wh just now."""
    made = Past(tmp_path / "hub.sqlite")
    with contextlib.closing(made.log):
        for n in range(4):
            made.read(n * SLOT_MS + 1, import_mwh=n * 100_000)
        made.write_days(MS_PER_DAY)
        for n in range(3):
            made.read(LATER_MS + n * SLOT_MS + 1, import_mwh=1_000_000 + n * 50_000)
        made.write_days(LATER_MS + SLOT_MS)
        made.write_days(LATER_MS + 5 * SLOT_MS)
        yield made


def amounts(known: KnownSlots) -> dict[int, int]:
    return {slot: one.amount for slot, one in known.by_slot.items()}


def test_days_that_only_the_disk_has_are_recalled(past: Past) -> None:
    """Memory has forgotten them."""
    in_memory = {day for days in past.history._days.values() for day in days}

    known = past.ask(FIRST_SLOT, FIRST_SLOT + 3)["import_mwh"]

    assert FIRST_SLOT // 48 not in in_memory
    assert amounts(known) == dict.fromkeys(range(FIRST_SLOT, FIRST_SLOT + 3), 100_000)


def test_what_is_not_written_yet_counts(past: Past) -> None:
    """A sample of this minute is in memory alone; the disk's day does not hide it."""
    past.read(LATER_MS + 3 * SLOT_MS + 1, import_mwh=1_175_000)

    known = past.ask(LAST_SLOT, LAST_SLOT + 4)["import_mwh"]

    assert amounts(known)[LAST_SLOT + 2] == 75_000


def test_a_gap_is_spread_from_the_nearest_days_around_it(past: Past) -> None:
    """Its exact energy, though both ends lie outside of what was asked for."""
    whole = past.ask(FIRST_SLOT, LAST_SLOT + 3)["import_mwh"]
    middle = range(FIRST_SLOT + 1_000, FIRST_SLOT + 1_010)

    known = past.ask(middle.start, middle.stop)["import_mwh"]

    assert sum(amounts(whole).values()) == 1_100_000
    assert list(known.by_slot) == list(middle)
    assert amounts(known) == {slot: amounts(whole)[slot] for slot in middle}
    assert known.why == {slot: frozenset({Why.GAP}) for slot in middle}


def test_nothing_outside_of_the_span_is_told(past: Past) -> None:
    """Days beside it are read for their differences alone."""
    known = past.ask(FIRST_SLOT + 2, FIRST_SLOT + 3)["import_mwh"]

    assert amounts(known) == {FIRST_SLOT + 2: 100_000}
    assert known.why == {}


def test_another_medium_and_an_unknown_meter_have_nothing(past: Past) -> None:
    """Electricity is not gas; a meter that never spoke used nothing that anyone knows of."""
    span = Interval(FIRST_SLOT * SLOT_MS, (FIRST_SLOT + 3) * SLOT_MS)

    of_gas = past.ask(FIRST_SLOT, FIRST_SLOT + 3, Medium.GAS)
    of_another = asyncio.run(
        past.recall.read(span, Medium.ELECTRICITY, frozenset({GAS_METER}), dict)
    )

    assert of_gas == {"gas_l": KnownSlots({}, {})}
    assert of_another["import_mwh"] == KnownSlots({}, {})


def test_meters_are_known_from_their_logs(past: Past) -> None:
    """A hub started anew knows them before it has heard any."""
    silent = past.log.meter_log("silent", Medium.GAS)
    append(past.log, silent, [row_at(1, 1, {"gas_l": 5})])
    history = History(past.log, ClockLedger([]))

    history.load(START_MS + LATER_MS)

    assert past.history.meters() == {METER}
    assert history.meters() == {METER, "silent"}


def test_a_meter_left_out_of_the_totals_is_recalled_by_name(past: Past) -> None:
    """A plug in the home is already counted by the supply's meter."""
    past.history.leave_out(frozenset({METER}))
    span = Interval(FIRST_SLOT * SLOT_MS, (FIRST_SLOT + 2) * SLOT_MS)

    total = past.ask(FIRST_SLOT, FIRST_SLOT + 2)["import_mwh"]
    named = asyncio.run(past.recall.read(span, Medium.ELECTRICITY, frozenset({METER}), dict))

    assert total.by_slot == {}
    assert amounts(named["import_mwh"]) == {FIRST_SLOT: 100_000, FIRST_SLOT + 1: 100_000}


def test_questions_take_turns(past: Past) -> None:
    """However many ask at once, one year at a time is unpacked."""
    span = Interval(FIRST_SLOT * SLOT_MS, (FIRST_SLOT + 2) * SLOT_MS)
    running: list[int] = []
    most: list[int] = []

    def make(_known: dict[str, KnownSlots]) -> None:
        running.append(1)
        time.sleep(0.002)
        most.append(len(running))
        running.pop()

    async def ask_all() -> None:
        await asyncio.gather(
            *(past.recall.read(span, Medium.ELECTRICITY, None, make) for _ in range(5))
        )

    asyncio.run(ask_all())

    assert most == [1] * 5
