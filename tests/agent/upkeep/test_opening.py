"""Opening the log: new ids where numbers could name two samples, and only there."""

import random
import shutil
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from agent.blocks import BLOCK_ROWS
from agent.log import Log
from agent.marks import MARKS_NAME, STEP
from agent.pieces import Piece
from agent.reader import LogEntry
from agent.records import Batch, Hole, MeterLog, RunChange
from agent.upkeep import salvage
from agent.upkeep.opening import (
    COPIED,
    RENEWED_FACT,
    REWOUND,
    SALVAGED,
    UNMARKED,
    Renewal,
    open_log,
)
from agent.upkeep.remains import Remains
from agent.upkeep.sealing import seal
from shared.errors import OperatorError
from shared.frames import GapKind
from shared.readings import Medium
from tests.support.hubs import METER, START_MS, append, rows_every, sound_rows


def used(path: Path, count: int, *, first_seq: int = 1) -> bytes:
    """Commit so many rows as a hub does, a commit each six; return the log's id."""
    log = open_log(path)
    meter_log = log.meter_log(METER, Medium.ELECTRICITY)
    for start in range(first_seq, first_seq + count, 6):
        append(log, meter_log, rows_every(6, first_seq=start))
    log.close()
    return meter_log.log_id


def reason_of(log: Log) -> str:
    """Say why ids were renewed; "" where none was."""
    fact = log.fact(RENEWED_FACT)
    return "" if fact is None else msgspec.json.decode(fact, type=Renewal).reason


def test_an_ordinary_restart_goes_on_in_the_same_log(tmp_path: Path) -> None:
    """Stopping and starting, cleanly or not, renews nothing."""
    path = tmp_path / "hub.sqlite"
    log_id = used(path, 30)

    log = open_log(path)
    append(log, log.meters[METER], rows_every(6, first_seq=31))
    log._committed.close()
    log._db.close()
    again = open_log(path)

    assert again.meters[METER].log_id == log_id
    assert again.meters[METER].next_seq == 37
    assert reason_of(again) == ""
    again.close()


def test_an_older_database_goes_on_under_a_new_id(tmp_path: Path) -> None:
    """Put back by hand in place: the sequences since are declared, and used by nothing else."""
    path = tmp_path / "hub.sqlite"
    log_id = used(path, 60)
    older = path.read_bytes()
    used(path, 2 * STEP, first_seq=61)
    path.write_bytes(older)

    log = open_log(path)
    renewed = log.meters[METER]
    append(log, renewed, rows_every(6))

    assert renewed.log_id != log_id
    assert reason_of(log) == REWOUND
    former = next(one for one in log.all_logs() if one.log_id == log_id)
    assert log.held_range(former.log) == (1, 60 + 2 * STEP)
    holes = [one for one in log.read(former.log, 1, 5_000) if isinstance(one, Hole)]
    assert holes == [Hole(61, 60 + 2 * STEP, GapKind.DAMAGED)]
    log.close()


def test_a_copied_folder_goes_on_under_new_ids_once(tmp_path: Path) -> None:
    """A cloned card may run beside its original; the copy's next start is an ordinary one."""
    (tmp_path / "one").mkdir()
    log_id = used(tmp_path / "one" / "hub.sqlite", 30)
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    path = tmp_path / "two" / "hub.sqlite"

    log = open_log(path)
    renewed = log.meters[METER]
    append(log, renewed, rows_every(6))
    reason = reason_of(log)
    log.close()
    again = open_log(path)

    assert renewed.log_id != log_id
    assert reason == COPIED
    assert again.meters[METER].log_id == renewed.log_id
    again.close()


def test_a_database_whose_marks_are_gone_goes_on_under_new_ids(tmp_path: Path) -> None:
    """Copied without its side file it cannot be told from an older one."""
    path = tmp_path / "hub.sqlite"
    log_id = used(path, 30)
    (tmp_path / MARKS_NAME).unlink()

    log = open_log(path)

    assert log.meters[METER].log_id != log_id
    assert reason_of(log) == UNMARKED
    log.close()


def test_a_database_from_before_the_marks_keeps_its_ids(tmp_path: Path) -> None:
    """An upgrade is no copy."""
    path = tmp_path / "hub.sqlite"
    log = Log(path)
    meter_log = log.meter_log(METER, Medium.ELECTRICITY)
    append(log, meter_log, rows_every(6))
    log.close()

    upgraded = open_log(path)

    assert upgraded.meters[METER].log_id == meter_log.log_id
    upgraded.close()


def test_registers_stay_in_their_runs_under_a_new_id(tmp_path: Path) -> None:
    """A renewed log is no anomaly of the meter: no difference is lost or made up."""
    path = tmp_path / "hub.sqlite"
    used(path, 30)
    log = open_log(path)
    log.commit(Batch(run_changes=[RunChange(1, "import_mwh", 4, "run-a", 10)]))
    log.close()
    (tmp_path / MARKS_NAME).unlink()

    log = open_log(path)
    renewed = log.meters[METER]
    append(log, renewed, rows_every(6))

    assert log.runs(renewed.log) == [RunChange(renewed.log, "import_mwh", 1, "run-a", 10)]
    log.close()


