"""How soon a meter's byte is an app's event: real hub, broker and API, over loopback."""

import contextlib
import statistics
import tempfile
import threading
import time
from pathlib import Path

from tests.bench.livemeter import LiveMeter, LiveWatch, lateness_s
from tests.support.way import Way

TELEGRAMS = 400
EVERY_S = 0.1
METERS = [f"BENCH-LIVE-{number}" for number in range(6)]
"""The hub shows each meter's telegrams at most twice a second: by turns, none is passed over."""

LEAST_SEEN = 0.98
"""Of the telegrams: an event that never came is no fast one."""

HUB = "bench-live"
MAX_P99_MS = 100
SETTLE_S = 3.0


def measure() -> list[dict[str, object]]:
    """Write telegrams at a steady beat and watch every meter's stream."""
    with tempfile.TemporaryDirectory() as folder, Way(Path(folder), zone="UTC") as way:
        took_s = _watch(way)
    p50_ms = statistics.median(took_s) * 1_000
    p99_ms = statistics.quantiles(took_s, n=100)[98] * 1_000
    return [
        {
            "name": "meter byte to app event (SSE), p99",
            "ours": round(p99_ms, 1),
            "unit": "ms",
            "peer": "limit",
            "theirs": MAX_P99_MS,
            "ratio": round(MAX_P99_MS / p99_ms, 2),
            "target": 1,
            "note": f"p50 {p50_ms:.1f} ms, longest {max(took_s) * 1_000:.1f} ms; {len(took_s)} "
            f"telegrams, one each {EVERY_S} s; MQTT over TLS, loopback",
        }
    ]


def _watch(way: Way) -> list[float]:
    with LiveMeter(METERS) as meter, contextlib.ExitStack() as stack:
        way.start_hub(
            HUB,
            meter.link,
            hub_clock="system",
            log_commit_window_s=5,
            uplink_frame_interval_s=5,
            uplink_live="true",
            consent_granularity="live",
        )
        for _ in METERS:
            meter.speak()
        # Only a meter that the cloud has heard of can be watched.
        way.until(lambda: _knows_all(way), "the cloud knows the meters")
        time.sleep(SETTLE_S)
        watches = [stack.enter_context(LiveWatch(way.api_port, one)) for one in METERS]
        meter.written_s.clear()
        stop = threading.Event()
        ending = threading.Timer(TELEGRAMS * EVERY_S, stop.set)
        ending.start()
        meter.speak_every(EVERY_S, stop)
        time.sleep(EVERY_S * len(METERS))
        took_s = lateness_s(meter, watches)
        assert len(took_s) >= LEAST_SEEN * len(meter.written_s), (
            f"{len(took_s)} of {len(meter.written_s)} telegrams were shown"
        )
    return took_s


def _knows_all(way: Way) -> bool:
    return {one["meter"] for one in way.get("/v1/meters")["meters"]} >= set(METERS)


if __name__ == "__main__":
    for line in measure():
        print(line)
