"""The cloud of a run: the real ingest service on a real SQLite database, and workers that die.

The database is made once a process by the cloud's own opening and emptied between runs; only its
`synchronous` is turned off, by a pragma after the ones the opening sets.
"""

import contextlib
import sqlite3
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from agent.uplink.port import Channel
from cloud.aging import ALL_REVISIONS, take_back
from cloud.bootstrap import open_database
from cloud.config import load
from cloud.households.revocations import limit_consent, readmit, revoke
from cloud.ingest.hubbatch import Rules
from cloud.ingest.intake import Message
from cloud.ingest.repository import renew_store
from cloud.ingest.service import Addressed, IngestService
from cloud.ingest.worker import MAX_BATCH, MAX_TRIES, RETRY_S
from shared.clock import DrivenClock
from shared.consent import Granularity
from shared.errors import BadInputError, OperatorError
from shared.protocol import Status, encode_message
from tests.simulation.broker import THING, Broker
from tests.simulation.clocks import CloudClock
from tests.simulation.loop import VirtualLoop

ONLINE = encode_message(Status("connection", online=True))
"""What the hub's connection says of itself before each hello."""

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
        self._live = sqlite3.connect(self._path, isolation_level=None)
        self._live.execute("PRAGMA synchronous = OFF")
        self._stored_when_revoked: int | None = None
        self.renewed = ""
        """The name that the store was given when it was restored."""
        self._empty = self._saved = self._copy()
        self.commits_to_fail = 0
        self.window_frames = 16
        self.clock: CloudClock
        self.receipt_interval_s = 0

    def begin(self, clock: CloudClock, receipt_interval_s: int) -> None:
        """Empty the store for a run."""
        self.clock, self.receipt_interval_s = clock, receipt_interval_s
        self.commits_to_fail, self.window_frames = 0, 16
        self._saved = self._empty
        self.copy_back()

    def save(self) -> None:
        """Make a backup of the store as it is now."""
        self._saved = self._copy()

    def restore(self) -> None:
        """Go back to the last backup; a store restored has a name of its own."""
        self.copy_back()
        with self.database.writing() as connection:
            self.renewed = renew_store(connection, self.clock.utc_ms())

    def copy_back(self) -> None:
        """Go back to the last backup as somebody does who copies the file: under the same name."""
        self._saved.backup(self._live)
        self._stored_when_revoked = None
        self.renewed = ""

    def revoke(self) -> None:
        """Refuse the hub from now on."""
        with self.database.writing() as connection:
            revoke(connection, THING, self.clock.utc_ms())
        self._stored_when_revoked = self._count_frames()

    def readmit(self) -> str:
        """Hear the hub again; say what is wrong with what was stored meanwhile."""
        stored, self._stored_when_revoked = self._stored_when_revoked, None
        with self.database.writing() as connection:
            readmit(connection, THING, self.clock.utc_ms())
        if stored is None:
            return ""
        now = self._count_frames()
        return "" if stored == now else f"{now} frames are stored, at revocation {stored}"

    @property
    def is_revoked(self) -> bool:
        """Tell whether the hub is refused now."""
        return self._stored_when_revoked is not None

    def limit(self, granularity: Granularity) -> None:
        """Let out no more of the hub than this; what would widen a limit is refused."""
        with (
            contextlib.suppress(BadInputError),
            self.database.writing() as connection,
        ):
            limit_consent(connection, THING, granularity, self.clock.utc_ms())

    def age(self) -> None:
        """Let the store be one of the release before this, and this release be started on it."""
        take_back(self.database, ALL_REVISIONS)
        self._stored_when_revoked = None
        self.database.migrate()

    def come_from_later(self) -> bool:
        """Let the store be one of a later release; say whether this one would have started."""
        (schema,) = self._live.execute("SELECT version_num FROM alembic_version").fetchone()
        self._live.execute("UPDATE alembic_version SET version_num = 'later'")
        try:
            self.database.migrate()
        except OperatorError:
            return False
        finally:
            self._live.execute("UPDATE alembic_version SET version_num = ?", (schema,))
        return True

    def _count_frames(self) -> int:
        return int(self._live.execute("SELECT count(*) FROM frames").fetchone()[0])

    def service(self) -> IngestService:
        """Start a worker's service as its process does."""
        rules = Rules(self.receipt_interval_s, self.window_frames)
        return IngestService(self.database, self.clock, rules)

    def _copy(self) -> sqlite3.Connection:
        kept = sqlite3.connect(":memory:")
        self._live.backup(kept)
        return kept

    def close(self) -> None:
        """Close the database."""
        self._live.close()
        self.database.close()

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

    def tell(self) -> None:
        """Say to the hub what it has not asked for: the time, the window, the limit."""
        if self.is_alive:
            self._publish(self._service.tell(THING))

    def remind(self) -> None:
        """Do the part of the upkeep that speaks to hubs."""
        if self.is_alive:
            self._publish(self._service.remind())

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
                    self._service.note_status(message.thing, ONLINE)
                    self._publish(self._service.greet(message.thing, message.payload))
                except BadInputError as error:
                    self._complain(f"a hello was refused: {error}")

    def _publish(self, addressed: list[Addressed]) -> None:
        if self.dies_after_commit_s:
            self.kill(self.dies_after_commit_s)
            return
        if addressed and self._cloud.is_revoked:
            self._complain(f"a revoked hub is answered: {addressed}")
        for one in addressed:
            self._broker.carry_down(encode_message(one.receipt))
