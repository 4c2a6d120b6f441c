"""The marks: reserved ahead of use, in steps, readable after any torn write."""

from pathlib import Path

from agent.log import Log
from agent.marks import (
    MARKS_NAME,
    MAX_MARKS,
    SLOT_BYTES,
    STEP,
    LogName,
    Marks,
    place_of,
    read_marks,
)
from agent.records import MeterLog, RowsOfLog
from shared.readings import Medium
from tests.support.hubs import METER, append, row_at, rows_every

ID = bytes(16)


def rows(first_seq: int, count: int, log_id: bytes = ID) -> list[RowsOfLog]:
    """Make rows of one log as a commit parts them."""
    meter_log = MeterLog(1, log_id, METER, Medium.ELECTRICITY, first_seq)
    return [(meter_log, rows_every(count, first_seq=first_seq))]


def test_sequences_are_reserved_before_they_are_used(tmp_path: Path) -> None:
    """The file covers the rows of a batch when `cover` returns, and the ones of a step more."""
    marks = Marks(tmp_path / MARKS_NAME, "here")

    marks.cover(rows(1, 6))

    known = read_marks(tmp_path / MARKS_NAME)
    assert known is not None
    assert known.reserved[ID] == 6 + STEP
    assert known.certain[ID] == 1


def test_a_step_is_one_write(tmp_path: Path) -> None:
    """Commits within what is reserved leave the file alone."""
    marks = Marks(tmp_path / MARKS_NAME, "here")

    for first_seq in range(1, 2 * STEP, 6):
        marks.cover(rows(first_seq, 6))

    assert marks.generation == 2


def test_a_log_is_behind_what_it_certainly_used(tmp_path: Path) -> None:
    """Sequences committed before the last mark are certain; what was only reserved is not."""
    marks = Marks(tmp_path / MARKS_NAME, "here")
    for first_seq in (1, 1_000, 2_000):
        marks.cover(rows(first_seq, 6))

    assert marks.is_behind(ID, 1_999)
    assert not marks.is_behind(ID, 2_000)
    assert not marks.is_behind(b"another", 1)


def test_a_torn_slot_leaves_the_one_before(tmp_path: Path) -> None:
    """Whatever a power cut leaves of one write, the marks before it are read."""
    path = tmp_path / MARKS_NAME
    marks = Marks(path, "here")
    for first_seq in (1, 1_000, 2_000):
        marks.cover(rows(first_seq, 6))
        newest = marks.generation % 2 * SLOT_BYTES
        whole = path.read_bytes()

        for place in range(newest, newest + 120, 7):
            path.write_bytes(whole[:place] + b"\xff" + whole[place + 1 :])
            known = read_marks(path)
            generation = known.generation if known is not None else 0
            assert generation in (marks.generation - 1, marks.generation)
        path.write_bytes(whole)


def test_a_log_is_named_beside_its_marks(tmp_path: Path) -> None:
    """Its number, its meter and what that measures; marks without names are marks all the same."""
    path = tmp_path / MARKS_NAME
    marks = Marks(path, "here")
    marks.cover(rows(1, 6))
    whole = path.read_bytes()

    named = read_marks(path)
    at = whole.index(METER.encode())
    path.write_bytes(whole[:at] + b"?" + whole[at + 1 :])
    torn = read_marks(path)

    assert named is not None
    assert named.names == {ID: LogName(1, METER, Medium.ELECTRICITY)}
    assert torn is not None
    assert (torn.certain, torn.names) == (named.certain, {})


def test_names_that_find_no_room_are_left_out_oldest_first(tmp_path: Path) -> None:
    """The marks come first."""
    marks = Marks(tmp_path / MARKS_NAME, "here")

    for number in range(1, MAX_MARKS + 1):
        marks.cover(rows(1, 1, number.to_bytes(16, "big")))

    known = read_marks(tmp_path / MARKS_NAME)
    assert known is not None
    assert len(known.reserved) == MAX_MARKS
    assert 0 <= len(known.names) < MAX_MARKS
    assert list(known.names) == list(known.reserved)[MAX_MARKS - len(known.names) :]


def test_a_file_of_rubbish_holds_no_marks(tmp_path: Path) -> None:
    """Missing, empty and foreign files are no marks."""
    path = tmp_path / MARKS_NAME
    assert read_marks(path) is None
    for rubbish in (b"", b"x" * 3 * SLOT_BYTES, bytes(2 * SLOT_BYTES)):
        path.write_bytes(rubbish)
        assert read_marks(path) is None


def test_marks_are_bounded(tmp_path: Path) -> None:
    """A hub that begins very many logs keeps the marks of the newest."""
    marks = Marks(tmp_path / MARKS_NAME, "here")

    for number in range(MAX_MARKS + 20):
        marks.cover(rows(1, 1, number.to_bytes(16, "big")))

    known = read_marks(tmp_path / MARKS_NAME)
    assert known is not None
    assert len(known.reserved) == len(known.certain) == MAX_MARKS


def test_marks_that_cannot_be_written_hold_up_no_commit(tmp_path: Path) -> None:
    """A folder that is gone costs the marks, not the rows."""
    log = Log(tmp_path / "hub.sqlite")
    log.use_marks(Marks(tmp_path / "gone" / MARKS_NAME, "here"))
    meter_log = log.meter_log(METER, Medium.ELECTRICITY)

    append(log, meter_log, [row_at(1, 0)])

    assert log.count_rows(meter_log.log) == 1
    log.close()


def test_a_copied_file_lies_elsewhere(tmp_path: Path) -> None:
    """A renamed file is the same place, a copy is another."""
    original = tmp_path / "a"
    original.write_bytes(b"x")
    place = place_of(original)

    copy = tmp_path / "b"
    copy.write_bytes(b"x")
    renamed = original.rename(tmp_path / "c")

    assert place_of(renamed) == place
    assert place_of(copy) != place
