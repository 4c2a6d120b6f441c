"""Who may call: the one place where a request's credentials become a scope, and each route's rule.

Every route declares one of the parameters below (`tests/cloud/test_access.py` looks). What shows
who a caller is, is `cloud/accounts/door.py`'s; this module decides what they may do, and refuses:
401 for nobody, 403 for what somebody may not do, 404 for a household that is not theirs.
"""

from http import HTTPStatus
from typing import Annotated

from fastapi import Depends, HTTPException, Path, Query
from fastapi.dependencies.models import Dependant
from starlette.concurrency import run_in_threadpool
from starlette.requests import HTTPConnection

from cloud.gate import Credentials, Gate, credentials_of, gate_of
from cloud.households.members import has_owner
from cloud.origins import CLIENT_FIELD, is_own
from cloud.parts import Parts
from cloud.problems import NotFoundError, ProblemError
from cloud.roles import Kind, Permission, Principal
from cloud.scope import Scope
from shared.units import MS_PER_MINUTE, MS_PER_SECOND

PROOF_HOLDS_MS = 5 * MS_PER_MINUTE
"""So long after a password (and code) a session may do what a stranger at the screen must not."""

MAX_LISTED_HOMES = 20
HOUSEHOLD_CHARS = 32
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

HouseholdChoice = Annotated[
    str | None,
    Query(
        max_length=HOUSEHOLD_CHARS,
        description="Which household, for a caller with several; GET /v1/households lists them.",
        examples=["home"],
    ),
]
HouseholdId = Annotated[
    str,
    Path(max_length=HOUSEHOLD_CHARS, description="A household's id.", examples=["home"]),
]


class Rule:
    """What a route asks of its caller; `text` says it in the table of routes."""

    text = "anyone"

    async def admit(self, connection: HTTPConnection, shown: Credentials) -> Principal:
        """Tell who calls; raises 401 for nobody, 403 for another site's page, 429 for too many."""
        gate = gate_of(connection)
        # A route with two rules asks, and counts, once.
        known: Principal | None = getattr(connection.state, "principal", None)
        if known is not None:
            return known
        principal = await gate.identify(shown) if any(shown) else None
        if principal is None:
            raise HTTPException(
                HTTPStatus.UNAUTHORIZED,
                "sign in (POST /v1/sessions), or show a bearer token",
                headers={"WWW-Authenticate": "Bearer"},
            )
        method = connection.scope.get("method", "WEBSOCKET")
        if shown.session and method not in SAFE_METHODS:
            _check_origin(connection, gate)
        _check_pace(connection, gate, principal)
        connection.state.principal = principal
        return principal


class HouseholdRule(Rule):
    """Asks for a permission in one household, which a caller of several names in the query.

    None as the permission: household:read for what only reads, household:write for all else.
    """

    def __init__(self, permission: Permission | None = None, *, is_proved: bool = False) -> None:
        self._permission = permission
        self._is_proved = is_proved
        self.text = permission or f"{Permission.READ} or {Permission.WRITE}, by the method"
        if is_proved:
            self.text += ", proved"

    async def __call__(
        self, connection: HTTPConnection, household: HouseholdChoice = None
    ) -> Scope:
        """Give the scope of the household."""
        return await self.scope_of(connection, credentials_of(connection), household)

    async def scope_of(
        self, connection: HTTPConnection, shown: Credentials, household: str | None
    ) -> Scope:
        """Give the scope of the household that a caller who shows this named, or has alone."""
        principal = await self.admit(connection, shown)
        return await self._scope(connection, principal, household or _only(principal))

    async def _scope(
        self, connection: HTTPConnection, principal: Principal, household_id: str
    ) -> Scope:
        granted = principal.homes.get(household_id)
        if granted is None:
            raise NotFoundError(
                f"no household {household_id!r} of yours", hint="GET /v1/households lists yours"
            )
        wanted = self._permission or _by_method(connection)
        if wanted not in granted:
            raise _forbidden(wanted)
        if self._is_proved:
            check_proof(connection, principal)
            if principal.kind is Kind.HOUSEHOLD_TOKEN:
                await run_in_threadpool(_check_unowned, connection, Scope.of(household_id))
        return Scope.of(household_id)


