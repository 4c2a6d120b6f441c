"""How the API says that something is wrong: problem+json (RFC 9457) for every error.

The kinds with their codes, and the error to raise, are those of cloud/problems.py: what serves no
requests imports them there, and starts in half the time without a web framework. 422 is kept for
payloads that are malformed; a well-formed question that cannot be answered is 400, 404 or 503.
"""

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from sqlalchemy.exc import DataError
from starlette.exceptions import HTTPException

from cloud.problems import (
    PROBLEM_MEDIA_TYPE,
    URN,
    NotFoundError,
    ProblemError,
    kind_of,
    usual_code,
)
from shared.errors import BadInputError, ConfigError

__all__ = [
    "RESPONSES",
    "NotFoundError",
    "Problem",
    "ProblemError",
    "ProblemResponse",
    "install",
    "problem_response",
]

MAX_FAULTS = 100
"""What one answer lists; whoever has more mends these first."""

MAX_FAULT_CHARS = 500
"""A fault quotes what it refuses, which may be as long as a body."""


class Problem(BaseModel):
    """What an error response holds; `hint` says what to do, `faults` lists what is malformed.

    `code`, and with it `type`, never changes, for programs (docs/reference/problems.md).
    """

    type: str
    title: str
    status: int
    detail: str
    hint: str = ""
    code: str
    faults: list[str] = []


class ProblemResponse(Response):
    """A problem document; text that UTF-8 cannot say is written as escapes."""

    media_type = PROBLEM_MEDIA_TYPE

    def render(self, content: Any) -> bytes:
        """Write the document as JSON."""
        return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode(
            "utf-8", "backslashreplace"
        )


def problem_response(
    status: int,
    detail: str,
    *,
    hint: str = "",
    code: str = "",
    faults: Sequence[str] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Build a problem+json response; without a code or a hint it has the usual ones."""
    code = code or usual_code(status)
    kind = kind_of(code, status)
    problem = {
        "type": URN + code,
        "title": kind.title,
        "status": int(status),
        "detail": detail,
        "hint": hint or kind.fix,
        "code": code,
        "faults": [one[:MAX_FAULT_CHARS] for one in faults[:MAX_FAULTS]],
    }
    return ProblemResponse(problem, status_code=status, headers=dict(headers or {}))


def install(app: FastAPI) -> None:
    """Let every error of the application answer as a problem."""
    answers: dict[Any, Any] = {
        ProblemError: _problem,
        BadInputError: _bad_input,
        ConfigError: _malformed,
        RequestValidationError: _invalid,
        HTTPException: _http,
        DataError: _unfit,
        RecursionError: _too_deep,
        Exception: _unforeseen,
    }
    for kind, answer in answers.items():
        app.add_exception_handler(kind, answer)


async def _problem(_request: Request, error: ProblemError) -> Response:
    return problem_response(
        error.status, error.message, hint=error.hint, code=error.code, headers=error.headers
    )


async def _bad_input(_request: Request, error: BadInputError) -> Response:
    return problem_response(HTTPStatus.BAD_REQUEST, error.message, hint=error.hint)


async def _malformed(_request: Request, error: ConfigError) -> Response:
    return problem_response(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "the document breaks rules of its format",
        hint="correct these and send it again",
        code="invalid-document",
        faults=error.faults,
    )


async def _invalid(_request: Request, error: RequestValidationError) -> Response:
    faults = [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()]
    return problem_response(
        HTTPStatus.UNPROCESSABLE_ENTITY, "the request is malformed", faults=faults
    )


async def _http(request: Request, error: HTTPException) -> Response:
    detail, code = str(error.detail), ""
    if detail == HTTPStatus(error.status_code).phrase:
        # The framework's own: no route, or another method.
        detail = f"{request.method} {request.url.path}: {detail.lower()}"
        code = "no-such-path" if error.status_code == HTTPStatus.NOT_FOUND else ""
    return problem_response(error.status_code, detail, code=code, headers=error.headers)


async def _unfit(_request: Request, _error: Exception) -> Response:
    """A value that no column takes: a NUL in text, a number past 64 bit."""
    return problem_response(
        HTTPStatus.BAD_REQUEST,
        "a value cannot be stored",
        hint="send text without NUL, and numbers of at most 63 bit",
    )


async def _too_deep(_request: Request, _error: Exception) -> Response:
    return problem_response(
        HTTPStatus.BAD_REQUEST, "the document is nested too deeply", hint="send a flatter document"
    )


async def _unforeseen(_request: Request, _error: Exception) -> Response:
    return problem_response(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "the request failed here",
        hint="see the service's log",
    )


RESPONSES: dict[int | str, dict[str, Any]] = {
    status: {"model": Problem, "content": {PROBLEM_MEDIA_TYPE: {}}}
    for status in (400, 401, 403, 404, 422, 429)
}
"""The error responses that every guarded path documents."""
