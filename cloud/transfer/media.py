"""Which media types a route's body may have: 415 for any other, by what the route itself says."""

from http import HTTPStatus

from fastapi.routing import APIRoute
from starlette.requests import HTTPConnection

from cloud.problems import ProblemError

JSON = "application/json"


async def check_media_type(request: HTTPConnection) -> None:
    """Raise ProblemError 415 where a body's media type is none that the route takes.

    A route that reads its body by itself also takes one without a `Content-Type`.
    """
    route = request.scope.get("route")
    if not isinstance(route, APIRoute):
        return
    extra = (route.openapi_extra or {}).get("requestBody", {}).get("content", {})
    taken = list(extra) or ([JSON] if route.body_field is not None else [])
    if not taken or not _has_body(request):
        return
    given = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if given in taken or (not given and extra):
        return
    raise ProblemError(
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        f"Content-Type = {given!r}; this path takes {' or '.join(taken)}",
        headers={"Accept": ", ".join(taken)},
    )


def _has_body(request: HTTPConnection) -> bool:
    length = request.headers.get("content-length", "")
    return length not in ("", "0") or "transfer-encoding" in request.headers
