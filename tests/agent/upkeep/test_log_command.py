"""`hearthlink log`: looks, checks, copies and gives out, beside the hub where it can."""

import csv
import io
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from agent.blocks import BLOCK_ROWS
from agent.consent import LimitState, encode_limit_state
from agent.consent_record import LIMIT_FACT, ConsentRecord, read_record
from agent.log import Log
from agent.pieces import Piece
from agent.records import Batch, Departed, DepartureKey
from agent.upkeep import cli
from agent.upkeep.export import CSV_HEAD
from agent.upkeep.opening import RENEWED_FACT, RESTORED, open_log
from agent.upkeep.sealing import seal
from shared.consent import Granularity
from shared.errors import OperatorError
from shared.readings import Medium
from shared.units import MS_PER_DAY
from tests.support.hubs import BOOT, METER, START_MS, append, append_loose, rows_every, sound_rows

ROWS = BLOCK_ROWS + 40


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state folder with a log of which a part is sealed; the configuration names it."""
    folder = tmp_path / "state"
    folder.mkdir()
    monkeypatch.setenv("HEARTHLINK_HUB_STATE_DIR", str(folder))
    monkeypatch.setenv("HEARTHLINK_METER_LINK", "replay:none")
    log = open_log(folder / "hub.sqlite")
    log.boot_number("boot")
    log.add_clock_piece(Piece(BOOT, 0, START_MS, 10, "ntp"))
    append_loose(log, log.meter_log(METER, Medium.ELECTRICITY), rows_every(ROWS))
    seal(log)
    log.close()
    return folder


def run(*arguments: str) -> int:
    """Run the command."""
    return cli.run(arguments)


def test_status_counts_what_is_held(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Samples, sealed ones, the range and the size; also while a hub has the log open."""
    hub = Log(state / "hub.sqlite")

    assert run("status", "--json") == 0

    said = json.loads(capsys.readouterr().out)
    (log,) = said["logs"]
    assert (log["rows"], log["sealed"], log["held"]) == (ROWS, BLOCK_ROWS, [1, ROWS])
    assert said["bytes"] > 0
    hub.close()


