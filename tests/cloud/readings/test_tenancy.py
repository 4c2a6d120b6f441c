"""Readings cut to a household's tenancies of a meter."""

from cloud.households.spans import Span
from cloud.readings.store import Change, RunKey, StoredFrame
from cloud.readings.tenancy import TenancyReadings, cut_edges, cut_frame
from cloud.scope import Scope
from shared.frames import MAX_GAPS, GapKind, decode_frame, encode_frame
from shared.meterdays import Edges, split_by_day
from shared.readings import StampedSample
from shared.units import MS_PER_DAY, MS_PER_HOUR, SLOT_MS
from tests.support.cloud import LOG_ID, METER, START_MS, MemoryReadingStore, frame_at, samples_of

HOME = Scope.of("home")
KEY = RunKey("import_mwh", "")
FIRST_SLOT = START_MS // SLOT_MS
DAY = START_MS // MS_PER_DAY


def _steady(slots: range) -> dict[int, Edges]:
    return {
        slot: Edges(slot * SLOT_MS + 1, slot * 10, (slot + 1) * SLOT_MS, slot * 10 + 9)
        for slot in slots
    }


def _kept(*spans: Span, days: int = 10) -> TenancyReadings:
    store = MemoryReadingStore()
    edges = _steady(range(FIRST_SLOT, FIRST_SLOT + days * 48))
    by_day = {(KEY, day): one for day, one in split_by_day(edges).items()}
    store.apply(HOME, METER, Change({KEY: 0}, by_day))
    return TenancyReadings(store, lambda _scope, _meter: spans)


def test_days_end_where_the_tenancy_does() -> None:
    """The half hour in which it ends keeps its opening; what is past it is not there."""
    end_ms = START_MS + MS_PER_DAY + SLOT_MS + 1_000
    readings = _kept(Span(0, end_ms))

    days = readings.days(HOME, METER, KEY, DAY, DAY + 9)

    slots = sorted(slot for edges in days.values() for slot in edges)
    assert slots == list(range(FIRST_SLOT, FIRST_SLOT + 50))
    last = days[DAY + 1][slots[-1]]
    assert last[:2] == last[2:]


def test_nearest_known_day_is_one_within() -> None:
    """Asked for days past its end, or before its beginning: nearer ones outside are not found."""
    span = Span(START_MS + 3 * MS_PER_DAY, START_MS + 5 * MS_PER_DAY)
    readings = _kept(span)

    assert sorted(readings.days(HOME, METER, KEY, DAY + 8, DAY + 9)) == [DAY + 4]
    # The reading at its very beginning closes the half hour before.
    assert sorted(readings.days(HOME, METER, KEY, DAY - 5, DAY)) == [DAY + 2]


def test_two_tenancies_are_two_runs() -> None:
    """No difference is taken over the time in which the meter was another household's."""
    readings = _kept(
        Span(0, START_MS + MS_PER_DAY), Span(START_MS + 8 * MS_PER_DAY, START_MS + 20 * MS_PER_DAY)
    )

    keys = sorted(readings.runs(HOME, METER))
    first, second = (readings.days(HOME, METER, key, DAY, DAY + 9) for key in keys)

    assert [key.register for key in keys] == ["import_mwh"] * 2
    assert (min(first), max(first)) == (DAY, DAY)
    assert (min(second), max(second)) == (DAY + 7, DAY + 9)
    assert list(second[DAY + 7]) == [FIRST_SLOT + 8 * 48 - 1]


def test_edges_on_the_boundary_are_of_both() -> None:
    """The reading at the end closes the last half hour, and opens the next household's first."""
    edges = _steady(range(FIRST_SLOT, FIRST_SLOT + 2))
    moved_ms = START_MS + SLOT_MS

    before = cut_edges(edges, Span(0, moved_ms))
    after = cut_edges(edges, Span(moved_ms, moved_ms + MS_PER_DAY))

    assert before == {FIRST_SLOT: edges[FIRST_SLOT]}
    assert after[FIRST_SLOT] == Edges(moved_ms, *edges[FIRST_SLOT][3:], *edges[FIRST_SLOT][2:])
    assert after[FIRST_SLOT + 1] == edges[FIRST_SLOT + 1]


def _stored_as(payload: bytes) -> StoredFrame:
    frame = decode_frame(payload)
    times = frame.times_ms
    place = (frame.first_seq, frame.last_seq, min(times), max(times))
    return StoredFrame("hub-1", LOG_ID.hex(), METER, 0, *place, START_MS, b"d", payload)


def test_frame_is_cut_as_though_the_rest_were_withheld() -> None:
    """Its range stays whole, so that what it decides of other frames does not change."""
    moved_ms = START_MS + MS_PER_HOUR // 2
    stored = _stored_as(encode_frame(frame_at(samples_of(1, 360))))

    cut = cut_frame(stored, [Span(0, moved_ms)])

    frame = decode_frame(cut.payload)
    assert max(frame.times_ms) == cut.last_taken_at_ms == moved_ms
    assert (frame.first_seq, frame.last_seq) == (1, 360)
    assert [(gap.kind, gap.first_seq, gap.last_seq) for gap in frame.gaps] == [
        (GapKind.WITHHELD, 181, 360)
    ]
    assert cut_frame(stored, [Span(0, START_MS + MS_PER_DAY)]) is stored


def test_frame_in_too_many_pieces_shows_nothing() -> None:
    """Times that jump to and fro over the end would need more gaps than a frame may have."""
    count = 2 * MAX_GAPS + 4
    samples = [
        StampedSample(seq, START_MS + seq % 2 * MS_PER_HOUR, {"import_mwh": seq})
        for seq in range(1, count)
    ]

    cut = cut_frame(_stored_as(encode_frame(frame_at(samples))), [Span(0, START_MS + SLOT_MS)])

    assert decode_frame(cut.payload).times_ms == []
