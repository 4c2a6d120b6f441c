"""thingsboard-gateway, the other gateway in Python, beside ours: kill -9, the card, idle memory.

It lives in an environment of its own (`requirements/thingsboard.lock`): it brings its own paho.
Where that is not made, its figures are missing and the page says so.
"""

import json
import os
import random
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path
from typing import NamedTuple

from agent.demo.ports import free_port
from agent.upkeep.opening import open_log
from tests.bench.paced_hearthlink import DATABASE_NAME, METER
from tests.bench.rows import simulated_rows
from tests.support.disk import Disk, loop_disk
from tests.support.hubs import sound_rows

ROOT = Path(__file__).parents[2]
PEER_HOME = Path(sys.prefix) / "thingsboard"
PEER = "thingsboard-gateway"

ROUNDS = 10
KILLED_AFTER_S = (1.0, 2.0)
KILLED_PER_S = 1_000.0
KILLED_WINDOW_S = 0.05
"""The hub's least: what it commits, it commits with the next turn of its loop."""

PACED_PER_S = 10.0
PACED_S = 130.0
WINDOWS_S = (60.0, 0.1)
"""The hub's default, and as often as the peer writes."""

IDLE_S = 15.0
SHOWN_COUNT = 2_000


class Store(NamedTuple):
    """A store to be put into: who runs it, and how what it kept is counted."""

    python: str
    module: str
    kept: Callable[[Path], set[int]]


def _ours(folder: Path) -> set[int]:
    log = open_log(folder / DATABASE_NAME)
    with closing(log):
        return {row.seq for row in sound_rows(log, log.meters[METER])} if log.meters else set()


def _theirs(folder: Path) -> set[int]:
    kept: set[int] = set()
    for path in folder.glob("*.db"):
        with closing(sqlite3.connect(path)) as connection:
            rows = connection.execute("SELECT message FROM messages").fetchall()
        kept |= {json.loads(message)["telemetry"][0]["ts"] for (message,) in rows}
    return kept


OURS = Store(sys.executable, "tests.bench.paced_hearthlink", _ours)
THEIRS = Store(str(PEER_HOME / "bin" / "python"), "tests.bench.paced_thingsboard", _theirs)


def measure() -> list[dict[str, object]]:
    """Kill both, weigh both, and let both idle."""
    if not Path(THEIRS.python).exists():
        return [{"name": PEER, "note": "not measured: it is not installed (make bench does)"}]
    with tempfile.TemporaryDirectory() as folder:
        shown = Path(folder) / "shown.json"
        shown.write_text(json.dumps([row.registers for row in simulated_rows(SHOWN_COUNT)]))
        return [_kills(Path(folder), shown), *_card(shown), _idle(Path(folder))]


def _start(
    store: Store, folder: Path, shown: Path, per_s: float, seconds: float, window_s: float
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [
            *(store.python, "-m", store.module),
            *(str(folder), str(shown), str(per_s), str(seconds), str(window_s)),
        ],
        stdout=subprocess.PIPE,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


def _kills(folder: Path, shown: Path) -> dict[str, object]:
    """Kill each by turns in the midst of it, and count what it had acknowledged and lost."""
    draw = random.Random(1)
    lost: dict[str, list[int]] = {OURS.module: [], THEIRS.module: []}
    acknowledged = dict.fromkeys(lost, 0)
    for number in range(ROUNDS):
        for store in (OURS, THEIRS):
            place = folder / f"{number}-{store.module}"
            place.mkdir()
            said = _kill(store, place, shown, draw.uniform(*KILLED_AFTER_S))
            kept = store.kept(place)
            lost[store.module].append(sum(1 for one in range(1, said + 1) if one not in kept))
            acknowledged[store.module] += said
    share = {name: 100 * (1 - sum(lost[name]) / acknowledged[name]) for name in lost}
    ours, theirs = share[OURS.module], share[THEIRS.module]
    return {
        "name": f"kill -9 at {KILLED_PER_S:,.0f} records/s: acknowledged ones that are there after",
        "ours": round(ours, 4),
        "unit": "%",
        "peer": f"{PEER}, SQLite storage",
        "theirs": round(theirs, 2),
        "ratio": round(ours / theirs, 3) if ours == 100 else 0,
        "target": 1,
        "note": f"{ROUNDS} kills each; lost: ours {sum(lost[OURS.module])} of "
        f"{acknowledged[OURS.module]:,}, theirs {sum(lost[THEIRS.module])} of "
        f"{acknowledged[THEIRS.module]:,}, a median of "
        f"{statistics.median(lost[THEIRS.module]):.0f} a kill",
    }


def _kill(store: Store, place: Path, shown: Path, after_s: float) -> int:
    """Return the newest number that was acknowledged; 0 where none was."""
    with _start(store, place, shown, KILLED_PER_S, 60.0, KILLED_WINDOW_S) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline()]
        time.sleep(after_s)
        process.kill()
        lines += process.stdout.readlines()
    return max((int(line) for line in lines if line.endswith(b"\n")), default=0)


