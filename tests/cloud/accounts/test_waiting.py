"""Who joins by an invitation is not told whether their e-mail signs in here already."""

from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from cloud.households.invitations import HOLDS_MS, OPEN_MAX
from cloud.households.members import MEMBERS_MAX
from cloud.roles import Role
from tests.support.people import OTHER_HOME, PASSWORD, People

NEW_PASSWORD = "harmonika quitte neunzehn"
HOME = "/v1/households/home"


@pytest.fixture(name="people")
def _people(tmp_path: Path) -> People:
    people = People(tmp_path)
    people.add("ada", Role.OWNER)
    people.add("bob", Role.OWNER, OTHER_HOME)
    return people


@pytest.fixture(name="people_of_both")
def _people_of_both(either_store: str, people: People) -> People:
    assert either_store
    return people


def _invite(owner: TestClient, role: str = "member") -> str:
    answer = owner.post(f"{HOME}/invitations", json={"role": role})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["code"])


def _join(people: People, owner: TestClient, name: str, role: str = "member") -> Any:
    body = {"code": _invite(owner, role), "email": f"{name}@example.org", "name": name}
    return people.client().post("/v1/users", json={**body, "password": NEW_PASSWORD})


def _waiting(client: TestClient) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.get("/v1/me/invitations").json()["invitations"]
    return found


def _seen_by(owner: TestClient) -> Any:
    """Give what an owner sees of who has part and who may: all but what names an invitation."""
    members = owner.get(f"{HOME}/members").json()
    listed = owner.get(f"{HOME}/invitations").json()["invitations"]
    return members, [{**one, "invitation": ""} for one in listed]


def test_answer_and_what_the_inviter_sees_are_the_same_either_way(people_of_both: People) -> None:
    """For an e-mail that signs in here, of a member or not, and for one that is free."""
    people = people_of_both
    ada = people.signed_in("ada")
    seen = []
    for name in ("bob", "eve", "ada"):
        answer = _join(people, ada, name)
        seen.append((answer.status_code, answer.json(), _seen_by(ada)))
        for one in ada.get(f"{HOME}/invitations").json()["invitations"]:
            assert ada.delete(f"{HOME}/invitations/{one['invitation']}").status_code == 204

    assert seen[0] == seen[1] == seen[2]
    assert seen[0][0] == 201
    assert seen[0][1]["role"] == "member"
    assert [one["name"] for one in seen[0][2][0]["members"]] == ["Ada"]


def test_account_that_is_there_stays_as_it_was(people: People) -> None:
    """Its password, its name and its homes: joining with its e-mail proves nothing."""
    ada = people.signed_in("ada")
    _join(people, ada, "bob", "owner")

    with_new = people.sign_in(people.client(), "bob", NEW_PASSWORD)
    bob = people.signed_in("bob")

    assert (with_new.status_code, with_new.json()["code"]) == (401, "wrong-credentials")
    assert bob.get("/v1/me").json()["name"] == "Bob"
    assert [one["household"] for one in bob.get("/v1/households").json()["households"]] == ["other"]
    assert bob.get(f"{HOME}/members").status_code == 404


def test_its_person_takes_up_what_waits_for_them(people_of_both: People) -> None:
    """Once, signed in as before, and with the role that was offered."""
    people = people_of_both
    ada, bob = people.signed_in("ada"), people.signed_in("bob")
    _join(people, ada, "bob", "viewer")

    (waiting,) = _waiting(bob)
    path = f"/v1/me/invitations/{waiting['invitation']}/acceptance"
    answers = [bob.post(path) for _ in range(2)]

    assert (waiting["household"], waiting["name"], waiting["role"]) == ("home", "Home", "viewer")
    assert [one.status_code for one in answers] == [200, 404]
    assert answers[0].json()["role"] == "viewer"
    assert bob.get(f"{HOME}/members").status_code == 200
    assert (_waiting(bob), ada.get(f"{HOME}/invitations").json()["invitations"]) == ([], [])


def test_new_account_is_a_member_from_its_first_sign_in(people: People) -> None:
    """It waits for nobody then, and what another joined by is none of its own."""
    ada = people.signed_in("ada")
    _join(people, ada, "eve", "viewer")
    _join(people, ada, "bob")
    eve = people.client()

    assert people.sign_in(eve, "eve", NEW_PASSWORD).status_code == 201
    assert [one["role"] for one in eve.get("/v1/households").json()["households"]] == ["viewer"]
    assert _waiting(eve) == []
    assert len(ada.get(f"{HOME}/invitations").json()["invitations"]) == 1


