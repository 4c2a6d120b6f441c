"""Live on demand over the real processes: broker, API, device service and a hub."""

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import select
from websockets.sync.client import connect

from cloud.fleettables import shadows
from shared import topics
from tests.bench.livemeter import LiveMeter, LiveWatch
from tests.support.peers import connected
from tests.support.way import TOKEN, Way

HUB = "live-hub"
METER = "LIVE-METER-1"
BEAT_S = 0.2
WAIT_S = 60.0
QUIET_S = 2.0
"""Ten telegrams: a hub that sent without being asked would be heard."""


@contextlib.contextmanager
def speaking(meter: LiveMeter) -> Iterator[None]:
    """Let the meter speak while the block lasts."""
    stop = threading.Event()
    thread = threading.Thread(target=meter.speak_every, args=(BEAT_S, stop))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def shadow_version(way: Way) -> int:
    """Count how often the hub was asked."""
    query = select(shadows.c.version).where(
        shadows.c.thing == HUB, shadows.c.shadow == topics.LIVE_SHADOW
    )
    with contextlib.closing(way.database()) as database, database.reading() as connection:
        return int(connection.execute(query).scalar_one())


@pytest.mark.slow
def test_a_hub_sends_live_while_somebody_looks(tmp_path: Path) -> None:
    """Nothing before; then the same to events and to a socket, of one demand."""
    with Way(tmp_path, zone="UTC") as way, LiveMeter([METER]) as meter:
        way.start_devices()
        way.start_hub(HUB, meter.link, hub_clock="system", consent_granularity="live")
        meter.speak()
        with speaking(meter):
            way.until(lambda: way.count_stored(HUB) > 0, "the hub sends")
            way.until(lambda: way.get("/v1/gateways")["gateways"][0]["is_online"], "it is online")
            listener = way.broker.service("cloud-listener")
            with connected(way.broker, listener, session="cloud-listener") as peer:
                peer.subscribe(topics.live(HUB))
                threading.Event().wait(QUIET_S)
                heard_before = peer.messages.qsize()
            with LiveWatch(way.api_port, METER) as events, _socket(way) as socket:
                first = msgspec.json.decode(socket.recv(WAIT_S))
                said = [msgspec.json.decode(socket.recv(WAIT_S)) for _ in range(3)]
                way.until(lambda: len(events.seen_s) >= 3, "events come")
                version = shadow_version(way)

    assert heard_before == 0
    assert first["gateways"][0]["state"] == "asked"
    assert {one["meter"] for one in said} == {METER}
    assert {one["registers"]["power_import_w"] for one in said} & events.seen_s.keys()
    assert version == 1


def _socket(way: Way) -> Any:
    return connect(
        f"ws://127.0.0.1:{way.api_port}/v1/meters/{METER}/live",
        additional_headers={"Authorization": f"Bearer {TOKEN}"},
        open_timeout=WAIT_S,
    )
