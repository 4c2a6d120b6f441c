"""The Uplink port over awsiotsdk's MQTT 5 client, for AWS IoT Core, and for keys in a token.

The client runs on threads of the AWS Common Runtime; every callback is handed to the event loop and
decides nothing. The runtime would reconnect by itself with the will it was made with; a will that
names a connection must be that connection's own, so each one is a client of its own here.
"""

import asyncio
import contextlib
import secrets
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from awscrt import io, mqtt5  # type: ignore[import-untyped]  # it ships no types
from awscrt.exceptions import AwsCrtError  # type: ignore[import-untyped]  # as above

from agent.uplink.access import CloudAccess
from agent.uplink.crt import name_of, tls_options
from agent.uplink.keeper import Keeper
from agent.uplink.lanes import FIRST_FAILURE, Lanes, judge_puback, qos_of
from agent.uplink.port import Channel, Connected, Event
from shared import topics
from shared.errors import RetryableError
from shared.protocol import Status, encode_message

KEEPALIVE_S = 30
"""A dead link is noticed within 45 s; the library's own default, 1200 s, takes 20 minutes."""

PING_TIMEOUT_MS = 15_000
CONNACK_TIMEOUT_MS = 20_000
ACK_TIMEOUT_S = 30
"""An acknowledgement that takes longer is given up; the receipt decides what is sent again."""

NEVER_MS = 3_600_000
"""The runtime's own reconnecting, put off until the client is long stopped."""

MAX_PENDING = 64
"""Messages unacknowledged at once: AWS IoT Core takes 100 of one client."""

PARTING_S_MAX = 3.0
"""How long saying offline and disconnecting may take; then the last will speaks."""


class AwsUplink:
    """MQTT connections of one thing, one after the other.

    AWS limits of 100 publishes a second and 512 KB/s are kept by the client's flow control, the
    128 KB of a payload by the frame's own limit. On port 443 it asks for MQTT by ALPN.
    """

    def __init__(self, thing: str, access: CloudAccess, *, is_aws: bool = True) -> None:
        """Takes `is_aws` false for another MQTT 5 broker, which knows nothing of AWS's ALPN."""
        self._is_aws = is_aws
        self._thing = topics.check_thing(thing)
        self._access = access
        # The runtime names no file: what does not fit is found out, and named, before.
        access.request_context()
        self._lanes = Lanes(thing, access.frames_prefix)
        self._deliver: Callable[[Event], None] = lambda _event: None
        self._link: _Link | None = None
        self._keeper: Keeper | None = None
        self._pending = 0
        # One thread moves the bytes; the default would be one for each core.
        group = io.EventLoopGroup(1)
        self._bootstrap = io.ClientBootstrap(group, io.DefaultHostResolver(group))

    async def start(self, deliver: Callable[[Event], None]) -> None:
        """Begin connecting; a broker that is away is tried again with growing pauses."""
        self._deliver = deliver
        self._keeper = Keeper(self._connect_once, deliver)

    def publish(self, channel: Channel, payload: bytes, subject: str = "") -> bool:
        """Publish at the channel's quality of service; False while not connected, or too busy."""
        link = self._link
        if link is None or not link.is_up or self._pending >= MAX_PENDING:
            return False
        if channel is Channel.HELLO:
            link.say_status(online=True)
        sending = link.publish(self._lanes.topic(channel, subject), payload, qos_of(channel))
        self._pending += 1
        link.when_done(sending, lambda: self._settle(link, channel, sending))
        return True

    def recall(self) -> bool:
        """Recall nothing: what is published is the runtime's, which sends it at once."""
        return False

    async def stop(self) -> None:
        """Say offline and disconnect; the last will is then not needed."""
        if self._keeper is not None:
            await self._keeper.stop()

    async def _connect_once(self, succeeded: Callable[[], None]) -> str:
        """Hold one connection from its first try to its end; return what ended it."""
        try:
            tls = io.ClientTlsContext(tls_options(self._access, is_aws=self._is_aws))
            link = _Link(self._thing, self._access, self._bootstrap, tls, self._hear)
        except (AwsCrtError, RuntimeError, OSError) as error:
            return f"the certificate files cannot be used: {error}"
        self._link = link
        try:
            link.start()
            if not await link.opened:
                return await link.ended
            await link.begin(self._lanes.filters)
            succeeded()
            self._deliver(Connected())
            return await link.ended
        except RetryableError as error:
            return error.message
        except (AwsCrtError, TimeoutError) as error:
            return f"the broker did not take the subscriptions: {name_of(error)}"
        finally:
            self._link, self._pending = None, 0
            await link.close()

    def _hear(self, topic: str, payload: bytes) -> None:
        arrived = self._lanes.arrived(topic, payload)
        if arrived is not None:
            self._deliver(arrived)

    def _settle(self, link: "_Link", channel: Channel, sending: "Future[Any]") -> None:
        """Take in what became of a message; one that a lost connection took down says nothing."""
        if self._link is not link:
            return
        self._pending -= 1
        if sending.exception() is not None:
            return
        code = sending.result().puback.reason_code
        if code is None:
            return
        fault = judge_puback(channel, int(code), str(code), self._access.frames_prefix)
        if fault is not None:
            self._deliver(fault)


