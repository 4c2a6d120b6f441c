"""The fleet's API: hubs, settings, jobs, and who may ask."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from shared.units import MS_PER_DAY
from tests.support.cloud import HEADERS, METER
from tests.support.fleet import HEALTH, NOW_MS, FleetApi

DOCUMENT = {"operation": "restart", "expires_at_ms": NOW_MS + MS_PER_DAY}
CALLS = [
    ("GET", "hubs"),
    ("GET", "hubs/hub-1"),
    ("GET", "hubs/hub-1/settings"),
    ("PUT", "hubs/hub-1/settings"),
    ("GET", "hubs/hub-1/report"),
    ("POST", "hubs/hub-1/handover"),
    ("POST", "hubs/hub-1/revocation"),
    ("DELETE", "hubs/hub-1/revocation"),
    ("GET", "jobs"),
    ("POST", "jobs"),
    ("GET", "jobs/j1"),
    ("GET", "jobs/j1/executions"),
    ("POST", "jobs/j1/cancel"),
    ("POST", "jobs/j1/resume"),
]


@pytest.fixture(name="api")
def _api(tmp_path: Path) -> Iterator[FleetApi]:
    api = FleetApi(tmp_path)
    with api.client:
        yield api


def test_nobody_and_wrong_tokens_are_refused(api: FleetApi) -> None:
    """401 on every path, whatever is sent."""
    for method, path in CALLS:
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic eDp5"}):
            answer = api.client.request(
                method, f"/v1/fleet/{path}", headers=headers, json={"household": "x"}
            )
            assert answer.status_code == 401, (method, path)


def test_household_may_not_govern_the_fleet(api: FleetApi) -> None:
    """403: its token opens its own readings, no more."""
    api.connect("hub-1")
    done = api.call("POST", "fleet/hubs/hub-1/handover", json={"household": "Flat 2"})
    headers = {"Authorization": f"Bearer {done['token']}"}

    own = api.client.get("/v1/meters", headers=headers)

    assert own.status_code == 200
    for method, path in CALLS:
        answer = api.client.request(
            method, f"/v1/fleet/{path}", headers=headers, json={"household": "x"}
        )
        assert answer.status_code == 403, (method, path)
        assert answer.headers["content-type"] == "application/problem+json"


def test_hubs_are_listed_page_by_page(api: FleetApi) -> None:
    """By name, each once, and `next` is null on the last page."""
    for number in range(5):
        api.connect(f"hub-{number}")

    first = api.call("GET", "fleet/hubs", params={"limit": 3})
    second = api.call("GET", "fleet/hubs", params={"limit": 3, "after": first["next"]})

    names = [one["thing"] for one in [*first["hubs"], *second["hubs"]]]
    assert names == [f"hub-{number}" for number in range(5)]
    assert (first["next"], second["next"]) == ("hub-2", None)


def test_hub_is_shown_with_what_it_reports(api: FleetApi) -> None:
    """Last seen, version, certificate, backlog, clock, card."""
    api.connect("hub-1")

    hub = api.call("GET", "fleet/hubs/hub-1")

    assert (hub["is_online"], hub["agent_version"]) == (True, "0.1.0")
    assert (hub["clock_source"], hub["clock_uncertainty_ms"]) == ("ntp", 40)
    assert (hub["backlog_samples"], hub["card_life_days"], hub["slot"]) == (0, 4_000, "a")
    assert hub["certificate_expires"].startswith("2028-")
    assert hub["meters"][0]["signal_dbm"] == -61
    assert hub["concerns"] == []


def test_what_needs_somebody_is_said(api: FleetApi) -> None:
    """Each concern by itself, and a hub that reports nonsense is one that reports nothing."""
    api.connect("hub-1")
    bad = {
        "clock_uncertainty_ms": None,
        "backlog_samples": 10_000,
        "card_life_days": 90,
        "certificate_expires_ms": NOW_MS + 10 * MS_PER_DAY,
        "problems": ["disk full"],
    }
    api.report("hub-1", "health", {**HEALTH, **bad})
    hub = api.call("GET", "fleet/hubs/hub-1")
    api.report("hub-1", "health", {"clock_source": 7})
    api.wait(3 * 3_600_000)

    odd = api.call("GET", "fleet/hubs/hub-1")

    assert hub["concerns"] == [
        "certificate ends in 10 days",
        "clock not trusted",
        "backlog of 10000 samples",
        "card lasts 90 days",
        "1 problems reported",
    ]
    assert odd["concerns"] == ["silent for 3 h", "no health reported"]


def test_settings_reach_the_hub_and_are_shown_as_applied(api: FleetApi) -> None:
    """The hub hears the delta; once it reports the same they hold."""
    api.connect("hub-1")
    path = "fleet/hubs/hub-1/settings"

    asked = api.call("PUT", path, json={"frame_interval_s": 60})
    ((topic, _),) = api.shadows.tell(NOW_MS)
    api.report("hub-1", "settings", {"frame_interval_s": 60, "refused": ""})
    applied = api.call("GET", path)
    api.report("hub-1", "settings", {"frame_interval_s": 300, "refused": "worse"})
    refused = api.call("GET", path)

    assert (asked["desired"], asked["is_applied"]) == ({"frame_interval_s": 60}, False)
    assert topic == "$aws/things/hub-1/shadow/name/settings/update/delta"
    assert applied["is_applied"]
    assert (refused["is_applied"], refused["refused"]) == (False, "worse")


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"frame_interval_s": 0}, "frame_interval_s"),
        ({"frame_interval_s": "60"}, "frame_interval_s"),
        ({"commit_window_s": 301}, "commit_window_s"),
        ({"consent": "live"}, "consent"),
        ({"commit_window_s": 1, "backlog_frames_per_s": 1e9}, "backlog_frames_per_s"),
    ],
)
def test_bad_setting_is_refused_with_field_and_fix(
    api: FleetApi, settings: dict[str, Any], field: str
) -> None:
    """400, and nothing of it is asked of the hub."""
    api.connect("hub-1")

    problem = api.problem(400, "PUT", "fleet/hubs/hub-1/settings", json=settings)

    assert field in problem["detail"]
    assert "frame_interval_s is 1 to 3600" in problem["hint"]
    assert api.call("GET", "fleet/hubs/hub-1/settings")["version"] == 0


def test_unknown_hubs_and_jobs_are_not_found(api: FleetApi) -> None:
    """404 with a hint, everywhere."""
    for method, path, body in (
        ("GET", "hubs/none", None),
        ("GET", "hubs/none/settings", None),
        ("PUT", "hubs/none/settings", {}),
        ("GET", "hubs/none/report", None),
        ("POST", "hubs/none/handover", {"household": "x"}),
        ("GET", "jobs/none", None),
        ("GET", "jobs/none/executions", None),
        ("POST", "jobs/none/cancel", None),
        ("POST", "jobs/none/resume", None),
    ):
        assert api.problem(404, method, f"fleet/{path}", json=body)["hint"]


def test_job_goes_out_and_its_progress_is_seen(api: FleetApi) -> None:
    """Begun, listed, hub by hub, done by one hub."""
    for number in range(3):
        api.connect(f"hub-{number}")
    wanted = {"job_id": "j1", "document": DOCUMENT, "stages": [100]}

    begun = api.call("POST", "fleet/jobs", json=wanted)
    again = api.call("POST", "fleet/jobs", json=wanted)
    api.jobs.answer("hub-1", "$aws/things/hub-1/jobs/start-next", b"", NOW_MS)
    page = api.call("GET", "fleet/jobs/j1/executions", params={"limit": 2})
    listed = api.call("GET", "fleet/jobs")

    assert begun == again
    assert (begun["state"], begun["progress"]["queued"]) == ("ACTIVE", 3)
    assert [(one["thing"], one["status"]) for one in page["executions"]] == [
        ("hub-0", "QUEUED"),
        ("hub-1", "IN_PROGRESS"),
    ]
    assert page["next"] == "hub-1"
    assert listed["jobs"][0]["progress"]["in_progress"] == 1


def test_job_may_be_cancelled_and_only_a_halted_one_resumed(api: FleetApi) -> None:
    """409 for what is not so."""
    api.connect("hub-1")
    api.call("POST", "fleet/jobs", json={"job_id": "j1", "document": DOCUMENT})

    api.problem(409, "POST", "fleet/jobs/j1/resume")
    cancelled = api.call("POST", "fleet/jobs/j1/cancel")
    api.problem(409, "POST", "fleet/jobs/j1/cancel")
    problem = api.problem(
        409, "POST", "fleet/jobs", json={"job_id": "j1", "document": DOCUMENT, "stages": [100]}
    )

    assert cancelled["progress"]["canceled"] == 1
    assert "another job" in problem["detail"]


@pytest.mark.parametrize(
    "change",
    [
        {"document": {**DOCUMENT, "operation": "format"}},
        {"document": {**DOCUMENT, "expires_at_ms": 1}},
        {"stages": [10]},
        {"things": ["hub-9"]},
        {"job_id": "../x"},
        {"failure_percent": 0},
    ],
)
def test_bad_job_is_refused_with_its_reason(api: FleetApi, change: dict[str, Any]) -> None:
    """400, and no job is made."""
    api.connect("hub-1")

    problem = api.problem(
        400, "POST", "fleet/jobs", json={"job_id": "j1", "document": DOCUMENT, **change}
    )

    assert problem["detail"]
    assert api.call("GET", "fleet/jobs")["jobs"] == []


def test_next_household_sees_nothing_of_the_last(api: FleetApi) -> None:
    """Meter, readings, shadows, jobs and consent: all begin anew, and the old one keeps its own."""
    api.connect("hub-1")
    api.greet("hub-1")
    api.send("hub-1")
    api.call("POST", "fleet/jobs", json={"job_id": "j1", "document": DOCUMENT})
    before = api.call("GET", "meters")

    done = api.call("POST", "fleet/hubs/hub-1/handover", json={"household": "Flat 2"})
    headers = {"Authorization": f"Bearer {done['token']}"}
    seen = {
        path: api.client.get(f"/v1/{path}", headers=headers).json()
        for path in ("meters", "gateways", "dead-letters")
    }
    usage = api.client.get(
        f"/v1/meters/{METER}/usage",
        headers=headers,
        params={"from": "2026-03-01", "to": "2026-03-02"},
    )
    hub = api.call("GET", "fleet/hubs/hub-1")

    assert done["meters"] == [METER]
    assert seen["meters"]["meters"] == []
    assert seen["gateways"]["gateways"][0]["logs"] == []
    assert usage.status_code == 404
    assert hub["health_reported_at"] is None
    assert api.call("GET", "fleet/jobs/j1")["progress"]["canceled"] == 1
    assert api.call("GET", "meters") == before


def test_late_backlog_of_the_last_household_is_refused(api: FleetApi) -> None:
    """Of its log, and in a new log with older samples; neither is kept as a dead letter."""
    api.connect("hub-1")
    api.greet("hub-1")
    api.send("hub-1")
    done = api.call("POST", "fleet/hubs/hub-1/handover", json={"household": "Flat 2"})
    headers = {"Authorization": f"Bearer {done['token']}"}

    (late,) = api.send("hub-1", 7, 6)
    (older,) = api.send("hub-1", 1, 6, log_id=bytes(16))
    letters = api.client.get("/v1/dead-letters", headers=headers).json()
    api.wait(600_000)
    (new,) = api.send("hub-1", 7, 6, log_id=bytes(16), start_ms=NOW_MS + 60_000)
    meters = api.client.get("/v1/meters", headers=headers).json()["meters"]

    assert late.rejected == [(7, 12, "other-household")]
    assert older.rejected == [(1, 6, "before-tenancy")]
    assert letters["dead_letters"] == []
    assert new.stored == [(7, 12, 0)]
    assert [one["meter"] for one in meters] == [METER]


def test_handover_needs_a_household(api: FleetApi) -> None:
    """A name and a zone that is one."""
    api.connect("hub-1")
    path = "fleet/hubs/hub-1/handover"

    api.problem(400, "POST", path, json={"household": "  "})
    api.problem(400, "POST", path, json={"household": "x", "zone": "Mars/Base"})
    api.problem(422, "POST", path, json={})

    assert api.call("GET", "fleet/hubs/hub-1")["household_id"] == "home"


def test_replacement_and_two_hubs_never_count_twice(api: FleetApi) -> None:
    """A new hub takes the meter over, both send the same hours: the usage is the meter's."""
    second = bytes(range(1, 17))
    api.connect("hub-1")
    api.wait(7_200_000)
    api.send("hub-1", 0, 360)
    api.connect("hub-2")

    api.send("hub-2", 0, 540, log_id=second)
    api.send("hub-1", 360, 10)
    usage = api.call(
        "GET",
        f"meters/{METER}/usage",
        params={
            "from": "2026-03-01T00:00:00Z",
            "to": "2026-03-01T01:30:00Z",
            "resolution": "half-hour",
        },
    )
    gateways = api.call("GET", "gateways")["gateways"]

    # 10 s a sample and 1,000 mWh a step: a half hour has 180 of them, whoever sent them.
    assert [one["import_mwh"] for one in usage["intervals"]][:2] == [180_000, 180_000]
    assert len([one for one in gateways if one["logs"]]) == 2


def test_jobs_and_settings_are_not_of_this_service_on_aws(api: FleetApi) -> None:
    """What AWS keeps is not listed here, and the answer says where to look."""
    config = api.app.state.parts.config
    object.__setattr__(config, "fleet_region", "eu-west-2")

    problem = api.problem(409, "GET", "fleet/jobs")

    assert "AWS console" in problem["hint"]
    assert HEADERS
