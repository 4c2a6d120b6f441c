"""How soon a claim is a reading in the cloud: real hub, broker, API, ingest and device service."""

import json
import statistics
import tempfile
import time
from pathlib import Path

from firmware_bridge.simulator.p1_meter import telegrams
from tests.support.way import Way

START_MS = 1_772_323_200_000
HUBS = 3
MAX_FIRST_READING_S = 10
MAX_CSR_MS = 150


def measure() -> list[dict[str, object]]:
    """Provision a few hubs that read already, one after the other."""
    with tempfile.TemporaryDirectory() as folder, Way(Path(folder)) as way:
        way.start_devices()
        with (way.folder / "telegrams.p1").open("wb") as file:
            for telegram, _ in telegrams(1, START_MS, START_MS + 600_000):
                file.write(telegram)
        joined = [_join(way, f"bench-hub-{number}") for number in range(HUBS)]
    first_s = max(taken_s for taken_s, _ in joined)
    csr_ms = statistics.median(steps["ask for a certificate"] for _, steps in joined)
    return [
        _row("claim to first stored reading", round(first_s, 1), "s", MAX_FIRST_READING_S),
        _row("certificate by CSR over MQTT", round(csr_ms), "ms", MAX_CSR_MS),
    ]


def _join(way: Way, name: str) -> tuple[float, dict[str, int]]:
    way.start_newcomer(name, f"replay:{way.folder / 'telegrams.p1'}")
    way.until(lambda: bool(way.held(name)), "the hub reads without a cloud")
    claim = way.claim(name)
    began_s = time.monotonic()
    done = way.provision(name, claim, "--json")
    way.until(lambda: way.count_stored(name) > 0, "its first reading is stored")
    taken_s = time.monotonic() - began_s
    way.stop(name)
    return taken_s, json.loads(done.stdout)["steps_ms"]


def _row(name: str, ours: float, unit: str, limit: int) -> dict[str, object]:
    return {
        "name": name,
        "ours": ours,
        "unit": unit,
        "peer": "limit",
        "theirs": limit,
        "ratio": round(limit / ours, 2),
        "target": 1,
        "note": f"worst or median of {HUBS} hubs; processes, TLS, loopback",
    }
