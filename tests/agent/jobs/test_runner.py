"""Jobs: strictly read, done once, reported once, whatever comes in between."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from agent.jobs.desk import JobDesk
from agent.jobs.journal import MAX_DONE, Job, Journal
from agent.jobs.messages import Outcome
from agent.jobs.runner import Course, JobRunner, Work
from shared.errors import BadInputError, OperatorError
from shared.jobs import JobStatus, Operation
from tests.support.governing import NOW_MS, JobCloud, document, joined, until


class Doing:
    """A work that counts how often it was begun and done, and can be held up or made to fail."""

    def __init__(self) -> None:
        self.begun = 0
        self.done = 0
        self.may_end = asyncio.Event()
        self.may_end.set()
        self.error: Exception | None = None

    async def __call__(self, course: Course) -> Outcome:
        """Do it."""
        self.begun += 1
        course.say({"step": "half way"})
        await self.may_end.wait()
        if self.error is not None:
            raise self.error
        self.done += 1
        return Outcome(JobStatus.SUCCEEDED, {"done": "yes"})


@asynccontextmanager
async def running(
    folder: Path, cloud: JobCloud, works: Mapping[Operation, Work], life: str = "life-1"
) -> AsyncIterator[JobRunner]:
    """Run a hub's jobs over a cloud, until it is killed."""
    desk = JobDesk(answer_s=0.05, ask_again_s=0.2)
    runner = JobRunner(desk, Journal(folder), works, lambda: NOW_MS, life)
    await joined(cloud, desk.attach)
    task = asyncio.create_task(runner.run())
    try:
        yield runner
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def run(scenario: Callable[[], Any]) -> None:
    """Run a scenario on an event loop."""
    asyncio.run(scenario())


def test_a_job_is_done_and_reported(tmp_path: Path) -> None:
    """With its progress on the way, and its details at the end."""

    async def scenario() -> None:
        cloud, doing = JobCloud(), Doing()
        async with running(tmp_path, cloud, {Operation.RESTART: doing}):
            cloud.offer("job-1", document())
            await until(lambda: bool(cloud.closed))

        assert doing.done == 1
        assert cloud.reports == [
            ("job-1", "IN_PROGRESS", {"step": "half way"}),
            ("job-1", "SUCCEEDED", {"done": "yes"}),
        ]

    run(scenario)


def test_jobs_are_done_one_at_a_time_in_order(tmp_path: Path) -> None:
    """What waits is asked for once the one before has ended."""

    async def scenario() -> None:
        cloud, doing = JobCloud(), Doing()
        cloud.waiting = [(f"job-{n}", 1, document()) for n in range(3)]
        doing.may_end.clear()
        async with running(tmp_path, cloud, {Operation.RESTART: doing}):
            await until(lambda: doing.begun == 1)
            await asyncio.sleep(0.05)
            assert doing.begun == 1
            doing.may_end.set()
            await until(lambda: len(cloud.closed) == 3)

        assert [job for job, _ in cloud.final()] == ["job-0", "job-1", "job-2"]

    run(scenario)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({**document(), "expires_at_ms": NOW_MS - 1}, "expired"),
        ({**document(), "operation": "format-disk"}, "not a job document"),
        ({**document(), "command": "rm -rf /"}, "not a job document"),
        ({**document("update")}, "without an artefact"),
        ({"operation": "restart"}, "not a job document"),
        ([], "not a job document"),
        ("restart", "not a job document"),
        (None, "not a job document"),
        ({**document(), "padding": "x" * 9_000}, "8192 at most"),
        (document("diagnose"), "cannot diagnose"),
    ],
    ids=str,
)
def test_what_is_not_strictly_a_job_is_rejected_with_the_reason(
    tmp_path: Path, asked: object, words: str
) -> None:
    """Expired, unknown, malformed, oversized, or not this hub's; nothing is done."""

    async def scenario() -> None:
        cloud, doing = JobCloud(), Doing()
        async with running(tmp_path, cloud, {Operation.RESTART: doing}):
            cloud.offer("job-1", asked)
            await until(lambda: bool(cloud.closed))

        ((_, status, details),) = cloud.reports
        assert (status, doing.begun) == ("REJECTED", 0)
        assert words in details["reason"]

    run(scenario)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (BadInputError("wrong signature"), "REJECTED"),
        (OperatorError("no room"), "FAILED"),
        (ValueError("a fault of ours"), "FAILED"),
    ],
)
def test_a_job_that_fails_is_reported_and_not_done_again(
    tmp_path: Path, error: Exception, status: str
) -> None:
    """Whose fault it was decides the word; the next job is taken all the same."""

    async def scenario() -> None:
        cloud, doing = JobCloud(), Doing()
        doing.error = error
        async with running(tmp_path, cloud, {Operation.RESTART: doing}):
            cloud.offer("job-1", document())
            await until(lambda: bool(cloud.closed))
            doing.error = None
            cloud.offer("job-2", document())
            await until(lambda: len(cloud.closed) == 2)

        assert cloud.final() == [("job-1", status), ("job-2", "SUCCEEDED")]
        assert str(error) in cloud.reports[1][2]["reason"]

    run(scenario)


