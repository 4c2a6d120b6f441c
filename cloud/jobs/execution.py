"""One job at one hub: its states, versions and timeouts, as AWS IoT jobs have them. Pure."""

import enum
import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, NamedTuple

import msgspec

from shared.jobs import JobStatus
from shared.units import MS_PER_MINUTE, MS_PER_SECOND

MAX_REQUEST_BYTES = 32 * 1024
"""Ten details of a kilobyte each are the largest request that has a use."""

MAX_TOKEN_CHARS = 64
MAX_DETAILS = 10
MAX_DETAIL_CHARS = 1_024
DETAIL_NAME = re.compile(r"[A-Za-z0-9:_-]{1,128}")
MAX_STEP_MINUTES = 10_080
"""A week (AWS IoT's limit of stepTimeoutInMinutes)."""

MAX_LISTED = 15
"""Executions named in a list, of each state (AWS IoT)."""

START_TIMEOUT_MS = 120 * MS_PER_MINUTE
"""How long a job that was begun may be silent where the hub sets no timer: an update with its
trial of the new slot takes half an hour on a slow line."""

REPORTABLE = (JobStatus.IN_PROGRESS, JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.REJECTED)
"""What a hub may say; the rest is the cloud's to say."""

FAILURES = (JobStatus.FAILED, JobStatus.REJECTED, JobStatus.TIMED_OUT)


class Code(enum.StrEnum):
    """Why a request is refused, in AWS IoT's words."""

    INVALID_TOPIC = "InvalidTopic"
    INVALID_JSON = "InvalidJson"
    INVALID_REQUEST = "InvalidRequest"
    INVALID_TRANSITION = "InvalidStateTransition"
    NOT_FOUND = "ResourceNotFound"
    VERSION_MISMATCH = "VersionMismatch"


class Execution(NamedTuple):
    """How one job stands at one hub; not yet released to it where `queued_at_ms` is None."""

    thing: str
    job_id: str
    household_id: str
    stage: int
    status: JobStatus
    status_details: Mapping[str, str]
    version: int
    execution_number: int
    queued_at_ms: int | None
    started_at_ms: int | None
    updated_at_ms: int
    times_out_at_ms: int | None


