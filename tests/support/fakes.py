"""Hand-written fakes of the agent's ports, and the smallest cloud that keeps the protocol."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from agent.uplink.port import Arrived, Channel, Connected, Disconnected, Event, Undelivered
from shared.frames import Frame, decode_frame
from shared.protocol import ConsentLimit, Hello, Receipt, decode_hello, encode_message
from shared.ranges import union

_Message = TypeVar("_Message")


class FakeUplink:
    """The Uplink port in memory: keeps what is published, and says what a test tells it to.

    `connect`, `lose` and `arrive` play the network's side; `refuse` makes the next messages come
    back undelivered, as a broker without a subscriber does.
    """

    def __init__(self) -> None:
        self.published: list[tuple[Channel, bytes]] = []
        self.is_connected = False
        self.is_started = False
        self.is_stopped = False
        self.undelivered_reason: str | None = None
        self.last_hello = b""
        self.subjects: list[str] = []
        self.holds_back = False
        self._deliver: Callable[[Event], None] = lambda _event: None

    async def start(self, deliver: Callable[[Event], None]) -> None:
        """Remember whom to tell."""
        self._deliver = deliver
        self.is_started = True

    def publish(self, channel: Channel, payload: bytes, subject: str = "") -> bool:
        """Keep the message; False while not connected."""
        if not self.is_connected:
            return False
        if subject:
            self.subjects.append(subject)
        self.published.append((channel, payload))
        if channel is Channel.HELLO:
            self.last_hello = payload
        if self.undelivered_reason is not None and channel in (Channel.FRAMES, Channel.HELLO):
            self._deliver(Undelivered(channel, self.undelivered_reason))
        return True

    def recall(self) -> bool:
        """Drop the frames that a test has not taken yet, where it plays a transport that waits."""
        waiting = len(self.published)
        if self.holds_back:
            self.published = [one for one in self.published if one[0] is not Channel.FRAMES]
        return len(self.published) != waiting

    async def stop(self) -> None:
        """Go offline."""
        self.is_connected = False
        self.is_stopped = True

    def connect(self) -> None:
        """Let the connection stand."""
        self.is_connected = True
        self._deliver(Connected())

    def lose(self, reason: str = "cable pulled") -> None:
        """Let the connection break."""
        self.is_connected = False
        self._deliver(Disconnected(reason))

    def arrive(self, channel: Channel, payload: bytes) -> None:
        """Let a message of the cloud arrive."""
        self._deliver(Arrived(channel, payload))

    def taken(self, channel: Channel) -> list[bytes]:
        """Hand over what was published on a channel since last asked."""
        found = [payload for kind, payload in self.published if kind is channel]
        self.published = [one for one in self.published if one[0] is not channel]
        return found

    @property
    def hello_id(self) -> str:
        """What the hub's last hello is to be answered by."""
        return decode_hello(self.last_hello).hello_id

    def frames(self) -> list[Frame]:
        """Hand over the frames published since last asked."""
        return [decode_frame(payload) for payload in self.taken(Channel.FRAMES)]


@dataclass
class FakeTime:
    """A monotonic and a wall clock that a test moves on."""

    monotonic_ms: int = 1_000_000
    utc_ms: int = 0

    def pass_by(self, ms: int) -> None:
        """Let time pass."""
        self.monotonic_ms += ms
        self.utc_ms += ms


@dataclass
class FakeCloud:
    """What a cloud keeps of a hub's logs: every place covered, and how often each came.

    Order, repetition and loss of messages do not matter to it; receipts say what it has.
    """

    store_id: str = "store-1"
    window_frames: int = 4
    revision: int = 0
    covered: dict[str, list[tuple[int, int]]] = field(default_factory=dict)
    samples: dict[tuple[str, int], tuple[int, dict[str, int]]] = field(default_factory=dict)
    conflicts: list[tuple[str, int]] = field(default_factory=list)
    hellos: list[Hello] = field(default_factory=list)
    hello_id: str = ""
    limit: ConsentLimit | None = None
    time_ms: int = 0

    def take(self, channel: Channel, payload: bytes) -> list[bytes]:
        """Take one message of the hub, and say which receipts answer it."""
        if channel is Channel.HELLO:
            hello = decode_hello(payload)
            self.hellos.append(hello)
            self.hello_id = hello.hello_id
            return [self.receipt(state.log_id) for state in hello.logs] or [self.receipt("")]
        if channel is not Channel.FRAMES:
            return []
        frame = decode_frame(payload)
        log_id = frame.log_id.hex()
        for sample in frame.samples():
            said = (sample.taken_at_ms, sample.registers)
            if self.samples.setdefault((log_id, sample.seq), said) != said:
                self.conflicts.append((log_id, sample.seq))
        known = self.covered.get(log_id, [])
        self.covered[log_id] = union([*known, (frame.first_seq, frame.last_seq)])
        return [self.receipt(log_id)]

    def receipt(
        self,
        log_id: str,
        *,
        stored: list[tuple[int, int, int]] | None = None,
        rejected: list[tuple[int, int, str]] | None = None,
        revision: int | None = None,
        consent: ConsentLimit | None = None,
        proved: int = 0,
    ) -> bytes:
        """Write the next receipt for a log: what is stored of it, unless a test says otherwise."""
        self.revision += 1
        if stored is None:
            stored = [(first, last, 0) for first, last in self.covered.get(log_id, [])[:64]]
        return encode_message(
            Receipt(
                store_id=self.store_id,
                log_id=log_id,
                revision=self.revision if revision is None else revision,
                stored=stored,
                rejected=rejected or [],
                window_frames=self.window_frames,
                cloud_time_ms=self.time_ms,
                answers=self.hello_id,
                consent=consent or self.limit,
                proved=proved,
            )
        )


class LossyNetwork:
    """Carries messages between a hub and a cloud: drops some, repeats some, mixes their order."""

    def __init__(self, seed: int, uplink: FakeUplink, cloud: FakeCloud) -> None:
        self._draw = random.Random(seed)
        self._uplink = uplink
        self._cloud = cloud
        self._up: list[tuple[Channel, bytes]] = []
        self._down: list[bytes] = []
        self.is_lossy = True

    def carry(self) -> None:
        """Move what is under way one step on, in both directions."""
        self._up += self._uplink.published
        self._uplink.published = []
        for channel, payload in self._some(self._up):
            self._down += self._cloud.take(channel, payload)
        for payload in self._some(self._down):
            self._uplink.arrive(Channel.RECEIPTS, payload)

    def _some(self, waiting: list[_Message]) -> list[_Message]:
        taken: list[_Message] = []
        if not self.is_lossy:
            taken += waiting
            waiting.clear()
            return taken
        self._draw.shuffle(waiting)
        for _ in range(self._draw.randint(0, len(waiting))):
            one = waiting.pop()
            taken += [one] * self._draw.choice((0, 1, 1, 1, 2))
        return taken
