"""The conversation with the cloud: hello, frames within a window, receipts, re-sends.

One task owns it; the order of messages is never assumed. It reads committed rows only, and nothing
but a receipt makes a row stored. Bytes go through the Uplink port, time comes as a function.
"""

import asyncio
import contextlib
import dataclasses
import logging
import math
import random
import secrets
import sqlite3

from agent.log import Log
from agent.records import MeterLog
from agent.uplink.greeting import ANSWER_MS, Asked, log_states
from agent.uplink.ledger import TOO_LARGE, Delivery
from agent.uplink.pacing import Progress
from agent.uplink.port import Arrived, Channel, Connected, Disconnected, Event, Undelivered, Uplink
from agent.uplink.rewinds import Rewinds
from agent.uplink.sender import (
    BACKLOG_ANSWER_MS,
    Sender,
    SessionHooks,
    SessionRules,
    SessionState,
)
from agent.uplink.store import (
    CLONE_FACT,
    REVISION_FACT,
    STORE_FACT,
    KnownStore,
    read_clone_ms,
)
from shared.errors import BadInputError
from shared.frames import FRAME_VERSION, MAX_SEQ
from shared.protocol import (
    ConsentLimit,
    Hello,
    Receipt,
    decode_receipt,
    encode_message,
)
from shared.ranges import Range, count
from shared.units import MS_PER_MINUTE, MS_PER_SECOND

MAX_EVENTS = 1_000
"""Messages waiting for the session; receipts are cumulative: one dropped costs a re-send."""

TICK_S = 1.0
DRAIN_TICK_S = 0.05

HELLO_PAUSE_MS = MS_PER_MINUTE
"""At most one hello a minute beside those of connecting: receipts that disagree must not storm."""

PAUSED_ASK_MS = 10 * MS_PER_MINUTE
"""A hub whose window is 0 sends nothing to be answered: it asks whether that still holds."""

PROGRESS_NOTED_MS = MS_PER_SECOND
"""Counting what is left asks the database; a drain brings hundreds of receipts a second."""

LEARN_EVERY_MS = 30 * MS_PER_SECOND
"""How soon new rows of a span that is sent anew are looked at: it closes minutes after its end."""

UNDELIVERED_PAUSE_MS = 5 * MS_PER_SECOND

_logger = logging.getLogger(__name__)


