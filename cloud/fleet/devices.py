"""`hearthlink cloud devices`: AWS IoT's topics answered on Mosquitto, and the revocation list kept.

Any number run on one database; the one that holds the lease works, the others stand by. Between
the network thread and the work lie bounded lanes, one for each asker: what one asks too much of is
refused to it alone, and what is dropped a hub asks for again.
"""

import logging
import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from cloud.config import Config
from cloud.db import Database
from cloud.fleet import records
from cloud.fleet.authority import Authority
from cloud.fleet.check import certificate_faults
from cloud.fleet.crl import Standing, read_list
from cloud.fleet.dispatch import Answers, Dispatcher, Handler
from cloud.fleet.enrolment import Enrolment
from cloud.fleet.lanes import Lanes
from cloud.fleet.leases import LEASE_MS, give_up_lease, take_lease
from cloud.fleet.metrics import copy_of, measure
from cloud.fleet.revocation import Publisher
from cloud.fleet.sessions import cut_session
from cloud.households.revocations import all_revoked
from cloud.mqtt import BrokerLink, Subscription
from shared import topics
from shared.clock import Clock
from shared.errors import BadInputError, OperatorError
from shared.units import MS_PER_HOUR, MS_PER_SECOND

NAME = "cloud-devices"

TICK_S = 1.0
"""How soon a revocation is noticed: with the broker's reload and the cut well within five."""

LEASE_MARGIN_MS = 2 * MS_PER_SECOND
"""So much before its lease ends a process stops to answer: its clock and another's may differ."""

MAX_CUT = 20
"""Connections cut in one tick, a few milliseconds each."""

Teller = Callable[[int], Answers]
"""Takes the time; returns what to publish, once it is written that it was."""

_log = logging.getLogger(__name__)