class NamedHouseholdRule(HouseholdRule):
    """As `HouseholdRule`, for routes with the household in their path."""

    async def __call__(  # type: ignore[override]  # FastAPI reads the parameters, nobody calls it
        self, connection: HTTPConnection, household_id: HouseholdId
    ) -> Scope:
        """Give the scope of the household."""
        principal = await self.admit(connection, credentials_of(connection))
        return await self._scope(connection, principal, household_id)


class FleetRule(Rule):
    """Asks for an operator: the `api_token`, or a person who is one."""

    def __init__(self, *, is_proved: bool = False) -> None:
        self._is_proved = is_proved
        self.text = Permission.FLEET.value
        if is_proved:
            self.text += ", proved"

    async def __call__(self, connection: HTTPConnection) -> Principal:
        """Give the operator, who is of no household: what is done for one names it."""
        principal = await self.admit(connection, credentials_of(connection))
        if not principal.is_operator:
            raise _forbidden(Permission.FLEET)
        if self._is_proved:
            check_proof(connection, principal)
        return principal


class CallerRule(Rule):
    """Asks for a caller of any kind, or for a person, or for one that proved it just now."""

    def __init__(self, *, is_person: bool = False, is_proved: bool = False) -> None:
        self._is_person = is_person
        self._is_proved = is_proved
        self.text = "a person" if is_person else "any caller"
        if is_proved:
            self.text += ", proved"

    async def __call__(self, connection: HTTPConnection) -> Principal:
        """Give the caller."""
        principal = await self.admit(connection, credentials_of(connection))
        if self._is_person and not principal.is_person:
            raise ProblemError(
                HTTPStatus.FORBIDDEN,
                "this is of a person's account, and a token or key is none",
                hint="sign in by POST /v1/sessions",
                code="person-needed",
            )
        if self._is_proved:
            check_proof(connection, principal)
        return principal


class OpenRule(Rule):
    """Declares that a route asks for no caller known here, and what it asks for instead."""

    def __init__(self, text: str) -> None:
        self.text = text

    async def __call__(self) -> None:
        """Let pass."""


def rules_of(dependant: Dependant | None) -> tuple[Rule, ...]:
    """List what a route asks of its caller, by what it depends on."""
    if dependant is None:
        return ()
    call: object = dependant.call
    own = (call,) if isinstance(call, Rule) else ()
    return own + tuple(rule for one in dependant.dependencies for rule in rules_of(one))


def check_proof(connection: HTTPConnection, principal: Principal) -> None:
    """Raise 403 where the caller has not proved for some minutes who they are."""
    parts: Parts = connection.app.state.parts
    if principal.proved_at_ms is None:
        return
    if not 0 <= parts.clock.utc_ms() - principal.proved_at_ms <= PROOF_HOLDS_MS:
        raise ProblemError(
            HTTPStatus.FORBIDDEN,
            "this asks for your password again",
            hint="POST /v1/sessions/current/proof, then repeat this within 5 minutes; "
            "with an OIDC provider, sign in there again",
            code="proof-needed",
        )


def _check_unowned(connection: HTTPConnection, scope: Scope) -> None:
    """Raise 403 where somebody owns the household whose token is shown; asks the database.

    A token cannot be asked for a password: it lets the first owner in, and from then on a person
    lets others in.
    """
    parts: Parts = connection.app.state.parts
    with parts.database.reading(scope) as transaction:
        is_owned = has_owner(transaction, scope)
    if is_owned:
        raise ProblemError(
            HTTPStatus.FORBIDDEN,
            "the household has an owner, and a token cannot be asked who it is",
            hint="its owner signs in by POST /v1/sessions and does this",
            code="person-needed",
        )


