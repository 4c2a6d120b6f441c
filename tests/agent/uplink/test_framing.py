"""Frames cover their range wholly and let out no more than consent allows."""

import datetime as dt
from collections.abc import Callable, Iterable
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.consent import Consent
from agent.records import Hole, MeterLog, RunChange
from agent.rows import LogRow
from agent.uplink.framing import (
    CLOSED_AFTER_MS,
    FRAME_SAMPLES,
    THINNED_FRAME_ROWS,
    Chunk,
    Cut,
    Framer,
    rows_to_read,
)
from shared.calendar import day_of, local_date, slot_of_sample, slot_start_ms
from shared.consent import Granularity, narrowest
from shared.frames import Frame, GapKind, decode_frame, encode_frame
from shared.ranges import Range
from shared.readings import COUNTERS, Medium
from shared.units import MS_PER_DAY, MS_PER_HOUR, SLOT_MS
from tests.support.hubs import METER, START_MS, row_at, rows_every

LONDON = ZoneInfo("Europe/London")
METER_LOG = MeterLog(1, bytes(16), METER, Medium.ELECTRICITY, 1)
LATER_MS = START_MS + 400 * MS_PER_DAY
EVERYTHING = Granularity.TEN_SECONDS


def resolve(row: LogRow) -> tuple[int, int] | None:
    """Tell the time of boot 1; no other boot has learned it."""
    return (START_MS + row.monotonic_ms, row.quality) if row.boot == 1 else None


def damaged(seq: int) -> Hole:
    """Say of one sequence that its row is damaged."""
    return Hole(seq, seq, GapKind.DAMAGED)


def cut(
    rows: Iterable[LogRow | Hole],
    granularity: Granularity | Consent = EVERYTHING,
    *,
    now_ms: int = LATER_MS,
    goes_on: bool = False,
    changes: list[RunChange] | None = None,
    span: Range | None = None,
) -> Cut:
    held = list(rows)
    firsts = [row.seq if isinstance(row, LogRow) else row[0] for row in held]
    lasts = [row.seq if isinstance(row, LogRow) else row[1] for row in held]
    first, last = span or (min(firsts), max(lasts))
    consent = granularity if isinstance(granularity, Consent) else Consent([(0, granularity)])
    framer = Framer(METER_LOG, changes or [], consent, LONDON)
    return framer.cut(Chunk(first, last, iter(held), goes_on), resolve, now_ms)


def frame_of(*args: object, **options: object) -> Frame:
    found = cut(*args, **options).frame  # type: ignore[arg-type]  # passed on
    assert found is not None
    return decode_frame(encode_frame(found))


def cut_all(
    rows: list[LogRow | Hole], consent: Consent, now_ms: int, chunk_rows: int
) -> list[Frame]:
    """Cut frame after frame, as the session does, until nothing more may leave."""
    frames: list[Frame] = []
    firsts = [row.seq if isinstance(row, LogRow) else row[0] for row in rows]
    next_seq, last_seq = firsts[0], firsts[-1]
    while next_seq <= last_seq:
        end = min(last_seq, next_seq + chunk_rows - 1)
        chunk = [r for r, seq in zip(rows, firsts, strict=True) if next_seq <= seq <= end]
        done = cut(chunk, consent, now_ms=now_ms, goes_on=end < last_seq, span=(next_seq, end))
        if done.last_seq < next_seq:
            break
        frames += [done.frame] if done.frame else []
        next_seq = done.last_seq + 1
    return frames


def assert_covers(frame: Frame) -> None:
    """Check that samples and gaps fill the range, by a way of its own."""
    places = frame.sequences()
    for gap in frame.gaps:
        places += range(gap.first_seq, gap.last_seq + 1)
    assert sorted(places) == list(range(frame.first_seq, frame.last_seq + 1))
    assert len(frame.sequences()) == len(frame.times_ms)


def test_every_sample_is_sent_at_ten_seconds() -> None:
    """With full consent a frame is its rows, with their times and every register."""
    rows = [row_at(n, n * 10_000, {"import_mwh": n, "power_import_w": 9}) for n in range(5, 9)]

    frame = frame_of(rows)

    assert [s.registers for s in frame.samples()] == [row.registers for row in rows]
    assert frame.times_ms == [START_MS + row.monotonic_ms for row in rows]
    assert (frame.first_seq, frame.last_seq, frame.gaps) == (5, 8, [])
    assert (frame.log_id, frame.meter) == (METER_LOG.log_id, METER)


def test_live_sends_as_much_as_ten_seconds() -> None:
    """The logged samples are the same: live adds what is not logged."""
    rows = rows_every(6)

    assert frame_of(rows, Granularity.LIVE) == frame_of(rows, Granularity.TEN_SECONDS)


