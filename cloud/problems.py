"""The kinds of problem the API answers with, and the error that names one. Pure.

Each kind is a stable code with its meaning and its fix. A code never changes its meaning, and none
is taken away: programs decide by it.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import NamedTuple

from shared.errors import HearthlinkError

PROBLEM_MEDIA_TYPE = "application/problem+json"
URN = "urn:problem-type:hearthlink:"
"""A problem's `type` is this and its code; there is no one host whose pages could explain it."""


class Kind(NamedTuple):
    """A kind of problem: its usual status, its title, and what to do about it."""

    status: HTTPStatus
    title: str
    fix: str


KINDS: dict[str, Kind] = {
    "bad-value": Kind(
        HTTPStatus.BAD_REQUEST,
        "A value will not do",
        "correct the value that `detail` names",
    ),
    "bad-cursor": Kind(
        HTTPStatus.BAD_REQUEST,
        "The cursor is not one of this list",
        "begin anew without `cursor`; give a `next_cursor` back as it came",
    ),
    "body-cut-short": Kind(
        HTTPStatus.BAD_REQUEST, "The body ended too soon", "send the request again"
    ),
    "household-needed": Kind(
        HTTPStatus.BAD_REQUEST,
        "The caller has several households",
        "add `household` to the query; GET /v1/households lists them",
    ),
    "wrong-code": Kind(
        HTTPStatus.BAD_REQUEST,
        "The code is not the authenticator app's",
        "set the phone's clock right, and send the next code",
    ),
    "unauthorized": Kind(
        HTTPStatus.UNAUTHORIZED,
        "Nobody is signed in",
        "send `Authorization: Bearer` and a token that holds",
    ),
    "forbidden": Kind(
        HTTPStatus.FORBIDDEN, "The caller may not do this", "ask whoever may; `detail` says who"
    ),
    "wrong-credentials": Kind(
        HTTPStatus.UNAUTHORIZED,
        "E-mail or password are wrong",
        "correct them; the operator can give a code for a new password",
    ),
    "second-factor-needed": Kind(
        HTTPStatus.UNAUTHORIZED,
        "A code is asked for beside the password",
        "send `code` of the authenticator app, or a `recovery_code`",
    ),
    "not-permitted": Kind(
        HTTPStatus.FORBIDDEN,
        "The caller lacks the permission that `detail` names",
        "ask an owner of the household, or make a key with that scope",
    ),
    "no-household": Kind(
        HTTPStatus.FORBIDDEN,
        "The caller has no household",
        "use an invitation, or POST /v1/households",
    ),
    "person-needed": Kind(
        HTTPStatus.FORBIDDEN,
        "It is of a person's account, which a token or key is not",
        "sign in by POST /v1/sessions",
    ),
    "proof-needed": Kind(
        HTTPStatus.FORBIDDEN,
        "The password is asked for again",
        "POST /v1/sessions/current/proof and repeat it within 5 minutes",
    ),
    "foreign-origin": Kind(
        HTTPStatus.FORBIDDEN,
        "Another site's page sent it with a session's cookie",
        "send it from our own page; programs show a token or key",
    ),
    "no-invitation": Kind(
        HTTPStatus.NOT_FOUND,
        "There is no such invitation, or it is used, withdrawn or over",
        "ask for another one",
    ),
    "no-code": Kind(
        HTTPStatus.NOT_FOUND,
        "There is no such code, or it is used or over",
        "ask the operator for another one",
    ),
    "not-found": Kind(
        HTTPStatus.NOT_FOUND,
        "There is no such thing, or not for this caller",
        "look at the list that `hint` names",
    ),
    "no-such-path": Kind(
        HTTPStatus.NOT_FOUND, "The API has no such path", "see /docs for the paths there are"
    ),
    "method-not-allowed": Kind(
        HTTPStatus.METHOD_NOT_ALLOWED,
        "The path does not take this method",
        "use one that the `Allow` header names",
    ),
    "not-acceptable": Kind(
        HTTPStatus.NOT_ACCEPTABLE,
        "The answer has no media type that `Accept` allows",
        "accept the media type that `detail` names, or send no `Accept`",
    ),
    "parquet-not-installed": Kind(
        HTTPStatus.NOT_ACCEPTABLE,
        "This installation writes no Parquet",
        "ask for csv or json; the operator can add the extra `parquet`",
    ),
    "slow-body": Kind(
        HTTPStatus.REQUEST_TIMEOUT, "The body came too slowly", "send it again, all at once"
    ),
    "conflict": Kind(
        HTTPStatus.CONFLICT,
        "The request does not go with what is there",
        "read what is there, and decide anew",
    ),
    "is-member": Kind(
        HTTPStatus.CONFLICT, "The person is a member already", "nothing is left to do"
    ),
    "last-owner": Kind(
        HTTPStatus.CONFLICT,
        "The household would be left without an owner",
        "make another member an owner first",
    ),
    "has-second-factor": Kind(
        HTTPStatus.CONFLICT,
        "There is a second factor already",
        "DELETE /v1/me/second-factor first",
    ),
    "too-many": Kind(
        HTTPStatus.CONFLICT, "There are as many as there may be", "take one away first"
    ),
    "idempotency-key-in-flight": Kind(
        HTTPStatus.CONFLICT,
        "The first request of this key is still being answered",
        "send it again after the seconds of `Retry-After`",
    ),
    "gone": Kind(HTTPStatus.GONE, "It was there and is no more", "begin anew"),
    "too-large": Kind(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        "The request is too large",
        "send less at a time; `detail` names the limit",
    ),
    "path-too-long": Kind(
        HTTPStatus.REQUEST_URI_TOO_LONG,
        "The path and query are too long",
        "ask for less; `detail` names the limit",
    ),
    "unsupported-media-type": Kind(
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        "The body has a media type that the path does not take",
        "send the `Content-Type` that `detail` names",
    ),
    "invalid-request": Kind(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "The request is malformed",
        "correct each of `faults` and send it again",
    ),
    "invalid-document": Kind(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "The document breaks rules of its format",
        "correct each of `faults` and send it again",
    ),
    "idempotency-key-reused": Kind(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "The key belongs to another request",
        "give each request a key of its own",
    ),
    "too-many-requests": Kind(
        HTTPStatus.TOO_MANY_REQUESTS, "Too much was asked", "wait as long as `Retry-After` says"
    ),
    "internal": Kind(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "The request failed here",
        "whoever runs the service finds the reason in its log",
    ),
    "busy": Kind(
        HTTPStatus.SERVICE_UNAVAILABLE, "Too many sign in at once", "try again in a minute"
    ),
    "provider-away": Kind(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "The sign-in provider does not answer",
        "try again later; the operator finds the reason in the log",
    ),
    "unavailable": Kind(
        HTTPStatus.SERVICE_UNAVAILABLE, "It cannot be answered now", "try again later"
    ),
}
"""Every kind but the refusals of provisioning, which docs/reference/provisioning.md has."""

