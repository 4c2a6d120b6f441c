"""Retention: what no receipt lists stays, and room is made by the written policy alone."""

import asyncio
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from agent.blocks import BLOCK_ROWS
from agent.pieces import Piece
from agent.reserve import RESERVE_BYTES, RESERVE_NAME, Reserve
from agent.rows import LogRow
from agent.timekeeping import ClockLedger
from agent.upkeep import retention
from agent.upkeep.retention import Retention, file_bytes
from agent.upkeep.sealing import seal
from agent.upkeep.thinning import count_thinned
from shared.clock import DrivenClock
from shared.meterdays import edges_of
from shared.ranges import Range
from shared.units import MS_PER_DAY, MS_PER_HOUR
from tests.support.hubs import (
    BOOT,
    METER,
    START_MS,
    append,
    config_in,
    hub_in,
    log_with,
    rows_every,
    sound_rows,
    take,
    telegram,
)

LEDGER = ClockLedger(
    [
        Piece(BOOT, at_ms, START_MS + at_ms, 10, "ntp")
        for at_ms in range(0, 80 * MS_PER_DAY, 6 * MS_PER_HOUR)
    ]
)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a megabyte be a hundredth of one, so that logs of a test pass their size."""
    monkeypatch.setattr(retention, "BYTES_PER_MB", 10_000)


def retention_of(
    tmp_path: Path, days: int, stored: list[Range] | None, **settings: Any
) -> Retention:
    """Keep a log of so many days, sealed, of which the cloud has stored this."""
    log, meter_log = log_with(tmp_path / "hub.sqlite", 0)
    for day in range(days):
        rows = rows_every(8_640, first_seq=1 + day * 8_640, start_ms=day * MS_PER_DAY)
        append(log, meter_log, rows)
    while seal(log):
        pass
    return Retention(log, LEDGER, config_in(tmp_path, **settings), lambda _: stored)


def test_stored_blocks_are_freed_after_their_retention(tmp_path: Path) -> None:
    """Sealed hours go once they are stored and old; younger and unstored ones stay."""
    kept = retention_of(tmp_path, 3, [(1, 8_640 + 100)])
    kept.free_stored(LEDGER.at(BOOT, MS_PER_DAY))

    freed = kept.free_stored(LEDGER.at(BOOT, 37 * MS_PER_DAY + MS_PER_HOUR))
    again = kept.free_stored(LEDGER.at(BOOT, 50 * MS_PER_DAY))
    rest = kept.free_stored(LEDGER.at(BOOT, 50 * MS_PER_DAY))

    assert freed + again + rest == 8_640
    assert kept._log.held_range(1) == (8_641, 3 * 8_640)


def test_rows_that_were_stored_late_are_kept_as_long(tmp_path: Path) -> None:
    """The days count from the receipt, over a restart, for each range by itself."""
    kept = retention_of(tmp_path, 1, [(1, 360)])
    log, meter_log = kept._log, kept._log.meters[METER]
    kept.free_stored(LEDGER.at(BOOT, MS_PER_DAY + 1))

    def freed_on(day: int, stored: list[Range]) -> int:
        again = Retention(log, LEDGER, config_in(tmp_path), lambda _: stored)
        return again.free_stored(LEDGER.at(BOOT, day * MS_PER_DAY + MS_PER_HOUR))

    freed = {day: freed_on(day, [(1, 360 if day < 30 else 720)]) for day in (29, 30, 37, 65, 66)}

    assert freed == {29: 0, 30: 0, 37: 360, 65: 0, 66: 360}
    assert log.held_range(meter_log.log) == (721, 8_640)


def test_rows_whose_time_was_corrected_are_kept_as_long_again(tmp_path: Path) -> None:
    """Over a restart too: the day on which the earlier times were stored counts no longer."""
    kept = retention_of(tmp_path, 1, [(1, 720)])
    log = kept._log
    kept.free_stored(LEDGER.at(BOOT, MS_PER_DAY + 1))

    def freed_on(day: int, stored: list[Range]) -> int:
        again = Retention(log, LEDGER, config_in(tmp_path), lambda _: stored)
        return again.free_stored(LEDGER.at(BOOT, day * MS_PER_DAY + MS_PER_HOUR))

    moved = freed_on(35, [(361, 720)])
    freed = {day: freed_on(day, [(1, 720)]) for day in (36, 37, 70, 71, 72)}

    assert moved == 0
    assert freed == {36: 0, 37: 360, 70: 0, 71: 0, 72: 360}


def test_what_another_store_has_listed_does_not_count(tmp_path: Path) -> None:
    """A cloud put back from a backup has all days before it."""
    kept = retention_of(tmp_path, 1, [(1, 360)])
    kept.free_stored(LEDGER.at(BOOT, MS_PER_DAY))
    kept._log.meet_store("another")

    too_early = kept.free_stored(LEDGER.at(BOOT, 40 * MS_PER_DAY))
    late = kept.free_stored(LEDGER.at(BOOT, 77 * MS_PER_DAY))

    assert (too_early, late) == (0, 360)


def test_a_disk_that_refuses_the_note_still_lets_old_rows_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Freeing is what makes room; what could not be noted is noted later, and kept longer."""
    kept = retention_of(tmp_path, 1, [(1, 360)])
    kept.free_stored(LEDGER.at(BOOT, MS_PER_DAY))
    kept._stored = lambda _: [(1, 720)]
    said: list[str] = []

    def refuse(name: str, _value: bytes) -> None:
        said.append(name)
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(kept._log, "put_fact", refuse)

    freed = kept.free_stored(LEDGER.at(BOOT, 38 * MS_PER_DAY))

    assert (freed, len(said)) == (360, 1)


