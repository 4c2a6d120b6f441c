"""Of a slot and of a day leave two ends at the most, whenever the time is learned; and no later."""

import random
from collections import Counter
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.consent import Consent
from agent.pieces import MAX_UNCERTAINTY_MS, Piece
from agent.records import MeterLog
from agent.rows import LogRow
from agent.timekeeping import ClockLedger
from agent.untimed import name_untimed
from agent.uplink.framing import (
    CLOSED_AFTER_MS,
    FRAME_SPANS,
    Chunk,
    Framer,
    rows_to_read,
    span_of,
)
from shared.calendar import day_of, local_date, slot_of_sample
from shared.consent import Granularity
from shared.frames import Frame, decode_frame, encode_frame
from shared.ranges import Range, subtract
from shared.readings import Medium
from shared.units import MS_PER_DAY, MS_PER_HOUR, MS_PER_MINUTE, MS_PER_SECOND, SLOT_MS
from tests.support.hubs import METER, START_MS, row_at

LONDON = ZoneInfo("Europe/London")
METER_LOG = MeterLog(1, bytes(16), METER, Medium.ELECTRICITY, 1)


class Hub:
    """A log that grows, a ledger that learns, and what has left: no database and no cloud."""

    def __init__(self, consent: Consent, chunk_rows: int = 10_000) -> None:
        self.ledger = ClockLedger()
        self.rows: list[LogRow] = []
        self.lost: set[int] = set()
        self.sent: list[Frame] = []
        self.consent = consent
        self.boot = 0
        self.switched_on_ms = 0
        self._chunk_rows = chunk_rows

    def switch_on(self, at_ms: int) -> None:
        """Begin another boot, which knows nothing of the time."""
        self.boot += 1
        self.switched_on_ms = at_ms

    def log(self, at_ms: int, meter_clock_ms: int | None = None) -> None:
        """Commit a row heard at a true time."""
        row = row_at(len(self.rows) + 1, at_ms - self.switched_on_ms, boot=self.boot)
        self.rows.append(
            LogRow(row.seq, row.boot, row.monotonic_ms, meter_clock_ms, None, row.registers, 0)
        )

    def learn(self, at_ms: int, error_ms: int, uncertainty_ms: int) -> None:
        """Let a source tell the time, so wrong."""
        since_ms = at_ms - self.switched_on_ms
        self.ledger.believe(Piece(self.boot, since_ms, at_ms + error_ms, uncertainty_ms, "ntp"))

    def unsent(self) -> list[Range]:
        """List what no frame covers yet."""
        return subtract(
            [(1, len(self.rows))] if self.rows else [],
            [(frame.first_seq, frame.last_seq) for frame in self.sent],
        )

    def send(self, now_ms: int) -> None:
        """Send what may leave now, frame after frame, as the session does."""
        framer = Framer(METER_LOG, [], self.consent, LONDON)
        for first_seq, last_seq in self.unsent():
            next_seq = first_seq
            while next_seq <= last_seq:
                end_seq = min(last_seq, next_seq + self._chunk_rows - 1)
                sound = [
                    one for one in self.rows[next_seq - 1 : end_seq] if one.seq not in self.lost
                ]
                rows = name_untimed(sound, self.ledger, self.boot)
                before = self.rows[next_seq - 2] if next_seq > 1 else None
                chunk = Chunk(next_seq, end_seq, rows, end_seq < last_seq, before)
                cut = framer.cut(chunk, self.ledger.resolve, now_ms)
                if cut.last_seq < next_seq:
                    break
                if cut.frame is not None:
                    self.sent.append(cut.frame)
                next_seq = cut.last_seq + 1

    def times_ms(self) -> list[int]:
        """List the times that have left."""
        return [at_ms for frame in self.sent for at_ms in frame.times_ms]


