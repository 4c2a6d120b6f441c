"""What hubs ask about their jobs over MQTT, and its answers: get, start-next, describe, update.

Knows nothing of connections: it is given the topic and the payload, and returns what to publish
once it has returned, which is after the commit.
"""

import re
from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection

from cloud.db import Database
from cloud.households.repository import lock_hub
from cloud.households.revocations import find_revocation
from cloud.jobs import repository
from cloud.jobs.execution import (
    MAX_LISTED,
    MAX_REQUEST_BYTES,
    MAX_TOKEN_CHARS,
    Code,
    Execution,
    JobError,
    Request,
    change,
    description,
    ordered,
    read_request,
    start,
    state_of,
    summary,
)
from cloud.jobs.rollouts import Rollouts
from shared import topics
from shared.jobs import JobStatus
from shared.units import MS_PER_HOUR, MS_PER_SECOND

Publication = tuple[str, bytes]
"""A topic and a payload."""

NEXT = "$next"
_TOPIC = re.compile(
    r"\$aws/things/(?P<thing>[^/]+)/jobs/"
    r"(?:(?P<list>get|start-next)|(?P<job>[A-Za-z0-9_-]{1,64}|\$next)/(?P<one>get|update))"
)


SWEEP_EVERY_MS = MS_PER_HOUR


