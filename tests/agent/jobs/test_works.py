"""What the jobs do: restart, rotate and update, each cut off and gone on with."""

import asyncio
import ssl
from collections.abc import Mapping
from pathlib import Path

import msgspec
import pytest

from agent.diagnosis import Diagnosis, HubFacts
from agent.identity.place import Place
from agent.jobs.journal import Job, Journal
from agent.jobs.messages import Outcome
from agent.jobs.runner import Course
from agent.jobs.works import DiagnoseWork, RestartWork, RotateWork, UpdateWork
from agent.update import starter
from agent.update.installing import Updater
from shared.errors import BadInputError, OperatorError, RetryableError
from shared.jobs import Artefact, JobDocument, JobStatus, Operation
from tests.support.artefacts import Maker, SlotsAs, first_slot, serving
from tests.support.governing import LATER_MS


class Hub:
    """A hub's jobs folder and slots, through several lives."""

    def __init__(self, folder: Path) -> None:
        (folder / "maker").mkdir()
        self.maker = Maker(folder / "maker")
        self.journal = Journal(folder / "jobs")
        self.slots = first_slot(folder / "slots", "1.0.0")
        self.restarts: list[str] = []
        self.said: list[Mapping[str, str]] = []
        self.life = 1

    def course(self, operation: Operation, artefact: Artefact | None = None) -> Course:
        """Begin a job, or go on with the one in the journal, in this life."""
        asked = JobDocument(operation, LATER_MS, artefact)
        job = self.journal.current() or Job("job", 1, f"life-{self.life}", asked)
        self.journal.note(job)
        return Course(job, asked, f"life-{self.life}", self.journal, self.said.append)

    def start(self) -> None:
        """Be started anew, by the slots' starter."""
        self.life += 1
        self.slots.runs = starter.choose(self.slots.folder)

    def update(self, look_every_s: float = 0.01) -> UpdateWork:
        """Make the work that updates this hub."""
        updater = Updater(
            self.slots, self.maker.keys_file(), ssl.create_default_context, (0.01, 0.02)
        )
        return UpdateWork(updater, self.restarts.append, lambda: (True, False), look_every_s)


@pytest.fixture
def hub(tmp_path: Path) -> Hub:
    """A hub that runs 1.0.0."""
    return Hub(tmp_path)


async def leaves(doing: "asyncio.Task[Outcome]", hub: Hub) -> bool:
    """Wait until the hub is asked to start anew, then kill what is being done."""
    before = len(hub.restarts)
    async with asyncio.timeout(10):
        while len(hub.restarts) == before and not doing.done():  # noqa: ASYNC110 (no event)
            await asyncio.sleep(0.005)
    has_left = not doing.done()
    doing.cancel()
    await asyncio.gather(doing, return_exceptions=True)
    return has_left


def test_a_restart_is_done_once_the_hub_is_back(hub: Hub) -> None:
    """The report is the next life's; the restart is not asked for twice."""

    async def scenario() -> None:
        work = RestartWork(hub.restarts.append)
        assert await leaves(asyncio.ensure_future(work(hub.course(Operation.RESTART))), hub)
        hub.start()
        outcome = await work(hub.course(Operation.RESTART))
        assert outcome.status is JobStatus.SUCCEEDED
        assert len(hub.restarts) == 1

    asyncio.run(scenario())


def test_a_rotation_that_was_cut_off_after_the_swap_is_not_done_again(hub: Hub) -> None:
    """The certificate's fingerprint tells whether it was."""
    held = ["fingerprint-1"]

    async def rotate() -> Place:
        held.append(f"fingerprint-{len(held) + 1}")
        raise asyncio.CancelledError

    async def scenario() -> None:
        work = RotateWork(lambda: rotate, lambda: held[-1])
        with pytest.raises(asyncio.CancelledError):
            await work(hub.course(Operation.ROTATE))
        outcome = await work(hub.course(Operation.ROTATE))
        assert outcome == Outcome(JobStatus.SUCCEEDED, {"certificate": "fingerprint-2"})

    asyncio.run(scenario())
    assert held == ["fingerprint-1", "fingerprint-2"]


def test_a_hub_with_a_certificate_made_elsewhere_rotates_nothing(hub: Hub) -> None:
    """It has nobody to ask."""
    work = RotateWork(lambda: None, lambda: "")

    with pytest.raises(BadInputError, match="made elsewhere"):
        asyncio.run(work(hub.course(Operation.ROTATE)))


@pytest.mark.parametrize("ends_well", [True, False])
def test_an_update_is_reported_by_the_program_that_came_of_it(hub: Hub, *, ends_well: bool) -> None:
    """Fetched, installed, restarted into; then confirmed, or counted out by the starter."""
    archive, artefact = hub.maker.make("1.1.0")

    async def scenario(url: str) -> Outcome:
        at = msgspec.structs.replace(artefact, url=url)
        work = hub.update()
        doing = asyncio.ensure_future(work(hub.course(Operation.UPDATE, at)))
        assert await leaves(doing, hub)
        trial = hub.slots.trial()
        assert trial is not None
        assert (trial.was_answered, trial.was_heard, trial.job) == (True, False, "job/1")
        for _ in range(1 if ends_well else 4):
            hub.start()
        if ends_well:
            hub.slots.confirm(trial)
        return await work(hub.course(Operation.UPDATE, at))

    with serving(archive.read_bytes()) as server:
        outcome = asyncio.run(scenario(server.url))

    steps = [one["step"] for one in hub.said]
    assert steps[-2:] == ["installing", "restarting into the new version"]
    assert "fetching" in steps
    if ends_well:
        assert outcome == Outcome(JobStatus.SUCCEEDED, {"version": "1.1.0", "slot": "b"})
    else:
        assert outcome.status is JobStatus.FAILED
        assert outcome.details["version"] == "1.0.0"
        assert "did not prove itself" in outcome.details["reason"]


