"""Cursors: every list by the page, whole and once each, and nothing but our own cursors."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.errors import ProblemError
from cloud.transfer.pages import cut, decode_cursor, encode_cursor
from shared.units import MS_PER_MINUTE
from tests.support.api_stage import JOB, THING, ApiStage

PLACES = st.tuples(st.integers(0, 2**63 - 1), st.text("abcXYZ019-_.:", max_size=96))


@pytest.fixture(scope="module", name="stage")
def _stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiStage]:
    stage = ApiStage(tmp_path_factory.mktemp("pages"))
    stage.furnish()
    for number in range(4):
        stage.client.post("/v1/fleet/claims", json={"installer": f"i{number}"})
        expires = {"operation": "restart", "expires_at_ms": stage.clock.utc_ms() + MS_PER_MINUTE}
        job = {"job_id": f"job-{number}", "document": expires, "things": [THING]}
        stage.client.post("/v1/fleet/jobs", json=job)
    yield stage
    stage.close()


@given(PLACES)
def test_cursor_comes_back_as_it_went(place: tuple[int, str]) -> None:
    """For every place a list can be at."""
    assert decode_cursor(encode_cursor("jobs", place), "jobs", (int, str)) == place


@pytest.mark.parametrize(
    "said",
    [
        "x",
        "é",
        base64.urlsafe_b64encode(b"{}").decode(),
        base64.urlsafe_b64encode(b"[" * 300).decode(),
        encode_cursor("hubs", (1, "a")),
        encode_cursor("jobs", (1,)),
        encode_cursor("jobs", ("1", "a")),
        encode_cursor("jobs", (True, "a")),
        encode_cursor("jobs", (-1, "a")),
        encode_cursor("jobs", (2**63, "a")),
        encode_cursor("jobs", (1, "a\0b")),
        encode_cursor("jobs", (1, "a" * 300)),
        base64.urlsafe_b64encode(json.dumps(["jobs", 1, "\ud800"]).encode()).decode(),
        base64.urlsafe_b64encode(b'["jobs", NaN, "a"]').decode(),
    ],
)
def test_what_is_no_cursor_is_refused(said: str) -> None:
    """With a code of its own."""
    with pytest.raises(ProblemError) as refused:
        decode_cursor(said, "jobs", (int, str))

    assert (refused.value.status, refused.value.code) == (400, "bad-cursor")


def test_page_knows_whether_another_follows() -> None:
    """The last one has no cursor, also where it is full."""
    page, following = cut([1, 2, 3, 4], "n", lambda one: (one,), (1,), 2)
    last, none = cut([1, 2, 3, 4], "n", lambda one: (one,), (2,), 2)

    assert page == [2, 3]
    assert following == encode_cursor("n", (3,))
    assert (last, none) == ([3, 4], None)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("meters", "meters"),
        ("gateways", "gateways"),
        (f"gateways/{THING}/gaps", "gaps"),
        ("dead-letters", "dead_letters"),
        ("tariffs", "tariffs"),
        ("fleet/claims", "claims"),
        ("fleet/hubs", "hubs"),
        ("fleet/jobs", "jobs"),
        (f"fleet/jobs/{JOB}/executions", "executions"),
    ],
)
def test_pages_are_the_whole_list(stage: ApiStage, path: str, name: str) -> None:
    """One entry at a time gives what one page gives, in order; a foreign cursor is refused."""
    whole = stage.client.get(f"/v1/{path}").json()

    seen: list[Any] = []
    cursor: str | None = ""
    while cursor is not None and len(seen) <= len(whole[name]):
        page = stage.client.get(f"/v1/{path}", params={"limit": "1", "cursor": cursor}).json()
        seen += page[name]
        cursor = page["next_cursor"]

    assert seen == whole[name]
    assert whole["next_cursor"] is None
    bad = stage.client.get(f"/v1/{path}", params={"cursor": "bm8"})
    assert (bad.status_code, bad.json()["code"]) == (400, "bad-cursor")


def test_old_parameters_still_page(stage: ApiStage) -> None:
    """And say that they go away, and when."""
    first = stage.client.get("/v1/fleet/jobs", params={"limit": "1"})

    second = stage.client.get("/v1/fleet/jobs", params={"before": first.json()["next"]})

    assert "deprecation" not in first.headers
    assert second.headers["deprecation"].startswith("@")
    assert second.headers["sunset"].endswith("GMT")
    assert 'rel="deprecation"' in second.headers["link"]


def test_document_marks_what_goes_away(stage: ApiStage) -> None:
    """So that generated clients warn."""
    parameters = stage.app.openapi()["paths"]["/v1/fleet/hubs"]["get"]["parameters"]

    marked = {one["name"] for one in parameters if one.get("deprecated")}

    assert marked == {"after"}
