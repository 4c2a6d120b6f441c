"""Ends a connection that is open to the broker: Mosquitto 2.0 has no word for that.

Whoever connects with another's client id takes its session over, and the broker closes the other
connection (MQTT 5 §3.1.4). A hub's client id is its thing name: on the hubs' listener the broker
sees to that, and on the services' one of these may ask for it (cloud/fleet/broker.py).
"""

import queue
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from cloud.config import Config
from cloud.mqtt import tls_context

TAKEN_S_MAX = 3.0
"""Longer than the broker needs; a revocation is in force without it."""


def cut_session(config: Config, thing: str) -> bool:
    """End a hub's connection and forget its session; false where the broker cannot be reached."""
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id=thing, protocol=paho.MQTTv5)
    taken: queue.Queue[bool] = queue.Queue()

    def on_connect(_client: Any, _data: Any, _flags: Any, code: Any, _properties: Any) -> None:
        taken.put(not code.is_failure)

    client.on_connect = on_connect
    if config.broker_ca:
        client.tls_set_context(tls_context(config))
    try:
        client.connect(config.broker_host, config.broker_port, clean_start=True)
    except OSError:
        return False
    client.loop_start()
    try:
        return taken.get(timeout=TAKEN_S_MAX)
    except queue.Empty:
        return False
    finally:
        client.disconnect()
        client.loop_stop()