def _card(shown: Path) -> list[dict[str, object]]:
    """Put the same records at the same pace on disks of their own, all at the same time."""
    runs = [(OURS, window_s) for window_s in WINDOWS_S] + [(THEIRS, 0.0)]
    try:
        with ExitStack() as stack:
            disks = [stack.enter_context(loop_disk()) for _ in runs]
            bytes_each = _paced(runs, disks, shown)
    except (OSError, subprocess.CalledProcessError) as error:
        note = f"not measured: no ext4 of its own could be mounted here ({error})"
        return [{"name": f"device bytes a record, {PEER}", "unit": "bytes", "note": note}]
    *ours, theirs = bytes_each
    return [
        {
            "name": f"device bytes a record at {PACED_PER_S:.0f}/s, {window_s:g} s window",
            "ours": round(each),
            "unit": "bytes",
            "peer": f"{PEER}, SQLite storage",
            "theirs": round(theirs),
            "ratio": round(theirs / each, 2),
            "target": 1,
            "note": f"the same {PACED_S * PACED_PER_S:,.0f} records of 18 registers, at the same "
            "time; ours synchronous=FULL, theirs NORMAL",
        }
        for window_s, each in zip(WINDOWS_S, ours, strict=True)
    ]


def _paced(runs: list[tuple[Store, float]], disks: list[Disk], shown: Path) -> list[float]:
    places = [disk.folder / "state" for disk in disks]
    for place, disk in zip(places, disks, strict=True):
        place.mkdir()
        disk.settle()
    before = [disk.written_bytes() for disk in disks]
    processes = [
        _start(store, place, shown, PACED_PER_S, PACED_S, window_s)
        for (store, window_s), place in zip(runs, places, strict=True)
    ]
    for process in processes:
        process.communicate()
    written = []
    for (store, _), place, disk, had in zip(runs, places, disks, before, strict=True):
        disk.settle()
        used = disk.written_bytes() - had
        written.append(used / len(store.kept(place)))
    return written


def _idle(folder: Path) -> dict[str, object]:
    """Let both run with nothing to read and nobody to send to, and read their memory."""
    nobody = free_port()
    settings = {
        "thingsboard": {
            "host": "127.0.0.1",
            "port": nobody,
            "remoteConfiguration": False,
            "statistics": {"enable": False},
            "security": {"type": "accessToken", "accessToken": "none"},
        },
        "storage": {"type": "sqlite", "data_file_path": f"{folder}/idle/"},
        "grpc": {"enabled": False},
        "connectors": [],
    }
    (folder / "tb_gateway.json").write_text(json.dumps(settings))
    theirs_mb = _rss_mb(
        [str(PEER_HOME / "bin" / "thingsboard-gateway")], folder, {"TB_GW_CONFIG_DIR": str(folder)}
    )
    ours_mb = _rss_mb(
        [str(Path(sys.executable).with_name("hearthlink")), "run"],
        folder,
        {
            "HEARTHLINK_HUB_STATE_DIR": str(folder / "hub"),
            "HEARTHLINK_METER_LINK": f"tcp://127.0.0.1:{nobody}",
            "HEARTHLINK_PAGE_PORT": "0",
        },
    )
    return {
        "name": "resident memory, nothing to read, nobody to send to",
        "ours": round(ours_mb, 1),
        "unit": "MB",
        "peer": PEER,
        "theirs": round(theirs_mb, 1),
        "ratio": round(theirs_mb / ours_mb, 2),
        "target": 1,
        "note": f"VmRSS after {IDLE_S:.0f} s; ours serves its page",
    }


def _rss_mb(command: list[str], folder: Path, settings: dict[str, str]) -> float:
    with (
        (folder / "idle.log").open("ab") as said,
        subprocess.Popen(
            command, cwd=folder, env={**os.environ, **settings}, stdout=said, stderr=said
        ) as process,
    ):
        try:
            time.sleep(IDLE_S)
            status = Path(f"/proc/{process.pid}/status").read_text()
        finally:
            process.kill()
    (line,) = (one for one in status.splitlines() if one.startswith("VmRSS:"))
    return int(line.split()[1]) / 1024
