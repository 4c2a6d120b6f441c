"""What a hub writes to its card in an hour, at its real cadence: `make bench-card`.

Real hubs with an uplink, each on an ext4 of its own, one meter that speaks every ten seconds; and,
beside each cadence, a bare 4 KiB overwrite with fdatasync on another: all at the same time. Counted
are the sectors the device was given. Each hub has three days in its log when the hour begins, and
is stopped at its end: what it put off until then, a checkpoint and the marks, is shown by itself.

Takes its time, so `make bench` does not run it: what it measured is kept in `card.json`, and
docs/benchmarks.md shows that.
"""

import argparse
import contextlib
import os
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import msgspec

from agent.database import open_copy
from agent.log import Log
from agent.pieces import Piece
from agent.records import Batch
from agent.upkeep.opening import open_log
from agent.upkeep.sealing import seal
from shared.clock import SystemClock
from shared.readings import Medium
from tests.bench.livemeter import SpokenMeter
from tests.bench.rows import CADENCE_MS, simulated_rows
from tests.support.disk import Disk, loop_disk
from tests.support.way import Way

RECORD = Path(__file__).with_name("card.json")
REPORT = Path(__file__).parents[2] / "docs" / "benchmarks.md"
TITLE = "## The card, hour by hour"

FORMER = "BENCH-FORMER"
"""The meter of the days before."""

CADENCE_S = CADENCE_MS // 1_000
DEFAULT_WINDOW_S = 60
WINDOWS_S = (0, 10, DEFAULT_WINDOW_S, 300)
FLOORS_S = (10, 60, 300)
PAGE_BYTES = 4_096
HELD_ROWS = 3 * 8_640
LEAST_ROWS = 0.98
"""Of those the meter spoke: hubs that log less would cost their cards less."""

LEAD_S = 60.0
"""What a start writes is over by then: the WAL's length, the hello, the first receipts."""

HEADINGS = (
    "| disk | window | a commit | bare overwrite | times the floor | limit | the stop | a day "
    "| limit |"
)

S_PER_DAY = 86_400
MAX_MB_A_DAY = 30
MAX_FLOORS = 2

SMALL, CARD = "ext4, 1 KiB blocks", "ext4, 4 KiB blocks"
"""The first is what mkfs makes of a small volume, and what the limits are set for."""

KINDS: dict[str, int | None] = {SMALL: None, CARD: 4_096}
"""By the size of their blocks; None for what mkfs chooses."""


class Written(msgspec.Struct, frozen=True):
    """What one device was given: while the hour ran, and when the hub was stopped after it."""

    kind: str
    window_s: int
    commits: float
    running_bytes: int
    stopping_bytes: int

    @property
    def commit_bytes(self) -> float:
        """What a commit cost while the hour ran."""
        return self.running_bytes / self.commits


class Hour(msgspec.Struct, frozen=True):
    """One run: when, for how long, and what every device was given."""

    date: str
    minutes: float
    hubs: list[Written]
    floors: list[Written]


class _Place(NamedTuple):
    kind: str
    window_s: int
    disk: Disk

    @property
    def thing(self) -> str:
        return self.disk.device


