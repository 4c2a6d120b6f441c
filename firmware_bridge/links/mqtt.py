"""Messages of an MQTT broker as a stream of lines: `topic payload`, as `mosquitto_sub -v` prints.

Owns one connection of the paho library, whose callbacks run in its own thread: each is handed to
the event loop and decides nothing. What the lines mean is the codec's. A message that the broker
had kept (retained) is passed over: it is of an unknown age, and the next one comes by itself.
"""

import asyncio
import contextlib
import logging
import secrets
import ssl
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from firmware_bridge.links.mqtt_address import BrokerAddress, parse_subscription
from firmware_bridge.links.mqtt_faults import OldBrokerError, refused, unreachable
from firmware_bridge.links.port import READ_BYTES, LinkSettings
from shared.errors import LinkError, OperatorError

try:
    from paho.mqtt.client import Client, MQTTMessage
    from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
    from paho.mqtt.packettypes import PacketTypes
    from paho.mqtt.properties import Properties
    from paho.mqtt.reasoncodes import ReasonCode
    from paho.mqtt.subscribeoptions import SubscribeOptions
except ImportError as error:
    raise OperatorError(
        "mqtt:// links need paho-mqtt, which is not installed",
        hint="pip install 'hearthlink[agent]'",
    ) from error

CONNECT_TIMEOUT_S = 10
"""A home network answers in milliseconds; a broker that is off must not hold the loop longer."""

KEEPALIVE_S = 30
"""A dead connection is noticed within 45 s."""

MAX_UNREAD = 512
"""Messages that wait for the reader: a quarter of an hour of a Glow's."""

PATIENCE_S = 5.0
"""Where so many wait, nothing more is taken from the connection for so long; the broker keeps the
rest. Then the reader has stopped, and the oldest go: registers are cumulative, the newest tell
most."""

MAX_MESSAGE_BYTES = 20 * 1024
"""A larger one is not even sent to us (MQTT 5), or is cut: a Glow's have under 2 KB."""

TELL_EVERY = 1_000
"""Lost messages from one warning to the next."""

_IN_LINE = bytes.maketrans(b"\r\n", b"  ")

_logger = logging.getLogger(__name__)


