"""Who loses their part between being asked who they are and what they do with it."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, func, select

from cloud.households.members import end_membership
from cloud.households.tenancies import _mint_token
from cloud.peopletables import api_keys, invitations
from cloud.roles import Role
from cloud.scope import Scope
from tests.support.people import People

HOME = Scope.of("home")
Writing = Callable[..., AbstractContextManager[Connection]]


@pytest.fixture(name="people")
def _people(either_store: str, tmp_path: Path) -> Iterator[People]:  # it decides
    people = People(tmp_path)
    people.add("owner", Role.OWNER)
    yield people
    people.database.close()


def _ends_just_before(people: People, user_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """End a membership when the request that is admitted already is about to write."""
    writing: Writing = people.database.writing

    @contextmanager
    def late(*scope: Scope) -> Iterator[Connection]:
        monkeypatch.setattr(people.database, "writing", writing)
        with writing() as connection:
            end_membership(connection, HOME, user_id, people.clock.utc_ms())
        with writing(*scope) as connection:
            yield connection

    monkeypatch.setattr(people.database, "writing", late)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/v1/api-keys", {"name": "p", "scopes": ["household:read"], "days": 1}),
        ("POST", "/v1/households/home/invitations", {"role": "owner"}),
        ("PUT", "/v1/households/home/members/{other}", {"role": "viewer"}),
        ("DELETE", "/v1/households/home/members/{other}", None),
    ],
)
def test_who_was_removed_meanwhile_does_nothing(
    people: People, monkeypatch: pytest.MonkeyPatch, method: str, path: str, body: Any
) -> None:
    """No key, no invitation, nobody else's role: 403, and all is as it was."""
    leaver = people.add("leaver", Role.OWNER)
    other = people.add("other", Role.MEMBER)
    client = people.signed_in("leaver")

    _ends_just_before(people, leaver, monkeypatch)
    answer = client.request(method, path.format(other=other), json=body)

    assert (answer.status_code, answer.json()["code"]) == (403, "not-permitted")
    members = people.signed_in("owner").get("/v1/households/home/members").json()["members"]
    assert {one["name"]: one["role"] for one in members} == {"Owner": "owner", "Other": "member"}
    with people.database.reading() as connection:
        counts = [
            connection.execute(select(func.count()).select_from(table)).scalar_one()
            for table in (api_keys, invitations)
        ]
    assert counts == [0, 0]


def test_households_token_lets_the_first_owner_in_alone(people: People) -> None:
    """Nobody can be asked before there is one; then it is their business."""
    people.add("mover")
    mover = people.signed_in("mover")
    home = mover.post("/v1/households", json={"name": "Mine"}).json()["household"]
    with people.database.writing() as connection:
        owned, empty = (_mint_token(connection, one, 0) for one in (home, "other"))

    answers = [
        people.bearer(token).post(f"/v1/households/{one}/invitations", json={"role": "owner"})
        for token, one in ((owned, home), (empty, "other"))
    ]

    assert [one.status_code for one in answers] == [403, 201]
    assert answers[0].json()["code"] == "person-needed"