def test_damaged_and_missing_rows_are_said_to_be_damaged() -> None:
    """A hole is named, so that it is never asked for again."""
    rows: list[LogRow | Hole] = [*rows_every(2), damaged(3), *rows_every(2, first_seq=5)]

    frame = frame_of(rows, span=(1, 8))

    assert frame.sequences() == [1, 2, 5, 6]
    assert [(g.kind, g.first_seq, g.last_seq) for g in frame.gaps] == [
        (GapKind.DAMAGED, 3, 4),
        (GapKind.DAMAGED, 7, 8),
    ]


def test_thinned_rows_are_said_to_be_thinned() -> None:
    """What was given up to make room is told apart from what consent keeps and what rotted."""
    thinned = Hole(3, 6, GapKind.THINNED)
    rows: list[LogRow | Hole] = [*rows_every(2), thinned, *rows_every(2, first_seq=8)]

    frame = frame_of(rows, span=(1, 9))

    assert frame.sequences() == [1, 2, 8, 9]
    assert [(g.kind, g.first_seq, g.last_seq) for g in frame.gaps] == [
        (GapKind.THINNED, 3, 6),
        (GapKind.DAMAGED, 7, 7),
    ]


def test_nothing_leaves_where_nothing_is_allowed() -> None:
    """Granularity none covers the range with one gap."""
    frame = frame_of(rows_every(50), Granularity.NONE)

    assert frame.times_ms == []
    assert [(g.kind, g.first_seq, g.last_seq) for g in frame.gaps] == [(GapKind.WITHHELD, 1, 50)]


def test_withheld_and_damaged_are_told_apart() -> None:
    """Inside what consent withholds, a damaged row is still said to be damaged."""
    rows: list[LogRow | Hole] = [*rows_every(3), damaged(4), *rows_every(3, first_seq=5)]

    frame = frame_of(rows, Granularity.HALF_HOURLY)

    assert [(g.kind, g.first_seq, g.last_seq) for g in frame.gaps] == [
        (GapKind.WITHHELD, 2, 3),
        (GapKind.DAMAGED, 4, 4),
        (GapKind.WITHHELD, 5, 6),
    ]


def test_half_hourly_sends_openings_and_closings_of_counters_alone() -> None:
    """Two samples of each ended slot, without power or voltage."""
    rows = [row_at(n, n * 60_000, {"import_mwh": n, "power_import_w": 5}) for n in range(1, 61)]

    frame = frame_of(rows, Granularity.HALF_HOURLY)

    assert [s.taken_at_ms - START_MS for s in frame.samples()] == [
        60_000,
        SLOT_MS,
        SLOT_MS + 60_000,
        2 * SLOT_MS,
    ]
    assert {column.register for column in frame.columns} == {"import_mwh"}


@pytest.mark.parametrize("granularity", [Granularity.HALF_HOURLY, Granularity.DAILY])
def test_a_credit_is_no_end_of_a_span_and_does_not_leave_with_one(granularity: Granularity) -> None:
    """Read before the opening and behind the closing, it hides neither, and stays in the home."""
    credit = {"prepayment_index": 1, "currency_iso4217": 826, "credit_millionths": -5}
    rows = [
        row_at(1, 1_000, credit),
        *rows_every(9, first_seq=2, start_ms=60_000),
        row_at(11, SLOT_MS - 1_000, credit),
    ]

    frame = frame_of(rows, granularity)

    assert frame.sequences() == [2, 10]
    assert [column.register for column in frame.columns] == ["import_mwh"]
    assert_covers(frame)


def test_a_span_of_credit_alone_leaves_nothing_and_is_covered() -> None:
    """Nobody asks for it again."""
    credit = {"prepayment_index": 1, "currency_iso4217": 826, "credit_millionths": -5}

    frame = frame_of([row_at(1, 1_000, credit), row_at(2, 2_000, credit)], Granularity.HALF_HOURLY)

    assert (frame.first_seq, frame.last_seq, frame.times_ms) == (1, 2, [])
    assert_covers(frame)


def test_every_credit_leaves_where_every_sample_does() -> None:
    """The household lets all that is logged out."""
    credit = {"prepayment_index": 1, "currency_iso4217": 826, "credit_millionths": -5}

    frame = frame_of([row_at(1, 1_000), row_at(2, 2_000, credit)], Granularity.TEN_SECONDS)

    assert [sample.registers for sample in frame.samples()] == [row_at(1, 0).registers, credit]


