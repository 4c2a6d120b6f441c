"""One suite for the Uplink port, run on the fake and over a real Mosquitto."""

import asyncio
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any, Protocol

import pytest
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from agent.uplink.mqtt import BrokerAccess, MqttUplink
from agent.uplink.port import (
    Arrived,
    Channel,
    Connected,
    Disconnected,
    Event,
    Undelivered,
    Uplink,
)
from shared import topics
from shared.errors import OperatorError
from shared.protocol import decode_status
from tests.support.fakes import FakeUplink
from tests.support.mosquitto import Broker

THING = "hub-contract"
PATIENCE_S = 15.0


class Stage(Protocol):
    """A transport, and the other end of it in the test's hands."""

    uplink: Uplink

    def up(self) -> None:
        """Let the network be there."""

    def down(self) -> None:
        """Take the network away without warning."""

    def listen(self) -> None:
        """Let somebody in the cloud listen to the hub."""

    def send_receipt(self, payload: bytes) -> None:
        """Send the hub a receipt."""

    def received(self, channel: Channel) -> list[bytes]:
        """List what has arrived in the cloud."""

    def close(self) -> None:
        """Stop the other end."""


class FakeStage:
    """The fake uplink, which plays the network itself."""

    def __init__(self) -> None:
        self.fake = FakeUplink()
        self.uplink: Uplink = self.fake
        self.fake.undelivered_reason = "nobody listens"
        self._is_up = False

    def up(self) -> None:
        """Connect now, or as soon as the uplink is started."""
        self._is_up = True
        asyncio.get_running_loop().call_soon(self.fake.connect)

    def down(self) -> None:
        """Break the connection."""
        self.fake.lose()

    def listen(self) -> None:
        """Take messages from now on."""
        self.fake.undelivered_reason = None

    def send_receipt(self, payload: bytes) -> None:
        """Let it arrive."""
        self.fake.arrive(Channel.RECEIPTS, payload)

    def received(self, channel: Channel) -> list[bytes]:
        """List what was published."""
        return [payload for kind, payload in self.fake.published if kind is channel]

    def close(self) -> None:
        """Nothing runs."""


class MosquittoStage:
    """The MQTT uplink over a real broker, with an ingest's certificate at the other end."""

    def __init__(self, frames_prefix: str = "") -> None:
        self.broker = Broker()
        credentials = self.broker.issue(THING)
        access = BrokerAccess(
            self.broker.host,
            self.broker.port,
            credentials.authority,
            credentials.certificate,
            credentials.key,
            frames_prefix,
        )
        self.uplink: Uplink = MqttUplink(THING, access)
        self._client: Client | None = None
        self._ready = threading.Event()
        self._got: list[tuple[str, bytes]] = []

    def up(self) -> None:
        """Start the broker, or start it again on its port."""
        self.broker.start()

    def down(self) -> None:
        """Kill the broker."""
        self.broker.kill()

    def listen(self) -> None:
        """Subscribe to all that hubs say, and wait until the broker has confirmed it."""
        client = Client(
            CallbackAPIVersion.VERSION2, "contract-cloud", protocol=MQTTProtocolVersion.MQTTv5
        )
        client.tls_set_context(self.broker.tls_context(self.broker.service()))
        client.on_connect = self._subscribe
        client.on_subscribe = self._note_ready
        client.on_message = self._keep
        client.reconnect_delay_set(1, 1)
        client.connect(self.broker.host, self.broker.port)
        client.loop_start()
        self._client = client
        assert self._ready.wait(PATIENCE_S)

    def _subscribe(self, client: Client, *_rest: Any) -> None:
        client.subscribe([(topic, 1) for topic in topics.CLOUD_BRANCHES])

    def _note_ready(self, *_rest: Any) -> None:
        self._ready.set()

    def _keep(self, _client: Client, _userdata: Any, message: MQTTMessage) -> None:
        self._got.append((message.topic, bytes(message.payload)))

    def send_receipt(self, payload: bytes) -> None:
        """Publish to the hub's receipts."""
        assert self._client is not None
        self._client.publish(topics.receipts(THING), payload, qos=1).wait_for_publish(PATIENCE_S)

    def received(self, channel: Channel) -> list[bytes]:
        """List what came on the channel's topic."""
        names = {
            Channel.FRAMES: topics.frames(THING),
            Channel.LIVE: topics.live(THING),
            Channel.HELLO: topics.hello(THING),
            Channel.TARIFF_GET: topics.shadow_get(THING, topics.TARIFF_SHADOW),
        }
        return [payload for topic, payload in self._got if topic == names[channel]]

    def statuses(self) -> list[tuple[str, bool]]:
        """List the statuses heard: connection id, online."""
        found = [decode_status(p) for topic, p in self._got if topic == topics.status(THING)]
        return [(one.connection_id, one.online) for one in found]

    def close(self) -> None:
        """Disconnect and stop the broker."""
        if self._client is not None:
            self._client.disconnect()
            self._client.loop_stop()
        self.broker.__exit__(None, None, None)


