"""The simulated broker and the hub's connection to it: the Uplink port, with every way to fail.

What is published goes to one of the workers, late, twice, out of order or never. Keeps a record of
everything that left the hub.
"""

from collections.abc import Callable
from random import Random
from typing import NamedTuple, Protocol

from agent.uplink.port import Arrived, Channel, Connected, Disconnected, Event, Undelivered
from tests.simulation.loop import VirtualLoop
from tests.simulation.schedule import Noise

THING = "hub-1"
KEEPALIVE_S = 45.0
"""How late a dead link is noticed (agent/uplink/mqtt.py)."""

RECONNECT_S_MAX = 8.0
QUIET = Noise(0, 0, 0.02)
STORM = Noise(0.4, 0.4, 30)


CARRIED = frozenset({Channel.FRAMES, Channel.LIVE, Channel.HELLO, Channel.TARIFF_GET})
"""What a hub says of its readings; how it is governed has tests of its own."""


class Taker(Protocol):
    """A worker, as the broker sees it."""

    is_alive: bool

    def take(self, channel: Channel, payload: bytes) -> None:
        """Queue a message."""


class Left(NamedTuple):
    """A message that left the hub, and when."""

    at_ms: int
    channel: Channel
    payload: bytes


class Broker:
    """One broker between one hub and any number of workers."""

    def __init__(self, loop: VirtualLoop, draw: Random, noise: Noise) -> None:
        self.loop = loop
        self.draw = draw
        self.noise = noise
        self.is_up = True
        self.is_link_up = True
        self.epoch = 0
        self.workers: list[Taker] = []
        self.uplink: SimulatedUplink | None = None

    @property
    def is_reachable(self) -> bool:
        """Tell whether a hub can connect."""
        return self.is_up and self.is_link_up

    def carry_up(self, channel: Channel, payload: bytes, connection: int) -> None:
        """Carry a hub's message to a worker."""
        for delay_s in self._copies():
            self.loop.call_later(delay_s, self._arrive, channel, payload, connection, self.epoch)

    def carry_down(self, payload: bytes) -> None:
        """Carry a worker's message to the hub: as a clean session does, or not at all."""
        if not self.is_up:
            return
        for delay_s in self._copies():
            self.loop.call_later(delay_s, self._deliver, payload, self.epoch)

    def restart(self, down_s: float, *, forgets: bool) -> None:
        """Take the broker away for a while; what it had queued is gone where it `forgets`."""
        self.is_up = False
        self.epoch += forgets
        self._drop_connection("the broker went away")
        self.loop.call_later(down_s, self._come_back)

    def cut_link(self, down_s: float) -> None:
        """Cut the hub's network for a while; it is noticed at the latest by the keepalive."""
        self.is_link_up = False
        noticed_s = min(self.draw.random() * KEEPALIVE_S, down_s)
        self.loop.call_later(noticed_s, self._drop_connection, "the link is down")
        self.loop.call_later(down_s, self._mend_link)

    def bounce(self) -> None:
        """Break the hub's connection, which it makes anew."""
        self._drop_connection("bounced")

    def heal(self) -> None:
        """Let everything work from now on."""
        self.noise = QUIET
        self._come_back()
        self._mend_link()

    def _copies(self) -> list[float]:
        noise = self.noise
        if self.draw.random() < noise.drop:
            return []
        count = 2 if self.draw.random() < noise.duplicate else 1
        return [0.001 + self.draw.random() ** 3 * noise.delay_s for _ in range(count)]

    def _arrive(self, channel: Channel, payload: bytes, connection: int, epoch: int) -> None:
        if not self.is_up or epoch != self.epoch:
            return
        alive = [one for one in self.workers if one.is_alive]
        if alive:
            self.draw.choice(alive).take(channel, payload)
        elif self.uplink is not None and self.is_link_up:
            self.uplink.tell(connection, Undelivered(channel, "nobody listens"))

    def _deliver(self, payload: bytes, epoch: int) -> None:
        if self.uplink is None or not self.is_reachable or epoch != self.epoch:
            return
        self.uplink.tell(self.uplink.connection, Arrived(Channel.RECEIPTS, payload))

    def _drop_connection(self, reason: str) -> None:
        if self.uplink is not None:
            self.uplink.lose(reason)

    def _come_back(self) -> None:
        self.is_up = True
        self._let_connect()

    def _mend_link(self) -> None:
        self.is_link_up = True
        self._let_connect()

    def _let_connect(self) -> None:
        if self.uplink is not None:
            self.uplink.connect_soon()


class SimulatedUplink:
    """The Uplink port of one life of the hub."""

    def __init__(self, broker: Broker, note: Callable[[Channel, bytes], None]) -> None:
        self._broker = broker
        self._note = note
        self._deliver: Callable[[Event], None] = lambda _event: None
        self._is_started = False
        self._is_connecting = False
        self.is_connected = False
        self.connection = 0

    async def start(self, deliver: Callable[[Event], None]) -> None:
        """Begin connecting."""
        self._deliver = deliver
        self._is_started = True
        self._broker.uplink = self
        self.connect_soon()

    def publish(self, channel: Channel, payload: bytes, subject: str = "") -> bool:
        """Hand a message over; on a dead link that nobody has noticed it goes nowhere."""
        if not self.is_connected or channel not in CARRIED or subject:
            return False
        self._note(channel, payload)
        if self._broker.is_reachable:
            self._broker.carry_up(channel, payload, self.connection)
        return True

    def recall(self) -> bool:
        """Recall nothing: what is published is on its way."""
        return False

    async def stop(self) -> None:
        """Disconnect for good."""
        self.kill()

    def kill(self) -> None:
        """End with the process: nobody is told anything any more."""
        self._is_started = self.is_connected = False
        if self._broker.uplink is self:
            self._broker.uplink = None

    def tell(self, connection: int, event: Event) -> None:
        """Hand an event of this connection to the session."""
        if self.is_connected and connection == self.connection:
            self._deliver(event)

    def lose(self, reason: str) -> None:
        """Let the connection break, and make another."""
        if self.is_connected:
            self.is_connected = False
            self._deliver(Disconnected(reason))
        self.connect_soon()

    def connect_soon(self) -> None:
        """Connect after a pause, where that is possible."""
        broker = self._broker
        if self.is_connected or self._is_connecting or not self._is_started:
            return
        self._is_connecting = True
        broker.loop.call_later(0.1 + broker.draw.random() * RECONNECT_S_MAX, self._connect)

    def _connect(self) -> None:
        self._is_connecting = False
        if self._is_started and not self.is_connected and self._broker.is_reachable:
            self.is_connected = True
            self.connection += 1
            self._deliver(Connected())
