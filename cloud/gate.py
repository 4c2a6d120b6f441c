"""What a request shows of who calls, and what the composition root gives cloud/auth.py to judge it.

Decides nothing: it reads a header and a cookie.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import NamedTuple

from fastapi import Request
from starlette.requests import HTTPConnection

from cloud.buckets import Buckets
from cloud.origins import CLIENT_FIELD
from cloud.roles import Principal
from shared.units import MS_PER_SECOND

MAX_TOKEN_CHARS = 4_096
"""A longer one is nobody's, and is not looked for; a provider's token has 1 to 2 thousand."""

BURST_S = 5
"""A caller may ask at once for what the pace allows in so many seconds: an app that opens."""

HOST_COOKIE = "__Host-hearthlink"
PLAIN_COOKIE = "hearthlink"
"""The session's cookie; where HTTPS is spoken a browser takes the first from this host alone."""

SECURITY_SCHEMES = {
    "HTTPBearer": {
        "type": "http",
        "description": "The `api_token` of the configuration, a household's token, an API key "
        "(`hl_…`), or an access token of the configured OIDC provider.",
        "scheme": "bearer",
    },
    "Session": {
        "type": "apiKey",
        "description": f"The session of POST /v1/sessions; `{HOST_COOKIE}` over HTTPS. Requests "
        f"that change something are taken from our own pages, or with the field `{CLIENT_FIELD}`.",
        "in": "cookie",
        "name": PLAIN_COOKIE,
    },
}
"""How a caller is known, as the OpenAPI document says it."""


class Credentials(NamedTuple):
    """What a request showed; "" for what it did not."""

    bearer: str
    session: str


@dataclass(frozen=True)
class Gate:
    """What the composition root gives this module: who shows what, and how often they may."""

    identify: Callable[[Credentials], Awaitable[Principal | None]]
    pace: Buckets
    is_https: bool
    public_url: str

    @property
    def cookie(self) -> str:
        """Name the session's cookie."""
        return HOST_COOKIE if self.is_https else PLAIN_COOKIE


def pace_of(requests_per_s_max: int) -> Buckets:
    """Make the pace that every caller but the operator's own token is held to; 0 is none."""
    if not requests_per_s_max:
        return Buckets(0, 0)
    return Buckets(requests_per_s_max * BURST_S, MS_PER_SECOND // requests_per_s_max)


def gate_of(connection: HTTPConnection) -> Gate:
    """Find the gate of the application that serves a request."""
    gate: Gate = connection.app.state.gate
    return gate


def credentials_of(connection: HTTPConnection, token: str = "") -> Credentials:
    """Read what a request shows; whoever shows a bearer token is not known by a cookie too.

    `token` is one that was shown otherwise, where the request has none.
    """
    scheme, _, shown = connection.headers.get("authorization", "").partition(" ")
    bearer = shown.strip() if scheme.lower() == "bearer" else token
    session = "" if bearer else connection.cookies.get(gate_of(connection).cookie, "")
    return Credentials(
        bearer if len(bearer) <= MAX_TOKEN_CHARS else "",
        session if len(session) <= MAX_TOKEN_CHARS else "",
    )


def address_of(request: Request) -> str:
    """Name the address a request came from, as the server or the proxy before it says."""
    return request.client.host if request.client is not None else ""