def test_nobody_else_takes_up_what_waits(people: People) -> None:
    """Neither by its id, nor by the code that was joined by, nor without being signed in."""
    people.add("eve")
    ada, bob, eve = (people.signed_in(name) for name in ("ada", "bob", "eve"))
    code = _invite(ada)
    body = {"code": code, "email": "bob@example.org", "name": "B", "password": NEW_PASSWORD}
    people.client().post("/v1/users", json=body)
    (waiting,) = _waiting(bob)
    path = f"/v1/me/invitations/{waiting['invitation']}"

    refused = [
        eve.post(f"{path}/acceptance"),
        eve.delete(path),
        eve.post("/v1/invitations/acceptance", json={"code": code}),
        people.client().post("/v1/users", json={**body, "email": "mia@example.org"}),
        people.client().post(f"{path}/acceptance"),
        people.operator.post(f"{path}/acceptance"),
    ]

    assert [one.status_code for one in refused] == [404, 404, 404, 404, 401, 403]
    assert _waiting(eve) == []
    assert bob.post("/v1/invitations/acceptance", json={"code": code}).status_code == 200


def test_what_waits_can_be_turned_down_withdrawn_and_runs_out(people: People) -> None:
    """Each is the end of it; its person is asked for nothing."""
    ada, bob = people.signed_in("ada"), people.signed_in("bob")
    for _ in range(3):
        _join(people, ada, "bob")
    first, second, third = (one["invitation"] for one in _waiting(bob))

    turned_down = bob.delete(f"/v1/me/invitations/{first}")
    withdrawn = ada.delete(f"{HOME}/invitations/{second}")
    left = [one["invitation"] for one in _waiting(bob)]
    again = ada.delete(f"{HOME}/invitations/{second}")
    people.wait(HOLDS_MS)

    assert (turned_down.status_code, withdrawn.status_code, again.status_code) == (204, 204, 404)
    assert left == [third]
    bob = people.signed_in("bob")
    assert bob.post(f"/v1/me/invitations/{third}/acceptance").status_code == 404
    assert _waiting(bob) == []


def test_who_joins_is_told_no_more_than_so_many_times_a_week(people: People) -> None:
    """What was joined by counts until its week is over, though it was used or withdrawn."""
    ada = people.signed_in("ada")
    for number in range(OPEN_MAX):
        _join(people, ada, f"guess-{number}")
        for one in ada.get(f"{HOME}/invitations").json()["invitations"]:
            ada.delete(f"{HOME}/invitations/{one['invitation']}")

    over = ada.post(f"{HOME}/invitations", json={"role": "viewer"})
    people.wait(HOLDS_MS)
    later = people.signed_in("ada").post(f"{HOME}/invitations", json={"role": "viewer"})

    assert (over.status_code, over.json()["code"]) == (409, "too-many")
    assert later.status_code == 201


def test_member_who_joins_again_keeps_their_role(people: People) -> None:
    """It waits as for anybody, and says so when it is taken up."""
    ada = people.signed_in("ada")
    _join(people, ada, "ada", "viewer")
    (waiting,) = _waiting(ada)

    answer = ada.post(f"/v1/me/invitations/{waiting['invitation']}/acceptance")

    assert (answer.status_code, answer.json()["code"]) == (409, "is-member")
    assert ada.get("/v1/households").json()["households"][0]["role"] == "owner"
    assert len(_waiting(ada)) == 1


def test_full_household_keeps_nobody_from_signing_in(people: People) -> None:
    """They have an account and no part, and get it once there is room."""
    ada = people.signed_in("ada")
    others = [people.add(f"member-{number}", Role.VIEWER) for number in range(MEMBERS_MAX - 1)]
    _join(people, ada, "eve")
    eve = people.client()

    first = people.sign_in(eve, "eve", NEW_PASSWORD)
    before = eve.get("/v1/households").json()["households"]
    ada.delete(f"{HOME}/members/{others[0]}")
    people.sign_in(eve, "eve", NEW_PASSWORD)

    assert (first.status_code, before) == (201, [])
    assert len(eve.get("/v1/households").json()["households"]) == 1


def test_password_of_the_account_there_is_opens_it_and_nothing_more(people: People) -> None:
    """Who knows it is the account's person: what waits is shown, and is not taken up for them."""
    ada = people.signed_in("ada")
    body = {"code": _invite(ada), "email": "bob@example.org", "name": "B", "password": PASSWORD}
    people.client().post("/v1/users", json=body)

    bob = people.signed_in("bob")

    assert [one["household"] for one in bob.get("/v1/households").json()["households"]] == ["other"]
    assert len(_waiting(bob)) == 1
