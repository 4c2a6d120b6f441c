"""What stands before every request to the page: the Host check, and the headers of every answer.

A page of the wide web can point its own name at the hub's address (DNS rebinding); a request whose
Host is not one of ours is refused before anything is read.
"""

import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from agent.home.problems import NO_SUCH_PATH, problem

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})

MAX_SHOWN_CHARS = 80
"""Of what was asked for, in the answer."""

_logger = logging.getLogger(__name__)

SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; manifest-src 'self'; worker-src 'self'; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def headers_for(framed_by: Sequence[str]) -> Mapping[str, str]:
    """Give every answer's headers where pages of these origins may show ours in a frame.

    X-Frame-Options cannot name an origin, and would refuse those too.
    """
    if not framed_by:
        return SECURITY_HEADERS
    policy = SECURITY_HEADERS["Content-Security-Policy"]
    rest = {name: one for name, one in SECURITY_HEADERS.items() if name != "X-Frame-Options"}
    named = policy.removesuffix("'none'") + " ".join(framed_by)
    return {**rest, "Content-Security-Policy": named}


class Guard:
    """ASGI middleware: refuses foreign Hosts and Origins, and adds the security headers."""

    def __init__(
        self, app: ASGIApp, allowed_hosts: frozenset[str], framed_by: Sequence[str] = ()
    ) -> None:
        self._app = app
        self._headers = headers_for(framed_by)
        self._hosts = LOOPBACK_NAMES | {host.lower().strip("[]") for host in allowed_hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(self._headers)
            await send(message)

        refusal = self._refusal(Headers(scope=scope), scope["method"])
        if refusal is None:
            await self._app(scope, receive, send_with_headers)
        else:
            await refusal(scope, receive, send_with_headers)

    def _refusal(self, headers: Headers, method: str) -> Response | None:
        hosts = headers.getlist("host")
        name = host_name(hosts[0]) if len(hosts) == 1 else None
        if name is None:
            return problem(400, "Bad Host", "The request must carry one Host header.", "")
        if name not in self._hosts:
            return problem(
                421,
                "Unknown Host",
                f"This hub does not answer to the name {name[:MAX_SHOWN_CHARS]!r}.",
                "Add the name to the page's allowed hosts in the hub's configuration.",
            )
        if method == "POST" and not _is_same_origin(headers.getlist("origin"), hosts[0]):
            return problem(
                403, "Foreign Origin", "Only the hub's own page may change settings.", ""
            )
        return None


def host_name(host: str) -> str | None:
    """Take the name out of a Host header, without its port; None where there is none."""
    try:
        parts = urlsplit(f"//{host}")
        _ = parts.port
    except ValueError:
        return None
    if parts.username is not None or parts.path or parts.query or parts.fragment:
        return None
    return parts.hostname


async def refuse(request: Request, error: Exception) -> Response:
    """Answer what no route takes, and what a damaged or busy log keeps from an answer.

    To be called for an HTTPException, or a sqlite3.Error.
    """
    if not isinstance(error, HTTPException):
        _logger.error("the hub's log could not be read for the page: %s", error)
        detail = "The hub's log could not be read."
        return problem(503, "Not readable", detail, "Run on the hub: hearthlink doctor")
    path = request.url.path[:MAX_SHOWN_CHARS]
    if error.status_code == HTTPStatus.NOT_FOUND:
        detail, hint = f"There is no {path!r} here.", "GET /v1/now says what the display shows."
        code = NO_SUCH_PATH
    else:
        detail, hint = f"{path!r} takes no {request.method[:MAX_SHOWN_CHARS]}.", ""
        code = ""
    phrase, headers = HTTPStatus(error.status_code).phrase, dict(error.headers or {})
    return problem(error.status_code, phrase, detail, hint, headers, code=code)


def _is_same_origin(origins: list[str], host: str) -> bool:
    """Tell whether a request comes from our own page; a tool that is no browser names no Origin."""
    if not origins:
        return True
    return len(origins) == 1 and urlsplit(origins[0]).netloc.lower() == host.lower()