USUAL = {
    HTTPStatus.BAD_REQUEST: "bad-value",
    HTTPStatus.UNAUTHORIZED: "unauthorized",
    HTTPStatus.FORBIDDEN: "forbidden",
    HTTPStatus.NOT_FOUND: "not-found",
    HTTPStatus.METHOD_NOT_ALLOWED: "method-not-allowed",
    HTTPStatus.NOT_ACCEPTABLE: "not-acceptable",
    HTTPStatus.REQUEST_TIMEOUT: "slow-body",
    HTTPStatus.CONFLICT: "conflict",
    HTTPStatus.GONE: "gone",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "too-large",
    HTTPStatus.REQUEST_URI_TOO_LONG: "path-too-long",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "unsupported-media-type",
    HTTPStatus.UNPROCESSABLE_ENTITY: "invalid-request",
    HTTPStatus.TOO_MANY_REQUESTS: "too-many-requests",
    HTTPStatus.INTERNAL_SERVER_ERROR: "internal",
    HTTPStatus.SERVICE_UNAVAILABLE: "unavailable",
}
"""The kind of an error that names none."""


def kind_of(code: str, status: int) -> Kind:
    """Find a code's kind; of a refusal of provisioning the title is the status's own."""
    return KINDS.get(code) or Kind(HTTPStatus(status), HTTPStatus(status).phrase, "")


def usual_code(status: int) -> str:
    """Name the kind of an error of which only the status is known."""
    return USUAL.get(HTTPStatus(status), "internal" if status >= 500 else "conflict")  # noqa: PLR2004 (a server's errors)


class ProblemError(HearthlinkError):
    """An error with the HTTP status it is answered with, and a code for programs.

    A code must be among `KINDS`; "" is the usual one of the status.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        hint: str = "",
        code: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.code = code
        self.headers = headers


class NotFoundError(ProblemError):
    """What was asked for does not exist, or not for this caller."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(HTTPStatus.NOT_FOUND, message, hint=hint)
