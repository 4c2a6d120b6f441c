"""Speaks and listens at the broker with an identity of the fleet's, beside whose it is."""

import contextlib
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from shared import topics
from shared.errors import OperatorError

TAKEN_S = 20.0


class Speaker:
    """One connection that says and hears what its certificate allows."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def say(self, topic: str, payloads: list[bytes]) -> None:
        """Publish at QoS 1; raises OperatorError where the broker does not take all of it."""
        sent = [self._client.publish(topic, one, topics.FRAMES_QOS) for one in payloads]
        for one in sent:
            one.wait_for_publish(TAKEN_S)
        if not all(one.is_published() for one in sent):
            raise OperatorError(f"{len(sent)} messages were not all taken in {TAKEN_S} s")

    def hear(self, topic: str, take: Callable[[bytes], None]) -> None:
        """Hand on what comes by once this returns, in a thread of the connection's."""
        is_subscribed = threading.Event()

        def on_message(_client: Client, _told: object, message: MQTTMessage) -> None:
            take(bytes(message.payload))

        self._client.on_message = on_message
        self._client.on_subscribe = lambda *_told: is_subscribed.set()
        self._client.subscribe(topic, topics.FRAMES_QOS)
        if not is_subscribed.wait(TAKEN_S):
            raise OperatorError(f"{topic} could not be subscribed to in {TAKEN_S} s")


@contextlib.contextmanager
def speaking(fleet: Path, name: str, host: str, port: int) -> Iterator[Speaker]:
    """Connect with a fleet's identity of this name, under a client id of its own."""
    things = fleet / "things"
    tls = ssl.create_default_context(cafile=fleet / "ca.crt")
    tls.load_cert_chain(things / f"{name}.crt", things / f"{name}.key")
    client = Client(
        CallbackAPIVersion.VERSION2, client_id=f"{name}-again", protocol=MQTTProtocolVersion.MQTTv5
    )
    client.tls_set_context(tls)
    client.connect(host, port)
    client.loop_start()
    try:
        yield Speaker(client)
    finally:
        client.disconnect()
        client.loop_stop()
