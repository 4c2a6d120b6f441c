"""The Uplink port over paho-mqtt: MQTT 5, TLS with the hub's certificate, a last will.

paho runs its own network thread; every callback is handed to the event loop and decides nothing.
"""

import asyncio
import contextlib
import logging
import random
import secrets
import threading
import time
from collections.abc import Callable
from typing import Any

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.reasoncodes import ReasonCode

from agent.uplink.access import CloudAccess
from agent.uplink.lanes import Lanes, judge_puback, qos_of
from agent.uplink.pacing import MAX_DOUBLINGS
from agent.uplink.port import Channel, Connected, Disconnected, Event
from shared import topics
from shared.protocol import Status, encode_message

KEEPALIVE_S = 30
"""A dead link is noticed within 45 s; AWS meters no pings of 30 s or more."""

RECONNECT_S_MIN = 1
RECONNECT_S_MAX = 60
SETTLED_S = 600
"""A connection that ends sooner did not last: a clone under the same name takes it over again and
again, and each of the two shall have its turn of a minute, not of a second."""

FREE_LOSSES = 2
"""A broker that is restarted, or a cable that is pulled, is nobody's clone."""

MAX_QUEUED_MESSAGES = 64
"""paho's own queue: the session keeps far fewer frames in flight."""

MAX_INFLIGHT_MESSAGES = 20

_logger = logging.getLogger(__name__)


class _LastingClient(Client):
    """paho's client whose network thread outlives an error that paho does not catch.

    Otherwise the hub would be offline until it is restarted, and nobody would know why.
    """

    def __init__(self, thing: str) -> None:
        super().__init__(
            CallbackAPIVersion.VERSION2, client_id=thing, protocol=MQTTProtocolVersion.MQTTv5
        )
        self._is_stopped = threading.Event()

    def loop_forever(
        self, timeout: float = 1.0, retry_first_connection: bool = False
    ) -> MQTTErrorCode:
        """Run until told to disconnect, as paho's does; after an error go on from where it was."""
        has_failed = False
        while not self._is_stopped.is_set():
            try:
                if has_failed:
                    self.reconnect()
                return super().loop_forever(timeout, retry_first_connection)
            except Exception:
                _logger.exception("the connection to the broker failed and is made anew")
            has_failed = True
            self._is_stopped.wait(RECONNECT_S_MIN)
        return MQTTErrorCode.MQTT_ERR_SUCCESS

    def loop_stop(self) -> MQTTErrorCode:
        """End the thread, also where it waits after an error."""
        self._is_stopped.set()
        return super().loop_stop()


