"""A hub whose connection another takes over under its name leaves that one some time."""

import asyncio
from pathlib import Path

import pytest

from agent.uplink import mqtt
from agent.uplink.access import CloudAccess
from agent.uplink.mqtt import MqttUplink
from agent.uplink.port import Connected, Disconnected, Event
from tests.support.mosquitto import Broker

THING = "hub-1"
PATIENCE_S = 60.0


@pytest.mark.slow
def test_hub_that_is_put_out_waits_and_comes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two with one name on a real broker: the first comes back after a pause, and not at once."""
    monkeypatch.setattr(mqtt, "FREE_LOSSES", 0)

    with Broker(tmp_path) as broker:
        pause_s = asyncio.run(_take_turns(broker))

    assert pause_s >= 1.9


async def _take_turns(broker: Broker) -> float:
    issued = broker.issue(THING)
    access = CloudAccess(broker.host, broker.port, issued.authority, issued.certificate, issued.key)
    first, second = MqttUplink(THING, access), MqttUplink(THING, access)
    heard: asyncio.Queue[Event] = asyncio.Queue()
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(PATIENCE_S):
            await first.start(heard.put_nowait)
            assert isinstance(await heard.get(), Connected)
            await second.start(lambda _event: None)
            ended = await heard.get()
            assert isinstance(ended, Disconnected)
            put_out_s = loop.time()
            await second.stop()
            assert isinstance(await heard.get(), Connected)
            return loop.time() - put_out_s
    finally:
        await first.stop()
