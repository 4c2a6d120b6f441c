"""Every route of the API, tried as every wrong caller."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from fastapi import WebSocket
from fastapi.routing import iter_route_contexts
from fastapi.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from cloud.accounts.sessions import IDLE_MS
from cloud.auth import PROOF_HOLDS_MS, Caller, OpenRule, Rule, rules_of
from cloud.households.tenancies import _mint_token
from cloud.roles import Role
from shared.units import MS_PER_DAY
from tests.support.people import OTHER_HOME, People

READ, WRITE, HUBS, MANAGE, FLEET = (
    "household:read",
    "household:write",
    "hubs:read",
    "household:manage",
    "fleet",
)
ALL = {READ, WRITE, HUBS, MANAGE}
OPEN = {
    ("GET", "/v1/health"),
    ("POST", "/v1/claims/redeem"),
    ("GET", "/v1/fleet/authority"),
    ("POST", "/v1/sessions"),
    ("POST", "/v1/set-up"),
    ("POST", "/v1/users"),
}
"""What nobody needs to be known for; whoever adds to it has a reason to give in review."""


@dataclass(frozen=True)
class Operation:
    """A route's method and path, and what it asks of its caller."""

    method: str
    path: str
    rules: tuple[Rule, ...]

    @property
    def asks(self) -> str:
        """What it asks, in words; a rule that goes by the method says what that comes to."""
        texts = [rule.text for rule in self.rules]
        by_method = READ if self.method == "GET" else WRITE
        return "; ".join(by_method if "by the method" in text else text for text in texts)

    @property
    def is_open(self) -> bool:
        """Whether it asks for no caller known here."""
        return all(isinstance(rule, OpenRule) for rule in self.rules)

    def call(self, client: TestClient, **query: str) -> Any:
        """Call it with names of the right kind, in the first household."""
        path = self.path.replace("{household_id}", "home").replace("{dead_letter_id}", "1")
        return client.request(self.method, re.sub(r"\{\w+\}", "x", path), params=query)


@dataclass(frozen=True)
class Wrong:
    """A caller, and what they may do in the first household; None where they have no part in it."""

    make: Callable[[People], TestClient]
    may: frozenset[str] | None = frozenset()
    status: int = 0
    is_person: bool = False
    is_proved: bool = True
    is_operator: bool = False
    query: str = ""

    def refusal(self, operation: Operation) -> int:
        """The status they are refused with; 0 where they are not."""
        if self.status:
            return self.status
        for ask in operation.asks.split("; "):
            wanted, _, proved = ask.partition(", ")
            if wanted == FLEET:
                refused = 0 if self.is_operator else 403
            elif wanted in ("any caller", "a person"):
                refused = 403 if wanted == "a person" and not self.is_person else 0
            elif self.may is None:
                refused = 404 if self.query or "{household_id}" in operation.path else 403
            else:
                refused = 0 if wanted in self.may else 403
            if not refused and proved and not self.is_proved:
                refused = 403
            if refused:
                return refused
        return 0


def _nobody(people: People) -> TestClient:
    return people.client()


def _wrong_cookie(people: People) -> TestClient:
    client = people.client()
    client.cookies.set("hearthlink", "nobodys")
    return client


def _idle(people: People) -> TestClient:
    client = people.signed_in("owner")
    people.wait(IDLE_MS)
    return client


def _signed_out(people: People) -> TestClient:
    client = people.signed_in("owner")
    token = client.cookies["hearthlink"]
    client.delete("/v1/sessions/current")
    client.cookies.set("hearthlink", token)
    return client


def _expired_key(people: People) -> TestClient:
    key = people.key(people.signed_in("owner"), *sorted(ALL - {MANAGE}), days=1)
    people.wait(MS_PER_DAY)
    return people.bearer(key["key"])


def _revoked_key(people: People) -> TestClient:
    owner = people.signed_in("owner")
    key = people.key(owner, READ)
    assert owner.delete(f"/v1/api-keys/{key['id']}").status_code == 204
    return people.bearer(key["key"])


def _key_of_one_who_left(people: People) -> TestClient:
    user = people.add("partner", Role.OWNER)
    key = people.key(people.signed_in("partner"), READ)
    owner = people.signed_in("owner")
    assert owner.delete(f"/v1/households/home/members/{user}").status_code == 204
    return people.bearer(key["key"])


def _ended(people: People) -> TestClient:
    user = people.add("lodger", Role.MEMBER)
    client = people.signed_in("lodger")
    answer = people.signed_in("owner").delete(f"/v1/households/home/members/{user}")
    assert answer.status_code == 204
    return client


def _role(role: Role, home: str = "home") -> Callable[[People], TestClient]:
    def make(people: People) -> TestClient:
        people.add(f"a-{role}", role, home)
        return people.signed_in(f"a-{role}")

    return make


def _key(*scopes: str) -> Callable[[People], TestClient]:
    return lambda people: people.bearer(people.key(people.signed_in("owner"), *scopes)["key"])


def _household_token(people: People) -> TestClient:
    with people.database.writing() as connection:
        return people.bearer(_mint_token(connection, "home", 0))


def _unproved(people: People) -> TestClient:
    client = people.signed_in("owner")
    people.wait(PROOF_HOLDS_MS + 1)
    return client


def _operator_user(people: People) -> TestClient:
    people.add("engineer", is_operator=True)
    return people.signed_in("engineer")