def live(hub: Hub, chance: random.Random, *, clock_chance: float) -> int:
    """Let a hub live through some boots; return when it is over.

    The time is learned now or later or never, well or badly, and frames leave at any moment.
    """
    now_ms = START_MS + chance.randrange(SLOT_MS)
    for _ in range(chance.randint(1, 6)):
        now_ms += chance.choice((5_000, 60_000, 20 * MS_PER_MINUTE, 13 * MS_PER_HOUR))
        hub.switch_on(now_ms)
        for _ in range(chance.randint(1, 40)):
            now_ms += chance.choice((10_000, 60_000, 4 * MS_PER_MINUTE, 31 * MS_PER_MINUTE))
            tells = chance.random() < clock_chance
            hub.log(now_ms, now_ms + chance.randint(-1, 1) * 1_000 if tells else None)
            if chance.random() < 0.1:
                uncertainty_ms = chance.choice((10, 1_500, 30_000))
                hub.learn(now_ms, chance.randint(-uncertainty_ms, uncertainty_ms), uncertainty_ms)
            if chance.random() < 0.3:
                hub.send(now_ms)
    return now_ms


@settings(max_examples=300, deadline=None)
@given(
    st.integers(0, 2**32),
    st.sampled_from((Granularity.HALF_HOURLY, Granularity.DAILY)),
    st.sampled_from((0.0, 0.5, 1.0)),
)
def test_two_ends_of_a_span_leave_whatever_the_order_of_learning(
    seed: int, granularity: Granularity, clock_chance: float
) -> None:
    """Random boots and times of learning: what is sent is judged by the time it was sent with.

    Nothing may have left: rows declared untimed and dated after all leave at a higher revision.
    """
    hub = Hub(Consent([(0, granularity)]))
    over_ms = live(hub, random.Random(seed), clock_chance=clock_chance)
    hub.switch_on(over_ms + 10_000)
    hub.log(over_ms + 20_000)
    hub.learn(over_ms + 20_000, 0, 10)

    hub.send(over_ms + 3 * MS_PER_DAY)

    spans = Counter(
        slot_of_sample(at_ms)
        if granularity is Granularity.HALF_HOURLY
        else local_date(at_ms - 1, LONDON)
        for at_ms in hub.times_ms()
    )
    assert max(spans.values(), default=0) <= 2
    assert hub.unsent() == []


LONGEST_DAYS = {
    10 * MS_PER_SECOND: 2,
    MS_PER_MINUTE: 13,
    5 * MS_PER_MINUTE: 40,
    10 * MS_PER_MINUTE: 40,
    15 * MS_PER_MINUTE: 40,
    30 * MS_PER_MINUTE: 40,
    MS_PER_HOUR: 396,
}
"""Faster meters fill a frame's rows within two days: what is behind is framed as those are."""


@settings(max_examples=30, deadline=None)
@given(
    st.sampled_from(sorted(LONGEST_DAYS)),
    st.sampled_from(Granularity),
    st.floats(0, 1),
    st.sampled_from((0.0, 0.001, 0.02)),
    st.integers(0, 2**32),
)
def test_whatever_the_rhythm_and_the_outage_each_frame_can_be_packed(
    every_ms: int, granularity: Granularity, share: float, lost: float, seed: int
) -> None:
    """Days or months unsent, whole or with holes: all of it leaves, two ends of a span each."""
    chance = random.Random(seed)
    over_ms = START_MS + MS_PER_DAY + int(share * (LONGEST_DAYS[every_ms] - 1) * MS_PER_DAY)
    hub = Hub(Consent([(0, granularity)]), rows_to_read(granularity))
    hub.switch_on(START_MS)
    for at_ms in range(START_MS + every_ms, over_ms, every_ms):
        hub.log(at_ms)
        if len(hub.rows) % 1_000 == 1:
            hub.learn(at_ms, 0, 10)
        if chance.random() < lost:
            hub.lost.add(len(hub.rows))
    hub.learn(over_ms, 0, 10)

    hub.send(over_ms + 2 * MS_PER_DAY)

    for frame in hub.sent:
        assert decode_frame(encode_frame(frame)) == frame
    assert hub.unsent() == []
    spans = Counter(span_of(hub.consent, LONDON, at_ms, (1, 0)) for at_ms in hub.times_ms())
    if granularity in (Granularity.HALF_HOURLY, Granularity.DAILY):
        assert max(spans.values(), default=0) <= 2