def test_a_second_hub_on_the_same_folder_is_refused(tmp_path: Path) -> None:
    """Two writers of one log would name two samples by one number."""
    path = tmp_path / "hub.sqlite"
    used(path, 6)
    script = (
        "import sys, agent.database as d; from pathlib import Path; d.BUSY_TIMEOUT_MS = 50;"
        "d.open_database(Path(sys.argv[1]))"
    )
    log = open_log(path)

    done = subprocess.run(
        [sys.executable, "-c", script, str(path)],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[3],
        timeout=60,
        check=False,
    )

    assert OperatorError.__name__ in done.stderr
    assert "is a hub running" in done.stderr
    log.close()


@pytest.mark.parametrize("is_sealed", [False, True])
def test_a_damaged_database_is_salvaged(tmp_path: Path, is_sealed: bool) -> None:
    """Damaged pages cost their rows, declared; the file is kept; the meter goes on by a new id."""
    path = tmp_path / "hub.sqlite"
    count = 10 * BLOCK_ROWS
    log_id = used(path, count)
    if is_sealed:
        log = open_log(path)
        while seal(log):
            pass
        log.close()
    content = bytearray(path.read_bytes())
    middle = len(content) // 2048 * 1024
    content[middle : middle + 3 * 1024] = b"\xa5" * 3 * 1024
    path.write_bytes(bytes(content))

    log = open_log(path)

    former = next(one for one in log.all_logs() if one.log_id == log_id)
    kept = {row.seq for row in sound_rows(log, former)}
    lost = {
        seq
        for one in log.read(former.log, 1, count)
        if isinstance(one, Hole)
        for seq in range(one.first_seq, one.last_seq + 1)
    }
    assert reason_of(log) in (SALVAGED, "")
    assert kept | lost == set(range(1, count + 1))
    assert not kept & lost
    assert len(kept) > count * 0.6
    if reason_of(log) == SALVAGED:
        assert log.meters[METER].log_id != log_id
        assert (tmp_path / "hub.sqlite.damaged-1").read_bytes() == bytes(content)
    log.close()


def test_a_file_that_is_no_database_any_more_is_kept_and_begun_anew(tmp_path: Path) -> None:
    """Nothing can be read of it; the marks know the meter, which begins anew in another log."""
    path = tmp_path / "hub.sqlite"
    used(path, 30)
    path.write_bytes(b"\0" * 100 + path.read_bytes()[100:])

    log = open_log(path)

    assert [(one.log, one.next_seq) for one in log.meters.values()] == [(2, 1)]
    assert (tmp_path / "hub.sqlite.damaged-1").exists()
    log.close()


def test_a_salvage_that_was_cut_is_taken_up_again(tmp_path: Path) -> None:
    """Cut between moving aside and putting in place, the finished database is still used."""
    path = tmp_path / "hub.sqlite"
    used(path, 30)
    shutil.copyfile(path, tmp_path / "hub.sqlite.salvaged")
    path.write_bytes(b"rubbish" * 1_000)

    log = open_log(path)

    assert log.count_rows(1) == 30
    assert not (tmp_path / "hub.sqlite.salvaged").exists()
    log.close()


@pytest.mark.parametrize("seed", range(8))
def test_whatever_rots_nothing_is_altered_and_the_hub_goes_on(tmp_path: Path, seed: int) -> None:
    """Garbage, zeros, flipped bits or a file cut short: what is read is what was written."""
    path = tmp_path / "hub.sqlite"
    used(path, 6 * BLOCK_ROWS)
    starts = range(1, 6 * BLOCK_ROWS, 6)
    written = {row.seq: row for start in starts for row in rows_every(6, first_seq=start)}
    draw, content = random.Random(seed), bytearray(path.read_bytes())
    place = draw.randrange(0, len(content) // 1_024) * 1_024
    rotten = (
        content[:place] + draw.randbytes(2_048) + content[place + 2_048 :],
        content[:place] + bytes(2_048) + content[place + 2_048 :],
        bytearray(byte ^ (draw.random() < 0.001) for byte in content),
        content[: max(place, 1_024)],
    )[seed % 4]
    path.write_bytes(rotten)

    log = open_log(path)
    found = [row for one in log.entries() for row in sound_rows(log, meter_log_of(one))]
    append(log, log.meter_log("after", Medium.ELECTRICITY), rows_every(3))
    log.close()
    again = open_log(path)

    assert all(written.get(row.seq) == row for row in found)
    assert again.count_rows(again.meters["after"].log) == 3
    again.close()


@pytest.mark.parametrize("damaged_from", ["the middle on", "the start on"])
def test_a_salvage_keeps_the_order_of_two_pieces_of_one_instant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damaged_from: str
) -> None:
    """The later one has the say, also where the table could be read from its end only."""
    path = tmp_path / "hub.sqlite"
    used(path, 10 * BLOCK_ROWS)
    log = open_log(path)
    pieces = [Piece(1, 5, START_MS + place, 10, said) for place, said in enumerate("ntp")]
    log.boot_number("a")
    for piece in pieces:
        log.add_clock_piece(piece)
    log.close()
    copy = Remains._copy_until_damage

    def from_the_end(remains: Remains, select: str, insert: str) -> bool:
        return "ORDER BY" in select and copy(remains, select, insert)

    if damaged_from == "the start on":
        monkeypatch.setattr(Remains, "_copy_until_damage", from_the_end)
    monkeypatch.setattr(salvage, "why_damaged", lambda _path: "a page rotted")

    log = open_log(path)

    assert reason_of(log) == SALVAGED
    assert log.clock_pieces() == pieces
    log.close()


def meter_log_of(entry: LogEntry) -> MeterLog:
    """Return an entry as the log knows it."""
    return MeterLog(entry.log, entry.log_id, entry.meter, entry.medium, entry.next_seq)