def test_the_open_slot_is_held_back() -> None:
    """A slot is sent three minutes after its end, not before."""
    rows = rows_every(360)
    end_ms = START_MS + 2 * SLOT_MS
    just_open = cut(rows, Granularity.HALF_HOURLY, now_ms=end_ms + CLOSED_AFTER_MS - 1)
    just_closed = cut(rows, Granularity.HALF_HOURLY, now_ms=end_ms + CLOSED_AFTER_MS)

    assert just_open.last_seq == 180
    assert just_closed.last_seq == 360


def test_an_open_slot_alone_is_no_frame() -> None:
    """Nothing is cut from it, and the range stays unsent."""
    assert cut(rows_every(9), Granularity.HALF_HOURLY, now_ms=START_MS + 90_000) == Cut(None, 0)


def test_an_open_slot_before_rows_without_a_time_is_held_back_too() -> None:
    """A restart without a clock does not let the beginning of the slot out."""
    rows = [*rows_every(9), row_at(10, 0, boot=2)]

    assert cut(rows, Granularity.HALF_HOURLY, now_ms=START_MS + 90_000) == Cut(None, 0)


def test_an_open_slot_before_a_run_change_is_held_back_too() -> None:
    """Nor does a meter that was based anew."""
    changes = [RunChange(1, "import_mwh", 5, "new", 0)]

    held = cut(rows_every(9), Granularity.HALF_HOURLY, now_ms=START_MS + 90_000, changes=changes)

    assert held == Cut(None, 0)


def test_a_slot_that_goes_on_behind_the_chunk_waits_for_the_rest() -> None:
    """A chunk that ends within a slot is cut at the slot's start."""
    assert cut(rows_every(200), Granularity.HALF_HOURLY, goes_on=True).last_seq == 180


def test_a_resent_range_in_the_middle_of_the_log_is_sent_to_its_end() -> None:
    """Where later rows are stored already, the last slot of a lost frame is whole and leaves."""
    assert cut(rows_every(180), Granularity.HALF_HOURLY, goes_on=False).last_seq == 180


def test_a_slot_that_fills_a_chunk_alone_is_sent() -> None:
    """A clock that stood still cannot hold the log up for ever."""
    rows = [row_at(n, n) for n in range(1, 30)]

    assert cut(rows, Granularity.HALF_HOURLY, goes_on=True).last_seq == 29