def test_an_update_waits_for_its_verdict(hub: Hub) -> None:
    """The new program reports nothing before its trial has ended."""
    archive, artefact = hub.maker.make("1.1.0")

    async def scenario(url: str) -> Outcome:
        at = msgspec.structs.replace(artefact, url=url)
        assert await leaves(
            asyncio.ensure_future(hub.update()(hub.course(Operation.UPDATE, at))), hub
        )
        hub.start()
        waiting = asyncio.ensure_future(hub.update()(hub.course(Operation.UPDATE, at)))
        await asyncio.sleep(0.05)
        assert not waiting.done()
        trial = hub.slots.trial()
        assert trial is not None
        hub.slots.confirm(trial)
        return await waiting

    with serving(archive.read_bytes()) as server:
        assert asyncio.run(scenario(server.url)).status is JobStatus.SUCCEEDED


def test_a_slot_that_is_never_started_ends_the_update(hub: Hub) -> None:
    """A hub that something else starts comes back as it was: not for ever."""
    archive, artefact = hub.maker.make("1.1.0")

    async def scenario(url: str) -> Outcome:
        at = msgspec.structs.replace(artefact, url=url)
        work = hub.update()
        for _ in range(3):
            doing = asyncio.ensure_future(work(hub.course(Operation.UPDATE, at)))
            assert await leaves(doing, hub)
            hub.life += 1
        return await work(hub.course(Operation.UPDATE, at))

    with serving(archive.read_bytes()) as server:
        outcome = asyncio.run(scenario(server.url))

    assert outcome.status is JobStatus.FAILED
    assert "starter" in outcome.details["reason"]
    assert hub.slots.current == "a"


def test_a_forged_artefact_is_refused_before_a_byte_is_fetched(hub: Hub) -> None:
    """The signature is looked at first; whoever governs the cloud has not the maker's key."""
    archive, artefact = hub.maker.make("1.1.0")
    with serving(archive.read_bytes()) as server:
        forged = msgspec.structs.replace(artefact, url=server.url, sha256="0" * 64)

        with pytest.raises(BadInputError, match="signature"):
            asyncio.run(hub.update()(hub.course(Operation.UPDATE, forged)))

        assert server.ranges == []


@pytest.mark.parametrize("spoil", [lambda c: c[:-9], lambda c: b"x" + c[1:], lambda c: c + b"x"])
def test_another_content_than_was_signed_never_becomes_a_slot(hub: Hub, spoil: "object") -> None:
    """Truncated, altered, or longer."""
    archive, artefact = hub.maker.make("1.1.0")
    assert callable(spoil)
    with serving(spoil(archive.read_bytes())) as server:
        at = msgspec.structs.replace(artefact, url=server.url)
        work = hub.update()

        async def scenario() -> None:
            async with asyncio.timeout(1):
                await work(hub.course(Operation.UPDATE, at))

        with pytest.raises((BadInputError, RetryableError, TimeoutError)):
            asyncio.run(scenario())

    assert not (hub.slots.folder / "b").exists()
    assert hub.slots.current == "a"


def test_a_program_outside_of_the_slots_is_not_updated(hub: Hub) -> None:
    """It could be swapped without ever being started."""
    artefact = hub.maker.make("1.1.0")[1]
    hub.slots.runs = ""
    works = [hub.update(), UpdateWork(None, hub.restarts.append, lambda: (False, False))]

    for work in works:
        with pytest.raises(BadInputError, match="not started from a slot"):
            asyncio.run(work(hub.course(Operation.UPDATE, artefact)))


def test_slots_of_tests_are_slots(hub: Hub) -> None:
    """The fake differs in who runs alone."""
    assert isinstance(hub.slots, SlotsAs)
    assert hub.slots.is_usable("a")


def test_a_diagnosis_is_kept_on_the_hub_and_sent_in_parts(hub: Hub, tmp_path: Path) -> None:
    """Each part of the bundle is one detail of the report."""
    diagnosis = Diagnosis(5, HubFacts("1.2.3", "3.11", "x86_64"), quarantined={"bad-crc": 2})
    work = DiagnoseWork(lambda: diagnosis, tmp_path)

    outcome = asyncio.run(work(hub.course(Operation.DIAGNOSE)))

    assert outcome.status is JobStatus.SUCCEEDED
    assert outcome.details["quarantined"] == '{"bad-crc":2}'
    kept = msgspec.json.decode((tmp_path / "diagnosis.json").read_bytes(), type=Diagnosis)
    assert kept == diagnosis


def test_a_bundle_that_cannot_be_written_fails_the_job(hub: Hub, tmp_path: Path) -> None:
    """With the reason; the hub goes on."""
    diagnosis = Diagnosis(5, HubFacts("1.2.3", "3.11", "x86_64"))

    with pytest.raises(OperatorError, match="cannot be written"):
        asyncio.run(
            DiagnoseWork(lambda: diagnosis, tmp_path / "none")(hub.course(Operation.DIAGNOSE))
        )
