"""Thinning: oldest detail first, what the cloud has before what it has not, and energy exact."""

import random
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from agent.blocks import BLOCK_ROWS, DAYS, HALF_HOURS
from agent.log import Log
from agent.pieces import Piece
from agent.records import Hole, MeterLog, RunChange
from agent.rows import LogRow
from agent.timekeeping import ClockLedger
from agent.upkeep.sealing import seal
from agent.upkeep.thinning import Thinner, count_thinned, thin_rows
from shared.frames import GapKind
from shared.meterdays import SlotEdges, edges_of
from shared.ranges import Range
from shared.units import MS_PER_DAY, MS_PER_HOUR, SLOT_MS
from tests.support.hubs import BOOT, START_MS, append, log_with, row_at, rows_every, sound_rows

ZONE = ZoneInfo("Europe/London")
LEDGER = ClockLedger(
    [
        Piece(BOOT, at_ms, START_MS + at_ms, 10, "ntp")
        for at_ms in range(0, 200 * MS_PER_DAY, 6 * MS_PER_HOUR)
    ]
)


def sealed_log(path: Path, blocks: int) -> tuple[Log, MeterLog]:
    """Open a log of so many sealed hours."""
    log, meter_log = log_with(path, blocks * BLOCK_ROWS)
    while seal(log):
        pass
    return log, meter_log


def thinner(log: Log, stored: list[Range] | None = None) -> Thinner:
    """Make a thinner of a log of which the cloud has stored this."""
    return Thinner(log, LEDGER.resolve, ZONE, lambda _: stored or [])


def edges(rows: list[LogRow], register: str = "import_mwh") -> SlotEdges:
    """Fold rows as hub and cloud do."""
    times_ms = [START_MS + row.monotonic_ms for row in rows]
    return edges_of(times_ms, [row.registers.get(register) for row in rows])


def details(log: Log) -> list[tuple[int, int]]:
    """List first sequence and detail of every block."""
    return log.committed.execute("SELECT first_seq, detail FROM blocks ORDER BY 1").fetchall()


@pytest.mark.parametrize("seed", range(5))
def test_half_hours_keep_every_opening_and_closing(seed: int) -> None:
    """Whatever is missing in which row, each register's slots are what they were before."""
    draw = random.Random(seed)
    rows, reading = [], {"import_mwh": 10**9, "export_mwh": 0}
    for seq in range(1, 3_000):
        reading = {name: value + draw.randint(0, 900) for name, value in reading.items()}
        said = {name: value for name, value in reading.items() if draw.random() > 0.2}
        rows.append(row_at(seq, seq * 10_000 + draw.randint(-40_000, 0), {**said, "voltage_mv": 1}))

    kept = thin_rows(rows, [], LEDGER.resolve, HALF_HOURS, ZONE)

    assert len(kept) < len(rows) / 20
    for register in reading:
        assert edges(kept, register) == edges(rows, register)


