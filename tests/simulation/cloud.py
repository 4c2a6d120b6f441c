"""The cloud of a run: the real ingest service on a real SQLite database, and workers that die.

The database is made once a process by the cloud's own opening and emptied between runs; only its
`synchronous` is turned off, by a pragma after the ones the opening sets.
"""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from agent.uplink.port import Channel
from cloud.bootstrap import open_database
from cloud.config import load
from cloud.ingest.hubbatch import Rules
from cloud.ingest.intake import Message
from cloud.ingest.service import Addressed, IngestService
from cloud.ingest.worker import MAX_BATCH, MAX_TRIES, RETRY_S
from cloud.tables import store
from shared.clock import DrivenClock
from shared.errors import BadInputError
from shared.protocol import encode_message
from tests.simulation.broker import THING, Broker
from tests.simulation.clocks import CloudClock
from tests.simulation.loop import VirtualLoop

LINGER_S = 0.25
"""A worker under load: more messages a batch than milliseconds would gather, and fewer batches."""


class Cloud:
    """The store, and what may go wrong with it."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "cloud.db"
        config = load(
            None,
            environment={
                "HEARTHLINK_CLOUD_STATE_DIR": str(folder),
                "HEARTHLINK_CLOUD_ZONE": "Europe/London",
            },
        )
        self.database = open_database(config, DrivenClock(1_772_323_200_000))
        event.listen(self.database.engine, "connect", _be_quick)
        event.listen(self.database.engine, "commit", self._before_commit)
        self.database.engine.dispose()
        self._empty = self._copy()
        self._saved = self._empty
        self._stores = 0
        self.commits_to_fail = 0
        self.window_frames = 16
        self.clock: CloudClock
        self.store_id = ""
        self.receipt_interval_s = 0

    def begin(self, clock: CloudClock, receipt_interval_s: int) -> None:
        """Empty the store for a run."""
        self.clock, self.receipt_interval_s = clock, receipt_interval_s
        self.commits_to_fail, self.window_frames, self._stores = 0, 16, 0
        self._saved = self._empty
        self.restore()

    def save(self) -> None:
        """Make a backup of the store as it is now."""
        self._saved = self._copy()

    def restore(self) -> None:
        """Go back to the last backup; a store restored has a name of its own."""
        live = sqlite3.connect(self._path)
        live.execute("PRAGMA synchronous = OFF")
        self._saved.backup(live)
        live.close()
        self._stores += 1
        self.store_id = f"store-{self._stores}"
        with self.database.writing() as connection:
            connection.execute(store.update().values(store_id=self.store_id))

    def service(self) -> IngestService:
        """Start a worker's service as its process does."""
        rules = Rules(self.receipt_interval_s, self.window_frames)
        return IngestService(self.database, self.clock, rules)

    def _copy(self) -> sqlite3.Connection:
        kept = sqlite3.connect(":memory:")
        live = sqlite3.connect(self._path)
        live.backup(kept)
        live.close()
        return kept

    def _before_commit(self, connection: Any) -> None:
        """Fail as SQLite does where a disk refuses a commit: rolled back, then said."""
        if self.commits_to_fail > 0:
            self.commits_to_fail -= 1
            connection.connection.dbapi_connection.rollback()
            raise OperationalError("COMMIT", None, sqlite3.OperationalError("disk I/O error"))


def _be_quick(connection: Any, _record: object) -> None:
    connection.execute("PRAGMA synchronous = OFF")


class Worker:
    """One ingest worker: queue, batches, retries and receipts as `cloud/ingest/worker.py` has them.

    That module's own loop is threads around these same steps.
    """

    def __init__(
        self,
        loop: VirtualLoop,
        draw: Random,
        cloud: Cloud,
        broker: Broker,
        complain: Callable[[str], None],
    ) -> None:
        self._loop = loop
        self._draw = draw
        self._cloud = cloud
        self._broker = broker
        self._complain = complain
        self._life = 0
        self._queue: list[tuple[Channel, Message]] = []
        self._is_due = False
        self._stalled_until_s = 0.0
        self._service = cloud.service()
        self.dies_after_commit_s = 0.0
        self.is_alive = True

    def take(self, channel: Channel, payload: bytes) -> None:
        """Queue a message; a batch is done a moment later."""
        if channel in (Channel.FRAMES, Channel.HELLO):
            self._queue.append((channel, Message(THING, payload, self._cloud.clock.utc_ms())))
            self._work_soon()

    def kill(self, down_s: float) -> None:
        """Die with everything queued, and be started again later."""
        self.is_alive = False
        self._life += 1
        self._queue.clear()
        self._loop.call_later(down_s, self.start)

    def start(self) -> None:
        """Start again, as a process of its own; one that the store refuses is started once more."""
        if self.is_alive:
            return
        try:
            self._service = self._cloud.service()
        except OperationalError:
            self._loop.call_later(RETRY_S, self.start)
        else:
            self.is_alive, self._is_due, self.dies_after_commit_s = True, False, 0.0

    def stall(self, for_s: float) -> None:
        """Stand still for a while with what is queued."""
        self._stalled_until_s = self._loop.time() + for_s

    def heal(self) -> None:
        """Work from now on."""
        self._stalled_until_s = self.dies_after_commit_s = 0.0
        self.start()

    def renew(self) -> None:
        """Be replaced by a process that knows the store and its rules as they are now."""
        self.kill(0.01)

    def _work_soon(self) -> None:
        if not self._is_due:
            self._is_due = True
            wait_s = max(self._stalled_until_s - self._loop.time(), LINGER_S)
            self._loop.call_later(wait_s, self._work, self._life)

    def _work(self, life: int) -> None:
        if life != self._life:
            return
        self._is_due = False
        if self._stalled_until_s > self._loop.time():
            self._work_soon()
            return
        batch, self._queue = self._queue[:MAX_BATCH], self._queue[MAX_BATCH:]
        self._try(life, batch, 1)
        if self._queue:
            self._work_soon()

    def _try(self, life: int, batch: list[tuple[Channel, Message]], attempt: int) -> None:
        """Do a batch; a store that is away is tried again, then left to the hub's re-sends."""
        if life != self._life or not batch:
            return
        try:
            self._do(batch)
        except OperationalError:
            if attempt < MAX_TRIES:
                self._loop.call_later(RETRY_S * attempt, self._try, life, batch, attempt + 1)

    def _do(self, batch: list[tuple[Channel, Message]]) -> None:
        frames = [message for channel, message in batch if channel is Channel.FRAMES]
        if frames:
            self._publish(self._service.ingest(frames))
        for channel, message in batch:
            if channel is Channel.HELLO and self.is_alive:
                try:
                    self._publish(self._service.greet(message.thing, message.payload))
                except BadInputError as error:
                    self._complain(f"a hello was refused: {error}")

    def _publish(self, addressed: list[Addressed]) -> None:
        if self.dies_after_commit_s:
            self.kill(self.dies_after_commit_s)
            return
        for one in addressed:
            self._broker.carry_down(encode_message(one.receipt))
