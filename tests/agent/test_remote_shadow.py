"""Settings from the cloud's own shadows: deltas end, and a probation lasts as long as it is."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from agent.log import Log
from agent.pace import Pace
from agent.remote import RemoteControl
from agent.uplink.port import Channel
from cloud.shadows.requests import Publication, ShadowDesk
from shared import topics
from tests.support.cloud import START_MS, database_in
from tests.support.fakes import FakeUplink
from tests.support.governing import joined, until

THING = "hub-1"
SHADOW = topics.SETTINGS_SHADOW
ASKED_AT = {
    Channel.SETTINGS_GET: topics.shadow_get(THING, SHADOW),
    Channel.SETTINGS_UPDATE: topics.shadow_update(THING, SHADOW),
}
HEARD_AT = {
    topics.shadow_get_accepted(THING, SHADOW): Channel.SETTINGS,
    topics.shadow_delta(THING, SHADOW): Channel.SETTINGS_DELTA,
}


class ShadowUplink(FakeUplink):
    """An uplink to the cloud's real desk; counts the deltas it brings."""

    def __init__(self, desk: ShadowDesk) -> None:
        super().__init__()
        self._desk = desk
        self.deltas = 0

    def publish(self, channel: Channel, payload: bytes, subject: str = "") -> bool:
        """Take what the hub says, and answer on the event loop."""
        if not super().publish(channel, payload, subject):
            return False
        if channel in ASKED_AT:
            self._bring(self._desk.answer(THING, ASKED_AT[channel], payload, START_MS))
        return True

    def desire(self, **settings: int) -> None:
        """Let the cloud want settings, and tell."""
        self._desk.desire(THING, SHADOW, dict(settings), START_MS)
        self._bring(self._desk.tell(START_MS))

    def _bring(self, said: list[Publication]) -> None:
        for topic, payload in said:
            channel = HEARD_AT.get(topic)
            self.deltas += channel is Channel.SETTINGS_DELTA
            if channel is not None:
                asyncio.get_running_loop().call_soon(self.arrive, channel, payload)


class Hub:
    """A hub on the cloud's real shadows."""

    def __init__(self, folder: Path) -> None:
        self.cloud = ShadowUplink(ShadowDesk(database_in(folder)))
        self.ails = {"failed commits": 0}
        self._log = Log(folder / "hub.sqlite")

    @asynccontextmanager
    async def running(self, probation_s: float) -> AsyncIterator[RemoteControl]:
        """Run it, connected."""
        control = RemoteControl(
            self._log,
            Pace(300, 5, 60),
            lambda _pace: None,
            lambda: dict(self.ails),
            probation_s=probation_s,
            look_every_s=0.01,
        )
        task = asyncio.create_task(control.run())
        await joined(self.cloud, control.attach)
        try:
            yield control
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
def hub(tmp_path: Path) -> Hub:
    """A hub."""
    return Hub(tmp_path)


def test_a_change_stays_on_probation_and_is_taken_back_where_the_hub_falls_ill(hub: Hub) -> None:
    """The hub's own report, and a connection lost meanwhile, do not end it."""

    async def scenario() -> None:
        async with hub.running(probation_s=60) as control:
            hub.cloud.desire(frame_interval_s=60)
            await until(lambda: control.kept.holds.frame_interval_s == 60)
            await asyncio.sleep(0.1)
            hub.cloud.lose()
            hub.cloud.connect()
            await asyncio.sleep(0.1)
            assert control.kept.before is not None
            hub.ails["failed commits"] += 1
            await until(lambda: control.kept.refused != "")
            await asyncio.sleep(0.1)
        assert control.kept.holds.frame_interval_s is None
        assert len(hub.cloud.taken(Channel.SETTINGS_UPDATE)) < 10

    asyncio.run(scenario())


def test_a_change_that_holds_leaves_no_delta(hub: Hub) -> None:
    """What is reported stands where it is desired: nothing differs any more."""

    async def scenario() -> None:
        async with hub.running(probation_s=0.05) as control:
            hub.cloud.desire(frame_interval_s=60, commit_window_s=30)
            await until(lambda: control.kept.holds.frame_interval_s == 60)
            await until(lambda: control.kept.before is None)
            await asyncio.sleep(0.1)
            told = hub.cloud.deltas
            hub.cloud.lose()
            hub.cloud.connect()
            await asyncio.sleep(0.1)
        assert hub.cloud.deltas == told

    asyncio.run(scenario())
