"""One session with the cloud over a real log, with the world around it in the test's hands."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from agent.consent import Consent, decode_limit_state
from agent.consent_record import LIMIT_FACT
from agent.heard import Moment
from agent.records import MeterLog
from agent.rows import LogRow
from agent.sharing import Sharing
from agent.uplink.framing import Chunk, Cut
from agent.uplink.port import Channel
from agent.uplink.sender import SessionHooks, SessionRules
from agent.uplink.session import Session
from shared.consent import Granularity
from shared.frames import frame_of
from shared.readings import StampedSample
from tests.support.fakes import FakeCloud, FakeTime, FakeUplink
from tests.support.hubs import START_MS, append, log_with, rows_every

CHUNK_ROWS = 10


def cut_everything(meter_log: MeterLog, chunk: Chunk) -> Cut:
    """Frame every row of a chunk at its monotonic time."""
    samples = [
        StampedSample(row.seq, START_MS + row.monotonic_ms, row.registers, row.quality)
        for row in chunk.rows
        if isinstance(row, LogRow)
    ]
    return Cut(frame_of(meter_log.log_id, meter_log.meter, 0, samples), chunk.last_seq)


class Scene:
    """One session over a log of so many rows, with the world around it in the test's hands."""

    def __init__(
        self,
        path: Path,
        rows: int = 20,
        *,
        cut: Callable[[MeterLog, Chunk], Cut] = cut_everything,
        start_delay_s: float = 0,
        frames_per_s: float = 5,
    ) -> None:
        self.log, self.meter_log = log_with(path / "hub.sqlite", rows)
        # As if a process before this one had written them: the cloud may know of them already.
        self.log.starts.settle(self.meter_log.log, self.meter_log.next_seq)
        self.uplink = FakeUplink()
        self.cloud = FakeCloud(window_frames=100)
        self.time = FakeTime(utc_ms=START_MS)
        self.clock_pieces = 1
        self.bad_input: list[str] = []
        self.cloud_times: list[tuple[int, int]] = []
        self.tariffs: list[bytes] = []
        self.rules = SessionRules(
            frame_interval_s=300,
            backlog_frames_per_s=frames_per_s,
            start_delay_s=start_delay_s,
            chunk_rows=lambda _log, _seq: CHUNK_ROWS,
            clock_pieces=lambda: self.clock_pieces,
            cut=cut,
        )
        self.sharing = self.make_sharing()
        self.session = self.make_session()

    def make_sharing(self) -> Sharing:
        """Make what the hub shares as after a start: ten-second samples, less where limited."""
        limits = decode_limit_state(self.log.fact(LIMIT_FACT))
        consent = Consent([(0, Granularity.TEN_SECONDS)], limits)
        return Sharing(
            self.log,
            consent,
            lambda: Moment(1, self.time.monotonic_ms, self.time.utc_ms),
            lambda: self.time.utc_ms,
        )

    def make_session(self) -> Session:
        """Make a session as after a start of the process."""
        hooks = SessionHooks(
            monotonic_ms=lambda: self.time.monotonic_ms,
            utc_ms=lambda: self.time.utc_ms,
            on_cloud_time=lambda at_ms, trip_ms: self.cloud_times.append((at_ms, trip_ms)),
            on_tariff=self.tariffs.append,
            on_bad_input=lambda reason, _detail, _raw: self.bad_input.append(reason),
            sharing=self.sharing,
        )
        session = Session(self.log, self.uplink, self.rules, hooks, "1.0")
        asyncio.run(self.uplink.start(session.deliver))
        return session

    def step(self, ms: int = 0) -> None:
        """Let time pass and the session do what is due."""
        self.time.pass_by(ms)
        events = self.session._events
        while not events.empty():
            self.session._handle(events.get_nowait())
        while self.session._send_due(is_final=False) == 0:
            # A backlog goes frame by frame, and on at once after others have had their turn.
            continue

    def connect(self) -> None:
        """Connect and let hello be said."""
        self.uplink.connect()
        self.step()

    def answer(self, **receipt: object) -> None:
        """Let a receipt for the log arrive, and the session act on it."""
        self.cloud.hello_id = self.uplink.hello_id
        payload = self.cloud.receipt(self.meter_log.log_id.hex(), **receipt)  # type: ignore[arg-type]  # passed on
        self.uplink.arrive(Channel.RECEIPTS, payload)
        self.step()

    def sent(self) -> list[tuple[int, int]]:
        """Hand over the ranges of the frames sent since last asked."""
        return [(frame.first_seq, frame.last_seq) for frame in self.uplink.frames()]

    def more(self, rows: int) -> None:
        """Commit further rows."""
        first = self.meter_log.next_seq
        append(self.log, self.meter_log, rows_every(rows, first_seq=first, start_ms=first * 10_000))