class MqttLink:
    """One subscription at a broker."""

    is_finite = False
    longest_pause_s = 0.0

    def __init__(
        self, broker: BrokerAddress, settings: LinkSettings, protocol: MQTTProtocolVersion
    ) -> None:
        self.dropped = 0
        """Messages that came while too many were unread."""
        self._broker = broker
        self._settings = settings
        self._is_mqtt5 = protocol is MQTTProtocolVersion.MQTTv5
        self._loop = asyncio.get_running_loop()
        self._subscribed: asyncio.Future[None] = self._loop.create_future()
        self._lines: deque[bytes] = deque()
        self._rest = b""
        self._room = threading.BoundedSemaphore(MAX_UNREAD)
        self._is_stalled = False
        self._is_closed = False
        self._arrived = asyncio.Event()
        self._failure: LinkError | None = None
        self._client = self._make_client(protocol)

    async def connect(self) -> None:
        """Connect and subscribe; raise LinkError, with the fix in its hint, where that fails."""
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                await asyncio.to_thread(self._connect_now)
                self._client.loop_start()
                await self._subscribed
        except TimeoutError as error:
            raise LinkError(
                f"{self._broker} did not answer in {CONNECT_TIMEOUT_S} s",
                hint="check that the broker is on, and that host and port are right",
            ) from error
        except OSError as error:
            raise unreachable(self._broker, error) from error

    async def read(self) -> bytes:
        """Return the next lines; raise LinkError when the broker was lost and all are read."""
        # A queue that is never empty must not keep the loop from its other work.
        await asyncio.sleep(0)
        self._is_stalled = False
        while not self._rest and not self._lines:
            if self._failure is not None:
                raise self._failure
            self._arrived.clear()
            await self._arrived.wait()
        taken, self._rest = bytearray(self._rest), b""
        while self._lines and len(taken) < READ_BYTES:
            taken += self._lines.popleft()
            self._make_room()
        self._rest = bytes(taken[READ_BYTES:])
        return bytes(taken[:READ_BYTES])

    async def close(self) -> None:
        """Disconnect."""
        self._is_closed = True
        self._make_room()
        self._fail(LinkError(f"{self._broker} is closed"))
        self._client.disconnect()
        await asyncio.to_thread(self._client.loop_stop)
        # The client and this link hold each other by them; its sockets go when it does.
        self._client.on_connect = self._client.on_subscribe = None
        self._client.on_disconnect = self._client.on_message = None

    def _make_client(self, protocol: MQTTProtocolVersion) -> Client:
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=f"hearthlink-{secrets.token_hex(4)}",
            clean_session=None if self._is_mqtt5 else True,
            protocol=protocol,
            reconnect_on_failure=False,
        )
        if self._settings.username:
            client.username_pw_set(self._settings.username, self._settings.password or None)
        if self._broker.is_tls:
            client.tls_set_context(_tls_context())
        client.connect_timeout = CONNECT_TIMEOUT_S
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        return client

    def _connect_now(self) -> None:
        """Connect, in a thread of its own: names are looked up without an event loop."""
        if not self._is_mqtt5:
            self._client.connect(self._broker.host, self._broker.port, KEEPALIVE_S)
            return
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.MaximumPacketSize = MAX_MESSAGE_BYTES
        self._client.connect(
            self._broker.host,
            self._broker.port,
            KEEPALIVE_S,
            clean_start=True,
            properties=properties,
        )

    def _on_connect(
        self, client: Client, _userdata: Any, _flags: Any, reason: ReasonCode, _props: Any
    ) -> None:
        if reason.is_failure:
            self._tell(
                self._fail,
                refused(self._broker, self._settings.username, reason.value, str(reason)),
            )
        elif self._is_mqtt5:
            options = SubscribeOptions(qos=1, retainHandling=SubscribeOptions.RETAIN_DO_NOT_SEND)
            client.subscribe(self._broker.topics, options=options)
        else:
            client.subscribe(self._broker.topics, qos=1)

    def _on_subscribe(
        self, _client: Client, _userdata: Any, _mid: int, reasons: list[ReasonCode], _props: Any
    ) -> None:
        if any(reason.is_failure for reason in reasons):
            failure = LinkError(
                f"{self._broker} does not let us read {self._broker.topics!r}: {reasons[0]}",
                hint="allow this user to read the topics, in the broker's access list",
            )
            self._tell(self._fail, failure)
        else:
            self._tell(self._succeed)

    def _on_disconnect(
        self, _client: Client, _userdata: Any, _flags: Any, reason: ReasonCode, _props: Any
    ) -> None:
        failure = LinkError(
            f"{self._broker} ended the connection: {reason}",
            hint="check that the broker runs; a port with TLS needs mqtts://, one without mqtt://",
        )
        self._tell(self._fail, failure)

    def _on_message(self, _client: Client, _userdata: Any, message: MQTTMessage) -> None:
        if message.retain:
            return
        try:
            topic = message.topic.encode()
        except UnicodeDecodeError:
            topic = b"?"
        line = b"%s %s" % (topic, message.payload[:MAX_MESSAGE_BYTES])
        # Waiting here keeps paho from reading on, and from acknowledging.
        has_room = self._room.acquire(timeout=0 if self._is_stalled else PATIENCE_S)
        self._is_stalled = not has_room
        if not self._is_closed:
            self._tell(self._take, line.translate(_IN_LINE) + b"\n", has_room)

    def _tell(self, do: Callable[..., None], *arguments: Any) -> None:
        # The loop may already be closed while paho's thread winds down.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(do, *arguments)

    def _succeed(self) -> None:
        if not self._subscribed.done():
            self._subscribed.set_result(None)

    def _fail(self, failure: LinkError) -> None:
        """Note why no more comes; the first reason is the one."""
        if self._failure is None:
            self._failure = failure
        self._arrived.set()
        if not self._subscribed.done():
            self._subscribed.set_exception(failure)
            # Nobody may be waiting any more; then it is not an error that nobody heard.
            self._subscribed.exception()

    def _make_room(self) -> None:
        # A line that was taken without room has none to give back.
        with contextlib.suppress(ValueError):
            self._room.release()

    def _take(self, line: bytes, has_room: bool) -> None:
        """Queue a line; where there was no room for it, the oldest goes."""
        if not has_room and self._lines:
            self._lines.popleft()
            if self.dropped % TELL_EVERY == 0:
                _logger.warning("%s: messages come, but are not read", self._broker)
            self.dropped += 1
        self._lines.append(line)
        self._arrived.set()


async def open_mqtt(address: str, settings: LinkSettings) -> MqttLink:
    """Subscribe at a broker, by MQTT 5 or, where it knows none, by 3.1.1.

    Raises LinkError where trying again may help, OperatorError for an address that is none.
    """
    broker = parse_subscription(address)
    try:
        return await _open(broker, settings, MQTTProtocolVersion.MQTTv5)
    except OldBrokerError:
        return await _open(broker, settings, MQTTProtocolVersion.MQTTv311)


async def _open(
    broker: BrokerAddress, settings: LinkSettings, protocol: MQTTProtocolVersion
) -> MqttLink:
    link = MqttLink(broker, settings, protocol)
    try:
        await link.connect()
    except BaseException:
        await link.close()
        raise
    return link


def _tls_context() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
