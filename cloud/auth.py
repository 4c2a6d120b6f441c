"""Who may call the API: whoever shows the one bearer token, who then sees the one household."""

import hmac
from http import HTTPStatus
from typing import Annotated

from fastapi import Depends, HTTPException, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from cloud.households.repository import DEFAULT_HOUSEHOLD
from cloud.scope import Scope

_bearer = HTTPBearer(auto_error=False, description="The `api_token` of the configuration.")


def authorize(
    request: Request,
    shown: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
) -> Scope:
    """Give the caller's scope; raises 401 where the token is missing or another."""
    expected: str = request.app.state.parts.config.api_token
    token = shown.credentials if shown is not None else ""
    # Compared in constant time: how long a wrong token takes must not tell how wrong it is.
    if not expected or not hmac.compare_digest(token.encode(), expected.encode()):
        raise HTTPException(
            HTTPStatus.UNAUTHORIZED,
            "a bearer token is needed",
            headers={"WWW-Authenticate": "Bearer"},
        )
    return Scope.of(DEFAULT_HOUSEHOLD)


Caller = Annotated[Scope, Depends(authorize)]
"""The parameter of every guarded endpoint."""