class JobError(Exception):
    """A request that is refused; `execution` is how the job stands, where that helps the hub."""

    def __init__(self, code: Code, message: str, execution: Execution | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.execution = execution


class Request(msgspec.Struct, frozen=True, rename="camel"):
    """Any request about jobs; each uses the fields it knows, all may be left out."""

    client_token: Annotated[str, msgspec.Meta(max_length=MAX_TOKEN_CHARS)] | None = None
    status: JobStatus | None = None
    status_details: dict[str, str] | None = None
    expected_version: int | str | None = None
    execution_number: int | None = None
    include_job_document: bool | None = None
    include_job_execution_state: bool | None = None
    step_timeout_in_minutes: int | None = None


def read_request(payload: bytes) -> Request:
    """Read a request; raises JobError for what is none."""
    if len(payload) > MAX_REQUEST_BYTES:
        raise JobError(Code.INVALID_REQUEST, f"over {MAX_REQUEST_BYTES} bytes")
    try:
        request = msgspec.json.decode(payload or b"{}", type=Request)
    except msgspec.ValidationError as error:
        raise JobError(Code.INVALID_REQUEST, str(error)) from error
    except (msgspec.DecodeError, RecursionError) as error:
        raise JobError(Code.INVALID_JSON, "not JSON") from error
    _check_details(request.status_details or {})
    minutes = request.step_timeout_in_minutes
    if minutes is not None and minutes != -1 and not 0 < minutes <= MAX_STEP_MINUTES:
        raise JobError(
            Code.INVALID_REQUEST, f"stepTimeoutInMinutes is 1 to {MAX_STEP_MINUTES}, or -1"
        )
    return request


def start(execution: Execution, request: Request, now_ms: int) -> Execution:
    """Begin a queued job; one in progress stays as it is, but for its timer."""
    if execution.status is JobStatus.IN_PROGRESS:
        return _timed(execution, request, now_ms)
    begun = execution._replace(
        status=JobStatus.IN_PROGRESS,
        status_details=request.status_details or execution.status_details,
        version=execution.version + 1,
        started_at_ms=now_ms,
        updated_at_ms=now_ms,
        times_out_at_ms=now_ms + START_TIMEOUT_MS,
    )
    return _timed(begun, request, now_ms)


def change(execution: Execution, request: Request, now_ms: int) -> Execution:
    """Make what a hub's report leads to; raises JobError, and then nothing has changed."""
    if request.status is None or request.status not in REPORTABLE:
        said = ", ".join(REPORTABLE)
        raise JobError(Code.INVALID_REQUEST, f"status is one of {said}")
    expected = request.expected_version
    if expected is not None and str(expected) != str(execution.version):
        raise JobError(
            Code.VERSION_MISMATCH,
            f"expected version {expected}, it is {execution.version}",
            execution,
        )
    if execution.status.is_final:
        raise JobError(
            Code.INVALID_TRANSITION, f"{execution.status} is final: {execution.job_id}", execution
        )
    is_final = request.status.is_final
    changed = execution._replace(
        status=request.status,
        status_details=(
            execution.status_details if request.status_details is None else request.status_details
        ),
        version=execution.version + 1,
        started_at_ms=execution.started_at_ms or now_ms,
        updated_at_ms=now_ms,
        # Every word from the hub shows that it is alive.
        times_out_at_ms=None if is_final else now_ms + START_TIMEOUT_MS,
    )
    return changed if is_final else _timed(changed, request, now_ms)


def close(execution: Execution, status: JobStatus, reason: str, now_ms: int) -> Execution:
    """End an execution by the cloud's word: timed out or cancelled."""
    return execution._replace(
        status=status,
        status_details={**execution.status_details, "reason": reason},
        version=execution.version + 1,
        updated_at_ms=now_ms,
        times_out_at_ms=None,
    )


def retry(execution: Execution, now_ms: int) -> Execution:
    """Queue an execution that failed once more, under the next number."""
    return execution._replace(
        status=JobStatus.QUEUED,
        status_details={},
        version=execution.version + 1,
        execution_number=execution.execution_number + 1,
        queued_at_ms=now_ms,
        started_at_ms=None,
        updated_at_ms=now_ms,
        times_out_at_ms=None,
    )


def ordered(pending: Sequence[Execution]) -> list[Execution]:
    """Order what is pending: what was begun first, then as it was queued."""
    return sorted(
        pending,
        key=lambda one: (
            one.status is not JobStatus.IN_PROGRESS,
            one.queued_at_ms or 0,
            one.job_id,
        ),
    )


def summary(execution: Execution) -> dict[str, Any]:
    """Write an execution as lists have it."""
    document = _times(execution)
    document["jobId"] = execution.job_id
    document["versionNumber"] = execution.version
    document["executionNumber"] = execution.execution_number
    return document


def description(execution: Execution, document: bytes | None) -> dict[str, Any]:
    """Write an execution whole, with the job's document where it is asked for."""
    written = summary(execution)
    written["thingName"] = execution.thing
    written["status"] = execution.status
    if execution.status_details:
        written["statusDetails"] = execution.status_details
    if execution.times_out_at_ms is not None:
        left_s = max(execution.times_out_at_ms - execution.updated_at_ms, 0) // MS_PER_SECOND
        written["approximateSecondsBeforeTimedOut"] = left_s
    if document is not None:
        written["jobDocument"] = msgspec.Raw(document)
    return written


def state_of(execution: Execution) -> dict[str, Any]:
    """Write how an execution stands, as answers to a report have it."""
    return {
        "status": execution.status,
        "statusDetails": execution.status_details,
        "versionNumber": execution.version,
    }


def _timed(execution: Execution, request: Request, now_ms: int) -> Execution:
    minutes = request.step_timeout_in_minutes
    if minutes is None:
        return execution
    due_ms = now_ms + (START_TIMEOUT_MS if minutes < 0 else minutes * MS_PER_MINUTE)
    return execution._replace(times_out_at_ms=due_ms)


def _times(execution: Execution) -> dict[str, Any]:
    times = {
        "queuedAt": execution.queued_at_ms,
        "startedAt": execution.started_at_ms,
        "lastUpdatedAt": execution.updated_at_ms,
    }
    return {name: at // MS_PER_SECOND for name, at in times.items() if at is not None}


def _check_details(details: Mapping[str, str]) -> None:
    if len(details) > MAX_DETAILS:
        raise JobError(Code.INVALID_REQUEST, f"{len(details)} details; {MAX_DETAILS} at most")
    for name, value in details.items():
        if not DETAIL_NAME.fullmatch(name) or len(value) > MAX_DETAIL_CHARS:
            raise JobError(
                Code.INVALID_REQUEST,
                f"detail {name[:128]!r}: a name of letters, digits, ':', '_' or '-', and "
                f"{MAX_DETAIL_CHARS} characters at most",
            )
