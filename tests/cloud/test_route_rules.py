"""What each route asks of its caller, written down: a weaker rule is found here, not by its own."""

from pathlib import Path

from fastapi.routing import iter_route_contexts

from cloud.app import create_app
from cloud.auth import rules_of
from tests.support.cloud import config_in

ANYONE = {
    "GET /v1/health",
    "POST /v1/sessions",
    "POST /v1/set-up",
    "POST /v1/users",
    "POST /v1/claims/redeem",
    "GET /v1/fleet/authority",
}
BY_A_HUB = {
    "POST /v1/frames",
    "POST /v1/hub/hello",
    "POST /v1/hub/status",
    "POST /v1/hub/live",
    "POST /v1/hub/tariff",
    "POST /v1/fleet/renew",
}
FOR_INSTALLERS = {
    "GET /v1/gateways",
    "GET /v1/gateways/{thing}/gaps",
    "GET /v1/dead-letters",
    "GET /v1/households/{household_id}",
    "GET /v1/households/{household_id}/tenancies",
    "POST /v1/households/{household_id}/departure",
}
FOR_OWNERS = {
    "PUT /v1/households/{household_id}/members/{user}": True,
    "DELETE /v1/households/{household_id}/members/{user}": True,
    "POST /v1/households/{household_id}/invitations": True,
    "GET /v1/households/{household_id}/invitations": False,
    "DELETE /v1/households/{household_id}/invitations/{invitation}": False,
    "GET /v1/api-keys": False,
    "POST /v1/api-keys": True,
    "DELETE /v1/api-keys/{key_id}": False,
}
"""Whether it asks for the password again: what lets somebody in does, what shuts out need not."""

OF_ONE_SELF = {
    "GET /v1/me": "any caller",
    "GET /v1/households": "any caller",
    "PUT /v1/me/name": "a person",
    "POST /v1/households": "a person",
    "POST /v1/invitations/acceptance": "a person",
    "DELETE /v1/me": "a person, proved",
    "PUT /v1/me/password": "a person, proved",
    "POST /v1/me/second-factor": "a person, proved",
    "DELETE /v1/me/second-factor": "a person, proved",
    "POST /v1/me/second-factor/confirmation": "a person, proved",
    "POST /v1/me/recovery-codes": "a person, proved",
}
PROVED_OPERATOR = {
    "POST /v1/fleet/claims",
    "POST /v1/fleet/hubs/{thing}/handover",
    "POST /v1/fleet/hubs/{thing}/revocation",
    "DELETE /v1/fleet/hubs/{thing}/revocation",
    "POST /v1/fleet/jobs",
    "POST /v1/fleet/jobs/{job_id}/resume",
}
"""What lets a hub in or out, gives it away, or has hubs run something."""


LISTED = {
    **dict.fromkeys(ANYONE, "anyone"),
    **dict.fromkeys(BY_A_HUB, "a hub, by its signature"),
    **dict.fromkeys(FOR_INSTALLERS, "hubs:read"),
    **dict.fromkeys(PROVED_OPERATOR, "fleet, proved"),
    **{route: "household:manage" + ", proved" * proves for route, proves in FOR_OWNERS.items()},
    **OF_ONE_SELF,
}


def asked_by(route: str) -> str:
    """Say what a route is to ask first; all that is not listed is of a household's readings."""
    method, _, path = route.partition(" ")
    if route in LISTED:
        return LISTED[route]
    if path.startswith(("/v1/sessions", "/v1/me/invitations")):
        return "a person"
    if path.startswith("/v1/fleet/"):
        return "fleet"
    return "household:read" if method == "GET" else "household:write"


def test_each_route_asks_for_what_is_written_here(tmp_path: Path) -> None:
    """A new one that is of no household, or asks for more or less, has to be listed."""
    app = create_app(config_in(tmp_path))
    asks = {
        f"{method} {context.path}": rules_of(getattr(context, "dependant", None))[0].text
        for context in iter_route_contexts(app.routes)
        for method in getattr(context, "methods", None) or ()
        if (context.path or "").startswith("/v1/")
    }

    found = {
        route: asked_by("GET /" if route.startswith("GET") else "PUT /")
        if "by the method" in text
        else text
        for route, text in asks.items()
    }

    assert LISTED.keys() <= asks.keys()
    assert found == {route: asked_by(route) for route in asks}
