"""Takes what the codecs decode and commits it together: the only way into the log.

Assigns sequences, keeps what waits for the next group commit within a bound, and hands committed
rows on. A commit that fails (a full disk) is tried again with the same rows; reading waits for it.
"""

import asyncio
import logging
import sqlite3
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, field

from agent.collector import Collected, Collector
from agent.database import is_full
from agent.heard import Heard, Moment
from agent.log import Log
from agent.records import Batch, MeterLog, RunChange, Specimen, by_log
from agent.registers import Verdict
from agent.rows import LogRow
from firmware_bridge.meters.codec import Refused, Telegram

MAX_PENDING_ROWS = 128
"""Past this a commit does not wait for its window: a replay gives thousands of rows a second."""

MAX_PENDING_SPECIMENS = 512
LEAST_WINDOW_S = 0.05
LOOK_EVERY_S = 5.0
"""How soon a window that was made shorter is noticed."""

RETRY_S = 2.0
"""How long to wait before the same rows are written again to a disk that refused them."""

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Committed:
    """Rows of one meter that are durable now, in order."""

    meter_log: MeterLog
    rows: list[LogRow]


@dataclass(slots=True)
class IntakeCounts:
    """What went through since the start; the proof of no loss never rests on these."""

    telegrams: int = 0
    refused: int = 0
    doubts: int = 0
    committed: int = 0
    failed_commits: int = 0
    refused_by_reason: dict[str, int] = field(default_factory=dict)


