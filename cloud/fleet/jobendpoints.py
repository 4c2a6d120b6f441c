"""`/v1/fleet/jobs`: jobs for one hub or the fleet, in stages."""

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from cloud.answers import MAX_INT, Document, reply
from cloud.auth import Operator, ProvedOperator
from cloud.errors import RESPONSES, Problem, ProblemError
from cloud.jobs import repository
from cloud.jobs.rollout import STAGES, Plan
from cloud.jobs.rollouts import Rollouts
from cloud.parts import Parts, Shared
from cloud.problems import PROBLEM_MEDIA_TYPE
from cloud.registry.port import JobView
from cloud.transfer.pages import PAGE, Cursor, PageLimit, decode_cursor, next_of
from cloud.transfer.repetition import Once
from shared.instants import format_utc

MAX_THINGS = 10_000
"""Hubs that one request may name; a job for all names none."""

MAX_JOB_ID_CHARS = 128
"""Of a name in a path; what a job may be called is checked where one is begun."""

CONFLICT = 409
JobId = Annotated[str, Path(min_length=1, max_length=MAX_JOB_ID_CHARS)]
_ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": Problem, "content": {PROBLEM_MEDIA_TYPE: {}}} for status in (403, 409)
}

router = APIRouter(prefix="/v1/fleet/jobs", tags=["fleet"], responses={**RESPONSES, **_ERRORS})

JOB_EXAMPLE: dict[str, Any] = {
    "job_id": "restart-1",
    "document": {"operation": "restart", "expires_at_ms": 1_790_000_000_000},
    "state": "ACTIVE",
    "reason": "",
    "stages": [1, 10, 100],
    "stage": 0,
    "failure_percent": 20,
    "executed_min": 1,
    "created_at": "2026-03-01T12:00:00Z",
    "expires_at": "2026-09-21T14:13:20Z",
    "progress": {
        "total": 200,
        "waiting": 198,
        "queued": 1,
        "in_progress": 1,
        "succeeded": 0,
        "failed": 0,
        "rejected": 0,
        "timed_out": 0,
        "canceled": 0,
    },
}


class JobRequest(BaseModel):
    """A job to begin; no `things` means every hub. See `Plan` for the stages and the halt."""

    job_id: str
    document: Document
    things: list[str] = Field(default=[], max_length=MAX_THINGS)
    stages: list[int] = list(STAGES)
    failure_percent: int = 20
    executed_min: int = 1

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "job_id": "restart-1",
                "document": JOB_EXAMPLE["document"],
                "things": ["hub-1"],
            }
        },
    )


class JobEntry(BaseModel):
    """A job and how far it has come; `stage` counts from 0, the last one is everybody."""

    job_id: str
    document: dict[str, Any]
    state: str
    reason: str
    stages: list[int]
    stage: int
    failure_percent: int
    executed_min: int
    created_at: str
    expires_at: str
    progress: dict[str, int]

    model_config = ConfigDict(json_schema_extra={"example": JOB_EXAMPLE})


class JobPage(BaseModel):
    """Jobs, the newest first, a page of them."""

    jobs: list[JobEntry]
    next: Annotated[
        int | None, Field(description="Deprecated: use `next_cursor`", examples=[1790000000000])
    ]
    next_cursor: str | None


class ExecutionEntry(BaseModel):
    """How a job stands at one hub; `is_released` is false while its stage has not begun."""

    thing: str
    status: str
    status_details: dict[str, str]
    execution_number: int
    stage: int
    is_released: bool
    updated_at: str


class ExecutionPage(BaseModel):
    """Executions by hub, a page of them."""

    executions: list[ExecutionEntry]
    next: str | None
    next_cursor: str | None


@router.post("", response_model=JobEntry, summary="Begin a job")
def begin(wanted: JobRequest, parts: Shared, _operator: ProvedOperator, _once: Once) -> Response:
    """Begin a job with its first stage; the same request again makes nothing twice."""
    plan = Plan(tuple(wanted.stages), wanted.failure_percent, wanted.executed_min)
    document = msgspec.json.encode(wanted.document)
    return reply(entry(parts.registry.begin_job(wanted.job_id, document, wanted.things, plan)))


