"""What left is added up, written with the group commit, and can be shown afterwards."""

from pathlib import Path

from agent.departures import (
    MAX_DEPARTURES,
    DepartureLine,
    Departures,
    LeftTotals,
    as_words,
    read_departures,
    read_departures_beside,
    read_totals,
    write_departures,
)
from agent.log import Log
from agent.records import Batch, Departed, DepartureKey
from shared.consent import Granularity
from shared.frames import Frame, Gap, GapKind, frame_of
from shared.readings import Medium, StampedSample
from shared.units import MS_PER_DAY
from tests.support.hubs import METER, START_MS, log_with

DAY = START_MS // MS_PER_DAY


def frame(first_seq: int, last_seq: int, sent: int) -> Frame:
    """A frame whose first samples are sent and whose others are held back, the last damaged."""
    samples = [StampedSample(first_seq + n, START_MS, {"import_mwh": n}) for n in range(sent)]
    gaps = [
        Gap(GapKind.WITHHELD, first_seq + sent, last_seq - 1),
        Gap(GapKind.DAMAGED, last_seq, last_seq),
    ]
    return frame_of(bytes(16), METER, 0, samples, gaps=gaps)


def test_what_leaves_is_added_up_by_day_log_and_granularity(tmp_path: Path) -> None:
    """Two frames of a day are one line; another granularity, or a live sample, another."""
    log, meter_log = log_with(tmp_path / "hub.sqlite", 3)
    departures = Departures()

    departures.note_frame(START_MS, meter_log.log, Granularity.DAILY, frame(1, 100, 2))
    log.commit(Batch(departures=list(departures.take().items())))
    departures.note_frame(START_MS + 1, meter_log.log, Granularity.DAILY, frame(101, 200, 2))
    departures.note_frame(START_MS + 1, meter_log.log, Granularity.TEN_SECONDS, frame(201, 210, 8))
    departures.note_live(START_MS, METER)
    departures.note_live(START_MS, METER)
    log.commit(Batch(departures=list(departures.take().items())))

    log_id = meter_log.log_id.hex()
    assert read_departures(log.committed) == [
        DepartureLine("2026-03-01", METER, "", "live", 0, 0, 0, 2, 0),
        DepartureLine("2026-03-01", METER, log_id, "10s", 201, 210, 1, 8, 1),
        DepartureLine("2026-03-01", METER, log_id, "daily", 1, 200, 2, 4, 194),
    ]
    assert read_totals(log.committed, DAY) == LeftTotals(samples=12, live=2, withheld=195)
    assert read_totals(log.committed, DAY + 1) == LeftTotals(0, 0, 0)
    log.close()


def test_nothing_new_is_nothing_to_write() -> None:
    """What was handed over is handed over once."""
    departures = Departures()
    departures.note_live(START_MS, METER)

    assert len(departures.take()) == 1
    assert departures.take() == {}


def test_the_oldest_lines_make_room(tmp_path: Path) -> None:
    """The record is bounded, by its newest lines."""
    log = Log(tmp_path / "hub.sqlite")
    log.meter_log(METER, Medium.ELECTRICITY)
    with log.transaction() as db:
        keys = [DepartureKey(day, METER, 0, "live") for day in range(MAX_DEPARTURES + 10)]
        write_departures(db, [(key, Departed(0, 0, 0, 1, 0)) for key in keys])

    lines = read_departures(log.committed)

    assert len(lines) == MAX_DEPARTURES
    assert lines[0].day == "1970-01-11"
    log.close()


def test_a_line_is_said_in_words() -> None:
    """So that a household can read it."""
    frames = DepartureLine("2026-03-01", METER, "ab" * 16, "daily", 1, 8640, 2, 2, 8638)
    live = DepartureLine("2026-03-01", METER, "", "live", 0, 0, 0, 7200, 0)

    assert as_words(frames) == (
        "2026-03-01 M1, daily: 2 samples left and 8,638 were held back, of rows 1 to 8,640 "
        "(log abababab), in 2 frames"
    )
    assert as_words(live) == "2026-03-01 M1, live: 7,200 live samples"


def test_the_latest_days_are_read_beside_the_hub_that_writes(tmp_path: Path) -> None:
    """What was committed is seen; what is older than asked for, or not yet committed, is not."""
    path = tmp_path / "hub.sqlite"
    log, _ = log_with(path, 3)
    departures = Departures()
    for days in (0, 1, 2):
        departures.note_live(START_MS + days * MS_PER_DAY, METER)
    log.commit(Batch(departures=list(departures.take().items())))
    departures.note_live(START_MS + 3 * MS_PER_DAY, METER)

    lines = read_departures_beside(path, DAY + 1)

    assert [line.samples for line in lines] == [1, 1]
    assert {line.meter for line in lines} == {METER}
    log.close()
