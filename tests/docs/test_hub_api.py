"""The pages on the hub's own API: each path is served, by the names of the cloud's."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from agent.home.problems import NO_SUCH_PATH, URN, USUAL_CODES
from cloud import problems as cloud_problems
from tests.support.home_page import Home

DOCS = Path(__file__).parents[2] / "docs"
REFERENCE = (DOCS / "reference/hub-api.md").read_text(encoding="utf-8")
HOW_TO = (DOCS / "how-to/display.md").read_text(encoding="utf-8")
PATHS = re.findall(r"\| `(/v1/\S+)` \|", REFERENCE)
ASKED = re.findall(r'"http://localhost:8080(/\S+)"', HOW_TO)
STREAMS = {"/v1/events"}
CODES = re.findall(r"^\| `([a-z-]+)` \| (\d{3}) \|", REFERENCE, re.MULTILINE)


@pytest.fixture
def client() -> TestClient:
    """A program in the home."""
    return TestClient(Home().page(), base_url="http://localhost:8080")


def fields_of(schema: str) -> set[str]:
    document = json.loads((DOCS / "reference/openapi.json").read_text(encoding="utf-8"))
    fields: dict[str, Any] = document["components"]["schemas"][schema]["properties"]
    return set(fields)


@pytest.mark.parametrize("path", [one for one in PATHS + ASKED if one not in STREAMS])
def test_each_path_that_is_written_is_served(client: TestClient, path: str) -> None:
    """As it stands on the page."""
    assert client.get(path).status_code == 200


def test_the_pages_name_paths() -> None:
    """So that the test above asks for something."""
    assert len(PATHS) == 7
    assert len(ASKED) == 3


def test_the_table_of_problems_is_what_the_hub_can_answer() -> None:
    """Every code with its status, and none besides."""
    written = {code: int(status) for code, status in CODES}

    assert written == {code: status for status, code in USUAL_CODES.items()} | {NO_SUCH_PATH: 404}


def test_codes_mean_what_they_mean_in_the_cloud() -> None:
    """A program tells them apart once; only what no cloud answers has a code of its own."""
    shared = {code: int(status) for code, status in CODES if code != "unknown-host"}

    assert URN == cloud_problems.URN
    assert shared == {code: cloud_problems.KINDS[code].status for code in shared}


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/v1/usage?from=2026-11-01&to=2026-12-01&meter=nobody", 404, "not-found"),
        ("/v1/usage?from=2026-11-01", 422, "invalid-request"),
        ("/v1/nothing", 404, "no-such-path"),
        ("/acknowledge", 405, "method-not-allowed"),
    ],
)
def test_a_refusal_names_its_code(client: TestClient, path: str, status: int, code: str) -> None:
    """And its type, which is made of it."""
    answer = client.get(path)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.json()["type"] == f"urn:problem-type:hearthlink:{code}"
    assert answer.json()["status"] == status


@pytest.mark.parametrize(
    ("path", "schema"), [("/v1/usage", "UsageInterval"), ("/v1/costs", "CostInterval")]
)
def test_intervals_have_the_names_of_the_cloud(client: TestClient, path: str, schema: str) -> None:
    """A program written for the one reads the other."""
    query = {"from": "2026-11-01", "to": "2026-12-01"}

    answer = client.get(path, params=query).json()

    intervals = answer["series"][0]["intervals"] if "series" in answer else answer["intervals"]
    assert set(intervals[0]) <= fields_of(schema)
