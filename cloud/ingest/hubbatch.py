"""One hub's part of a batch, under the hub's row lock: coverage, merge, dead letters and receipts.

Coverage and merge change in the one transaction whose connection it is given; it commits nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from sqlalchemy import Connection

from cloud.households.repository import Hub, lock_hub, write_hub
from cloud.ingest import merge, repository
from cloud.ingest.intake import Read
from cloud.ingest.merger import Merger, Verdict
from cloud.ingest.repository import DeadLetter, Log
from cloud.readings.repository import SqlReadingStore
from cloud.scope import Scope
from shared.errors import FrameError
from shared.frames import Envelope, Frame
from shared.protocol import MAX_RANGES_PER_RECEIPT, Hello, LogState, Receipt, is_backlog
from shared.readings import medium_of
from shared.units import MS_PER_SECOND


class Rules(NamedTuple):
    """How receipts are paced: least time between steady-state ones, frames a hub may have open."""

    receipt_interval_s: int = 0
    window_frames: int = 16


@dataclass
class _Answer:
    """What there is to say about one log at the end of the batch."""

    is_due: bool = False
    touched: list[tuple[int, int]] = field(default_factory=list)
    rejected: list[tuple[int, int, str]] = field(default_factory=list)


class HubBatch:
    """Takes a hub's messages in and, at `finish`, returns the receipts that are due."""

    def __init__(
        self, connection: Connection, thing: str, store_id: str, now_ms: int, rules: Rules
    ) -> None:
        self._connection = connection
        self._store_id = store_id
        self._now_ms = now_ms
        self._rules = rules
        self._hub: Hub = lock_hub(connection, thing, now_ms)._replace(last_seen_ms=now_ms)
        self._scope = Scope.of(self._hub.household_id)
        self._merger = Merger(SqlReadingStore(connection), self._scope, thing)
        self._logs: dict[str, Log] = {}
        self._answers: dict[str, _Answer] = {}
        self._mediums: dict[str, str] = {}
        self._hello_id = ""

    def take(self, read: Sequence[Read]) -> None:
        """Merge frames; set aside, with its reason, what cannot be."""
        accepted: list[tuple[Read, Frame, Log]] = []
        for one in read:
            try:
                log = self._admit(one)
            except FrameError as error:
                self._set_aside(one, error)
            else:
                if one.frame is not None:
                    accepted.append((one, one.frame, log))
        repository.lock_meters(self._connection, self._scope, [f.meter for _, f, _ in accepted])
        for one, frame, log in accepted:
            self._merge(one, frame, log)

    def greet(self, hello: Hello) -> None:
        """Note what the hub says it holds; every log it lists is answered, or the hub itself."""
        self._hub = self._hub._replace(agent_version=hello.agent_version[:64])
        self._hello_id = hello.hello_id
        for state in hello.logs:
            self._greet_log(state)
        if not hello.logs:
            self._answer("").is_due = True

    def finish(self) -> list[Receipt]:
        """Write everything back and return the receipts; the caller commits, then publishes."""
        self._merger.finish()
        for meter, medium in self._mediums.items():
            repository.set_medium(self._connection, self._scope, meter, medium)
        receipts = [
            self._receipt(log_id, answer)
            for log_id, answer in self._answers.items()
            if answer.is_due or self._is_interval_over(log_id)
        ]
        for log in self._logs.values():
            if log.thing == self._hub.thing:
                repository.write_log(self._connection, log)
        write_hub(self._connection, self._hub)
        return receipts

    def _admit(self, one: Read) -> Log:
        """Find the log a message belongs to; raises FrameError with the reason where it may not."""
        if one.envelope is None or (one.error is not None and not one.is_kept_for_later):
            raise one.error or FrameError("not-a-frame", "no envelope")
        meter = one.frame.meter if one.frame is not None else ""
        log = self._open_log(one.envelope.log_id.hex(), meter)
        if one.error is not None:
            raise one.error
        if log.meter and log.meter != meter:
            raise FrameError("conflict", f"log of meter {log.meter!r} with a frame of {meter!r}")
        if not log.meter:
            self._logs[log.log_id] = log._replace(meter=meter)
        return log

    def _open_log(self, log_id: str, meter: str) -> Log:
        log = self._logs.get(log_id) or repository.read_log(self._connection, log_id)
        if log is None:
            new = Log(log_id, self._hub.household_id, self._hub.thing, meter, None, None, [], 0)
            if not repository.add_log(self._connection, new):
                self._hub = self._hub._replace(logs_refused=self._hub.logs_refused + 1)
                raise FrameError("too-many-logs", f"{repository.MAX_LOGS_PER_HUB} logs of this hub")
            log = repository.read_log(self._connection, log_id) or new
        if log.thing != self._hub.thing:
            raise FrameError("wrong-hub", f"log {log_id} belongs to another hub")
        self._logs[log_id] = log
        return log

    def _merge(self, one: Read, frame: Frame, log: Log) -> None:
        first, last = frame.first_seq, frame.last_seq
        try:
            verdict, detail = self._merger.merge(
                frame,
                one.message.payload,
                one.message.received_at_ms,
                may_overlap=merge.overlaps(self._logs[log.log_id].coverage, first, last),
            )
        except FrameError as error:
            self._set_aside(one, error)
            return
        if verdict is Verdict.CONFLICT:
            self._hub = self._hub._replace(conflicts=self._hub.conflicts + 1)
            self._set_aside(one, FrameError("conflict", detail))
            return
        self._cover(log.log_id, (first, last), frame.revision)
        medium = medium_of([column.register for column in frame.columns])
        if medium is not None:
            self._mediums[frame.meter] = medium.value
        newest = max(frame.times_ms, default=self._now_ms)
        if verdict is Verdict.DUPLICATE or is_backlog(newest, self._now_ms):
            self._answer(log.log_id).is_due = True

    def _cover(self, log_id: str, span: tuple[int, int], revision: int) -> None:
        log = self._logs[log_id]
        coverage = merge.cover(log.coverage, *span, revision)
        self._logs[log_id] = log._replace(coverage=coverage)
        answer = self._answer(log_id)
        answer.touched.append(span)
        answer.is_due = answer.is_due or merge.has_hole(coverage)

    def _set_aside(self, one: Read, error: FrameError) -> None:
        envelope = one.envelope
        is_kept = repository.add_dead_letter(
            self._connection, self._scope, self._dead_letter(one, envelope, error)
        )
        if not is_kept:
            refused = self._hub.dead_letters_refused + 1
            self._hub = self._hub._replace(dead_letters_refused=refused)
        if envelope is None:
            return
        log_id, span = envelope.log_id.hex(), (envelope.first_seq, envelope.last_seq)
        if is_kept and one.is_kept_for_later and error is one.error:
            self._cover(log_id, span, envelope.revision)
            return
        answer = self._answer(log_id)
        answer.is_due = True
        # What is stored of a span that was refused is what the hub must know before all else.
        answer.touched.append(span)
        answer.rejected.append((*span, error.code))

    def _dead_letter(self, one: Read, envelope: Envelope | None, error: FrameError) -> DeadLetter:
        return DeadLetter(
            thing=self._hub.thing,
            log_id=envelope.log_id.hex() if envelope else "",
            revision=envelope.revision if envelope else None,
            first_seq=envelope.first_seq if envelope else None,
            last_seq=envelope.last_seq if envelope else None,
            code=error.code,
            # A detail quotes what it refuses, and PostgreSQL keeps no text with a NUL.
            detail=str(error).replace("\0", "\ufffd"),
            received_at_ms=one.message.received_at_ms,
            payload=one.message.payload,
        )

    def _greet_log(self, state: LogState) -> None:
        answer = self._answer(state.log_id)
        answer.is_due = True
        try:
            log = self._open_log(state.log_id, state.meter)
        except FrameError as error:
            answer.rejected.append((state.first_seq, state.last_seq, error.code))
            return
        self._logs[state.log_id] = log._replace(
            meter=log.meter or state.meter,
            first_seq_held=state.first_seq,
            last_seq_held=state.last_seq,
        )

    def _answer(self, log_id: str) -> _Answer:
        return self._answers.setdefault(log_id, _Answer())

    def _is_interval_over(self, log_id: str) -> bool:
        log = self._logs.get(log_id)
        interval_ms = self._rules.receipt_interval_s * MS_PER_SECOND
        return log is not None and self._now_ms - log.receipted_at_ms >= interval_ms

    def _receipt(self, log_id: str, answer: _Answer) -> Receipt:
        revision = self._hub.receipt_revision + 1
        self._hub = self._hub._replace(receipt_revision=revision)
        stored: list[merge.Covered] = []
        log = self._logs.get(log_id)
        if log is not None and log.thing == self._hub.thing:
            self._logs[log_id] = log._replace(receipted_at_ms=self._now_ms)
            stored = _listed(log.coverage, answer.touched)
        return Receipt(
            store_id=self._store_id,
            log_id=log_id,
            revision=revision,
            stored=stored,
            rejected=answer.rejected[-MAX_RANGES_PER_RECEIPT:],
            window_frames=self._rules.window_frames,
            cloud_time_ms=self._now_ms,
            answers=self._hello_id,
        )


def _listed(coverage: list[merge.Covered], touched: list[tuple[int, int]]) -> list[merge.Covered]:
    """Choose what a receipt has room for: this batch's ranges first, then the oldest."""
    if len(coverage) <= MAX_RANGES_PER_RECEIPT:
        return coverage
    ordered = sorted(
        coverage,
        key=lambda one: (not any(one[0] <= b and a <= one[1] for a, b in touched), one[0]),
    )
    return sorted(ordered[:MAX_RANGES_PER_RECEIPT])
