"""Households: several of one person, members and their roles, invitations, and keys."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from cloud.accounts import keys
from cloud.accounts.keys import TOUCH_MS
from cloud.households import members
from cloud.households.invitations import HOLDS_MS, OPEN_MAX
from cloud.roles import Role
from shared.units import MS_PER_DAY
from tests.support.people import OTHER_HOME, PASSWORD, People


@pytest.fixture(name="people")
def _people(tmp_path: Path, either_store: str) -> Iterator[People]:
    people = People(tmp_path, public_url="")
    people.add("ada", Role.OWNER)
    yield people
    people.database.close()


def _invite(client: TestClient, role: str, home: str = "home") -> str:
    answer = client.post(f"/v1/households/{home}/invitations", json={"role": role})
    assert answer.status_code == 201, answer.text
    code: str = answer.json()["code"]
    return code


def test_person_of_several_homes_names_one(people: People) -> None:
    """400 lists them where none is named; another's is 404, whether or not there is one."""
    people.add("bob", Role.OWNER)
    bob = people.signed_in("bob")
    made = bob.post("/v1/households", json={"name": "The cottage", "zone": "Europe/Dublin"})
    cottage = made.json()["household"]

    unnamed = bob.get("/v1/meters")
    listed = bob.get("/v1/households").json()["households"]

    assert made.status_code == 201
    assert (unnamed.status_code, unnamed.json()["code"]) == (400, "household-needed")
    assert cottage in unnamed.json()["detail"]
    assert [(one["name"], one["role"]) for one in listed] == [
        ("Home", "owner"),
        ("The cottage", "owner"),
    ]
    assert bob.get("/v1/meters", params={"household": cottage}).status_code == 200
    for other in (OTHER_HOME, "no-such-home"):
        assert bob.get("/v1/meters", params={"household": other}).status_code == 404
        assert bob.get(f"/v1/households/{other}").status_code == 404
    assert bob.get(f"/v1/households/{cottage}").json()["zone"] == "Europe/Dublin"


def test_wrong_zone_makes_no_household(people: People) -> None:
    """400 with the fix; without one it is the service's own."""
    ada = people.signed_in("ada")

    wrong = ada.post("/v1/households", json={"name": "X", "zone": "Mars/Olympus"})
    without = ada.post("/v1/households", json={"name": "X"})

    assert wrong.status_code == 400
    assert without.json()["zone"] == "Europe/London"


def test_new_person_joins_by_an_invitation(people: People) -> None:
    """With an account of their own, once; the role is the invitation's."""
    ada = people.signed_in("ada")
    code = _invite(ada, "viewer")
    body = {"code": code, "email": "Bob@Example.org ", "name": "Bob", "password": PASSWORD}

    weak = people.client().post("/v1/users", json={**body, "password": "too short"})
    joined = people.client().post("/v1/users", json=body)
    again = people.client().post("/v1/users", json={**body, "email": "eve@example.org"})

    assert [one.status_code for one in (weak, joined, again)] == [422, 201, 404]
    bob = people.signed_in("bob")
    assert bob.get("/v1/meters").status_code == 200
    assert bob.put("/v1/meters/M1/agreements", json=[]).status_code == 403
    listed = bob.get("/v1/households/home/members").json()["members"]
    parts = sorted((one["name"], one["role"]) for one in listed)
    assert parts == [("Ada", "owner"), ("Bob", "viewer")]


def test_person_who_signs_in_already_uses_an_invitation(people: People) -> None:
    """And keeps what they have."""
    people.add("bob", Role.OWNER, OTHER_HOME)
    ada, bob = people.signed_in("ada"), people.signed_in("bob")

    accepted = bob.post("/v1/invitations/acceptance", json={"code": _invite(ada, "member")})

    assert accepted.json()["role"] == "member"
    assert {one["household"] for one in bob.get("/v1/households").json()["households"]} == {
        "home",
        OTHER_HOME,
    }


