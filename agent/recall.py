"""Reads half hours of any age: what the history has in memory, and what only the database has.

A year takes a while to unpack, so it is done in a thread, on a connection of its own.
"""

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from agent.database import open_reader
from agent.history import HeldDays, History
from agent.home.local.served import KnownSlots
from agent.summing import RunKey, runs_of_quantity
from shared.calendar import Interval, slots_between, utc_day_of_slot
from shared.meterdays import Why, sum_runs, usage_of_run, why_estimated
from shared.readings import QUANTITIES, Medium

Answer = TypeVar("Answer")


class Recall:
    """The hub's half hours of any age; one question is answered at a time."""

    def __init__(self, path: Path, history: History) -> None:
        self._path = path
        self._history = history
        self._turn = asyncio.Lock()

    async def read(
        self,
        span: Interval,
        medium: Medium,
        meters: frozenset[str] | None,
        make: Callable[[dict[str, KnownSlots]], Answer],
    ) -> Answer:
        """Read what the home used in these half hours, or what `meters` alone counted.

        To be called in the event loop; `make` turns what is known by quantity into an answer, in
        the thread. What lies before and after is read as far as a difference needs it.
        """
        async with self._turn:
            # Memory may hold newer days than the disk.
            held = self._history.held(medium, meters)
            return await asyncio.to_thread(lambda: make(self._sum(held, medium, span)))

    def _sum(self, held: HeldDays, medium: Medium, span: Interval) -> dict[str, KnownSlots]:
        slots = slots_between(span.start_ms, span.end_ms)
        utc_days = range(utc_day_of_slot(slots.start), utc_day_of_slot(slots.stop - 1) + 1)
        with contextlib.closing(open_reader(self._path)) as reader:
            days = _days_about(reader, held, utc_days)
        return {quantity: _known(days, held, quantity, slots) for quantity in QUANTITIES[medium]}


def _days_about(
    reader: sqlite3.Connection, held: HeldDays, utc_days: range
) -> dict[RunKey, dict[int, bytes]]:
    """Give each run's days in `utc_days`, with the nearest known before and after them."""
    found: dict[RunKey, dict[int, bytes]] = {key: {} for key in held.days}
    for log in held.meters:
        for register, run, utc_day, edges in reader.execute(
            "SELECT register, run, utc_day, edges FROM meter_days WHERE log = ?1 AND "
            "(utc_day BETWEEN ?2 AND ?3 OR (register, run, utc_day) IN ("
            "SELECT register, run, max(utc_day) FROM meter_days "
            "WHERE log = ?1 AND utc_day < ?2 GROUP BY register, run UNION ALL "
            "SELECT register, run, min(utc_day) FROM meter_days "
            "WHERE log = ?1 AND utc_day > ?3 GROUP BY register, run))",
            (log, utc_days.start, utc_days.stop - 1),
        ):
            found.setdefault(RunKey(log, register, run), {})[utc_day] = edges
    for key, days in held.days.items():
        found[key] |= {day: days[day] for day in _wanted(days, utc_days)}
    return found


def _wanted(days: Mapping[int, bytes], utc_days: range) -> list[int]:
    before = max((day for day in days if day < utc_days.start), default=None)
    after = min((day for day in days if day >= utc_days.stop), default=None)
    beside = [day for day in (before, after) if day is not None]
    return [*beside, *(day for day in utc_days if day in days)]


def _known(
    days: Mapping[RunKey, Mapping[int, bytes]], held: HeldDays, quantity: str, slots: range
) -> KnownSlots:
    used = []
    why: dict[int, frozenset[Why]] = {}
    for run in runs_of_quantity(days, held.meters, quantity, lambda key: held.moduli.get(key, 0)):
        used.append(usage_of_run(run.edges, run.modulus))
        for slot, reason in why_estimated(run.edges, run.modulus).items():
            if slot in slots:
                why[slot] = why.get(slot, frozenset()) | {reason}
    by_slot = sum_runs(used)
    return KnownSlots({slot: one for slot, one in by_slot.items() if slot in slots}, why)
