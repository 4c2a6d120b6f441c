"""The pages on the hub's own API: each path is served, by the names of the cloud's."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.support.home_page import Home

DOCS = Path(__file__).parents[2] / "docs"
REFERENCE = (DOCS / "reference/hub-api.md").read_text(encoding="utf-8")
HOW_TO = (DOCS / "how-to/display.md").read_text(encoding="utf-8")
PATHS = re.findall(r"\| `(/v1/\S+)` \|", REFERENCE)
ASKED = re.findall(r'"http://localhost:8080(/\S+)"', HOW_TO)
STREAMS = {"/v1/events"}


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


@pytest.mark.parametrize(
    ("path", "schema"), [("/v1/usage", "UsageInterval"), ("/v1/costs", "CostInterval")]
)
def test_intervals_have_the_names_of_the_cloud(client: TestClient, path: str, schema: str) -> None:
    """A program written for the one reads the other."""
    query = {"from": "2026-11-01", "to": "2026-12-01"}

    answer = client.get(path, params=query).json()

    intervals = answer["series"][0]["intervals"] if "series" in answer else answer["intervals"]
    assert set(intervals[0]) <= fields_of(schema)
