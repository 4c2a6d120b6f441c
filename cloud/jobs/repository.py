"""Jobs and their executions as rows. Commits nothing.

Whoever changes an execution holds its hub's row lock, whoever changes a job's state the job's.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, Row, and_, delete, func, insert, or_, select, tuple_, update

from cloud.fleettables import job_executions, jobs
from cloud.jobs.execution import FAILURES, Execution
from cloud.jobs.rollout import Plan, Progress, RolloutState, Step, progress_of
from cloud.tables import hubs
from cloud.writes import upsert
from shared.jobs import JobStatus
from shared.units import MS_PER_DAY

MAX_UNTOLD = 64
"""Hubs told of at once: who asks does so every second, so that a stage of a million is paced."""

MAX_ENDED = 256
"""Executions that time out or expire in one transaction."""

MAX_ROWS = 5_000
"""Rows of one statement."""

KEPT_MS = 90 * MS_PER_DAY
"""How long it can be looked up how a job that is over ended at each hub."""

PENDING = (JobStatus.QUEUED, JobStatus.IN_PROGRESS)


class Job(NamedTuple):
    """A job, its document as it goes out and how its rollout stands."""

    job_id: str
    document: bytes
    plan: Plan
    step: Step
    forgiven: tuple[int, int]
    created_at_ms: int
    expires_at_ms: int


_EXECUTION = [job_executions.c[name] for name in Execution._fields]
_JOB = list(jobs.c)


def add_job(connection: Connection, job: Job) -> bool:
    """Add a job; false where there is one of this name."""
    row = {
        "job_id": job.job_id,
        "document": job.document,
        "plan": msgspec.json.encode(job.plan),
        "created_at_ms": job.created_at_ms,
        "expires_at_ms": job.expires_at_ms,
        **_standing(job),
    }
    if read_job(connection, job.job_id) is not None:
        return False
    connection.execute(insert(jobs), [row])
    return True


def read_job(connection: Connection, job_id: str, *, lock: bool = False) -> Job | None:
    """Read a job, with its row lock where the caller is to change it."""
    query = select(*_JOB).where(jobs.c.job_id == job_id)
    row = connection.execute(query.with_for_update() if lock else query).one_or_none()
    return None if row is None else _job(row)


def write_standing(connection: Connection, job: Job) -> None:
    """Write back how a rollout stands."""
    connection.execute(update(jobs).where(jobs.c.job_id == job.job_id).values(_standing(job)))


def list_jobs(connection: Connection, before: tuple[int, str] | None, limit: int) -> list[Job]:
    """List jobs, the newest first, those past a place: the time and the id of the last one seen."""
    order = (jobs.c.created_at_ms.desc(), jobs.c.job_id.desc())
    query = select(*_JOB).order_by(*order).limit(limit)
    if before is not None:
        query = query.where(tuple_(jobs.c.created_at_ms, jobs.c.job_id) < before)
    return [_job(row) for row in connection.execute(query)]


def active_jobs(connection: Connection) -> list[str]:
    """List the jobs whose rollout goes on."""
    query = select(jobs.c.job_id).where(jobs.c.state == RolloutState.ACTIVE)
    return list(connection.execute(query.order_by(jobs.c.created_at_ms)).scalars())


def all_things(connection: Connection) -> list[str]:
    """List every hub by name."""
    return list(connection.execute(select(hubs.c.thing).order_by(hubs.c.thing)).scalars())


def households_of(connection: Connection, things: Sequence[str]) -> dict[str, str]:
    """Find whose each hub is; one that is not known is left out."""
    found: dict[str, str] = {}
    for start in range(0, len(things), MAX_ROWS):
        part = things[start : start + MAX_ROWS]
        query = select(hubs.c.thing, hubs.c.household_id).where(hubs.c.thing.in_(part))
        found |= {row.thing: row.household_id for row in connection.execute(query)}
    return found


def add_executions(connection: Connection, executions: Sequence[Execution]) -> None:
    """Add the executions of a new job; those that are released are told of."""
    for start in range(0, len(executions), MAX_ROWS):
        part = executions[start : start + MAX_ROWS]
        connection.execute(
            insert(job_executions),
            [{**_row(one), "is_told": one.queued_at_ms is None} for one in part],
        )


def write_execution(connection: Connection, execution: Execution, *, is_told: bool) -> None:
    """Write an execution whose hub's row lock this transaction holds."""
    row = {**_row(execution), "is_told": is_told}
    replaced = [name for name in row if name not in ("thing", "job_id")]
    upsert(connection, job_executions, [row], keys=("thing", "job_id"), replace=replaced)


