"""What endpoints do with a request before they know what it says: its body, its joined fields."""

from http import HTTPStatus

from fastapi import Request
from starlette.requests import ClientDisconnect

from cloud.hubauth import HubRequest
from cloud.problems import ProblemError


async def read_body(request: Request, bytes_max: int) -> bytes:
    """Read a body within its limit; raises ProblemError 413, or 400 where it is cut short."""
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > bytes_max:
                raise ProblemError(
                    HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the limit is {bytes_max} bytes"
                )
    except ClientDisconnect as error:
        raise ProblemError(HTTPStatus.BAD_REQUEST, "the body was cut short") from error
    return bytes(body)


async def read_signed(request: Request, bytes_max: int) -> HubRequest:
    """Read a request that a hub signed, as `cloud.hubauth.HubGate` judges it."""
    body = await read_body(request, bytes_max)
    raw_path = request.scope.get("raw_path") or request.url.path.encode()
    return HubRequest(
        request.method,
        # Only the path is signed; the name by which a proxy calls this service is not asked for.
        f"https://cloud.invalid{raw_path.decode('ascii', 'replace')}",
        _joined_headers(request),
        body,
    )


def _joined_headers(request: Request) -> dict[str, str]:
    """Join repeated fields in their order, as RFC 9421 §2.1 has them signed."""
    joined: dict[str, str] = {}
    for name, value in request.headers.items():
        joined[name] = f"{joined[name]}, {value}" if name in joined else value
    return joined
