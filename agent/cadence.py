"""Decides which samples of one meter are logged. Pure: time comes with the samples.

Electricity: every ten seconds, and the last sample before each slot boundary. A sub-meter's sample:
when its own capture time changes. A gas, water or heat meter heard by itself: when a counter
changes, else once a slot. What a prepayment meter says of its credit: when it changes, and once a
slot. No row is logged twice, however often a telegram comes.
"""

from collections import deque
from collections.abc import Iterable, Iterator

import msgspec

from agent.heard import Heard
from agent.registers import join_changes
from agent.rows import LogRow
from shared.calendar import slot_of_sample
from shared.readings import COUNTERS, PREPAYMENT, Medium, tells_credit

CADENCE_MS = 10_000

REMEMBERED_ROWS = 64
"""Ten minutes of a ten-second meter: an adapter that repeats telegrams repeats those just heard."""


class Cadence:
    """What was logged of one meter last, and what may have to be."""

    def __init__(self, medium: Medium) -> None:
        self._medium = medium
        self._bucket: int | None = None
        self._capture_ms: int | None = None
        self._counters: dict[str, int] = {}
        self._pending: Heard | None = None
        self._credit: tuple[int, dict[str, int]] | None = None
        self._recent: deque[tuple[int, dict[str, int]]] = deque(maxlen=REMEMBERED_ROWS)
        self.last_at_ms = 0
        """The newest time of a row; 0 where there is none."""

    def restore(self, row: LogRow, at_ms: int) -> None:
        """Go on from a meter's last row, taken at `at_ms`."""
        self._bucket = self._bucket_of(at_ms)
        self._capture_ms = row.captured_at_ms
        self._counters = {name: v for name, v in row.registers.items() if name in COUNTERS}
        self._recent.append((at_ms, row.registers))
        self.last_at_ms = at_ms

    def restore_credit(self, row: LogRow, at_ms: int) -> None:
        """Go on from what was logged last of how the meter is paid for."""
        self._credit = (slot_of_sample(at_ms), row.registers)

    def due(self, heard: Heard) -> list[Heard]:
        """Say what is to be logged now that a sample was heard, in order."""
        if tells_credit(heard.sample.registers):
            return self._due_credit(heard)
        if heard.captured_at_ms is not None:
            candidates = self._due_capture(heard)
        elif self._medium is Medium.ELECTRICITY:
            candidates = self._due_often(heard)
        else:
            candidates = self._due_slowly(heard)
        return [one for one in candidates if self._is_new(one)]

    def _due_credit(self, heard: Heard) -> list[Heard]:
        """Log a credit that is another or of another slot, behind what was heard before it.

        A meter that is paid for by bill says so each time; it matters only after another word.
        """
        registers = heard.sample.registers
        said = (slot_of_sample(heard.at_ms), registers)
        is_known = said[1] == {PREPAYMENT: 0} and (not self._credit or self._credit[1] == said[1])
        if said == self._credit or is_known:
            return []
        self._credit = said
        pending, self._pending = self._pending, None
        return [one for one in (pending,) if one is not None and self._is_new(one)] + [heard]

    def _is_new(self, heard: Heard) -> bool:
        """Take a row down as logged, unless the very same was logged a short while ago."""
        row = heard.at_ms, heard.sample.registers
        # What is newer than all of them is none of them: they need not be looked through.
        if heard.at_ms <= self.last_at_ms and row in self._recent and not heard.changes:
            return False
        self._recent.append(row)
        self.last_at_ms = max(self.last_at_ms, heard.at_ms)
        self._counters |= heard.counters
        return True

    def _due_often(self, heard: Heard) -> Iterator[Heard]:
        """Log the first of ten seconds and the last of a slot.

        A meter that tells its power and its registers by turns has the pending one logged too where
        it holds a counter that this one lacks: energy must not be overwritten by power.
        """
        pending, self._pending = self._pending, None
        if pending is not None:
            is_last_of_slot = slot_of_sample(pending.at_ms) < slot_of_sample(heard.at_ms)
            if is_last_of_slot or not pending.counters.keys() <= heard.counters.keys():
                yield pending
            elif pending.changes:
                changes = join_changes(pending.changes, heard.changes)
                heard = msgspec.structs.replace(heard, changes=changes)
        bucket = self._bucket_of(heard.at_ms)
        if bucket == self._bucket:
            self._pending = heard
        else:
            self._bucket = bucket
            yield heard

    def _due_slowly(self, heard: Heard) -> Iterator[Heard]:
        bucket = self._bucket_of(heard.at_ms)
        has_changed = any(self._counters.get(name) != v for name, v in heard.counters.items())
        if heard.changes or has_changed or bucket != self._bucket:
            self._bucket = bucket
            yield heard

    def _due_capture(self, heard: Heard) -> Iterable[Heard]:
        """Log a new capture; what was to be the last before its slot's end goes first.

        A register that counts on while the capture's time stands still is of a meter whose clock
        does: its time is when it was heard.
        """
        if heard.captured_at_ms == self._capture_ms and not heard.changes:
            if not any(v > self._counters.get(name, v) for name, v in heard.counters.items()):
                return
            heard = msgspec.structs.replace(
                heard,
                captured_at_ms=None,
                at_ms=heard.moment.utc_ms or heard.meter_clock_ms or heard.at_ms,
            )
        else:
            self._capture_ms = heard.captured_at_ms
        if self._pending is not None:
            yield self._pending
            self._pending = None
        yield heard

    def _bucket_of(self, at_ms: int) -> int:
        """Number the stretch of time of which the first sample is logged."""
        return at_ms // CADENCE_MS if self._medium is Medium.ELECTRICITY else slot_of_sample(at_ms)


def behind_credit(
    rows: Iterable[tuple[LogRow, int]], cadence: Cadence
) -> Iterator[tuple[LogRow, int]]:
    """Yield the rows of what a meter measures; the newest of its credit goes to the cadence."""
    is_known = False
    for row, at_ms in rows:
        if not tells_credit(row.registers):
            yield row, at_ms
        elif not is_known:
            is_known = True
            cadence.restore_credit(row, at_ms)
