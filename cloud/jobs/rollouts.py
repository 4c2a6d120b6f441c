"""Jobs from beginning to end: made, let out stage by stage, halted, resumed, cancelled.

One transaction a call. Hubs are told by `JobDesk.tell`, whoever changed what.
"""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection

from cloud.db import Database
from cloud.households.repository import lock_hub
from cloud.jobs import repository
from cloud.jobs.document import check_document, check_job_id, encode_document
from cloud.jobs.execution import Execution, close, retry
from cloud.jobs.repository import Job
from cloud.jobs.rollout import (
    Plan,
    Progress,
    RolloutState,
    Step,
    assign,
    check_plan,
    next_step,
    outcome_of,
)
from cloud.problems import NotFoundError, ProblemError
from shared.errors import BadInputError
from shared.jobs import JobStatus

CONFLICT = 409
MAX_REASON_CHARS = 200


class Standing(NamedTuple):
    """A job and how far it has come."""

    job: Job
    progress: Progress


class Rollouts:
    """The operator's side of jobs, and what moves them on by time."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(
        self, job_id: str, document: bytes, things: Sequence[str], plan: Plan, now_ms: int
    ) -> Standing:
        """Make a job for these hubs, or for all where none is named, and let its first stage out.

        The same job again, to the letter, is answered as the first time. Raises BadInputError for
        what cannot be carried out, ProblemError 409 where the name is another job's.
        """
        checked = encode_document(check_document(document, now_ms))
        expires_at_ms = check_document(document, now_ms).expires_at_ms
        step = Step(RolloutState.ACTIVE, 0)
        job = Job(
            check_job_id(job_id), checked, check_plan(plan), step, (0, 0), now_ms, expires_at_ms
        )
        with self._database.writing() as connection:
            if repository.add_job(connection, job):
                _add_executions(connection, job, things)
            found = repository.read_job(connection, job_id) or job
            if (found.document, found.plan) != (job.document, job.plan):
                raise ProblemError(
                    CONFLICT, f"job {job_id!r} is another job", hint="choose another job_id"
                )
            return Standing(found, repository.count_job(connection, job_id))

    def find(self, job_id: str) -> Standing:
        """Read a job and its progress; raises NotFoundError."""
        with self._database.reading() as connection:
            job = repository.read_job(connection, job_id)
            if job is None:
                raise _unknown(job_id)
            return Standing(job, repository.count_job(connection, job_id))

    def resume(self, job_id: str, now_ms: int, *, with_retry: bool = False) -> Standing:
        """Let a halted job go on; what has failed until now does not halt it again.

        `with_retry` queues what failed once more. Raises ProblemError 409 unless it is halted.
        """
        with self._database.writing() as connection:
            job = _lock(connection, job_id, RolloutState.HALTED)
            if with_retry:
                for failed in repository.failed_of(connection, job_id):
                    repository.write_execution(connection, retry(failed, now_ms), is_told=False)
            progress = repository.count_job(connection, job_id)
            step = job.step._replace(state=RolloutState.ACTIVE, reason="")
            job = job._replace(step=step, forgiven=outcome_of(progress))
            repository.write_standing(connection, job)
            repository.tell_again(connection, job_id)
            return Standing(job, progress)

    def cancel(self, job_id: str, now_ms: int) -> Standing:
        """Take back what was not begun; what runs at a hub may end there.

        Raises ProblemError 409 where all has ended.
        """
        with self._database.writing() as connection:
            job = _lock(connection, job_id, RolloutState.ACTIVE, RolloutState.HALTED)
            repository.cancel_queued(connection, job_id, now_ms)
            step = job.step._replace(state=RolloutState.CANCELED, reason="by the operator")
            job = job._replace(step=step)
            repository.write_standing(connection, job)
            return Standing(job, repository.count_job(connection, job_id))

    def advance(self, now_ms: int) -> None:
        """End what has timed out or expired, and move each active job on; call it every second."""
        with self._database.reading() as connection:
            due = repository.due_executions(connection, now_ms)
            active = repository.active_jobs(connection)
        for execution, status, reason in due:
            with self._database.writing() as connection:
                _end(connection, execution, status, reason, now_ms)
        for job_id in active:
            with self._database.writing() as connection:
                _advance(connection, job_id, now_ms)


def _add_executions(connection: Connection, job: Job, things: Sequence[str]) -> None:
    names = sorted(set(things)) or repository.all_things(connection)
    households = repository.households_of(connection, names)
    unknown = [thing for thing in names if thing not in households]
    if unknown or not names:
        named = ", ".join(unknown[:3])
        raise BadInputError(
            f"no hub {named}" if unknown else "there are no hubs",
            hint="'hearthlink fleet list' names them",
        )
    stages = assign(job.job_id, names, job.plan.stages)
    at_ms = job.created_at_ms
    repository.add_executions(
        connection,
        [
            Execution(
                thing,
                job.job_id,
                households[thing],
                stage,
                JobStatus.QUEUED,
                {},
                version=1,
                execution_number=1,
                queued_at_ms=at_ms if stage == 0 else None,
                started_at_ms=None,
                updated_at_ms=at_ms,
                times_out_at_ms=None,
            )
            for thing, stage in stages.items()
        ],
    )


def _end(
    connection: Connection, seen: Execution, status: JobStatus, reason: str, now_ms: int
) -> None:
    """End an execution unless it has changed since it was seen to be due."""
    lock_hub(connection, seen.thing, now_ms)
    if repository.find_execution(connection, seen.thing, seen.job_id) != seen:
        return
    is_told = seen.queued_at_ms is None
    repository.write_execution(connection, close(seen, status, reason, now_ms), is_told=is_told)


def _advance(connection: Connection, job_id: str, now_ms: int) -> None:
    job = repository.read_job(connection, job_id, lock=True)
    if job is None:
        return
    progress = repository.count_job(connection, job_id)
    stage_counts = repository.count_stage(connection, job_id, job.step.stage)
    step = next_step(job.plan, job.step, progress, stage_counts, job.forgiven)
    if step == job.step:
        return
    reason = step.reason[:MAX_REASON_CHARS]
    repository.write_standing(connection, job._replace(step=step._replace(reason=reason)))
    if step.state is RolloutState.ACTIVE:
        repository.release_stage(connection, job_id, step.stage, now_ms)
    elif step.state is RolloutState.HALTED:
        # Hubs that were told of it hear that there is nothing to do.
        repository.tell_again(connection, job_id)


def _lock(connection: Connection, job_id: str, *states: RolloutState) -> Job:
    job = repository.read_job(connection, job_id, lock=True)
    if job is None:
        raise _unknown(job_id)
    if job.step.state not in states:
        raise ProblemError(CONFLICT, f"job {job_id!r} is {job.step.state}")
    return job


def _unknown(job_id: str) -> NotFoundError:
    return NotFoundError(f"no job {job_id!r}", hint="GET /v1/fleet/jobs lists them")
