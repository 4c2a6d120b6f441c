"""The log: all of a batch or none, no sequence twice, damage found, quarantine bounded."""

import sqlite3
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from agent.log import Log
from agent.records import Batch, Hole, RowsOfLog, RunChange, Specimen, by_log
from agent.rows import LogRow
from agent.writer import MAX_QUARANTINE_BYTES, MAX_QUARANTINE_ROWS
from shared.frames import GapKind
from shared.readings import Medium
from tests.support.hubs import (
    METER,
    append,
    append_loose,
    log_with,
    row_at,
    rows_every,
    sound_rows,
)


def specimen(reason: str = "noise", raw: bytes = b"?") -> Specimen:
    return Specimen(1, "link", reason, "detail", raw)


def test_rows_come_back_as_they_were_written(tmp_path: Path) -> None:
    """Every field of a row survives the file and a reopening."""
    log, meter_log = log_with(tmp_path / "hub.sqlite", 0)
    rows = [
        row_at(1, 10, {"import_mwh": 5, "power_import_w": -7}, quality=2),
        row_at(2, 20, {"import_mwh": 2**62}, meter_clock_ms=99, captured_at_ms=-3, boot=4),
    ]
    append(log, meter_log, rows)
    log.close()

    reopened = Log(tmp_path / "hub.sqlite")

    assert list(reopened.read(meter_log.log, 1, 2)) == rows
    assert reopened.meters[METER] == meter_log
    assert reopened.last_row(meter_log.log) == rows[-1]
    reopened.close()


def test_register_names_survive_and_grow(tmp_path: Path) -> None:
    """A name is numbered once; names that come later do not move the earlier ones."""
    path = tmp_path / "hub.sqlite"
    log, meter_log = log_with(path, 0)
    append(log, meter_log, [row_at(1, 1, {"b_w": 1, "a_w": 2})])
    log.close()
    reopened = Log(path)
    append(reopened, reopened.meters[METER], [row_at(2, 2, {"c_w": 3, "a_w": 4})])

    rows = sound_rows(reopened, meter_log)

    assert [row.registers for row in rows] == [{"b_w": 1, "a_w": 2}, {"c_w": 3, "a_w": 4}]
    reopened.close()


def test_samples_of_changing_registers_are_told_apart(tmp_path: Path) -> None:
    """As many registers but others, fewer, more, none: each row has what it had."""
    log, meter_log = log_with(tmp_path / "hub.sqlite", 0)
    said = [{"a_w": 1, "b_w": 2}, {"a_w": 3, "c_w": 4}, {"b_w": 5}, {"a_w": 6, "b_w": 7}, {}]

    append(log, meter_log, [row_at(seq, seq, one) for seq, one in enumerate(said, 1)])

    assert [row.registers for row in sound_rows(log, meter_log)] == said
    log.close()


def test_every_flipped_byte_of_a_stored_row_is_found(tmp_path: Path) -> None:
    """A row whose bytes rotted on the card comes as damaged, and its neighbours are read."""
    log, meter_log = log_with(tmp_path / "hub.sqlite", 3)
    (body,) = log.committed.execute("SELECT body FROM samples WHERE seq = 2").fetchone()

    for place in range(len(body)):
        rotten = bytearray(body)
        rotten[place] ^= 0x10
        log.write("UPDATE samples SET body = ? WHERE seq = 2", (bytes(rotten),))

        read = list(log.read(meter_log.log, 1, 3))

        assert [row.seq if isinstance(row, LogRow) else row for row in read] == [
            1,
            Hole(2, 2, GapKind.DAMAGED),
            3,
        ]
    log.close()


def test_sound_checksum_over_an_unknown_register_is_damage(tmp_path: Path) -> None:
    """A row whose register name is gone cannot be read: damaged, not a crash."""
    path = tmp_path / "hub.sqlite"
    log, meter_log = log_with(path, 1)
    log.write("DELETE FROM register_names", ())
    log.close()

    reopened = Log(path)

    assert list(reopened.read(meter_log.log, 1, 1)) == [Hole(1, 1, GapKind.DAMAGED)]
    assert reopened.last_row(meter_log.log) is None
    reopened.close()


