"""Settings from the cloud: all or nothing, on probation, taken back where the hub falls ill."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from agent.log import Log
from agent.pace import Pace
from agent.remote import RemoteControl
from agent.uplink.port import Channel
from shared.shadows import RemoteSettings
from tests.support.fakes import FakeUplink
from tests.support.governing import joined, until

OWN = Pace(300, 5, 60)


class Hub:
    """A hub that settings are tried on: what holds, what ails, and its cloud."""

    def __init__(self, folder: Path) -> None:
        self.log = Log(folder / "hub.sqlite")
        self.cloud = FakeUplink()
        self.held: list[Pace] = []
        self.ails: dict[str, int] = {"failed commits": 3}

    def control(self) -> RemoteControl:
        """Begin a life of the program."""
        return RemoteControl(
            self.log,
            OWN,
            self.held.append,
            lambda: dict(self.ails),
            probation_s=0.1,
            look_every_s=0.01,
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[RemoteControl]:
        """Run a life of the program, connected, until it is killed."""
        control = self.control()
        task = asyncio.create_task(control.run())
        await joined(self.cloud, control.attach)
        try:
            yield control
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def desire(self, **desired: Any) -> None:
        """Have the cloud's shadow say what is wanted."""
        content = {"state": {"desired": desired, "reported": {}}, "version": 1}
        self.cloud.arrive(Channel.SETTINGS, msgspec.json.encode(content))

    def reports(self) -> list[dict[str, Any]]:
        """List what the hub has reported since last asked."""
        taken = self.cloud.taken(Channel.SETTINGS_UPDATE)
        return [msgspec.json.decode(one)["state"]["reported"] for one in taken]


@pytest.fixture
def hub(tmp_path: Path) -> Hub:
    """A hub."""
    return Hub(tmp_path)


def test_what_is_asked_for_holds_is_kept_and_reported(hub: Hub) -> None:
    """What is left out stays as the hub's own file has it; the next life begins with it."""

    async def scenario() -> None:
        async with hub.running() as control:
            hub.desire(frame_interval_s=60, commit_window_s=30)
            await until(lambda: control.kept.holds.frame_interval_s == 60)
            await until(lambda: control.kept.before is None)
            settings = {"frame_interval_s": 60, "commit_window_s": 30}
            unset = dict.fromkeys(("backlog_frames_per_s",))
            whole = {**unset, **settings, "refused": ""}
            await until(lambda: hub.reports()[-1:] == [whole])
        assert hub.held[-1] == Pace(60, 5, 30)
        hub.control()
        assert hub.held[-1].frame_interval_s == 60

    asyncio.run(scenario())


@pytest.mark.parametrize(
    "desired",
    [
        {"frame_interval_s": 60, "commit_window_s": 100_000},
        {"frame_interval_s": 0},
        {"backlog_frames_per_s": "fast"},
        {"consent": "live"},
        {"frame_interval_s": 60, "page_pin": "0000"},
    ],
    ids=str,
)
def test_one_bad_value_refuses_all_of_a_change(hub: Hub, desired: dict[str, Any]) -> None:
    """Also what is the household's: consent and the page cannot even be named."""

    async def scenario() -> None:
        async with hub.running() as control:
            hub.desire(**desired)
            await until(lambda: control.kept.refused != "")
            await until(lambda: any(one["refused"] for one in hub.reports()))
        assert hub.held == [OWN]

    asyncio.run(scenario())


def test_settings_that_make_the_hub_ill_are_taken_back(hub: Hub) -> None:
    """What held before holds again, and the cloud is told why; the same is not tried again."""

    async def scenario() -> None:
        async with hub.running() as control:
            hub.desire(commit_window_s=0)
            await until(lambda: len(hub.held) == 2)
            hub.ails["failed commits"] += 1
            await until(lambda: control.kept.refused != "")
            await until(lambda: any(one["refused"] for one in hub.reports()))
            hub.desire(commit_window_s=0)
            await asyncio.sleep(0.05)
        assert [pace.commit_window_s for pace in hub.held] == [60, 0, 60]
        assert "failed commits" in control.kept.refused

    asyncio.run(scenario())


def test_another_change_within_a_probation_is_judged_from_what_was_sound(hub: Hub) -> None:
    """What was only half tried is nothing to go back to."""

    async def scenario() -> None:
        async with hub.running() as control:
            hub.desire(commit_window_s=0)
            await until(lambda: len(hub.held) == 2)
            hub.desire(commit_window_s=1)
            await until(lambda: len(hub.held) == 3)
            hub.ails["failed commits"] += 1
            await until(lambda: control.kept.refused != "")
        assert [pace.commit_window_s for pace in hub.held] == [60, 0, 1, 60]

    asyncio.run(scenario())


def test_a_refused_change_within_a_probation_does_not_end_it(hub: Hub) -> None:
    """What holds is still to be judged."""

    async def scenario() -> None:
        async with hub.running() as control:
            hub.desire(commit_window_s=0)
            await until(lambda: len(hub.held) == 2)
            hub.desire(commit_window_s=-1)
            await until(lambda: control.kept.refused != "")
            assert control.kept.before is not None
            hub.ails["failed commits"] += 1
            await until(lambda: "failed commits" in control.kept.refused)
        assert control.kept.holds == RemoteSettings()

    asyncio.run(scenario())


def test_settings_that_ended_the_hub_are_taken_back_at_its_start(hub: Hub) -> None:
    """Killed on probation: nobody can tell whether they did it."""

    async def scenario() -> None:
        async with hub.running() as control:
            hub.desire(commit_window_s=1)
            await until(lambda: control.kept.before is not None)
        again = hub.control()
        assert again.kept.holds == RemoteSettings()
        assert "started anew" in again.kept.refused
        assert hub.held[-1] == OWN

    asyncio.run(scenario())


def test_a_report_is_said_once_however_many_deltas_follow(hub: Hub) -> None:
    """A refused change differs for ever: each report would bring a delta, each delta a report."""

    async def scenario() -> None:
        async with hub.running() as control:
            hub.desire(frame_interval_s=0)
            await until(lambda: control.kept.refused != "")
            await until(lambda: len(hub.cloud.taken(Channel.SETTINGS_GET)) == 1)
            for _ in range(5):
                hub.cloud.arrive(Channel.SETTINGS_DELTA, b'{"state":{"frame_interval_s":0}}')
                await until(lambda: len(hub.cloud.taken(Channel.SETTINGS_GET)) == 1)
                hub.desire(frame_interval_s=0)
                await asyncio.sleep(0.03)
        assert len([one for one in hub.reports() if one["refused"]]) == 1
        assert hub.cloud.taken(Channel.SETTINGS_GET) == []

    asyncio.run(scenario())


@pytest.mark.parametrize("payload", [b"", b"[]", b"{", b'{"state": 1}', b"x" * 40_000])
def test_a_shadow_that_cannot_be_read_changes_nothing(hub: Hub, payload: bytes) -> None:
    """It is passed over; the hub goes on."""

    async def scenario() -> None:
        async with hub.running():
            hub.cloud.arrive(Channel.SETTINGS, payload)
            await asyncio.sleep(0.02)
        assert hub.held == [OWN]

    asyncio.run(scenario())


def test_a_spoilt_memory_is_asked_anew(hub: Hub) -> None:
    """The shadow still says what is wanted."""
    hub.log.put_fact("remote_settings", b"{")

    assert hub.control().kept.holds == RemoteSettings()