@pytest.mark.parametrize("granularity", [Granularity.HALF_HOURLY, Granularity.DAILY])
def test_a_backlog_takes_no_more_frames_than_it_must(granularity: Granularity) -> None:
    """Ninety days of a meter read every ten minutes: five hundred spans in each frame."""
    hub = Hub(Consent([(0, granularity)]), rows_to_read(granularity))
    hub.switch_on(START_MS)
    for at_ms in range(START_MS, START_MS + 90 * MS_PER_DAY, 10 * MS_PER_MINUTE):
        hub.log(at_ms)
        hub.learn(at_ms, 0, 10)

    hub.send(START_MS + 92 * MS_PER_DAY)

    spans = {span_of(hub.consent, LONDON, at_ms, (1, 0)) for at_ms in hub.times_ms()}
    assert hub.unsent() == []
    assert len(hub.sent) == -(-len(spans) // FRAME_SPANS)


def test_a_neighbours_late_time_adds_nothing_to_a_slot() -> None:
    """A slot of two boots waits for the second's time; then its two ends leave, and no other."""
    hub = Hub(Consent([(0, Granularity.HALF_HOURLY)]))
    hub.switch_on(START_MS)
    for minute in range(1, 10):
        hub.log(START_MS + minute * MS_PER_MINUTE)
    hub.learn(START_MS + 9 * MS_PER_MINUTE, 0, 10)
    hub.switch_on(START_MS + 10 * MS_PER_MINUTE)
    for minute in range(11, 50):
        hub.log(START_MS + minute * MS_PER_MINUTE)
    hub.send(START_MS + 50 * MS_PER_MINUTE)
    before = hub.times_ms()
    hub.learn(START_MS + 50 * MS_PER_MINUTE, 0, 10)

    hub.send(START_MS + 50 * MS_PER_MINUTE)

    assert before == []
    assert hub.times_ms() == [START_MS + MS_PER_MINUTE, START_MS + 30 * MS_PER_MINUTE]


def test_a_slot_that_has_left_takes_no_row_from_the_next() -> None:
    """A better time moves a row back over the boundary: it is withheld, as nothing was sent of it.

    What the slot lets out is out; the next slot opens with the row after.
    """
    hub = Hub(Consent([(0, Granularity.HALF_HOURLY)]))
    hub.switch_on(START_MS)
    hub.learn(START_MS + MS_PER_MINUTE, 1_400, 1_500)
    for second in range(20, 2_200, 10):
        hub.log(START_MS + second * 1_000 - 1_000)
    hub.send(START_MS + 2_200_000)
    hub.learn(START_MS + 2_200_000, 0, 10)

    hub.send(START_MS + 2 * MS_PER_HOUR)

    left = hub.times_ms()
    assert [slot_of_sample(at_ms) - slot_of_sample(START_MS + 1) for at_ms in left] == [0, 0, 1, 1]
    assert sum(START_MS + SLOT_MS - 1_001 < at_ms <= START_MS + SLOT_MS for at_ms in left) == 0
    assert hub.unsent() == []


def test_a_slot_whose_clock_was_put_right_at_its_end_is_closed_once() -> None:
    """A meter 15 s fast opens the next slot, then comes back into this one."""
    hub = Hub(Consent([(0, Granularity.HALF_HOURLY)]))
    hub.switch_on(START_MS)
    hub.learn(START_MS + 1, 0, 10)
    end_ms = START_MS + SLOT_MS
    for off_s, fast_s in ((-600, 15), (-10, 15), (-5, 0), (10, 0), (400, 0)):
        at_ms = end_ms + off_s * 1_000
        hub.log(at_ms, at_ms + fast_s * 1_000)
    hub.send(end_ms + 400_000)
    hub.send(end_ms + MS_PER_HOUR)

    slots = Counter(slot_of_sample(at_ms) for at_ms in hub.times_ms())

    assert slots == {slot_of_sample(end_ms): 2, slot_of_sample(end_ms + 1): 2}


def test_rows_dated_by_the_meter_do_not_close_a_slot_before_those_that_wait() -> None:
    """While the hub's time is vague, only some rows are dated: their slot is not told of yet."""
    hub = Hub(Consent([(0, Granularity.HALF_HOURLY)]))
    hub.switch_on(START_MS)
    hub.learn(START_MS + 1, 0, 30_000)
    for minute in range(1, 60):
        at_ms = START_MS + minute * MS_PER_MINUTE
        hub.log(at_ms, at_ms if 10 < minute < 20 else None)
    hub.send(START_MS + MS_PER_HOUR)
    before = hub.times_ms()
    hub.learn(START_MS + MS_PER_HOUR, 0, 10)

    hub.send(START_MS + 2 * MS_PER_HOUR)

    assert before == []
    assert max(Counter(map(slot_of_sample, hub.times_ms())).values()) == 2
    assert hub.unsent() == []


@pytest.mark.parametrize("before", [Granularity.DAILY, Granularity.HALF_HOURLY])
@pytest.mark.parametrize("after", [Granularity.TEN_SECONDS, Granularity.HALF_HOURLY])
@settings(max_examples=12, deadline=None)
@given(st.integers(0, 2**32))
def test_what_is_taken_after_a_widening_waits_for_no_older_span(
    before: Granularity, after: Granularity, seed: int
) -> None:
    """Never more than what held then and now allows, never later than its own span's end."""
    chance = random.Random(seed)
    changed_ms = START_MS + chance.randrange(MS_PER_HOUR, 20 * MS_PER_HOUR)
    hub = Hub(Consent([(0, before)]))
    hub.switch_on(START_MS)
    hub.learn(START_MS + 1, 0, 10)
    now_ms = START_MS
    while now_ms < START_MS + 26 * MS_PER_HOUR:
        now_ms += chance.choice((10_000, 60_000, 7 * MS_PER_MINUTE))
        if now_ms >= changed_ms and hub.consent.now is not after:
            hub.consent.choose(changed_ms, after)
        hub.log(now_ms)
        if chance.random() < 0.1:
            hub.learn(now_ms, 0, 10)
            hub.send(now_ms)
            assert_as_allowed(hub, before, after, changed_ms, now_ms)


def assert_as_allowed(
    hub: Hub, before: Granularity, after: Granularity, changed_ms: int, now_ms: int
) -> None:
    """Check what has left against the rule, said another way: by instants alone."""
    left = hub.times_ms()
    spans = Counter(
        ("day", local_date(at_ms - 1, LONDON))
        if before is Granularity.DAILY and at_ms < changed_ms
        else ("slot", slot_of_sample(at_ms), at_ms < changed_ms)
        for at_ms in left
        if at_ms < changed_ms or after is Granularity.HALF_HOURLY
    )
    assert max(spans.values(), default=0) <= 2
    waiting = [row for first, last in hub.unsent() for row in hub.rows[first - 1 : last]]
    for row in waiting:
        resolved = hub.ledger.resolve(row)
        assert resolved is not None
        holds = before if resolved[0] < changed_ms else after
        assert holds is not Granularity.TEN_SECONDS
        end_ms = day_of(local_date(resolved[0] - 1, LONDON), LONDON).end_ms
        if holds is Granularity.HALF_HOURLY:
            end_ms = (slot_of_sample(resolved[0]) + 1) * SLOT_MS
        assert end_ms + CLOSED_AFTER_MS > now_ms - MAX_UNCERTAINTY_MS