def read_execution(connection: Connection, thing: str, job_id: str) -> Execution | None:
    """Read a released execution; None where the hub is not, or not yet, asked for this job."""
    found = find_execution(connection, thing, job_id)
    return None if found is None or found.queued_at_ms is None else found


def find_execution(connection: Connection, thing: str, job_id: str) -> Execution | None:
    """Read an execution, released or not."""
    query = select(*_EXECUTION).where(
        job_executions.c.thing == thing, job_executions.c.job_id == job_id
    )
    row = connection.execute(query).one_or_none()
    return None if row is None else _execution(row)


def pending(connection: Connection, thing: str, now_ms: int) -> list[Execution]:
    """List what a hub is to do or does: of a job that is halted or expired only what was begun."""
    may_begin = and_(jobs.c.state == RolloutState.ACTIVE, jobs.c.expires_at_ms >= now_ms)
    query = (
        select(*_EXECUTION)
        .join(jobs, jobs.c.job_id == job_executions.c.job_id)
        .where(
            job_executions.c.thing == thing,
            job_executions.c.queued_at_ms.is_not(None),
            or_(
                job_executions.c.status == JobStatus.IN_PROGRESS,
                and_(job_executions.c.status == JobStatus.QUEUED, may_begin),
            ),
        )
    )
    return [_execution(row) for row in connection.execute(query)]


def list_executions(connection: Connection, job_id: str, after: str, limit: int) -> list[Execution]:
    """List a job's executions by thing, released or not, those after a name."""
    query = (
        select(*_EXECUTION)
        .where(job_executions.c.job_id == job_id, job_executions.c.thing > after)
        .order_by(job_executions.c.thing)
        .limit(limit)
    )
    return [_execution(row) for row in connection.execute(query)]


def executions_of_thing(connection: Connection, thing: str, limit: int) -> list[Execution]:
    """List what a hub was asked for, the latest change first."""
    query = (
        select(*_EXECUTION)
        .where(job_executions.c.thing == thing)
        .order_by(job_executions.c.updated_at_ms.desc(), job_executions.c.job_id)
        .limit(limit)
    )
    return [_execution(row) for row in connection.execute(query)]


def failed_of(connection: Connection, job_id: str) -> list[Execution]:
    """List the executions of a job that failed."""
    query = select(*_EXECUTION).where(
        job_executions.c.job_id == job_id, job_executions.c.status.in_(FAILURES)
    )
    return [_execution(row) for row in connection.execute(query)]


def due_executions(connection: Connection, now_ms: int) -> list[tuple[Execution, JobStatus, str]]:
    """List executions that have ended by time alone, with what they end as and why."""
    late = select(*_EXECUTION).where(job_executions.c.times_out_at_ms <= now_ms).limit(MAX_ENDED)
    ended = [
        (_execution(row), JobStatus.TIMED_OUT, "no word in time")
        for row in connection.execute(late)
    ]
    expired = (
        select(*_EXECUTION)
        .join(jobs, jobs.c.job_id == job_executions.c.job_id)
        .where(
            job_executions.c.status == JobStatus.QUEUED,
            jobs.c.expires_at_ms < now_ms,
            jobs.c.state != RolloutState.COMPLETED,
        )
        .limit(MAX_ENDED)
    )
    ended += [
        (_execution(row), JobStatus.CANCELED, "expired") for row in connection.execute(expired)
    ]
    return ended


def release_stage(connection: Connection, job_id: str, stage: int, now_ms: int) -> None:
    """Let the hubs of a stage have the job."""
    connection.execute(
        update(job_executions)
        .where(
            job_executions.c.job_id == job_id,
            job_executions.c.stage <= stage,
            job_executions.c.queued_at_ms.is_(None),
            job_executions.c.status == JobStatus.QUEUED,
        )
        .values(queued_at_ms=now_ms, updated_at_ms=now_ms, is_told=False)
    )