def test_last_row_passes_over_a_damaged_one(tmp_path: Path) -> None:
    """The hub goes on from the newest row it can trust."""
    log, meter_log = log_with(tmp_path / "hub.sqlite", 3)
    log.write("UPDATE samples SET checksum = checksum + 1 WHERE seq = 3", ())

    found = log.last_row(meter_log.log)

    assert found is not None
    assert found.seq == 2
    log.close()


def test_a_sequence_is_never_used_again_after_freeing(tmp_path: Path) -> None:
    """The next sequence is a fact of its own: freeing all rows and reopening goes on counting."""
    path = tmp_path / "hub.sqlite"
    log, meter_log = log_with(path, 5)
    freed = log.free(meter_log.log, 1, 5)
    log.close()

    reopened = Log(path)

    assert freed == 5
    assert reopened.held_range(meter_log.log) is None
    assert reopened.meters[METER].next_seq == 6
    reopened.close()


def test_a_write_that_breaks_leaves_nothing_behind(tmp_path: Path) -> None:
    """A commit refused in its middle leaves no row, no name and no count; later it succeeds."""
    log, meter_log = log_with(tmp_path / "hub.sqlite", 2)
    log.write(
        "CREATE TRIGGER broken BEFORE INSERT ON quarantine BEGIN SELECT RAISE(ABORT, 'no'); END", ()
    )
    batch = Batch(
        rows=[(meter_log, row_at(3, 30_000, {"new_w": 1}))],
        run_changes=[RunChange(meter_log.log, "new_w", 3, "", 7)],
        specimens=[specimen()],
    )

    with pytest.raises(sqlite3.IntegrityError):
        log.commit(batch)

    assert log.held_range(meter_log.log) == (1, 2)
    assert log.runs(meter_log.log) == []
    assert log.quarantine_counts() == {}
    log.write("DROP TRIGGER broken", ())
    log.commit(batch)
    assert [row.registers for row in sound_rows(log, meter_log)][-1] == {"new_w": 1}
    assert log.quarantine_counts() == {"noise": 1}
    log.close()


def test_a_full_disk_refuses_the_whole_batch_and_takes_it_later(tmp_path: Path) -> None:
    """With no page left the commit fails and undoes itself; given room, the same batch goes in."""
    log, meter_log = log_with(tmp_path / "hub.sqlite", 1)
    pages = log._db.execute("PRAGMA page_count").fetchone()[0]
    log._db.execute(f"PRAGMA max_page_count = {pages}")
    batch = Batch(rows=[(meter_log, row) for row in rows_every(2_000, first_seq=2)])

    with pytest.raises(sqlite3.OperationalError, match="full"):
        log.commit(batch)

    assert log.held_range(meter_log.log) == (1, 1)
    log._db.execute(f"PRAGMA max_page_count = {pages + 1_000}")
    log.commit(batch)
    assert len(sound_rows(log, meter_log)) == 2_001
    log.close()


def test_a_batch_no_column_can_hold_is_undone_too(tmp_path: Path) -> None:
    """An error that is not SQLite's leaves no transaction open for the next commit to trip over."""
    log, meter_log = log_with(tmp_path / "hub.sqlite", 1)

    with pytest.raises(OverflowError):
        log.commit(Batch(rows=[(meter_log, row_at(2, 0, {"import_mwh": 2**70}))]))

    append(log, meter_log, [row_at(2, 0)])
    assert log.held_range(meter_log.log) == (1, 2)
    log.close()


def test_a_log_that_cannot_be_started_yet_waits_with_its_rows(tmp_path: Path) -> None:
    """A full disk refuses the commit; the same log and rows are written by the next one."""
    log = Log(tmp_path / "hub.sqlite")
    log.write(
        "CREATE TRIGGER broken BEFORE INSERT ON logs BEGIN SELECT RAISE(ABORT, 'no'); END", ()
    )
    started = log.start_log(METER, Medium.ELECTRICITY)
    batch = Batch(rows=[(started, row_at(1, 0))])
    with pytest.raises(sqlite3.IntegrityError):
        log.commit(batch)
    log.write("DROP TRIGGER broken", ())

    log.commit(batch)

    assert [one.log for one in log.all_logs()] == [started.log]
    assert [row.seq for row in sound_rows(log, started)] == [1]
    log.close()


