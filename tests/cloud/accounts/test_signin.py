"""Signing in and out: sessions, the second factor, guesses, and codes for a password."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import update

from cloud.accounts import users
from cloud.accounts.passwords import Hasher
from cloud.accounts.sessions import IDLE_MS, LIFE_MS, SESSIONS_MAX
from cloud.accounts.totp import STEP_MS, code_at
from cloud.auth import PROOF_HOLDS_MS
from cloud.backup import renew
from cloud.peopletables import sessions
from cloud.roles import Role
from shared.units import MS_PER_HOUR, MS_PER_MINUTE
from tests.support.people import PASSWORD, People

NEW_PASSWORD = "kettle seven orchard mist"


@pytest.fixture(name="people")
def _people(tmp_path: Path) -> Iterator[People]:
    people = People(tmp_path)
    people.add("ada", Role.OWNER)
    yield people
    people.database.close()


def test_session_is_a_cookie_that_pages_cannot_read(people: People) -> None:
    """HttpOnly and strict; the answer itself has no token."""
    client = people.client()

    answer = people.sign_in(client, "ada")

    cookies = answer.headers.get_list("set-cookie")
    assert len(cookies) == 2
    assert all("HttpOnly" in one and "SameSite=strict" in one for one in cookies)
    assert client.cookies["hearthlink"] not in answer.text
    assert client.get("/v1/me").json()["email"] == "ada@example.org"
    assert client.get("/v1/meters").status_code == 200


def test_over_https_the_cookie_is_of_this_host_alone(tmp_path: Path) -> None:
    """Secure, and by a name that no other host may set."""
    people = People(tmp_path, public_url="https://home.example")
    people.add("ada", Role.OWNER)

    answer = people.sign_in(people.client(), "ada")

    assert all("Secure" in one for one in answer.headers.get_list("set-cookie"))
    assert answer.headers["set-cookie"].startswith("__Host-hearthlink=")


def test_wrong_password_and_nobody_are_answered_alike(people: People) -> None:
    """The same status, words and fields; a password is checked either way."""
    wrong = people.sign_in(people.client(), "ada", "wrong" * 4)
    nobody = people.sign_in(people.client(), "nobody", "wrong" * 4)

    assert (wrong.status_code, wrong.json()) == (nobody.status_code, nobody.json())
    assert wrong.json()["code"] == "wrong-credentials"
    assert "set-cookie" not in wrong.headers


def test_session_ends_idle_and_after_half_a_day(people: People) -> None:
    """Used every so often it goes on, and not past twelve hours."""
    idle, used = people.signed_in("ada"), people.signed_in("ada")

    asked = []
    for _ in range(LIFE_MS // (IDLE_MS - MS_PER_MINUTE)):
        people.wait(IDLE_MS - MS_PER_MINUTE)
        asked.append(used.get("/v1/me").status_code)
        if len(asked) == 2:
            after_two = idle.get("/v1/me").status_code
    people.wait(IDLE_MS - MS_PER_MINUTE)

    assert set(asked) == {200}
    assert after_two == 401
    assert used.get("/v1/me").status_code == 401


def test_sessions_are_listed_and_ended(people: People) -> None:
    """One, or all of them everywhere; another's are not to be found."""
    people.add("bob", Role.MEMBER)
    phone, laptop, other = (people.signed_in(name) for name in ("ada", "ada", "bob"))
    listed = phone.get("/v1/sessions").json()["sessions"]
    laptops = next(one["session"] for one in listed if not one["is_current"])

    assert other.delete(f"/v1/sessions/{laptops}").status_code == 404
    assert phone.delete(f"/v1/sessions/{laptops}").status_code == 204

    assert laptop.get("/v1/me").status_code == 401
    assert phone.get("/v1/me").status_code == 200
    again = people.signed_in("ada")
    assert phone.delete("/v1/sessions").status_code == 204
    assert again.get("/v1/me").status_code == 401
    assert other.get("/v1/me").status_code == 200


