"""One hub's part of a batch, under the hub's row lock: coverage, merge, dead letters and receipts.

Coverage, gaps and merge change in the one transaction of the batch that it is a part of; it commits
nothing. A revoked hub's messages are counted and change nothing else.
"""

import secrets
from collections.abc import Sequence
from typing import NamedTuple

from cloud.changes.kinds import Change, ChangeKind
from cloud.households.repository import Hub
from cloud.households.revocations import find_limit, lift_limit
from cloud.ingest import clones, gaps, letters, merge, repository
from cloud.ingest.batch import Batch
from cloud.ingest.hublogs import HubLogs
from cloud.ingest.intake import LATER_VERSION, Read
from cloud.ingest.letters import DeadLetter
from cloud.ingest.merger import Merger, Verdict
from cloud.ingest.proofs import proved_seq
from cloud.ingest.receipts import Answer
from cloud.ingest.repository import Log
from cloud.readings.store import CORRECTION_HORIZON_MS
from cloud.scope import Scope
from shared.errors import FrameError
from shared.frames import Envelope
from shared.outlines import Outline
from shared.protocol import MAX_RANGES_PER_RECEIPT, Hello, LogState, Receipt, is_backlog
from shared.ranges import Range
from shared.readings import medium_of
from shared.units import MS_PER_DAY

CONFLICT = "conflict"
OTHER_HOUSEHOLD = "other-household"
BEFORE_TENANCY = "before-tenancy"

NOT_KEPT = (OTHER_HOUSEHOLD, BEFORE_TENANCY)
"""Refused without a letter: what was read for an earlier household is not this one's to keep."""

HEAL_MS = MS_PER_DAY
"""A hub online fills a hole within hours; it may be paced behind 30 days of backlog for some."""


class Rules(NamedTuple):
    """How receipts are paced: least time between steady-state ones, frames a hub may have open."""

    receipt_interval_s: int = 0
    window_frames: int = 16