class _Link:
    """One client of the runtime: one connection with a will of its own."""

    def __init__(
        self,
        thing: str,
        access: CloudAccess,
        bootstrap: Any,
        tls: Any,
        hear: Callable[[str, bytes], None],
    ) -> None:
        self._thing = thing
        self._address = f"{access.host}:{access.port}"
        self._hear = hear
        self._loop = asyncio.get_running_loop()
        self._connection_id = secrets.token_hex(8)
        self.is_up = False
        self.opened: asyncio.Future[bool] = self._loop.create_future()
        self.ended: asyncio.Future[str] = self._loop.create_future()
        self._stopped: asyncio.Future[None] = self._loop.create_future()
        self._client = mqtt5.Client(self._options(access, bootstrap, tls))

    def _options(self, access: CloudAccess, bootstrap: Any, tls: Any) -> Any:
        offline = encode_message(Status(self._connection_id, online=False))
        return mqtt5.ClientOptions(
            host_name=access.host,
            port=access.port,
            bootstrap=bootstrap,
            tls_ctx=tls,
            disable_metrics=True,
            connect_options=mqtt5.ConnectPacket(
                client_id=self._thing,
                keep_alive_interval_sec=KEEPALIVE_S,
                will=mqtt5.PublishPacket(
                    topic=topics.status(self._thing), payload=offline, qos=mqtt5.QoS.AT_LEAST_ONCE
                ),
            ),
            extended_validation_and_flow_control_options=(
                mqtt5.ExtendedValidationAndFlowControlOptions.AWS_IOT_CORE_DEFAULTS
            ),
            session_behavior=mqtt5.ClientSessionBehaviorType.CLEAN,
            # What is not acknowledged when a connection ends, the session sends again.
            offline_queue_behavior=mqtt5.ClientOperationQueueBehaviorType.FAIL_ALL_ON_DISCONNECT,
            min_reconnect_delay_ms=NEVER_MS,
            max_reconnect_delay_ms=NEVER_MS,
            ping_timeout_ms=PING_TIMEOUT_MS,
            connack_timeout_ms=CONNACK_TIMEOUT_MS,
            ack_timeout_sec=ACK_TIMEOUT_S,
            on_publish_callback_fn=self._on_publish,
            on_lifecycle_event_stopped_fn=lambda _told: self._on_loop(self._note_stopped),
            on_lifecycle_event_connection_success_fn=lambda _told: self._on_loop(self._note_open),
            on_lifecycle_event_connection_failure_fn=self._on_failure,
            on_lifecycle_event_disconnection_fn=self._on_disconnection,
        )

    def start(self) -> None:
        """Begin the one try."""
        self._client.start()

    async def begin(self, filters: list[str]) -> None:
        """Subscribe and say online, in this order; return once the broker has subscribed it.

        Raises AwsCrtError, TimeoutError or RetryableError where it does not.
        """
        subscriptions = [
            mqtt5.Subscription(topic_filter=one, qos=mqtt5.QoS.AT_LEAST_ONCE) for one in filters
        ]
        asked = self._client.subscribe(mqtt5.SubscribePacket(subscriptions=subscriptions))
        self.say_status(online=True)
        told = await asyncio.wait_for(asyncio.wrap_future(asked), ACK_TIMEOUT_S)
        refused = [
            topic
            for topic, code in zip(filters, told.reason_codes, strict=True)
            if code >= FIRST_FAILURE
        ]
        if refused:
            raise RetryableError(f"the broker refused to let {self._thing} hear {refused[0]}")
        self.is_up = True

    def publish(self, topic: str, payload: bytes, qos: int) -> "Future[Any]":
        """Hand a message to the runtime; what became of it is in the future, on its own thread."""
        packet = mqtt5.PublishPacket(topic=topic, payload=payload, qos=mqtt5.QoS(qos))
        sending: Future[Any] = self._client.publish(packet)
        return sending

    def when_done(self, sending: "Future[Any]", call: Callable[[], None]) -> None:
        """Call on the event loop once a message is settled."""
        sending.add_done_callback(lambda _done: self._on_loop(call))

    async def close(self) -> None:
        """Say offline where there is a connection, and end the client; bounded in time."""
        if self.is_up and not self.ended.done():
            with contextlib.suppress(AwsCrtError, TimeoutError):
                said = asyncio.wrap_future(self.say_status(online=False))
                await asyncio.wait_for(said, PARTING_S_MAX)
        self.is_up = False
        self._client.stop()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopped, PARTING_S_MAX)

    def say_status(self, *, online: bool) -> "Future[Any]":
        """Say whether this connection's hub is online."""
        status = encode_message(Status(self._connection_id, online))
        return self.publish(topics.status(self._thing), status, 1)

    def _on_publish(self, told: Any) -> None:
        topic, payload = told.publish_packet.topic, bytes(told.publish_packet.payload)
        self._on_loop(lambda: self._hear(topic, payload))

    def _on_failure(self, told: Any) -> None:
        refusal = told.connack_packet.reason_code if told.connack_packet else None
        reason = f"no connection to {self._address}: {name_of(told.exception)}"
        if refusal is not None:
            reason = f"{self._address} refused the connection: {refusal}"
        self._on_loop(lambda: self._note_end(reason))

    def _on_disconnection(self, told: Any) -> None:
        reason = f"the connection ended: {name_of(told.exception)}"
        self._on_loop(lambda: self._note_end(reason))

    def _note_open(self) -> None:
        if not self.opened.done():
            self.opened.set_result(True)

    def _note_end(self, reason: str) -> None:
        self.is_up = False
        if not self.opened.done():
            self.opened.set_result(False)
        if not self.ended.done():
            self.ended.set_result(reason)

    def _note_stopped(self) -> None:
        if not self._stopped.done():
            self._stopped.set_result(None)

    def _on_loop(self, call: Callable[[], None]) -> None:
        # The loop may already be closed while the runtime's threads wind down.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(call)
