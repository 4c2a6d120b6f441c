"""A household's half hours, laid out once so that many tariffs can price them quickly. Pure.

Energy lies in runs of slots that follow each other, each with its running sums: the energy of any
stretch is one subtraction. Beside it lie the local days of the whole span.
"""

import datetime as dt
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from itertools import accumulate
from operator import itemgetter
from typing import NamedTuple, Self
from zoneinfo import ZoneInfo

from shared.calendar import day_start_ms, local_date, slot_start_ms, to_local
from shared.tariffs.model import MINUTES_PER_DAY, MINUTES_PER_SLOT, SlotEnergy
from shared.units import SLOT_MS

SLOTS_PER_PLAIN_DAY = 48
WEEK = dt.timedelta(days=7)
PLAIN_MINUTES = list(range(0, MINUTES_PER_DAY, MINUTES_PER_SLOT))


class EnergyRun(NamedTuple):
    """Energy of slots that follow each other; `sums[n]` is that of the first n."""

    first_slot: int
    amounts: list[int]
    sums: list[int]

    @property
    def end_slot(self) -> int:
        """Number the slot after the last."""
        return self.first_slot + len(self.amounts)

    def energy_mwh(self, start: int, end: int) -> int:
        """Add up the slots `[start, end)`, which lie in the run."""
        return self.sums[end - self.first_slot] - self.sums[start - self.first_slot]


class LocalDays:
    """The local days that the slots `[start, end)` touch; `starts[n]` is the nth's first slot."""

    def __init__(self, start: int, end: int, zone: ZoneInfo) -> None:
        self.zone = zone
        self.first_day = local_date(slot_start_ms(start), zone)
        self._minutes: dict[int, list[int]] = {}
        self._changes: list[int] | None = None
        self.starts = _day_starts(self.first_day, end, zone)

    @property
    def count(self) -> int:
        """Count the days."""
        return len(self.starts) - 1

    def day(self, place: int) -> dt.date:
        """Name the day at a place."""
        return self.first_day + dt.timedelta(days=place)

    def place_of(self, slot: int) -> int:
        """Find the place of the day that a slot of the span lies in."""
        return bisect_right(self.starts, slot) - 1

    def slot_of(self, day: dt.date) -> int:
        """Find the first slot of a day; the span's own end where the day lies outside it."""
        place = (day - self.first_day).days
        return self.starts[min(max(place, 0), self.count)]

    def is_plain(self, place: int) -> bool:
        """Tell whether a day has its 48 half hours, from one midnight to the next."""
        return self.starts[place + 1] - self.starts[place] == SLOTS_PER_PLAIN_DAY

    def plain_until(self, place: int) -> int:
        """Find the next day from a place on that is not plain; the count where all are."""
        if self._changes is None:
            self._changes = [one for one in range(self.count) if not self.is_plain(one)]
        return next((one for one in self._changes if one >= place), self.count)

    def minutes_of(self, place: int) -> list[int]:
        """Tell the local minute at which each half hour of a day begins."""
        if self.is_plain(place):
            return PLAIN_MINUTES
        found = self._minutes.get(place)
        if found is None:
            slots = range(self.starts[place], self.starts[place + 1])
            locals_ = [to_local(slot_start_ms(slot), self.zone) for slot in slots]
            found = self._minutes[place] = [one.hour * 60 + one.minute for one in locals_]
        return found

    def between(self, start: int, end: int) -> range:
        """List the places of the days that begin in the slots `[start, end)`."""
        first = bisect_right(self.starts, start - 1)
        return range(first, max(first, min(bisect_right(self.starts, end - 1), self.count)))


class HalfHours(NamedTuple):
    """A household's energy by half hour with its local days, from `start` until before `end`."""

    start: int
    end: int
    runs: list[EnergyRun]
    days: LocalDays

    @classmethod
    def lay_out(
        cls, energy: Iterable[SlotEnergy], start_ms: int, end_ms: int, zone: ZoneInfo
    ) -> Self:
        """Lay out energy over at least `[start_ms, end_ms)`; slots may come in any order."""
        runs = runs_of(energy)
        # A period that begins within a slot has no day that begins before the slot's end.
        start, end = -(-start_ms // SLOT_MS), -(-end_ms // SLOT_MS)
        if runs:
            start, end = min(start, runs[0].first_slot), max(end, runs[-1].end_slot)
        return cls(start, end, runs, LocalDays(start, max(end, start + 1), zone))

    def within(self, start: int, end: int) -> Iterator[tuple[EnergyRun, int, int]]:
        """Give each run that has slots in `[start, end)`, with the part that does."""
        for run in self.runs:
            low, high = max(start, run.first_slot), min(end, run.end_slot)
            if low < high:
                yield run, low, high

    def energy_mwh(self, start: int, end: int) -> int:
        """Add up the known slots of `[start, end)`."""
        return sum(run.energy_mwh(low, high) for run, low, high in self.within(start, end))


def _day_starts(first: dt.date, end: int, zone: ZoneInfo) -> list[int]:
    """Number the first slots of days from `first` until one begins at or after `end`."""
    starts = [day_start_ms(first, zone) // SLOT_MS]
    while starts[-1] < end or len(starts) == 1:
        day = first + dt.timedelta(days=len(starts) - 1)
        following = day_start_ms(day + WEEK, zone) // SLOT_MS
        if following - starts[-1] == WEEK.days * SLOTS_PER_PLAIN_DAY:
            # No zone changes its clocks and back within a week: all of it is plain.
            starts += range(starts[-1] + SLOTS_PER_PLAIN_DAY, following + 1, SLOTS_PER_PLAIN_DAY)
        else:
            starts.append(day_start_ms(day + dt.timedelta(days=1), zone) // SLOT_MS)
    while len(starts) > 2 and starts[-2] >= end:  # noqa: PLR2004 (a day has both its ends)
        starts.pop()
    return starts


def runs_of(energy: Iterable[SlotEnergy]) -> list[EnergyRun]:
    """Put slots in order, add up those named twice, and cut where one is not known."""
    slots, amounts = _in_order(energy)
    runs = []
    first = 0
    while first < len(slots):
        place = len(slots)
        if slots[-1] - slots[first] != len(slots) - 1 - first:
            place = first + 1
            while place < len(slots) and slots[place] == slots[place - 1] + 1:
                place += 1
        taken = amounts[first:place]
        runs.append(EnergyRun(slots[first], taken, list(accumulate(taken, initial=0))))
        first = place
    return runs


def _in_order(energy: Iterable[SlotEnergy]) -> tuple[list[int], list[int]]:
    given = list(energy)
    if not given:
        return [], []
    slots: list[int] = list(map(itemgetter(0), given))
    amounts: list[int] = list(map(itemgetter(1), given))
    if slots[-1] - slots[0] == len(slots) - 1 and slots == list(range(slots[0], slots[-1] + 1)):
        return slots, amounts
    by_slot: dict[int, int] = {}
    for slot, amount in given:
        by_slot[slot] = by_slot.get(slot, 0) + amount
    slots = sorted(by_slot)
    return slots, [by_slot[slot] for slot in slots]
