"""Shadow requests: what a hub hears of its shadows, and what it may not do."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cloud.db import Database
from cloud.households.revocations import revoke
from cloud.shadows.repository import MAX_SHADOWS_PER_THING, forget_shadows
from cloud.shadows.requests import ShadowDesk
from tests.support.cloud import START_MS, database_in

pytestmark = pytest.mark.usefixtures("either_store")

BASE = "$aws/things/hub-1/shadow/name/health"
NOW_S = START_MS // 1_000


@pytest.fixture(name="database")
def _database(tmp_path: Path) -> Iterator[Database]:
    database = database_in(tmp_path)
    yield database
    database.close()


@pytest.fixture(name="desk")
def _desk(database: Database) -> ShadowDesk:
    return ShadowDesk(database)


def _ask(desk: ShadowDesk, topic: str, **document: Any) -> dict[str, Any]:
    """Ask as hub-1; answer by the last levels of each topic."""
    said = desk.answer("hub-1", topic, json.dumps(document).encode(), START_MS)
    base = topic.rsplit("/", 1)[0] + "/"
    return {of.removeprefix(base): json.loads(payload) for of, payload in said}


def test_update_is_accepted_with_what_it_named(desk: ShadowDesk) -> None:
    """The answer carries the change, its times, the version and the token."""
    said = _ask(desk, f"{BASE}/update", state={"reported": {"a": 1}}, clientToken="t")

    assert said["update/accepted"] == {
        "state": {"reported": {"a": 1}},
        "metadata": {"reported": {"a": {"timestamp": NOW_S}}},
        "version": 1,
        "timestamp": NOW_S,
        "clientToken": "t",
    }
    assert said["update/documents"]["current"]["state"] == {"reported": {"a": 1}}
    assert "update/delta" not in said


def test_delta_is_told_and_got(desk: ShadowDesk) -> None:
    """What is desired and not reported is in the delta, and in the answer to a get."""
    state = {"desired": {"a": 1, "b": 2}, "reported": {"a": 1}}

    said = _ask(desk, f"{BASE}/update", state=state)
    got = _ask(desk, f"{BASE}/get")["get/accepted"]

    assert said["update/delta"]["state"] == {"b": 2}
    assert said["update/delta"]["metadata"] == {"b": {"timestamp": NOW_S}}
    assert got["state"] == {**state, "delta": {"b": 2}}
    assert got["version"] == 1


def test_classic_and_named_shadows_are_apart(desk: ShadowDesk) -> None:
    """The one without a name has topics, and a document, of its own."""
    _ask(desk, f"{BASE}/update", state={"reported": {"a": 1}})
    said = _ask(desk, "$aws/things/hub-1/shadow/update", state={"reported": {"c": 3}})

    got = _ask(desk, "$aws/things/hub-1/shadow/get")["get/accepted"]

    assert said["update/accepted"]["version"] == 1
    assert got["state"] == {"reported": {"c": 3}}


def test_version_goes_on_after_a_deletion(desk: ShadowDesk) -> None:
    """A late update of the deleted shadow is still a conflict."""
    _ask(desk, f"{BASE}/update", state={"reported": {"a": 1}})
    _ask(desk, f"{BASE}/update", state={"reported": {"a": 2}})

    gone = _ask(desk, f"{BASE}/delete", clientToken="d")["delete/accepted"]
    missing = _ask(desk, f"{BASE}/get")["get/rejected"]
    again = _ask(desk, f"{BASE}/delete")["delete/rejected"]
    late = _ask(desk, f"{BASE}/update", state={"reported": {"a": 3}}, version=1)
    new = _ask(desk, f"{BASE}/update", state={"reported": {"a": 3}})["update/accepted"]

    assert (gone["version"], gone["clientToken"]) == (2, "d")
    assert missing["code"] == again["code"] == 404
    assert late["update/rejected"]["code"] == 409
    assert new["version"] == 3


def test_refusal_carries_the_token_and_changes_nothing(desk: ShadowDesk) -> None:
    """A conflict, an oversized state: the version stays."""
    _ask(desk, f"{BASE}/update", state={"reported": {"a": 1}})

    conflict = _ask(desk, f"{BASE}/update", state={"reported": {}}, version=9, clientToken="t")
    large = _ask(desk, f"{BASE}/update", state={"reported": {"a": "x" * 9_000}}, clientToken="u")

    assert conflict["update/rejected"]["clientToken"] == "t"
    assert (large["update/rejected"]["code"], large["update/rejected"]["clientToken"]) == (413, "u")
    assert _ask(desk, f"{BASE}/get")["get/accepted"]["version"] == 1


def test_foreign_topic_claim_and_answer_are_passed_over(desk: ShadowDesk) -> None:
    """Only a request on the asker's own topics is answered, and never an answer."""
    other = desk.answer("hub-2", f"{BASE}/get", b"", START_MS)
    claim = desk.answer("claim-1", "$aws/things/claim-1/shadow/get", b"", START_MS)
    echo = desk.answer("hub-1", f"{BASE}/get/accepted", b"{}", START_MS)

    assert other == claim == echo == []


def test_revoked_hub_is_not_answered(database: Database, desk: ShadowDesk) -> None:
    """Its shadow does not change either."""
    with database.writing() as connection:
        revoke(connection, "hub-1", START_MS)

    assert _ask(desk, f"{BASE}/update", state={"reported": {"a": 1}}) == {}


def test_tariff_is_the_clouds_alone(desk: ShadowDesk) -> None:
    """A get is left to ingest, an update or a deletion refused."""
    base = "$aws/things/hub-1/shadow/name/tariff"

    assert _ask(desk, f"{base}/get") == {}
    assert _ask(desk, f"{base}/update", state={"desired": {}})["update/rejected"]["code"] == 403
    assert _ask(desk, f"{base}/delete")["delete/rejected"]["code"] == 403


def test_hub_cannot_invent_shadows_without_end(desk: ShadowDesk) -> None:
    """One more than it may have is refused; a strange name too."""
    for number in range(MAX_SHADOWS_PER_THING):
        _ask(desk, f"$aws/things/hub-1/shadow/name/s{number}/update", state={"reported": {}})

    more = _ask(desk, f"{BASE}/update", state={"reported": {}})
    strange = _ask(desk, "$aws/things/hub-1/shadow/name/a$b/get")

    assert more["update/rejected"]["code"] == 429
    assert strange["get/rejected"]["code"] == 400


def test_what_the_cloud_wants_is_told_once(desk: ShadowDesk) -> None:
    """A change by the operator reaches the hub as a delta, and replaces all that was wanted."""
    desk.desire("hub-1", "settings", {"frame_interval_s": 60}, START_MS)
    desk.desire("hub-1", "settings", {"commit_window_s": 5}, START_MS)

    ((topic, payload),) = desk.tell(START_MS)

    assert topic == "$aws/things/hub-1/shadow/name/settings/update/delta"
    assert json.loads(payload)["state"] == {"commit_window_s": 5}
    assert desk.tell(START_MS) == []


def test_forgotten_shadows_are_empty_and_newer(database: Database, desk: ShadowDesk) -> None:
    """After a change of household nothing of the old one is to be got."""
    _ask(desk, f"{BASE}/update", state={"reported": {"a": 1}})

    with database.writing() as connection:
        forget_shadows(connection, "hub-1")
    missing = _ask(desk, f"{BASE}/get")
    new = _ask(desk, f"{BASE}/update", state={"reported": {"b": 1}})

    assert missing["get/rejected"]["code"] == 404
    assert new["update/accepted"]["version"] == 3
    assert new["update/documents"]["previous"]["state"] == {}
