"""A hub that wakes in 1970: what it goes by until it knows the time, and what becomes of its rows.

Each boot has a clock of its own that a test sets; the machine's wall clock stands in 1970.
"""

import asyncio
import sqlite3
from pathlib import Path

import msgspec
import pytest

from agent.blocks import BLOCK_ROWS
from agent.doctor.check import Result
from agent.doctor.clocks import check_floor, check_undated, read_known_time
from agent.doctor.reading import open_database
from agent.floor import RELEASED_MS, KnownTime
from agent.hub import Hub
from agent.records import Batch
from agent.rows import LogRow
from agent.status import read_home_inputs
from agent.timekeeping import ClockLedger, Piece
from agent.upkeep.sealing import seal
from agent.uplink.framing import Chunk
from agent.vitals import FACT, NOTE_EVERY_MS, decode_note
from shared.meterdays import unpack_day
from shared.readings import Medium
from shared.units import MS_PER_DAY, MS_PER_HOUR, MS_PER_MINUTE, SLOT_MS
from tests.support.clocks import StillClock
from tests.support.hubs import METER, config_in, hub_in, take, telegram

NOW_MS = RELEASED_MS + 100 * MS_PER_DAY
"""The true time of the first boot's start, on the boundary of a slot."""

WH = 1_000
KWH = 1_000_000


def wake(directory: Path, boot_id: str, wall_ms: int = 1_000) -> tuple[Hub, StillClock]:
    """Start a hub in a boot of its own, the wall clock in 1970 unless told otherwise."""
    clock = StillClock(boot_id, wall_ms)
    return hub_in(directory, clock=clock, consent_granularity="10s"), clock


def hear(hub: Hub, clock: StillClock, minutes: range, register_mwh: int) -> int:
    """Hear a meter without a clock once a minute, a watt-hour more each time; commit at the end."""
    for minute in minutes:
        clock.monotonic = minute * MS_PER_MINUTE
        register_mwh += WH
        take(hub, [telegram(register_mwh)])
    asyncio.run(hub.intake.commit())
    return register_mwh


def test_a_new_hub_is_not_in_1970(tmp_path: Path) -> None:
    """Nothing was ever known: the program's release is the floor, and says so."""
    hub, clock = wake(tmp_path, "first")
    clock.monotonic = MS_PER_HOUR

    assert hub.utc_ms() == RELEASED_MS + MS_PER_HOUR
    assert hub.certificate_time() == KnownTime(RELEASED_MS + MS_PER_HOUR, is_exact=False)
    assert not read_home_inputs(hub).is_clock_trusted
    hub.log.close()


def test_the_hub_notes_the_time_once_an_hour_with_a_commit(tmp_path: Path) -> None:
    """The note rides along; within the hour none is written, however many commits there are."""
    hub, clock = wake(tmp_path, "first")
    hub.believe(NOW_MS, 10, "ntp")
    noted = []

    for minutes in (range(1, 2), range(2, 30), range(30, 62)):
        hear(hub, clock, minutes, 0)
        note = decode_note(hub.log.fact(FACT))
        noted.append(note.past_ms)

    assert noted[0] == noted[1]
    assert noted[2] - noted[1] >= NOTE_EVERY_MS
    assert noted[2] <= NOW_MS + clock.monotonic
    hub.log.close()


def test_a_time_that_becomes_known_is_noted_with_the_next_commit(tmp_path: Path) -> None:
    """The power may fail again before the hour is over."""
    hub, clock = wake(tmp_path, "first")
    hear(hub, clock, range(1, 2), 0)
    unknown_ms = decode_note(hub.log.fact(FACT)).past_ms

    hub.hear_cloud_time(NOW_MS, 100)
    hear(hub, clock, range(2, 3), WH)

    assert unknown_ms < NOW_MS - MS_PER_DAY
    assert decode_note(hub.log.fact(FACT)).past_ms >= NOW_MS
    hub.log.close()


