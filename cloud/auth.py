"""Who may call the API, and what they then see.

The operator shows the `api_token` of the configuration, and sees the first household and the fleet.
A household that a hub was handed over to shows the token it was given then, and sees its own part.
"""

import hmac
from http import HTTPStatus
from typing import Annotated

from fastapi import Depends, HTTPException, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from cloud.households.repository import DEFAULT_HOUSEHOLD
from cloud.households.tenancies import household_by_token
from cloud.parts import Parts
from cloud.scope import Scope

MAX_TOKEN_CHARS = 512
"""A longer one is nobody's, and is not looked for."""

_bearer = HTTPBearer(
    auto_error=False,
    description="The `api_token` of the configuration, or the token of a household.",
)
Shown = Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]


def authorize(request: Request, shown: Shown) -> Scope:
    """Give the caller's scope; raises 401 where the token is missing or nobody's."""
    token = _token(shown)
    if _is_operator(request, token):
        return Scope.of(DEFAULT_HOUSEHOLD)
    household_id = _household(request, token)
    if household_id is None:
        raise _unauthorized()
    return Scope.of(household_id)


def authorize_operator(request: Request, shown: Shown) -> None:
    """Let the operator pass; raises 401 for nobody's token, 403 for a household's."""
    token = _token(shown)
    if _is_operator(request, token):
        return
    if _household(request, token) is None:
        raise _unauthorized()
    raise HTTPException(HTTPStatus.FORBIDDEN, "the fleet is the operator's: show the api_token")


def _token(shown: HTTPAuthorizationCredentials | None) -> str:
    token = shown.credentials if shown is not None else ""
    return token if len(token) <= MAX_TOKEN_CHARS else ""


def _is_operator(request: Request, token: str) -> bool:
    parts: Parts = request.app.state.parts
    expected = parts.config.api_token
    # Compared in constant time: how long a wrong token takes must not tell how wrong it is.
    return bool(expected) and hmac.compare_digest(token.encode(), expected.encode())


def _household(request: Request, token: str) -> str | None:
    if not token:
        return None
    parts: Parts = request.app.state.parts
    with parts.database.reading() as connection:
        return household_by_token(connection, token)


def _unauthorized() -> HTTPException:
    return HTTPException(
        HTTPStatus.UNAUTHORIZED,
        "a bearer token is needed",
        headers={"WWW-Authenticate": "Bearer"},
    )


Caller = Annotated[Scope, Depends(authorize)]
"""The parameter of every guarded endpoint."""

Operator = Annotated[None, Depends(authorize_operator)]
"""The parameter of every endpoint that governs the fleet."""