def live(seconds: float, kinds: Sequence[str]) -> Hour:
    """Let hubs and floors of these kinds of disk live side by side for so long."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        hubs = [one for kind in kinds for one in _mount(stack, kind, WINDOWS_S)]
        floors = [one for kind in kinds for one in _mount(stack, kind, FLOORS_S)]
        for one in hubs:
            _fill(one.disk.folder / "state")
        way = stack.enter_context(Way(folder, zone="UTC"))
        stop = threading.Event()
        stack.callback(stop.set)
        meter = stack.enter_context(SpokenMeter(CADENCE_S, stop))
        for one in hubs:
            state_dir = one.disk.folder / "state"
            window = {"log_commit_window_s": one.window_s, "uplink_frame_interval_s": 300}
            way.start_hub(
                one.thing, meter.link, hub_state_dir=state_dir, hub_clock="system", **window
            )
        for one in hubs:
            way.until(lambda thing=one.thing: way.knows(thing), f"{one.thing} is known")  # type: ignore[misc]
        time.sleep(LEAD_S)
        files = [stack.enter_context(_floor_file(one)) for one in floors]
        counts: dict[str, int] = {}
        overwriting = [
            threading.Thread(target=_overwrite, args=(file, one, stop, counts))
            for file, one in zip(files, floors, strict=True)
        ]
        before = [_settled_bytes(one) for one in hubs + floors]
        for thread in overwriting:
            thread.start()
        time.sleep(seconds)
        stop.set()
        for thread in overwriting:
            thread.join()
        running = [_settled_bytes(one) for one in hubs + floors]
        for one in hubs:
            way.stop(one.thing)
        stopped = [_settled_bytes(one) for one in hubs + floors]
        for one in hubs:
            _check_rows(one.disk.folder / "state" / "hub.sqlite", seconds)
        written = [
            Written(
                one.kind,
                one.window_s,
                counts.get(one.thing, seconds / max(one.window_s, CADENCE_S)),
                after - start,
                end - after,
            )
            for one, start, after, end in zip(hubs + floors, before, running, stopped, strict=True)
        ]
    date = datetime.now(UTC).date().isoformat()
    return Hour(date, seconds / 60, written[: len(hubs)], written[len(hubs) :])


def _mount(stack: contextlib.ExitStack, kind: str, windows_s: Sequence[int]) -> Iterator[_Place]:
    for window_s in windows_s:
        disk = stack.enter_context(loop_disk(block_bytes=KINDS[kind]))
        yield _Place(kind, window_s, disk)


def _settled_bytes(place: _Place) -> int:
    place.disk.settle()
    return place.disk.written_bytes()


def _fill(state_dir: Path) -> None:
    """Give a hub the log of a few days, sealed, so that the hour writes into trees that are."""
    state_dir.mkdir()
    log: Log = open_log(state_dir / "hub.sqlite")
    start_ms = (SystemClock().utc_ms() // CADENCE_MS - HELD_ROWS) * CADENCE_MS
    log.add_clock_piece(Piece(log.boot_number("ended"), start_ms, start_ms, 50, "ntp"))
    meter_log = log.meter_log(FORMER, Medium.ELECTRICITY)
    rows = simulated_rows(HELD_ROWS, start_ms - CADENCE_MS)
    for at in range(0, len(rows), 360):
        log.commit(Batch(rows=[(meter_log, row) for row in rows[at : at + 360]]))
        seal(log)
    log.close()


def _check_rows(path: Path, seconds: float) -> None:
    """Make sure that a hub has logged what the meter spoke."""
    with open_copy(path) as connection:
        (newest,) = connection.execute("SELECT max(next_seq) FROM logs WHERE meter != ?", (FORMER,))
    least = LEAST_ROWS * seconds / CADENCE_S
    assert newest[0] > least, f"{path} has {newest[0] - 1} rows of {least:.0f}"


@contextlib.contextmanager
def _floor_file(place: _Place) -> Iterator[int]:
    """Make the file that is overwritten, whole and durable before it counts."""
    file = os.open(place.disk.folder / "floor", os.O_RDWR | os.O_CREAT)
    try:
        os.pwrite(file, bytes(PAGE_BYTES), 0)
        os.fsync(file)
        yield file
    finally:
        os.close(file)


def _overwrite(file: int, place: _Place, stop: threading.Event, counts: dict[str, int]) -> None:
    """Overwrite 4 KiB durably at a place's cadence, until told to stop, and count it."""
    number = 0
    while not stop.wait(place.window_s):
        number += 1
        os.pwrite(file, bytes([number % 256]) * PAGE_BYTES, 0)
        os.fdatasync(file)
        counts[place.thing] = number


def read_record() -> Hour | None:
    """Read what the last run measured; None where there was none."""
    return msgspec.json.decode(RECORD.read_bytes(), type=Hour) if RECORD.exists() else None