class Intake:
    """What waits for the next group commit."""

    def __init__(
        self,
        log: Log,
        collector: Collector,
        *,
        complete: Callable[[Batch], None],
        give_back: Callable[[Batch], None] = lambda _batch: None,
        on_heard: Callable[[Heard], None],
        on_committed: Callable[[list[Committed]], None],
        writer: Executor | None = None,
        on_full: Callable[[], None] = lambda: None,
    ) -> None:
        """Commit in `writer`, a thread that nothing else may hold up; None is the loop's own.

        `complete` adds to a batch what need not be a commit of its own; of one that failed,
        `give_back` takes what may have changed by the time it is written again.
        """
        self._log = log
        self._collector = collector
        self._complete = complete
        self._give_back = give_back
        self._on_heard = on_heard
        self._on_committed = on_committed
        self._writer = writer
        self._on_full = on_full
        self._batch = Batch()
        self._in_writing = Batch()
        self._runs: dict[int, dict[str, str]] = {}
        self._committing = asyncio.Lock()
        self.counts = IntakeCounts()

    @property
    def pending_rows(self) -> int:
        """How many rows a power cut would take now."""
        return len(self._batch.rows)

    def oldest_pending(self, log: int) -> LogRow | None:
        """Return the first row of a log that is not durable yet: what is younger is not, either."""
        for batch in (self._in_writing, self._batch):
            for meter_log, row in batch.rows:
                if meter_log.log == log:
                    return row
        return None

    def take(self, decoded: Telegram | Refused, moment: Moment, source: str) -> None:
        """Take one telegram or refusal heard at `moment` on the link named `source`."""
        if isinstance(decoded, Refused):
            self.set_aside(moment, source, decoded.reason, decoded.detail, decoded.raw)
            return
        self.counts.telegrams += 1
        collected = self._collector.offer(decoded, moment, source)
        for heard in collected.to_log:
            self._add_row(heard)
        self._add_doubts(collected, moment)
        for heard in collected.heard:
            self._on_heard(heard)

    def set_aside(self, moment: Moment, source: str, reason: str, detail: str, raw: bytes) -> None:
        """Quarantine bad input with its reason; past the bound only the count is kept."""
        self.counts.refused += 1
        by_reason = self.counts.refused_by_reason
        by_reason[reason] = by_reason.get(reason, 0) + 1
        sayable = detail.encode("utf-8", "replace").decode("utf-8")
        specimen = Specimen(moment.utc_ms or moment.monotonic_ms, source, reason, sayable, raw)
        if len(self._batch.specimens) >= MAX_PENDING_SPECIMENS:
            specimen = Specimen(specimen.at_ms, source, reason, "", b"")
        self._batch.specimens.append(specimen)

    async def make_room(self) -> None:
        """Commit now if much is waiting; returns when there is room for more."""
        while self._is_full():
            if not await self.commit():
                await asyncio.sleep(RETRY_S)

    def _is_full(self) -> bool:
        return (
            len(self._batch.rows) >= MAX_PENDING_ROWS
            or len(self._batch.specimens) >= 2 * MAX_PENDING_SPECIMENS
        )

    async def commit_every(
        self, window_s: Callable[[], float], on_answer: Callable[[], None] = lambda: None
    ) -> None:
        """Commit once a window for ever: what a power cut can cost is one window of detail.

        The window is asked for again meanwhile: a shorter one holds at once.

        `on_answer` is called whenever the disk has answered, be it with a refusal.
        """
        while True:
            on_answer()
            await _wait_out(window_s)
            await self.commit()

    async def commit(self) -> bool:
        """Write what waits, durably, and hand it on; False where the disk refused it."""
        # A stopping hub cancels whoever waits here; what the disk took must still be handed on.
        return await asyncio.shield(asyncio.ensure_future(self._commit()))

    async def _commit(self) -> bool:
        async with self._committing:
            batch, self._batch = self._batch, Batch()
            self._in_writing = batch
            self._complete(batch)
            if batch.is_empty():
                return True
            try:
                loop = asyncio.get_running_loop()
                await loop.run_in_executor(self._writer, self._log.commit, batch)
            except sqlite3.Error as error:
                self.counts.failed_commits += 1
                _logger.warning("group commit of %d rows failed: %s", len(batch.rows), error)
                self._take_back(batch)
                if is_full(error):
                    self._on_full()
                return False
            except BaseException:
                # Whatever it was, rows that have their sequence are not to be forgotten for it.
                self._take_back(batch)
                raise
            self._in_writing = Batch()
            self.counts.committed += len(batch.rows)
            self._on_committed([Committed(*one) for one in by_log(batch.rows)])
            return True

    def _take_back(self, batch: Batch) -> None:
        self._give_back(batch)
        self._batch, self._in_writing = _joined(batch, self._batch), Batch()

    def _add_row(self, heard: Heard) -> None:
        sample = heard.sample
        meter_log = self._log.meter_log(sample.meter, sample.medium)
        seq = meter_log.next_seq
        meter_log.next_seq += 1
        row = LogRow(
            seq,
            heard.moment.boot,
            heard.moment.monotonic_ms,
            heard.meter_clock_ms,
            heard.captured_at_ms,
            sample.registers,
            sample.quality,
        )
        self._batch.rows.append((meter_log, row))
        for register, verdict in heard.changes.items():
            self._batch.run_changes.append(self._run_change(meter_log, register, seq, verdict))

    def _run_change(
        self, meter_log: MeterLog, register: str, seq: int, verdict: Verdict
    ) -> RunChange:
        """Name the run a register is in from `seq` on: the same one where it wrapped, else new."""
        runs = self._runs.get(meter_log.log)
        if runs is None:
            changes = self._log.runs(meter_log.log)
            runs = self._runs[meter_log.log] = {c.register: c.run for c in changes}
        if verdict.is_new_run:
            runs[register] = f"{meter_log.log_id.hex()}:{seq}"
        return RunChange(meter_log.log, register, seq, runs.get(register, ""), verdict.modulus or 0)

    def _add_doubts(self, collected: Collected, moment: Moment) -> None:
        for doubt in collected.doubts:
            self.counts.doubts += 1
            detail = f"{doubt.register} = {doubt.value}"
            self.set_aside(moment, doubt.meter, doubt.reason, detail, b"")


async def _wait_out(window_s: Callable[[], float]) -> None:
    """Sleep until a window is over, however it changes meanwhile."""
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    left_s = max(window_s(), LEAST_WINDOW_S)
    while left_s > 0:
        await asyncio.sleep(min(left_s, LOOK_EVERY_S))
        left_s = began_s + window_s() - loop.time()


def _joined(first: Batch, then: Batch) -> Batch:
    return Batch(
        rows=first.rows + then.rows,
        run_changes=first.run_changes + then.run_changes,
        specimens=first.specimens + then.specimens,
        days=first.days + then.days,
        folded={**first.folded, **then.folded},
        stored={**first.stored, **then.stored},
        stored_by=then.stored_by or first.stored_by,
        facts={**first.facts, **then.facts},
        departures=first.departures + then.departures,
    )
