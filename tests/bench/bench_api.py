"""How soon the API answers with a year stored: a real process, asked over loopback."""

import http.client
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from agent.demo.ports import free_port
from cloud.bootstrap import open_database
from cloud.config import load
from cloud.ingest.hubbatch import Rules
from cloud.ingest.intake import Message
from cloud.ingest.service import IngestService
from shared.clock import SystemClock
from shared.frames import encode_frame, frame_of
from shared.readings import StampedSample
from shared.units import MS_PER_DAY, MS_PER_MINUTE

METERS = 3
DAYS = 365
EVERY_MS = 5 * MS_PER_MINUTE
REQUESTS = 200
START_S_MAX = 20.0
TARGET_MS = 15.0
TOKEN = "token-of-the-bench-only"
RUN = "import sys; from cloud.cli import run; sys.exit(run(sys.argv[1:]))"


def measure() -> list[dict[str, Any]]:
    """Store a year for some meters, then ask for days, months and registers at random."""
    with tempfile.TemporaryDirectory(prefix="hearthlink-bench-") as folder:
        port = free_port()
        environment = {
            **os.environ,
            "PYTHONPATH": str(Path(__file__).parents[2]),
            "HEARTHLINK_CLOUD_STATE_DIR": folder,
            "HEARTHLINK_CLOUD_API_TOKEN": TOKEN,
            "HEARTHLINK_CLOUD_API_PORT": str(port),
        }
        _fill(environment)
        process = subprocess.Popen([sys.executable, "-c", RUN, "api"], env=environment)
        try:
            connection = _connect(port)
            return [_line(connection, *question) for question in _questions()]
        finally:
            process.terminate()
            process.wait(10)


def _questions() -> list[tuple[str, str, float | None]]:
    return [
        ("/usage, a day of half hours", "usage?from={day}&to={next}", TARGET_MS),
        ("/usage, a month by day", "usage?from={day}&to={month}&resolution=day", None),
        ("/usage, a year by month", "usage?from={first}&to={last}&resolution=month", None),
        ("/registers at an instant", "registers?at={day}T12:00:00Z", None),
    ]


def _line(
    connection: http.client.HTTPConnection, name: str, path: str, target_ms: float | None
) -> dict[str, Any]:
    rng = random.Random(3)
    first = datetime.now(UTC).date() - timedelta(days=DAYS - 1)
    took_ms = []
    for _ in range(REQUESTS):
        day = first + timedelta(days=rng.randrange(DAYS - 32))
        asked = path.format(
            day=day,
            next=day + timedelta(days=1),
            month=day + timedelta(days=31),
            first=first,
            last=first + timedelta(days=DAYS),
        )
        started_s = time.perf_counter()
        connection.request(
            "GET",
            f"/v1/meters/M{rng.randrange(METERS)}/{asked}",
            headers={"Authorization": f"Bearer {TOKEN}"},
        )
        response = connection.getresponse()
        body = response.read()
        took_ms.append((time.perf_counter() - started_s) * 1_000)
        assert response.status == 200, body
        assert json.loads(body)
    p95_ms = statistics.quantiles(took_ms, n=20)[18]
    return {
        "name": name,
        "ours": round(p95_ms, 2),
        "unit": "ms p95",
        "peer": "limit" if target_ms else None,
        "theirs": target_ms,
        "ratio": round(target_ms / p95_ms, 2) if target_ms else None,
        "target": 1 if target_ms else None,
        "note": f"p50 {statistics.median(took_ms):.2f} ms; {METERS} meters, a year of five minutes",
    }


def _fill(environment: dict[str, str]) -> None:
    clock = SystemClock()
    database = open_database(load(None, environment=environment), clock)
    service = IngestService(database, clock, Rules())
    per_day = MS_PER_DAY // EVERY_MS
    now_ms = clock.utc_ms()
    start_ms = now_ms // MS_PER_DAY * MS_PER_DAY - (DAYS - 1) * MS_PER_DAY
    for number in range(METERS):
        rng = random.Random(number)
        value = 1_000_000_000
        messages = []
        for day in range(DAYS - 1):
            samples = []
            for seq in range(day * per_day, (day + 1) * per_day):
                value += rng.randint(0, 80) * 1_000
                registers = {"import_mwh": value, "export_mwh": 0, "power_import_w": value % 977}
                samples.append(StampedSample(seq, start_ms + (seq + 1) * EVERY_MS, registers))
            frame = frame_of(bytes([number]) * 16, f"M{number}", 0, samples)
            messages.append(Message("hub-1", encode_frame(frame), now_ms))
        service.ingest(messages)
    database.close()


def _connect(port: int) -> http.client.HTTPConnection:
    deadline = time.monotonic() + START_S_MAX
    while True:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        try:
            connection.request("GET", "/v1/health")
            connection.getresponse().read()
        except OSError:
            assert time.monotonic() < deadline, f"no API on port {port} after {START_S_MAX} s"
            time.sleep(0.05)
        else:
            return connection


if __name__ == "__main__":
    for line in measure():
        print(line)