def test_a_new_log_closes_the_old_one_and_keeps_its_runs(tmp_path: Path) -> None:
    """A log begun anew has another id, starts at 1; its registers stay in their runs."""
    log, meter_log = log_with(tmp_path / "hub.sqlite", 4)
    changes = [
        RunChange(meter_log.log, "import_mwh", 2, "run-a", 0),
        RunChange(meter_log.log, "import_mwh", 4, "run-b", 10**11),
        RunChange(meter_log.log, "export_mwh", 3, "run-c", 0),
    ]
    log.commit(Batch(run_changes=changes))

    started = log.start_log(METER, Medium.ELECTRICITY)
    log.commit(Batch())

    assert started.next_seq == 1
    assert started.log_id != meter_log.log_id
    assert log.meter_log(METER, Medium.ELECTRICITY) is started
    assert [one.log for one in log.all_logs()] == [meter_log.log, started.log]
    assert sorted(log.runs(started.log), key=lambda change: change.register) == [
        RunChange(started.log, "export_mwh", 1, "run-c", 0),
        RunChange(started.log, "import_mwh", 1, "run-b", 10**11),
    ]
    log.close()


def test_quarantine_keeps_the_newest_and_counts_all(tmp_path: Path) -> None:
    """Past the bound old specimens go, their counts stay; a specimen's bytes are cut to size."""
    log = Log(tmp_path / "hub.sqlite")
    log.commit(Batch(specimens=[specimen("noise") for _ in range(MAX_QUARANTINE_ROWS + 20)]))

    log.commit(Batch(specimens=[specimen("bad-crc", b"x" * (MAX_QUARANTINE_BYTES + 1))]))

    kept = log.committed.execute("SELECT count(*), max(length(raw)) FROM quarantine").fetchone()
    assert kept == (MAX_QUARANTINE_ROWS, MAX_QUARANTINE_BYTES)
    assert log.quarantine_counts() == {"noise": MAX_QUARANTINE_ROWS + 20, "bad-crc": 1}
    log.close()


def test_reading_sees_only_what_is_committed(tmp_path: Path) -> None:
    """While another thread's transaction is open, its rows are not there to be framed."""
    log, meter_log = log_with(tmp_path / "hub.sqlite", 2)
    is_written, may_commit = threading.Event(), threading.Event()
    write = log._write

    def write_and_wait(batch: Batch, parted: Sequence[RowsOfLog]) -> None:
        write(batch, parted)
        is_written.set()
        assert may_commit.wait(10)

    log._write = write_and_wait  # type: ignore[method-assign]  # holds the transaction open
    thread = threading.Thread(target=append, args=(log, meter_log, [row_at(3, 30_000)]))
    thread.start()
    assert is_written.wait(10)

    during = log.held_range(meter_log.log)
    may_commit.set()
    thread.join(10)

    assert during == (1, 2)
    assert log.held_range(meter_log.log) == (1, 3)
    log.close()


def test_rows_of_several_logs_are_parted(tmp_path: Path) -> None:
    """Each log's rows are in the order they came, the logs in that of their first row."""
    log, one = log_with(tmp_path / "hub.sqlite", 0)
    other = log.meter_log("other", Medium.GAS)
    first, second, third = rows_every(3)

    assert by_log([]) == []
    assert by_log([(one, first), (one, second)]) == [(one, [first, second])]
    assert by_log([(one, first), (other, second), (one, third)]) == [
        (one, [first, third]),
        (other, [second]),
    ]
    log.close()


def test_a_transaction_ends_however_it_is_left(tmp_path: Path) -> None:
    """One that raised, or could not be begun or committed, is in nobody's way afterwards."""
    log, meter_log = log_with(tmp_path / "hub.sqlite", 1)
    log.write("CREATE TABLE kept (of INTEGER REFERENCES logs DEFERRABLE INITIALLY DEFERRED)", ())

    with pytest.raises(sqlite3.OperationalError), log.transaction() as db:
        [db.execute(f"DELETE FROM {table}") for table in ("blocks", "nowhere")]
    with pytest.raises(sqlite3.IntegrityError), log.transaction() as db:
        db.execute("INSERT INTO kept VALUES (99)")
    log.write("BEGIN", ())
    with pytest.raises(sqlite3.OperationalError), log.transaction():
        pass
    log.write("ROLLBACK", ())
    append(log, meter_log, [row_at(2, 20_000)])

    assert log.held_range(meter_log.log) == (1, 2)
    log.close()