def test_oldest_session_makes_room(people: People) -> None:
    """A person has so many and no more."""
    first = people.signed_in("ada")
    for _ in range(SESSIONS_MAX):
        people.wait(1)
        last = people.signed_in("ada")

    assert first.get("/v1/me").status_code == 401
    assert len(last.get("/v1/sessions").json()["sessions"]) == SESSIONS_MAX


def test_guesses_are_slowed_down_by_account_and_address(people: People) -> None:
    """Five at once, then one each half minute; the right password waits as well."""
    attacker = people.client()
    answers = [people.sign_in(attacker, "ada", "wrong" * 4).status_code for _ in range(6)]

    right = people.sign_in(people.client(), "ada")

    assert answers == [401] * 5 + [429]
    assert right.status_code == 429
    assert int(right.headers["retry-after"]) > 0
    people.wait(30_000)
    assert people.sign_in(people.client(), "ada").status_code == 201


def test_flood_of_guesses_does_not_keep_the_owner_out(people: People) -> None:
    """On a device that has signed in before only what comes from it counts."""
    device = people.signed_in("ada")
    device.delete("/v1/sessions/current")
    while people.sign_in(people.client(), "ada", "wrong" * 4).status_code != 429:
        pass

    answer = people.sign_in(device, "ada")

    assert answer.status_code == 201
    device.delete("/v1/sessions/current")
    answers = [people.sign_in(device, "ada", "wrong" * 4).status_code for _ in range(11)]
    assert answers == [401] * 10 + [429]


def test_device_of_one_person_says_nothing_of_another(people: People) -> None:
    """Whoever has an account of their own guesses no faster at another's."""
    people.add("bob", Role.MEMBER)
    bobs = people.signed_in("bob")

    answers = [people.sign_in(bobs, "ada", "wrong" * 4).status_code for _ in range(6)]

    assert answers[-1] == 429


