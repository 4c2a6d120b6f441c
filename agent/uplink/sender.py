"""Sends what is due: frames cut from the log, within the window, backlog paced.

Knows no receipts: what is in flight it only counts. The session decides when there is a connection.
"""

import contextlib
import math
import random
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from agent.log import Log
from agent.records import MeterLog
from agent.sharing import Sharing
from agent.uplink.framing import THINNED_FRAME_ROWS, Chunk, Cut
from agent.uplink.ledger import TOO_LARGE, Delivery, Flight, Stored
from agent.uplink.pacing import TokenBucket
from agent.uplink.port import Channel, Uplink
from shared.errors import FrameError
from shared.frames import Frame, encode_frame
from shared.protocol import is_backlog
from shared.ranges import Range, union
from shared.units import MS_PER_MINUTE, MS_PER_SECOND

BACKLOG_ANSWER_MS = 30 * MS_PER_SECOND
STEADY_ANSWER_MS = 75 * MS_PER_MINUTE
"""Receipts of the steady flow come at most hourly; a quarter of an hour more is an overdue one."""

BURST_FRAMES = 4
FRAMES_A_TURN = 1
"""A backlog's frame takes 10 ms to cut, ten times that on a small board: live goes in between."""


def never_revised(_log: int, _stored: Sequence[Stored]) -> list[Stored]:
    """Want every row at revision 0: where the time of none was ever changed."""
    return []


def never_outbid(_stored: Sequence[Stored]) -> bool:
    """Take no revision for one that the hub has forgotten."""
    return False


@dataclass(frozen=True, slots=True)
class SessionRules:
    """How fast and how often frames leave, how they are cut from the log, at which revisions."""

    frame_interval_s: float
    backlog_frames_per_s: float
    start_delay_s: float
    chunk_rows: Callable[[MeterLog, int], int]
    clock_pieces: Callable[[], int]
    cut: Callable[[MeterLog, Chunk], Cut]
    wanted: Callable[[int, Sequence[Stored]], list[Stored]] = never_revised
    outbid: Callable[[Sequence[Stored]], bool] = never_outbid
    """Told what a receipt lists; says whether other revisions may be wanted by it."""


@dataclass(frozen=True, slots=True)
class SessionHooks:
    """Whom the session tells what it learns; each is called on the event loop, returns at once."""

    monotonic_ms: Callable[[], int]
    utc_ms: Callable[[], int]
    on_cloud_time: Callable[[int, int], None]
    on_tariff: Callable[[bytes], None]
    on_bad_input: Callable[[str, str, bytes], None]
    sharing: Sharing


@dataclass(slots=True)
class SessionState:
    """What the page and `doctor` show of the session."""

    is_connected: bool = False
    disconnect_reason: str = ""
    last_receipt_ms: int | None = None
    receipts: int = 0
    frames_sent: int = 0
    frames_overdue: int = 0
    messages_dropped: int = 0
    database_errors: int = 0
    rewound_meters: list[str] = field(default_factory=list)
    clone_seen_ms: int = 0


