"""Rows dated together are dated as each would be by itself, or not at all."""

from hypothesis import given, settings
from hypothesis import strategies as st

from agent.blocks import make_commit_block, read_columns
from agent.columns import Columns
from agent.dating import Dated, date_columns
from agent.pieces import Piece
from agent.rows import LogRow
from agent.timekeeping import METER_CLOCK_TOLERANCE_MS, ClockLedger
from shared.readings import Quality
from shared.units import MS_PER_DAY, MS_PER_HOUR, MS_PER_SECOND
from tests.support.hubs import BOOT, START_MS, row_at

offsets_ms = st.sampled_from([0, 0, 0, 3, -900, 1_999, -2_001, 40_000]) | st.integers(-9_000, 9_000)
uncertainties_ms = st.sampled_from([10, 50, 400, 1_900, 2_500, 30_000])
instants_ms = st.integers(-MS_PER_HOUR, 3 * MS_PER_DAY)
clock_errors_ms = st.sampled_from([0, 0, 900, -1_500, 117_000, 118_500, -119_000, 121_000])


@st.composite
def ledgers(draw: st.DrawFn) -> ClockLedger:
    """Draw what sources have said over three days of a boot, or of two."""
    said = st.tuples(st.integers(1, 2), instants_ms, offsets_ms, uncertainties_ms)
    return ClockLedger(
        [
            Piece(boot, at_ms, START_MS + at_ms + off_ms, uncertainty_ms, "ntp")
            for boot, at_ms, off_ms, uncertainty_ms in draw(st.lists(said, max_size=12))
        ]
    )


@st.composite
def row_runs(draw: st.DrawFn) -> list[LogRow]:
    """Draw rows heard one after another, mostly of a meter that tells the time."""
    heard_ms, rows = draw(instants_ms), []
    error_ms, has_clock = draw(clock_errors_ms), draw(st.booleans())
    for seq in range(1, draw(st.integers(2, 12))):
        heard_ms += draw(st.sampled_from([0, 10 * MS_PER_SECOND, 5 * MS_PER_HOUR]))
        clock_ms = START_MS + heard_ms + error_ms if has_clock else None
        quality = draw(st.sampled_from([0, 0, int(Quality.HUB_TIME), 4]))
        rows.append(row_at(seq, heard_ms, meter_clock_ms=clock_ms, quality=quality))
    return rows


def columns_of(rows: list[LogRow]) -> Columns:
    """Have rows as columns, as a block gives them back."""
    columns = read_columns(*make_commit_block(1, rows))
    assert columns is not None
    return columns


def told(*pieces: tuple[int, int]) -> ClockLedger:
    """Make a ledger of pieces known to 50 ms, each at an instant, so much off `START_MS`."""
    return ClockLedger([Piece(BOOT, at, START_MS + at + off, 50, "ntp") for at, off in pieces])


def one_by_one(ledger: ClockLedger, rows: list[LogRow]) -> Dated | None:
    """Date each row by itself; None where one of them cannot be."""
    dated = [time for row in rows if (time := ledger.resolve(row)) is not None]
    if len(dated) < len(rows):
        return None
    return Dated([at_ms for at_ms, _ in dated], [quality for _, quality in dated])


@settings(max_examples=60)
@given(ledgers(), row_runs())
def test_rows_are_dated_together_as_each_is_by_itself(
    ledger: ClockLedger, rows: list[LogRow]
) -> None:
    """Whatever sources have said; where it is not plain nothing is said at all."""
    assert date_columns(ledger, columns_of(rows)) in (None, one_by_one(ledger, rows))


def test_a_month_that_a_source_spoke_in_once_a_day_is_dated_together() -> None:
    """What a crystal may drift in a day is more than a frame may be off; between two words not."""
    ledger = told(*((day * MS_PER_DAY, day * 40) for day in range(4)))
    every_ms = 6 * MS_PER_HOUR
    rows = [
        row_at(n, n * every_ms, meter_clock_ms=START_MS + n * every_ms + 300) for n in range(1, 12)
    ]

    dated = date_columns(ledger, columns_of(rows))

    assert dated == one_by_one(ledger, rows)
    assert dated == Dated([row.meter_clock_ms or 0 for row in rows], [0] * len(rows))


def test_a_meter_without_a_clock_is_dated_by_the_hubs() -> None:
    """So it is said of each of its samples."""
    rows = [row_at(n, n * 10_000, quality=4) for n in range(1, 5)]

    dated = date_columns(told((0, 0)), columns_of(rows))

    assert dated is not None
    assert dated.times_ms == [START_MS + row.monotonic_ms for row in rows]
    assert dated.qualities == [4 | Quality.HUB_TIME] * 4


def test_what_takes_a_look_at_each_row_is_not_dated_together() -> None:
    """A step, a boot that ended, a capture, a clock that is lost or wrong, an hour nobody knew."""
    ledger = told((0, 0), (50_000, 0))
    rows = [row_at(n, n * 10_000, meter_clock_ms=START_MS + n * 10_000) for n in range(1, 10)]
    wrong_ms = START_MS + METER_CLOCK_TOLERANCE_MS + 90_001
    others = (
        row_at(10, 90_000, boot=BOOT + 1),
        row_at(10, 90_000, meter_clock_ms=START_MS, captured_at_ms=START_MS),
        row_at(10, 90_000),
        row_at(10, 90_000, meter_clock_ms=wrong_ms),
        row_at(10, 89_999, meter_clock_ms=START_MS),
        row_at(10, 3 * MS_PER_DAY, meter_clock_ms=START_MS + 3 * MS_PER_DAY),
    )

    assert date_columns(ledger, columns_of(rows)) is not None
    assert date_columns(told((0, 0), (50_000, 5_000)), columns_of(rows)) is None
    assert date_columns(ClockLedger(), columns_of(rows)) is None
    for other in others:
        assert date_columns(ledger, columns_of([*rows, other])) is None
