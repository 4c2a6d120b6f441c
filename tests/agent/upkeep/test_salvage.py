"""Salvage, page by page: whichever table or index rots, nothing is taken for something else."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pytest

from agent.consent import Consent
from agent.consent_record import read_record
from agent.database import migrations
from agent.doctor.history import judge_ids
from agent.heard import Moment
from agent.log import Log
from agent.marks import MARKS_NAME, LogName, Marks, place_of, read_marks
from agent.pieces import Piece
from agent.records import Batch, Departed, DepartureKey, Hole, RunChange, Specimen
from agent.rows import LogRow
from agent.sharing import Sharing
from agent.status import _lost_samples
from agent.upkeep.lostlogs import name_lost_logs
from agent.upkeep.opening import open_log
from agent.upkeep.salvage import Salvage, read_salvage
from agent.upkeep.sealing import seal
from agent.upkeep.storage_days import StorageDays, encode_days, fact_of
from shared.consent import Granularity
from shared.frames import GapKind
from shared.meterdays import edges_of, pack_day
from shared.readings import Medium
from tests.support.hubs import GAS_METER, METER, START_MS, append, append_loose, row_at

MEDIA = {METER: Medium.ELECTRICITY, GAS_METER: Medium.GAS}
BOOTS = {"boot-1": 1, "boot-2": 2, "boot-3": 3}
SCHEMA = "sqlite_schema"


class World(NamedTuple):
    """A database as it was closed: its bytes, its rows by log id and sequence, its table sizes."""

    content: bytes
    rows: dict[tuple[bytes, int], LogRow]
    sizes: dict[str, int]
    pages: dict[str, tuple[int, str]]
    marks: bytes


def roots() -> list[str]:
    """Name every table and index of the newest schema, and the page that lists them."""
    with closing(sqlite3.connect(":memory:")) as connection:
        for _, sql in migrations():
            connection.executescript(sql)
        named = connection.execute("SELECT name FROM sqlite_master WHERE rootpage > 0")
        return [SCHEMA, *(name for (name,) in named)]


def write_rows(log: Log) -> None:
    """Give both meters sealed, packed and loose rows, of three boots and of changing registers."""
    for boot in BOOTS:
        log.boot_number(boot)
    log.add_clock_piece(Piece(1, 0, START_MS, 10, "ntp"))
    log.add_clock_piece(Piece(2, 0, START_MS + 10_000_000, 10, "ntp"))
    power = log.meter_log(METER, Medium.ELECTRICITY)
    gas = log.meter_log(GAS_METER, Medium.GAS)
    append_loose(log, power, [row_at(1, 10_000, {"export_mwh": 5, "import_mwh": 1})])
    for first in range(2, 410, 60):
        append(log, power, [row_at(seq, seq * 10_000) for seq in range(first, first + 60)])
    append_loose(log, gas, [row_at(seq, seq, {"gas_l": seq}, boot=2) for seq in range(1, 40)])
    append(log, gas, [row_at(seq, seq, {"gas_l": seq}, boot=3) for seq in range(40, 50)])
    while seal(log):
        pass
    append_loose(
        log, power, [row_at(seq, seq, {"power_w": seq}, boot=3) for seq in range(422, 470)]
    )
    append_loose(log, gas, [row_at(50, 50, {"gas_l": 50, "temperature_mc": 1}, boot=3)])


def write_small_tables(log: Log) -> None:
    """Give every other table something to lose; the household allows nothing to leave."""
    power = log.meters[METER]
    log.write("INSERT INTO consent VALUES (?, ?)", (START_MS, "10s"))
    log.write("INSERT INTO consent VALUES (?, ?)", (START_MS + 1, "none"))
    log.put_fact("store_id", b"store")
    log.put_fact(fact_of(power.log), encode_days(StorageDays(b"store")))
    log.declare_lost(log.meters[GAS_METER].log, 51, 60, "rewound")
    log.write("UPDATE logs SET next_seq = 61 WHERE log = ?", (log.meters[GAS_METER].log,))
    log.hold(power.log, 3, 4, "bad-frame")
    day = START_MS // 86_400_000
    log.commit(
        Batch(
            run_changes=[RunChange(power.log, "import_mwh", 3, "run-a", 10)],
            specimens=[Specimen(START_MS, "p1", "checksum", "detail")],
            days=((power.log, "import_mwh", "", day, pack_day(edges_of([START_MS + 9], [5]))),),
            folded={power.log: 9},
            stored={power.log: [(5, 8, 1)]},
            departures=[(DepartureKey(day, METER, power.log, "10s"), Departed(1, 9, 1, 9, 0))],
        )
    )


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Build the database once; every test rots a copy."""
    path = tmp_path_factory.mktemp("world") / "hub.sqlite"
    log = open_log(path)
    write_rows(log)
    write_small_tables(log)
    rows = {
        (one.log_id, row.seq): row
        for one in log.entries()
        for row in log.read(one.log, 0, 999)
        if isinstance(row, LogRow)
    }
    log.close()
    with closing(sqlite3.connect(path)) as connection:
        named = connection.execute("SELECT name, rootpage, tbl_name FROM sqlite_master")
        pages = {name: (page, table) for name, page, table in named if page}
        tables = {table for _, table in pages.values()}
        sizes = {table: size_of(connection, table) for table in tables}
    return World(path.read_bytes(), rows, sizes, pages, (path.parent / MARKS_NAME).read_bytes())


