"""Measures what reaches the card: sectors of an ext4 of its own, beside the least a commit can be.

A commit is followed by writing out the whole file system, as half a minute of quiet does, so that
the cadence of a hub need not be waited for: its windows are longer than that. `--minutes` lives it
at its real cadence instead. Needs root and a loop device.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from agent.log import Log
from agent.marks import MARKS_NAME, Marks
from agent.records import Batch
from agent.upkeep.retention import file_bytes
from agent.upkeep.sealing import seal
from shared.readings import Medium
from tests.bench.rows import CADENCE_MS, simulated_rows
from tests.support.disk import Disk, loop_disk

PAGE_BYTES = 4_096
S_PER_DAY = 86_400
COMMITS = 720
"""Half a day at the default window: eight turns of the WAL, each with its checkpoint."""

TICK_S = 0.006
"""More than one tick of the kernel's coarse clock: a file's time changes with every commit."""

WINDOWS_S = (10, 60, 300)
MAX_MB_A_DAY = 30
MAX_FLOORS = 2
MAX_SEALED_BYTES = 60
SEALED_DAYS = 3

Wait = Callable[[Disk], None]


def measure() -> list[dict[str, object]]:
    """Write half a day at each window, and the floor beside it; then weigh what is sealed."""
    try:
        with loop_disk() as disk:
            results = [row for window_s in WINDOWS_S for row in _window(disk, window_s)]
            return [*results, _sealed(disk)]
    except (OSError, subprocess.CalledProcessError) as error:
        return [
            {
                "name": "device bytes",
                "unit": "bytes",
                "note": f"not measured: no ext4 of its own could be mounted here ({error})",
            }
        ]


def _window(disk: Disk, window_s: int) -> Iterator[dict[str, object]]:
    rows = window_s * 1_000 // CADENCE_MS
    floor = _floor(disk, COMMITS, _settle)
    ours = _ours(disk, COMMITS, rows, _settle)
    yield {
        "name": f"device bytes a commit, {window_s} s window",
        "ours": round(ours),
        "unit": "bytes",
        "peer": "bare 4 KiB overwrite + fdatasync",
        "theirs": round(floor),
        "ratio": round(floor / ours, 2),
        "target": 1 / MAX_FLOORS,
        "note": f"{rows} row(s) a commit; checkpoints, sealing, marks and the journal included",
    }
    if window_s == 60:
        mb_a_day = ours * S_PER_DAY / window_s / 1e6
        yield {
            "name": "device bytes a day, default settings, one meter",
            "ours": round(mb_a_day, 1),
            "unit": "MB",
            "peer": "limit",
            "theirs": MAX_MB_A_DAY,
            "ratio": round(MAX_MB_A_DAY / mb_a_day, 2),
            "target": 1,
            "note": "one row a commit in 4 KiB pages with the index as a file: 123 MB",
        }


def _settle(disk: Disk) -> None:
    time.sleep(TICK_S)
    disk.settle()


def _floor(disk: Disk, commits: int, wait: Wait) -> float:
    """Overwrite 4 KiB of one file durably, once a commit: device bytes each."""
    file = os.open(disk.folder / "floor", os.O_RDWR | os.O_CREAT)
    try:
        os.pwrite(file, bytes(PAGE_BYTES), 0)
        os.fsync(file)
        disk.settle()
        before = disk.written_bytes()
        for number in range(commits):
            os.pwrite(file, bytes([number % 256]) * PAGE_BYTES, 0)
            os.fdatasync(file)
            wait(disk)
        disk.settle()
        return (disk.written_bytes() - before) / commits
    finally:
        os.close(file)


def _ours(disk: Disk, commits: int, rows_a_commit: int, wait: Wait) -> float:
    """Commit, seal and checkpoint as a hub does: device bytes a commit."""
    log = _open(disk.folder / f"hub-{rows_a_commit}.sqlite")
    meter_log = log.meter_log("SIM-E-0001", Medium.ELECTRICITY)
    rows = simulated_rows(commits * rows_a_commit + 1)
    log.commit(Batch(rows=[(meter_log, rows[0])]))
    disk.settle()
    before = disk.written_bytes()
    for at in range(1, len(rows), rows_a_commit):
        batch = Batch(rows=[(meter_log, row) for row in rows[at : at + rows_a_commit]])
        log.commit(batch)
        seal(log)
        wait(disk)
    disk.settle()
    written = disk.written_bytes() - before
    log.close()
    return written / commits


def _open(path: Path) -> Log:
    log = Log(path)
    log.use_marks(Marks(path.with_name(MARKS_NAME), "bench"))
    return log


def _sealed(disk: Disk) -> dict[str, object]:
    log = _open(disk.folder / "sealed.sqlite")
    meter_log = log.meter_log("SIM-E-0001", Medium.ELECTRICITY)
    rows = simulated_rows(SEALED_DAYS * 8_640)
    for at in range(0, len(rows), 60):
        log.commit(Batch(rows=[(meter_log, row) for row in rows[at : at + 60]]))
        seal(log)
    size, free = file_bytes(log.committed)
    log.close()
    each = (size - free) / len(rows)
    return {
        "name": "sealed log, a sample on disk",
        "ours": round(each, 1),
        "unit": "bytes",
        "peer": "limit",
        "theirs": MAX_SEALED_BYTES,
        "ratio": round(MAX_SEALED_BYTES / each, 2),
        "target": 1,
        "note": f"{len(rows[0].registers)} registers a row; the whole file by its rows",
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Live at the real cadence of one window, ours and the floor on a disk each, and print both."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.bench_writes", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--window", type=int, default=10, metavar="S")
    parser.add_argument("--floor", action="store_true", help="write the floor instead of the log")
    chosen = parser.parse_args(arguments)
    commits = max(int(chosen.minutes * 60 / chosen.window), 1)

    def wait(_disk: Disk) -> None:
        time.sleep(chosen.window)

    with loop_disk() as disk:
        rows = max(chosen.window * 1_000 // CADENCE_MS, 1)
        each = _floor(disk, commits, wait) if chosen.floor else _ours(disk, commits, rows, wait)
    what = "floor" if chosen.floor else "log"
    a_day = each * S_PER_DAY / chosen.window / 1e6
    print(f"{what}: {commits} commits, {each:.0f} B each, {a_day:.1f} MB a day")
    return 0


if __name__ == "__main__":
    sys.exit(main())
