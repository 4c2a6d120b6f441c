"""Idempotency keys: a write that is sent again is done once."""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from cloud.errors import ProblemError
from cloud.households.tenancies import _mint_token
from cloud.tables import idempotency_keys
from cloud.transfer import memory
from shared.units import MS_PER_DAY
from tests.support.api_stage import ApiStage

CLAIMS = "/v1/fleet/claims"
KEY = {"Idempotency-Key": "8e03978e-40d5"}


@pytest.fixture(name="stage")
def _stage(tmp_path: Path) -> Iterator[ApiStage]:
    stage = ApiStage(tmp_path)
    yield stage
    stage.close()


def claims_of(stage: ApiStage) -> list[Any]:
    """List the claims that were made."""
    return stage.client.get(CLAIMS).json()["claims"]  # type: ignore[no-any-return]


def test_same_key_and_body_are_done_once(stage: ApiStage) -> None:
    """The second answer is the first one, told as such."""
    first = stage.client.post(CLAIMS, json={"installer": "Ada"}, headers=KEY)

    again = stage.client.post(CLAIMS, json={"installer": "Ada"}, headers=KEY)

    assert first.status_code == again.status_code == 201
    assert again.content == first.content
    assert again.headers["idempotency-replayed"] == "true"
    assert "idempotency-replayed" not in first.headers
    assert len(claims_of(stage)) == 1


def test_key_of_another_body_is_refused(stage: ApiStage) -> None:
    """422 names the rule; nothing is done."""
    stage.client.post(CLAIMS, json={"installer": "Ada"}, headers=KEY)

    other = stage.client.post(CLAIMS, json={"installer": "Bob"}, headers=KEY)
    elsewhere = stage.client.post("/v1/dead-letters/replay", headers=KEY)

    assert (other.status_code, other.json()["code"]) == (422, "idempotency-key-reused")
    assert elsewhere.status_code == 422
    assert len(claims_of(stage)) == 1


def test_refused_request_may_be_corrected_under_its_key(stage: ApiStage) -> None:
    """What was refused changed nothing: its key is free."""
    refused = stage.client.post(CLAIMS, json={"minutes": 0}, headers=KEY)
    denied = stage.client.post(CLAIMS, json={"thing": "a/b"}, headers=KEY)

    made = stage.client.post(CLAIMS, json={"minutes": 5}, headers=KEY)

    assert refused.status_code == 422
    assert denied.status_code == 400
    assert made.status_code == 201


def test_request_that_is_still_answered_is_not_begun_again(stage: ApiStage) -> None:
    """409 with when to come back; given up when its process must have died."""
    stage.client.post(CLAIMS, json={}, headers=KEY)
    with stage.database.writing() as connection:
        connection.execute(update(idempotency_keys).values(answer=None))

    soon = stage.client.post(CLAIMS, json={}, headers=KEY)
    stage.clock.advance_to(stage.clock.utc_ms() + memory.IN_FLIGHT_MS)
    late = stage.client.post(CLAIMS, json={}, headers=KEY)

    assert (soon.status_code, soon.json()["code"]) == (409, "idempotency-key-in-flight")
    assert soon.headers["retry-after"] == "1"
    assert late.status_code == 201