def size_of(connection: sqlite3.Connection, table: str) -> int:
    """Count a table's rows."""
    (size,) = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
    return int(size)


def open_rotten(world: World, folder: Path, root: str) -> tuple[Log, Salvage]:
    """Fill a root page with rubbish and open what is left as a hub does."""
    page = 1 if root == SCHEMA else world.pages[root][0]
    content = bytearray(world.content)
    size = int.from_bytes(content[16:18], "big")
    # The header of the file stays: without it the file is no database at all.
    start = max((page - 1) * size, 100)
    content[start : page * size] = b"\xa5" * (page * size - start)
    (folder / "hub.sqlite").write_bytes(content)
    log = open_log(folder / "hub.sqlite")
    found = read_salvage(log)
    assert found is not None
    return log, found


def kept_rows(log: Log) -> dict[tuple[bytes, int], LogRow]:
    """Read every row there is, by log id and sequence."""
    return {
        (one.log_id, row.seq): row
        for one in log.entries()
        for row in log.read(one.log, 0, 999)
        if isinstance(row, LogRow)
    }


def declared(log: Log) -> set[tuple[bytes, int]]:
    """List the sequences that are said to be lost, or that receipts name as stored."""
    return {
        (one.log_id, seq)
        for one in log.entries()
        for first, last, *_ in [*log.declared_damage(one.log), *log.stored_ranges(one.log)]
        for seq in range(first, last + 1)
    }


@pytest.mark.parametrize("root", roots())
def test_a_row_that_is_kept_is_as_it_was_and_what_is_not_is_told(
    tmp_path: Path, world: World, root: str
) -> None:
    """Under its own meter, sequence, boot and register names; the rest is declared or counted."""
    log, found = open_rotten(world, tmp_path, root)

    kept, told, logs = kept_rows(log), declared(log), {one.log_id for one in log.entries()}
    sizes = {table: size_of(log.committed, table) for table in world.sizes}
    log.close()

    assert kept.items() <= world.rows.items()
    gone = {key for key in world.rows.keys() - kept.keys() if key[0] in logs}
    assert gone <= told
    if root != SCHEMA:
        orphans = [key for key in world.rows if key[0] not in logs]
        assert found.orphans == len(orphans)
        fewer = {table for table, size in world.sizes.items() if sizes[table] < size}
        of_logs = {"samples", "blocks", "register_runs", "stored_ranges", "held_ranges"} | {
            *("damaged_ranges", "meter_days", "folded", "facts")
        }
        assert fewer <= {*found.partly, *(of_logs if orphans else ()), *unnamed(found)}


