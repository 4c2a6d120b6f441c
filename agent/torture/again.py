"""Delivers frames to the broker that the cloud has long since: once more, and in another order.

It speaks as the hub, by its certificate, beside the hub's own connection; it reads the cloud's file
to know what was delivered, and changes nothing in it.
"""

import contextlib
import sqlite3
import ssl
from pathlib import Path
from random import Random

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from shared import topics
from shared.errors import OperatorError

FRAMES = 40
COPIES = 2
DELIVERED_S = 20.0


def stored_frames(database: Path, draw: Random) -> list[bytes]:
    """Draw some of the frames that the cloud has stored, each so often, in any order."""
    with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as store:
        payloads = [payload for (payload,) in store.execute("SELECT payload FROM frames")]
    drawn = draw.sample(payloads, min(FRAMES, len(payloads))) * COPIES
    draw.shuffle(drawn)
    return drawn


def deliver(thing: str, host: str, port: int, tls: ssl.SSLContext, payloads: list[bytes]) -> None:
    """Publish frames as a hub; raises OperatorError where the broker does not take all of them."""
    client = Client(
        CallbackAPIVersion.VERSION2,
        client_id=f"{thing}-again",
        protocol=MQTTProtocolVersion.MQTTv5,
    )
    client.tls_set_context(tls)
    client.connect(host, port)
    client.loop_start()
    try:
        sent = [client.publish(topics.frames(thing), one, topics.FRAMES_QOS) for one in payloads]
        for one in sent:
            one.wait_for_publish(DELIVERED_S)
        if not all(one.is_published() for one in sent):
            raise OperatorError(f"{len(sent)} frames were not all taken in {DELIVERED_S} s")
    finally:
        client.disconnect()
        client.loop_stop()
