"""An MQTT broker as the place where a simulated meter's lines go, each line a message of QoS 1.

Owns the publishing connection and the waiting. A line counts as sent when the broker has passed it
to somebody: its acknowledgement says where nobody listens (MQTT 5), and then it is sent again.
"""

import threading
import time
from collections.abc import Sequence
from typing import Any

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.reasoncodes import ReasonCode

from firmware_bridge.links.mqtt_address import BrokerAddress, is_filter, parse_broker
from firmware_bridge.simulator.sinks import GRACE_S, WAIT_S, Stopping
from shared.errors import OperatorError

DEFAULT_PREFIX = "glow"

WINDOW = 64
"""Messages that wait for their acknowledgement at once, and only while somebody listens: else an
early one could be sent again after a later one was taken."""

MAX_STORED = 5_000
"""Messages the broker may hold for a slow reader before we wait: 3 MB."""

STORED_TOPIC = "$SYS/broker/store/messages/count"
"""Where a Mosquitto says how many it holds; another broker says nothing, and is not waited for."""

CONNECT_TIMEOUT_S = 10
KEEPALIVE_S = 30

_NO_TOPIC = str.maketrans("+#\0", "???")

_GAVE_UP = -1
"""In place of an acknowledgement that was not waited for."""


class MqttSink:
    """Publishes lines of `topic payload`, the first level of their topic replaced by a prefix."""

    def __init__(self, broker: BrokerAddress) -> None:
        """Connect; raise OperatorError where there is no broker."""
        self._prefix = broker.topics.strip("/") or DEFAULT_PREFIX
        self._changed = threading.Condition()
        self._reasons: dict[int, int] = {}
        self._stored = 0
        self._is_heard = False
        self._client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
        self._client.connect_timeout = CONNECT_TIMEOUT_S
        self._client.max_inflight_messages_set(WINDOW)
        self._client.on_connect = self._on_connect
        self._client.on_message = self._on_message
        self._client.on_publish = self._on_publish
        try:
            self._client.connect(broker.host, broker.port, KEEPALIVE_S)
        except OSError as error:
            raise OperatorError(
                f"{broker} cannot be reached: {error.strerror or error}",
                hint="start the broker first, and let it listen without TLS or a password",
            ) from error
        self._client.loop_start()

    def send(self, telegrams: Sequence[bytes], stopping: Stopping) -> int:
        """Publish every line of the telegrams, waiting for a subscriber where there is none."""
        messages: list[tuple[str, bytes]] = []
        ends: list[int] = []
        for telegram in telegrams:
            messages += [self._message(line) for line in telegram.splitlines()]
            ends.append(len(messages))
        done, stop_at, deadline_s = 0, len(messages), 0.0
        while done < stop_at:
            if not deadline_s and stopping():
                stop_at = next(end for end in (0, *ends) if end >= done)
                deadline_s = time.monotonic() + GRACE_S
                continue
            if deadline_s and time.monotonic() > deadline_s:
                break
            if self._stored > MAX_STORED:
                self._wait()
                continue
            window = WINDOW if self._is_heard else 1
            done += self._publish(messages[done : min(done + window, stop_at)], stopping)
        return sum(end <= done for end in ends)

    def close(self) -> None:
        """Disconnect; everything that counted as sent has been acknowledged."""
        self._client.disconnect()
        self._client.loop_stop()

    def _message(self, line: bytes) -> tuple[str, bytes]:
        """Split a line; a fault may have struck its topic, which must stay one."""
        topic, _, payload = line.partition(b" ")
        levels = topic.decode("ascii", "replace").translate(_NO_TOPIC).partition("/")[2]
        return f"{self._prefix}/{levels}", payload

    def _publish(self, messages: list[tuple[str, bytes]], stopping: Stopping) -> int:
        """Publish some and wait for what becomes of them; return how many were taken in order."""
        numbers = [self._client.publish(*message, qos=1).mid for message in messages]
        reasons = [self._reason_of(number, stopping) for number in numbers]
        taken = 0
        while taken < len(reasons) and reasons[taken] == 0:
            taken += 1
        self._is_heard = taken == len(reasons)
        if not self._is_heard:
            self._wait()
        return taken

    def _reason_of(self, number: int, stopping: Stopping) -> int:
        """Wait for an acknowledgement and return its reason, 0 for taken by somebody."""
        deadline_s = 0.0
        with self._changed:
            while number not in self._reasons:
                if not deadline_s and stopping():
                    deadline_s = time.monotonic() + GRACE_S
                if deadline_s and time.monotonic() > deadline_s:
                    return _GAVE_UP
                self._changed.wait(WAIT_S)
            return self._reasons.pop(number)

    def _wait(self) -> None:
        with self._changed:
            self._changed.wait(WAIT_S)

    def _on_connect(
        self, client: Client, _userdata: Any, _flags: Any, _reason: ReasonCode, _props: Any
    ) -> None:
        client.subscribe(STORED_TOPIC)

    def _on_message(self, _client: Client, _userdata: Any, message: MQTTMessage) -> None:
        with self._changed:
            self._stored = int(message.payload)
            self._changed.notify_all()

    def _on_publish(
        self, _client: Client, _userdata: Any, mid: int, reason: ReasonCode, _props: Any
    ) -> None:
        with self._changed:
            self._reasons[mid] = reason.value
            self._changed.notify_all()


def open_mqtt_sink(link: str) -> MqttSink:
    """Open `mqtt://HOST[:PORT][/PREFIX]`; raise OperatorError where it cannot be."""
    broker = parse_broker(link, DEFAULT_PREFIX)
    if not is_filter(broker.topics.strip("/") or DEFAULT_PREFIX) or set("+#") & set(broker.topics):
        raise OperatorError(
            f"link {link!r} names no topic to publish under", hint="leave out '+' and '#'"
        )
    return MqttSink(broker)
