"""The ingest worker and the API against a real Mosquitto with client certificates."""

import json
import queue
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from fastapi.testclient import TestClient
from paho.mqtt.enums import CallbackAPIVersion

from cloud.app import create_app
from cloud.config import Config
from cloud.households.revocations import readmit, revoke
from cloud.ingest.worker import IngestWorker
from shared import topics
from shared.clock import SystemClock
from shared.protocol import (
    ConsentLimit,
    Hello,
    LogState,
    Receipt,
    Status,
    decode_receipt,
    encode_message,
)
from tests.support.cloud import (
    HEADERS,
    LOG_ID,
    METER,
    config_in,
    database_in,
    payload_of,
    samples_of,
)
from tests.support.mosquitto import Broker

pytestmark = pytest.mark.slow
WAIT_S = 60.0
THING = "hub-1"
TARIFF = {
    "name": "Flat",
    "currency": "GBP",
    "versions": [
        {
            "version": "1",
            "starts_on": "2026-01-01",
            "standing_millionths_per_day": 0,
            "vat_permille": 0,
            "prices": {"kind": "flat", "price_millionths_per_kwh": 250_000},
        }
    ],
}


class Hub:
    """A hub reduced to its MQTT client: publishes as itself and collects what it hears."""

    def __init__(self, broker: Broker, thing: str = THING) -> None:
        self.thing = thing
        self.heard: queue.Queue[tuple[str, bytes]] = queue.Queue()
        ready = threading.Event()
        self.client = paho.Client(
            CallbackAPIVersion.VERSION2, client_id=thing, protocol=paho.MQTTv5
        )
        self.client.tls_set_context(broker.tls_context(broker.issue(thing)))
        self.client.on_message = lambda _c, _u, m: self.heard.put((m.topic, bytes(m.payload)))
        self.client.on_subscribe = lambda *_: ready.set()
        self.client.connect(broker.host, broker.port)
        self.client.loop_start()
        shadow = topics.shadow_get(thing, "tariff")
        delta = topics.shadow_delta(thing, "tariff")
        self.client.subscribe([(topics.receipts(thing), 1), (f"{shadow}/+", 1), (delta, 1)])
        assert ready.wait(WAIT_S)

    def say(self, topic: str, payload: bytes) -> None:
        """Publish and wait for the broker's word."""
        self.client.publish(topic, payload, qos=1).wait_for_publish(WAIT_S)

    def receipt(self) -> Receipt:
        """Wait for the next receipt."""
        topic, payload = self.heard.get(timeout=WAIT_S)
        assert topic == topics.receipts(self.thing)
        return decode_receipt(payload)

    def stop(self) -> None:
        """Disconnect."""
        self.client.disconnect()
        self.client.loop_stop()


def config_for(broker: Broker, directory: Path, service: str) -> Config:
    """Point a cloud process at the broker."""
    credentials = broker.service(service)
    return config_in(
        directory,
        broker_host=broker.host,
        broker_port=broker.services_port,
        broker_ca=credentials.authority,
        broker_cert=credentials.certificate,
        broker_key=credentials.key,
    )


@contextmanager
def working(config: Config, directory: Path) -> Iterator[IngestWorker]:
    """Run a worker in a thread until the block ends."""
    database = database_in(directory)
    worker = IngestWorker(config, database, SystemClock())
    thread = threading.Thread(target=worker.run)
    thread.start()
    deadline = time.monotonic() + WAIT_S
    while not worker.link.is_subscribed and time.monotonic() < deadline:
        time.sleep(0.01)
    try:
        yield worker
    finally:
        worker.stop()
        thread.join(WAIT_S)
        database.close()


@pytest.fixture(name="broker", scope="module")
def _broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    with Broker(tmp_path_factory.mktemp("broker")) as broker:
        yield broker


def test_frame_is_answered_with_a_receipt_after_commit(broker: Broker, tmp_path: Path) -> None:
    """A frame published by a hub is stored and its range listed in the receipt."""
    hub = Hub(broker)

    with working(config_for(broker, tmp_path, "cloud-ingest"), tmp_path):
        hub.say(topics.frames(THING), payload_of(samples_of(1, 60)))
        receipt = hub.receipt()
    hub.stop()

    assert receipt.log_id == LOG_ID.hex()
    assert receipt.stored == [(1, 60, 0)]


def test_two_workers_share_the_frames(broker: Broker, tmp_path: Path) -> None:
    """Two workers on one database store every frame once between them."""
    hub = Hub(broker, "hub-2")
    config = config_for(broker, tmp_path, "cloud-ingest")

    with working(config, tmp_path) as one, working(config, tmp_path) as other:
        for first in range(1, 601, 30):
            hub.say(topics.frames("hub-2"), payload_of(samples_of(first, 30)))
        stored: list[tuple[int, int, int]] = []
        while stored != [(1, 600, 0)]:
            stored = hub.receipt().stored
    hub.stop()

    assert one.counts["frames"] + other.counts["frames"] == 20
    assert min(one.counts["frames"], other.counts["frames"]) > 0