def test_a_range_is_read_as_columns_where_blocks_have_all_of_it(tmp_path: Path) -> None:
    """The rows of both readings are the same; a hole, and a row by itself, have no columns."""
    log, meter_log = log_with(tmp_path / "hub.sqlite", 100)
    append_loose(log, meter_log, rows_every(2, first_seq=101))
    append(log, meter_log, rows_every(9, first_seq=111))

    columns = log.read_columns(meter_log.log, 7, 93)

    assert columns is not None
    assert columns.rows() == list(log.read(meter_log.log, 7, 93))
    assert log.read_columns(meter_log.log, 99, 101) is None
    assert log.read_columns(meter_log.log, 101, 102) is None
    assert log.read_columns(meter_log.log, 100, 111) is None
    assert log.read_columns(meter_log.log, 115, 120) is None
    assert log.read_columns(meter_log.log, 500, 501) is None
    log.close()


def test_rows_are_read_back_from_the_newest(tmp_path: Path) -> None:
    """Over blocks, rows by themselves and holes alike, as far as is asked for and there are any."""
    log, meter_log = log_with(tmp_path / "hub.sqlite", 200)
    append_loose(log, meter_log, rows_every(2, first_seq=201))
    append(log, meter_log, rows_every(9, first_seq=210))
    log.write("UPDATE blocks SET checksum = checksum + 1 WHERE first_seq = 121", ())

    back = [row.seq for row in log.rows_back(meter_log.log, 218, 118)]

    assert back == [*range(218, 209, -1), 202, 201, *range(200, 180, -1), *range(120, 100, -1)]
    assert [row.seq for row in log.rows_back(meter_log.log, 3, 99)] == [3, 2, 1]
    assert list(log.rows_back(meter_log.log, 209, 5)) == []
    log.close()


def test_the_newest_sound_row_is_found_past_damage(tmp_path: Path) -> None:
    """A card may have lost the last blocks."""
    log, meter_log = log_with(tmp_path / "hub.sqlite", 200)

    log.write("UPDATE blocks SET checksum = checksum + 1 WHERE first_seq > 60", ())
    newest = log.last_row(meter_log.log)
    log.write("UPDATE blocks SET checksum = checksum + 1 WHERE first_seq <= 60", ())

    assert newest is not None
    assert newest.seq == 60
    assert log.last_row(meter_log.log) is None
    log.close()


def test_held_range_within_a_range(tmp_path: Path) -> None:
    """What is held can be asked for a part of a log."""
    log, meter_log = log_with(tmp_path / "hub.sqlite", 9, is_loose=True)
    log.free(meter_log.log, 3, 5)

    assert log.held_range(meter_log.log, (2, 8)) == (2, 8)
    assert log.held_range(meter_log.log, (3, 6)) == (6, 6)
    assert log.held_range(meter_log.log, (3, 5)) is None
    log.close()


def test_boots_are_numbered_once(tmp_path: Path) -> None:
    """A boot has one number for ever, and another boot another."""
    log = Log(tmp_path / "hub.sqlite")

    numbers = [log.boot_number(boot_id) for boot_id in ("a", "b", "a")]

    assert numbers[0] == numbers[2] != numbers[1]
    log.close()


def test_facts_and_delivery_are_kept(tmp_path: Path) -> None:
    """Small facts, stored ranges and refused ranges survive reopening."""
    path = tmp_path / "hub.sqlite"
    log, meter_log = log_with(path, 1)
    log.put_fact("store_id", b"a")
    log.commit(Batch(stored={meter_log.log: [(1, 1, 0)]}))
    log.hold(meter_log.log, 5, 6, "bad-value")
    log.close()

    reopened = Log(path)

    assert reopened.fact("store_id") == b"a"
    assert reopened.fact("other") is None
    assert reopened.stored_ranges(meter_log.log) == [(1, 1, 0)]
    assert reopened.held_refused(meter_log.log) == [(5, 6, "bad-value")]
    reopened.close()
