"""How fast a month offline reaches the cloud: real hub, broker and ingest, live samples beside it.

The backlog is in the hub's log before the hub starts: rows of a boot that ended, sealed in blocks,
its clock ledger and its own history kept, as a hub leaves them that was switched off.
"""

import contextlib
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple

from agent.history import History
from agent.log import Log
from agent.pieces import Piece
from agent.records import Batch
from agent.rows import LogRow
from agent.timekeeping import ClockLedger
from agent.upkeep.opening import open_log
from agent.upkeep.sealing import seal
from agent.uplink.kinds import UplinkKind
from firmware_bridge.simulator.p1_meter import P1Meter
from shared.clock import SystemClock
from shared.readings import Medium
from shared.units import MS_PER_DAY, MS_PER_HOUR
from tests.bench.installed import compile_packages
from tests.bench.livemeter import LiveMeter, LiveWatch, lateness_s
from tests.support.way import Way

DAYS = 30
EVERY_MS = 10_000
METERS = ("BENCH-A", "BENCH-B", "BENCH-C")
ROWS_A_METER = DAYS * MS_PER_DAY // EVERY_MS
SAMPLES = ROWS_A_METER * len(METERS)
ROWS_A_COMMIT = 720
ENDED_AGO_MS = MS_PER_HOUR
"""The hub was switched off an hour ago."""

BOOT_ID = "the-boot-that-ended"
PIECES_A_DAY = 1
PIECE_UNCERTAINTY_MS = 50

HUB = "bench-drain"
LIVE_METER = "BENCH-LIVE"
LIVE_EVERY_S = 1.0
POLL_S = 0.3
"""Asking costs the API time of the same cores."""

MAX_DRAIN_S = 30
MAX_LATE_S = 2
MAX_CPU_S = 60
"""Two cores for as long as a drain may take."""

MAX_RSS_MB = {UplinkKind.MQTT: 45, UplinkKind.AWS: 60}
MAX_GROWTH_MB = 2
"""What counts as flat: buffers of both directions that are reached once, not a backlog's size."""

SETTLED_SHARE = 0.05
"""Memory is compared from here on: by then every library and buffer has been used."""


class Drain(NamedTuple):
    """What one drain took; processor time by process, from the hub's start on."""

    took_s: float
    lateness_s: list[float]
    settled_mb: float
    peak_mb: float
    cpu_s: dict[str, float]


def measure() -> list[dict[str, object]]:
    """Drain the same backlog with one ingest worker and with two, and by the other MQTT library."""
    compile_packages()
    with tempfile.TemporaryDirectory() as folder:
        state_dir = Path(folder) / HUB
        fill(state_dir)
        return [
            row
            for kind, workers in ((UplinkKind.MQTT, 1), (UplinkKind.MQTT, 2), (UplinkKind.AWS, 1))
            for row in _rows(kind, workers, drain(state_dir, kind, workers))
        ]


def _rows(kind: UplinkKind, workers: int, drain: Drain) -> list[dict[str, object]]:
    late_s = max(drain.lateness_s)
    grown_mb = max(drain.peak_mb - drain.settled_mb, 0.1)
    title = f"uplink {kind}, {workers} ingest worker(s)"
    spent = sorted(drain.cpu_s.items(), key=itemgetter(1), reverse=True)
    shares = ", ".join(f"{name} {cpu_s:.1f}" for name, cpu_s in spent)
    pace = f"{SAMPLES / drain.took_s:,.0f} samples/s; the hub's start included"
    shown = f"{len(drain.lateness_s)} live samples, one each {LIVE_EVERY_S:.0f} s"
    return [
        _row(f"{DAYS} days of 3 meters drained, {title}", drain.took_s, "s", MAX_DRAIN_S, pace),
        _row(f"longest live lateness meanwhile, {title}", late_s, "s", MAX_LATE_S, shown),
        _row(f"processor time of all, {title}", sum(drain.cpu_s.values()), "s", MAX_CPU_S, shares),
        _row(
            f"processor time of one process at most, {title}",
            spent[0][1],
            "s",
            MAX_DRAIN_S,
            spent[0][0],
        ),
        _row(
            f"hub: most memory meanwhile, {title}", drain.peak_mb, "MB", MAX_RSS_MB[kind], "VmRSS"
        ),
        _row(
            f"hub: memory gained after {SETTLED_SHARE:.0%} of it, {title}",
            grown_mb,
            "MB",
            MAX_GROWTH_MB,
            f"from {drain.settled_mb:.1f} MB",
        ),
    ]


def _row(name: str, ours: float, unit: str, limit: float, note: str) -> dict[str, object]:
    return {
        "name": name,
        "ours": round(ours, 2),
        "unit": unit,
        "peer": "limit",
        "theirs": limit,
        "ratio": round(limit / ours, 2),
        "target": 1,
        "note": note,
    }


