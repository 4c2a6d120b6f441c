"""How fast ingest fills PostgreSQL through the broker: hubs with windows, receipts, TLS.

Every process is a real one: Mosquitto, as many ingest workers as cores, PostgreSQL. What stands for
the hubs is one connection that sends for them all, no more of each than its window, until receipts
say that everything is stored.
"""

import os
import random
import subprocess
import tempfile
import threading
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from cloud.bootstrap import open_database
from cloud.config import load
from shared import topics
from shared.clock import SystemClock
from shared.frames import read_envelope
from shared.protocol import decode_receipt
from tests.bench.feeds import Feed, arrivals, history
from tests.bench.processor import cpu_s, cpu_with_children_s
from tests.bench.storing import SETTINGS, WORKERS
from tests.support.mosquitto import Broker
from tests.support.postgres import PostgresServer
from tests.support.way import COMMAND

FEED = Feed(hubs=12, frames=120, samples=360, is_backlog=True)
WINDOW = 16
"""Frames that a hub may have open, unless its cloud says otherwise."""

MAX_TOOK_S = 120.0
SUBSCRIBED_S_MAX = 20.0


class Hubs:
    """All hubs on one connection: each sends on when a receipt says that something is stored."""

    def __init__(self, broker: Broker, queues: dict[str, Sequence[bytes]]) -> None:
        self._left = {thing: deque(queue) for thing, queue in queues.items()}
        self._open: dict[str, list[tuple[int, int]]] = {thing: [] for thing in queues}
        self._lock = threading.Lock()
        self.done = threading.Event()
        self.client = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
        self.client.tls_set_context(broker.tls_context(broker.service()))
        self.client.on_message = self._hear
        self.client.connect(broker.host, broker.services_port)
        self.client.subscribe(topics.receipts(topics.ANY_THING), 1)
        self.client.loop_start()

    def begin(self) -> None:
        """Send what every hub's window lets."""
        for thing in self._left:
            self._send_on(thing)

    def close(self) -> None:
        """Leave the broker."""
        self.client.disconnect()
        self.client.loop_stop()

    def _hear(self, _client: paho.Client, _userdata: Any, message: paho.MQTTMessage) -> None:
        stored = decode_receipt(bytes(message.payload)).stored
        thing = topics.thing_of(message.topic)
        with self._lock:
            self._open[thing] = [
                (first, last)
                for first, last in self._open[thing]
                if not any(one[0] <= first and last <= one[1] for one in stored)
            ]
        self._send_on(thing)
        if not any(self._left.values()) and not any(self._open.values()):
            self.done.set()

    def _send_on(self, thing: str) -> None:
        with self._lock:
            while self._left[thing] and len(self._open[thing]) < WINDOW:
                payload = self._left[thing].popleft()
                envelope = read_envelope(payload)
                self._open[thing].append((envelope.first_seq, envelope.last_seq))
                self.client.publish(topics.frames(thing), payload, qos=1)


def measure() -> list[dict[str, Any]]:
    """Send the same hours as the bench from memory does."""
    queues: dict[str, Sequence[bytes]] = {
        f"hub-{number}": arrivals(history(number, FEED), random.Random(number))
        for number in range(FEED.hubs)
    }
    server = PostgresServer(SETTINGS)
    try:
        with tempfile.TemporaryDirectory() as folder, Broker(Path(folder) / "fleet") as broker:
            took_s, spent = _drain(Path(folder), broker, server, queues)
    finally:
        server.stop()
    samples = FEED.hubs * FEED.frames * FEED.samples
    shares = ", ".join(f"{name} {of_s:.2f}" for name, of_s in spent.items())
    return [
        {
            "name": "PostgreSQL, through the broker",
            "ours": round(samples / took_s),
            "unit": "samples/s",
            "peer": None,
            "theirs": None,
            "ratio": None,
            "target": None,
            "note": f"12 hubs' backlogs, windows of {WINDOW} frames, {WORKERS} workers, TLS;"
            f" {samples / sum(spent.values()):,.0f} samples a CPU-second of all: {shares} s",
        }
    ]


def _drain(
    folder: Path, broker: Broker, server: PostgresServer, queues: dict[str, Sequence[bytes]]
) -> tuple[float, dict[str, float]]:
    """Start everything, send all; returns how long that took, and each part's processor time."""
    environment = _environment(folder, broker, server)
    workers = [
        subprocess.Popen(
            [COMMAND, "cloud", "ingest"],
            env={**os.environ, **environment},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for _ in range(WORKERS)
    ]
    try:
        _await_subscribed(broker, len(workers))
        hubs = Hubs(broker, queues)
        pids = [one.pid for one in workers]
        before, began_s = _spent(broker, server, pids), time.perf_counter()
        hubs.begin()
        assert hubs.done.wait(MAX_TOOK_S), "not everything was stored"
        took_s = time.perf_counter() - began_s
        after = _spent(broker, server, pids)
        hubs.close()
    finally:
        for one in workers:
            one.terminate()
        for one in workers:
            one.wait()
    return took_s, {name: after[name] - before[name] for name in after}


def _environment(folder: Path, broker: Broker, server: PostgresServer) -> dict[str, str]:
    credentials = broker.service("cloud-ingest")
    settings = {
        "state_dir": folder / "cloud",
        "database_url": server.url(server.migrated_database()),
        "broker_host": broker.host,
        "broker_port": broker.services_port,
        "broker_ca": credentials.authority,
        "broker_cert": credentials.certificate,
        "broker_key": credentials.key,
    }
    named = {f"HEARTHLINK_CLOUD_{key.upper()}": str(value) for key, value in settings.items()}
    open_database(load(None, environment=named), SystemClock()).close()
    return named


def _await_subscribed(broker: Broker, count: int) -> None:
    """Wait until the broker has noted that so many workers listen."""
    deadline = time.monotonic() + SUBSCRIBED_S_MAX
    while broker.log_path.read_text().count("as cloud-ingest-") < count:
        assert time.monotonic() < deadline, "the workers do not come to the broker"
        time.sleep(0.05)
    # Between its connection and its subscriptions a worker asks the broker once.
    time.sleep(0.5)


def _spent(broker: Broker, server: PostgresServer, workers: Sequence[int]) -> dict[str, float]:
    assert broker.pid is not None
    return {
        "hubs": time.process_time(),
        "broker": cpu_s(broker.pid),
        "workers": sum(map(cpu_s, workers)),
        "PostgreSQL": cpu_with_children_s(server.pid),
    }


if __name__ == "__main__":
    for line in measure():
        print(line)
