"""Sealing: the same log in less room, read by the same path, whatever is damaged in it."""

import sqlite3
from pathlib import Path

import pytest

from agent.blocks import AS_COMMITTED, BLOCK_ROWS, make_block
from agent.log import Log
from agent.records import Batch, Hole
from agent.rows import LogRow
from agent.upkeep.sealing import seal
from agent.writer import LEAST_PACKED_ROWS, MOST_PACKED_ROWS
from shared.frames import GapKind
from tests.support.hubs import METER, append, append_loose, log_with, row_at, rows_every, sound_rows


def counts(log: Log) -> tuple[int, int]:
    """Count loose rows and blocks."""
    found: tuple[int, int] = log.committed.execute(
        "SELECT (SELECT count(*) FROM samples), (SELECT count(*) FROM blocks)"
    ).fetchone()
    return found


def test_sealed_rows_are_read_as_before(tmp_path: Path) -> None:
    """Full segments become blocks; every row, range and count stays as it was."""
    log, meter_log = log_with(tmp_path / "hub.sqlite", 2 * BLOCK_ROWS + 50, is_loose=True)
    before = list(log.read(meter_log.log, 1, 10_000))

    sealed = seal(log)

    assert sealed == 2 * BLOCK_ROWS
    assert counts(log) == (50, 2)
    assert list(log.read(meter_log.log, 1, 10_000)) == before
    assert list(log.read(meter_log.log, 300, 400)) == before[299:400]
    assert list(log.read(meter_log.log, 720, 725)) == before[719:725]
    assert log.held_range(meter_log.log) == (1, 770)
    assert log.held_range(meter_log.log, (100, 500)) == (100, 500)
    assert log.held_ranges(meter_log.log) == [(1, 770)]
    assert log.count_rows(meter_log.log) == 770
    assert log.last_row(meter_log.log) == before[-1]
    assert seal(log) == 0
    log.close()


def test_a_segment_that_is_not_full_stays_rows(tmp_path: Path) -> None:
    """The newest rows wait for their segment to fill."""
    log, _ = log_with(tmp_path / "hub.sqlite", BLOCK_ROWS - 1, is_loose=True)

    assert seal(log) == 0
    assert counts(log) == (BLOCK_ROWS - 1, 0)
    log.close()


def test_sealing_goes_on_after_a_reopening(tmp_path: Path) -> None:
    """Rows appended to a sealed log follow on in the next block."""
    path = tmp_path / "hub.sqlite"
    log, meter_log = log_with(path, BLOCK_ROWS)
    seal(log)
    log.close()

    log = Log(path)
    append(log, log.meters[METER], rows_every(BLOCK_ROWS, first_seq=BLOCK_ROWS + 1))
    seal(log)

    assert [row.seq for row in sound_rows(log, meter_log)] == list(range(1, 2 * BLOCK_ROWS + 1))
    assert counts(log) == (0, 2)
    log.close()


def test_a_damaged_row_is_sealed_around(tmp_path: Path) -> None:
    """Its neighbours are sealed; it stays where it is, and is still said to be damaged."""
    log, meter_log = log_with(tmp_path / "hub.sqlite", BLOCK_ROWS, is_loose=True)
    log.write("UPDATE samples SET checksum = checksum + 1 WHERE seq IN (5, 360)", ())

    assert seal(log) == BLOCK_ROWS - 2
    assert seal(log) == 0

    holes = [one for one in log.read(meter_log.log, 1, BLOCK_ROWS) if isinstance(one, Hole)]
    assert holes == [Hole(5, 5, GapKind.DAMAGED), Hole(360, 360, GapKind.DAMAGED)]
    assert counts(log) == (2, 2)
    log.close()


def test_a_segment_of_damage_alone_does_not_hold_up_the_rest(tmp_path: Path) -> None:
    """Nothing of it can be sealed; the segment after it is."""
    log, _ = log_with(tmp_path / "hub.sqlite", 2 * BLOCK_ROWS, is_loose=True)
    log.write("UPDATE samples SET checksum = checksum + 1 WHERE seq <= ?", (BLOCK_ROWS,))

    assert seal(log) == BLOCK_ROWS
    assert counts(log) == (BLOCK_ROWS, 1)
    log.close()


def test_rows_that_no_column_holds_are_sealed_in_parts(tmp_path: Path) -> None:
    """Two values too far apart for one column part the segment, and lose nothing."""
    rows = rows_every(BLOCK_ROWS)
    rows[9] = row_at(10, 0, {"import_mwh": -(2**63)})
    rows[10] = row_at(11, 0, {"import_mwh": 2**63 - 1})
    log, meter_log = log_with(tmp_path / "hub.sqlite", 0)
    append_loose(log, meter_log, rows)

    seal(log)

    assert sound_rows(log, meter_log) == rows
    assert counts(log)[1] > 1
    log.close()


@pytest.mark.parametrize(
    "change",
    [
        "body = zeroblob(100)",
        "body = 7",
        "checksum = checksum + 1",
        "row_count = 9",
        "last_seq = 400",
        "last_seq = 'x'",
        "last_seq = 99999999",
    ],
)
def test_a_damaged_block_is_a_hole_between_its_neighbours(tmp_path: Path, change: str) -> None:
    """It is declared by its range, never longer than up to the next; the others are read."""
    log, meter_log = log_with(tmp_path / "hub.sqlite", 3 * BLOCK_ROWS)
    seal(log)
    log.write(f"UPDATE blocks SET {change} WHERE first_seq = ?", (BLOCK_ROWS + 1,))

    read = list(log.read(meter_log.log, 1, 3 * BLOCK_ROWS))

    holes = [one for one in read if isinstance(one, Hole)]
    assert [(hole.first_seq, hole.kind) for hole in holes] == [(361, GapKind.DAMAGED)]
    assert holes[0].last_seq in (400, 720)
    assert len([one for one in read if isinstance(one, LogRow)]) == 2 * BLOCK_ROWS
    log.close()


