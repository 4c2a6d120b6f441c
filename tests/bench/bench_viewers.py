"""How late a sample reaches ten thousand viewers of five hundred homes, on one worker.

The API is the real process on SQLite, and samples come to it over a real broker; beside it, in the
same run, a bare asyncio loop that writes the same bytes to the same number of sockets. Both are
watched by the same program in a process of its own.
"""

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from agent.demo.ports import free_port
from cloud.bootstrap import open_database
from cloud.config import load
from cloud.households.repository import lock_hub, write_hub
from cloud.households.tenancies import hand_over
from cloud.ingest.repository import Log, add_log
from shared import topics
from shared.clock import SystemClock
from shared.protocol import Live, encode_message
from shared.readings import Medium
from tests.bench.bench_api import RUN, TOKEN, _connect
from tests.bench.liveviewers import now_us
from tests.support.plain_broker import HOST, PlainBroker

VIEWERS = 10_000
HOMES = 500
EVERY_S = 10.0
SECONDS = 30.0
MAX_P99_MS = 250.0
OPEN_S_MAX = 180.0
METERS = [f"BENCH-{number:03d}" for number in range(HOMES)]


def measure() -> list[dict[str, Any]]:
    """Spread evenly over the ten seconds, then every home in the same instant."""
    rows = []
    for name, is_burst in (("spread evenly", False), ("all homes in one instant", True)):
        floor = _bare(is_burst=is_burst)
        ours = _real(is_burst=is_burst)
        rows.append(
            {
                "name": f"{VIEWERS:,} live viewers of {HOMES} homes, {name}: sample to viewer",
                "ours": round(ours["p99_ms"], 1),
                "unit": "ms p99",
                "peer": "limit" if not is_burst else "a bare asyncio loop",
                "theirs": MAX_P99_MS if not is_burst else round(floor["p99_ms"], 1),
                "ratio": round((floor["p99_ms"] if is_burst else MAX_P99_MS) / ours["p99_ms"], 3),
                "target": None if is_burst else 1,
                "note": f"p50 {ours['p50_ms']:.1f}, worst {ours['worst_ms']:.1f} ms of "
                f"{ours['messages']:,}; a bare loop: p50 {floor['p50_ms']:.1f}, p99 "
                f"{floor['p99_ms']:.1f} ms of {floor['messages']:,}; the API took "
                f"{ours['cpu']:.0%} of a core, the loop {floor['cpu']:.0%}",
            }
        )
    return rows


def _bare(*, is_burst: bool) -> dict[str, float]:
    port = free_port()
    server = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "tests.bench.bareloop",
            str(port),
            str(HOMES),
            str(EVERY_S),
            "1" if is_burst else "0",
        ]
    )
    try:
        time.sleep(1)
        return _watched(port, [f"none /{meter}" for meter in METERS], server.pid)
    finally:
        server.kill()
        server.wait()


def _real(*, is_burst: bool) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder, PlainBroker(Path(folder)) as broker:
        port = free_port()
        environment = {**os.environ, **_settings(Path(folder), broker, port)}
        homes = _fill(environment)
        process = subprocess.Popen([sys.executable, "-c", RUN, "api"], env=environment)
        stop = threading.Event()
        hubs = threading.Thread(target=_send, args=(broker, stop, is_burst))
        try:
            _connect(port).close()
            hubs.start()
            return _watched(port, homes, process.pid)
        finally:
            stop.set()
            process.terminate()
            process.wait(20)
            if hubs.ident is not None:
                hubs.join()


def _settings(folder: Path, broker: PlainBroker, port: int) -> dict[str, str]:
    settings: dict[str, object] = {
        "state_dir": folder,
        "api_token": TOKEN,
        "api_port": port,
        "broker_host": HOST,
        "broker_port": broker.port,
    }
    named = {f"HEARTHLINK_CLOUD_{key.upper()}": str(value) for key, value in settings.items()}
    return {"PYTHONPATH": str(Path(__file__).parents[2]), **named}


def _fill(environment: dict[str, str]) -> list[str]:
    """Let the cloud know a household for each home, with a hub and a meter; give their tokens."""
    clock = SystemClock()
    database = open_database(load(None, environment=environment), clock)
    homes = []
    with database.writing() as connection:
        for number, meter in enumerate(METERS):
            thing = f"bench-{number}"
            lock_hub(connection, thing, clock.utc_ms())
            moved, done = hand_over(connection, thing, thing, "UTC", clock.utc_ms())
            household_id = moved.household_id
            log = Log(f"{number:032x}", household_id, thing, meter, None, None, [], 0)
            assert add_log(connection, log)
            write_hub(connection, moved)
            homes.append(f"{done.token} /v1/meters/{meter}/live")
    database.close()
    return homes


def _send(broker: PlainBroker, stop: threading.Event, is_burst: bool) -> None:
    """Be every hub: one sample of each home each ten seconds, whose power is the time it left."""
    client = Client(CallbackAPIVersion.VERSION2, "cloud-bench", protocol=MQTTProtocolVersion.MQTTv5)
    client.connect(HOST, broker.port)
    client.loop_start()
    due_s = time.monotonic()
    while not stop.is_set():
        for number, meter in enumerate(METERS):
            if not is_burst:
                due_s += EVERY_S / HOMES
                stop.wait(max(0.0, due_s - time.monotonic()))
            registers = {"power_import_w": now_us()}
            live = Live(meter, Medium.ELECTRICITY, int(time.time() * 1_000), registers)
            client.publish(topics.live(f"bench-{number}"), encode_message(live), qos=0)
        if is_burst:
            due_s += EVERY_S
            stop.wait(max(0.0, due_s - time.monotonic()))
    client.disconnect()
    client.loop_stop()


def _watched(port: int, homes: list[str], pid: int) -> dict[str, float]:
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write("\n".join(homes))
        file.flush()
        watcher = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "tests.bench.liveviewers",
                str(port),
                file.name,
                str(VIEWERS),
                str(SECONDS),
            ],
            stdout=subprocess.PIPE,
            text=True,
        )
        return _counted(watcher, pid)


def _counted(watcher: "subprocess.Popen[str]", pid: int) -> dict[str, float]:
    assert watcher.stdout is not None
    try:
        assert watcher.stdout.readline() == "watching\n"
        before, began_s = _cpu_s(pid), time.monotonic()
        found: dict[str, float] = json.loads(watcher.stdout.readline())
        took_s = time.monotonic() - began_s
        found["cpu"] = (_cpu_s(pid) - before) / took_s
    finally:
        watcher.kill()
        watcher.wait()
    return found


def _cpu_s(pid: int) -> float:
    """Read how much of a core a process has used, in seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    for line in measure():
        print(line)