def _unproved_operator(people: People) -> TestClient:
    people.add("technician", is_operator=True)
    client = people.signed_in("technician")
    people.wait(PROOF_HOLDS_MS + 1)
    return client


WRONG = {
    "nobody": Wrong(_nobody, status=401),
    "a token of nobody's": Wrong(lambda people: people.bearer("nobodys-token"), status=401),
    "a key of nobody's": Wrong(lambda people: people.bearer("hl_nobodys"), status=401),
    "a cookie of nobody's": Wrong(_wrong_cookie, status=401),
    "an idle session": Wrong(_idle, status=401),
    "a session signed out": Wrong(_signed_out, status=401),
    "an expired key": Wrong(_expired_key, status=401),
    "a revoked key": Wrong(_revoked_key, status=401),
    "the key of an owner who left": Wrong(_key_of_one_who_left, status=401),
    "a member who left": Wrong(_ended, may=None, is_person=True),
    "the owner of another household": Wrong(
        _role(Role.OWNER, OTHER_HOME), may=None, is_person=True, query="home"
    ),
    "a member": Wrong(_role(Role.MEMBER), frozenset({READ, WRITE, HUBS}), is_person=True),
    "a viewer": Wrong(_role(Role.VIEWER), frozenset({READ, HUBS}), is_person=True),
    "an installer": Wrong(_role(Role.INSTALLER), frozenset({HUBS}), is_person=True),
    "a key that reads": Wrong(_key(READ), frozenset({READ})),
    "a key that writes": Wrong(_key(WRITE), frozenset({WRITE})),
    "a key for hubs": Wrong(_key(HUBS), frozenset({HUBS})),
    "a household's token, the household being owned": Wrong(
        _household_token, frozenset(ALL), is_proved=False
    ),
    "an owner some time after": Wrong(_unproved, frozenset(ALL), is_person=True, is_proved=False),
    "an operator without a home": Wrong(_operator_user, may=None, is_person=True, is_operator=True),
    "an operator some time after": Wrong(
        _unproved_operator, may=None, is_person=True, is_proved=False, is_operator=True
    ),
}


@pytest.fixture(name="people", scope="module")
def _people(tmp_path_factory: pytest.TempPathFactory) -> Iterator[People]:
    people = People(tmp_path_factory.mktemp("cloud"))
    people.add("owner", Role.OWNER)
    yield people
    people.database.close()


@pytest.fixture(name="operations", scope="module")
def _operations(people: People) -> list[Operation]:
    """List every operation of the OpenAPI description with the rules of its route."""
    rules = {
        (method, context.path): rules_of(getattr(context, "dependant", None))
        for context in iter_route_contexts(people.app.routes)
        for method in getattr(context, "methods", None) or ()
    }
    described = people.app.openapi()["paths"]
    return [
        Operation(method.upper(), path, rules[method.upper(), path])
        for path, methods in described.items()
        for method in methods
    ]


def test_every_route_declares_who_may_call_it(operations: list[Operation]) -> None:
    """By a rule of cloud/auth.py; those that need no caller are few, and named here."""
    assert len(operations) > 60
    assert [one for one in operations if not one.rules] == []
    assert {(one.method, one.path) for one in operations if one.asks == "anyone"} == OPEN


@pytest.mark.parametrize("name", WRONG)
def test_wrong_caller_is_refused_everywhere(
    people: People, operations: list[Operation], name: str
) -> None:
    """With the status that says why; what they may do they are not refused."""
    wrong = WRONG[name]
    client = wrong.make(people)
    query = {"household": wrong.query} if wrong.query else {}

    for operation in operations:
        expected = wrong.refusal(operation)
        # What is theirs to change is not tried, it would change them; a stream would not end.
        is_tried = operation.method == "GET" and not operation.path.endswith("/live")
        if operation.is_open or not (expected or is_tried):
            continue
        answer = operation.call(client, **query)
        where = (operation.method, operation.path, operation.asks, answer.text)
        if expected:
            assert answer.status_code == expected, where
            assert answer.headers["content-type"].startswith("application/problem+json")
        else:
            assert answer.status_code not in (401, 403), where


def test_foreign_page_changes_nothing_with_a_cookie(
    people: People, operations: list[Operation]
) -> None:
    """403 for whatever another site's page sends along with the owner's cookie."""
    client = people.signed_in("owner")
    client.headers.pop("hearthlink-client")
    fields = [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site", "Origin": "http://testserver"},
        {},
    ]

    for operation in operations:
        if operation.is_open or operation.method == "GET":
            continue
        for headers in fields:
            path = operation.path.replace("{household_id}", "home")
            answer = client.request(operation.method, path, headers=headers)
            assert answer.status_code == 403, (operation, headers)
            assert answer.json()["code"] == "foreign-origin"


def test_stream_of_sockets_is_refused_to_a_foreign_page(people: People) -> None:
    """A browser sends cookies with another site's WebSocket: Origin decides there as well."""

    @people.app.websocket("/v1/test-socket")
    async def _echo(socket: WebSocket, scope: Caller) -> None:
        await socket.accept()
        await socket.send_text(scope.only)
        await socket.close()

    owner = people.signed_in("owner")

    with owner.websocket_connect("/v1/test-socket") as socket:
        assert socket.receive_text() == "home"
    for client, headers in (
        (owner, {"Origin": "https://evil.example"}),
        (people.client(), {}),
    ):
        with (
            pytest.raises(WebSocketDisconnect),
            client.websocket_connect("/v1/test-socket", headers=headers),
        ):
            pass
