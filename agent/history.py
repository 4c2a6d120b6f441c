"""The hub's own history: openings and closings by slot, folded from committed rows, for the page.

Kept in memory; written with a group commit only when a slot has turned, so that it costs the card
one small write a half hour. What was not written is folded again from the log at start.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from agent.log import Log
from agent.pieces import Piece
from agent.records import Batch, DayRow, MeterLog, RemadeDays, RunChange
from agent.refolding import moved_days, rows_of_days
from agent.rows import LogRow
from agent.summing import RunKey, runs_of_quantity
from agent.timekeeping import ClockLedger
from shared.calendar import slot_of_sample, utc_day_of_slot
from shared.columns import columns_of
from shared.meterdays import (
    SlotEdges,
    SlotUsage,
    edges_of_each,
    join_into,
    pack_day,
    split_by_day,
    sum_runs,
    unpack_day,
    usage_of_run,
)
from shared.readings import COUNTERS, Medium

HISTORY_DAYS = 40
"""A month and its comparison; older days stay in the database and in the cloud."""

CATCH_UP_ROWS = 20_000
"""How many rows are folded at a time: two days of a ten-second meter."""


class HeldDays(NamedTuple):
    """What the history has in memory of some meters, as it was at one instant.

    `days` count, and not what the database has of them; `meters` names the meter of each log;
    `moduli` those of the runs that have wrapped.
    """

    days: dict[RunKey, dict[int, bytes]]
    meters: dict[int, str]
    moduli: dict[RunKey, int]


class History:
    """Edges of every register run of every meter, for the last forty days."""

    def __init__(self, log: Log, ledger: ClockLedger) -> None:
        self._log = log
        self._ledger = ledger
        # Packed as they are written: forty days of three meters take 6 MB unpacked (measured).
        self._days: dict[RunKey, dict[int, bytes]] = {}
        self._moduli: dict[RunKey, int] = {}
        self._mediums: dict[int, Medium] = {}
        self._meters: dict[int, str] = {}
        self._folded: dict[int, int] = {}
        self._dirty: set[tuple[RunKey, int]] = set()
        self._handed_over = Batch()
        self._written_slot = 0
        self._usage: dict[tuple[str, Medium, frozenset[str] | None], dict[int, SlotUsage]] = {}
        self._left_out: frozenset[str] = frozenset()

    def load(self, now_ms: int) -> None:
        """Read the days kept in the database, then fold the rows that came after them."""
        first_day = utc_day_of_slot(slot_of_sample(now_ms)) - HISTORY_DAYS
        for log, register, run, utc_day, edges in self._log.committed.execute(
            "SELECT log, register, run, utc_day, edges FROM meter_days WHERE utc_day >= ?",
            (first_day,),
        ):
            self._days.setdefault(RunKey(log, register, run), {})[utc_day] = edges
        self._folded = dict(self._log.committed.execute("SELECT log, folded_seq FROM folded"))
        self.catch_up()

    def catch_up(self) -> None:
        """Fold the committed rows not folded yet, as far as their time is known."""
        for meter_log in self._log.all_logs():
            self._mediums[meter_log.log] = meter_log.medium
            self._meters[meter_log.log] = meter_log.meter
            held = self._log.held_range(meter_log.log)
            if held is None:
                continue
            first_seq = max(self._folded.get(meter_log.log, 0) + 1, held[0])
            for start in range(first_seq, held[1] + 1, CATCH_UP_ROWS):
                rows = self._log.read(meter_log.log, start, start + CATCH_UP_ROWS - 1)
                self.fold(meter_log, [row for row in rows if isinstance(row, LogRow)])

    def fold(self, meter_log: MeterLog, rows: Sequence[LogRow]) -> None:
        """Fold rows that follow on those folded before.

        Rows whose time is not known yet wait; they are passed over where later ones have theirs:
        then it was a boot that never learned the time.
        """
        self._mediums[meter_log.log] = meter_log.medium
        self._meters[meter_log.log] = meter_log.meter
        for key, edges in self._edges(meter_log, rows):
            days = self._days.setdefault(key, {})
            for utc_day, in_day in split_by_day(edges).items():
                packed = days.get(utc_day) or self._written(key, utc_day)
                days[utc_day] = _joined(packed, utc_day, in_day)
                self._dirty.add((key, utc_day))
            self._usage.clear()

    def _edges(
        self, meter_log: MeterLog, rows: Sequence[LogRow]
    ) -> Iterator[tuple[RunKey, SlotEdges]]:
        """Yield the edges of rows whose time is known, by run, and note how far they reach."""
        changes = self._log.runs(meter_log.log)
        starts = [change.from_seq for change in changes]
        known = [(row, time) for row in rows if (time := self._ledger.resolve(row)) is not None]
        for _, segment in groupby(known, lambda one: bisect_right(starts, one[0].seq)):
            stamped = list(segment)
            in_run = [row for row, _ in stamped]
            yield from _edges_of_segment(
                meter_log, in_run, [time[0] for _, time in stamped], changes
            )
            folded_seq = self._folded.get(meter_log.log, 0)
            self._folded[meter_log.log] = max(folded_seq, in_run[-1].seq)

    def remake(self, piece: Piece) -> list[RemadeDays]:
        """Make the days anew whose samples a piece just believed has moved.

        They count once the caller has made them durable, with the piece, and hands them to `adopt`.
        """
        moved = self._ledger.moved_by(piece)
        if not moved:
            return []
        before = self._ledger.before(piece)
        remade = []
        for meter_log in self._log.all_logs():
            log, to_seq = meter_log.log, self._folded.get(meter_log.log, 0)
            utc_days = moved_days(self._log, self._ledger, before, moved, log, to_seq)
            days: dict[RunKey, dict[int, bytes]] = {}
            for rows in rows_of_days(self._log, self._ledger, log, utc_days, to_seq):
                for key, edges in self._edges(meter_log, rows):
                    of_run = days.setdefault(key, {})
                    for day, in_day in split_by_day(edges).items():
                        of_run[day] = _joined(of_run.get(day), day, in_day)
            if utc_days:
                made = [(*key, day, one) for key in days for day, one in days[key].items()]
                remade.append(RemadeDays(log, frozenset(utc_days), made))
        self._recall(remade)
        return remade

    def _recall(self, remade: Sequence[RemadeDays]) -> None:
        """Take days that are being made anew out of the commit that may be about to write them.

        A commit that has begun to write them holds the log: what is made anew is written after it.
        """
        replaced = {(one.log, utc_day) for one in remade for utc_day in one.utc_days}
        days = self._handed_over.days
        self._take_back(row for row in days if (row[0], row[3]) in replaced)
        self._handed_over.days = tuple(row for row in days if (row[0], row[3]) not in replaced)

    def give_back(self, batch: Batch) -> None:
        """Take the days of a commit that failed back: they go with the next, as they are by then.

        They may be made anew before that; rows that wait to be written again would undo it.
        """
        self._take_back(batch.days)
        if batch.days:
            self._written_slot = 0
        batch.days, batch.folded = (), {}

    def _take_back(self, rows: Iterable[DayRow]) -> None:
        for log, register, run, utc_day, _ in rows:
            key = RunKey(log, register, run)
            if utc_day in self._days.get(key, {}):
                self._dirty.add((key, utc_day))

    def adopt(self, remade: Sequence[RemadeDays]) -> None:
        """Take in days that were made anew and are durable."""
        for log, utc_days, rows in remade:
            for key in [key for key in self._days if key.log == log]:
                for utc_day in utc_days & self._days[key].keys():
                    del self._days[key][utc_day]
            for _, register, run, utc_day, packed in rows:
                self._days.setdefault(RunKey(log, register, run), {})[utc_day] = packed
            self._dirty = {
                (key, utc_day)
                for key, utc_day in self._dirty
                if key.log != log or utc_day not in utc_days
            }
        self._usage.clear()

    def _written(self, key: RunKey, utc_day: int) -> bytes | None:
        """Read a day that is not in memory: a late row joins what is on disk, never replaces it."""
        row = self._log.committed.execute(
            "SELECT edges FROM meter_days "
            "WHERE log = ? AND register = ? AND run = ? AND utc_day = ?",
            (*key, utc_day),
        ).fetchone()
        return None if row is None else row[0]

    def add_days(self, batch: Batch, now_ms: int) -> None:
        """Add the changed days to a group commit, if a slot has turned since the last time."""
        slot = slot_of_sample(now_ms)
        if slot == self._written_slot or not self._dirty:
            return
        self._written_slot = slot
        # What is handed over now may be joined to before it is on disk: it stays until next time.
        self._forget(utc_day_of_slot(slot) - HISTORY_DAYS)
        batch.days = tuple(
            (*key, utc_day, self._days[key][utc_day]) for key, utc_day in self._dirty
        )
        self._handed_over = batch
        batch.folded.update(self._folded)
        self._dirty.clear()

    def _forget(self, first_day: int) -> None:
        for key, days in self._days.items():
            for utc_day in [utc_day for utc_day in days if utc_day < first_day]:
                if (key, utc_day) not in self._dirty:
                    del days[utc_day]

    def leave_out(self, meters: frozenset[str]) -> None:
        """Count these meters no longer (or anew) in the home's totals."""
        self._left_out = meters
        self._usage.clear()

    def usage(self, quantity: str, medium: Medium) -> dict[int, SlotUsage]:
        """Sum a quantity ("import_mwh", "gas_l", …) over the home's meters of a medium, by slot."""
        return self._known(quantity, medium, None)

    def usage_of(
        self, meters: frozenset[str], quantity: str, medium: Medium
    ) -> dict[int, SlotUsage]:
        """Sum a quantity over these meters alone, left out of the totals or not, by slot."""
        return self._known(quantity, medium, meters)

    def _known(
        self, quantity: str, medium: Medium, meters: frozenset[str] | None
    ) -> dict[int, SlotUsage]:
        known = self._usage.get((quantity, medium, meters))
        if known is None:
            known = self._usage[quantity, medium, meters] = self._sum(quantity, medium, meters)
        return known

    def _sum(
        self, quantity: str, medium: Medium, meters: frozenset[str] | None
    ) -> dict[int, SlotUsage]:
        runs = runs_of_quantity(self._days, self._counted(medium, meters), quantity, self._modulus)
        return sum_runs(usage_of_run(run.edges, run.modulus) for run in runs)

    def meters(self) -> frozenset[str]:
        """Name every meter that the log has anything of, however long ago."""
        return frozenset(self._meters.values())

    def held(self, medium: Medium, meters: frozenset[str] | None) -> HeldDays:
        """Give the days in memory: of the home's totals, or of `meters` alone."""
        counted = self._counted(medium, meters)
        return HeldDays(
            {key: dict(days) for key, days in self._days.items() if key.log in counted},
            counted,
            {
                RunKey(log, change.register, change.run): change.modulus
                for log in counted
                for change in self._log.runs(log)
                if change.modulus
            },
        )

    def _counted(self, medium: Medium, meters: frozenset[str] | None) -> dict[int, str]:
        return {
            log: self._meters[log]
            for log, its_medium in self._mediums.items()
            if its_medium is medium and self._counts(self._meters[log], meters)
        }

    def _counts(self, meter: str, meters: frozenset[str] | None) -> bool:
        return meter not in self._left_out if meters is None else meter in meters

    def _modulus(self, key: RunKey) -> int:
        return max(
            (
                change.modulus
                for change in self._log.runs(key.log)
                if (change.register, change.run) == (key.register, key.run)
            ),
            default=0,
        )


def _edges_of_segment(
    meter_log: MeterLog, rows: list[LogRow], times_ms: list[int], changes: list[RunChange]
) -> Iterator[tuple[RunKey, SlotEdges]]:
    """Yield the edges of rows in which no register changes its run."""
    runs = {
        change.register: RunKey(meter_log.log, change.register, change.run)
        for change in changes
        if change.from_seq <= rows[0].seq
    }
    columns = columns_of([row.registers for row in rows])
    counters = [register for register in columns if register in COUNTERS]
    edges = edges_of_each(times_ms, [columns[register] for register in counters])
    for register, in_slots in zip(counters, edges, strict=True):
        yield runs.get(register, RunKey(meter_log.log, register, "")), in_slots


def _joined(packed: bytes | None, utc_day: int, in_day: SlotEdges) -> bytes:
    """Join edges into a packed day."""
    known = unpack_day(packed, utc_day) if packed is not None else {}
    join_into(known, in_day)
    return pack_day(known)