def test_a_hub_without_the_time_frees_nothing(tmp_path: Path) -> None:
    """A wrong clock would make everything look old."""
    assert retention_of(tmp_path, 1, [(1, 8_640)]).free_stored(None) == 0


@pytest.mark.usefixtures("small")
def test_a_log_past_its_size_is_thinned_until_it_fits(tmp_path: Path) -> None:
    """Detail is given up from the oldest until the size is kept; every slot's energy stays."""
    kept = retention_of(tmp_path, 20, [], log_max_mb=20)
    log, meter_log = kept._log, kept._log.meters[METER]
    before = slots(sound_rows(log, meter_log))

    given_up = kept.keep_within_limits()

    size, free = file_bytes(log.committed)
    assert given_up == count_thinned(log.committed)[meter_log.log] > 0
    assert size - free <= 200_000
    assert slots(sound_rows(log, meter_log)) == before
    blocks = log.committed.execute("SELECT detail FROM blocks ORDER BY first_seq")
    details = [detail for (detail,) in blocks]
    assert details == sorted(details, reverse=True)
    assert details[-1] == 0
    assert kept.keep_within_limits() == 0


def slots(rows: list[LogRow]) -> object:
    """Fold rows into the edges of their half-hours."""
    times_ms = [START_MS + row.monotonic_ms for row in rows]
    return edges_of(times_ms, [row.registers["import_mwh"] for row in rows])


@pytest.mark.usefixtures("small")
def test_a_log_that_cannot_be_made_smaller_is_left(tmp_path: Path) -> None:
    """When all is days there is nothing left to give up: the work ends, nothing is deleted."""
    kept = retention_of(tmp_path, 3, [], log_max_mb=16)
    kept._max_bytes = 1

    for _ in range(20):
        kept.keep_within_limits()

    assert kept._log.held_ranges(1) == [(1, 3 * 8_640)]
    assert kept._log.count_rows(1) < 12


def test_the_reserve_is_made_given_up_and_made_again(tmp_path: Path) -> None:
    """It takes real room, once."""
    reserve = Reserve(tmp_path)

    assert reserve.make()
    assert reserve.make()
    assert (tmp_path / RESERVE_NAME).stat().st_blocks * 512 >= RESERVE_BYTES
    assert reserve.give_up()
    assert not reserve.give_up()
    assert not reserve.is_there


def test_no_reserve_is_made_on_a_disk_that_is_nearly_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last room is for the log."""
    monkeypatch.setattr(Reserve, "free_bytes", lambda _: RESERVE_BYTES)

    assert not Reserve(tmp_path).make()


def test_a_full_disk_gives_up_the_reserve_and_then_detail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The commit that met it is written later, and no row is lost on the way."""
    hub = hub_in(tmp_path, hub_clock="meter", clock=DrivenClock(START_MS))
    hub.retention.reserve.make()
    take(hub, [telegram(10**9 + n, START_MS + n * 10_000) for n in range(1, 2 * BLOCK_ROWS)])
    asyncio.run(hub.intake.commit())
    seal(hub.log)
    pages = hub.log._db.execute("PRAGMA page_count").fetchone()[0]
    hub.log._db.execute(f"PRAGMA max_page_count = {pages}")
    monkeypatch.setattr(Reserve, "free_bytes", lambda _: 0)
    held = hub.log.count_rows(1)
    first = 3 * BLOCK_ROWS
    take(hub, [telegram(10**9 + n, START_MS + n * 10_000) for n in range(first, first + 3_000)])

    refused = asyncio.run(hub.intake.commit())
    hub.log._db.execute("PRAGMA max_page_count = 1000000")
    written = asyncio.run(hub.intake.commit())

    assert (refused, written) == (False, True)
    assert not hub.retention.reserve.is_there
    thinned = sum(count_thinned(hub.log.committed).values())
    assert thinned > 0
    assert hub.log.count_rows(1) == held - thinned + 3_000
    hub.log.close()


def test_a_commit_that_fails_for_another_reason_thins_nothing(tmp_path: Path) -> None:
    """Only a full disk is answered by giving detail up."""
    hub = hub_in(tmp_path, hub_clock="meter", clock=DrivenClock(START_MS))
    hub.retention.reserve.make()
    hub.log.write(
        "CREATE TRIGGER broken BEFORE INSERT ON samples BEGIN SELECT RAISE(ABORT, 'no'); END", ()
    )
    take(hub, [telegram(10**9, START_MS)])

    assert asyncio.run(hub.intake.commit()) is False
    assert hub.retention.reserve.is_there
    hub.log.close()
