"""A worker with a lake beside it, against a real broker: frames in, receipts out, and Parquet."""

import queue
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from cloud.ingest.worker import IngestWorker
from cloud.lake.upkeep import ConfiguredLake
from shared import topics
from shared.clock import DrivenClock
from shared.protocol import Receipt, decode_receipt
from shared.units import MS_PER_DAY
from tests.support.cloud import config_in, payload_of, samples_of
from tests.support.lake import LakeStage
from tests.support.plain_broker import HOST, PlainBroker

pytestmark = pytest.mark.slow
WAIT_S = 60.0
THING = "hub-1"


class Way:
    """A hub's MQTT client, a broker, and workers that come and go on one stage."""

    def __init__(self, directory: Path, broker: PlainBroker) -> None:
        self.stage = LakeStage(directory)
        self.config = config_in(
            directory, lake_url=self.stage.folder, broker_host=HOST, broker_port=broker.port
        )
        self.heard: queue.Queue[bytes] = queue.Queue()
        ready = threading.Event()
        self.client = paho.Client(
            CallbackAPIVersion.VERSION2, client_id=THING, protocol=paho.MQTTv5
        )
        self.client.on_message = lambda _c, _u, message: self.heard.put(bytes(message.payload))
        self.client.on_subscribe = lambda *_: ready.set()
        self.client.connect(HOST, broker.port)
        self.client.loop_start()
        self.client.subscribe(topics.receipts(THING), 1)
        assert ready.wait(WAIT_S)

    def say(self, first_seq: int) -> Receipt:
        """Publish thirty samples and wait for what is stored of them."""
        payload = payload_of(samples_of(first_seq, 30))
        self.client.publish(topics.frames(THING), payload, qos=1).wait_for_publish(WAIT_S)
        while True:
            receipt = decode_receipt(self.heard.get(timeout=WAIT_S))
            if receipt.stored and receipt.stored[-1][1] >= first_seq + 29:
                return receipt

    @contextmanager
    def working(self) -> Iterator[IngestWorker]:
        """Run a worker with the lake on until the block ends."""
        clock: DrivenClock = self.stage.clock
        lake = ConfiguredLake(self.config, self.stage.database, clock)
        worker = IngestWorker(self.config, self.stage.database, clock, lake)
        thread = threading.Thread(target=worker.run)
        thread.start()
        try:
            _until(lambda: worker.link.is_subscribed)
            yield worker
        finally:
            worker.stop()
            thread.join(WAIT_S)

    def stop(self) -> None:
        """Disconnect."""
        self.client.disconnect()
        self.client.loop_stop()


@pytest.fixture(name="way")
def _way(tmp_path: Path) -> Iterator[Way]:
    (tmp_path / "broker").mkdir()
    with PlainBroker(tmp_path / "broker") as broker:
        way = Way(tmp_path, broker)
        yield way
        way.stop()


def _until(is_so: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + WAIT_S
    while not is_so():
        assert time.monotonic() < deadline_s
        time.sleep(0.02)


def test_worker_brings_what_it_stored_into_the_lake(way: Way) -> None:
    """The next that is due exports it, and answers hubs meanwhile; each sample is there once."""
    with way.working():
        way.say(1)
        way.say(31)
    way.stage.clock.advance_to(way.stage.clock.utc_ms() + 2 * MS_PER_DAY)

    with way.working() as worker:
        receipt = way.say(61)
        _until(lambda: worker._upkeep.counts["frames-exported"] >= 1)

    assert receipt.stored == [(1, 90, 0)]
    found = "SELECT count(*), count(DISTINCT seq) FROM samples"
    (counts,) = way.stage.ask(found)
    assert counts in [(60, 60), (90, 90)]
    way.stage.export()
    assert way.stage.ask(found) == [(90, 90)]
    assert way.stage.verify().faults == []


def test_worker_answers_while_the_lake_is_away(way: Way) -> None:
    """It says so in its counts, keeps every frame, and brings them once the lake is back."""
    way.stage.folder.write_text("no folder")
    with way.working() as worker:
        way.say(1)
        _until(lambda: worker._upkeep.counts["failed-exports"] == 1)
    way.stage.folder.unlink()

    with way.working() as worker:
        way.say(31)
        _until(lambda: worker._upkeep.counts["frames-exported"] >= 1)

    assert worker._upkeep.counts["failed-exports"] == 0
    assert len(way.stage.stored()) == 60
    assert way.stage.verify().faults == []
