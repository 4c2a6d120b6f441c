"""What the hub and AWS IoT jobs say to each other, as far as the hub needs it. Pure."""

from collections.abc import Mapping
from typing import Annotated

import msgspec

from shared.errors import BadInputError
from shared.jobs import JOB_ID, MAX_DOCUMENT_BYTES, JobStatus

MAX_DETAILS = 10
MAX_DETAIL_CHARS = 1_024
"""AWS IoT's limits of statusDetails, held by the self-hosted service too."""

MAX_ANSWER_BYTES = 4 * MAX_DOCUMENT_BYTES

OVER = frozenset({"InvalidStateTransition", "ResourceNotFound", "TerminalStateReached"})
"""Refusals of a report that say the cloud has closed the job: nothing is left to tell."""


class Execution(msgspec.Struct, frozen=True, rename="camel"):
    """A job as the cloud hands it over; unknown fields are AWS's, and its next version's."""

    job_id: str
    execution_number: int = 1
    job_document: msgspec.Raw = msgspec.Raw(b"null")


class Outcome(msgspec.Struct, frozen=True):
    """How a job ended, with words for the operator."""

    status: JobStatus
    details: dict[str, str] = {}


class _Started(msgspec.Struct):
    execution: msgspec.Raw = msgspec.Raw(b"")


class _Refusal(msgspec.Struct):
    code: Annotated[str, msgspec.Meta(max_length=128)] = ""


def decode_execution(payload: bytes) -> Execution | None:
    """Read the answer to start-next, or a notice; None where no job waits.

    Raises BadInputError where it is neither, or the job has no usable id.
    """
    if len(payload) > MAX_ANSWER_BYTES:
        raise BadInputError(f"a job of {len(payload)} bytes; {MAX_ANSWER_BYTES} at most")
    try:
        raw = msgspec.json.decode(payload, type=_Started).execution
        if not raw or bytes(raw) in (b"{}", b"null"):
            return None
        execution = msgspec.json.decode(raw, type=Execution)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise BadInputError(f"not a job: {error}") from error
    if not JOB_ID.fullmatch(execution.job_id):
        raise BadInputError(f"job id {execution.job_id[:80]!r} is none")
    return execution


def decode_refusal(payload: bytes) -> str:
    """Read why a report was refused; empty where that cannot be read."""
    try:
        return msgspec.json.decode(payload[:MAX_ANSWER_BYTES], type=_Refusal).code
    except msgspec.MsgspecError:
        return ""


def encode_report(status: JobStatus, details: Mapping[str, str], number: int) -> bytes:
    """Write a report, its details cut to what the cloud takes."""
    kept = {name: said[:MAX_DETAIL_CHARS] for name, said in list(details.items())[:MAX_DETAILS]}
    return msgspec.json.encode({"status": status, "statusDetails": kept, "executionNumber": number})
