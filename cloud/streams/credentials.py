"""Who opens a WebSocket: the same as at every other endpoint, asked before it is accepted.

A browser cannot set headers there; it names its token as a second subprotocol instead.
"""

from fastapi import Request, WebSocket
from fastapi.security import HTTPAuthorizationCredentials
from starlette.concurrency import run_in_threadpool

from cloud.auth import authorize
from cloud.scope import Scope

PROTOCOL = "hearthlink.live.v1"
"""The subprotocol that a client offers and hears back, where it offers any."""

OFFER_PREFIX = "bearer."


async def authorize_socket(socket: WebSocket) -> Scope:
    """Give the caller's scope; raises HTTPException as `cloud.auth.authorize` does."""
    return await run_in_threadpool(authorize, _as_request(socket), _shown(socket))


def chosen_protocol(socket: WebSocket) -> str | None:
    """Name the subprotocol to answer with; a token is never said back."""
    return PROTOCOL if PROTOCOL in _offered(socket) else None


def _as_request(socket: WebSocket) -> Request:
    """Show the opening handshake as what it is: a GET request."""
    return Request({**socket.scope, "type": "http", "method": "GET"})


def _shown(socket: WebSocket) -> HTTPAuthorizationCredentials | None:
    scheme, _, token = socket.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token:
        return HTTPAuthorizationCredentials(scheme=scheme, credentials=token.strip())
    for offered in _offered(socket):
        if offered.startswith(OFFER_PREFIX):
            token = offered.removeprefix(OFFER_PREFIX)
            return HTTPAuthorizationCredentials(scheme="Bearer", credentials=token)
    return None


def _offered(socket: WebSocket) -> list[str]:
    offered: list[str] = socket.scope.get("subprotocols", [])
    return offered