def test_status_is_said_in_words(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A line for each log, with what was given up or lost only where there is any."""
    log = Log(state / "hub.sqlite")
    log.declare_lost(1, ROWS + 1, ROWS + 5, "salvaged")
    log.close()

    run("status")

    line = capsys.readouterr().out.splitlines()[1]
    assert line.startswith(f"{METER} (electricity, log ")
    assert f"{ROWS:,} samples ({BLOCK_ROWS:,} sealed), 0 stored, 5 lost" in line
    assert "thinned" not in line


def test_what_left_is_listed(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By day, for people and as JSON; also while a hub has the log open."""
    assert run("sent") == 0
    nothing = capsys.readouterr().out
    hub = Log(state / "hub.sqlite")
    key = DepartureKey(START_MS // MS_PER_DAY, METER, hub.meters[METER].log, "daily")
    hub.commit(Batch(departures=[(key, Departed(1, 100, 1, 2, 98))]))

    assert run("sent") == 0
    words = capsys.readouterr().out
    assert run("sent", "--json") == 0
    (line,) = json.loads(capsys.readouterr().out)["departures"]

    assert nothing == "nothing has left this house yet\n"
    assert words.startswith("2026-03-01 M1, daily: 2 samples left and 98 were held back")
    assert (line["day"], line["samples"], line["withheld"]) == ("2026-03-01", 2, 98)
    hub.close()


def test_a_database_from_before_the_record_has_nothing_to_list(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The hub brings it up to date at its next start; until then it is only read."""
    monkeypatch.setenv("HEARTHLINK_HUB_STATE_DIR", str(tmp_path))
    monkeypatch.setenv("HEARTHLINK_METER_LINK", "replay:none")
    schema = Path(__file__).parents[1] / "databases" / "schema_2.sql"
    with closing(sqlite3.connect(tmp_path / "hub.sqlite")) as old:
        old.executescript(schema.read_text())

    assert run("sent") == 0

    assert capsys.readouterr().out == "nothing has left this house yet\n"


@pytest.mark.usefixtures("state")
def test_verify_finds_a_sound_log_whole(capsys: pytest.CaptureFixture[str]) -> None:
    """Everything is read; nothing is wrong."""
    assert run("verify") == 0
    assert "everything is whole" in capsys.readouterr().out


def test_verify_names_what_is_damaged_or_missing(
    state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A rotten block, a rotten row and a row that is gone are each counted, and it fails."""
    with closing(sqlite3.connect(state / "hub.sqlite", isolation_level=None)) as connection:
        connection.execute("UPDATE blocks SET checksum = checksum + 1")
        connection.execute("UPDATE samples SET checksum = checksum + 1 WHERE seq = ?", (ROWS,))
        connection.execute("DELETE FROM samples WHERE seq = ?", (ROWS - 1,))

    assert run("verify", "--json") == 1

    (log,) = json.loads(capsys.readouterr().out)["logs"]
    assert (log["damaged"], log["missing"]) == (BLOCK_ROWS + 1, 1)
    assert log["damaged_ranges"] == [[1, BLOCK_ROWS], [ROWS, ROWS]]


@pytest.mark.usefixtures("state")
def test_export_writes_every_sample_as_csv(tmp_path: Path) -> None:
    """A line for each register of each sample, with its time."""
    target = tmp_path / "out.csv"

    assert run("export", "--output", str(target)) == 0

    lines = list(csv.DictReader(io.StringIO(target.read_text())))
    assert len(lines) == ROWS
    assert lines[0]["taken_at"] == "2026-03-01T00:00:10.000Z"
    assert (lines[0]["meter"], lines[0]["register"], lines[0]["value"]) == (
        METER,
        "import_mwh",
        "1001000",
    )


@pytest.mark.usefixtures("state")
def test_export_writes_one_meter_as_json_lines(capsys: pytest.CaptureFixture[str]) -> None:
    """One object a sample; of another meter, nothing."""
    run("export", "--format", "jsonl", "--meter", METER)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    run("export", "--format", "jsonl", "--meter", "another")

    assert [line["seq"] for line in lines] == list(range(1, ROWS + 1))
    assert lines[0]["registers"] == {"import_mwh": 1_001_000}
    assert lines[0]["taken_at_ms"] == START_MS + 10_000
    assert capsys.readouterr().out == ""


@pytest.mark.usefixtures("state")
@pytest.mark.parametrize(
    ("range_", "first", "last"),
    [
        (("--from", "2026-03-01T00:01:00Z", "--to", "2026-03-01T00:02:00Z"), 6, 11),
        (("--from", "2026-03-01T01:00:30+01:00"), 3, ROWS),
        (("--to", "2026-03-01T00:00:30Z"), 1, 2),
        (("--from", "2026-03-01", "--to", "2026-03-02"), 1, ROWS),
    ],
)
def test_export_writes_a_range(
    capsys: pytest.CaptureFixture[str], range_: tuple[str, ...], first: int, last: int
) -> None:
    """`[from, to)`, by instants of any offset or by days of the home."""
    assert run("export", "--format", "jsonl", *range_) == 0

    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["seq"] for line in lines] == list(range(first, last + 1))


@pytest.mark.usefixtures("state")
def test_a_range_that_holds_nothing_has_a_head_and_no_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A day of before, or after."""
    run("export", "--to", "2026-03-01")

    assert capsys.readouterr().out == ",".join(CSV_HEAD) + "\n"


@pytest.mark.usefixtures("state")
@pytest.mark.parametrize(
    ("range_", "named"),
    [
        (("--from", "yesterday"), "--from = 'yesterday' is no time"),
        (("--to", "2026-03-01T00:00:00"), "has no offset"),
        (("--to", "1926-03-01"), "not in this century"),
        (("--from", "2026-03-02", "--to", "2026-03-02"), "is not after"),
    ],
)
def test_a_range_that_is_none_is_refused(
    tmp_path: Path, range_: tuple[str, ...], named: str
) -> None:
    """Before a file is made, with what was written and how to write it."""
    target = tmp_path / "out.csv"

    with pytest.raises(OperatorError, match=named) as caught:
        run("export", "--output", str(target), *range_)

    assert caught.value.hint
    assert not target.exists()


@pytest.mark.usefixtures("state")
def test_samples_whose_time_nobody_knows_are_in_no_range(
    state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a range they are written, with no time."""
    log = open_log(state / "hub.sqlite")
    untimed = [
        msgspec.structs.replace(row, boot=BOOT + 1) for row in rows_every(1, first_seq=ROWS + 1)
    ]
    append(log, log.meters[METER], untimed)
    log.close()

    run("export", "--format", "jsonl")
    everything = capsys.readouterr().out.splitlines()
    run("export", "--format", "jsonl", "--from", "2000-01-01")
    timed = capsys.readouterr().out.splitlines()

    assert (len(everything), len(timed)) == (ROWS + 1, ROWS)
    assert json.loads(everything[-1])["taken_at_ms"] is None


@pytest.mark.usefixtures("state")
def test_export_overwrites_nothing(tmp_path: Path) -> None:
    """A file that is there is somebody's."""
    target = tmp_path / "out.csv"
    target.write_text("mine")

    with pytest.raises(OperatorError, match="cannot be written"):
        run("export", "--output", str(target))

    assert target.read_text() == "mine"


def test_compact_seals_and_takes_the_small_pages(
    state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A database of before is brought to today's page size, and holds what it held."""
    path = state / "hub.sqlite"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
        connection.execute("PRAGMA page_size = 4096")
        connection.execute("VACUUM")
    log = open_log(path)
    meter_log = log.meters[METER]
    append(log, meter_log, rows_every(BLOCK_ROWS, first_seq=ROWS + 1))
    log.close()

    assert run("compact", "--json") == 0

    sizes = json.loads(capsys.readouterr().out)
    log = open_log(path)
    assert sizes["bytes_after"] < sizes["bytes_before"]
    assert log.committed.execute("PRAGMA page_size").fetchone() == (1_024,)
    assert log.committed.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert [row.seq for row in sound_rows(log, meter_log)] == list(range(1, ROWS + BLOCK_ROWS + 1))
    assert log.meters[METER].log_id == meter_log.log_id
    log.close()


def test_a_backup_is_restored_under_new_ids(
    state: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Taken beside a running hub; what came after it is declared; the former file is kept."""
    path, backup = state / "hub.sqlite", tmp_path / "backup.sqlite"
    log = open_log(path)
    log_id = log.meters[METER].log_id
    assert run("backup", str(backup), "--json") == 0
    assert json.loads(capsys.readouterr().out)["samples"] == ROWS
    append(log, log.meters[METER], rows_every(6, first_seq=ROWS + 1))
    log.close()

    assert run("restore", str(backup)) == 0

    log = open_log(path)
    assert log.meters[METER].log_id != log_id
    assert RESTORED in (log.fact(RENEWED_FACT) or b"").decode()
    assert log.count_rows(1) == ROWS
    assert log.held_range(1) == (1, ROWS + 6)
    assert (state / "hub.sqlite.replaced-1").exists()
    log.close()


def test_a_restore_lets_no_more_out_than_before(state: Path, tmp_path: Path) -> None:
    """What the household chose since the backup holds, and so does the cloud's limit."""
    path, backup = state / "hub.sqlite", tmp_path / "backup.sqlite"
    limits = LimitState([(START_MS, Granularity.DAILY)], revision=3)
    log = open_log(path)
    log.write("INSERT INTO consent VALUES (?, ?)", (START_MS, "10s"))
    log.close()
    run("backup", str(backup))
    log = open_log(path)
    log.write("INSERT INTO consent VALUES (?, ?)", (START_MS + 1, "none"))
    log.put_fact(LIMIT_FACT, encode_limit_state(limits))
    log.close()

    run("restore", str(backup))

    log = open_log(path)
    choices = [(START_MS, Granularity.TEN_SECONDS), (START_MS + 1, Granularity.NONE)]
    assert read_record(log.committed) == ConsentRecord(choices, limits, is_lost=False)
    log.close()


def test_a_restore_over_a_ruin_lets_nothing_out(state: Path, tmp_path: Path) -> None:
    """Nobody can tell what was chosen since the backup."""
    path, backup = state / "hub.sqlite", tmp_path / "backup.sqlite"
    run("backup", str(backup))
    path.write_bytes(b"rubbish" * 1_000)

    run("restore", str(backup))

    log = open_log(path)
    assert read_record(log.committed) == ConsentRecord([(0, Granularity.NONE)], None, is_lost=True)
    log.close()


def test_a_damaged_backup_is_not_restored(state: Path, tmp_path: Path) -> None:
    """It is read wholly before anything is touched."""
    backup = tmp_path / "backup.sqlite"
    run("backup", str(backup))
    with closing(sqlite3.connect(backup, isolation_level=None)) as connection:
        connection.execute("UPDATE blocks SET checksum = checksum + 1")
    before = (state / "hub.sqlite").read_bytes()

    with pytest.raises(OperatorError, match="360 samples damaged"):
        run("restore", str(backup))

    assert (state / "hub.sqlite").read_bytes() == before


@pytest.mark.usefixtures("state")
def test_a_backup_overwrites_nothing_and_a_missing_one_is_named(tmp_path: Path) -> None:
    """Both say which file."""
    taken = tmp_path / "taken"
    taken.write_text("mine")

    with pytest.raises(OperatorError, match="is there already"):
        run("backup", str(taken))
    with pytest.raises(OperatorError, match="is not there"):
        run("restore", str(tmp_path / "missing"))


def test_a_folder_without_a_log_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is nothing to look at yet, and it says what to do."""
    monkeypatch.setenv("HEARTHLINK_HUB_STATE_DIR", str(tmp_path))
    monkeypatch.setenv("HEARTHLINK_METER_LINK", "replay:none")

    with pytest.raises(OperatorError, match="has not run"):
        run("status")


@pytest.mark.usefixtures("state")
def test_what_takes_long_shows_a_bar_on_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is wiped away when the work is done, and never stands in the output."""
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setattr(cli, "SHOW_AFTER_S", -1.0)

    run("verify")

    captured = capsys.readouterr()
    assert "reading [" in captured.err
    assert captured.err.endswith("\x1b[K")
    assert "[" not in captured.out
