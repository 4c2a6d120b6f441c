"""Cuts the power after every write of a log's life, and says what that cost.

`record` lets the log's own code live a varied life on a recorded disk; `cut_everywhere` rebuilds
the disk after each operation, as several kinds of disk may leave it, opens it with the hub's own
code and compares. What was acknowledged must be there, whole and once.
"""

import random
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from unittest import mock
from zoneinfo import ZoneInfo

from agent import database
from agent.log import Log
from agent.pieces import Piece
from agent.records import Batch, MeterLog, RunChange, Specimen
from agent.rows import LogRow
from agent.timekeeping import ClockLedger
from agent.upkeep import sealing, thinning
from agent.upkeep.salvage import why_damaged
from agent.upkeep.thinning import Thinner
from shared.readings import Medium
from tests.support.apsw_sqlite import (
    Connection,
    Disk,
    Operation,
    Recording,
    RecordingVfs,
    apply,
    images,
)
from tests.support.hubs import BOOT, START_MS, row_at

ZONE = ZoneInfo("Europe/London")

SEGMENT_ROWS = 24
"""Small segments and a short WAL bring seals and checkpoints round more often."""

CHECKPOINT_PAGES = 24
SECTOR_BYTES = 512
MAX_FAULTS = 5
DISKS = ("none", "all", "subset", "torn")
"""What may be left of writes not synced: nothing, all, any of them, the last one in part."""

Key = tuple[bytes, int]
"""Log id and sequence."""


@dataclass
class Life:
    """What a log was asked to do, and after how many operations of the disk."""

    recording: Recording = field(default_factory=Recording)
    attempted: list[tuple[int, dict[Key, LogRow]]] = field(default_factory=list)
    acknowledged: list[tuple[int, dict[Key, LogRow]]] = field(default_factory=list)
    may_go: list[tuple[int, set[Key]]] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)

    def count(self, what: str) -> None:
        """Count one thing done."""
        self.counts[what] = self.counts.get(what, 0) + 1


@dataclass
class Verdict:
    """What the cuts cost."""

    cuts: int = 0
    lost: int = 0
    altered: int = 0
    invented: int = 0
    halves: int = 0
    corrupt: int = 0
    faults: list[str] = field(default_factory=list)

    def is_sound(self) -> bool:
        """Tell whether no cut cost anything that was acknowledged."""
        return not (self.lost or self.altered or self.invented or self.halves or self.corrupt)


def record(seed: int, steps: int, synchronous: str = "FULL") -> Life:
    """Live a log's life of so many steps on a recorded disk."""
    life, name = Life(), f"recording-{seed}-{synchronous}"
    vfs = RecordingVfs(name, life.recording)
    opened: list[Connection] = []
    lengthen_wal = database.lengthen_wal

    def lengthen(path: Path) -> None:
        """Lengthen the WAL for all that is recorded to see: it is not done by SQLite."""
        wal = Path(f"{path}-wal")
        before = wal.stat().st_size
        lengthen_wal(path)
        zeros = bytes(wal.stat().st_size - before)
        life.recording.operations.append(Operation("write", wal.name, before, zeros))
        life.recording.operations.append(Operation("sync", wal.name))

    def connect(path: Path, _vfs: str) -> Connection:
        # One connection serves writing and reading: nothing else runs meanwhile.
        if not opened:
            opened.append(Connection(path, name))
        return opened[0]

    with (
        tempfile.TemporaryDirectory() as folder,
        mock.patch.object(database, "connect", connect),
        mock.patch.object(database, "lengthen_wal", lengthen),
        mock.patch.object(database, "WAL_AUTOCHECKPOINT_PAGES", CHECKPOINT_PAGES),
        mock.patch("agent.log.open_reader", lambda path: connect(path, "")),
        mock.patch.object(sealing, "BLOCK_ROWS", SEGMENT_ROWS),
        mock.patch.object(thinning, "BLOCKS_AT_ONCE", 4),
    ):
        log = Log(Path(folder) / "hub.sqlite")
        log._db.execute(f"PRAGMA synchronous = {synchronous}")
        log.boot_number("boot")
        draw = random.Random(seed)
        for _ in range(steps):
            _live(life, log, draw)
        log.close()
    vfs.unregister()
    return life


