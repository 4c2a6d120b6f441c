"""The hub's parts, wired: what the pipeline moves readings through. Built by `app.py` alone."""

import asyncio
import logging
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor
from functools import partial

from agent.budget import BudgetFact
from agent.collector import Collector
from agent.config import Config
from agent.consent import Consent
from agent.disk import read_counter
from agent.floor import KnownTime, known_time
from agent.heard import Heard, Moment
from agent.history import History
from agent.home.credits import Credits
from agent.home.messages import FACT as MESSAGES_FACT
from agent.home.messages import Messages
from agent.home.panelview import PanelView
from agent.intake import Committed, Intake
from agent.latest import Latest, follow, note_counters
from agent.linkstate import LinkState
from agent.livedemand import DemandWatch
from agent.liveness import Liveness
from agent.log import Log
from agent.meters import MeterConfig
from agent.pace import Pace
from agent.pieces import Piece
from agent.records import Batch, MeterLog
from agent.restoring import restore_meters
from agent.rolebook import RoleBook
from agent.sharing import Sharing
from agent.tariffs import TariffShelf
from agent.timekeeping import ClockLedger
from agent.untimed import name_untimed, told_once
from agent.upkeep.retention import Retention
from agent.uplink.framing import Chunk, Cut, Framer, rows_to_read, span_of
from agent.uplink.numbering import restore_base
from agent.uplink.port import Channel, Uplink
from agent.uplink.revisions import Wanted, wanted_revisions
from agent.uplink.session import Session
from agent.uplink.wholeframes import cut_whole
from agent.vitals import Vitals
from firmware_bridge.links import LendableDevice, LinkEvent
from firmware_bridge.meters.codec import Refused, Telegram
from shared.clock import Clock, DrivenClock, SystemClock
from shared.consent import Granularity
from shared.errors import HearthlinkError
from shared.exposition import Measured
from shared.protocol import Live, encode_message
from shared.ranges import Range
from shared.readings import tells_credit

CLOUD_TIME_SLACK_MS = 50
"""What a receipt waits in queues beside the half of its round trip."""

MAX_ROUND_TRIP_MS = 4_000
"""A slower answer says too little about the time to be framed by."""

METER_CLOCK_UNCERTAINTY_MS = 1_000
"""A meter's clock ticks whole seconds; in replay it is the only clock there is."""

LIVE_INTERVAL_MS = 500
"""A meter speaks once a second; a replay at full speed must not flood the live lane."""

_logger = logging.getLogger(__name__)


def _pace_of(config: Config) -> Pace:
    return Pace(
        config.uplink_frame_interval_s,
        config.uplink_backlog_frames_per_s,
        config.log_commit_window_s,
    )