@router.get("", response_model=JobPage, summary="Jobs")
def list_all(
    parts: Shared,
    _operator: Operator,
    before: Annotated[int | None, Query(ge=0, le=MAX_INT)] = None,
    cursor: Cursor = "",
    limit: PageLimit = PAGE,
) -> Response:
    """List jobs, the newest first."""
    _rollouts(parts)
    last = decode_cursor(cursor, "jobs", (int, str))
    if last is None and before is not None:
        last = (before, "")
    with parts.database.reading() as connection:
        found = repository.list_jobs(connection, last, limit + 1)
    page = [entry(parts.registry.find_job(job.job_id)) for job in found[:limit]]
    following = found[limit - 1].created_at_ms if len(found) > limit else None
    next_cursor = next_of(found, "jobs", lambda job: (job.created_at_ms, job.job_id), limit)
    return reply({"jobs": page, "next": following, "next_cursor": next_cursor})


@router.get("/{job_id}", response_model=JobEntry, summary="One job")
def get(job_id: JobId, parts: Shared, _operator: Operator) -> Response:
    """Give a job and its progress."""
    return reply(entry(parts.registry.find_job(job_id)))


@router.get("/{job_id}/executions", response_model=ExecutionPage, summary="A job, hub by hub")
def list_executions(
    job_id: JobId,
    parts: Shared,
    _operator: Operator,
    after: Annotated[str, Query(max_length=64)] = "",
    cursor: Cursor = "",
    limit: PageLimit = PAGE,
) -> Response:
    """List how the job stands at each hub."""
    _rollouts(parts).find(job_id)
    place = decode_cursor(cursor, "executions", (str,))
    last = str(place[0]) if place else after
    with parts.database.reading() as connection:
        found = repository.list_executions(connection, job_id, last, limit + 1)
    page = [
        {
            "thing": one.thing,
            "status": one.status,
            "status_details": one.status_details,
            "execution_number": one.execution_number,
            "stage": one.stage,
            "is_released": one.queued_at_ms is not None,
            "updated_at": format_utc(one.updated_at_ms),
        }
        for one in found[:limit]
    ]
    following = found[limit - 1].thing if len(found) > limit else None
    next_cursor = next_of(found, "executions", lambda one: (one.thing,), limit)
    return reply({"executions": page, "next": following, "next_cursor": next_cursor})


@router.post("/{job_id}/cancel", response_model=JobEntry, summary="Cancel a job")
def cancel(job_id: JobId, parts: Shared, _operator: Operator, _once: Once) -> Response:
    """Take back what was not begun; what runs at a hub may end there."""
    return reply(entry(parts.registry.cancel_job(job_id)))


@router.post("/{job_id}/resume", response_model=JobEntry, summary="Resume a halted job")
def resume(
    job_id: JobId,
    parts: Shared,
    _operator: ProvedOperator,
    _once: Once,
    retry: Annotated[bool, Query(description="Queue what failed once more")] = False,
) -> Response:
    """Let a halted job go on; what has failed until now does not halt it again."""
    _rollouts(parts).resume(job_id, parts.clock.utc_ms(), with_retry=retry)
    return reply(entry(parts.registry.find_job(job_id)))


def entry(job: JobView) -> dict[str, Any]:
    """Write a job as the API, and the command, show it."""
    return {
        "job_id": job.job_id,
        "document": msgspec.json.decode(job.document),
        "state": job.state.value,
        "reason": job.reason,
        "stages": list(job.plan.stages),
        "stage": job.stage,
        "failure_percent": job.plan.failure_percent,
        "executed_min": job.plan.executed_min,
        "created_at": format_utc(job.created_at_ms),
        "expires_at": format_utc(job.expires_at_ms),
        "progress": job.progress._asdict(),
    }


def _rollouts(parts: Parts) -> Rollouts:
    """What our own service alone has; AWS's console has its own."""
    if parts.config.fleet_region:
        raise ProblemError(
            CONFLICT,
            "AWS IoT keeps these jobs, and neither lists nor resumes them here",
            hint="use the AWS console; a cancelled job is begun again under another name",
        )
    return Rollouts(parts.database)
