"""The Carrier port over paho-mqtt, for a self-hosted broker. Its thread hands all to the loop."""

import asyncio
import contextlib
import ssl
from collections.abc import Sequence
from typing import Any

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.reasoncodes import ReasonCode

from agent.uplink.access import CloudAccess
from shared.errors import RetryableError

KEEPALIVE_S = 30
SUBSCRIBED_S_MAX = 20.0


class MqttCarrier:
    """One connection."""

    def __init__(self, client_id: str, access: CloudAccess) -> None:
        """Raises OperatorError where the files do not fit, or the key is in a token."""
        self._access = access
        self._address = f"{access.host}:{access.port}"
        self._loop = asyncio.get_running_loop()
        self._heard: asyncio.Queue[tuple[str, bytes] | str] = asyncio.Queue()
        self._connected: asyncio.Future[str] = self._loop.create_future()
        self._subscribed: asyncio.Queue[None] = asyncio.Queue()
        client = Client(
            CallbackAPIVersion.VERSION2, client_id=client_id, protocol=MQTTProtocolVersion.MQTTv5
        )
        client.tls_set_context(access.tls_context())
        client.on_connect = self._on_connect
        client.on_subscribe = lambda *_: self._tell(self._subscribed.put_nowait, None)
        client.on_message = self._on_message
        client.on_disconnect = self._on_disconnect
        self._client = client

    async def open(self) -> None:
        """Connect, with the reason in the error where it fails."""
        try:
            await asyncio.to_thread(
                self._client.connect, self._access.host, self._access.port, KEEPALIVE_S
            )
        except ssl.SSLCertVerificationError as error:
            raise RetryableError(
                f"the hub does not trust {self._address}: {error.verify_message}",
                hint="is this the cloud that made the claim? is the hub's clock right?",
            ) from error
        except OSError as error:
            raise RetryableError(f"no connection to {self._address}: {error}") from error
        self._client.loop_start()
        reason = await self._connected
        if reason:
            raise RetryableError(f"{self._address} refused the connection: {reason}")

    async def subscribe(self, filters: Sequence[str]) -> None:
        """Subscribe; a broker may say yes and deliver nothing."""
        self._check(self._client.subscribe([(one, 1) for one in filters])[0])
        try:
            await asyncio.wait_for(self._subscribed.get(), SUBSCRIBED_S_MAX)
        except TimeoutError as error:
            raise RetryableError(f"{self._address} does not confirm a subscription") from error

    async def publish(self, topic: str, payload: bytes) -> None:
        """Publish at QoS 1."""
        self._check(self._client.publish(topic, payload, qos=1).rc)

    async def hear(self) -> tuple[str, bytes]:
        """Take the next message."""
        heard = await self._heard.get()
        if isinstance(heard, str):
            raise RetryableError(f"{self._address} ended the connection: {heard}")
        return heard

    async def close(self) -> None:
        """Disconnect, and end the thread."""
        self._client.disconnect()
        await asyncio.to_thread(self._client.loop_stop)

    def _check(self, code: MQTTErrorCode) -> None:
        if code != MQTTErrorCode.MQTT_ERR_SUCCESS:
            raise RetryableError(f"the connection to {self._address} has ended: {code.name}")

    def _on_connect(
        self, _client: Client, _userdata: Any, _flags: Any, reason: ReasonCode, _props: Any
    ) -> None:
        self._tell(self._note_connected, str(reason) if reason.is_failure else "")

    def _on_message(self, _client: Client, _userdata: Any, message: MQTTMessage) -> None:
        self._tell(self._heard.put_nowait, (message.topic, bytes(message.payload)))

    def _on_disconnect(
        self, client: Client, _userdata: Any, _flags: Any, reason: ReasonCode, _props: Any
    ) -> None:
        # paho would connect again by itself; what was asked would go unanswered all the same.
        client.disconnect()
        self._tell(self._note_connected, str(reason))
        self._tell(self._heard.put_nowait, str(reason))

    def _note_connected(self, reason: str) -> None:
        if not self._connected.done():
            self._connected.set_result(reason)

    def _tell(self, call: Any, told: Any) -> None:
        # The loop may already be closed while paho's thread winds down.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(call, told)