def _live(life: Life, log: Log, draw: random.Random) -> None:
    """Do one of the things a hub does to its log, most often a commit."""
    what = draw.choices(
        ("commit", "seal", "free", "thin", "fact", "restart", "checkpoint"),
        (60, 20, 6, 3, 6, 1, 4),
    )[0]
    life.count(what)
    if what == "commit":
        _commit(life, log, draw)
    elif what == "seal":
        sealing.seal(log, 1)
    elif what == "free":
        _free(life, log, draw)
    elif what == "thin":
        _thin(life, log, draw)
    elif what == "fact":
        log.put_fact("store_id", draw.randbytes(20))
        log.add_clock_piece(Piece(BOOT, draw.randint(0, 10**9), START_MS, 10, "ntp"))
    elif what == "restart":
        _restart(life, log, draw)
    else:
        log._db.execute(f"PRAGMA wal_checkpoint({draw.choice(('PASSIVE', 'TRUNCATE'))})")


def _commit(life: Life, log: Log, draw: random.Random) -> None:
    batch, rows = Batch(), {}
    for _ in range(draw.choice((1, 1, 2, 6, 8))):
        meter = draw.choice(("M1", "M1", "G1"))
        meter_log = log.meter_log(meter, Medium.ELECTRICITY)
        seq = meter_log.next_seq
        meter_log.next_seq += 1
        row = row_at(seq, seq * 10_000, {"import_mwh": seq * 100, "voltage_mv": draw.randint(0, 9)})
        batch.rows.append((meter_log, row))
        rows[meter_log.log_id, seq] = row
        if draw.random() < 0.03:
            batch.run_changes.append(RunChange(meter_log.log, "import_mwh", seq, f"run-{seq}", 0))
    if draw.random() < 0.1:
        batch.specimens.append(Specimen(START_MS, "link", "noise", "", draw.randbytes(900)))
    life.attempted.append((len(life.recording), rows))
    log.commit(batch)
    life.acknowledged.append((len(life.recording), rows))


def _held(log: Log, draw: random.Random) -> tuple[MeterLog, int, int] | None:
    logs = [one for one in log.all_logs() if log.held_range(one.log) is not None]
    if not logs:
        return None
    chosen = draw.choice(logs)
    first, last = log.held_range(chosen.log) or (0, 0)
    return chosen, first, last


def _free(life: Life, log: Log, draw: random.Random) -> None:
    found = _held(log, draw)
    if found is None:
        return
    meter_log, first, last = found
    end = min(last, first + draw.randint(0, 3 * SEGMENT_ROWS))
    gone = {(meter_log.log_id, seq) for seq in range(first, end + 1)}
    life.may_go.append((len(life.recording), gone))
    log.free(meter_log.log, first, end)


def _thin(life: Life, log: Log, draw: random.Random) -> None:
    ledger = ClockLedger([Piece(BOOT, 0, START_MS, 10, "ntp")])
    before = _rows_of(log)
    started = len(life.recording)
    Thinner(log, ledger.resolve, ZONE, lambda _: []).thin()
    life.may_go.append((started, set(before) - set(_rows_of(log))))


def _restart(life: Life, log: Log, draw: random.Random) -> None:
    found = _held(log, draw)
    if found is None or log.meters[found[0].meter].log != found[0].log:
        return
    former = log.meters[found[0].meter]
    from_seq = draw.randint(found[1], former.next_seq)
    moved = {
        key: row
        for key, row in _rows_of(log).items()
        if key[0] == former.log_id and key[1] >= from_seq
    }
    started = len(life.recording)
    after = log.restart_log(former, from_seq)
    renamed = {
        (after.log_id, seq - from_seq + 1): row_renumbered(row, seq - from_seq + 1)
        for (_, seq), row in moved.items()
    }
    life.may_go.append((started, set(moved)))
    life.attempted.append((started, renamed))
    life.acknowledged.append((len(life.recording), renamed))


