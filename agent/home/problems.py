"""How the hub says that it refuses: problem+json (RFC 9457), by the codes of the cloud's API.

A code never changes its meaning: programs decide by it. Pure.
"""

import msgspec
from starlette.responses import Response

PROBLEM_MEDIA_TYPE = "application/problem+json"
URN = "urn:problem-type:hearthlink:"
"""A problem's `type` is this and its code, as the cloud's is."""

USUAL_CODES = {
    400: "bad-value",
    401: "unauthorized",
    403: "forbidden",
    404: "not-found",
    405: "method-not-allowed",
    409: "conflict",
    413: "too-large",
    415: "unsupported-media-type",
    421: "unknown-host",
    422: "invalid-request",
    429: "too-many-requests",
    503: "unavailable",
}
"""The code of a problem that names none."""

NO_SUCH_PATH = "no-such-path"


def problem(
    status: int,
    title: str,
    detail: str,
    hint: str,
    headers: dict[str, str] | None = None,
    *,
    code: str = "",
) -> Response:
    """Answer with an error, `hint` naming the fix; `code` is that of the status if it is ""."""
    code = code or USUAL_CODES[status]
    body = {
        "type": URN + code,
        "title": title,
        "status": status,
        "detail": detail,
        "hint": hint,
        "code": code,
    }
    return Response(
        msgspec.json.encode(body),
        status_code=status,
        media_type=PROBLEM_MEDIA_TYPE,
        headers={"Cache-Control": "no-store", **(headers or {})},
    )