def test_a_block_is_freed_when_the_whole_of_it_may_go(tmp_path: Path) -> None:
    """Freeing into its middle leaves it; up to its end takes it and counts its rows."""
    log, meter_log = log_with(tmp_path / "hub.sqlite", BLOCK_ROWS + 10, is_loose=True)
    seal(log)

    assert log.free(meter_log.log, 1, 100) == 0
    assert log.free(meter_log.log, 1, BLOCK_ROWS + 3) == BLOCK_ROWS + 3
    assert log.held_range(meter_log.log) == (BLOCK_ROWS + 4, BLOCK_ROWS + 10)
    log.close()


def test_sealing_that_breaks_changes_nothing(tmp_path: Path) -> None:
    """A disk that is full in the middle of it leaves the rows as they are."""
    log, _ = log_with(tmp_path / "hub.sqlite", BLOCK_ROWS, is_loose=True)
    log.write(
        "CREATE TRIGGER broken BEFORE DELETE ON samples BEGIN SELECT RAISE(ABORT, 'no'); END", ()
    )

    with pytest.raises(sqlite3.IntegrityError):
        seal(log)

    assert counts(log) == (BLOCK_ROWS, 0)
    log.close()


def test_rows_packed_as_they_were_committed_are_sealed_together(tmp_path: Path) -> None:
    """Commits by their window write small blocks; a full segment of them becomes one."""
    log, meter_log = log_with(tmp_path / "hub.sqlite", 3)
    rows = rows_every(BLOCK_ROWS + 57, first_seq=4, start_ms=30_000)
    for start in range(0, len(rows), 6):
        packed = [(meter_log, row) for row in rows[start : start + 6]]
        log.commit(Batch(rows=packed))
    before = list(log.read(meter_log.log, 1, 9_999))
    as_committed = counts(log)

    sealed = seal(log)

    assert as_committed == (6, 69)
    assert sealed == 363
    assert counts(log) == (3, 10)
    assert list(log.read(meter_log.log, 1, 9_999)) == before
    assert [row.seq for row in sound_rows(log, meter_log)] == list(range(1, BLOCK_ROWS + 61))
    log.close()


def test_a_damaged_commit_is_sealed_around(tmp_path: Path) -> None:
    """A small block that rotted stays where it is; its neighbours are sealed."""
    log, meter_log = log_with(tmp_path / "hub.sqlite", 0)
    rows = rows_every(BLOCK_ROWS)
    for start in range(0, len(rows), 6):
        packed = [(meter_log, row) for row in rows[start : start + 6]]
        log.commit(Batch(rows=packed))
    log.write("UPDATE blocks SET checksum = 0 WHERE first_seq = 61", ())

    seal(log)

    holes = [one for one in log.read(meter_log.log, 1, BLOCK_ROWS) if isinstance(one, Hole)]
    assert holes == [Hole(61, 66, GapKind.DAMAGED)]
    assert counts(log) == (0, 3)
    assert seal(log) == 0
    log.close()


def test_rows_that_no_column_holds_are_committed_in_one_block(tmp_path: Path) -> None:
    """A commit codes no differences: values however far apart are taken as they are."""
    log, meter_log = log_with(tmp_path / "hub.sqlite", 0)
    rows = rows_every(6)
    rows[1] = row_at(2, 0, {"import_mwh": 2**63 - 1})
    rows[2] = row_at(3, 0, {"import_mwh": -(2**63)})

    append(log, meter_log, rows)

    assert counts(log) == (0, 1)
    assert sound_rows(log, meter_log) == rows
    log.close()


def test_a_commit_of_many_rows_is_parted(tmp_path: Path) -> None:
    """A rotten byte takes no more than a block of sixty; a few left over are rows."""
    log, meter_log = log_with(tmp_path / "hub.sqlite", 0)

    rows = append(log, meter_log, rows_every(2 * MOST_PACKED_ROWS + LEAST_PACKED_ROWS - 1))

    assert counts(log) == (LEAST_PACKED_ROWS - 1, 2)
    assert sound_rows(log, meter_log) == rows
    log.close()


def test_rows_that_leave_out_a_sequence_are_committed_as_rows(tmp_path: Path) -> None:
    """A block has every sequence of its range but those that thinning gave up."""
    log, meter_log = log_with(tmp_path / "hub.sqlite", 0)
    rows = [row for row in rows_every(9) if row.seq != 4]

    append(log, meter_log, rows)

    assert counts(log) == (8, 0)
    assert sound_rows(log, meter_log) == rows
    log.close()


def test_blocks_of_a_commit_by_an_earlier_version_are_read_and_sealed(tmp_path: Path) -> None:
    """They are packed as segments are; the columns of a sealed block come of either."""
    log, meter_log = log_with(tmp_path / "hub.sqlite", 0)
    rows = rows_every(BLOCK_ROWS)
    for start in range(0, BLOCK_ROWS // 2, 6):
        head, body, kept = make_block(1, rows[start : start + 6], detail=AS_COMMITTED)
        append(log, meter_log, rows[start : start + 1])
        log.write("DELETE FROM samples", ())
        log.write("INSERT INTO blocks VALUES (?, ?, ?, ?, ?, ?, ?)", (*head, kept, body))
    append(log, meter_log, rows[BLOCK_ROWS // 2 :])

    before = sound_rows(log, meter_log)
    sealed = seal(log)

    assert before == sound_rows(log, meter_log) == rows
    assert (sealed, counts(log)) == (BLOCK_ROWS, (0, 1))
    log.close()