def row_renumbered(row: LogRow, seq: int) -> LogRow:
    """Return a row under another number."""
    return LogRow(
        seq,
        row.boot,
        row.monotonic_ms,
        row.meter_clock_ms,
        row.captured_at_ms,
        row.registers,
        row.quality,
    )


def _rows_of(log: Log) -> dict[Key, LogRow]:
    return {
        (one.log_id, row.seq): row
        for one in log.entries()
        for row in log.read(one.log, 1, 2**40)
        if isinstance(row, LogRow)
    }


def cut_everywhere(life: Life, seed: int, *, every: int = 1, disks: int = 1) -> Verdict:
    """Cut after every operation (or each `every`th), on so many kinds of disk each."""
    draw, verdict = random.Random(seed), Verdict()
    with tempfile.TemporaryDirectory(dir=_memory()) as folder:
        place = Path(folder) / "cut"
        for number, disk in images(life.recording):
            if number % every:
                continue
            for kind in draw.sample(DISKS, disks):
                _put(disk, place, kind, draw)
                verdict.cuts += 1
                _judge(life, number, place / "hub.sqlite", verdict)
    return verdict


def _memory() -> str | None:
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


def _put(disk: Disk, place: Path, kind: str, draw: random.Random) -> None:
    """Write the files as this kind of disk has them after the cut."""
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    for name in disk.durable.keys() | disk.pending.keys():
        content = bytearray(disk.durable.get(name, b""))
        apply(content, _left(disk.pending.get(name, []), kind, draw))
        (place / name).write_bytes(content)


def _left(pending: list[Operation], kind: str, draw: random.Random) -> list[Operation]:
    if kind == "none" or not pending:
        return []
    if kind == "all":
        return pending
    if kind == "subset":
        return [one for one in pending if draw.random() < 0.5]
    last = pending[-1]
    sectors = draw.randint(0, len(last.payload) // SECTOR_BYTES)
    torn = Operation(last.kind, last.file, last.offset, last.payload[: sectors * SECTOR_BYTES])
    return [*pending[:-1], torn] if last.kind == "write" else pending[:-1]


def _judge(life: Life, number: int, path: Path, verdict: Verdict) -> None:
    """Open what the cut left as the hub does, and compare it with what was asked for."""
    if path.exists() and (damage := why_damaged(path)) is not None:
        verdict.corrupt += 1
        verdict.faults.append(f"after {number}: {damage}")
        return
    found = _recovered(path)
    gone = {key for at, keys in life.may_go if at < number for key in keys}
    required = _known(life.acknowledged, number + 1)
    possible = _known(life.attempted, number)
    missing = required.keys() - gone - found.keys()
    verdict.lost += len(missing)
    verdict.invented += len(found.keys() - possible.keys())
    verdict.altered += sum(possible.get(key, row) != row for key, row in found.items())
    newest = next((rows for at, rows in reversed(life.attempted) if at < number), {})
    kept = newest.keys() & found.keys()
    verdict.halves += bool(kept) and not newest.keys() <= found.keys() | gone
    if not verdict.is_sound() and len(verdict.faults) < MAX_FAULTS:
        verdict.faults.append(f"after {number}: {sorted(missing)[:3]}")


def _known(steps: list[tuple[int, dict[Key, LogRow]]], number: int) -> dict[Key, LogRow]:
    """Gather the rows of the steps before the operation of this number."""
    return {key: row for at, rows in steps if at < number for key, row in rows.items()}


def _recovered(path: Path) -> dict[Key, LogRow]:
    """Read all that is there; the log must also take a commit again."""
    log = Log(path)
    found = _rows_of(log)
    meter_log = log.meter_log("after", Medium.ELECTRICITY)
    log.commit(Batch(rows=[(meter_log, row_at(1, 0))]))
    if log.count_rows(meter_log.log) != 1:
        raise AssertionError(f"the log at {path} takes no rows any more")
    log.close()
    return found