def cancel_queued(connection: Connection, job_id: str, now_ms: int) -> None:
    """Cancel what was not begun, released or not."""
    connection.execute(
        update(job_executions)
        .where(job_executions.c.job_id == job_id, job_executions.c.status == JobStatus.QUEUED)
        .values(
            status=JobStatus.CANCELED,
            version=job_executions.c.version + 1,
            updated_at_ms=now_ms,
            is_told=job_executions.c.queued_at_ms.is_(None),
        )
    )


def tell_again(connection: Connection, job_id: str) -> None:
    """Let the hubs for which a job waits be told of it again."""
    connection.execute(
        update(job_executions)
        .where(
            job_executions.c.job_id == job_id,
            job_executions.c.status == JobStatus.QUEUED,
            job_executions.c.queued_at_ms.is_not(None),
        )
        .values(is_told=False)
    )


def has_untold(connection: Connection) -> bool:
    """Tell whether there are hubs to tell of a change."""
    query = select(job_executions.c.thing).where(job_executions.c.is_told.is_(False)).limit(1)
    return connection.execute(query).first() is not None


def take_untold(connection: Connection) -> list[str]:
    """List hubs whose jobs changed without their doing, and note that they are told."""
    query = (
        select(job_executions.c.thing)
        .where(job_executions.c.is_told.is_(False))
        .distinct()
        .limit(MAX_UNTOLD)
    )
    things = sorted(connection.execute(query).scalars())
    if things:
        connection.execute(
            update(job_executions).where(job_executions.c.thing.in_(things)).values(is_told=True)
        )
    return things


def forget_jobs(connection: Connection, thing: str, now_ms: int) -> None:
    """Cancel what a hub was asked for: it goes to another household."""
    connection.execute(
        update(job_executions)
        .where(job_executions.c.thing == thing, job_executions.c.status.in_(PENDING))
        .values(
            status=JobStatus.CANCELED,
            version=job_executions.c.version + 1,
            updated_at_ms=now_ms,
            times_out_at_ms=None,
        )
    )


def forget_ended(connection: Connection, now_ms: int) -> int:
    """Forget how old jobs ended at each hub; returns how many executions went.

    The jobs' rows stay, so that no name is ever another job's.
    """
    is_over = select(jobs.c.job_id).where(
        jobs.c.state.in_((RolloutState.COMPLETED, RolloutState.CANCELED))
    )
    gone = delete(job_executions).where(
        job_executions.c.status.not_in(PENDING),
        job_executions.c.updated_at_ms < now_ms - KEPT_MS,
        job_executions.c.job_id.in_(is_over),
    )
    return int(connection.execute(gone).rowcount)


def count_job(connection: Connection, job_id: str) -> Progress:
    """Count a job's executions."""
    is_released = job_executions.c.queued_at_ms.is_not(None)
    query = (
        select(job_executions.c.status, is_released, func.count())
        .where(job_executions.c.job_id == job_id)
        .group_by(job_executions.c.status, is_released)
    )
    counts = {(JobStatus(row[0]), bool(row[1])): row[2] for row in connection.execute(query)}
    return progress_of(counts)


def count_stage(connection: Connection, job_id: str, stage: int) -> dict[JobStatus, int]:
    """Count the executions of the stages up to this one."""
    query = (
        select(job_executions.c.status, func.count())
        .where(job_executions.c.job_id == job_id, job_executions.c.stage <= stage)
        .group_by(job_executions.c.status)
    )
    return {JobStatus(row[0]): row[1] for row in connection.execute(query)}


def _job(row: Row[Any]) -> Job:
    return Job(
        row.job_id,
        row.document,
        msgspec.json.decode(row.plan, type=Plan),
        Step(RolloutState(row.state), row.stage, row.reason),
        (row.forgiven_executed, row.forgiven_failed),
        row.created_at_ms,
        row.expires_at_ms,
    )


def _standing(job: Job) -> dict[str, object]:
    return {
        "state": job.step.state,
        "stage": job.step.stage,
        "reason": job.step.reason,
        "forgiven_executed": job.forgiven[0],
        "forgiven_failed": job.forgiven[1],
    }


def _execution(row: Row[Any]) -> Execution:
    execution = Execution(*tuple(row))
    details: Mapping[str, str] = msgspec.json.decode(row.status_details)
    return execution._replace(status=JobStatus(row.status), status_details=details)


def _row(execution: Execution) -> dict[str, object]:
    details = msgspec.json.encode(execution.status_details)
    return {**execution._asdict(), "status_details": details}
