"""Bad input of every sort: a 4xx that names the field and the fix, and never a 500."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest

from cloud.problems import KINDS
from shared.readings import MAX_METER_ID_CHARS
from tests.support.api_stage import TARIFF, THING, ApiStage
from tests.support.cloud import METER

DAY = {"from": "2026-03-01", "to": "2026-03-02"}
DEEP = b"[" * 100_000


@pytest.fixture(scope="module", name="stage")
def _stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiStage]:
    stage = ApiStage(tmp_path_factory.mktemp("bad"))
    stage.furnish()
    yield stage
    stage.close()


def refused(answer: Any) -> dict[str, Any]:
    """Take an answer that must refuse, as a problem with a fix."""
    problem: dict[str, Any] = answer.json()
    assert 400 <= answer.status_code < 500, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["code"] in KINDS
    assert problem["type"] == f"urn:problem-type:hearthlink:{problem['code']}"
    assert problem["hint"]
    return problem


def said(problem: dict[str, Any]) -> str:
    """Join what a problem says."""
    return " ".join([problem["detail"], problem["hint"], *problem["faults"]])


@pytest.mark.parametrize("path", ["usage", "cost", "costs", "preview", "comparison"])
@pytest.mark.parametrize(
    ("asked", "named"),
    [
        ({"from": "2026-03-02", "to": "2026-03-01"}, "from"),
        ({"from": "2026-03-01", "to": "2026-03-01"}, "to"),
        ({"from": "1826-03-01", "to": "2026-03-01"}, "from"),
        ({"from": "2001-01-01", "to": "2099-12-31"}, ""),
        ({"from": "2026-03-01T00:00:00", "to": "2026-03-02"}, "from"),
        ({"from": "2026-03-01T00:00:00+99:00", "to": "2026-03-02"}, "from"),
        ({"from": "2026-03-01[Mars/Base]", "to": "2026-03-02"}, "from"),
        ({"from": "2026-02-30", "to": "2026-03-02"}, "from"),
        ({"from": "NaN", "to": "2026-03-02"}, "from"),
        ({"from": "Infinity", "to": "2026-03-02"}, "from"),
        ({"from": "-1", "to": "2026-03-02"}, "from"),
        ({"from": "9" * 60, "to": "2026-03-02"}, "from"),
        ({"from": "9" * 600, "to": "2026-03-02"}, "from"),
        ({"from": "\uff12\uff10\uff12\uff16-03-01", "to": "2026-03-02"}, "from"),
        ({"from": "مارس", "to": "2026-03-02"}, "from"),
        ({"from": "\ud800", "to": "2026-03-02"}, "from"),
        ({"from": "2026-03-01\0", "to": "2026-03-02"}, "NUL"),
    ],
)
def test_period_that_is_none(stage: ApiStage, path: str, asked: dict[str, str], named: str) -> None:
    """Backwards, of two hundred years, in no zone, or no time at all."""
    query = urlencode(asked, encoding="utf-8", errors="surrogatepass")

    problem = refused(stage.client.get(f"/v1/meters/{METER}/{path}?{query}"))

    assert named in said(problem)


@pytest.mark.parametrize(
    ("path", "asked", "named"),
    [
        ("usage", {**DAY, "resolution": "fortnight"}, "resolution"),
        ("comparison", {"region": "Z"}, "region"),
        ("comparison", {"limit": "-1"}, "limit"),
        ("comparison", {"limit": "1e9"}, "limit"),
        ("comparison", {"limit": "NaN"}, "limit"),
        ("comparison", {"flow": "sideways"}, "flow"),
        ("registers", {"at": "yesterday"}, "at"),
        ("usage", {"to": "2026-03-02"}, "from"),
    ],
)
def test_parameter_that_will_not_do(
    stage: ApiStage, path: str, asked: dict[str, str], named: str
) -> None:
    """The answer names it."""
    assert named in said(refused(stage.client.get(f"/v1/meters/{METER}/{path}", params=asked)))


@pytest.mark.parametrize(
    "path",
    [
        "dead-letters?limit=0",
        "dead-letters?limit=501",
        "meters?limit=99999999999999999999999",
        "gateways?cursor=%ff%fe",
        "fleet/jobs?before=99999999999999999999999",
        f"meters/{'M' * (MAX_METER_ID_CHARS + 1)}/usage?from=2026-03-01&to=2026-03-02",
        "meters/%00/tariff",
        "meters/%ED%A0%80/tariff",
        "gateways/🦔/gaps",
        "tariffs/%20",
        "tariffs?mpan=abc",
        "tariffs?region=ÿ",
        "nowhere",
    ],
)
def test_path_or_number_out_of_bounds(stage: ApiStage, path: str) -> None:
    """Too small, too large, too long, or in letters that nothing is named with."""
    refused(stage.client.get(f"/v1/{path}"))


@pytest.mark.parametrize(
    ("method", "path", "body", "named"),
    [
        ("PUT", f"meters/{METER}/tariff", b"{", ""),
        ("PUT", f"meters/{METER}/tariff", b"NaN", ""),
        ("PUT", f"meters/{METER}/tariff", DEEP, ""),
        ("PUT", f"meters/{METER}/tariff", b"\xff\xfe", ""),
        ("PUT", f"meters/{METER}/tariff", b'{"name": "\\ud800"}', ""),
        ("PUT", f"meters/{METER}/tariff", b"x" * 300_000, "bytes"),
        ("PUT", f"meters/{METER}/agreements", b'[{"starts_on": "2026-13-01"}]', "starts_on"),
        ("PUT", f"meters/{METER}/agreements", DEEP, ""),
        ("PUT", f"meters/{METER}/top-ups/a", b'{"at": "2026-03-01", "amount_millionths": NaN}', ""),
        ("PUT", f"meters/{METER}/top-ups/a", b'{"at": "x", "amount_millionths": 5}', "at"),
        (
            "PUT",
            f"meters/{METER}/top-ups/a",
            b'{"at": "2026-03-01", "amount_millionths": -5}',
            "amount_millionths",
        ),
        (
            "PUT",
            f"meters/{METER}/top-ups/a",
            b'{"at": "2026-03-01", "amount_millionths": 1e400}',
            "amount_millionths",
        ),
        ("PUT", f"gateways/{THING}/consent", b'{"granularity": "everything"}', "granularity"),
        ("PUT", f"gateways/{THING}/consent", b'"live"', ""),
        ("PUT", f"gateways/{THING}/consent", DEEP, ""),
        ("POST", "fleet/claims", b'{"minutes": 1e30}', "minutes"),
        ("POST", "fleet/claims", b'{"thing": "a\\u0000b"}', "thing"),
        ("POST", "fleet/claims", b'{"installer": "\\ud83d"}', "installer"),
        ("POST", "fleet/claims", b'{"installer": "\\u202e"}', "installer"),
        ("POST", "fleet/jobs", b'{"job_id": "\\u0000", "document": {}}', ""),
        ("POST", "fleet/jobs", b'{"job_id": "a", "document": {"a": NaN}}', ""),
        ("POST", "fleet/jobs", b'{"job_id": "a", "document": {"\\ud800": 1}}', ""),
        (
            "POST",
            "fleet/jobs",
            b'{"job_id": "a", "document": {}, "stages": [99999999999999999999]}',
            "",
        ),
        ("POST", f"fleet/hubs/{THING}/handover", b'{"household": "\\u0000"}', "household"),
        (
            "POST",
            f"fleet/hubs/{THING}/handover",
            b'{"household": "F", "zone": "Mars/Base"}',
            "zone",
        ),
        ("PUT", f"fleet/hubs/{THING}/settings", DEEP, ""),
        ("PUT", f"fleet/hubs/{THING}/settings", b'{"frame_interval_s": -1}', "frame_interval_s"),
        ("POST", "claims/redeem", DEEP, ""),
        ("POST", "claims/redeem", b'{"code": "\\ud800", "csr": ""}', ""),
        ("POST", "frames", b"", ""),
        ("POST", "hub/hello", DEEP, ""),
    ],
)
def test_body_that_will_not_do(
    stage: ApiStage, method: str, path: str, body: bytes, named: str
) -> None:
    """Not JSON, no number, out of range, or text that nothing can store."""
    media_type = "application/octet-stream" if path == "frames" else "application/json"

    answer = stage.client.request(
        method, f"/v1/{path}", content=body, headers={"Content-Type": media_type}
    )

    assert named in said(refused(answer))


@pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded", ""])
@pytest.mark.parametrize(
    ("method", "path"), [("POST", "fleet/claims"), ("PUT", f"gateways/{THING}/consent")]
)
def test_other_media_type_is_told_what_is_taken(
    stage: ApiStage, method: str, path: str, media_type: str
) -> None:
    """415 with the media type to send: no form of another site passes for a document."""
    answer = stage.client.request(
        method, f"/v1/{path}", content=b"{}", headers={"Content-Type": media_type}
    )

    assert answer.status_code == 415
    assert "application/json" in said(refused(answer))
    assert answer.headers["accept"] == "application/json"


def test_raw_document_has_its_media_type_too(stage: ApiStage) -> None:
    """Where the path reads its body by itself, it may be left out and not be another."""
    path = f"/v1/meters/{METER}/agreements"

    other = stage.client.put(path, content=b"[]", headers={"Content-Type": "text/csv"})
    unsaid = stage.client.put(path, content=b"[]")

    assert other.status_code == 415
    assert unsaid.status_code == 200


def test_wrong_method_is_told_the_right_ones(stage: ApiStage) -> None:
    """405 with Allow; a path that is none is 404 with a code of its own."""
    wrong = stage.client.patch(f"/v1/meters/{METER}/tariff", json=TARIFF)
    nowhere = stage.client.get("/v1/nowhere")

    assert wrong.status_code == 405
    assert refused(wrong)["code"] == "method-not-allowed"
    assert wrong.headers["allow"]
    assert refused(nowhere)["code"] == "no-such-path"


def test_body_over_the_limit_is_refused_by_its_length(stage: ApiStage) -> None:
    """Before anything of it is read, whichever path it is for."""
    answer = stage.client.put(
        f"/v1/meters/{METER}/tariff", content=b"x", headers={"Content-Length": "1073741824"}
    )

    assert answer.status_code == 413
    assert "1048576" in said(refused(answer))


def test_what_is_refused_is_quoted_in_part(stage: ApiStage) -> None:
    """A long value does not come back whole."""
    answer = stage.client.post("/v1/fleet/claims", json={"thing": "x" * 200_000})

    assert len(answer.content) < 2_000


def test_errors_of_other_origins_scripts_can_be_read(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """CORS is off unless an origin is named, and then for that one alone."""
    origin = "https://app.example.org"
    stage = ApiStage(
        tmp_path_factory.mktemp("cors"), cors_origins=f"{origin} http://localhost:5173"
    )
    asked = {
        "Access-Control-Request-Method": "PUT",
        "Access-Control-Request-Headers": "authorization",
    }

    ours = stage.client.get("/v1/nowhere", headers={"Origin": origin})
    other = stage.client.get("/v1/health", headers={"Origin": "https://app.example.org.evil.net"})
    flight = stage.client.options("/v1/meters", headers={"Origin": origin, **asked})
    stage.close()

    assert ours.headers["access-control-allow-origin"] == origin
    assert "access-control-allow-credentials" not in ours.headers
    assert "ETag" in ours.headers["access-control-expose-headers"]
    assert "access-control-allow-origin" not in other.headers
    assert flight.status_code == 200
    assert "PUT" in flight.headers["access-control-allow-methods"]


def test_no_origin_is_let_in_by_default(stage: ApiStage) -> None:
    """Without the setting no answer names one."""
    answer = stage.client.get("/v1/health", headers={"Origin": "https://app.example.org"})

    assert "access-control-allow-origin" not in answer.headers
