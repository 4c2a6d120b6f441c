"""Does the jobs that the cloud asks for: strictly read, one at a time, each once.

A job is in the journal before anything is done, and its end before it is reported; so one that was
cut off at any point goes on, or is reported, when the hub is back.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import msgspec

from agent.jobs.desk import JobDesk
from agent.jobs.journal import Job, Journal
from agent.jobs.messages import Execution, Outcome
from shared.errors import BadInputError, HearthlinkError
from shared.jobs import JobDocument, JobStatus, Operation, decode_document

AGAIN_S = 60.0

_logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Course:
    """A job on its way, as its operation sees it."""

    job: Job
    document: JobDocument
    life: str
    journal: Journal
    say: Callable[[Mapping[str, str]], None]

    @property
    def is_resumed(self) -> bool:
        """Tell whether the job began in another life of the program than this one."""
        return self.job.life != self.life

    def note(self, **notes: str) -> None:
        """Remember something for after a cut, durably."""
        self.job = msgspec.structs.replace(self.job, notes={**self.job.notes, **notes})
        self.journal.note(self.job)


class Work(Protocol):
    """One operation: does it, or goes on with it, and says how it ended.

    Raises BadInputError before anything was done where it must not be, and any other
    HearthlinkError where it failed.
    """

    async def __call__(self, course: Course) -> Outcome:
        """Do it."""


class JobRunner:
    """One hub's; `run` is its task. `life` names this life of the program."""

    def __init__(
        self,
        desk: JobDesk,
        journal: Journal,
        works: Mapping[Operation, Work],
        utc_ms: Callable[[], int],
        life: str,
    ) -> None:
        self.desk = desk
        self._journal = journal
        self._works = works
        self._utc_ms = utc_ms
        self._life = life

    async def run(self) -> None:
        """Go on with what was cut off, then take one job after another, for ever."""
        while True:
            try:
                job = self._journal.current()
                if job is not None:
                    await self._carry_on(job)
                else:
                    await self._take(await self.desk.next())
            except Exception:  # the loop's boundary: the hub goes on reading its meters
                _logger.exception("a job could not be looked after")
                await asyncio.sleep(AGAIN_S)

    async def _take(self, execution: Execution) -> None:
        """Begin a job, refuse it, or say again how it ended."""
        job = Job(execution.job_id, execution.execution_number, self._life, None)
        outcome = self._journal.outcome_of(job.key)
        if outcome is None:
            try:
                document = decode_document(bytes(execution.job_document))
                self._judge(document)
                job = msgspec.structs.replace(job, document=document)
            except BadInputError as error:
                outcome = Outcome(JobStatus.REJECTED, {"reason": str(error)})
        self._journal.note(msgspec.structs.replace(job, outcome=outcome))

    def _judge(self, document: JobDocument) -> None:
        now_ms = self._utc_ms()
        if document.expires_at_ms < now_ms:
            raise BadInputError(
                f"the job expired at {document.expires_at_ms}, it is {now_ms} at the hub"
            )
        if document.operation not in self._works:
            raise BadInputError(f"this hub cannot {document.operation}")

    async def _carry_on(self, job: Job) -> None:
        """Do what is left of a job, then report how it ended."""
        execution = Execution(job.job_id, job.number)
        if job.outcome is None:
            outcome = await self._work(job, execution)
            # Its operation may have noted more since.
            job = msgspec.structs.replace(self._journal.current() or job, outcome=outcome)
            self._journal.note(job)
        if job.outcome is not None:
            await self.desk.report(execution, job.outcome.status, job.outcome.details)
            _logger.info("job %s: %s", job.job_id, job.outcome.status)
        self._journal.close(job)

    async def _work(self, job: Job, execution: Execution) -> Outcome:
        if job.document is None:
            return Outcome(JobStatus.FAILED, {"reason": "the journal lost what was asked for"})

        def say(details: Mapping[str, str]) -> None:
            self.desk.tell(execution, details)

        course = Course(job, job.document, self._life, self._journal, say)
        try:
            return await self._works[job.document.operation](course)
        except BadInputError as error:
            return Outcome(JobStatus.REJECTED, {"reason": str(error)})
        except HearthlinkError as error:
            return Outcome(JobStatus.FAILED, {"reason": str(error)})
        except Exception as error:  # a job must not be done for ever because it ends in a fault
            _logger.exception("job %s failed in a way not foreseen", job.job_id)
            return Outcome(JobStatus.FAILED, {"reason": f"unforeseen: {error}"})