@pytest.fixture(params=["fake", pytest.param("mosquitto", marks=pytest.mark.slow)])
def stage(request: pytest.FixtureRequest) -> Iterator[Stage]:
    """Each transport with its other end."""
    made: Stage = FakeStage() if request.param == "fake" else MosquittoStage()
    yield made
    made.close()


@pytest.fixture
def mosquitto() -> Iterator[MosquittoStage]:
    """The MQTT uplink over a real broker."""
    made = MosquittoStage()
    yield made
    made.close()


async def until(is_so: Callable[[], bool]) -> None:
    """Wait for something the network brings."""
    async with asyncio.timeout(PATIENCE_S):
        while not is_so():  # noqa: ASYNC110 (what is waited for happens in another process)
            await asyncio.sleep(0.01)


@asynccontextmanager
async def started(stage: Stage) -> AsyncIterator[list[Event]]:
    """Start an uplink, list its events as they come, and stop it."""
    events: list[Event] = []
    await stage.uplink.start(events.append)
    try:
        yield events
    finally:
        await stage.uplink.stop()


def has(events: list[Event], kind: type[Event]) -> Callable[[], bool]:
    """Ask whether an event of a kind has come."""
    return lambda: any(isinstance(event, kind) for event in events)


def test_it_connects_and_says_so(stage: Stage) -> None:
    """Before the connection stands nothing is taken; then an event tells of it."""

    async def scenario() -> None:
        stage.up()
        early = stage.uplink.publish(Channel.HELLO, b"early")
        async with started(stage) as events:
            await until(has(events, Connected))
        assert not early

    asyncio.run(scenario())


@pytest.mark.parametrize(
    "channel", [Channel.FRAMES, Channel.HELLO, Channel.LIVE, Channel.TARIFF_GET]
)
def test_what_is_published_arrives_as_it_is(stage: Stage, channel: Channel) -> None:
    """Bytes go through unchanged, on the channel they were meant for."""

    async def scenario() -> None:
        stage.up()
        stage.listen()
        async with started(stage) as events:
            await until(has(events, Connected))
            assert stage.uplink.publish(channel, bytes(range(256)))
            await until(lambda: stage.received(channel) == [bytes(range(256))])
            assert not has(events, Undelivered)()

    asyncio.run(scenario())


def test_a_message_that_nobody_hears_comes_back_as_undelivered(stage: Stage) -> None:
    """A broker without a subscriber says so: it counts as offline."""

    async def scenario() -> None:
        stage.up()
        async with started(stage) as events:
            await until(has(events, Connected))
            stage.uplink.publish(Channel.HELLO, b"anyone?")
            await until(has(events, Undelivered))
        (undelivered,) = [one for one in events if isinstance(one, Undelivered)]
        assert undelivered.channel is Channel.HELLO
        assert undelivered.reason

    asyncio.run(scenario())


def test_receipts_arrive(stage: Stage) -> None:
    """What the cloud says to this hub comes as an event, unchanged."""

    async def scenario() -> None:
        stage.up()
        stage.listen()
        async with started(stage) as events:
            await until(has(events, Connected))
            stage.send_receipt(b"stored")
            await until(has(events, Arrived))
        assert [one for one in events if isinstance(one, Arrived)] == [
            Arrived(Channel.RECEIPTS, b"stored")
        ]

    asyncio.run(scenario())


