"""One connection to the household's own MQTT broker, by the paho library.

Its callbacks run in paho's thread: each is handed to the event loop and decides nothing. It
reconnects by itself; nothing waits for it, and what cannot be sent now is not kept.
"""

import asyncio
import contextlib
import logging
import ssl
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from agent.home.discovery import MAX_CONFIG_BYTES, Message

KEEPALIVE_S = 30
RECONNECT_S_MIN = 1
RECONNECT_S_MAX = 15
"""A broker that starts with Home Assistant's machine is found before Home Assistant has started."""

MAX_QUEUED = 200
"""Messages that a slow broker may leave waiting: a home's whole announcement, and some turns."""

MAX_HELD = 500
"""Configurations read back from the broker: a home has some fifty."""

PARTING_S_MAX = 1.0
"""How long a hub that stops waits for its last word to be taken."""


class BrokerPlace(NamedTuple):
    """Where the broker is, and who the hub is there; `tls` is None for none."""

    host: str
    port: int
    client_id: str
    username: str = ""
    password: str = ""
    tls: ssl.SSLContext | None = None


class HouseholdBroker:
    """The connection; `online` is the last will's topic, which says "offline" when it breaks.

    `held` is what the broker had retained under the filter `configs` since the last connect; of
    `listeners`, each is called in the event loop with what is published on its topic, and not with
    what was retained there: that is of an unknown age.
    """

    def __init__(
        self,
        place: BrokerPlace,
        *,
        online: str,
        configs: str,
        listeners: Mapping[str, Callable[[bytes], None]],
        on_connect: Callable[[], None],
    ) -> None:
        self.held: dict[str, bytes] = {}
        self.connects = 0
        self.refused = 0
        """Messages that were not taken: too many waited."""
        self.is_connected = asyncio.Event()
        self._place = place
        self._online = online
        self._configs = configs
        self._listeners = listeners
        self._on_connected = on_connect
        self._told = ""
        self._is_stopping = False
        self._loop = asyncio.get_running_loop()
        self._client = self._make_client()

    def start(self) -> None:
        """Begin to connect; a host that is not there is tried again and again."""
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.MaximumPacketSize = MAX_CONFIG_BYTES
        self._client.connect_async(
            self._place.host,
            self._place.port,
            KEEPALIVE_S,
            clean_start=True,
            properties=properties,
        )
        self._client.loop_start()

    def publish(self, message: Message) -> bool:
        """Hand a message over without waiting; False where it is not taken."""
        if not self.is_connected.is_set():
            return False
        qos = 1 if message.retain else 0
        sent = self._client.publish(message.topic, message.payload, qos=qos, retain=message.retain)
        is_taken = sent.rc == MQTTErrorCode.MQTT_ERR_SUCCESS
        self.refused += not is_taken
        return is_taken

    async def stop(self) -> None:
        """Say that the hub is going, and disconnect."""
        self._is_stopping = True
        if self.is_connected.is_set():
            said = self._client.publish(self._online, b"offline", qos=1, retain=True)
            with contextlib.suppress(RuntimeError, ValueError):
                await asyncio.to_thread(said.wait_for_publish, PARTING_S_MAX)
        self._client.disconnect()
        await asyncio.to_thread(self._client.loop_stop)
        self._client.on_connect = self._client.on_disconnect = self._client.on_message = None

    def _make_client(self) -> Client:
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=self._place.client_id,
            protocol=MQTTProtocolVersion.MQTTv5,
        )
        if self._place.username:
            client.username_pw_set(self._place.username, self._place.password or None)
        if self._place.tls is not None:
            client.tls_set_context(self._place.tls)
        client.will_set(self._online, b"offline", qos=1, retain=True)
        client.reconnect_delay_set(RECONNECT_S_MIN, RECONNECT_S_MAX)
        client.max_queued_messages_set(MAX_QUEUED)
        client.on_connect = self._on_connect
        client.on_connect_fail = self._on_connect_fail
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        return client

    def _on_connect(
        self, client: Client, _userdata: Any, _flags: Any, reason: ReasonCode, _props: Any
    ) -> None:
        if reason.is_failure:
            self._tell(self._note_failure, str(reason))
            return
        self._tell(self._note_connect)
        # Its own words must not come back as what the broker held.
        options = SubscribeOptions(qos=1, noLocal=True)
        client.subscribe([(topic, options) for topic in (self._configs, *self._listeners)])

    def _on_connect_fail(self, _client: Client, _userdata: Any) -> None:
        self._tell(self._note_failure, "no answer")

    def _on_disconnect(
        self, _client: Client, _userdata: Any, _flags: Any, reason: ReasonCode, _props: Any
    ) -> None:
        self._tell(self._note_failure, str(reason))

    def _on_message(self, _client: Client, _userdata: Any, message: MQTTMessage) -> None:
        with contextlib.suppress(UnicodeDecodeError):
            self._tell(self._take, message.topic, bytes(message.payload), message.retain)

    def _tell(self, do: Callable[..., None], *arguments: Any) -> None:
        # The loop may already be closed while paho's thread winds down.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(do, *arguments)

    def _note_connect(self) -> None:
        self.held.clear()
        self.connects += 1
        self._told = ""
        self.is_connected.set()
        self._on_connected()

    def _note_failure(self, reason: str) -> None:
        self.is_connected.clear()
        if reason != self._told and not self._is_stopping:
            _logger.warning(
                "the home's broker %s:%d: %s", self._place.host, self._place.port, reason
            )
        self._told = reason

    def _take(self, topic: str, payload: bytes, is_retained: bool) -> None:
        listener = self._listeners.get(topic)
        if listener is not None:
            if not is_retained:
                listener(payload)
        elif is_retained and payload and len(self.held) < MAX_HELD:
            self.held[topic] = payload


_logger = logging.getLogger(__name__)