class JobDesk:
    """Answers requests about jobs; any number of processes may each have one on one database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._rollouts = Rollouts(database)
        self._swept_ms = 0

    def answer(self, thing: str, topic: str, payload: bytes, now_ms: int) -> list[Publication]:
        """Answer one request; nothing where it is none, or the hub is revoked.

        Nothing in a payload makes it raise: what is refused is answered with the reason.
        """
        found = _TOPIC.fullmatch(topic)
        if found is None or found["thing"] != thing or thing.startswith(topics.CLAIM_PREFIX):
            return []
        token = _token_of(payload)
        try:
            request = read_request(payload)
            with self._database.writing() as connection:
                lock_hub(connection, thing, now_ms)
                if find_revocation(connection, thing) is not None:
                    return []
                content, notices = _carry_out(connection, found, request, now_ms)
        except JobError as error:
            refusal: dict[str, Any] = {"code": error.code, "message": error.message}
            if error.execution is not None:
                refusal["executionState"] = state_of(error.execution)
            return [(topics.rejected(topic), _document(refusal, now_ms, token))]
        return [(topics.accepted(topic), _document(content, now_ms, token)), *notices]

    def tell(self, now_ms: int) -> list[Publication]:
        """Move the rollouts on, and write the notices of what changed; call it each second."""
        self._rollouts.advance(now_ms)
        if now_ms - self._swept_ms >= SWEEP_EVERY_MS:
            self._swept_ms = now_ms
            with self._database.writing() as connection:
                repository.forget_ended(connection, now_ms)
        with self._database.reading() as connection:
            if not repository.has_untold(connection):
                return []
        with self._database.writing() as connection:
            things = repository.take_untold(connection)
        # Read apart: nobody who writes is to wait for it.
        with self._database.reading() as connection:
            return [notice for thing in things for notice in notices_of(connection, thing, now_ms)]


def notices_of(connection: Connection, thing: str, now_ms: int) -> list[Publication]:
    """Write what a hub has to do, and what is next of it."""
    waiting = ordered(repository.pending(connection, thing, now_ms))
    lists = {
        status.value: [summary(one) for one in waiting if one.status is status][:MAX_LISTED]
        for status in (JobStatus.IN_PROGRESS, JobStatus.QUEUED)
    }
    told = {"jobs": {status: listed for status, listed in lists.items() if listed}}
    first = _described(connection, waiting[0], with_document=True) if waiting else {}
    notify = topics.jobs_branch(thing).removesuffix("#") + "notify"
    return [
        (notify, _document(told, now_ms, None)),
        (topics.jobs_notify_next(thing), _document({"execution": first}, now_ms, None)),
    ]


def _carry_out(
    connection: Connection, found: re.Match[str], request: Request, now_ms: int
) -> tuple[dict[str, Any], list[Publication]]:
    thing = found["thing"]
    if found["list"] == "get":
        return _list(ordered(repository.pending(connection, thing, now_ms))), []
    if found["list"] == "start-next":
        return _start_next(connection, thing, request, now_ms), []
    execution = _find(connection, thing, found["job"], request, now_ms)
    if found["one"] == "get":
        is_wanted = request.include_job_document is not False
        return {"execution": _described(connection, execution, with_document=is_wanted)}, []
    return _update(connection, execution, request, now_ms)


def _list(waiting: Sequence[Execution]) -> dict[str, Any]:
    of = {
        "inProgressJobs": JobStatus.IN_PROGRESS,
        "queuedJobs": JobStatus.QUEUED,
    }
    return {
        name: [summary(one) for one in waiting if one.status is status][:MAX_LISTED]
        for name, status in of.items()
    }


def _start_next(
    connection: Connection, thing: str, request: Request, now_ms: int
) -> dict[str, Any]:
    waiting = ordered(repository.pending(connection, thing, now_ms))
    if not waiting:
        return {}
    begun = start(waiting[0], request, now_ms)
    repository.write_execution(connection, begun, is_told=True)
    return {"execution": _described(connection, begun, with_document=True)}


def _find(
    connection: Connection, thing: str, job_id: str, request: Request, now_ms: int
) -> Execution:
    """Find the execution that is meant; raises JobError where there is none of this number."""
    if job_id == NEXT:
        waiting = ordered(repository.pending(connection, thing, now_ms))
        execution = waiting[0] if waiting else None
    else:
        execution = repository.read_execution(connection, thing, job_id)
    number = request.execution_number
    if execution is None or number not in (None, execution.execution_number):
        raise JobError(Code.NOT_FOUND, f"no execution of {job_id} for {thing}")
    return execution


def _update(
    connection: Connection, execution: Execution, request: Request, now_ms: int
) -> tuple[dict[str, Any], list[Publication]]:
    is_queued = execution.status is JobStatus.QUEUED
    if is_queued and execution not in repository.pending(connection, execution.thing, now_ms):
        raise JobError(
            Code.INVALID_TRANSITION, f"{execution.job_id} is halted or expired", execution
        )
    changed = change(execution, request, now_ms)
    repository.write_execution(connection, changed, is_told=True)
    content: dict[str, Any] = {}
    if request.include_job_execution_state:
        content["executionState"] = state_of(changed)
    if request.include_job_document:
        job = repository.read_job(connection, changed.job_id)
        content["jobDocument"] = msgspec.Raw(job.document if job else b"{}")
    has_ended = changed.status.is_final
    return content, notices_of(connection, changed.thing, now_ms) if has_ended else []


def _described(
    connection: Connection, execution: Execution, *, with_document: bool
) -> dict[str, Any]:
    job = repository.read_job(connection, execution.job_id) if with_document else None
    return description(execution, job.document if job else None)


def _token_of(payload: bytes) -> str | None:
    """Read the token of a request that may be refused for something else."""
    try:
        return read_request(payload).client_token
    except JobError:
        pass
    if len(payload) > MAX_REQUEST_BYTES:
        return None
    try:
        token = msgspec.json.decode(payload, type=dict[str, Any]).get("clientToken")
    except (msgspec.MsgspecError, RecursionError):
        return None
    return token if isinstance(token, str) and len(token) <= MAX_TOKEN_CHARS else None


def _document(content: dict[str, Any], now_ms: int, token: str | None) -> bytes:
    document = {**content, "timestamp": now_ms // MS_PER_SECOND}
    if token is not None:
        document["clientToken"] = token
    return msgspec.json.encode(document)
