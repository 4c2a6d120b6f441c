"""An MQTT 5 client in a test's hands, over mutual TLS, that keeps what it is told."""

import queue
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from cloud.fleet.authority import Credentials
from tests.support.mosquitto import Broker

WAIT_S = 60.0
SESSION_EXPIRY_S = 60
SUCCESS = 0x00
CLOSED = -1
"""No MQTT code: the connection ended before a CONNACK, as TLS 1.3 refusals do."""


@dataclass
class Peer:
    """A connected MQTT 5 client that keeps what it is told."""

    client: mqtt.Client
    messages: "queue.Queue[tuple[str, bytes]]" = field(default_factory=queue.Queue)
    acknowledgements: "queue.Queue[tuple[int, int]]" = field(default_factory=queue.Queue)
    subscriptions: "queue.Queue[int]" = field(default_factory=queue.Queue)

    def publish(self, topic: str, payload: bytes = b"x") -> int:
        """Publish at QoS 1 and return the reason code of the PUBACK."""
        sent = self.client.publish(topic, payload, qos=1)
        while True:
            packet, code = self.acknowledgements.get(timeout=WAIT_S)
            if packet == sent.mid:
                return code

    def subscribe(self, topic: str) -> None:
        """Subscribe and wait for the SUBACK, which proves nothing about the access list."""
        self.client.subscribe(topic, qos=1)
        self.subscriptions.get(timeout=WAIT_S)

    def received(self) -> tuple[str, bytes]:
        """Wait for the next message."""
        return self.messages.get(timeout=WAIT_S)


@contextmanager
def connected(
    broker: Broker,
    credentials: Credentials,
    context: ssl.SSLContext | None = None,
    session: str = "",
) -> Iterator[Peer]:
    """Connect over TLS with MQTT 5; raise ConnectionRefusedError if the broker will not have it."""
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=session, protocol=mqtt.MQTTv5)
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    properties.SessionExpiryInterval = SESSION_EXPIRY_S if session else 0
    client.tls_set_context(context or broker.tls_context(credentials))
    peer = Peer(client)
    opened: queue.Queue[int] = queue.Queue()

    def on_connect(
        _client: mqtt.Client, _user: object, _flags: object, code: ReasonCode, _p: object
    ) -> None:
        opened.put(int(code.value))

    def on_publish(
        _client: mqtt.Client, _user: object, mid: int, code: ReasonCode, _p: Properties
    ) -> None:
        peer.acknowledgements.put((mid, int(code.value)))

    def on_subscribe(
        _client: mqtt.Client, _user: object, mid: int, _codes: list[ReasonCode], _p: object
    ) -> None:
        peer.subscriptions.put(mid)

    def on_message(_client: mqtt.Client, _user: object, message: mqtt.MQTTMessage) -> None:
        peer.messages.put((message.topic, bytes(message.payload)))

    def on_disconnect(
        _client: mqtt.Client, _user: object, _flags: object, _code: ReasonCode, _p: object
    ) -> None:
        opened.put(CLOSED)

    client.on_connect = on_connect
    client.on_disconnect = on_disconnect
    client.on_publish = on_publish
    client.on_subscribe = on_subscribe
    client.on_message = on_message
    client.connect(
        broker.host,
        broker.port_for(credentials.name),
        keepalive=30,
        clean_start=not session,
        properties=properties,
    )
    client.loop_start()
    try:
        if opened.get(timeout=WAIT_S) != SUCCESS:
            raise ConnectionRefusedError(credentials.name)
        yield peer
    finally:
        client.disconnect()
        client.loop_stop()