class HubBatch:
    """Takes a hub's messages in and, at `finish`, returns the receipts that are due."""

    def __init__(self, batch: Batch, thing: str, rules: Rules) -> None:
        self._batch = batch
        self._connection = batch.connection
        self._now_ms = batch.now_ms
        self._rules = rules
        self._entry = batch.enter(thing)
        self._hub: Hub = self._entry.hub
        standing = self._entry.standing
        self.is_revoked = standing.is_revoked
        self._limit = standing.limit
        named = self._hub.store_id or standing.store_id
        self._store_id = named or repository.store_id(batch.connection, batch.now_ms)
        self._scope = Scope.of(self._hub.household_id)
        self._start_ms = standing.start_ms
        self._horizon_ms = batch.now_ms - CORRECTION_HORIZON_MS
        self._merger = Merger(batch.store, self._scope, thing, self._horizon_ms)
        self._logs = HubLogs(batch, self._hub)
        self._known_mediums: dict[str, str] = {}
        self._mediums: dict[str, str] = {}
        self._hello_id = ""
        self._noted: list[Change] = []

    def take(self, read: Sequence[Read]) -> None:
        """Merge frames; set aside, with its reason, what cannot be."""
        if self._is_refused(len(read)):
            return
        accepted: list[tuple[Read, Outline, Log]] = []
        for one in read:
            try:
                log = self._admit(one)
            except FrameError as error:
                self._set_aside(one, error)
            else:
                if one.outline is not None:
                    accepted.append((one, one.outline, log))
        self._lock([outline.meter for _, outline, _ in accepted])
        self._look_up([(outline, log) for _, outline, log in accepted])
        for one, outline, log in accepted:
            try:
                self._merge(one, outline, log)
            except FrameError as error:
                if error.code == CONFLICT:
                    self._hub = self._hub._replace(conflicts=self._hub.conflicts + 1)
                self._set_aside(one, error)

    def greet(self, hello: Hello) -> None:
        """Note what the hub says it holds; every log it lists is answered, or the hub itself."""
        if self._is_refused(1):
            return
        before = (self._hub.consent, self._limit)
        self._hub = self._hub._replace(
            agent_version=hello.agent_version[:64], consent=hello.consent[:16]
        )
        self._hello_id = hello.hello_id
        self._note_run(hello.run_id)
        if hello.store_id == self._store_id and hello.receipt_revision > self._hub.receipt_revision:
            self._rename_store()
        lift_limit(self._connection, self._hub.thing, hello.consent_lifted)
        self._limit = find_limit(self._connection, self._hub.thing)
        if before != (self._hub.consent, self._limit):
            self._noted.append(Change(ChangeKind.CONSENT, self._hub.thing))
        for state in hello.logs:
            self._greet_log(state)
        if not hello.logs:
            self._logs.answer("").is_due = True

    def remind(self, log_ids: Sequence[str]) -> None:
        """Answer these logs though nothing came of them; "" is the hub itself."""
        if self.is_revoked:
            return
        for log_id in log_ids:
            log = self._logs.find(log_id) if log_id else None
            if log is not None:
                self._logs.answer(log_id).touched = [one[:2] for one in log.missing]
                self._heal(log)
            if log is not None or not log_id:
                self._logs.answer(log_id).is_due = True

    def replay(self, one: Read, *, was_stored: bool) -> FrameError | None:
        """Merge what was set aside; returns why it still cannot be.

        `was_stored` says that the hub was told it is stored, unread: where it turns out that it
        never can be read, that is taken back, and the hub offers again all that it holds.
        """
        try:
            log = self._admit(one)
            if one.outline is not None:
                self._lock([one.outline.meter])
                self._merge(one, one.outline, log)
        except FrameError as error:
            if was_stored and error.code != LATER_VERSION and one.envelope is not None:
                self._take_back(one.envelope)
            return error
        self._logs.answer(log.log_id).is_due = True
        return None

    def finish(self) -> list[Receipt]:
        """Have everything written and return the receipts; the caller commits, then publishes."""
        self._merger.finish()
        for meter, medium in self._mediums.items():
            if medium == self._known_mediums.get(meter):
                continue
            if repository.set_medium(self._connection, self._scope, meter, medium):
                self._noted.append(Change(ChangeKind.METER, meter))
        self._logs.close_gaps(self._merger.declared)
        receipts = [
            self._receipt(log_id, answer)
            for log_id, answer in self._logs.due(self._rules.receipt_interval_s)
        ]
        if self._logs.refused:
            logs_refused = self._hub.logs_refused + self._logs.refused
            self._hub = self._hub._replace(logs_refused=logs_refused)
        self._batch.change(self._hub, self._logs.changed())
        self._batch.note(self._entry, self._merger.changed, self._noted)
        return receipts

    def _lock(self, names: Sequence[str]) -> None:
        self._known_mediums.update(self._batch.lock_meters(self._scope, names))

    def _is_refused(self, message_count: int) -> bool:
        """Count the messages of a revoked hub; note any other as heard."""
        if self.is_revoked:
            refused = self._hub.messages_refused + message_count
            self._hub = self._hub._replace(messages_refused=refused)
        else:
            self._hub = self._hub._replace(last_seen_ms=self._now_ms)
        return self.is_revoked

    def _admit(self, one: Read) -> Log:
        """Find the log a message belongs to; raises FrameError with the reason where it may not."""
        if one.envelope is None or (one.error is not None and not one.is_kept_for_later):
            raise one.error or FrameError("not-a-frame", "no envelope")
        log_id = one.envelope.log_id.hex()
        if self._logs.open(log_id, "").household_id != self._hub.household_id:
            raise FrameError(OTHER_HOUSEHOLD, f"log {log_id} was begun in another household")
        if one.outline is None:
            raise one.error or FrameError("not-a-frame", "no frame")
        log = self._logs.open_for(log_id, one.outline.meter)
        if one.outline.span_ms is not None and one.outline.span_ms[0] < self._start_ms:
            raise FrameError(BEFORE_TENANCY, "samples from before the hub was this household's")
        return log

    def _look_up(self, accepted: Sequence[tuple[Outline, Log]]) -> None:
        """Have read, once a log, what is stored where frames overlap it: most come again."""
        ranges: dict[str, list[Range]] = {}
        coverage: dict[str, list[merge.Covered]] = {}
        for frame, log in accepted:
            ranges.setdefault(log.log_id, []).append((frame.first_seq, frame.last_seq))
            coverage[log.log_id] = log.coverage
        for log_id, asked in ranges.items():
            self._merger.look_up(log_id, asked, coverage[log_id])

    def _merge(self, one: Read, frame: Outline, log: Log) -> None:
        verdict = self._merge_into(one, frame, self._logs.find(log.log_id) or log)
        self._logs.cover(log.log_id, (frame.first_seq, frame.last_seq), frame.revision)
        medium = medium_of(frame.registers)
        if medium is not None:
            self._mediums[frame.meter] = medium.value
        newest_ms = self._now_ms if frame.span_ms is None else frame.span_ms[1]
        if verdict is Verdict.DUPLICATE or is_backlog(newest_ms, self._now_ms):
            self._logs.answer(log.log_id).is_due = True

    def _merge_into(self, one: Read, frame: Outline, log: Log) -> Verdict:
        """Merge a frame into what is stored; raises FrameError where that cannot be."""
        first, last = frame.first_seq, frame.last_seq
        may_overlap = merge.overlaps(log.coverage, first, last)
        is_known = may_overlap and merge.covers(log.coverage, first, last, frame.revision)
        # What a correction withholds takes samples away: that it is covered does not settle it.
        if is_known and frame.span_ms is None and not frame.revision:
            return Verdict.DUPLICATE
        is_old = frame.span_ms is not None and frame.span_ms[1] < self._horizon_ms
        if may_overlap and is_old:
            # The frames it would be held against may be gone: what is known is not stored again.
            if is_known:
                return Verdict.DUPLICATE
            if merge.covers(log.coverage, first, last, revision=0):
                raise FrameError("too-late", "a correction of samples older than 13 months")
        verdict, detail = self._merger.merge(
            frame, one.message.payload, one.message.received_at_ms, may_overlap=may_overlap
        )
        if verdict is Verdict.CONFLICT:
            raise FrameError(CONFLICT, detail)
        return verdict

    def _take_back(self, envelope: Envelope) -> None:
        """A range said to be stored cannot be read: it is missing, and the hub is asked anew."""
        log_id = envelope.log_id.hex()
        if self._logs.find(log_id) is not None:
            self._logs.uncover(log_id, (envelope.first_seq, envelope.last_seq))
            self._logs.answer(log_id).is_due = True
            self._rename_store()

    def _heal(self, log: Log) -> None:
        """Ask for everything, once, where a hole stays though the hub holds it and is online.

        The hub then believes it stored: this store said so once and was put back from a copy.
        """
        renewed_at_ms = self._hub.store_renewed_at_ms
        # One that stays though everything was asked for since must not hide what came after it.
        newer = [one for one in log.missing if one.since_ms > renewed_at_ms]
        since_ms = gaps.hole_since(newer, log.coverage, log.held)
        if since_ms is not None and self._now_ms - since_ms >= HEAL_MS:
            self._rename_store()

    def _rename_store(self) -> None:
        """Give the store another name for this hub: it offers again all that it holds."""
        self._store_id = secrets.token_hex(16)
        self._hub = self._hub._replace(
            store_id=self._store_id,
            store_renewals=self._hub.store_renewals + 1,
            store_renewed_at_ms=self._now_ms,
        )

    def _set_aside(self, one: Read, error: FrameError) -> None:
        envelope = one.envelope
        is_kept = self._keep(one, error)
        if envelope is None:
            return
        log_id, span = envelope.log_id.hex(), (envelope.first_seq, envelope.last_seq)
        if is_kept and one.is_kept_for_later and error is one.error:
            self._logs.cover(log_id, span, envelope.revision)
            return
        answer = self._logs.answer(log_id)
        answer.is_due = True
        # What is stored of a span that was refused is what the hub must know before all else.
        answer.touched.append(span)
        answer.rejected.append((*span, error.code))

    def _keep(self, one: Read, error: FrameError) -> bool:
        """Keep a message as a dead letter; false, and counted, where it may not or cannot be."""
        if error.code in NOT_KEPT:
            refused = self._hub.messages_refused + 1
            self._hub = self._hub._replace(messages_refused=refused)
            return False
        letter = self._dead_letter(one, one.envelope, error)
        if letters.add_dead_letter(self._connection, self._scope, letter):
            return True
        refused = self._hub.dead_letters_refused + 1
        self._hub = self._hub._replace(dead_letters_refused=refused)
        return False

    def _dead_letter(self, one: Read, envelope: Envelope | None, error: FrameError) -> DeadLetter:
        return DeadLetter(
            thing=self._hub.thing,
            log_id=envelope.log_id.hex() if envelope else "",
            revision=envelope.revision if envelope else None,
            first_seq=envelope.first_seq if envelope else None,
            last_seq=envelope.last_seq if envelope else None,
            code=error.code,
            detail=letters.reason_of(error),
            received_at_ms=one.message.received_at_ms,
            payload=one.message.payload,
        )

    def _note_run(self, run_id: str) -> None:
        before = clones.read_runs(self._hub.runs)
        now = clones.note_run(before, run_id, self._now_ms)
        if now != before:
            self._hub = self._hub._replace(runs=clones.write_runs(now))

    def _greet_log(self, state: LogState) -> None:
        answer = self._logs.answer(state.log_id)
        answer.is_due = True
        try:
            self._logs.note_held(state)
        except FrameError as error:
            answer.rejected.append((state.first_seq, state.last_seq, error.code))
            return
        log = self._logs.find(state.log_id)
        if log is not None and log.coverage:
            # The end is what tells the hub whether its next numbers are free.
            answer.touched.append((log.coverage[-1][1], log.coverage[-1][1]))
        if state.proofs:
            answer.proved = proved_seq(self._batch.store, self._scope, state.log_id, state.proofs)

    def _receipt(self, log_id: str, answer: Answer) -> Receipt:
        revision = self._hub.receipt_revision + 1
        self._hub = self._hub._replace(receipt_revision=revision)
        return Receipt(
            store_id=self._store_id,
            log_id=log_id,
            revision=revision,
            stored=self._logs.note_receipt(log_id),
            rejected=answer.rejected[-MAX_RANGES_PER_RECEIPT:],
            window_frames=self._rules.window_frames,
            cloud_time_ms=self._now_ms,
            answers=self._hello_id,
            consent=self._limit,
            clone_seen_ms=clones.told_ms(clones.read_runs(self._hub.runs), self._now_ms),
            proved=answer.proved,
        )