def test_second_factor_is_asked_for_once_confirmed(people: People) -> None:
    """A code of the app, each once, or a recovery code, each once."""
    client = people.signed_in("ada")
    secret = client.post("/v1/me/second-factor").json()["secret"]
    wrong = client.post("/v1/me/second-factor/confirmation", json={"code": "000000"})
    assert people.sign_in(people.client(), "ada").status_code == 201

    code = code_at(secret, people.clock.utc_ms() // STEP_MS)
    confirmed = client.post("/v1/me/second-factor/confirmation", json={"code": code})
    recovery = confirmed.json()["recovery_codes"]

    assert wrong.status_code == 400
    assert len(set(recovery)) == 10
    asked = people.sign_in(people.client(), "ada")
    assert (asked.status_code, asked.json()["code"]) == (401, "second-factor-needed")
    assert people.sign_in(people.client(), "ada", code=code).status_code == 401
    people.wait(STEP_MS)
    fresh = code_at(secret, people.clock.utc_ms() // STEP_MS)
    assert people.sign_in(people.client(), "ada", code=fresh).status_code == 201
    written = recovery[0].lower().replace("-", " ")
    assert people.sign_in(people.client(), "ada", recovery_code=written).status_code == 201
    assert people.sign_in(people.client(), "ada", recovery_code=written).status_code == 401
    assert client.get("/v1/me").json()["recovery_codes_left"] == 9
    assert client.post("/v1/me/second-factor").status_code == 409


def test_codes_of_the_second_factor_cannot_be_tried_through(people: People) -> None:
    """Ten at once, whatever the address or device; a recovery code still opens."""
    client = people.signed_in("ada")
    secret = client.post("/v1/me/second-factor").json()["secret"]
    code = code_at(secret, people.clock.utc_ms() // STEP_MS)
    confirmed = client.post("/v1/me/second-factor/confirmation", json={"code": code}).json()
    people.wait(PROOF_HOLDS_MS)

    for _ in range(10):
        people.wait(10_000)
        people.sign_in(client, "ada", code="000000")
    people.wait(10_000)
    fresh = code_at(secret, people.clock.utc_ms() // STEP_MS)
    refused = people.sign_in(client, "ada", code=fresh)

    assert refused.status_code == 429
    people.wait(30_000)
    recovery_code = confirmed["recovery_codes"][0]
    assert people.sign_in(client, "ada", recovery_code=recovery_code).status_code == 201


def test_removed_second_factor_is_asked_for_no_more(people: People) -> None:
    """And its recovery codes are void; new ones want an app."""
    client = people.signed_in("ada")
    secret = client.post("/v1/me/second-factor").json()["secret"]
    code = code_at(secret, people.clock.utc_ms() // STEP_MS)
    client.post("/v1/me/second-factor/confirmation", json={"code": code})
    renewed = client.post("/v1/me/recovery-codes").json()["recovery_codes"]

    removed = client.delete("/v1/me/second-factor")

    assert (removed.status_code, len(renewed)) == (204, 10)
    assert people.sign_in(people.client(), "ada").status_code == 201
    assert client.post("/v1/me/recovery-codes").status_code == 404


def test_proof_is_asked_for_again_after_five_minutes(people: People) -> None:
    """A stranger at a screen left open changes no password."""
    client = people.signed_in("ada")
    people.wait(PROOF_HOLDS_MS + 1)
    body = {"password": NEW_PASSWORD}

    late = client.put("/v1/me/password", json=body)
    wrong = client.post("/v1/sessions/current/proof", json={"password": "wrong" * 4})
    proved = client.post("/v1/sessions/current/proof", json={"password": PASSWORD})

    assert (late.status_code, late.json()["code"]) == (403, "proof-needed")
    assert (wrong.status_code, proved.status_code) == (401, 204)
    assert client.put("/v1/me/password", json=body).status_code == 204


def test_proof_of_a_time_to_come_proves_nothing(people: People) -> None:
    """A provider's clock, or ours, that was ahead leaves no door open for as long."""
    client = people.signed_in("ada")
    ahead_ms = people.clock.utc_ms() + MS_PER_MINUTE
    with people.database.writing() as connection:
        connection.execute(update(sessions).values(proved_at_ms=ahead_ms))

    refused = client.put("/v1/me/password", json={"password": NEW_PASSWORD})

    assert (refused.status_code, refused.json()["code"]) == (403, "proof-needed")


def test_changed_password_ends_the_other_sessions(people: People) -> None:
    """This one goes on; the old password opens nothing."""
    client, other = people.signed_in("ada"), people.signed_in("ada")

    answer = client.put("/v1/me/password", json={"password": NEW_PASSWORD})

    assert answer.status_code == 204
    assert client.get("/v1/me").status_code == 200
    assert other.get("/v1/me").status_code == 401
    assert people.sign_in(people.client(), "ada").status_code == 401
    assert people.sign_in(people.client(), "ada", NEW_PASSWORD).status_code == 201


def test_common_password_is_refused_with_what_to_do(people: People) -> None:
    """422, and the old one stays."""
    client = people.signed_in("ada")

    answer = client.put("/v1/me/password", json={"password": "password1234"})

    assert answer.status_code == 422
    assert "tried first" in answer.json()["faults"][0]
    assert people.sign_in(people.client(), "ada").status_code == 201


def test_set_up_code_chooses_a_password_once(people: People) -> None:
    """Within a day; every session of before ends."""
    client = people.signed_in("ada")
    with people.database.writing() as connection:
        user = users.find_by_email(connection, "ada@example.org")
        assert user is not None
        code = users.make_set_up_code(connection, user.user_id, people.clock.utc_ms())
    body = {"code": code.lower(), "password": NEW_PASSWORD}

    weak = people.client().post("/v1/set-up", json={**body, "password": "short"})
    chosen = people.client().post("/v1/set-up", json=body)
    again = people.client().post("/v1/set-up", json=body)

    assert [one.status_code for one in (weak, chosen, again)] == [422, 204, 404]
    assert client.get("/v1/me").status_code == 401
    assert people.sign_in(people.client(), "ada", NEW_PASSWORD).status_code == 201


def test_set_up_codes_cannot_be_guessed_fast_and_are_over_in_a_day(people: People) -> None:
    """429 by address after twenty wrong ones."""
    with people.database.writing() as connection:
        user = users.find_by_email(connection, "ada@example.org")
        assert user is not None
        code = users.make_set_up_code(connection, user.user_id, people.clock.utc_ms())
    people.wait(25 * MS_PER_HOUR)
    body = {"code": code, "password": NEW_PASSWORD}

    statuses = [people.client().post("/v1/set-up", json=body).status_code for _ in range(21)]

    assert statuses == [404] * 20 + [429]


def test_password_hashed_more_cheaply_is_hashed_anew(people: People) -> None:
    """When its person signs in, without their noticing."""
    people.app.state.sign_in.hasher = Hasher(time_cost=2, memory_kib=16)

    people.signed_in("ada")

    with people.database.reading() as connection:
        user = users.find_by_email(connection, "ada@example.org")
    assert user is not None
    assert "m=16,t=2" in user.password_hash
    people.signed_in("ada")


def test_foreign_page_cannot_sign_a_browser_in(people: People) -> None:
    """As somebody it chose: 403 before anything is looked at."""
    client = people.client({"Origin": "https://evil.example"})

    assert people.sign_in(client, "ada").json()["code"] == "foreign-origin"


def test_callers_are_held_to_a_pace(tmp_path: Path) -> None:
    """Each by itself; the operator's own token is not counted."""
    people = People(tmp_path, requests_per_s_max=1)
    people.add("ada", Role.OWNER)
    people.add("bob", Role.MEMBER)
    ada, bob = people.signed_in("ada"), people.signed_in("bob")

    statuses = [ada.get("/v1/me").status_code for _ in range(6)]

    assert statuses == [200] * 5 + [429]
    assert bob.get("/v1/me").status_code == 200
    assert {people.operator.get("/v1/me").status_code for _ in range(9)} == {200}
    people.wait(1_000)
    assert ada.get("/v1/me").status_code == 200


def test_malformed_sign_in_is_told_what_is_wrong(people: People) -> None:
    """No e-mail, an unknown field, a password longer than any."""
    client = people.client()
    good = {"email": "ada@example.org", "password": PASSWORD}

    for change in ({"email": "ada"}, {"x": 1}, {"password": "x" * 600}, {"password": None}):
        answer = client.post("/v1/sessions", json={**good, **change})
        assert answer.status_code in (400, 422), answer.text
        assert answer.json()["detail"]
        assert PASSWORD not in answer.text


def test_account_is_deleted_with_what_it_let_in(people: People) -> None:
    """Sessions, membership and keys; the sole owner of a home with others stays."""
    people.add("bob", Role.OWNER)
    bob = people.signed_in("bob")
    key = people.key(bob, "household:read")

    deleted = bob.delete("/v1/me")

    assert deleted.status_code == 204
    assert bob.get("/v1/me").status_code == 401
    assert people.bearer(key["key"]).get("/v1/meters").status_code == 401
    assert people.sign_in(people.client(), "bob").status_code == 401
    people.add("eve", Role.VIEWER)
    last = people.signed_in("ada").delete("/v1/me")
    assert (last.status_code, last.json()["code"]) == (409, "last-owner")


def test_name_is_changed(people: People) -> None:
    """What others see."""
    client = people.signed_in("ada")

    assert client.put("/v1/me/name", json={"name": " Countess "}).status_code == 204

    assert client.get("/v1/me").json()["name"] == "Countess"


def test_restored_database_opens_no_session_of_before(people: People) -> None:
    """Nor a code that may have been used since: the copy does not know."""
    client = people.signed_in("ada")
    code = client.post("/v1/households/home/invitations", json={"role": "owner"}).json()["code"]

    renew(people.database, people.clock)

    assert client.get("/v1/me").status_code == 401
    people.add("bob")
    bob = people.signed_in("bob")
    assert bob.post("/v1/invitations/acceptance", json={"code": code}).status_code == 404