@pytest.mark.parametrize("root", roots())
def test_no_more_may_leave_than_before(tmp_path: Path, world: World, root: str) -> None:
    """Nothing was allowed to leave, and nothing is: neither new samples nor those of before."""
    log, _ = open_rotten(world, tmp_path, root)

    record = read_record(log.committed)
    log.close()

    assert record is not None
    consent = Consent([(0, Granularity.HALF_HOURLY), *record.choices], record.limits)
    assert consent.now is Granularity.NONE
    if root in ("consent", "facts", SCHEMA):
        consent.choose(START_MS + 5_000, Granularity.LIVE)
        assert record.is_lost
        assert consent.for_sample(START_MS - 1) is Granularity.NONE
        assert consent.for_sample(START_MS + 4_999) is Granularity.NONE


def test_a_lost_choice_is_said_until_the_household_chooses_anew(
    tmp_path: Path, world: World
) -> None:
    """The hub knows that nobody knows; a choice ends it, also over a restart."""
    log, _ = open_rotten(world, tmp_path, "consent")
    lost = Consent([(0, Granularity.NONE)])
    now = Moment(1, 5_000, START_MS + 5_000)
    sharing = Sharing(log, lost, lambda: now, lambda: START_MS + 5_000)
    was_lost = sharing.is_choice_lost

    sharing.choose("daily")
    record = read_record(log.committed)
    log.close()

    assert was_lost
    assert not sharing.is_choice_lost
    assert record is not None
    assert not record.is_lost
    assert record.choices == [(0, Granularity.NONE), (START_MS + 5_000, Granularity.DAILY)]


def unnamed(found: Salvage) -> set[str]:
    """Samples whose registers' names are lost go with the names, choices with the limit's fact."""
    goes_with = {"register_names": "samples", "facts": "consent"}
    return {goes_with[table] for table in goes_with.keys() & set(found.partly)}


@pytest.mark.parametrize("root", roots())
def test_every_meter_goes_on(tmp_path: Path, world: World, root: str) -> None:
    """The first commits after a salvage, packed and loose, are read back as they were written."""
    log, _ = open_rotten(world, tmp_path, root)
    before = kept_rows(log)
    dated = {piece.boot for piece in log.clock_pieces()}
    boot = log.boot_number("boot-4")
    written: dict[tuple[bytes, int], LogRow] = {}

    for meter, medium in MEDIA.items():
        meter_log = log.meter_log(meter, medium)
        rows = [row_at(seq, seq, {"new_l": seq}, boot=boot) for seq in range(1, 9)]
        append(log, meter_log, rows)
        more = [row_at(9, 9, {"import_mwh": 3, "newer_l": 4}, boot=boot)]
        append_loose(log, meter_log, more)
        written |= {(meter_log.log_id, row.seq): row for row in [*rows, *more]}
    log.close()
    again = open_log(tmp_path / "hub.sqlite")

    assert boot not in dated | {row.boot for row in before.values()}
    assert kept_rows(again) == before | written
    again.close()


def test_a_lost_log_costs_its_rows_and_no_other_meters(tmp_path: Path, world: World) -> None:
    """Rows whose log nobody can name are counted; a new log gets none of them."""
    log, found = open_rotten(world, tmp_path, "logs")

    gas = log.meter_log(GAS_METER, Medium.GAS)
    append(log, gas, [row_at(seq, seq, {"gas_l": seq}) for seq in range(1, 7)])
    held = [(one.meter, log.held_ranges(one.log)) for one in log.entries()]
    log.close()

    assert found.orphans == len(world.rows)
    assert held == [(GAS_METER, [(1, 6)])]