def _check_origin(connection: HTTPConnection, gate: Gate) -> None:
    if not is_own(connection.headers, gate.public_url):
        raise ProblemError(
            HTTPStatus.FORBIDDEN,
            "the request has a session's cookie and does not come from our own page",
            hint=f"set public_url to where the pages are served; programs send {CLIENT_FIELD}: 1",
            code="foreign-origin",
        )


def _check_pace(connection: HTTPConnection, gate: Gate, principal: Principal) -> None:
    if principal.is_operator and not principal.user_id:
        return
    parts: Parts = connection.app.state.parts
    wait_ms = gate.pace.take(principal.name, parts.clock.monotonic_ms())
    if wait_ms:
        raise HTTPException(
            HTTPStatus.TOO_MANY_REQUESTS,
            "too many requests of one caller",
            headers={"Retry-After": str(-(-wait_ms // MS_PER_SECOND))},
        )


def _only(principal: Principal) -> str:
    """Choose for a caller who named none; raises 400 that lists several, 403 for none."""
    if len(principal.homes) == 1:
        return next(iter(principal.homes))
    if not principal.homes:
        raise ProblemError(
            HTTPStatus.FORBIDDEN,
            "no household of yours",
            hint="ask its owner for an invitation, or make one: POST /v1/households",
            code="no-household",
        )
    listed = ", ".join(sorted(principal.homes)[:MAX_LISTED_HOMES])
    raise ProblemError(
        HTTPStatus.BAD_REQUEST,
        f"you have {len(principal.homes)} households: {listed}",
        hint="add household=ID to the query",
        code="household-needed",
    )


def _by_method(connection: HTTPConnection) -> Permission:
    """What a route asks that does not say: a route that writes can so not forget to."""
    reads = connection.scope["type"] == "websocket" or connection.scope["method"] in SAFE_METHODS
    return Permission.READ if reads else Permission.WRITE


def _forbidden(wanted: Permission) -> ProblemError:
    return ProblemError(
        HTTPStatus.FORBIDDEN,
        f"this needs {wanted}, which you do not have here",
        hint="the fleet is the operator's: show the api_token"
        if wanted is Permission.FLEET
        else "ask an owner of the household; of a key, make one with that scope",
        code="not-permitted",
    )


Caller = Annotated[Scope, Depends(HouseholdRule())]
"""The parameter of every endpoint of a household's; writing asks for more than reading."""

Reader = Annotated[Scope, Depends(HouseholdRule(Permission.READ))]
"""Of an endpoint that only reads, though its method is POST."""

HubReader = Annotated[Scope, Depends(HouseholdRule(Permission.HUBS))]
"""Of an endpoint that an installer may use."""

Owner = Annotated[Scope, Depends(HouseholdRule(Permission.MANAGE))]
ProvedOwner = Annotated[Scope, Depends(HouseholdRule(Permission.MANAGE, is_proved=True))]
"""Of an endpoint by which others are let in."""

HomeReader = Annotated[Scope, Depends(NamedHouseholdRule(Permission.READ))]
HomeHubReader = Annotated[Scope, Depends(NamedHouseholdRule(Permission.HUBS))]
HomeOwner = Annotated[Scope, Depends(NamedHouseholdRule(Permission.MANAGE))]
ProvedHomeOwner = Annotated[Scope, Depends(NamedHouseholdRule(Permission.MANAGE, is_proved=True))]
"""The same, of the household in the path."""

Operator = Annotated[Principal, Depends(FleetRule())]
"""The parameter of every endpoint that governs the fleet."""

ProvedOperator = Annotated[Principal, Depends(FleetRule(is_proved=True))]
"""Of one that lets a hub in or out, gives it away, or has hubs run something."""

Known = Annotated[Principal, Depends(CallerRule())]
Person = Annotated[Principal, Depends(CallerRule(is_person=True))]
ProvedPerson = Annotated[Principal, Depends(CallerRule(is_person=True, is_proved=True))]
"""The parameters of endpoints of a caller's own account."""

ANYONE = Depends(OpenRule("anyone"))
HUB = Depends(OpenRule("a hub, by its signature"))
"""For the `dependencies` of routes that know their callers otherwise, or not at all."""