class Session:
    """Keeps the cloud's copy of every log whole."""

    def __init__(
        self, log: Log, uplink: Uplink, rules: SessionRules, hooks: SessionHooks, version: str
    ) -> None:
        self._log = log
        self._uplink = uplink
        self._rules = rules
        self._hooks = hooks
        self._version = version
        self._events: asyncio.Queue[Event | None] = asyncio.Queue()
        self._deliveries: dict[int, Delivery] = {}
        self._changed_logs: set[int] = set()
        self._store = KnownStore(log.fact(STORE_FACT), log.fact(REVISION_FACT))
        self._kept_given = self._store.given
        self._kept_clone_ms = read_clone_ms(log.fact(CLONE_FACT))
        self._wants_hello = False
        self._window_frames = 1
        self._hello_sent_ms: int | None = None
        self._hello_id = ""
        self._run_id = secrets.token_hex(8)
        self._asked = Asked()
        self.is_answered = False
        """Whether the cloud has answered the hello of this connection."""
        self._not_before_ms = 0
        self._jitter = random.Random()  # noqa: S311 (spreads load, guards no secret)
        self.state = SessionState(clone_seen_ms=self._kept_clone_ms)
        self._rewinds = Rewinds(log, self.state)
        self.progress = Progress()
        self._progress_noted_ms = 0
        self._sender = Sender(log, uplink, rules, hooks, self.state)

    def deliver(self, event: Event) -> None:
        """Take an event from the transport; a message past the limit is dropped and counted."""
        if isinstance(event, Arrived) and self._events.qsize() >= MAX_EVENTS:
            self.state.messages_dropped += 1
            return
        self._events.put_nowait(event)

    def wake(self) -> None:
        """Look for something to send now rather than at the next tick."""
        if self._events.empty():
            self._events.put_nowait(None)

    async def run(self) -> None:
        """Serve for ever."""
        await self._uplink.start(self.deliver)
        pause_s = TICK_S
        while True:
            await self._take_events(min(TICK_S, pause_s))
            pause_s = self._send_due(is_final=False)

    async def drain(self, patience_s: float) -> None:
        """On the way out: send what is committed and wait for its receipts, but not for ever."""
        deadline_ms = self._hooks.monotonic_ms() + int(patience_s * MS_PER_SECOND)
        while self.state.is_connected and self._hooks.monotonic_ms() < deadline_ms:
            pause_s = self._send_due(is_final=True)
            in_flight = any(one.flights for one in self._deliveries.values())
            if self.is_answered and not in_flight and pause_s == math.inf:
                return
            await self._take_events(min(DRAIN_TICK_S, pause_s))

    def unstored(self) -> list[tuple[MeterLog, list[Range]]]:
        """List per log what no receipt has named."""
        return [
            (meter_log, self.delivery(meter_log.log).unstored(held))
            for meter_log in self._log.all_logs()
            if (held := self._log.held_range(meter_log.log)) is not None
        ]

    def greet_soon(self) -> None:
        """Say hello as soon as one may be said again: something in it has changed."""
        self._wants_hello = True
        self.wake()

    def change_pace(self, frame_interval_s: float, backlog_frames_per_s: float) -> None:
        """Have frames leave at another pace from now on."""
        self._rules = dataclasses.replace(
            self._rules,
            frame_interval_s=frame_interval_s,
            backlog_frames_per_s=backlog_frames_per_s,
        )
        self._sender.change_pace(self._rules)
        self.wake()

    def left_ms(self) -> int | None:
        """Estimate how long the backlog will take; None where nothing is known of its pace."""
        return self.progress.left_ms(self._hooks.monotonic_ms())

    def delivery(self, log: int) -> Delivery:
        """Show one log's delivery, read from the database at first."""
        known = self._deliveries.get(log)
        if known is None:
            held = self._log.held_refused(log)
            known = Delivery(
                stored=self._log.stored_ranges(log),
                refused=[one for one in held if one[2] != TOO_LARGE],
            )
            self._deliveries[log] = known
            self._let_go(log, [one for one in held if one[2] == TOO_LARGE])
        if self._is_outdated(log, known):
            self._learn(log, known)
        return known

    def _is_outdated(self, log: int, known: Delivery) -> bool:
        """Tell whether other revisions may be wanted: by a new piece, or of new rows of a span."""
        if known.clock_pieces != self._rules.clock_pieces():
            return True
        since_ms = self._hooks.monotonic_ms() - known.learned_at_ms
        if known.open_from_seq is None or since_ms < LEARN_EVERY_MS:
            return False
        return self._log.held_range(log, (known.open_from_seq, MAX_SEQ)) is not None

    def _learn(self, log: int, known: Delivery) -> None:
        held = self._log.held_range(log) or (0, 0)
        known.clock_pieces = self._rules.clock_pieces()
        known.learned_at_ms = self._hooks.monotonic_ms()
        self._let_go(log, known.learn(self._rules.wanted(log, known.stored), held[1]))

    def _let_go(self, log: int, refused: list[tuple[int, int, str]]) -> None:
        # On a full disk it comes back with the next start, and is let go again.
        with contextlib.suppress(sqlite3.Error):
            for first_seq, last_seq, _ in refused:
                self._log.let_go(log, first_seq, last_seq)

    def take_stored(self) -> dict[int, list[tuple[int, int, int]]]:
        """Hand over what receipts have changed since last asked, for the next group commit to keep.

        Losing it to a power cut costs nothing: the next hello is answered with all of it.
        """
        changed, self._changed_logs = self._changed_logs, set()
        return {log: self.delivery(log).stored for log in changed}

    @property
    def store_id(self) -> str:
        """The store that all of this was heard from."""
        return self._store.store_id

    def take_facts(self) -> dict[str, bytes]:
        """Hand over how many receipts were given, and a clone's sighting, where changed."""
        facts = {}
        if self._store.given != self._kept_given:
            self._kept_given = self._store.given
            facts[REVISION_FACT] = self._store.revision_fact()
        if self.state.clone_seen_ms != self._kept_clone_ms:
            self._kept_clone_ms = self.state.clone_seen_ms
            facts[CLONE_FACT] = str(self._kept_clone_ms).encode()
        return facts

    async def _take_events(self, wait_s: float) -> None:
        # An event that waits already is taken without a pause: let the others have their turn.
        await asyncio.sleep(0)
        timer = asyncio.get_running_loop().call_later(wait_s, self.wake)
        try:
            self._handle_one(await self._events.get())
        finally:
            timer.cancel()
        while not self._events.empty():
            self._handle_one(self._events.get_nowait())

    def _handle_one(self, event: Event | None) -> None:
        """Handle an event; what a full disk keeps from being written is said again by the cloud."""
        try:
            self._handle(event)
        except sqlite3.Error as error:
            self.state.database_errors += 1
            _logger.warning("a receipt could not be kept: %s", error)

    def _handle(self, event: Event | None) -> None:
        if isinstance(event, Connected):
            self._begin()
        elif isinstance(event, Disconnected):
            self._end(event.reason)
        elif isinstance(event, Undelivered):
            self._end(event.reason)
            self.state.is_connected = True
            self._not_before_ms = self._hooks.monotonic_ms() + UNDELIVERED_PAUSE_MS
        elif isinstance(event, Arrived):
            self._take_message(event)

    def _begin(self) -> None:
        self.state.is_connected = True
        self.state.disconnect_reason = ""
        delay_ms = int(self._jitter.uniform(0, self._rules.start_delay_s) * MS_PER_SECOND)
        self._not_before_ms = self._hooks.monotonic_ms() + delay_ms

    def _end(self, reason: str) -> None:
        """Forget what was in flight: the next hello and its receipts tell what arrived."""
        self.state.is_connected = False
        self.state.disconnect_reason = reason
        self._hello_sent_ms = None
        self.is_answered = self._wants_hello = False
        self._asked = Asked()
        self.progress.forget()
        for delivery in self._deliveries.values():
            delivery.flights.clear()

    def _take_message(self, event: Arrived) -> None:
        if event.channel is Channel.TARIFF:
            self._hooks.on_tariff(event.payload)
            return
        try:
            self._take_receipt(decode_receipt(event.payload))
        except BadInputError as error:
            self._hooks.on_bad_input("bad-receipt", error.message, event.payload)

    def _take_receipt(self, receipt: Receipt) -> None:
        now_ms = self._hooks.monotonic_ms()
        self.state.last_receipt_ms = now_ms
        self.state.receipts += 1
        self._window_frames = receipt.window_frames
        # Any other may be one that a slow network kept back since before the hello: it tells what
        # is stored, but not the time.
        is_answer = self._hello_id != "" and receipt.answers == self._hello_id
        self._obey(receipt.consent)
        if is_answer or self._store.is_newest(receipt):
            self.state.clone_seen_ms = receipt.clone_seen_ms
        if is_answer and self._hello_sent_ms is not None:
            self._hello_id, self.is_answered = "", True
            self._hooks.on_cloud_time(receipt.cloud_time_ms, now_ms - self._hello_sent_ms)
        self._wants_hello = self._wants_hello or self._store.is_put_back(receipt)
        if receipt.store_id != self._store.store_id:
            self._meet_store(receipt.store_id)
        self._store.take(receipt)
        meter_log = self._find_log(receipt.log_id)
        if meter_log is None:
            self._asked.hear(receipt)
            return
        delivery = self.delivery(meter_log.log)
        # Before its answer counts as heard: where this cannot be written, nothing is framed yet.
        if self._rewinds.settle(meter_log, delivery.framed_to, receipt, self._asked):
            self._asked.hear(receipt)
        if self._rules.outbid(receipt.stored):
            for one in self._deliveries.values():
                one.clock_pieces = -1
        if delivery.doubt(receipt, is_answer=self._asked.is_answer(receipt)):
            self._wants_hello = True
        for first_seq, last_seq, code in delivery.apply(receipt):
            self._log.hold(meter_log.log, first_seq, last_seq, code)
        early_ms = int(BACKLOG_ANSWER_MS * self._jitter.uniform(1.0, 1.5))
        delivery.hasten(receipt, now_ms + early_ms)
        self._changed_logs.add(meter_log.log)
        self._note_progress(now_ms)

    def _obey(self, limit: ConsentLimit | None) -> None:
        """Take the cloud's limit before anything else of a receipt, and say that it is obeyed."""
        sharing = self._hooks.sharing
        before = sharing.enforced()
        sharing.take_limit(limit)
        if sharing.enforced() == before:
            return
        self._wants_hello = True
        if self._uplink.recall():
            # What had not left yet is cut anew, as it may leave now.
            for delivery in self._deliveries.values():
                delivery.flights.clear()

    def _note_progress(self, now_ms: int) -> None:
        if now_ms - self._progress_noted_ms >= PROGRESS_NOTED_MS:
            self._progress_noted_ms = now_ms
            self.progress.note(now_ms, sum(count(ranges) for _, ranges in self.unstored()))

    def _meet_store(self, store_id: str) -> None:
        """Another store (the cloud was restored from a backup): offer all that is held again."""
        self._log.meet_store(store_id)
        self._changed_logs.clear()
        for meter_log in self._log.all_logs():
            framed_to = self.delivery(meter_log.log).framed_to
            self._deliveries[meter_log.log] = Delivery(framed_to=framed_to)

    def _find_log(self, log_id: str) -> MeterLog | None:
        for meter_log in self._log.all_logs():
            if meter_log.log_id.hex() == log_id:
                return meter_log
        return None

    def _send_due(self, *, is_final: bool) -> float:
        """Send what is due; say in how many seconds there is more, endless where nothing is."""
        now_ms = self._hooks.monotonic_ms()
        if not self.state.is_connected or now_ms < self._not_before_ms:
            return math.inf
        if not self.is_answered:
            if self._hello_sent_ms is None or now_ms - self._hello_sent_ms > ANSWER_MS:
                self._say_hello(now_ms)
            return math.inf
        since_ms = now_ms - (self._hello_sent_ms or 0)
        is_due = self._window_frames == 0 and self._has_been_silent(now_ms)
        is_due = is_due or (self._wants_hello and since_ms >= HELLO_PAUSE_MS)
        if is_due or self._asked.is_overdue(since_ms):
            self._say_hello(now_ms)
        deliveries = [
            (one, self.delivery(one.log))
            for one in self._log.all_logs()
            if not self._asked.is_awaited(one)
        ]
        return self._sender.send(deliveries, self._window_frames, is_final=is_final)

    def _has_been_silent(self, now_ms: int) -> bool:
        """Tell whether neither side has said anything for so long that a paused hub asks again."""
        spoke_ms = max(self.state.last_receipt_ms or 0, self._hello_sent_ms or 0)
        return now_ms - spoke_ms >= PAUSED_ASK_MS

    def _say_hello(self, now_ms: int) -> None:
        self._hello_id = secrets.token_hex(8)
        proofs = self._rewinds.proofs()
        states = log_states(self._log, proofs)
        self._asked.ask(self._hello_id, states, proofs.keys())
        granularity, lifted = self._hooks.sharing.enforced()
        hello = Hello(
            self._version,
            FRAME_VERSION,
            states,
            self._hello_id,
            store_id=self._store.store_id,
            receipt_revision=self._store.given,
            consent=granularity,
            consent_lifted=lifted,
            run_id=self._run_id,
        )
        if self._uplink.publish(Channel.HELLO, encode_message(hello)):
            self._hello_sent_ms, self._wants_hello = now_ms, False
        self._uplink.publish(Channel.TARIFF_GET, b"{}")
