"""Measures the whole way and the hub's footprint with the real processes.

Telegrams ready made in a file go through hub, broker and ingest to committed in the cloud; then a
hub reads one live telegram a second, and its memory and processor time are read from the kernel.
"""

import os
import tempfile
import time
from pathlib import Path

from agent.uplink.kinds import UplinkKind
from firmware_bridge.simulator.p1_meter import telegrams
from tests.bench.installed import compile_packages
from tests.support.way import Way

START_MS = 1_767_225_600_000
TELEGRAMS = 60_000
TARGET_TELEGRAMS_PER_S = 5_000
HUB = "bench-hub"

HISTORY_DAYS = 14
HISTORY_SAMPLES = HISTORY_DAYS * 8_500
"""Of 8,640 a day; the newest wait for their frame's turn."""

SETTLE_S = 75.0
"""The hub seals what it has heard within the minute; then it only reads on."""

WATCH_S = 30.0
MAX_RSS_MB = {UplinkKind.MQTT: 45, UplinkKind.AWS: 60, UplinkKind.HTTPS: 60}
"""awscrt and cryptography are large libraries, loaded only where they are used."""

MAX_CPU_PERCENT = 2.0


def measure() -> list[dict[str, object]]:
    """Run both on processes of their own."""
    compile_packages()
    footprints = [row for kind in UplinkKind for row in _measure_footprint(kind)]
    return [_measure_throughput(), *footprints]


def _measure_throughput() -> dict[str, object]:
    with tempfile.TemporaryDirectory() as folder, Way(Path(folder)) as way:
        capture = Path(folder) / "telegrams.p1"
        with capture.open("wb") as file:
            for telegram, _ in telegrams(1, START_MS, START_MS + TELEGRAMS * 10_000):
                file.write(telegram)
        started = time.perf_counter()
        way.start_hub(HUB, f"replay:{capture}")
        way.until(lambda: way.count_stored(HUB) >= TELEGRAMS, "every telegram is stored")
        took_s = time.perf_counter() - started
    rate = TELEGRAMS / took_s
    return {
        "name": "whole way: telegram bytes to committed in the cloud",
        "ours": round(rate),
        "unit": "telegrams/s",
        "peer": "limit",
        "theirs": TARGET_TELEGRAMS_PER_S,
        "ratio": round(rate / TARGET_TELEGRAMS_PER_S, 2),
        "target": 1,
        "note": f"{TELEGRAMS:,} telegrams, the hub's start included; one ingest worker, SQLite",
    }


def _measure_footprint(kind: UplinkKind) -> list[dict[str, object]]:
    with tempfile.TemporaryDirectory() as folder, Way(Path(folder), kind=kind) as way:
        way.start(
            "meter",
            "simulate",
            f"--link=pty:{folder}/meter",
            f"--history-days={HISTORY_DAYS}",
        )
        way.until((Path(folder) / "meter").exists, "the meter's port is there")
        way.start_hub(
            HUB,
            f"{folder}/meter",
            log_commit_window_s=60,
            uplink_frame_interval_s=300,
            consent_granularity="live",
            uplink_live="true",
        )
        way.until(lambda: "live:" in (Path(folder) / "meter.log").read_text(), "the meter is live")
        way.until(lambda: way.count_stored(HUB) >= HISTORY_SAMPLES, "the history is stored")
        time.sleep(SETTLE_S)
        pid = way.pid(HUB)
        before_s = _cpu_s(pid)
        time.sleep(WATCH_S)
        percent = (_cpu_s(pid) - before_s) / WATCH_S * 100
        rss_mb = _rss_kb(pid) / 1024
    return [
        {
            "name": f"hub: resident memory after 14 days of history, live, uplink {kind}",
            "ours": round(rss_mb, 1),
            "unit": "MB",
            "peer": "limit",
            "theirs": MAX_RSS_MB[kind],
            "ratio": round(MAX_RSS_MB[kind] / rss_mb, 2),
            "target": 1,
            "note": "VmRSS, shared library pages included",
        },
        {
            "name": f"hub: processor time at one telegram a second, uplink {kind}",
            "ours": round(percent, 2),
            "unit": "% of a core",
            "peer": "limit",
            "theirs": MAX_CPU_PERCENT,
            "ratio": round(MAX_CPU_PERCENT / max(percent, 0.01), 2),
            "target": 1,
            "note": f"over {WATCH_S:.0f} s, live publishing on, nobody watching the page",
        },
    ]


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _rss_kb(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise AssertionError(f"process {pid} tells no VmRSS")