def test_a_note_that_the_disk_refused_is_written_with_the_next_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk delays it; the hour that follows does not have to pass first."""
    hub, clock = wake(tmp_path, "first")

    def refuse(_batch: Batch) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as full:
        full.setattr(hub.log, "commit", refuse)
        hear(hub, clock, range(1, 2), 0)
    assert hub.log.fact(FACT) is None

    hear(hub, clock, range(2, 3), WH)

    assert decode_note(hub.log.fact(FACT)).past_ms > 0
    hub.log.close()


def test_the_note_is_the_floor_of_the_next_boot(tmp_path: Path) -> None:
    """The power goes two hours after the time was told: the floor knows of most of them."""
    first, clock = wake(tmp_path, "first")
    first.believe(NOW_MS, 10, "ntp")
    hear(first, clock, range(1, 121), 0)
    first.log.close()

    second, _ = wake(tmp_path, "second")
    time = second.certificate_time()

    assert time is not None
    assert not time.is_exact
    assert NOW_MS + MS_PER_HOUR <= time.at_ms <= NOW_MS + 2 * MS_PER_HOUR
    second.log.close()


def test_without_a_note_the_newest_dated_row_and_the_ledger_are_the_floor(tmp_path: Path) -> None:
    """A note that is lost or ruined costs little."""
    first, clock = wake(tmp_path, "first")
    first.believe(NOW_MS, 10, "ntp")
    hear(first, clock, range(1, 121), 0)
    first.log.put_fact(FACT, b"\xff")
    first.log.close()

    second, _ = wake(tmp_path, "second")

    assert second.utc_ms() == NOW_MS + 120 * MS_PER_MINUTE
    second.log.close()


def test_a_machine_whose_clock_is_right_is_asked_itself(tmp_path: Path) -> None:
    """The floor is for those that have nothing better."""
    hub, _ = wake(tmp_path, "first", NOW_MS)

    assert hub.certificate_time() is None
    assert hub.utc_ms() == NOW_MS
    hub.log.close()


def test_what_the_cloud_says_is_exact(tmp_path: Path) -> None:
    """From then on certificates are judged by both dates, though the machine stays in 1970."""
    hub, _ = wake(tmp_path, "first")

    hub.hear_cloud_time(NOW_MS, 100)

    assert hub.certificate_time() == KnownTime(NOW_MS + 50, is_exact=True)
    hub.log.close()


def test_a_meters_clock_is_shown_and_decides_nothing(tmp_path: Path) -> None:
    """A meter may be months ahead: the page guesses by it, choices and certificates do not."""
    hub, _ = wake(tmp_path, "first")
    ahead_ms = RELEASED_MS + 200 * MS_PER_DAY

    take(hub, [telegram(KWH, ahead_ms)])

    assert read_home_inputs(hub).now_ms == ahead_ms
    assert hub.utc_ms() == RELEASED_MS
    assert hub.certificate_time() == KnownTime(RELEASED_MS, is_exact=False)
    hub.log.close()


def test_a_replay_says_nothing_of_the_time(tmp_path: Path) -> None:
    """A capture of another year is no floor of this one."""
    hub = hub_in(tmp_path, hub_clock="meter")
    take(hub, [telegram(KWH, NOW_MS + 1_000 * MS_PER_DAY)])

    asyncio.run(hub.intake.commit())

    assert decode_note(hub.log.fact(FACT)).past_ms < NOW_MS
    assert hub.certificate_time() is None
    hub.log.close()


@pytest.fixture
def three_boots(tmp_path: Path) -> tuple[Hub, int]:
    """A known hour, a boot of an hour that never learned the time, then a known one again.

    The power is off for half an hour before the second and the third; all the while the meter
    counts a watt-hour a minute. Returns the hub in its third boot and what the meter counted.
    """
    first, clock = wake(tmp_path, "first")
    first.believe(NOW_MS, 10, "ntp")
    register_mwh = hear(first, clock, range(1, 61), KWH)
    first.log.close()

    second, clock = wake(tmp_path, "second")
    register_mwh = hear(second, clock, range(1, 61), register_mwh + 30 * WH)
    second.log.close()

    third, clock = wake(tmp_path, "third")
    third.believe(NOW_MS + 3 * MS_PER_HOUR, 10, "ntp")
    register_mwh = hear(third, clock, range(1, 61), register_mwh + 30 * WH)
    return third, register_mwh - KWH


def test_a_boot_that_never_learned_the_time_makes_no_closing(
    three_boots: tuple[Hub, int],
) -> None:
    """Its hours have no edges; the sum over all slots is still what the meter counted."""
    hub, counted_mwh = three_boots
    first_slot = NOW_MS // SLOT_MS

    usage = hub.history.usage("import_mwh", Medium.ELECTRICITY)
    edges = {
        slot: edge
        for utc_day, packed in next(iter(hub.history._days.values())).items()
        for slot, edge in unpack_day(packed, utc_day).items()
    }

    assert sorted(edges) == [first_slot + slot for slot in (0, 1, 6, 7)]
    assert edges[first_slot + 6].opening == KWH + (60 + 30 + 60 + 30 + 1) * WH
    # The meter's first minute is before the first row.
    assert sum(one.amount for one in usage.values()) == counted_mwh - WH
    hub.log.close()


def test_its_rows_are_kept_between_its_neighbours(three_boots: tuple[Hub, int]) -> None:
    """They are in the log, and their place in time is known as far as it can be."""
    hub, _ = three_boots
    log = hub.log.meters[METER].log

    undated = [
        row
        for row in hub.log.read(log, 1, 180)
        if isinstance(row, LogRow) and hub.ledger.resolve(row) is None
    ]

    assert [row.seq for row in undated] == list(range(61, 121))
    after_ms, before_ms = hub.ledger.bracket(undated[0].boot)
    assert (after_ms, before_ms) == (NOW_MS, NOW_MS + 3 * MS_PER_HOUR)
    hub.log.close()


def test_its_rows_are_declared_untimed_and_stop_no_other(three_boots: tuple[Hub, int]) -> None:
    """One frame covers all three boots: samples of two, and a gap that says why."""
    hub, _ = three_boots
    meter_log = hub.log.meters[METER]

    frame, last_seq = hub.cut(
        meter_log, Chunk(1, 180, hub.log.read(meter_log.log, 1, 180), goes_on=False)
    )

    assert (last_seq, frame is not None) == (180, True)
    assert frame is not None
    untimed = [gap[1:] for gap in map(msgspec.structs.astuple, frame.gaps) if gap[0] == "untimed"]
    assert untimed == [(61, 120)]
    hub.log.close()


def test_doctor_counts_them_and_says_where_they_lie(
    three_boots: tuple[Hub, int], tmp_path: Path
) -> None:
    """The sentence a person reads; the boot that runs now may still learn its time."""
    hub, _ = three_boots
    hub.log.close()
    config = config_in(tmp_path)

    with open_database(config.database_path) as connection:
        told = check_undated(connection, config, StillClock("third"))
        while_it_ran = check_undated(connection, config, StillClock("second"))

    assert told.result is Result.WARNING
    assert told.finding == (
        "60 samples taken after 2027-03-01 00:00 before 2027-03-01 03:00 by a machine that did "
        "not learn the time; no energy is lost"
    )
    assert while_it_ran.result is Result.OK


def test_doctor_counts_them_in_blocks_too(tmp_path: Path) -> None:
    """Most of a log is sealed: here a block spans two boots, and loose rows follow it."""
    hub, clock = wake(tmp_path, "first")
    hub.believe(NOW_MS, 10, "ntp")
    register_mwh = hear(hub, clock, range(1, 11), 0)
    hub.log.close()
    hub, clock = wake(tmp_path, "second")
    register_mwh = hear(hub, clock, range(1, BLOCK_ROWS), register_mwh)
    seal(hub.log)
    hub.log.close()
    hub, clock = wake(tmp_path, "third")
    hub.believe(NOW_MS + MS_PER_DAY, 10, "ntp")
    hear(hub, clock, range(1, 6), register_mwh)
    hub.log.close()
    config = config_in(tmp_path)

    with open_database(config.database_path) as connection:
        (sealed,) = connection.execute("SELECT sum(row_count) FROM blocks").fetchone()
        told = check_undated(connection, config, StillClock("third"))

    assert sealed == BLOCK_ROWS
    assert told.finding.startswith(f"{BLOCK_ROWS - 1} samples taken after")


def test_a_boot_before_all_known_times_has_no_lower_end() -> None:
    """A first boot without a network, and one after which none learned the time."""
    ledger = ClockLedger([Piece(2, 1_000, NOW_MS, 10, "ntp")])

    assert ledger.bracket(1) == (None, NOW_MS - 1_000)
    assert ledger.bracket(3) == (NOW_MS, None)


def test_doctor_tells_the_floor_and_judges_by_it(tmp_path: Path) -> None:
    """As the hub would: by the floor where the machine is behind it, by the machine where not."""
    hub, _ = wake(tmp_path, "first")
    hub.log.close()
    config = config_in(tmp_path)

    with open_database(config.database_path) as connection:
        behind = check_floor(connection, config, StillClock("first"))
        right = check_floor(connection, config, StillClock("first", NOW_MS))
        known = read_known_time(connection, config, StillClock("first"))
        unknown_boot = read_known_time(connection, config, StillClock("second", NOW_MS))

    assert behind.result is Result.WARNING
    assert "2026-11-21" in behind.finding
    assert right.result is Result.OK
    assert known == KnownTime(RELEASED_MS, is_exact=False)
    assert unknown_boot is None


def test_the_last_piece_is_past_by_its_uncertainty() -> None:
    """Nobody knows it better than it was known then; an error before it does not count."""
    wrong = Piece(1, 0, NOW_MS + 3_650 * MS_PER_DAY, 10, "ntp")

    assert ClockLedger().last_ms == 0
    assert ClockLedger([Piece(1, 0, NOW_MS, 40, "cloud")]).last_ms == NOW_MS - 40
    assert ClockLedger([wrong, Piece(1, 9, NOW_MS, 40, "cloud")]).last_ms == NOW_MS - 40
    assert ClockLedger([wrong, Piece(2, 0, NOW_MS, 40, "cloud")]).last_ms == NOW_MS - 40


def test_a_time_service_that_was_wrong_once_bars_nothing_for_ever(tmp_path: Path) -> None:
    """It said 2036; the cloud put it right; the next boot in 1970 has a sound floor."""
    first, clock = wake(tmp_path, "first")
    first.believe(NOW_MS + 3_650 * MS_PER_DAY, 10, "ntp")
    hear(first, clock, range(1, 2), 0)
    first.believe(NOW_MS + clock.monotonic, 10, "cloud")
    hear(first, clock, range(2, 90), WH)
    first.log.close()

    second, _ = wake(tmp_path, "second")

    assert NOW_MS + MS_PER_HOUR <= second.utc_ms() <= NOW_MS + 2 * MS_PER_HOUR
    second.log.close()