def fill(state_dir: Path) -> None:
    """Write the backlog into a hub's database through its own log, sealed and folded."""
    state_dir.mkdir(parents=True)
    log = open_log(state_dir / "hub.sqlite")
    now_ms = SystemClock().utc_ms()
    start_ms = now_ms // EVERY_MS * EVERY_MS - ENDED_AGO_MS - DAYS * MS_PER_DAY
    boot = log.boot_number(BOOT_ID)
    for since_ms in range(0, DAYS * MS_PER_DAY + 1, MS_PER_DAY // PIECES_A_DAY):
        log.add_clock_piece(Piece(boot, since_ms, start_ms + since_ms, PIECE_UNCERTAINTY_MS, "ntp"))
    meters = [log.meter_log(meter, Medium.ELECTRICITY) for meter in METERS]
    for rows in _commits(boot, start_ms):
        for meter_log in meters:
            log.commit(Batch(rows=[(meter_log, row) for row in rows]))
        while seal(log):
            pass
    _keep_history(log, now_ms)
    log.close()


def _commits(boot: int, start_ms: int) -> Iterator[list[LogRow]]:
    meter = P1Meter(1, start_ms)
    rows: list[LogRow] = []
    for number in range(ROWS_A_METER):
        since_ms = (number + 1) * EVERY_MS
        shown = meter.emit(start_ms + since_ms).shown[0]
        at_ms = shown.taken_at_ms
        rows.append(LogRow(number + 1, boot, since_ms, at_ms, None, shown.registers, 0))
        if len(rows) == ROWS_A_COMMIT:
            yield rows
            rows = []


def _keep_history(log: Log, now_ms: int) -> None:
    history = History(log, ClockLedger(log.clock_pieces()))
    history.load(now_ms)
    batch = Batch()
    history.add_days(batch, now_ms)
    log.commit(batch)


def drain(state_dir: Path, kind: UplinkKind, workers: int) -> Drain:
    """Drain into a cloud of its own: to another store a hub offers all it holds again."""
    place = state_dir.with_name(f"{kind}-{workers}")
    (place / "cloud").mkdir(parents=True)
    with contextlib.ExitStack() as stack:
        way = stack.enter_context(Way(place, workers=workers, zone="UTC", kind=kind))
        meter = stack.enter_context(LiveMeter([LIVE_METER]))
        stop = threading.Event()
        speaking = threading.Thread(target=meter.speak_every, args=(LIVE_EVERY_S, stop))
        before_s = _cpu_s(way)
        started_s = time.perf_counter()
        way.start_hub(
            HUB,
            meter.link,
            hub_state_dir=state_dir,
            hub_clock="system",
            log_commit_window_s=10,
            uplink_frame_interval_s=10,
            uplink_live="true",
            consent_granularity="live",
        )
        speaking.start()
        stack.callback(speaking.join)
        stack.callback(stop.set)
        watches: list[LiveWatch] = []

        def watch_once_known() -> None:
            if not watches and _count_stored(way, [LIVE_METER]):
                watches.append(stack.enter_context(LiveWatch(way.api_port, LIVE_METER)))

        settled_mb, peak_mb = _follow(way, watch_once_known)
        took_s = time.perf_counter() - started_s
        cpu_s = {name: of_s - before_s.get(name, 0) for name, of_s in _cpu_s(way).items()}
        return Drain(took_s, lateness_s(meter, watches), settled_mb, peak_mb, cpu_s)


def _cpu_s(way: Way) -> dict[str, float]:
    """Read the processor time of every process of the way so far."""
    ticks = os.sysconf("SC_CLK_TCK")
    fields = {
        name: Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()
        for name, pid in way.pids().items()
    }
    return {name: (int(of[11]) + int(of[12])) / ticks for name, of in fields.items()}


def _follow(way: Way, on_look: Callable[[], None]) -> tuple[float, float]:
    """Watch until all is stored; return the hub's memory early on, and the most of it in MB."""
    pid, settled_mb, peak_mb = way.pid(HUB), 0.0, 0.0

    def is_done() -> bool:
        nonlocal settled_mb, peak_mb
        time.sleep(POLL_S)
        on_look()
        stored, rss_mb = _count_stored(way, METERS), _rss_mb(pid)
        settled_mb = rss_mb if stored < SAMPLES * SETTLED_SHARE else settled_mb
        peak_mb = max(peak_mb, rss_mb)
        return stored >= SAMPLES

    way.until(is_done, "the backlog is stored")
    return settled_mb, peak_mb


def _count_stored(way: Way, meters: Sequence[str]) -> int:
    """Count what the cloud lists as stored of these meters."""
    return sum(
        log["stored_count"]
        for gateway in way.get("/v1/gateways")["gateways"]
        for log in gateway["logs"]
        if log["meter"] in meters
    )


def _rss_mb(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise AssertionError(f"process {pid} tells no VmRSS")


if __name__ == "__main__":
    for line in measure():
        print(line)