def test_invitation_takes_no_role_away(people: People) -> None:
    """An owner who uses one for a viewer stays an owner, and the invitation stays."""
    ada = people.signed_in("ada")
    code = _invite(ada, "viewer")

    answer = ada.post("/v1/invitations/acceptance", json={"code": code})

    assert (answer.status_code, answer.json()["code"]) == (409, "is-member")
    assert len(ada.get("/v1/households/home/invitations").json()["invitations"]) == 1


def test_invitation_is_over_after_a_week_or_when_withdrawn(people: People) -> None:
    """404 then, as for a code of nobody's; so many wait and no more."""
    ada = people.signed_in("ada")
    people.add("bob")
    withdrawn, late = _invite(ada, "member"), _invite(ada, "member")
    waiting = ada.get("/v1/households/home/invitations").json()["invitations"]
    gone = ada.delete(f"/v1/households/home/invitations/{waiting[0]['invitation']}")
    for _ in range(OPEN_MAX - 1):
        _invite(ada, "viewer")
    over = ada.post("/v1/households/home/invitations", json={"role": "viewer"})
    people.wait(HOLDS_MS)
    bob = people.signed_in("bob")

    statuses = [
        bob.post("/v1/invitations/acceptance", json={"code": code}).status_code
        for code in (withdrawn, late, "0000-0000-0000-0000")
    ]

    assert (gone.status_code, over.status_code) == (204, 409)
    assert statuses == [404, 404, 404]


def test_link_carries_the_code_where_no_server_sees_it(tmp_path: Path) -> None:
    """After the '#', at the public URL."""
    people = People(tmp_path, public_url="https://home.example")
    people.add("ada", Role.OWNER)
    ada = people.signed_in("ada")
    ada.headers["Origin"] = "https://home.example"

    token = people.client({"Authorization": people.operator.headers["Authorization"]})
    made = token.post("/v1/households/home/invitations", json={"role": "owner"}).json()

    assert made["link"] == f"https://home.example/app/#invitation={made['code']}"


def test_role_is_changed_and_keys_end_with_it(people: People) -> None:
    """Whoever is no owner any more has let nobody in."""
    bob_id = people.add("bob", Role.OWNER)
    ada, bob = people.signed_in("ada"), people.signed_in("bob")
    key, code = people.key(bob, "household:read"), _invite(bob, "owner")

    changed = ada.put(f"/v1/households/home/members/{bob_id}", json={"role": "viewer"})

    assert changed.json()["role"] == "viewer"
    assert people.bearer(key["key"]).get("/v1/meters").status_code == 401
    people.add("eve")
    eve = people.signed_in("eve")
    assert eve.post("/v1/invitations/acceptance", json={"code": code}).status_code == 404
    assert bob.get("/v1/api-keys").status_code == 403


def test_last_owner_stays(people: People) -> None:
    """Neither leaves nor becomes less while others are there."""
    ada = people.signed_in("ada")
    me = ada.get("/v1/me").json()["user"]
    people.add("bob", Role.MEMBER)

    answers = [
        ada.put(f"/v1/households/home/members/{me}", json={"role": "member"}),
        ada.delete(f"/v1/households/home/members/{me}"),
        ada.post("/v1/households/home/departure"),
    ]

    assert [(one.status_code, one.json()["code"]) for one in answers] == [(409, "last-owner")] * 3


def test_member_leaves_and_comes_back(people: People) -> None:
    """Their session goes on and opens nothing of the home until they are invited again."""
    people.add("bob", Role.INSTALLER)
    ada, bob = people.signed_in("ada"), people.signed_in("bob")

    left = bob.post("/v1/households/home/departure")
    outside = bob.get("/v1/gateways")
    bob.post("/v1/invitations/acceptance", json={"code": _invite(ada, "member")})

    assert (left.status_code, outside.status_code) == (204, 403)
    assert outside.json()["code"] == "no-household"
    assert bob.get("/v1/gateways").status_code == 200
    assert ada.delete("/v1/households/home/members/nobody").status_code == 404


