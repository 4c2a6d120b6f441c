"""What a speaker says arrives, by a real broker and under its access list."""

import threading
from pathlib import Path

from agent.torture.speaker import speaking
from shared import topics
from tests.support.mosquitto import Broker

HEARD_S_MAX = 10.0


def test_a_receipt_that_is_said_again_reaches_the_hub(tmp_path: Path) -> None:
    """A worker's certificate may say it, and a second connection of the hub's hears it twice."""
    heard: list[bytes] = []
    is_all = threading.Event()

    def take(payload: bytes) -> None:
        heard.append(payload)
        if len(heard) == 3:
            is_all.set()

    with Broker(tmp_path) as broker:
        broker.issue("hub-1")
        with (
            speaking(tmp_path, "hub-1", broker.host, broker.port) as hub,
            speaking(tmp_path, "cloud-ingest", broker.host, broker.port) as worker,
        ):
            hub.hear(topics.receipts("hub-1"), take)
            worker.say(topics.receipts("hub-1"), [b"two", b"one", b"two"])
            is_all.wait(HEARD_S_MAX)

    assert heard == [b"two", b"one", b"two"]