class MqttUplink:
    """One MQTT connection of one thing."""

    def __init__(self, thing: str, access: CloudAccess) -> None:
        self._thing = topics.check_thing(thing)
        self._access = access
        self._connection_id = ""
        self._deliver: Callable[[Event], None] = lambda _event: None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._sent: dict[int, Channel] = {}
        self._connected_s = 0.0
        self._losses = 0
        self._client = self._make_client()
        self._lanes = Lanes(thing, access.frames_prefix)

    async def start(self, deliver: Callable[[Event], None]) -> None:
        """Begin connecting; a broker that is away is tried again with growing pauses."""
        self._deliver = deliver
        self._loop = asyncio.get_running_loop()
        self._client.connect_async(
            self._access.host, self._access.port, keepalive=KEEPALIVE_S, clean_start=True
        )
        self._client.loop_start()

    def publish(self, channel: Channel, payload: bytes, subject: str = "") -> bool:
        """Publish at the channel's quality of service; False while not connected."""
        if not self._client.is_connected():
            return False
        if channel is Channel.HELLO:
            self._say_status(online=True)
        qos = qos_of(channel)
        told = self._client.publish(self._lanes.topic(channel, subject), payload, qos=qos)
        if told.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
            return False
        if qos:
            self._sent[told.mid] = channel
        return True

    def recall(self) -> bool:
        """Recall nothing: what is published is on its way, fewer than paho would hold back."""
        return False

    async def stop(self) -> None:
        """Say offline and disconnect; the last will is then not needed."""
        if self._client.is_connected():
            self._say_status(online=False)
        self._client.disconnect()
        await asyncio.to_thread(self._client.loop_stop)

    def _make_client(self) -> Client:
        client = _LastingClient(self._thing)
        client.tls_set_context(self._access.tls_context())
        client.reconnect_delay_set(RECONNECT_S_MIN, RECONNECT_S_MAX)
        client.max_queued_messages_set(MAX_QUEUED_MESSAGES)
        client.max_inflight_messages_set(MAX_INFLIGHT_MESSAGES)
        client.on_pre_connect = self._on_pre_connect
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_connect_fail = self._on_connect_fail
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        client.on_publish = self._on_publish
        return client

    def _on_pre_connect(self, client: Client, _userdata: Any) -> None:
        self._connection_id = secrets.token_hex(8)
        self._sent.clear()
        client.will_set(
            topics.status(self._thing),
            encode_message(Status(self._connection_id, online=False)),
            qos=1,
        )

    def _on_connect(
        self, client: Client, _userdata: Any, _flags: Any, reason: ReasonCode, _props: Any
    ) -> None:
        if reason.is_failure:
            self._tell(Disconnected(f"the broker refused the connection: {reason}"))
            return
        client.reconnect_delay_set(RECONNECT_S_MIN, RECONNECT_S_MAX)
        self._connected_s = time.monotonic()
        client.subscribe([(topic, 1) for topic in self._lanes.filters])
        self._say_status(online=True)

    def _on_subscribe(self, *_: Any) -> None:
        # Sooner, what the cloud says at once would be missed.
        self._tell(Connected())

    def _on_connect_fail(self, _client: Client, _userdata: Any) -> None:
        address = f"{self._access.host}:{self._access.port}"
        self._tell(Disconnected(f"no broker answers at {address}, or TLS failed"))

    def _on_disconnect(
        self, client: Client, _userdata: Any, _flags: Any, reason: ReasonCode, _props: Any
    ) -> None:
        # paho does not tell a connection that was taken over from one that was lost.
        self._space_out(client)
        self._tell(Disconnected(f"the connection ended: {reason}"))

    def _space_out(self, client: Client) -> None:
        """Wait twice as long as the last time where connections do not last, a minute or so."""
        has_lasted = time.monotonic() - self._connected_s >= SETTLED_S
        self._losses = 0 if has_lasted else min(self._losses + 1, MAX_DOUBLINGS)
        if self._losses > FREE_LOSSES:
            pause_s = min(RECONNECT_S_MAX, RECONNECT_S_MIN << (self._losses - FREE_LOSSES))
            drawn_s = round(pause_s * random.uniform(1, 1.5))  # noqa: S311 (spreads, guards nothing)
            client.reconnect_delay_set(drawn_s, 2 * RECONNECT_S_MAX)

    def _on_message(self, _client: Client, _userdata: Any, message: MQTTMessage) -> None:
        arrived = self._lanes.arrived(message.topic, bytes(message.payload))
        if arrived is not None:
            self._tell(arrived)

    def _on_publish(
        self, _client: Client, _userdata: Any, mid: int, reason: ReasonCode, _props: Any
    ) -> None:
        channel = self._sent.pop(mid, None)
        fault = judge_puback(channel, reason.value, str(reason), self._access.frames_prefix)
        if fault is not None:
            self._tell(fault)

    def _say_status(self, *, online: bool) -> None:
        self._client.publish(
            topics.status(self._thing), encode_message(Status(self._connection_id, online)), qos=1
        )

    def _tell(self, event: Event) -> None:
        # The loop may already be closed while paho's thread winds down.
        with contextlib.suppress(RuntimeError):
            if self._loop is not None:
                self._loop.call_soon_threadsafe(self._deliver, event)
