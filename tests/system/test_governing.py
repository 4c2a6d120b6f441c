"""A hub's own jobs and settings over the cloud's own answers: both sides, no broker between."""

import asyncio
import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from agent.jobs.desk import JobDesk as HubDesk
from agent.jobs.journal import Journal
from agent.jobs.messages import Outcome
from agent.jobs.runner import Course, JobRunner
from agent.log import Log
from agent.pace import Pace
from agent.remote import RemoteControl
from agent.uplink.lanes import Lanes
from agent.uplink.port import Channel, Event
from cloud.db import Database
from cloud.fleet.settings import settings_entry
from cloud.households.repository import lock_hub
from cloud.jobs.repository import read_execution
from cloud.jobs.requests import JobDesk as CloudDesk
from cloud.jobs.rollout import Plan
from cloud.jobs.rollouts import Rollouts
from cloud.registry.port import ShadowView
from cloud.shadows.requests import ShadowDesk
from shared import topics
from shared.errors import BadInputError
from shared.jobs import JobStatus, Operation
from shared.units import MS_PER_DAY
from tests.support.cloud import START_MS, database_in
from tests.support.fakes import FakeUplink
from tests.support.governing import joined, until

THING = "hub-1"
Answer = Callable[[str, str, bytes, int], list[tuple[str, bytes]]]


class CloudBehind(FakeUplink):
    """The port's other end: each message is answered by whatever of the cloud knows its topic."""

    def __init__(self, *desks: Answer) -> None:
        super().__init__()
        self._lanes = Lanes(THING, "")
        self._desks = desks
        self._tell: Callable[[Event], None] = lambda _event: None

    async def start(self, deliver: Callable[[Event], None]) -> None:
        """Remember whom to tell."""
        self._tell = deliver
        await super().start(deliver)

    def publish(self, channel: Channel, payload: bytes, subject: str = "") -> bool:
        """Have the cloud answer."""
        topic = self._lanes.topic(channel, subject)
        for desk in self._desks:
            self.carry(desk(THING, topic, payload, START_MS))
        return super().publish(channel, payload, subject)

    def carry(self, publications: list[tuple[str, bytes]]) -> None:
        """Take to the hub what it subscribes to."""
        for topic, payload in publications:
            arrived = self._lanes.arrived(topic, payload)
            if arrived is not None:
                asyncio.get_running_loop().call_soon(self._tell, arrived)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """A cloud's database that knows one hub."""
    opened = database_in(tmp_path / "cloud")
    with opened.writing() as connection:
        lock_hub(connection, THING, START_MS)
    yield opened
    opened.close()


def test_a_rollout_is_done_by_the_hub_and_seen_by_the_cloud(
    database: Database, tmp_path: Path
) -> None:
    """Told, begun, done, reported; one that the hub refuses comes back with its reason."""
    cloud, rollouts = CloudDesk(database), Rollouts(database)

    async def work(course: Course) -> Outcome:
        course.say({"step": "half way"})
        if course.job.job_id == "job-2":
            raise BadInputError("not on this hub")
        return Outcome(JobStatus.SUCCEEDED, {"done": "yes"})

    async def scenario() -> None:
        behind = CloudBehind(cloud.answer)
        desk = HubDesk(answer_s=1, ask_again_s=60)
        journal = Journal(tmp_path / "jobs")
        runner = JobRunner(desk, journal, {Operation.RESTART: work}, lambda: START_MS, "life")
        await joined(behind, desk.attach)
        running = asyncio.create_task(runner.run())
        for job_id in ("job-1", "job-2"):
            asked = {"operation": "restart", "expires_at_ms": START_MS + MS_PER_DAY}
            content = json.dumps(asked).encode()
            rollouts.begin(job_id, content, [THING], Plan(stages=(100,)), START_MS)
            behind.carry(cloud.tell(START_MS))
            await until(partial(_has_ended, journal, f"{job_id}/1"))
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    asyncio.run(scenario())

    ended = {one: execution(database, one) for one in ("job-1", "job-2")}
    assert ended["job-1"] == (JobStatus.SUCCEEDED, {"done": "yes"})
    assert ended["job-2"] == (JobStatus.REJECTED, {"reason": "not on this hub"})


def _has_ended(journal: Journal, key: str) -> bool:
    return journal.outcome_of(key) is not None


def execution(database: Database, job_id: str) -> tuple[JobStatus, dict[str, str]]:
    """Read how a job stands at the hub."""
    with database.reading() as connection:
        found = read_execution(connection, THING, job_id)
    assert found is not None
    return found.status, dict(found.status_details)


def test_settings_are_asked_for_applied_and_seen_as_applied(
    database: Database, tmp_path: Path
) -> None:
    """Over the cloud's own shadows: and a report that differs from what is desired ends no loop."""
    shadows = ShadowDesk(database)
    update = topics.shadow_update(THING, topics.SETTINGS_SHADOW)
    held: list[Pace] = []

    async def scenario() -> dict[str, object]:
        behind = CloudBehind(shadows.answer)
        control = RemoteControl(
            Log(tmp_path / "hub.sqlite"),
            Pace(300, 5, 60),
            held.append,
            dict,
            probation_s=0.05,
            look_every_s=0.01,
        )
        await joined(behind, control.attach)
        running = asyncio.create_task(control.run())
        wanted = {"state": {"desired": {"frame_interval_s": 30}}}
        behind.carry(shadows.answer(THING, update, json.dumps(wanted).encode(), START_MS))
        await until(lambda: control.kept.holds.frame_interval_s == 30)
        await until(lambda: control.kept.before is None)
        await asyncio.sleep(0.2)
        said = len(behind.published)
        await asyncio.sleep(0.1)
        assert len(behind.published) == said
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        get = topics.shadow_get(THING, topics.SETTINGS_SHADOW)
        ((_, document),) = shadows.answer(THING, get, b"{}", START_MS)
        return dict(json.loads(document)["state"])

    state = asyncio.run(scenario())

    assert [pace.frame_interval_s for pace in held] == [300, 30]
    view = ShadowView(1, state["desired"], state["reported"])  # type: ignore[arg-type]
    assert settings_entry(THING, view)["is_applied"] is True
