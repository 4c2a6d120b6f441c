"""`hearthlink cloud users`."""

import json
import re
from pathlib import Path

import pytest

from cloud.cli import run
from shared.clock import SystemClock
from shared.errors import BadInputError, OperatorError
from tests.support.cloud import TOKEN
from tests.support.people import PASSWORD, People


@pytest.fixture(autouse=True)
def _environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEARTHLINK_CLOUD_STATE_DIR", str(tmp_path))
    monkeypatch.setenv("HEARTHLINK_CLOUD_API_TOKEN", TOKEN)
    monkeypatch.setenv("HEARTHLINK_CLOUD_PUBLIC_URL", "https://home.example")


def _code(told: str) -> str:
    found = re.search(r"once: (\S+)", told)
    assert found is not None
    return found[1]


def test_first_owner_is_added_and_signs_in(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By a code for a password of their own choice; the operator never knows it."""
    assert run(["users", "add", "Ada@Example.org", "--name", "Ada", "--operator"]) == 0
    told = capsys.readouterr().out
    people = People(tmp_path)
    people.clock.advance_to(SystemClock().utc_ms())
    chosen = people.client().post("/v1/set-up", json={"code": _code(told), "password": PASSWORD})

    me = people.signed_in("ada").get("/v1/me").json()

    assert chosen.status_code == 204
    assert f"https://home.example/#set-up={_code(told)}" in told
    assert (me["name"], me["is_operator"], me["households"][0]["role"]) == ("Ada", True, "owner")


def test_adding_again_changes_the_part_and_tells_no_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever has a password keeps it."""
    people = People(tmp_path)
    people.add("ada")

    run(["users", "add", "ada@example.org", "--role", "viewer"])
    told = capsys.readouterr().out
    run(["users", "list", "--json"])
    listed = json.loads(capsys.readouterr().out)["users"]

    assert told == "ada@example.org is viewer of Home\n"
    assert listed[0]["households"] == {"home": "viewer"}
    run(["users", "list"])
    assert capsys.readouterr().out == "ada@example.org: viewer of home\n"


def test_reset_gives_a_code_and_can_drop_the_second_factor(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """For whom phone and codes are lost."""
    People(tmp_path).add("ada")

    run(["users", "reset", "ada@example.org", "--drop-second-factor"])

    told = capsys.readouterr().out
    assert "no code of an app" in told
    assert len(_code(told)) == 19


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["reset", "nobody@example.org"], OperatorError),
        (["add", "ada@example.org", "--household", "nowhere"], OperatorError),
        (["add"], BadInputError),
        (["add", "two words@example.org"], BadInputError),
    ],
)
def test_what_cannot_be_done_is_said(arguments: list[str], error: type[Exception]) -> None:
    """With the fix, and nothing is written."""
    with pytest.raises(error):
        run(["users", *arguments])
