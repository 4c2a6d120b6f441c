"""The whole way by each transport, the cloud killed in between: nothing is lost or doubled.

What the hub sends by paho is killed in test_crashes.py; here are awsiotsdk and HTTPS.
"""

from collections import Counter
from pathlib import Path

import pytest

from agent.uplink.kinds import UplinkKind
from firmware_bridge.simulator.p1_meter import telegrams
from tests.support.way import Way

HUB = "uplink-hub"
START_MS = 1_772_323_200_000
TELEGRAMS = 12_000
"""Over a day at ten seconds: enough frames that some are under way when the cloud dies."""

SLOWLY = {"uplink_backlog_frames_per_s": 5}


def write_capture(path: Path) -> dict[tuple[str, int], dict[str, int]]:
    """Write the telegrams of a household; return what each sample the hub must keep says."""
    said: dict[tuple[str, int], dict[str, int]] = {}
    with path.open("wb") as file:
        for telegram, lines in telegrams(1, START_MS, START_MS + TELEGRAMS * 10_000):
            file.write(telegram)
            said |= {
                (line.meter, line.taken_at_ms): line.registers for line in lines if line.must_log
            }
    return said


def kill_cloud(way: Way) -> None:
    """Take away whatever stands between the hub and the database."""
    if way.kind is UplinkKind.HTTPS:
        way.kill("api")
        return
    way.broker.kill()
    way.kill("ingest-1")


def start_cloud(way: Way) -> None:
    """Bring it back."""
    if way.kind is UplinkKind.HTTPS:
        way.start_api()
        return
    way.broker.restart()
    way.start_worker(1)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "either_store"),
    [(UplinkKind.AWS, "sqlite"), (UplinkKind.HTTPS, "postgresql")],
    indirect=["either_store"],
)
def test_a_cloud_that_is_killed_gets_everything_once(
    tmp_path: Path, kind: UplinkKind, either_store: str
) -> None:
    """Every sample the meter gave is stored once, with its values, after two kills mid-backlog."""
    said = write_capture(tmp_path / "telegrams.p1")
    with Way(tmp_path, kind=kind) as way:
        way.start_hub(HUB, f"replay:{tmp_path / 'telegrams.p1'}", **SLOWLY)
        for stored in (2_000, 6_000):
            way.until(lambda stored=stored: way.count_stored(HUB) > stored, "backlog arrives")  # type: ignore[misc]  # bound on purpose
            kill_cloud(way)
            start_cloud(way)
        way.until(lambda: way.is_all_stored(HUB), "everything is stored")
        assert way.stop(HUB) == 0

        samples = list(way.stored_samples())
        times = Counter((s["log_id"], s["seq"]) for s in samples)
        values = {(s["meter"], s["taken_at_ms"]): s["registers"] for s in samples}

    assert max(times.values()) == 1
    assert values == said
    assert len(samples) == len(said)