def test_a_database_that_says_nothing_is_counted_by_its_marks(tmp_path: Path, world: World) -> None:
    """The page that lists the tables is gone, and with it all of them: 469 and 60 were used."""
    (tmp_path / MARKS_NAME).write_bytes(world.marks)

    log, found = open_rotten(world, tmp_path, SCHEMA)

    lost = _lost_samples(log)
    told = judge_ids(found, None).finding
    log.close()
    assert (found.rows, found.lost, found.orphans, found.unread) == (0, 0, 0, 469 + 60)
    assert lost == 469 + 60
    assert "nothing of it could be read; by the marks beside it 529 samples were in it" in told


def rot_in_place(world: World, folder: Path, root: str) -> tuple[Log, Salvage]:
    """Do as `open_rotten` with the marks of this very file beside it."""
    path = folder / "hub.sqlite"
    path.touch()
    (folder / MARKS_NAME).write_bytes(world.marks)
    marks = read_marks(folder / MARKS_NAME)
    assert marks is not None
    marks.place = place_of(path)
    marks._write()
    return open_rotten(world, folder, root)


def test_a_lost_log_is_named_by_the_marks_of_its_own_file(tmp_path: Path, world: World) -> None:
    """Then all of its rows come through, under their meters and as far as they went."""
    log, found = rot_in_place(world, tmp_path, "logs")

    kept = kept_rows(log)
    logs = {(one.meter, one.next_seq) for one in log.entries()}
    log.close()

    assert kept == world.rows
    assert (found.orphans, found.unread) == (0, 0)
    assert {(METER, 470), (GAS_METER, 61)} <= logs


def test_a_database_that_says_nothing_declares_what_its_marks_know(
    tmp_path: Path, world: World
) -> None:
    """Its logs are known by the marks, and of both all is said to be damaged."""
    log, found = rot_in_place(world, tmp_path, SCHEMA)

    lost = _lost_samples(log)
    holes = {one.meter: list(log.read(one.log, 1, 999)) for one in log.all_logs()}
    log.close()

    assert (found.rows, found.lost, found.unread, lost) == (0, 469 + 60, 0, 469 + 60)
    assert holes == {
        METER: [Hole(1, 469, GapKind.DAMAGED)],
        GAS_METER: [Hole(1, 60, GapKind.DAMAGED)],
    }


def test_two_logs_of_one_number_name_neither(tmp_path: Path) -> None:
    """Whose the rows under it are cannot be told."""
    path = tmp_path / "hub.sqlite"
    log = Log(path)
    marks = Marks(tmp_path / MARKS_NAME, place_of(path))
    for number, meter in ((1, METER), (1, GAS_METER), (2, "M2")):
        log_id = meter.encode().ljust(16)
        marks.certain[log_id] = 5
        marks.names[log_id] = LogName(number, meter, Medium.ELECTRICITY)

    with log.transaction() as db:
        used = name_lost_logs(db, marks)

    assert used == {2: 5}
    assert [one.meter for one in log.entries()] == ["M2"]
    log.close()


def test_a_database_whose_rows_are_all_lost_declares_all_of_them(
    tmp_path: Path, world: World
) -> None:
    """Also the first ones, before anything that came through: none was freed."""
    log, _ = open_rotten(world, tmp_path, "samples")

    gas = next(one for one in log.entries() if one.meter == GAS_METER)
    holes = [one for one in log.read(gas.log, 1, 39) if isinstance(one, Hole)]
    log.close()

    assert holes == [Hole(1, 39, GapKind.DAMAGED)]


def test_a_gap_in_the_names_numbers_no_register_twice(tmp_path: Path) -> None:
    """What a salvage leaves of the names may lack one in the middle."""
    log = Log(tmp_path / "hub.sqlite")
    power = log.meter_log(METER, Medium.ELECTRICITY)
    append_loose(log, power, [row_at(1, 1, {"a_l": 1, "b_l": 2, "c_l": 3})])
    log.write("DELETE FROM register_names WHERE number = ?", (1,))
    log.close()

    log = Log(tmp_path / "hub.sqlite")
    append_loose(log, log.meters[METER], [row_at(2, 2, {"d_l": 4})])

    assert log.read_row(power.log, 2) == row_at(2, 2, {"d_l": 4})
    log.close()
