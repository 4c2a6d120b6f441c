"""How soon a claim is a reading in the cloud and a revoked hub is out; how many get a wrong name.

Real hub, broker, API, ingest and device service; the many by the service's own handlers.
"""

import json
import statistics
import tempfile
import time
from pathlib import Path

from cloud.fleet.authority import Credentials
from cloud.fleet.revocation import shut_out
from firmware_bridge.simulator.p1_meter import telegrams
from tests.soak.provisioning import join_all
from tests.support.device_cloud import DeviceCloud, until
from tests.support.peers import connected
from tests.support.way import Way

START_MS = 1_772_323_200_000
HUBS = 3
MAX_FIRST_READING_S = 10
MAX_CSR_MS = 150
MAX_REFUSED_S = 5
MANY = 1_000


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
        _row("revocation to refusal by the broker", _refused_s(), "s", MAX_REFUSED_S)
        | {"note": "the open connection is cut before that; real Mosquitto"},
        _right_names(),
    ]


def _refused_s() -> float:
    """Revoke a hub that is connected, and wait until it is neither that nor let in again."""
    with tempfile.TemporaryDirectory() as folder:
        cloud = DeviceCloud(Path(folder))
        cloud.broker.start()
        try:
            with cloud.serving() as service:
                until(lambda: service.is_leading)
                hub = cloud.redeem("bench-hub").provision()
                with connected(cloud.broker, hub, session="bench-hub") as peer:
                    began_s = time.monotonic()
                    with cloud.signing.database.writing() as connection:
                        now_ms = cloud.signing.now_ms
                        shut_out(connection, "bench-hub", now_ms, cloud.signing.enrolment)
                    until(lambda: not peer.client.is_connected())
                until(lambda: _is_refused(cloud, hub))
                return round(time.monotonic() - began_s, 2)
        finally:
            cloud.close()


def _is_refused(cloud: DeviceCloud, hub: Credentials) -> bool:
    try:
        with connected(cloud.broker, hub, session="bench-hub"):
            return False
    except OSError:
        return True


def _right_names() -> dict[str, object]:
    with tempfile.TemporaryDirectory() as folder:
        wrong = join_all(Path(folder), MANY)
    return {
        "name": f"hubs of {MANY:,} that join at once and get their own identity",
        "ours": MANY - wrong,
        "unit": f"of {MANY:,}",
        "peer": "limit",
        "theirs": MANY,
        "ratio": round((MANY - wrong) / MANY, 4),
        "target": 1,
        "note": "fifty at a time, steps mixed, every answer heard by all, a quarter asked twice",
    }


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