class Sender:
    """Cuts and publishes frames of every log."""

    def __init__(
        self,
        log: Log,
        uplink: Uplink,
        rules: SessionRules,
        hooks: SessionHooks,
        state: SessionState,
    ) -> None:
        self._log = log
        self._uplink = uplink
        self._rules = rules
        self._hooks = hooks
        self._state = state
        self._bucket = TokenBucket(rules.backlog_frames_per_s, BURST_FRAMES)
        self._window_frames = 0
        self._in_flight = 0
        self._turn_frames = 0
        self._pause_s = math.inf
        self._jitter = random.Random()  # noqa: S311 (spreads load, guards no secret)

    def change_pace(self, rules: SessionRules) -> None:
        """Go by other rules from the next turn on; what was gathered to send with stays."""
        self._rules = rules
        self._bucket.rate_per_s = rules.backlog_frames_per_s

    def send(
        self,
        deliveries: Sequence[tuple[MeterLog, Delivery]],
        window_frames: int,
        *,
        is_final: bool,
    ) -> float:
        """Take back what is overdue and send what is due, `window_frames` unanswered at the most.

        `is_final` sends what the interval would still hold back: the hub is about to stop. Returns
        in how many seconds a backlog can go on; endless where it has to wait for an answer.
        """
        now_ms = self._hooks.monotonic_ms()
        for _, delivery in deliveries:
            self._state.frames_overdue += len(delivery.overdue(now_ms))
        self._window_frames = window_frames
        self._in_flight = sum(len(delivery.flights) for _, delivery in deliveries)
        self._turn_frames, self._pause_s = 0, math.inf
        for meter_log, delivery in deliveries:
            if self._in_flight >= window_frames:
                break
            self._send_log(meter_log, delivery, now_ms, is_final=is_final)
        return self._pause_s

    def _send_log(
        self, meter_log: MeterLog, delivery: Delivery, now_ms: int, *, is_final: bool
    ) -> None:
        held = self._log.held_range(meter_log.log)
        if held is None:
            return
        is_due = is_final or delivery.last_framed_ms is None
        is_due = is_due or now_ms - (delivery.last_framed_ms or 0) >= (
            self._rules.frame_interval_s * MS_PER_SECOND
        )
        if is_due:
            delivery.waiting.clear()
        for first_seq, last_seq in delivery.unsent(held):
            next_seq: int | None = first_seq
            while next_seq is not None and next_seq <= last_seq:
                if self._in_flight >= self._window_frames:
                    return
                is_wanted = is_due or last_seq < held[1]
                left = (next_seq, last_seq)
                chunk_rows = self._rows_to_cut(meter_log, left, now_ms, is_wanted=is_wanted)
                if not chunk_rows:
                    return
                is_many = last_seq - next_seq + 1 >= chunk_rows
                sent = self._state.frames_sent
                chunk = (next_seq, min(last_seq, next_seq + chunk_rows - 1))
                next_seq = self._send_chunk(meter_log, delivery, chunk, last_seq)
                is_sent = self._state.frames_sent != sent
                self._turn_frames += is_many and is_sent
                if is_many and not is_sent:
                    self._bucket.give_back()
                # The newest rows are looked at again only when their turn comes; what is stuck
                # further back must not put that off.
                if is_sent or chunk[1] == held[1]:
                    delivery.last_framed_ms = now_ms

    def _rows_to_cut(
        self, meter_log: MeterLog, left: Range, now_ms: int, *, is_wanted: bool
    ) -> int:
        """Say from how many rows of what is left the next frame is cut; 0 where that has to wait.

        A frame's fill leaves whenever its pace allows, fewer only where they are wanted now.
        """
        count = left[1] - left[0] + 1
        # More than any frame takes: once the turn is over, nothing is read to learn that.
        is_plenty = count >= THINNED_FRAME_ROWS
        if is_plenty and not self._may_go_on(now_ms):
            return 0
        rows = self._rules.chunk_rows(meter_log, left[0])
        if count < rows:
            return rows if is_wanted else 0
        return rows if is_plenty or self._may_go_on(now_ms) else 0

    def _may_go_on(self, now_ms: int) -> bool:
        """Tell whether this turn has room for one more of a backlog's frames, and its pace."""
        if self._turn_frames >= FRAMES_A_TURN:
            self._pause_s = 0
            return False
        is_paced = not self._bucket.take(now_ms)
        if is_paced:
            self._pause_s = min(self._pause_s, self._bucket.wait_s())
        return not is_paced

    def _send_chunk(
        self, meter_log: MeterLog, delivery: Delivery, chunk: Range, last_seq: int
    ) -> int | None:
        """Send the first frame of a chunk of what is unsent up to `last_seq`.

        Say with which sequence to go on; None where what is left has to wait.
        """
        cut = self._cut(meter_log, delivery, chunk, last_seq)
        if cut.last_seq < chunk[0]:
            # Its span goes on, for a day perhaps: not to be read again each second.
            delivery.waiting.add((chunk[0], last_seq))
            return None
        if cut.frame is None:
            # Passed over until the hub learns more about the time; asked again only then.
            delivery.timeless = union([*delivery.timeless, (chunk[0], cut.last_seq)])
            return cut.last_seq + 1
        try:
            payload = encode_frame(cut.frame)
        except FrameError as error:
            half = self._half(meter_log, delivery, cut.frame) if error.code == TOO_LARGE else None
            if half is not None:
                return self._send_chunk(meter_log, delivery, half, last_seq)
            self._hold(meter_log, delivery, cut.frame, error)
            return cut.last_seq + 1
        if not self._send_frame(meter_log, delivery, cut.frame, payload):
            return None
        return cut.last_seq + 1

    def _cut(self, meter_log: MeterLog, delivery: Delivery, chunk: Range, last_seq: int) -> Cut:
        rows = self._log.read(meter_log.log, *chunk)
        revision = delivery.revision_of(chunk[0])
        looked_at = Chunk(*chunk, rows, chunk[1] < last_seq, revision=revision)
        return self._rules.cut(meter_log, looked_at)

    def _half(self, meter_log: MeterLog, delivery: Delivery, frame: Frame) -> Range | None:
        """Say which half of a frame's range can be cut by itself; None where it can be no smaller.

        Spans that lie between each other may leave only together.
        """
        half = (frame.first_seq, (frame.first_seq + frame.last_seq) // 2)
        if half[1] == frame.last_seq:
            return None
        cut = self._cut(meter_log, delivery, half, frame.last_seq)
        return half if cut.frame is not None else None

    def _hold(
        self, meter_log: MeterLog, delivery: Delivery, frame: Frame, error: FrameError
    ) -> None:
        delivery.refused.append((frame.first_seq, frame.last_seq, error.code))
        with contextlib.suppress(sqlite3.Error):
            self._log.hold(meter_log.log, frame.first_seq, frame.last_seq, error.code)
        self._hooks.on_bad_input("unframeable", error.message, b"")

    def _send_frame(
        self, meter_log: MeterLog, delivery: Delivery, frame: Frame, payload: bytes
    ) -> bool:
        if not self._uplink.publish(Channel.FRAMES, payload):
            return False
        self._hooks.sharing.note_sent(meter_log, frame)
        # A frame that only withholds is steady flow: the cloud takes it for that too.
        newest_ms = max(frame.times_ms, default=self._hooks.utc_ms())
        answer_ms = (
            BACKLOG_ANSWER_MS if is_backlog(newest_ms, self._hooks.utc_ms()) else STEADY_ANSWER_MS
        )
        due_ms = self._hooks.monotonic_ms() + int(answer_ms * self._jitter.uniform(1.0, 1.5))
        delivery.framed_to = max(delivery.framed_to, frame.last_seq)
        delivery.flights.append(Flight(frame.first_seq, frame.last_seq, due_ms, frame.revision))
        self._in_flight += 1
        self._state.frames_sent += 1
        return True
