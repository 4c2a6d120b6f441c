"""Who opens a WebSocket: the same as at every other endpoint, asked before it is accepted.

A browser cannot set headers there; it names its token as a second subprotocol instead.
"""

from fastapi import WebSocket

from cloud.auth import HouseholdRule
from cloud.gate import credentials_of
from cloud.roles import Permission
from cloud.scope import Scope

PROTOCOL = "hearthlink.live.v1"
"""The subprotocol that a client offers and hears back, where it offers any."""

OFFER_PREFIX = "bearer."


_RULE = HouseholdRule(Permission.READ)


async def authorize_socket(socket: WebSocket) -> Scope:
    """Give the caller's scope; raises as every other endpoint of a household does."""
    household = socket.query_params.get("household")
    return await _RULE.scope_of(socket, credentials_of(socket, _offered_token(socket)), household)


def chosen_protocol(socket: WebSocket) -> str | None:
    """Name the subprotocol to answer with; a token is never said back."""
    return PROTOCOL if PROTOCOL in _offered(socket) else None


def _offered_token(socket: WebSocket) -> str:
    for offered in _offered(socket):
        if offered.startswith(OFFER_PREFIX):
            return offered.removeprefix(OFFER_PREFIX)
    return ""


def _offered(socket: WebSocket) -> list[str]:
    offered: list[str] = socket.scope.get("subprotocols", [])
    return offered