def test_worker_leaves_while_frames_keep_coming(broker: Broker, tmp_path: Path) -> None:
    """It ends within the time of its queue, and the one that stays hears all that comes after."""
    hub = Hub(broker, "hub-4")
    config = config_for(broker, tmp_path, "cloud-ingest")
    frames = [payload_of(samples_of(first, 30)) for first in range(1, 601, 30)]
    is_over = threading.Event()

    def keep_saying() -> None:
        while not is_over.is_set():
            hub.say(topics.frames("hub-4"), frames[0])

    saying = threading.Thread(target=keep_saying)
    with working(config, tmp_path) as staying:
        with working(config, tmp_path) as leaving:
            saying.start()
            hub.receipt()
        before = staying.counts["frames"]
        has_left = not leaving.link.is_connected
        for frame in frames:
            hub.say(topics.frames("hub-4"), frame)
        stored: list[tuple[int, int, int]] = []
        while stored != [(1, 600, 0)]:
            stored = hub.receipt().stored
        is_over.set()
        saying.join(WAIT_S)
    hub.stop()

    assert has_left
    assert staying.counts["frames"] - before >= len(frames)


def test_hello_is_answered_and_status_kept(broker: Broker, tmp_path: Path) -> None:
    """A hello gets a receipt for its log, and the API then shows the hub online."""
    hub = Hub(broker)
    hello = Hello("0.1.0", 1, [LogState(LOG_ID.hex(), METER, 1, 90)])

    with working(config_for(broker, tmp_path, "cloud-ingest"), tmp_path):
        hub.say(topics.status(THING), encode_message(Status("a", online=True)))
        hub.say(topics.hello(THING), encode_message(hello))
        receipt = hub.receipt()
    hub.stop()
    with TestClient(create_app(config_in(tmp_path))) as client:
        gateway = client.get("/v1/gateways", headers=HEADERS).json()["gateways"][0]

    assert receipt.stored == []
    assert gateway["is_online"]
    assert gateway["logs"][0]["missing"] == [[1, 90]]


def test_tariff_reaches_the_hub(broker: Broker, tmp_path: Path) -> None:
    """A hub that asks too early is told 404; then it hears the delta, and the document."""
    hub = Hub(broker)
    ask = topics.shadow_get(THING, "tariff")

    with working(config_for(broker, tmp_path, "cloud-ingest"), tmp_path):
        hub.say(ask, b"")
        rejected = hub.heard.get(timeout=WAIT_S)
        hub.say(topics.frames(THING), payload_of(samples_of(1, 6)))
        hub.receipt()
        with TestClient(create_app(config_for(broker, tmp_path, "cloud-api"))) as client:
            _until_connected(client)
            client.put(f"/v1/meters/{METER}/tariff", json=TARIFF, headers=HEADERS)
            delta = hub.heard.get(timeout=WAIT_S)
        hub.say(ask, b"")
        accepted = hub.heard.get(timeout=WAIT_S)
    hub.stop()

    assert (rejected[0].rsplit("/", 1)[1], json.loads(rejected[1])["code"]) == ("rejected", 404)
    assert json.loads(delta[1])["state"]["meters"][METER]["name"] == "Flat"
    assert accepted[0].endswith("/accepted")
    assert json.loads(accepted[1])["state"]["desired"]["meters"][METER]["name"] == "Flat"


def test_revoked_hub_gets_no_receipt_on_its_open_connection(broker: Broker, tmp_path: Path) -> None:
    """Another hub, over the same worker, does; let in again, so does this one."""
    lost, other = Hub(broker, "hub-6"), Hub(broker, "hub-7")

    with working(config_for(broker, tmp_path, "cloud-ingest"), tmp_path):
        lost.say(topics.frames("hub-6"), payload_of(samples_of(1, 60)))
        before = lost.receipt().stored
        database = database_in(tmp_path)
        with database.writing() as connection:
            revoke(connection, "hub-6", SystemClock().utc_ms())
        lost.say(topics.frames("hub-6"), payload_of(samples_of(61, 60)))
        other.say(topics.frames("hub-7"), payload_of(samples_of(1, 60), log_id=b"7" * 16))
        others = other.receipt().stored
        with database.writing() as connection:
            readmit(connection, "hub-6", SystemClock().utc_ms())
        lost.say(topics.frames("hub-6"), payload_of(samples_of(121, 60)))
        after = lost.receipt().stored
        database.close()
    lost.stop()
    other.stop()

    assert (before, others) == ([(1, 60, 0)], [(1, 60, 0)])
    assert after == [(1, 60, 0), (121, 180, 0)]


def test_limit_of_consent_reaches_a_connected_hub_at_once(broker: Broker, tmp_path: Path) -> None:
    """Without waiting for a frame of it: the receipt names no log and carries the limit."""
    hub = Hub(broker, "hub-8")

    with working(config_for(broker, tmp_path, "cloud-ingest"), tmp_path):
        hub.say(topics.frames("hub-8"), payload_of(samples_of(1, 6)))
        first = hub.receipt()
    with TestClient(create_app(config_for(broker, tmp_path, "cloud-api"))) as client:
        _until_connected(client)
        answer = client.put(
            "/v1/gateways/hub-8/consent", json={"granularity": "none"}, headers=HEADERS
        ).json()
        told = hub.receipt()
    hub.stop()

    assert first.consent is None
    assert told.consent == ConsentLimit("none", answer["limit_revision"])
    assert (told.log_id, told.store_id) == ("", first.store_id)
    assert told.revision > first.revision


def _until_connected(client: TestClient) -> None:
    deadline = time.monotonic() + WAIT_S
    while client.get("/v1/health").json()["broker"] != "connected":
        assert time.monotonic() < deadline
        time.sleep(0.01)
