"""The ingest workers of a run: queues and batches around the real service, and how they die."""

from collections.abc import Callable
from random import Random

from sqlalchemy.exc import OperationalError

from agent.uplink.port import Channel
from cloud.ingest.intake import Message
from cloud.ingest.service import Addressed
from cloud.ingest.worker import MAX_BATCH, MAX_TRIES, RETRY_S
from shared.errors import BadInputError
from shared.protocol import Status, encode_message
from tests.simulation.broker import THING, Broker
from tests.simulation.cloud import Cloud
from tests.simulation.loop import VirtualLoop

ONLINE = encode_message(Status("connection", online=True))
"""What the hub's connection says of itself before each hello."""

LINGER_S = 0.25
"""A worker under load: more messages a batch than milliseconds would gather, and fewer batches."""


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
