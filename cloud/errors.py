"""How the API says that something is wrong: problem+json (RFC 9457) for every error.

422 is kept for payloads that are malformed; a well-formed question that cannot be answered is 400,
404 or 503.
"""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from shared.errors import BadInputError, ConfigError, HearthlinkError

PROBLEM_MEDIA_TYPE = "application/problem+json"


class Problem(BaseModel):
    """What an error response holds; `hint` says what to do, `faults` lists what is malformed.

    `code` never changes, for programs; "" where the status says it all.
    """

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    hint: str = ""
    code: str = ""
    faults: list[str] = []


class ProblemError(HearthlinkError):
    """An error with the HTTP status it is answered with, and a code for programs."""

    def __init__(self, status: int, message: str, *, hint: str = "", code: str = "") -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.code = code


class NotFoundError(ProblemError):
    """What was asked for does not exist, or not for this caller."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(HTTPStatus.NOT_FOUND, message, hint=hint)


def problem_response(
    status: int,
    detail: str,
    *,
    hint: str = "",
    code: str = "",
    faults: Sequence[str] = (),
    headers: dict[str, str] | None = None,
) -> JSONResponse:
    """Build a problem+json response."""
    problem = Problem(
        title=HTTPStatus(status).phrase,
        status=status,
        detail=detail,
        hint=hint,
        code=code,
        faults=list(faults),
    )
    return JSONResponse(
        problem.model_dump(), status_code=status, media_type=PROBLEM_MEDIA_TYPE, headers=headers
    )


def install(app: FastAPI) -> None:
    """Let every error of the application answer as a problem."""

    @app.exception_handler(ProblemError)
    def _problem(_request: Request, error: ProblemError) -> JSONResponse:
        return problem_response(error.status, error.message, hint=error.hint, code=error.code)

    @app.exception_handler(BadInputError)
    def _bad_input(_request: Request, error: BadInputError) -> JSONResponse:
        return problem_response(HTTPStatus.BAD_REQUEST, error.message, hint=error.hint)

    @app.exception_handler(ConfigError)
    def _malformed(_request: Request, error: ConfigError) -> JSONResponse:
        return problem_response(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "the document breaks rules of its format",
            hint="correct these and send it again",
            faults=error.faults,
        )

    @app.exception_handler(RequestValidationError)
    def _invalid(_request: Request, error: RequestValidationError) -> JSONResponse:
        faults = [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()]
        return problem_response(
            HTTPStatus.UNPROCESSABLE_ENTITY, "the request is malformed", faults=faults
        )

    @app.exception_handler(HTTPException)
    def _http(_request: Request, error: HTTPException) -> JSONResponse:
        headers: Any = error.headers
        return problem_response(error.status_code, str(error.detail), headers=headers)

    @app.exception_handler(Exception)
    def _unforeseen(_request: Request, _error: Exception) -> JSONResponse:
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
