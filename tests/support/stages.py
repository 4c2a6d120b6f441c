"""Each uplink with the other end of it in a test's hands, for the one contract suite."""

import asyncio
import threading
from typing import Any, Protocol

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from agent.transports import open_uplink
from agent.uplink.access import CloudAccess
from agent.uplink.kinds import UplinkKind
from agent.uplink.port import Channel, Uplink
from shared import topics
from shared.protocol import Status, decode_status
from tests.support.fakes import FakeUplink
from tests.support.mosquitto import EVERYTHING, Broker
from tests.support.relay import Relay

THING = "hub-contract"
PATIENCE_S = 60.0


class Stage(Protocol):
    """A transport, and the other end of it in the test's hands."""

    uplink: Uplink
    port: int

    def up(self) -> None:
        """Let the network be there."""

    def down(self) -> None:
        """Take the network away without warning."""

    def listen(self) -> None:
        """Let somebody in the cloud listen to the hub."""

    def send_receipt(self, payload: bytes) -> None:
        """Send the hub a receipt, at the latest in answer to what it says next."""

    def set_tariff(self, document: bytes) -> None:
        """Let there be a tariff, whose shadow is this document, for a hub that asks."""

    def received(self, channel: Channel) -> list[bytes]:
        """List what has arrived in the cloud."""

    def statuses(self) -> list[Status]:
        """List what the hub, or its last will, said of being online."""

    def close(self) -> None:
        """Stop the other end."""


class FakeStage:
    """The fake uplink, which plays the network itself."""

    def __init__(self) -> None:
        self.fake = FakeUplink()
        self.uplink: Uplink = self.fake
        self.port = 0
        self.fake.undelivered_reason = "nobody listens"

    def up(self) -> None:
        """Connect now, or as soon as the uplink is started."""
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

    def set_tariff(self, document: bytes) -> None:
        """Let it arrive."""
        self.fake.arrive(Channel.TARIFF, document)

    def received(self, channel: Channel) -> list[bytes]:
        """List what was published."""
        return [payload for kind, payload in self.fake.published if kind is channel]

    def statuses(self) -> list[Status]:
        """Say nothing: the fake has no status."""
        return []

    def close(self) -> None:
        """Nothing runs."""


class MosquittoStage:
    """An MQTT uplink over a real broker, with an ingest's certificate at the other end."""

    def __init__(self, kind: UplinkKind = UplinkKind.MQTT, frames_prefix: str = "") -> None:
        self.broker = Broker()
        self.relay = Relay(self.broker.port)
        self.frames_topic = topics.frames(THING, frames_prefix)
        credentials = self.broker.issue(THING)
        access = CloudAccess(
            self.broker.host,
            self.relay.port,
            credentials.authority,
            credentials.certificate,
            credentials.key,
            frames_prefix,
        )
        self.port = self.relay.port
        self.uplink = open_uplink(kind, THING, access)
        self._client: Client | None = None
        self._ready = threading.Event()
        self._got: list[tuple[str, bytes]] = []
        self._tariff: bytes | None = None
        self.qualities: dict[str, int] = {}

    def up(self) -> None:
        """Start the broker, or start it again on its port."""
        self.broker.start()

    def down(self) -> None:
        """Kill the broker."""
        self.broker.kill()

    def cut(self) -> None:
        """End the hub's connection alone, without a goodbye."""
        self.relay.cut()

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
        client.connect(self.broker.host, self.broker.services_port)
        client.loop_start()
        self._client = client
        assert self._ready.wait(PATIENCE_S)

    def _subscribe(self, client: Client, *_rest: Any) -> None:
        client.subscribe([(topic, 1) for topic in (*EVERYTHING, "$aws/rules/#")])

    def _note_ready(self, *_rest: Any) -> None:
        self._ready.set()

    def _keep(self, client: Client, _userdata: Any, message: MQTTMessage) -> None:
        self._got.append((message.topic, bytes(message.payload)))
        self.qualities[message.topic] = message.qos
        asked = topics.shadow_get(THING, topics.TARIFF_SHADOW)
        if message.topic == asked and self._tariff is not None:
            client.publish(f"{asked}/accepted", self._tariff, qos=1)

    def set_tariff(self, document: bytes) -> None:
        """Answer whoever asks with it."""
        self._tariff = document

    def send_receipt(self, payload: bytes) -> None:
        """Publish to the hub's receipts."""
        assert self._client is not None
        self._client.publish(topics.receipts(THING), payload, qos=1).wait_for_publish(PATIENCE_S)

    def received(self, channel: Channel) -> list[bytes]:
        """List what came on the channel's topic."""
        names = {
            Channel.FRAMES: self.frames_topic,
            Channel.LIVE: topics.live(THING),
            Channel.HELLO: topics.hello(THING),
            Channel.TARIFF_GET: topics.shadow_get(THING, topics.TARIFF_SHADOW),
        }
        return [payload for topic, payload in self._got if topic == names[channel]]

    def statuses(self) -> list[Status]:
        """List the statuses heard."""
        return [decode_status(p) for topic, p in self._got if topic == topics.status(THING)]

    def close(self) -> None:
        """Disconnect and stop the broker."""
        if self._client is not None:
            self._client.disconnect()
            self._client.loop_stop()
        self.relay.close()
        self.broker.__exit__(None, None, None)