def test_days_keep_the_opening_and_closing_of_the_local_day() -> None:
    """Of a day two readings of each register stay, by the household's midnight."""
    summer_ms = 120 * MS_PER_DAY
    rows = rows_every(3 * 1_440, every_ms=60_000, start_ms=summer_ms)

    kept = thin_rows(rows, [], LEDGER.resolve, DAYS, ZONE)

    # London's midnight is 23:00 in UTC then: three UTC days lie in four local ones.
    minutes = [(row.monotonic_ms - summer_ms) // 60_000 for row in kept]
    assert minutes == [1, 1_380, 1_381, 2_820, 2_821, 4_260, 4_261, 4_320]


def test_a_changed_run_keeps_its_own_ends() -> None:
    """No difference is ever taken across runs, so each keeps its first and last value."""
    rows = rows_every(100)

    kept = thin_rows(rows, [RunChange(1, "import_mwh", 50, "new", 0)], LEDGER.resolve, DAYS, ZONE)

    assert [row.seq for row in kept] == [1, 49, 50, 100]


def test_rows_without_a_time_are_thinned_by_their_boots_half_hours() -> None:
    """A boot that never learned the time keeps what brackets it."""
    rows = [row_at(seq, seq * 10_000, boot=9) for seq in range(1, 400)]

    kept = thin_rows(rows, [], LEDGER.resolve, DAYS, ZONE)

    assert [row.seq for row in kept] == [1, 180, 181, 360, 361, 399]


def test_the_oldest_detail_goes_first(tmp_path: Path) -> None:
    """From the oldest, a day at a time, to half-hours; then likewise to days; then no more."""
    log, meter_log = sealed_log(tmp_path / "hub.sqlite", 60)
    before = edges(sound_rows(log, meter_log))
    keeper = thinner(log)

    first = keeper.thin()
    after_first = {detail for seq, detail in details(log) if seq <= 24 * BLOCK_ROWS}
    untouched = {detail for seq, detail in details(log) if seq > 24 * BLOCK_ROWS}
    keeper.thin()
    keeper.thin()
    half_hourly = edges(sound_rows(log, meter_log))
    levels = {detail for _, detail in details(log)}
    while keeper.thin():
        pass

    assert first > 8_000
    assert (after_first, untouched) == ({HALF_HOURS}, {0})
    assert half_hourly == before
    assert levels == {HALF_HOURS}
    assert {detail for _, detail in details(log)} == {DAYS}
    kept = sound_rows(log, meter_log)
    assert (kept[0].seq, kept[-1].seq) == (1, 60 * BLOCK_ROWS)
    assert len(kept) < 12
    assert log.held_ranges(meter_log.log) == [(1, 60 * BLOCK_ROWS)]
    assert count_thinned(log.committed) == {meter_log.log: 60 * BLOCK_ROWS - len(kept)}
    log.close()


def test_what_the_cloud_has_goes_before_what_it_has_not(tmp_path: Path) -> None:
    """Detail that only this hub holds is given up last."""
    log, _ = sealed_log(tmp_path / "hub.sqlite", 6)
    keeper = thinner(log, [(2 * BLOCK_ROWS + 1, 4 * BLOCK_ROWS)])

    keeper.thin()
    stored_first = [seq for seq, detail in details(log) if detail == HALF_HOURS]
    keeper.thin()

    assert all(2 * BLOCK_ROWS < seq <= 4 * BLOCK_ROWS for seq in stored_first)
    assert (1, HALF_HOURS) in details(log)
    log.close()


def test_thinned_places_are_read_as_thinned(tmp_path: Path) -> None:
    """What was given up is said to be, place by place, and nothing else is."""
    log, meter_log = sealed_log(tmp_path / "hub.sqlite", 2)
    thinner(log).thin()

    read = list(log.read(meter_log.log, 1, 2 * BLOCK_ROWS))

    covered = [
        seq
        for one in read
        for seq in (
            [one.seq] if isinstance(one, LogRow) else range(one.first_seq, one.last_seq + 1)
        )
    ]
    assert covered == list(range(1, 2 * BLOCK_ROWS + 1))
    assert {one.kind for one in read if isinstance(one, Hole)} == {GapKind.THINNED}
    assert list(log.read(meter_log.log, 5, 6)) == [Hole(5, 6, GapKind.THINNED)]
    log.close()


def test_a_damaged_block_is_declared_and_the_rest_thinned(tmp_path: Path) -> None:
    """Its room is freed, its range stays declared as damaged, never as thinned."""
    log, meter_log = sealed_log(tmp_path / "hub.sqlite", 4)
    log.write("UPDATE blocks SET checksum = 0 WHERE first_seq = ?", (BLOCK_ROWS + 1,))
    keeper = thinner(log)

    while keeper.thin():
        pass

    holes = [one for one in log.read(meter_log.log, 1, 9_999) if isinstance(one, Hole)]
    damaged = [hole[:2] for hole in holes if hole.kind is GapKind.DAMAGED]
    assert damaged == [(BLOCK_ROWS + 1, 2 * BLOCK_ROWS)]
    assert log.held_ranges(meter_log.log) == [(1, 4 * BLOCK_ROWS)]
    log.close()


def test_rows_that_cannot_be_thinned_are_all_kept(tmp_path: Path) -> None:
    """A meter read twice an hour has nothing to give up: every row stays, and the work ends."""
    log, meter_log = log_with(tmp_path / "hub.sqlite", 0)
    rows = rows_every(3 * BLOCK_ROWS, every_ms=SLOT_MS)
    append(log, meter_log, rows)
    while seal(log):
        pass
    half_hours = Thinner(log, LEDGER.resolve, ZONE, lambda _: [])

    while half_hours.thin():
        pass

    kept = sound_rows(log, meter_log)
    assert kept[0] == rows[0]
    assert kept[-1] == rows[-1]
    assert len(kept) <= 2 * 24
    log.close()
