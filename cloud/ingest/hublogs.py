"""A hub's logs during one batch: opened once, changed in memory, written back at the end.

Under the hub's row lock, in the batch's own transaction; it commits nothing.
"""

from collections import Counter
from collections.abc import Mapping

from cloud.households.repository import Hub
from cloud.ingest import gaps, merge, repository
from cloud.ingest.batch import Batch
from cloud.ingest.receipts import Answer, listed
from cloud.ingest.repository import Log
from shared.errors import FrameError
from shared.frames import GapKind
from shared.protocol import LogState
from shared.units import MS_PER_SECOND


class HubLogs:
    """The logs that a batch touches, and what there is to answer about each.

    `refused` counts those that could not be opened because the hub has as many as it may.
    """

    def __init__(self, batch: Batch, hub: Hub) -> None:
        self._batch = batch
        self._hub = hub
        self._now_ms = batch.now_ms
        self._logs: dict[str, Log] = {}
        self.answers: dict[str, Answer] = {}
        self.refused = 0

    def open(self, log_id: str, meter: str) -> Log:
        """Find a log of this hub, or begin it; raises FrameError where that may not be."""
        log = self._logs.get(log_id) or self._batch.log(log_id)
        if log is None:
            new = Log(log_id, self._hub.household_id, self._hub.thing, meter, None, None, [], 0)
            log = self._batch.add_log(new)
        if log is None:
            self.refused += 1
            raise FrameError("too-many-logs", f"{repository.MAX_LOGS_PER_HUB} logs of this hub")
        if log.thing != self._hub.thing:
            raise FrameError("wrong-hub", f"log {log_id} belongs to another hub")
        self._logs[log_id] = log
        return log

    def find(self, log_id: str) -> Log | None:
        """Find a log of this hub without beginning it."""
        log = self._logs.get(log_id) or self._batch.log(log_id)
        if log is None or log.thing != self._hub.thing:
            return None
        self._logs[log_id] = log
        return log

    def open_for(self, log_id: str, meter: str) -> Log:
        """Open a log for a frame of this meter; raises FrameError where it is another's."""
        log = self.open(log_id, meter)
        if log.meter and log.meter != meter:
            raise FrameError("conflict", f"log of meter {log.meter!r} with a frame of {meter!r}")
        if not log.meter:
            self._logs[log_id] = log._replace(meter=meter)
        return self._logs[log_id]

    def note_held(self, state: LogState) -> None:
        """Note what the hub says that it holds of a log; raises FrameError as `open`."""
        log = self.open(state.log_id, state.meter)
        self._logs[state.log_id] = log._replace(
            meter=log.meter or state.meter,
            first_seq_held=state.first_seq,
            last_seq_held=state.last_seq,
        )

    def cover(self, log_id: str, span: tuple[int, int], revision: int) -> None:
        """Note that a range of an open log is stored."""
        log = self._logs[log_id]
        coverage = merge.cover(log.coverage, *span, revision)
        self._logs[log_id] = log._replace(coverage=coverage)
        self.answer(log_id).touched.append(span)

    def uncover(self, log_id: str, span: tuple[int, int]) -> None:
        """Take back that a range is stored: it is missing from now on."""
        log = self._logs[log_id]
        self._logs[log_id] = log._replace(
            coverage=merge.uncover(log.coverage, *span),
            missing=[*log.missing, gaps.Missing(*span, self._now_ms)],
        )

    def answer(self, log_id: str) -> Answer:
        """Find the answer about a log, or begin it."""
        return self.answers.setdefault(log_id, Answer())

    def close_gaps(self, declared: Mapping[str, Counter[GapKind]]) -> None:
        """Bring the gaps of each log up to date; one with a new hole is answered at once."""
        for log_id, log in self._logs.items():
            missing = gaps.find_missing(log.missing, log.coverage, log.held, self._now_ms)
            since_ms = gaps.hole_since(missing, log.coverage, log.held)
            counts = declared.get(log_id, Counter())
            self._logs[log_id] = log._replace(
                missing=missing,
                hole_since_ms=since_ms,
                withheld_count=log.withheld_count + counts[GapKind.WITHHELD],
                thinned_count=log.thinned_count + counts[GapKind.THINNED],
                damaged_count=log.damaged_count + counts[GapKind.DAMAGED],
                untimed_count=log.untimed_count + counts[GapKind.UNTIMED],
            )
            answer = self.answers.get(log_id)
            if answer is not None and repository.is_new_hole(since_ms, self._now_ms):
                answer.is_due = True

    def due(self, interval_s: int) -> list[tuple[str, Answer]]:
        """List the answers that are due: at once, or because the last receipt is so long ago."""
        return [
            (log_id, answer)
            for log_id, answer in self.answers.items()
            if answer.is_due or self._is_over(log_id, interval_s)
        ]

    def _is_over(self, log_id: str, interval_s: int) -> bool:
        log = self._logs.get(log_id)
        return log is not None and self._now_ms - log.receipted_at_ms >= interval_s * MS_PER_SECOND

    def note_receipt(self, log_id: str) -> list[merge.Covered]:
        """Note that a log is answered now; returns what its receipt lists as stored."""
        log = self._logs.get(log_id)
        if log is None:
            return []
        self._logs[log_id] = log._replace(receipted_at_ms=self._now_ms)
        return listed(log.coverage, self.answers[log_id].touched)

    def changed(self) -> list[Log]:
        """List every log that was opened, as it is now."""
        return list(self._logs.values())