def test_members_and_homes_are_bounded(people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    """409, and the invitation is not used up by it."""
    people.add("bob")
    ada, bob = people.signed_in("ada"), people.signed_in("bob")
    body = {"code": _invite(ada, "viewer")}

    monkeypatch.setattr(members, "MEMBERS_MAX", 1)
    full = bob.post("/v1/invitations/acceptance", json=body)
    monkeypatch.undo()
    monkeypatch.setattr(members, "HOMES_MAX", 0)
    many = bob.post("/v1/invitations/acceptance", json=body)
    monkeypatch.undo()

    assert [(one.status_code, one.json()["code"]) for one in (full, many)] == [
        (409, "too-many"),
        (409, "too-many"),
    ]
    assert bob.post("/v1/invitations/acceptance", json=body).status_code == 200


def test_unknown_role_is_refused(people: People) -> None:
    """422 that names those there are; no household makes an operator."""
    ada = people.signed_in("ada")

    for role in ("operator", "king"):
        answer = ada.post("/v1/households/home/invitations", json={"role": role})
        assert answer.status_code == 422
        assert "owner, member, viewer, installer" in answer.json()["faults"][0]


def test_key_is_told_once_and_listed_without_it(people: People) -> None:
    """With its scopes, its end and when it was last used, to five minutes."""
    ada = people.signed_in("ada")
    key = people.key(ada, "household:read", "hubs:read", days=10)
    program = people.bearer(key["key"])

    people.wait(TOUCH_MS)
    program.get("/v1/meters")
    people.wait(TOUCH_MS - 1)
    program.get("/v1/meters")
    listed = ada.get("/v1/api-keys").json()["keys"]

    assert key["key"].startswith("hl_")
    assert key["key"] not in str(listed)
    assert listed[0]["scopes"] == ["household:read", "hubs:read"]
    assert listed[0]["last_used_at"] == "2026-03-01T00:05:00Z"
    assert listed[0]["expires_at"] == "2026-03-11T00:00:00Z"
    assert listed[0]["revoked_at"] is None
    assert program.get("/v1/me").json()["kind"] == "api-key"


def test_key_of_one_household_is_none_of_another(people: People) -> None:
    """Neither to use, nor to revoke."""
    people.add("bob", Role.OWNER, OTHER_HOME)
    key = people.key(people.signed_in("ada"), "household:read")
    bob = people.signed_in("bob")

    assert bob.delete(f"/v1/api-keys/{key['id']}").status_code == 404
    assert bob.get("/v1/api-keys").json()["keys"] == []
    program = people.bearer(key["key"])
    assert program.get("/v1/meters", params={"household": OTHER_HOME}).status_code == 404
    assert program.get("/v1/meters", params={"household": "home"}).status_code == 200


def test_key_may_let_nobody_in(people: People) -> None:
    """No key has the scope to make keys or members; unknown scopes are named."""
    ada = people.signed_in("ada")

    for scope in ("household:manage", "fleet", "all"):
        body = {"name": "x", "scopes": [scope]}
        assert ada.post("/v1/api-keys", json=body).status_code == 422
    changes: list[dict[str, object]] = [{"scopes": []}, {"days": 9_999}]
    for change in changes:
        wrong = {"name": "x", "scopes": ["household:read"], **change}
        assert ada.post("/v1/api-keys", json=wrong).status_code == 422


def test_keys_are_bounded_and_forgotten(people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    """So many that open at once; what is over is listed for 90 days."""
    monkeypatch.setattr(keys, "KEYS_MAX", 2)
    ada = people.signed_in("ada")
    for _ in range(2):
        people.key(ada, "household:read", days=1)

    full = ada.post("/v1/api-keys", json={"name": "x", "scopes": ["household:read"]})
    people.wait(92 * MS_PER_DAY)
    later = people.signed_in("ada")
    people.key(later, "household:read")

    assert (full.status_code, full.json()["code"]) == (409, "too-many")
    assert len(later.get("/v1/api-keys").json()["keys"]) == 1