def section() -> str:
    """Write the section of the page on the last run; empty where there was none."""
    hour = read_record()
    if hour is None:
        return ""
    lines = [
        "",
        TITLE,
        "",
        f"Written by `make bench-card`, last on {hour.date}, over {hour.minutes:.0f} minutes.",
        "Hubs with an uplink and three days in their logs, each on a disk of its own; one meter, a",
        "sample every 10 s, at the real pace. Beside them, on disks of their own too, a bare",
        "overwrite of 4 KiB with fdatasync, once a commit. Counted are the sectors given to the",
        "device, the file system's journal and the checkpoints that fell due with them. The hub is",
        "stopped at the end: the checkpoint that was not due yet, and the marks, stand by",
        "themselves, and are in the day as if it were stopped every hour. ext4 is made with blocks",
        "of 1 KiB below 512 MB, which the limits are set for, and of 4 KiB above.",
        "",
        HEADINGS,
        "|---|---|---|---|---|---|---|---|---|",
    ]
    lines += [_line(one, hour) for one in hour.hubs]
    return "\n".join(lines) + "\n"


def _line(one: Written, hour: Hour) -> str:
    floor = _floor_of(one, hour)
    is_default = one.kind == SMALL and one.window_s == DEFAULT_WINDOW_S
    cells = (
        one.kind,
        f"{one.window_s} s",
        f"{one.commit_bytes:,.0f} B",
        f"{floor.commit_bytes:,.0f} B",
        f"{one.commit_bytes / floor.commit_bytes:.2f}",
        f"{MAX_FLOORS}",
        f"{one.stopping_bytes:,} B",
        f"{_mb_a_day(one, hour):.1f} MB",
        f"{MAX_MB_A_DAY} MB" if is_default else "–",
    )
    return "| " + " | ".join(cells) + " |"


def _floor_of(one: Written, hour: Hour) -> Written:
    """Find the bare overwrite of the same disk at the same cadence: a sample is the quickest."""
    cadence_s = max(one.window_s, CADENCE_S)
    return next(f for f in hour.floors if (f.kind, f.window_s) == (one.kind, cadence_s))


def _mb_a_day(one: Written, hour: Hour) -> float:
    total = one.running_bytes + one.stopping_bytes
    return total * S_PER_DAY / (hour.minutes * 60) / 1e6


def missed(hour: Hour) -> list[str]:
    """Name every limit that was passed."""
    past = [
        f"{one.kind}, window {one.window_s} s: {one.commit_bytes:,.0f} B a commit is more than "
        f"{MAX_FLOORS} times {floor.commit_bytes:,.0f} B"
        for one in hour.hubs
        if one.commit_bytes > MAX_FLOORS * (floor := _floor_of(one, hour)).commit_bytes
    ]
    past += [
        f"{one.kind}, window {one.window_s} s: {a_day:.1f} MB a day is more than {MAX_MB_A_DAY}"
        for one in hour.hubs
        if (one.kind, one.window_s) == (SMALL, DEFAULT_WINDOW_S)
        and (a_day := _mb_a_day(one, hour)) > MAX_MB_A_DAY
    ]
    return past


def replace_section(report: Path = REPORT) -> None:
    """Write the section anew where the page has it, or before its others."""
    before, found, after = report.read_text(encoding="utf-8").partition(f"\n{TITLE}\n")
    kept, mark, others = (after if found else before).partition("\n## ")
    report.write_text((before if found else kept) + section() + mark + others, encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> int:
    """Live the hour, keep what was measured, and say which limits were passed."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.card", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--try", action="store_true", dest="is_trial", help="print, keep nothing")
    parser.add_argument("--record", type=Path, default=RECORD, help="where the figures are kept")
    chosen = parser.parse_args(arguments)
    hour = live(chosen.minutes * 60, list(KINDS))
    if chosen.is_trial:
        print(msgspec.json.encode(hour).decode())
    else:
        chosen.record.write_bytes(msgspec.json.format(msgspec.json.encode(hour), indent=1) + b"\n")
        replace_section()
    for line in missed(hour):
        print(f"missed: {line}", file=sys.stderr)
    return 1 if missed(hour) else 0


if __name__ == "__main__":
    sys.exit(main())
