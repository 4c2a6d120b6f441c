"""The ingest worker: MQTT in, batches to the service, receipts out after the commit.

Any number run side by side on one database and one shared subscription. Between the network thread
and the worker lies a bounded queue; a full one holds the broker up, and what is lost with a worker
is sent again by the hub, which never had a receipt for it. The network thread reads the frames of
the next batch while the worker waits for the commit of this one.
"""

import logging
import threading
import time
from collections import Counter

from sqlalchemy.exc import InterfaceError, InternalError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from cloud.config import Config
from cloud.db import Database
from cloud.households.repository import household_of
from cloud.ingest.arrivals import FRAMES, Arrival, Arrivals
from cloud.ingest.hubbatch import Rules
from cloud.ingest.intake import Message
from cloud.ingest.service import Addressed, IngestService
from cloud.ingest.upkeep import INTERVAL_S, LakeUpkeep, Upkeep
from cloud.mqtt import BrokerLink, Subscription
from cloud.scope import Scope
from cloud.tariffs import shadow
from cloud.tariffs.hubtariffs import hub_tariffs
from shared import topics
from shared.clock import Clock
from shared.errors import BadInputError
from shared.protocol import encode_message

MAX_BATCH = 128
"""One commit for so many frames: its cost is shared, and its locks are held for tens of ms."""

MAX_TRIES = 5
RETRY_S = 0.5

_DATABASE_AWAY = (OperationalError, InterfaceError, InternalError, PoolTimeoutError)
"""What passes by itself; any other error is one message's doing, and found by trying each alone."""

_log = logging.getLogger(__name__)


class IngestWorker:
    """One worker: `run` works until `stop`, which any thread may call."""

    def __init__(
        self,
        config: Config,
        database: Database,
        clock: Clock,
        lake: LakeUpkeep | None = None,
    ) -> None:
        self._database = database
        self._clock = clock
        rules = Rules(config.receipt_interval_s, config.window_frames)
        self._service = IngestService(database, clock, rules)
        self._upkeep = Upkeep(self._service, database, clock, lake)
        self._upkeep_due_s = time.monotonic()
        self._arrivals = Arrivals()
        self._is_stopping = threading.Event()
        self.counts: Counter[str] = Counter()
        self.link = BrokerLink(
            config, "cloud-ingest", subscriptions(config.share_group), self.receive
        )

    def run(self) -> None:
        """Work until stopped, then finish what is queued by then and take no more."""
        self.link.start()
        try:
            while not self._is_stopping.is_set():
                batch = self._arrivals.gather(MAX_BATCH)
                if batch:
                    self._work(batch)
                self._keep_up()
            self._finish()
        finally:
            self.link.stop()
            self.counts["dropped"] += len(self._arrivals)

    def stop(self) -> None:
        """Ask `run` to return."""
        self._is_stopping.set()

    def receive(self, topic: str, payload: bytes) -> None:
        """Queue a message; the network thread calls this, and waits while the queue is full.

        A worker that is stopping takes no more: the hub sends it again, to another.
        """
        if self._is_stopping.is_set():
            self.counts["dropped"] += 1
            return
        try:
            thing, kind = topics.check_hub(topics.thing_of(topic)), topics.kind_of(topic)
        except BadInputError as error:
            self.counts["bad-topic"] += 1
            _log.warning("message set aside: %s", error)
            return
        if not self._arrivals.put(kind, Message(thing, payload, self._clock.utc_ms())):
            self.counts["dropped"] += 1

    def _finish(self) -> None:
        """Work off what is queued now: messages that keep coming must not keep the worker."""
        self.link.unsubscribe()
        left = len(self._arrivals)
        while left:
            batch = self._arrivals.gather(min(left, MAX_BATCH))
            left -= len(batch)
            self._work(batch)

    def _keep_up(self) -> None:
        """Do the upkeep when its minute has passed; what fails is done in the next."""
        if time.monotonic() < self._upkeep_due_s or not self.link.is_subscribed:
            return
        self._upkeep_due_s = time.monotonic() + INTERVAL_S
        try:
            self._publish(self._upkeep.run())
        except Exception:  # noqa: BLE001  # the loop's boundary: upkeep must not end the worker
            self.counts["failed-upkeep"] += 1
            _log.exception("upkeep is put off")

    def _work(self, batch: list[Arrival]) -> None:
        """Do a batch, or one by one what fails together: one message must not cost another hub's.

        What is done twice by that is a repetition to the merge, and answered.
        """
        try:
            self._try(batch)
        except Exception:  # noqa: BLE001  # the loop's boundary: one batch must not end the worker
            if len(batch) == 1:
                self.counts["failed-messages"] += 1
                _log.exception("%s of %s given up", batch[0].kind, batch[0].thing)
                return
            self.counts["split-batches"] += 1
            _log.exception("batch of %d is tried one by one", len(batch))
            for one in batch:
                self._work([one])

    def _try(self, batch: list[Arrival]) -> None:
        """Do a batch; a database that is away is tried again, then left to the hubs' re-sends."""
        for attempt in range(1, MAX_TRIES + 1):
            try:
                self._do(batch)
            except _DATABASE_AWAY:
                self.counts["database-errors"] += 1
                _log.exception("batch of %d, try %d of %d", len(batch), attempt, MAX_TRIES)
                self._is_stopping.wait(RETRY_S * attempt)
            else:
                return
        self.counts["failed-messages"] += len(batch)

    def _do(self, batch: list[Arrival]) -> None:
        frames = [one for one in batch if one.kind == FRAMES]
        read = [one.read for one in frames if one.read is not None]
        if read:
            self._publish(self._service.merge(read))
        for one in frames:
            if one.read is None:
                # It was too much to keep beside others, or breaks whoever reads it.
                self._publish(self._service.ingest([one.message]))
        self.counts["frames"] += len(frames)
        for one in batch:
            if one.kind != FRAMES:
                self._answer(one)

    def _answer(self, one: Arrival) -> None:
        try:
            if one.kind == "hello":
                self._publish(self._service.greet(one.thing, one.message.payload))
            elif one.kind == "status":
                self._service.note_status(one.thing, one.message.payload)
            elif one.kind == "get":
                self._answer_tariff(one.thing)
        except BadInputError as error:
            self.counts["bad-messages"] += 1
            _log.warning("%s of %s set aside: %s", one.kind, one.thing, error)

    def _answer_tariff(self, thing: str) -> None:
        if self._service.is_revoked(thing):
            self.counts["refused-messages"] += 1
            return
        now_ms = self._clock.utc_ms()
        with self._database.reading() as connection:
            household_id = household_of(connection, thing)
            scope = Scope.of(household_id) if household_id else None
            kept = hub_tariffs(connection, scope, thing, now_ms) if scope else []
        publication = shadow.answer_get(thing, kept, now_ms)
        self.link.publish(publication.topic, publication.payload)

    def _publish(self, addressed: list[Addressed]) -> None:
        for thing, receipt in addressed:
            self.link.publish(topics.receipts(thing), encode_message(receipt))


def subscriptions(group: str) -> list[Subscription]:
    """List what workers share (frames, hellos, states of connection), and asks for the tariff.

    Mosquitto 2.0 grants a shared subscription to a topic that begins with '$' but never serves it,
    so every worker hears the asks and answers the same.
    """
    shared = [
        topics.shared_subscription(group, topic(topics.ANY_THING))
        for topic in (topics.frames, topics.hello, topics.status)
    ]
    asked = topics.shadow_get(topics.ANY_THING, topics.TARIFF_SHADOW)
    return [Subscription(one, topics.FRAMES_QOS) for one in [*shared, asked]]