def test_it_comes_back_after_the_connection_broke(stage: Stage) -> None:
    """A lost connection is told of; when the network is back, so is the uplink."""

    async def scenario() -> None:
        stage.up()
        async with started(stage) as events:
            await until(has(events, Connected))
            stage.down()
            await until(has(events, Disconnected))
            taken = stage.uplink.publish(Channel.FRAMES, b"into the void")
            events.clear()
            stage.up()
            await until(has(events, Connected))
            assert not taken
            assert stage.uplink.publish(Channel.HELLO, b"back")

    asyncio.run(scenario())


def test_nothing_is_taken_after_the_stop(stage: Stage) -> None:
    """A stopped uplink says so by taking nothing."""

    async def scenario() -> None:
        stage.up()
        async with started(stage) as events:
            await until(has(events, Connected))
        assert not stage.uplink.publish(Channel.FRAMES, b"late")

    asyncio.run(scenario())


@pytest.mark.slow
def test_a_stop_says_offline_with_the_connections_own_id(mosquitto: MosquittoStage) -> None:
    """Online and offline name one connection, so that a late one of another is ignored."""

    async def scenario() -> None:
        mosquitto.up()
        mosquitto.listen()
        async with started(mosquitto) as events:
            await until(has(events, Connected))
            await until(lambda: len(mosquitto.statuses()) == 1)
        await until(lambda: len(mosquitto.statuses()) == 2)
        ((connection, _), _) = mosquitto.statuses()
        assert connection
        assert mosquitto.statuses() == [(connection, True), (connection, False)]

    asyncio.run(scenario())


@pytest.mark.slow
def test_a_death_lets_the_last_will_speak(mosquitto: MosquittoStage) -> None:
    """A connection that broke is said to be offline by its own id; the next one has another."""

    async def scenario() -> None:
        mosquitto.up()
        mosquitto.listen()
        async with started(mosquitto) as events:
            await until(has(events, Connected))
            await until(lambda: len(mosquitto.statuses()) == 1)
            assert isinstance(mosquitto.uplink, MqttUplink)
            connection = mosquitto.uplink._client.socket()
            assert isinstance(connection, ssl.SSLSocket)
            connection.shutdown(socket.SHUT_RDWR)
            await until(lambda: len(mosquitto.statuses()) == 3)
            (first, second) = dict.fromkeys(one for one, _ in mosquitto.statuses())
            assert sorted(mosquitto.statuses()) == sorted(
                [(first, True), (first, False), (second, True)]
            )

    asyncio.run(scenario())


@pytest.mark.slow
def test_a_foreign_topic_is_refused() -> None:
    """The broker's access list holds a hub to its own topics; the refusal is told."""
    stage = MosquittoStage(frames_prefix="elsewhere/")

    async def scenario() -> None:
        stage.up()
        stage.listen()
        async with started(stage) as events:
            await until(has(events, Connected))
            stage.uplink.publish(Channel.FRAMES, b"not mine to say")
            await until(has(events, Undelivered))
        (undelivered,) = [one for one in events if isinstance(one, Undelivered)]
        assert "refused" in undelivered.reason

    try:
        asyncio.run(scenario())
    finally:
        stage.close()


@pytest.mark.slow
def test_a_broker_that_is_away_is_told_of() -> None:
    """Without a broker the uplink goes on trying, and says where."""
    stage = MosquittoStage()

    async def scenario() -> None:
        async with started(stage) as events:
            await until(has(events, Disconnected))
        (first, *_) = [one for one in events if isinstance(one, Disconnected)]
        assert str(stage.broker.port) in first.reason

    try:
        asyncio.run(scenario())
    finally:
        stage.close()


@pytest.mark.slow
def test_certificates_that_do_not_fit_are_an_operators_error(mosquitto: MosquittoStage) -> None:
    """A key of another certificate is named before anything is tried."""
    mine, other = mosquitto.broker.issue("hub-a"), mosquitto.broker.issue("hub-b")
    access = BrokerAccess("localhost", 1, mine.authority, mine.certificate, other.key)

    with pytest.raises(OperatorError, match="cannot be used") as caught:
        MqttUplink("hub-a", access)

    assert "belong together" in caught.value.hint