def test_a_job_that_was_cut_off_is_gone_on_with(tmp_path: Path) -> None:
    """Killed in the middle: the next life finds it in the journal, with what it remembered."""
    lives: list[tuple[bool, dict[str, str]]] = []

    async def work(course: Course) -> Outcome:
        lives.append((course.is_resumed, dict(course.job.notes)))
        if not course.is_resumed:
            course.note(half="done")
            await asyncio.Event().wait()
        return Outcome(JobStatus.SUCCEEDED)

    async def scenario() -> None:
        cloud = JobCloud()
        async with running(tmp_path, cloud, {Operation.RESTART: work}, "life-1"):
            cloud.offer("job-1", document())
            await until(lambda: len(lives) == 1)
            await asyncio.sleep(0.01)
        async with running(tmp_path, cloud, {Operation.RESTART: work}, "life-2"):
            await until(lambda: bool(cloud.closed))

        assert lives == [(False, {}), (True, {"half": "done"})]
        assert cloud.final() == [("job-1", "SUCCEEDED")]

    run(scenario)


def test_a_report_that_was_not_answered_is_said_again_and_nothing_is_done_again(
    tmp_path: Path,
) -> None:
    """The answer was lost; the cloud refuses the second report, which ends the matter."""

    async def scenario() -> None:
        cloud, doing = JobCloud(), Doing()
        cloud.loses_answers = 2
        async with running(tmp_path, cloud, {Operation.RESTART: doing}):
            cloud.offer("job-1", document())
            await until(lambda: doing.done == 1 and Journal(tmp_path).current() is None)

        assert cloud.final() == [("job-1", "SUCCEEDED")]

    run(scenario)


def test_a_final_report_that_is_lost_is_said_again_and_nothing_is_done_again(
    tmp_path: Path,
) -> None:
    """Also where the answer to a step, told just before, comes in place of its own."""

    async def scenario() -> None:
        cloud, doing = JobCloud(), Doing()
        cloud.loses_final_reports = 1
        async with running(tmp_path, cloud, {Operation.RESTART: doing}):
            cloud.offer("job-1", document())
            await until(lambda: bool(cloud.closed) and Journal(tmp_path).current() is None)

        assert cloud.final() == [("job-1", "SUCCEEDED")]
        assert doing.done == 1

    run(scenario)


def test_killed_before_its_report_it_is_reported_in_the_next_life(tmp_path: Path) -> None:
    """The outcome is in the journal before it is said."""

    async def scenario() -> None:
        cloud, doing = JobCloud(), Doing()
        outcome = Outcome(JobStatus.SUCCEEDED, {"done": "before"})
        Journal(tmp_path).note(Job("job-1", 1, "life-1", None, outcome=outcome))
        async with running(tmp_path, cloud, {Operation.RESTART: doing}, "life-2"):
            await until(lambda: bool(cloud.closed))

        assert (cloud.reports, doing.begun) == ([("job-1", "SUCCEEDED", {"done": "before"})], 0)

    run(scenario)


def test_a_replayed_job_is_not_done_twice(tmp_path: Path) -> None:
    """The same execution again: the hub says once more how it ended. The next number is another."""

    async def scenario() -> None:
        cloud, doing = JobCloud(), Doing()
        async with running(tmp_path, cloud, {Operation.RESTART: doing}):
            for number in (1, 1, 2):
                cloud.closed.clear()
                cloud.offer("job-1", document(), number)
                await until(lambda: bool(cloud.closed) and not cloud.waiting)

        assert cloud.final() == [("job-1", "SUCCEEDED")] * 3
        assert doing.done == 2

    run(scenario)


def test_a_job_without_a_usable_id_is_passed_over(tmp_path: Path) -> None:
    """It could not even be reported; it is counted."""

    async def scenario() -> None:
        cloud, doing = JobCloud(), Doing()
        async with running(tmp_path, cloud, {Operation.RESTART: doing}) as runner:
            cloud.offer("../../etc", document())
            await until(lambda: runner.desk.refused > 0)

        assert (cloud.reports, doing.begun) == ([], 0)

    run(scenario)


def test_the_journal_forgets_the_oldest(tmp_path: Path) -> None:
    """It holds the newest jobs, not all there ever were."""
    journal = Journal(tmp_path)
    for number in range(MAX_DONE + 5):
        journal.close(Job(f"job-{number}", 1, "x", None, outcome=Outcome(JobStatus.FAILED)))

    assert journal.outcome_of("job-0/1") is None
    assert journal.outcome_of(f"job-{MAX_DONE + 4}/1") == Outcome(JobStatus.FAILED)


def test_a_spoilt_journal_counts_as_empty(tmp_path: Path) -> None:
    """A file of zeros, as a dying card leaves it, stops nothing."""
    for name in ("current.json", "done.json"):
        (tmp_path / name).write_bytes(bytes(30))

    journal = Journal(tmp_path)

    assert journal.current() is None
    assert journal.outcome_of("x/1") is None
    assert msgspec.json.encode(journal.current()) == b"null"