class DeviceService:
    """One process of the device service: `run` works until `stop`, which any thread may call."""

    def __init__(
        self,
        config: Config,
        database: Database,
        clock: Clock,
        handlers: Mapping[str, Handler],
        tellers: Sequence[Teller] = (),
    ) -> None:
        """`handlers` answer the branches of a thing, by name: "shadow", "jobs".

        `tellers` are called in every tick, for what hubs are to hear without having asked.
        """
        self._tellers = tellers
        self._config = config
        self._database = database
        self._clock = clock
        self._holder = secrets.token_hex(8)
        authority = Authority(Path(config.fleet_dir), clock)
        authority.check()
        self._authority = authority
        self._dispatcher = Dispatcher(database, Enrolment(authority), handlers)
        self._publisher = Publisher(database, authority, clock, config.broker_reload)
        self._requests = Lanes()
        self._is_stopping = threading.Event()
        self._leads_until_ms = 0
        self._is_cut: set[str] = set()
        self._warned_at_ms: dict[str, int] = {}
        self._look_at_ms = 0
        self.counts: Counter[str] = Counter()
        self.link = BrokerLink(config, NAME, subscriptions(), self.receive)

    def metrics(self) -> bytes:
        """Write the counters in Prometheus's text format; any thread may call this."""
        return measure(
            copy_of(self.counts),
            copy_of(self._dispatcher.counts),
            is_leading=self.is_leading,
            queued=len(self._requests),
        )

    @property
    def is_leading(self) -> bool:
        """Tell whether this is the process that answers."""
        return self._clock.monotonic_ms() < self._leads_until_ms

    def run(self) -> None:
        """Work until stopped, then let another take over."""
        self.link.start()
        due_s = time.monotonic()
        try:
            while not self._is_stopping.is_set():
                if time.monotonic() >= due_s:
                    self._tick()
                    due_s = time.monotonic() + TICK_S
                self._work(max(due_s - time.monotonic(), 0.01))
        finally:
            self.link.stop()
            if self.is_leading:
                with self._database.writing() as connection:
                    give_up_lease(connection, NAME, self._holder)

    def stop(self) -> None:
        """Ask `run` to return."""
        self._is_stopping.set()

    def receive(self, topic: str, payload: bytes) -> None:
        """Queue a request; the network thread calls this."""
        if not self.is_leading:
            self.counts["standing-by"] += 1
            return
        if not self._requests.put(topic, payload):
            self.counts["dropped"] += 1

    def _work(self, wait_s: float) -> None:
        """Answer one request, if one comes in time."""
        waiting = self._requests.take(wait_s)
        if waiting is None:
            return
        topic, payload = waiting
        if not self.is_leading:
            self.counts["standing-by"] += 1
            return
        try:
            answers = self._dispatcher.answer(topic, payload, self._clock.utc_ms())
        except BadInputError as error:
            self.counts["bad-messages"] += 1
            _log.warning("message set aside: %s", error)
            return
        except Exception:  # noqa: BLE001  # the loop's boundary: one request must not end the process
            self.counts["failed-messages"] += 1
            _log.exception("request on %s given up", topic)
            return
        self.counts["answered"] += 1
        for answered, said in answers:
            self.link.publish(answered, said)

    def _tick(self) -> None:
        """Keep the lease, and as its holder what only one may do."""
        try:
            asked_ms = self._clock.monotonic_ms()
            with self._database.writing() as connection:
                leads = take_lease(connection, NAME, self._holder, self._clock.utc_ms())
            self._leads_until_ms = asked_ms + LEASE_MS - LEASE_MARGIN_MS if leads else 0
            if leads:
                self._keep_up()
                self._refuse()
                self._tell()
        except SQLAlchemyError as error:
            self._warn("database", f"the database cannot be used: {error}")

    def _keep_up(self) -> None:
        now_ms = self._clock.utc_ms()
        with self._database.writing() as connection:
            self.counts["unregistered"] += records.bar_unregistered(connection, now_ms)
        # Those of the tick before: the broker has read the list with their certificates by now.
        self._cut()
        try:
            self.counts["lists"] += self._publisher.refresh()
        except (OperatorError, OSError) as error:
            self._warn("revocation-list", str(error))
        else:
            # Only once it is off the list: there, a certificate nobody knows is kept.
            with self._database.writing() as connection:
                self.counts["forgotten"] += records.sweep_expired(connection, now_ms)
        self._look_at_certificates(now_ms)
        known = read_list(self._authority.revocations)
        if known.standing(now_ms) is not Standing.OK:
            self._warn(
                "expiry",
                f"the revocation list is {known.standing(now_ms)}: once it has expired the broker "
                f"refuses every hub; make {self._authority.directory} writable for this process",
            )

    def _look_at_certificates(self, now_ms: int) -> None:
        """Tell hourly, months before, of a certificate of the broker or a service that ends."""
        monotonic_ms = self._clock.monotonic_ms()
        if monotonic_ms < self._look_at_ms:
            return
        self._look_at_ms = monotonic_ms + MS_PER_HOUR
        faults = certificate_faults(self._authority, now_ms)
        if faults:
            self._warn("certificates", "; ".join(faults))

    def _refuse(self) -> None:
        """Tell who asked too much that it did: once in a tick each, whatever it sends."""
        now_ms = self._clock.utc_ms()
        for topic, payload in self._requests.take_refused():
            try:
                answers = self._dispatcher.throttle(topic, payload, now_ms)
            except BadInputError:
                self.counts["bad-messages"] += 1
                continue
            self.counts["throttled"] += len(answers)
            for answered, said in answers:
                self.link.publish(answered, said)

    def _tell(self) -> None:
        now_ms = self._clock.utc_ms()
        for teller in self._tellers:
            for topic, payload in teller(now_ms):
                self.link.publish(topic, payload)
                self.counts["told"] += 1

    def _cut(self) -> None:
        with self._database.reading() as connection:
            revoked = all_revoked(connection)
        self._is_cut &= revoked
        for thing in sorted(revoked - self._is_cut)[:MAX_CUT]:
            if not cut_session(self._config, thing):
                return
            self._is_cut.add(thing)
            self.counts["cut"] += 1

    def _warn(self, what: str, message: str) -> None:
        """Log what is wrong, once an hour each."""
        now_ms = self._clock.monotonic_ms()
        self.counts[f"failed-{what}"] += 1
        if now_ms >= self._warned_at_ms.get(what, 0):
            self._warned_at_ms[what] = now_ms + MS_PER_HOUR
            _log.error("%s", message)


def subscriptions() -> list[Subscription]:
    """List what hubs and claims ask; answers are on topics of their own and not among it."""
    asked = [
        topics.CREATE_FROM_CSR,
        topics.provision(topics.ANY_THING),
        *topics.shadow_requests(topics.ANY_THING),
        *topics.jobs_requests(topics.ANY_THING),
    ]
    return [Subscription(one, topics.FRAMES_QOS, is_no_local=True) for one in asked]
