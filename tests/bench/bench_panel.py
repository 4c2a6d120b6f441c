"""The panel's line over a real pseudo-terminal: a simulated panel in a process of its own.

Two thousand snapshots through spoilt bytes, each waited for; how old what a panel shows gets where
every fifth write is lost; and what a panel costs a hub's memory.
"""

import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from functools import partial
from pathlib import Path
from typing import Any, Self

from firmware_bridge.display.hub_end import Delivered, HubEnd, HubEvent
from firmware_bridge.display.line import HubLine
from firmware_bridge.display.messages import Display
from firmware_bridge.links.serial_port import open_serial
from firmware_bridge.simulator.p1_meter import telegrams

UPDATES = 2_000
UPDATES_PER_S_MIN = 500
LOSS_S = 60
AGE_S_MAX = 2.0
MEMORY_MB_MAX = 6.0
SETTLE_S = 8.0
RUNS = 3
START_S_MAX = 20.0
COMMAND = "import sys; from shared.cli import main; sys.exit(main())"


class Panel:
    """A simulated panel with its port; `shown` is each snapshot with when it was told of."""

    def __init__(self, folder: Path, faults: str) -> None:
        self.path = folder / "panel"
        self.shown: list[tuple[float, dict[str, Any]]] = []
        words = ["simulate", "panel", f"--link=pty:{self.path}", f"--faults={faults}", "--json"]
        self._process = subprocess.Popen(
            [sys.executable, "-c", COMMAND, *words], stdout=subprocess.PIPE, text=True
        )
        self._reader = threading.Thread(target=self._read)

    def __enter__(self) -> Self:
        self._reader.start()
        deadline_s = time.monotonic() + START_S_MAX
        while not self.path.exists():
            assert time.monotonic() < deadline_s
            time.sleep(0.01)
        return self

    def __exit__(self, *_exception: object) -> None:
        self._process.terminate()
        self._process.wait()
        self._reader.join()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            event = json.loads(line)
            if event["event"] == "display":
                self.shown.append((time.monotonic(), event))


def measure() -> list[dict[str, Any]]:
    """Speed and order over a bad line, age over a worse one, memory."""
    return [_updates(), _age(), _memory()]


def _updates() -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder, Panel(Path(folder), "flip=1/2000,seed=5") as far:
        rate, line = asyncio.run(_send_all(str(far.path)))
        time.sleep(0.2)
        shown = [event["power_w"] for _, event in far.shown]
    assert shown == list(range(UPDATES)), "an update was lost, doubled or late"
    refused = sum(line.end.wire.refused.values())
    return {
        "name": f"{UPDATES:,} updates of a panel, 0.05 % of bytes changed both ways",
        "ours": round(rate),
        "unit": "updates/s",
        "peer": "limit",
        "theirs": UPDATES_PER_S_MIN,
        "ratio": round(rate / UPDATES_PER_S_MIN, 2),
        "target": 1,
        "note": f"exactly once, in order; {line.end.resends} sent again, {refused} bad frames",
    }


async def _send_all(path: str) -> tuple[float, HubLine]:
    delivered = asyncio.Event()

    def take(event: HubEvent) -> None:
        if isinstance(event, Delivered):
            delivered.set()

    line = HubLine(partial(open_serial, path, baud=115_200), HubEnd(session=1), take)
    task = asyncio.create_task(line.run())
    await line.wait_joined()
    began_s = time.perf_counter()
    for power_w in range(UPDATES):
        delivered.clear()
        line.show(Display(power_w=power_w, today_wh=12_345, today_millipence=187_250, link=0))
        await delivered.wait()
    took_s = time.perf_counter() - began_s
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return UPDATES / took_s, line


def _age() -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder, Panel(Path(folder), "drop=1/5,seed=5") as far:
        issued_s, lost = asyncio.run(_send_each_second(str(far.path)))
        shown = [(at_s, event["power_age_s"]) for at_s, event in far.shown]
    # What is shown is oldest just before the next one comes.
    following = [at_s for at_s, _ in shown[1:]]
    ages_s = [at_s - issued_s[number] for at_s, (_, number) in zip(following, shown, strict=False)]
    oldest_s = max(ages_s)
    return {
        "name": f"a panel at which every fifth write is lost, {LOSS_S} s: oldest value shown",
        "ours": round(oldest_s, 2),
        "unit": "s",
        "peer": "limit",
        "theirs": AGE_S_MAX,
        "ratio": round(AGE_S_MAX / oldest_s, 2),
        "target": 1,
        "note": f"one value a second, so 1 s is the least; the link was lost {lost} times",
    }


async def _send_each_second(path: str) -> tuple[list[float], int]:
    losses = 0

    def take(event: HubEvent) -> None:
        nonlocal losses
        losses += type(event).__name__ == "PanelLost"

    line = HubLine(partial(open_serial, path, baud=115_200), HubEnd(session=1), take)
    task = asyncio.create_task(line.run())
    await line.wait_joined()
    issued_s = []
    for number in range(LOSS_S):
        issued_s.append(time.monotonic())
        line.show(Display(power_age_s=number))
        await asyncio.sleep(1)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return issued_s, losses


def _memory() -> dict[str, Any]:
    without, beside = [], []
    with tempfile.TemporaryDirectory() as folder, Panel(Path(folder), "seed=1") as far:
        for number in range(RUNS):
            without.append(_rss_mb(Path(folder) / f"without-{number}", ""))
            beside.append(_rss_mb(Path(folder) / f"with-{number}", str(far.path)))
        assert far.shown, "the panel was shown nothing"
    added_mb = statistics.median(beside) - statistics.median(without)
    return {
        "name": "a hub's memory with a panel, beside the same hub without",
        "ours": round(added_mb, 2),
        "unit": "MB more",
        "peer": "limit",
        "theirs": MEMORY_MB_MAX,
        "ratio": round(MEMORY_MB_MAX / max(added_mb, 0.01), 2),
        "target": 1,
        "note": f"RSS {statistics.median(without):.1f} MB without, median of {RUNS} each",
    }


def _rss_mb(state: Path, panel_port: str) -> float:
    """Run a hub on a capture of some minutes, and look at it once it has settled."""
    state.mkdir(parents=True)
    end_ms = time.time_ns() // 1_000_000
    capture = state / "capture"
    capture.write_bytes(b"".join(raw for raw, _ in telegrams(1, end_ms - 600_000, end_ms)))
    config = state / "hub.toml"
    config.write_text(
        f'[hub]\nstate_dir = "{state}"\nclock = "meter"\n[page]\nport = 0\n'
        f'[panel]\nport = "{panel_port}"\n[meter]\nlink = "replay:{capture}"\n'
    )
    words = ["run", "--config", str(config)]
    process = subprocess.Popen([sys.executable, "-c", COMMAND, *words], stderr=subprocess.DEVNULL)
    try:
        time.sleep(SETTLE_S)
        status = Path(f"/proc/{process.pid}/status").read_text()
    finally:
        process.terminate()
        process.wait()
    (line,) = [one for one in status.splitlines() if one.startswith("VmRSS")]
    return int(line.split()[1]) / 1_024


if __name__ == "__main__":
    for row in measure():
        print(row)
