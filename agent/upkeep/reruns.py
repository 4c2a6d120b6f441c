"""Finds again which run each register is in, from the rows themselves, where that was lost.

A wrap or a register set back shows in the rows: they are judged as they were when they were heard.
Writes no row of a log.
"""

import sqlite3
from collections import defaultdict
from collections.abc import Iterator

from agent.collector import UNKNOWN_ELAPSED_MS
from agent.reader import LogReader
from agent.records import RunChange
from agent.registers import CounterWatch, Verdict
from agent.rows import LogRow
from shared.frames import MAX_SEQ
from shared.readings import COUNTERS, Medium


class _Meter:
    """One meter's counters, followed from log to log."""

    def __init__(self, medium: Medium) -> None:
        self._watch = CounterWatch(medium)
        self._runs: dict[str, RunChange] = {}
        self._now_ms = 0
        self._last: LogRow | None = None

    def follow(self, row: LogRow, log: int, log_id: str, known: list[RunChange]) -> list[RunChange]:
        """Take the next row; return what changes with it and is not known already."""
        self._now_ms += self._elapsed_ms(row)
        self._last = row
        for change in known:
            if change.register in row.registers:
                self._runs[change.register] = change
                self._restore(change.register, row, change.modulus)
        told = {change.register for change in known}
        found = []
        for register in (row.registers.keys() & COUNTERS) - told:
            value = row.registers[register]
            verdict = self._watch.judge(register, value, self._now_ms)
            new = self._changed(register, verdict, row, log, log_id)
            if new is not None:
                found.append(new)
        return found

    def _changed(
        self, register: str, verdict: Verdict, row: LogRow, log: int, log_id: str
    ) -> RunChange | None:
        """Name what a verdict means for a row that was believed when it was logged."""
        before, seq = self._runs.get(register), row.seq
        if verdict.modulus is not None:
            change = RunChange(log, register, seq, before.run if before else "", verdict.modulus)
        elif verdict.fault is not None or verdict.is_new_run:
            change = RunChange(log, register, seq, f"{log_id}:{seq}", 0)
            self._restore(register, row)
        elif before is not None and before.log != log:
            change = before.in_log(log, seq)
        else:
            return None
        self._runs[register] = change
        return change

    def _restore(self, register: str, row: LogRow, modulus: int = 0) -> None:
        self._watch.restore(register, row.registers[register], self._now_ms, modulus)

    def _elapsed_ms(self, row: LogRow) -> int:
        last = self._last
        if last is None:
            return 0
        return row.monotonic_ms - last.monotonic_ms if row.boot == last.boot else UNKNOWN_ELAPSED_MS


def find_runs(connection: sqlite3.Connection) -> Iterator[RunChange]:
    """Yield the changes of runs that the rows show and `register_runs` does not, log by log."""
    reader = LogReader(connection)
    meters: dict[str, _Meter] = {}
    for entry in reader.entries():
        meter = meters.setdefault(entry.meter, _Meter(entry.medium))
        known: dict[int, list[RunChange]] = defaultdict(list)
        for change in reader.runs(entry.log):
            known[change.from_seq].append(change)
        for row in reader.read(entry.log, 1, MAX_SEQ):
            if isinstance(row, LogRow):
                told = known.get(row.seq, [])
                yield from meter.follow(row, entry.log, entry.log_id.hex(), told)
