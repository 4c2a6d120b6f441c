"""The cloud's MQTT 5 connection: TLS with a client certificate, no session kept, one callback.

Wraps paho-mqtt so that nothing else meets it. The callback runs on paho's network thread, and what
it holds up is held up on the wire: that is how a busy worker slows its broker down.
"""

import secrets
import ssl
import threading
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from cloud.config import Config
from shared.errors import OperatorError

KEEPALIVE_S = 30
RECONNECT_S_MIN = 1
RECONNECT_S_MAX = 30
RECEIVE_MAXIMUM = 64
"""Frames the broker may have unacknowledged here: at the largest size 8 MB."""

Deliver = Callable[[str, bytes], None]
"""Takes a topic and its payload."""


class Subscription(NamedTuple):
    """A topic filter and the quality of service asked for.

    With `is_no_local` a connection does not hear itself; MQTT forbids that for shared ones.
    """

    topic_filter: str
    qos: int
    is_no_local: bool = False


class BrokerLink:
    """One connection that comes back by itself and subscribes again each time."""

    def __init__(
        self, config: Config, name: str, subscriptions: Sequence[Subscription], deliver: Deliver
    ) -> None:
        self._config = config
        self._subscriptions = list(subscriptions)
        self._deliver = deliver
        # Several workers share a certificate, never a client id: the broker would cut one off.
        client_id = f"{name}-{secrets.token_hex(4)}"
        self._client = paho.Client(
            CallbackAPIVersion.VERSION2, client_id=client_id, protocol=paho.MQTTv5
        )
        self._has_subscribed = threading.Event()
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = self._on_subscribe
        self._client.on_disconnect = self._on_disconnect
        self._client.on_message = self._on_message
        self._client.reconnect_delay_set(RECONNECT_S_MIN, RECONNECT_S_MAX)
        if config.broker_ca:
            self._client.tls_set_context(tls_context(config))

    @property
    def is_connected(self) -> bool:
        """Tell whether the broker has accepted this connection and not lost it."""
        return bool(self._client.is_connected())

    @property
    def is_subscribed(self) -> bool:
        """Tell whether the broker has confirmed every subscription of this connection."""
        return self.is_connected and self._has_subscribed.is_set()

    def start(self) -> None:
        """Connect in the background, and again whenever the connection is lost."""
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho leaves it so
        properties.SessionExpiryInterval = 0
        properties.ReceiveMaximum = RECEIVE_MAXIMUM
        self._client.connect_async(
            self._config.broker_host,
            self._config.broker_port,
            keepalive=KEEPALIVE_S,
            clean_start=True,
            properties=properties,
        )
        self._client.loop_start()

    def publish(self, topic: str, payload: bytes, qos: int = 1) -> None:
        """Queue a message; it goes out when the connection allows."""
        self._client.publish(topic, payload, qos=qos)

    def unsubscribe(self) -> None:
        """Ask the broker for no more; what it has sent already still arrives, and publishing works.

        With shared subscriptions the other workers then get what comes.
        """
        filters = [one.topic_filter for one in self._subscriptions]
        self._subscriptions = []
        self._client.unsubscribe(filters)

    def stop(self) -> None:
        """Say goodbye and end the network thread."""
        self._client.disconnect()
        self._client.loop_stop()

    def _on_connect(self, client: paho.Client, *_: Any) -> None:
        if self._subscriptions:
            wanted = [
                (one.topic_filter, SubscribeOptions(one.qos, noLocal=one.is_no_local))
                for one in self._subscriptions
            ]
            client.subscribe(wanted)

    def _on_subscribe(self, *_: Any) -> None:
        self._has_subscribed.set()

    def _on_disconnect(self, *_: Any) -> None:
        self._has_subscribed.clear()

    def _on_message(self, _client: paho.Client, _userdata: Any, message: paho.MQTTMessage) -> None:
        self._deliver(message.topic, bytes(message.payload))


def tls_context(config: Config) -> ssl.SSLContext:
    """Trust the broker's authority and show this service's certificate."""
    try:
        context = ssl.create_default_context(cafile=config.broker_ca)
        context.load_cert_chain(config.broker_cert, config.broker_key)
    except (OSError, ssl.SSLError) as error:
        raise OperatorError(
            f"cannot load {config.broker_ca}, {config.broker_cert}, {config.broker_key}: {error}",
            hint="check broker_ca, broker_cert and broker_key; all three are PEM files",
        ) from error
    return context