class Hub:
    """Everything one hub process holds; the methods here only pass things on."""

    def __init__(
        self,
        config: Config,
        clock: Clock,
        log: Log,
        ledger: ClockLedger,
        consent: Consent,
        read_clock_error_ms: Callable[[], int | None],
        uplink: Uplink | None,
        writer: Executor | None = None,
    ) -> None:
        self.config = config
        self.clock = clock
        self.log = log
        self.ledger = ledger
        self.consent = consent
        self.uplink = uplink
        self.machine = SystemClock()
        self.started_ms = self.machine.monotonic_ms()
        self.sharing = Sharing(log, consent, self.now, self.utc_ms)
        self._read_clock_error_ms = read_clock_error_ms
        self.boot = log.boot_number(clock.boot_id)
        restore_base(log, ledger)
        self.history = History(log, ledger)
        self.roles = RoleBook(log, self.history)
        self.collector = Collector(config.hub_fuse_a, config.meter_clock_tolerance_ms)
        self.intake = self._open_intake(writer)
        self.retention = Retention(log, ledger, config, self._stored, self.boot)
        self.session: Session | None = None
        self.joined = asyncio.Event()
        self.liveness = Liveness()
        self.radio = LendableDevice()
        # A replay's time is another year's: it says nothing of the machine it is played on.
        self._is_driven = isinstance(clock, DrivenClock)
        self.vitals = Vitals(
            log,
            self.machine if self._is_driven else clock,
            partial(read_counter, config.hub_state_dir),
            0 if self._is_driven else ledger.last_ms,
        )
        self.links = {meter.link: LinkState() for meter in config.meters}
        self.latest: dict[str, Latest] = {}
        self.counters: dict[str, dict[str, int]] = {}
        self.protocols: dict[str, str] = {}
        self.signals_dbm: dict[str, int] = {}
        self.tariffs = TariffShelf(log, config.tariff_electricity_file, config.tariff_gas_file)
        self.messages = Messages(log.fact(MESSAGES_FACT), self.started_ms)
        self.credits = Credits(log.fact(Credits.FACT))
        self.read_panel: Callable[[], PanelView | None] = lambda: None
        self.read_displays: list[Callable[[], Iterable[Measured]]] = []
        """What counts the other displays that there are: a screen, Home Assistant."""
        self.budget = BudgetFact(log)
        self.live_demand = DemandWatch(self.machine.monotonic_ms)
        self._live_sent_ms: dict[str, int] = {}
        self._meter_tells_time = False
        self.slot = ""
        """The update slot that this program was started from."""
        self.own_pace = self.pace = _pace_of(config)

    def _open_intake(self, writer: Executor | None) -> Intake:
        return Intake(
            self.log,
            self.collector,
            complete=self._complete_batch,
            give_back=self.history.give_back,
            on_heard=self._note_heard,
            on_committed=self._pass_on,
            writer=writer,
            on_full=self._make_room,
        )

    def join(self, uplink: Uplink, session: Session) -> None:
        """Have a cloud from now on: what is in the log goes there."""
        self.uplink, self.session = uplink, session
        self.joined.set()

    def set_pace(self, pace: Pace) -> None:
        """Commit and send at another pace from now on."""
        self.pace = pace
        if self.session is not None:
            self.session.change_pace(pace.frame_interval_s, pace.backlog_frames_per_s)

    def now(self) -> Moment:
        """Say what time it is, by every clock the hub believes."""
        monotonic_ms = self.clock.monotonic_ms()
        believed = self.ledger.at(self.boot, monotonic_ms)
        return Moment(self.boot, monotonic_ms, believed.utc_ms if believed else None)

    def utc_ms(self) -> int:
        """Tell the believed time; where none is yet, the machine's, but none before the floor."""
        return self._best_ms(self.vitals.floor.at)

    def likely_ms(self) -> int:
        """Tell the same for a screen: there the meter's word counts before the time is known."""
        return self._best_ms(self.vitals.floor.guess)

    def _best_ms(self, least_ms: Callable[[int], int]) -> int:
        moment = self.now()
        if moment.utc_ms is not None or self._is_driven:
            return moment.utc_ms or self.clock.utc_ms()
        return max(self.clock.utc_ms(), least_ms(moment.monotonic_ms))

    def certificate_time(self) -> KnownTime | None:
        """Say by which time a server's certificate is judged; None for the machine's clock."""
        clock: Clock = self.machine if self._is_driven else self.clock
        now_ms = clock.monotonic_ms()
        believed = None if self._is_driven else self.ledger.at(self.boot, now_ms)
        return known_time(clock.utc_ms(), self.vitals.floor.at(now_ms), believed)

    def restore(self) -> None:
        """Go on from what the log says: each meter's last rows, the days kept for the page."""
        self.roles.restore()
        self.history.load(self.utc_ms())
        restore_meters(self.log, self.ledger, self.collector, self._raise_floor)

    def _raise_floor(self, taken_at_ms: int) -> None:
        if not self._is_driven:
            self.vitals.floor.raise_to(taken_at_ms, self.clock.monotonic_ms())

    def take(self, decoded: Iterable[Telegram | Refused], source: MeterConfig) -> None:
        """Take what the codec of one of the configured meters decoded just now."""
        for one in decoded:
            if isinstance(one, Telegram) and isinstance(self.clock, DrivenClock):
                self._drive_clock(self.clock, one)
            self.intake.take(one, self.now(), source.link)
            if isinstance(one, Telegram):
                if one.texts:
                    now_ms = self.machine.monotonic_ms()
                    utc_ms = self.likely_ms()
                    self.messages.hear(one, source.link, now_ms=now_ms, utc_ms=utc_ms)
                for sample in one.samples:
                    if self.collector.knows(sample.meter):
                        self.protocols[sample.meter] = source.protocol
                        if one.signal_dbm is not None:
                            self.signals_dbm[sample.meter] = one.signal_dbm
                        self.roles.note(sample.meter, source.role)
                    if sample.meter_time_ms is not None and not self._is_driven:
                        self.vitals.floor.hear_meter(
                            sample.meter_time_ms, self.clock.monotonic_ms()
                        )

    def _drive_clock(self, clock: DrivenClock, telegram: Telegram) -> None:
        """Follow the meter's own time; the machine's only where the meter never tells any."""
        first = telegram.samples[0] if telegram.samples else None
        if first is None or not first.registers or tells_credit(first.registers):
            return
        if first.meter_time_ms is not None:
            self._meter_tells_time = True
            clock.advance_to(first.meter_time_ms)
        elif not self._meter_tells_time:
            clock.advance_to(self.machine.utc_ms())
        if not self.ledger.is_trusted(self.boot, clock.monotonic_ms()):
            self.believe(clock.utc_ms(), METER_CLOCK_UNCERTAINTY_MS, "meter")

    def believe(self, utc_ms: int, uncertainty_ms: int, source: str) -> None:
        """Take in what a source says the time is; keep it where it tells more than is known."""
        piece = Piece(self.boot, self.clock.monotonic_ms(), utc_ms, uncertainty_ms, source)
        known = self.ledger.at(self.boot, piece.monotonic_ms)
        if not self.ledger.believe(piece):
            return
        try:
            remade = self.history.remake(piece)
            self.log.add_clock_piece(piece, remade)
        except sqlite3.Error as error:
            # A full disk: the source will say it again, and the piece must not outlive a restart.
            self.ledger.forget(piece)
            _logger.warning("what %s says of the time could not be kept: %s", source, error)
            return
        if known is None:
            _logger.info("the time is known now, from %s", source)
        if not self._is_driven:
            self.vitals.floor.correct_to(utc_ms - uncertainty_ms, piece.monotonic_ms)
        self.history.adopt(remade)
        self.history.catch_up()

    def ask_system_clock(self) -> None:
        """Believe the machine's clock where the kernel says that NTP disciplines it."""
        if isinstance(self.clock, DrivenClock):
            return
        error_ms = self._read_clock_error_ms()
        if error_ms is not None:
            self.believe(self.clock.utc_ms(), error_ms, "ntp")

    def hear_cloud_time(self, cloud_time_ms: int, round_trip_ms: int) -> None:
        """Believe the cloud's clock, to within half the round trip of the hello it answers."""
        if round_trip_ms <= MAX_ROUND_TRIP_MS and not isinstance(self.clock, DrivenClock):
            half_ms = round_trip_ms // 2
            self.believe(cloud_time_ms + half_ms, half_ms + CLOUD_TIME_SLACK_MS, "cloud")

    def note_link(self, link: str, event: LinkEvent) -> None:
        """Remember what one meter's link is doing."""
        self.links[link].note(link, event)

    def set_granularity(self, text: str) -> None:
        """Hold the household's choice of what may leave, and tell the cloud; raises as `choose`."""
        self.sharing.choose(text)
        if self.session is not None:
            self.session.greet_soon()

    def cut(self, meter_log: MeterLog, chunk: Chunk) -> Cut:
        """Cut a frame from a chunk of a log, as consent and the clock allow."""
        changes = self.log.runs(meter_log.log)
        if whole := cut_whole(self.log, self.ledger, self.consent, meter_log, changes, chunk):
            return whole
        framer = Framer(meter_log, changes, self.consent, self.config.hub_zone)
        resolve = told_once(self.ledger.resolve)
        chunk = chunk._replace(
            rows=name_untimed(chunk.rows, self.ledger, self.boot, resolve),
            before=self.log.read_row(meter_log.log, chunk.first_seq - 1),
        )
        return framer.cut(chunk, resolve, self._committed_until_ms(meter_log))

    def _committed_until_ms(self, meter_log: MeterLog) -> int:
        """Tell until when a log is whole: a span whose last rows are not durable has not ended.

        A commit that waits, for its window or for a full disk, may wait longer than it takes for
        a span to be held over; its rows would then leave as a second opening and closing.
        """
        row = self.intake.oldest_pending(meter_log.log)
        resolved = self.ledger.resolve(row) if row is not None else None
        return min(self.utc_ms(), resolved[0]) if resolved is not None else self.utc_ms()

    def wanted(self, log: int, stored: Sequence[Wanted] = ()) -> list[Wanted]:
        """List the ranges of a log whose times were changed, with the revision wanted of each."""
        zone = self.config.hub_zone
        return wanted_revisions(
            self.log,
            self.ledger,
            log,
            lambda row, at_ms: span_of(self.consent, zone, at_ms, row.instant)[1],
            stored,
        )

    def chunk_rows(self, meter_log: MeterLog, first_seq: int) -> int:
        """Say how many rows a frame from this sequence on may be cut from, by its consent."""
        row = self.log.read_row(meter_log.log, first_seq)
        resolved = self.ledger.resolve(row) if row else None
        if not row or not resolved:
            return rows_to_read(self.consent.now)
        return rows_to_read(self.consent.for_sample(resolved[0], row.instant))

    def free_stored(self) -> int:
        """Free what may be freed, keep within the log's limits; return how many rows were freed.

        Nothing is freed by old receipts before the cloud has answered: it may have gone back to a
        backup while the hub was away.
        """
        # One that cannot use its identity just now still has a cloud, and rows that are not there.
        had_cloud = self.log.fact("store_id") is not None
        has_word = self.session.is_answered if self.session else not had_cloud
        believed = self.ledger.at(self.boot, self.clock.monotonic_ms()) if has_word else None
        return self.retention.tidy(believed)

    def _stored(self, log: int) -> list[Range] | None:
        return self.session.delivery(log).stored_ranges() if self.session else None

    def _make_room(self) -> None:
        """Act on a disk that is full, before the same rows are written again."""
        try:
            given_up = self.retention.make_room()
        except (sqlite3.Error, OSError) as error:
            _logger.warning("no room could be made: %s", error)
        else:
            _logger.warning("the disk is full: %d samples were thinned to make room", given_up)

    def take_left(self) -> None:
        """Take in what commands beside the running hub have left for it."""
        try:
            self.tariffs.take_left(self.config.hub_state_dir)
        except HearthlinkError as error:
            self.intake.set_aside(self.now(), "import", "bad-tariff", error.message, b"")

    def _complete_batch(self, batch: Batch) -> None:
        """Add to a group commit what need not be a commit of its own."""
        self.history.add_days(batch, self.utc_ms())
        batch.departures = [*batch.departures, *self.sharing.departures.take().items()]
        if self.session is not None and (batch.rows or batch.departures):
            if batch.stored_by != self.session.store_id:
                # Of a commit that failed before the hub met another store.
                batch.stored = {}
            batch.stored |= self.session.take_stored()
            batch.stored_by = self.session.store_id
            batch.facts.update(self.session.take_facts())
        batch.facts.update(self.vitals.due() | self.messages.due() | self.credits.due())

    def _note_heard(self, heard: Heard) -> None:
        sample, now_ms = heard.sample, self.machine.monotonic_ms()
        if tells_credit(sample.registers):
            self.credits.hear(sample, now_ms=now_ms, utc_ms=self.likely_ms())
            return
        self.latest[sample.meter] = follow(self.latest.get(sample.meter), heard, now_ms)
        is_wanted = self.config.uplink_live or self.live_demand.is_wanted()
        may_send = is_wanted and self.consent.now is Granularity.LIVE
        sent_ms = self._live_sent_ms.get(sample.meter, -LIVE_INTERVAL_MS)
        if self.uplink is not None and may_send and now_ms - sent_ms >= LIVE_INTERVAL_MS:
            live = Live(sample.meter, sample.medium, heard.at_ms, sample.registers)
            if self.uplink.publish(Channel.LIVE, encode_message(live)):
                self._live_sent_ms[sample.meter] = now_ms
                self.sharing.note_live(sample.meter)

    def take_tariffs(self, payload: bytes) -> None:
        """Take in the tariff shadow; what is wrong with it is set aside."""
        mediums = {meter_log.meter: meter_log.medium for meter_log in self.log.all_logs()}
        try:
            self.tariffs.take_shadow(payload, mediums)
        except HearthlinkError as error:
            self.intake.set_aside(self.now(), "cloud", "bad-tariff", error.message, payload)

    def _pass_on(self, committed: Sequence[Committed]) -> None:
        for one in committed:
            self.history.fold(one.meter_log, one.rows)
            note_counters(self.counters, one.meter_log.meter, one.rows)
        if self.session is not None:
            self.session.wake()
