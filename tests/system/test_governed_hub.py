"""A running hub governed over the real processes: broker, API, device service, and its own."""

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from firmware_bridge.simulator.p1_meter import telegrams
from shared.clock import SystemClock
from shared.units import MS_PER_HOUR
from tests.support.way import TOKEN, Way

HUB = "governed"
START_MS = 1_772_323_200_000


@pytest.fixture
def way(tmp_path: Path) -> Iterator[Way]:
    """A cloud with its device service, and a hub that has joined it."""
    with Way(tmp_path) as made:
        made.start_devices()
        with (made.folder / "telegrams.p1").open("wb") as file:
            for telegram, _ in telegrams(1, START_MS, START_MS + 600_000):
                file.write(telegram)
        assert made.provision(HUB, made.claim(HUB)).returncode == 0
        made.start_newcomer(HUB, f"replay:{made.folder / 'telegrams.p1'}")
        made.until(lambda: made.count_stored(HUB) > 0, "the hub sends")
        yield made


def send(way: Way, method: str, path: str, body: dict[str, Any]) -> None:
    """Ask something of the API as the operator."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{way.api_port}{path}",
        json.dumps(body).encode(),
        {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"},
        method=method,
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        assert answer.status < 300


def begin(way: Way, job_id: str, operation: str) -> None:
    """Give the hub a job."""
    expires_at_ms = SystemClock().utc_ms() + MS_PER_HOUR
    document = {"operation": operation, "expires_at_ms": expires_at_ms}
    send(way, "POST", "/v1/fleet/jobs", {"job_id": job_id, "document": document, "things": [HUB]})


def has_succeeded(way: Way, job_id: str) -> bool:
    """Tell whether the cloud knows that the hub has done a job."""
    return bool(way.get(f"/v1/fleet/jobs/{job_id}")["progress"]["succeeded"] == 1)


@pytest.mark.slow
def test_a_hub_does_what_it_is_asked_and_says_so(way: Way) -> None:
    """Looked at, set, given another key, and started anew: it is the same process, and goes on."""
    pid = way.pid(HUB)

    begin(way, "look", "diagnose")
    way.until(lambda: has_succeeded(way, "look"), "the hub is diagnosed")
    send(way, "PUT", f"/v1/fleet/hubs/{HUB}/settings", {"frame_interval_s": 7})
    way.until(lambda: way.get(f"/v1/fleet/hubs/{HUB}/settings")["is_applied"], "the settings hold")
    begin(way, "rotate", "rotate")
    way.until(lambda: has_succeeded(way, "rotate"), "the hub has another key")
    begin(way, "restart", "restart")
    way.until(lambda: has_succeeded(way, "restart"), "the hub is back")

    bundle = json.loads((way.folder / HUB / "diagnosis.json").read_bytes())
    assert bundle["log"]["telegrams"] > 0
    assert bundle["cloud"]["is_answered"] is True
    assert "is started anew" in (way.folder / f"{HUB}.log").read_text()
    assert way.pid(HUB) == pid
    assert way.stop(HUB) == 0