def test_daily_sends_two_samples_of_a_local_day() -> None:
    """The day is the household's own: in summer it begins at 23:00 UTC."""
    summer_ms = int(dt.datetime(2026, 7, 1, tzinfo=dt.UTC).timestamp()) * 1_000 - START_MS
    rows = rows_every(200, every_ms=MS_PER_HOUR // 4, start_ms=summer_ms)

    frame = frame_of(rows, Granularity.DAILY)

    by_day: dict[dt.date, int] = {}
    for sample in frame.samples():
        day = local_date(sample.taken_at_ms - 1, LONDON)
        by_day[day] = by_day.get(day, 0) + 1
    assert set(by_day.values()) == {2}
    assert len(by_day) == 3


def test_a_run_change_begins_a_new_frame() -> None:
    """A frame has one run a register: it ends before the change, and the next one names the run."""
    changes = [
        RunChange(1, "import_mwh", 4, "run-a", 0),
        RunChange(1, "import_mwh", 6, "run-a", 10**11),
    ]
    rows = rows_every(9)

    first = cut(rows, changes=changes)
    second = cut(rows[3:], changes=changes)
    third = cut(rows[5:], changes=changes)

    assert [one.last_seq for one in (first, second, third)] == [3, 5, 9]
    columns = [one.frame.columns[0] for one in (first, second, third) if one.frame]
    assert [(c.run, c.modulus) for c in columns] == [("", 0), ("run-a", 0), ("run-a", 10**11)]


def test_rows_without_a_time_are_passed_over() -> None:
    """They are framed once their time is known; what follows need not wait."""
    unknown = [row_at(n, 0, boot=2) for n in (1, 2, 3)]
    known = rows_every(3, first_seq=4)

    passed = cut([*unknown, *known])
    after = cut(known)

    assert passed == Cut(None, 3)
    assert after.frame is not None


def test_rows_before_those_without_a_time_are_framed() -> None:
    """A frame ends where the time is no longer known."""
    assert cut([*rows_every(3), row_at(4, 0, boot=2)]).last_seq == 3


def test_a_range_of_rows_without_a_time_alone_is_passed_over_whole() -> None:
    """There is no frame of it, and the search goes on behind it."""
    assert cut([row_at(n, 0, boot=2) for n in range(1, 8)]) == Cut(None, 7)


def test_narrowing_holds_for_what_was_taken_before() -> None:
    """The household that narrows today withholds yesterday's detail not yet sent."""
    consent = Consent([(0, Granularity.TEN_SECONDS)])
    consent.choose(START_MS + MS_PER_DAY, Granularity.NONE)

    assert frame_of(rows_every(20), consent).times_ms == []


def test_widening_does_not_reach_back() -> None:
    """What was taken under a narrower choice stays withheld after it is widened."""
    consent = Consent([(0, Granularity.HALF_HOURLY)])
    consent.choose(START_MS + SLOT_MS, Granularity.TEN_SECONDS)
    rows = rows_every(360)

    frames = cut_all(list(rows), consent, LATER_MS, FRAME_SAMPLES)

    early = [s for f in frames for s in f.samples() if s.taken_at_ms < START_MS + SLOT_MS]
    late = [s for f in frames for s in f.samples() if s.taken_at_ms > START_MS + SLOT_MS]
    assert len(early) == 2
    assert len(late) == 180
    assert [s.seq for s in early] == [1, 179]


def test_chunks_are_large_where_little_is_let_out() -> None:
    """One frame is read from two days where two samples of a slot are left."""
    assert [rows_to_read(one) for one in Granularity] == [
        FRAME_SAMPLES,
        FRAME_SAMPLES,
        THINNED_FRAME_ROWS,
        THINNED_FRAME_ROWS,
        THINNED_FRAME_ROWS,
    ]


def span_end_of(granularity: Granularity) -> Callable[[int], int | None]:
    """State of its own which span a sample may speak of, and when that ends."""
    if granularity is Granularity.HALF_HOURLY:
        return lambda at_ms: slot_start_ms(slot_of_sample(at_ms) + 1)
    if granularity is Granularity.DAILY:
        return lambda at_ms: day_of(local_date(at_ms - 1, LONDON), LONDON).end_ms
    return lambda _at_ms: None


@st.composite
def logs(draw: st.DrawFn) -> list[LogRow | Hole]:
    """Rows of rising time with damaged places and stretches of a boot without time among them."""
    at_ms = draw(st.integers(1, SLOT_MS))
    rows: list[LogRow | Hole] = []
    for seq in range(1, draw(st.integers(2, 60))):
        at_ms += draw(st.sampled_from((10_000, 60_000, SLOT_MS // 4, SLOT_MS, 7 * MS_PER_HOUR)))
        kind = draw(st.sampled_from(("sound",) * 8 + ("damaged", "timeless")))
        if kind == "damaged":
            rows.append(damaged(seq))
        else:
            registers = {"import_mwh": seq, "power_import_w": seq}
            rows.append(row_at(seq, at_ms, registers, boot=1 if kind == "sound" else 2))
    return rows


@settings(max_examples=150, deadline=None)
@given(
    logs(), st.sampled_from(list(Granularity)), st.integers(0, 3 * MS_PER_DAY), st.integers(2, 80)
)
def test_frames_cover_wholly_and_leak_nothing(
    rows: list[LogRow | Hole], granularity: Granularity, now_ms: int, chunk_rows: int
) -> None:
    """Whatever the log, frames cover their ranges; of a span leave its edges, once ended."""
    now_ms += START_MS

    frames = cut_all(rows, Consent([(0, granularity)]), now_ms, chunk_rows)

    by_seq = {row.seq: row for row in rows if isinstance(row, LogRow)}
    covered: list[int] = []
    for frame in frames:
        assert_covers(frame)
        covered += range(frame.first_seq, frame.last_seq + 1)
        seen: dict[int, int] = {}
        for sample in frame.samples():
            assert by_seq[sample.seq].boot == 1
            end_ms = span_end_of(granularity)(sample.taken_at_ms)
            if end_ms is not None:
                assert end_ms <= now_ms
                assert set(sample.registers) <= COUNTERS
                seen[end_ms] = seen.get(end_ms, 0) + 1
        assert max(seen.values(), default=0) <= 2
        assert granularity is not Granularity.NONE or not frame.times_ms
    assert covered == sorted(set(covered))


@given(st.sampled_from(list(Granularity)), st.sampled_from(list(Granularity)))
def test_a_sample_is_sent_under_the_narrower_of_then_and_now(
    then: Granularity, now: Granularity
) -> None:
    """Changing the choice, in either direction, never lets out more than the narrower one."""
    consent = Consent([(0, then)])
    consent.choose(START_MS + MS_PER_DAY, now)
    rows = rows_every(400)

    frame = frame_of(rows, consent)

    assert frame == frame_of(rows, narrowest(then, now))


@pytest.mark.parametrize("granularity", list(Granularity))
def test_a_chunk_of_damage_alone_is_framed(granularity: Granularity) -> None:
    """A stretch of rotten rows is told of under any consent."""
    frame = frame_of([damaged(1), damaged(2)], granularity)

    assert [(g.kind, g.first_seq, g.last_seq) for g in frame.gaps] == [(GapKind.DAMAGED, 1, 2)]
