"""The Carrier port over awscrt, for AWS IoT Core, and for keys in a PKCS#11 token."""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from typing import Any

from awscrt import io, mqtt5  # type: ignore[import-untyped]  # it ships no types
from awscrt.exceptions import AwsCrtError  # type: ignore[import-untyped]  # as above

from agent.uplink.access import CloudAccess
from agent.uplink.crt import name_of, tls_options
from shared.errors import RetryableError

KEEPALIVE_S = 30
ACK_S_MAX = 20.0
NEVER_MS = 3_600_000
"""The runtime's own reconnecting, put off until the client is long stopped."""

FIRST_FAILURE = 0x80


class AwsCarrier:
    """One connection."""

    def __init__(self, client_id: str, access: CloudAccess, *, is_aws: bool = True) -> None:
        """Takes `is_aws` as `AwsUplink`; raises OperatorError where the files do not fit."""
        access.request_context()
        self._address = f"{access.host}:{access.port}"
        self._loop = asyncio.get_running_loop()
        self._heard: asyncio.Queue[tuple[str, bytes] | str] = asyncio.Queue()
        self._connected: asyncio.Future[str] = self._loop.create_future()
        self._stopped = asyncio.Event()
        group = io.EventLoopGroup(1)
        self._client = mqtt5.Client(
            mqtt5.ClientOptions(
                host_name=access.host,
                port=access.port,
                bootstrap=io.ClientBootstrap(group, io.DefaultHostResolver(group)),
                tls_ctx=io.ClientTlsContext(tls_options(access, is_aws=is_aws)),
                disable_metrics=True,
                connect_options=mqtt5.ConnectPacket(
                    client_id=client_id, keep_alive_interval_sec=KEEPALIVE_S
                ),
                session_behavior=mqtt5.ClientSessionBehaviorType.CLEAN,
                min_reconnect_delay_ms=NEVER_MS,
                max_reconnect_delay_ms=NEVER_MS,
                on_publish_callback_fn=self._on_publish,
                on_lifecycle_event_stopped_fn=lambda _told: self._tell(self._stopped.set),
                on_lifecycle_event_connection_success_fn=lambda _told: self._tell(
                    self._note_connected, ""
                ),
                on_lifecycle_event_connection_failure_fn=self._on_end,
                on_lifecycle_event_disconnection_fn=self._on_end,
            )
        )

    async def open(self) -> None:
        """Connect, with the runtime's name for the reason where it fails."""
        self._client.start()
        reason = await self._connected
        if reason:
            raise RetryableError(f"no connection to {self._address}: {reason}")

    async def subscribe(self, filters: Sequence[str]) -> None:
        """Subscribe."""
        packet = mqtt5.SubscribePacket(
            subscriptions=[
                mqtt5.Subscription(topic_filter=one, qos=mqtt5.QoS.AT_LEAST_ONCE) for one in filters
            ]
        )
        told = await self._settled(self._client.subscribe(packet))
        for one, code in zip(filters, told.reason_codes, strict=True):
            if code >= FIRST_FAILURE:
                raise RetryableError(f"{self._address} refused to let this client hear {one}")

    async def publish(self, topic: str, payload: bytes) -> None:
        """Publish at QoS 1."""
        packet = mqtt5.PublishPacket(topic=topic, payload=payload, qos=mqtt5.QoS.AT_LEAST_ONCE)
        await self._settled(self._client.publish(packet))

    async def hear(self) -> tuple[str, bytes]:
        """Take the next message."""
        heard = await self._heard.get()
        if isinstance(heard, str):
            raise RetryableError(f"{self._address} ended the connection: {heard}")
        return heard

    async def close(self) -> None:
        """Disconnect."""
        self._client.stop()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopped.wait(), ACK_S_MAX)

    async def _settled(self, asked: Any) -> Any:
        try:
            return await asyncio.wait_for(asyncio.wrap_future(asked), ACK_S_MAX)
        except (AwsCrtError, TimeoutError) as error:
            raise RetryableError(
                f"{self._address} did not take a message: {name_of(error)}"
            ) from error

    def _on_publish(self, told: Any) -> None:
        packet = told.publish_packet
        self._tell(self._heard.put_nowait, (packet.topic, bytes(packet.payload)))

    def _on_end(self, told: Any) -> None:
        connack = getattr(told, "connack_packet", None)
        reason = str(connack.reason_code) if connack else name_of(told.exception)
        self._tell(self._note_connected, reason)
        self._tell(self._heard.put_nowait, reason)

    def _note_connected(self, reason: str) -> None:
        if not self._connected.done():
            self._connected.set_result(reason)

    def _tell(self, call: Callable[..., object], *told: object) -> None:
        # The loop may already be closed while the runtime's threads wind down.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(call, *told)