def test_of_two_at_once_one_is_carried_out(
    stage: ApiStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both found the key free; the second to write it down is told to wait."""
    claim = memory.claim_of(b"c", "k")
    memory.begin(stage.database, claim, "d", stage.clock.utc_ms())
    monkeypatch.setattr(memory, "_earlier", lambda *_: None)

    with pytest.raises(ProblemError) as refused:
        memory.begin(stage.database, claim, "d", stage.clock.utc_ms())

    assert (refused.value.status, refused.value.code) == (409, "idempotency-key-in-flight")


def test_answer_is_kept_for_a_day(stage: ApiStage) -> None:
    """Then the key is as good as new."""
    first = stage.client.post(CLAIMS, json={}, headers=KEY)
    stage.clock.advance_to(stage.clock.utc_ms() + MS_PER_DAY + 1)

    later = stage.client.post(CLAIMS, json={}, headers=KEY)

    assert later.json()["code"] != first.json()["code"]


def test_secret_told_once_is_nowhere_in_the_clear(stage: ApiStage) -> None:
    """What is kept is enciphered by the key and the credential, of which only digests are kept."""
    code = stage.client.post(CLAIMS, json={}, headers=KEY).json()["code"]

    with stage.database.reading() as connection:
        (row,) = connection.execute(select(idempotency_keys)).all()

    said = repr(tuple(row))
    assert code not in said
    assert code.replace("-", "") not in said
    assert KEY["Idempotency-Key"] not in said


def test_stranger_takes_no_key_and_sees_no_answer(stage: ApiStage) -> None:
    """On any path that takes keys: who may not call is refused before keys are looked at."""
    stage.client.post(CLAIMS, json={}, headers=KEY)
    paths = [
        path.format_map(defaultdict(lambda: "1"))
        for path, methods in stage.app.openapi()["paths"].items()
        for one in methods.get("post", {}).get("parameters", ())
        if one["name"] == "Idempotency-Key"
    ]

    answers = [
        stage.client.post(path, json={}, headers={**KEY, "Authorization": "Bearer nobodys"})
        for path in paths
    ]

    assert CLAIMS in paths
    assert {one.status_code for one in answers} == {401}
    with stage.database.reading() as connection:
        assert len(connection.execute(select(idempotency_keys)).all()) == 1


def test_damaged_answer_is_told(stage: ApiStage) -> None:
    """Rather than carried out twice."""
    stage.client.post(CLAIMS, json={}, headers=KEY)
    with stage.database.writing() as connection:
        connection.execute(update(idempotency_keys).values(answer=bytes(40)))

    answer = stage.client.post(CLAIMS, json={}, headers=KEY)

    assert answer.status_code == 409
    assert "damaged" in answer.json()["detail"]


def test_keys_are_bounded(stage: ApiStage, monkeypatch: pytest.MonkeyPatch) -> None:
    """One credential cannot fill the store with them."""
    monkeypatch.setattr(memory, "KEYS_MAX", 1)
    stage.client.post(CLAIMS, json={}, headers=KEY)

    answer = stage.client.post(CLAIMS, json={}, headers={"Idempotency-Key": "another"})

    assert answer.status_code == 429
    assert answer.headers["retry-after"]


def test_answer_too_long_to_keep_frees_its_key(
    stage: ApiStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The request is answered all the same."""
    monkeypatch.setattr(memory, "MAX_ANSWER_BYTES", 10)

    answer = stage.client.post(CLAIMS, json={}, headers=KEY)

    assert answer.status_code == 201
    with stage.database.reading() as connection:
        assert connection.execute(select(idempotency_keys)).all() == []


@pytest.mark.parametrize("key", ["", "with space", "x" * 129, "é"])
def test_key_that_will_not_do_is_refused(stage: ApiStage, key: str) -> None:
    """It names the field."""
    headers = {b"Idempotency-Key": key.encode("latin-1")}

    answer = stage.client.post(CLAIMS, json={}, headers=headers)

    assert answer.status_code == 422
    assert "Idempotency-Key" in answer.json()["faults"][0]


def test_key_is_of_one_path_whatever_the_body(stage: ApiStage) -> None:
    """Two requests without a body are not the same for that."""
    done = stage.client.post("/v1/dead-letters/replay", headers=KEY)

    elsewhere = stage.client.post("/v1/dead-letters/1/replay", headers=KEY)
    asked_otherwise = stage.client.post("/v1/dead-letters/replay?household=home", headers=KEY)

    assert done.status_code == 200
    assert [one.json()["code"] for one in (elsewhere, asked_otherwise)] == [
        "idempotency-key-reused"
    ] * 2


def test_same_key_of_two_callers_is_two_requests(stage: ApiStage) -> None:
    """Each is carried out, and neither is answered what the other was."""
    with stage.app.state.parts.database.writing() as connection:
        token = _mint_token(connection, "home", 0)
    first = stage.client.post("/v1/dead-letters/replay", headers=KEY)

    other = stage.client.post(
        "/v1/dead-letters/replay", headers={**KEY, "Authorization": f"Bearer {token}"}
    )

    assert (first.status_code, other.status_code) == (200, 200)
    assert "idempotency-replayed" not in other.headers


def test_same_key_of_two_credentials_is_two_secrets() -> None:
    """So that the store's rows tell neither apart nor open."""
    one, other = (memory.claim_of(shown, "k") for shown in (b"a", b"b"))

    assert one.principal != other.principal
    assert one.secret != other.secret
    assert one.key_digest == other.key_digest
