"""Frames made of columns at once are those that are cut row by row."""

from pathlib import Path
from zoneinfo import ZoneInfo

from agent.consent import Consent
from agent.log import Log
from agent.pieces import Piece
from agent.records import MeterLog, RunChange
from agent.rows import LogRow
from agent.timekeeping import ClockLedger
from agent.upkeep.sealing import seal
from agent.uplink.framing import FRAME_SAMPLES, Chunk, Cut, Framer
from agent.uplink.wholeframes import cut_whole
from shared.consent import Granularity
from shared.frames import decode_frame, encode_frame
from shared.units import MS_PER_DAY, SLOT_MS
from tests.support.hubs import BOOT, START_MS, append, append_loose, log_with, row_at

LEDGER = ClockLedger(
    [Piece(BOOT, day * MS_PER_DAY, START_MS + day * MS_PER_DAY, 50, "ntp") for day in range(3)]
)
EVERYTHING = Consent([(0, Granularity.TEN_SECONDS)])
LONDON = ZoneInfo("Europe/London")


def rows_of_a_meter(first_seq: int, last_seq: int, **more: int) -> list[LogRow]:
    """Make rows of a meter with a clock, ten seconds apart from the boot on."""
    return [
        row_at(
            seq,
            seq * 10_000,
            {"import_mwh": 10**9 + seq * 7, "power_import_w": seq % 90, **more},
            meter_clock_ms=START_MS + seq * 10_000,
        )
        for seq in range(first_seq, last_seq + 1)
    ]


def filled(path: Path, rows: list[LogRow]) -> tuple[Log, MeterLog]:
    """Open a log that holds these rows, full segments sealed."""
    log, meter_log = log_with(path, 0)
    append(log, meter_log, rows)
    while seal(log):
        pass
    return log, meter_log


def whole(
    log: Log,
    meter_log: MeterLog,
    first_seq: int,
    last_seq: int,
    consent: Consent = EVERYTHING,
    changes: tuple[RunChange, ...] = (),
) -> Cut | None:
    """Cut a range at once."""
    chunk = Chunk(first_seq, last_seq, iter(()), goes_on=True, revision=3)
    return cut_whole(log, LEDGER, consent, meter_log, changes, chunk)


def by_rows(
    log: Log,
    meter_log: MeterLog,
    first_seq: int,
    last_seq: int,
    changes: tuple[RunChange, ...] = (),
) -> Cut:
    """Cut it row by row."""
    rows = log.read(meter_log.log, first_seq, last_seq)
    chunk = Chunk(first_seq, last_seq, rows, goes_on=True, revision=3)
    framer = Framer(meter_log, changes, EVERYTHING, LONDON)
    return framer.cut(chunk, LEDGER.resolve, START_MS + 9 * MS_PER_DAY)


def test_every_range_of_a_log_gives_the_same_frame(tmp_path: Path) -> None:
    """Within a block, over several, from and to anywhere; of a commit's own blocks too."""
    log, meter_log = filled(tmp_path / "hub.sqlite", rows_of_a_meter(1, 1_000))
    ranges = ((1, 720), (361, 1_000), (5, 5), (200, 919), (359, 362), (721, 1_000), (990, 1_000))

    for span in ranges:
        at_once, in_turn = whole(log, meter_log, *span), by_rows(log, meter_log, *span)
        assert at_once is not None
        assert at_once == in_turn
        assert at_once.frame is not None
        assert in_turn.frame is not None
        payload = encode_frame(at_once.frame)
        assert payload == encode_frame(in_turn.frame)
        assert decode_frame(payload) == at_once.frame


def test_runs_that_began_before_are_named(tmp_path: Path) -> None:
    """A register that has wrapped or was based anew carries its run."""
    log, meter_log = filled(tmp_path / "hub.sqlite", rows_of_a_meter(1, 400))
    changes = (RunChange(1, "import_mwh", 3, "run", 0), RunChange(1, "import_mwh", 9, "run", 10**9))

    at_once = whole(log, meter_log, 20, 300, changes=changes)

    assert at_once == by_rows(log, meter_log, 20, 300, changes)
    assert at_once is not None
    assert at_once.frame is not None
    assert at_once.frame.columns[0].run == "run"
    assert at_once.frame.columns[0].modulus == 10**9


def test_a_new_run_within_is_left_to_the_rows(tmp_path: Path) -> None:
    """A frame ends before it."""
    log, meter_log = filled(tmp_path / "hub.sqlite", rows_of_a_meter(1, 400))
    change = RunChange(1, "import_mwh", 100, "run", 0)

    assert whole(log, meter_log, 1, 300, changes=(change,)) is None
    assert whole(log, meter_log, 100, 300, changes=(change,)) is not None
    assert whole(log, meter_log, 1, 99, changes=(change,)) is not None


def test_narrower_or_changing_consent_is_left_to_the_rows(tmp_path: Path) -> None:
    """Whoever lets out half hours, or did for a part of it, has each row looked at."""
    log, meter_log = filled(tmp_path / "hub.sqlite", rows_of_a_meter(1, 400))
    half_hourly = Consent([(0, Granularity.HALF_HOURLY)])
    widened = Consent([(0, Granularity.HALF_HOURLY)])
    widened.choose(START_MS + SLOT_MS, Granularity.LIVE, (BOOT, SLOT_MS))
    told_late = Consent([(0, Granularity.HALF_HOURLY)])
    told_late.choose(START_MS, Granularity.LIVE, (BOOT, SLOT_MS))

    assert whole(log, meter_log, 1, 300, half_hourly) is None
    assert whole(log, meter_log, 1, 300, widened) is None
    assert whole(log, meter_log, 1, 300, told_late) is None
    assert whole(log, meter_log, 200, 300, widened) is not None


def test_what_is_no_sound_block_is_left_to_the_rows(tmp_path: Path) -> None:
    """A row by itself, a hole, a block that rotted, registers that change, more than a frame."""
    log, meter_log = filled(tmp_path / "hub.sqlite", rows_of_a_meter(1, 2 * FRAME_SAMPLES))
    append(log, meter_log, rows_of_a_meter(1_441, 1_450, gas_l=1))
    append_loose(log, meter_log, rows_of_a_meter(1_451, 1_452, gas_l=1))
    append(log, meter_log, rows_of_a_meter(1_455, 1_460, gas_l=1))
    log.write("UPDATE blocks SET checksum = checksum + 1 WHERE first_seq = 361", ())

    assert whole(log, meter_log, 1, 361) is None
    assert whole(log, meter_log, 700, 800) is None
    assert whole(log, meter_log, 1_400, 1_445) is None
    assert whole(log, meter_log, 1_445, 1_451) is None
    assert whole(log, meter_log, 1_450, 1_456) is None
    assert whole(log, meter_log, 1_455, 1_461) is None
    assert whole(log, meter_log, 721, 1_441) is None
    assert whole(log, meter_log, 721, 1_440) is not None
    assert whole(log, meter_log, 1_441, 1_450) is not None


def test_a_time_that_is_not_plain_is_left_to_the_rows(tmp_path: Path) -> None:
    """Two days after the last source spoke nobody knows it to two seconds."""
    late = [row_at(n, 5 * MS_PER_DAY + n) for n in range(1, 9)]
    log, meter_log = filled(tmp_path / "hub.sqlite", late)

    assert whole(log, meter_log, 1, 8) is None
    assert by_rows(log, meter_log, 1, 8).frame is None
