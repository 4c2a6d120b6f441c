"""Cuts frames from the log: whole coverage of a range, consent enforced, one run a register. Pure.

What consent withholds and what is damaged is said as gaps, so that a hole is never asked for again.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby, takewhile
from typing import NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from agent.consent import Consent
from agent.records import Hole, MeterLog, RunChange
from agent.rows import LogRow
from agent.timekeeping import METER_CLOCK_TOLERANCE_MS
from shared.calendar import day_of, local_date, slot_of_sample, slot_start_ms
from shared.consent import Granularity
from shared.frames import Frame, Gap, GapKind, frame_of
from shared.ranges import intersect, subtract
from shared.readings import COUNTERS, StampedSample

FRAME_SAMPLES = 720
"""Two hours at ten seconds: with every P1 column about one 5 KB unit, as AWS meters in."""

THINNED_FRAME_ROWS = 17_280
"""Where consent leaves two samples of a slot or a day, two days are read into one frame."""

CLOSED_AFTER_MS = METER_CLOCK_TOLERANCE_MS + 60_000
"""A slot or day is closed three minutes after its end: what came later would have been heard.

A meter's clock that is believed may be two minutes slow: its samples of the slot go on as long.
"""

_SPANLESS = (Granularity.LIVE, Granularity.TEN_SECONDS, Granularity.NONE)
"""All of a sample leaves the hub, or nothing, whenever its slot or day ends."""

Resolve = Callable[[LogRow], tuple[int, int] | None]


class Cut(NamedTuple):
    """A frame, or none where nothing of the chunk may be sent yet; go on after `last_seq`."""

    frame: Frame | None
    last_seq: int


def rows_to_read(granularity: Granularity) -> int:
    """Say how many rows one frame may be cut from."""
    if granularity in (Granularity.LIVE, Granularity.TEN_SECONDS):
        return FRAME_SAMPLES
    return THINNED_FRAME_ROWS


class Chunk(NamedTuple):
    """A committed range of a log and its rows; `goes_on` where the next row is to be sent too."""

    first_seq: int
    last_seq: int
    rows: Iterator[LogRow | Hole]
    goes_on: bool


class _Group(NamedTuple):
    granularity: Granularity
    ends_at_ms: int | None
    samples: list[StampedSample]


class Framer:
    """Cuts one log's rows into frames."""

    def __init__(
        self, meter_log: MeterLog, changes: Sequence[RunChange], consent: Consent, zone: ZoneInfo
    ) -> None:
        self._log = meter_log
        self._changes = changes
        self._consent = consent
        self._zone = zone

    def cut(self, chunk: Chunk, resolve: Resolve, now_ms: int) -> Cut:
        """Cut the first frame from a chunk of the log.

        `resolve` tells a row's time and quality, None where its time is not known well enough: such
        a row is passed over, to be framed once it is. `now_ms` decides which slots have ended.
        """
        stamped: list[StampedSample] = []
        holes: list[Hole] = []
        expected = chunk.first_seq
        end_seq = self._end_of_run(chunk.first_seq, chunk.last_seq)
        goes_on = chunk.goes_on and end_seq == chunk.last_seq
        for row in chunk.rows:
            seq = row.seq if isinstance(row, LogRow) else row.first_seq
            if seq > end_seq:
                break
            if seq > expected:
                holes.append(Hole(expected, seq - 1, GapKind.DAMAGED))
            if not isinstance(row, LogRow):
                expected = row.last_seq + 1
                holes.append(row)
                continue
            expected = seq + 1
            time = resolve(row)
            if time is None:
                if not stamped:
                    return Cut(None, _end_of_unknown(seq, chunk.rows, resolve))
                end_seq, expected, goes_on = seq - 1, seq, False
                break
            stamped.append(StampedSample(seq, time[0], row.registers, time[1]))
        if expected <= end_seq:
            holes.append(Hole(expected, end_seq, GapKind.DAMAGED))
        groups = list(_groups(stamped, self._consent, self._zone))
        kept, end_seq = _sendable(groups, end_seq, now_ms, goes_on=goes_on)
        if end_seq < chunk.first_seq:
            return Cut(None, end_seq)
        return Cut(self._frame(chunk.first_seq, end_seq, kept, holes), end_seq)

    def _frame(
        self, first_seq: int, last_seq: int, kept: list[StampedSample], holes: list[Hole]
    ) -> Frame:
        return frame_of(
            self._log.log_id,
            self._log.meter,
            0,
            kept,
            runs={c.register: (c.run, c.modulus) for c in self._changes if c.from_seq <= first_seq},
            gaps=_gaps(first_seq, last_seq, [sample.seq for sample in kept], holes),
        )

    def _end_of_run(self, first_seq: int, last_seq: int) -> int:
        starts = [c.from_seq for c in self._changes if first_seq < c.from_seq <= last_seq]
        return min(starts) - 1 if starts else last_seq


def _end_of_unknown(seq: int, rows: Iterator[LogRow | Hole], resolve: Resolve) -> int:
    """Find the last of a stretch of rows whose time is not known."""
    for row in rows:
        if isinstance(row, LogRow):
            if resolve(row) is not None:
                break
            seq = row.seq
    return seq


def _groups(stamped: list[StampedSample], consent: Consent, zone: ZoneInfo) -> Iterator[_Group]:
    """Group samples by the granularity that holds for them and the span it speaks of."""
    if not stamped:
        return
    times_ms = [sample.taken_at_ms for sample in stamped]
    if consent.for_all(min(times_ms), max(times_ms)) in _SPANLESS:
        yield _Group(consent.for_sample(times_ms[0]), None, stamped)
        return

    def key(sample: StampedSample) -> tuple[Granularity, int | None]:
        granularity = consent.for_sample(sample.taken_at_ms)
        if granularity is Granularity.HALF_HOURLY:
            return granularity, slot_start_ms(slot_of_sample(sample.taken_at_ms) + 1)
        if granularity is Granularity.DAILY:
            return granularity, day_of(local_date(sample.taken_at_ms - 1, zone), zone).end_ms
        return granularity, None

    for (granularity, ends_at_ms), samples in groupby(stamped, key):
        yield _Group(granularity, ends_at_ms, list(samples))


def _sendable(
    groups: list[_Group], end_seq: int, now_ms: int, *, goes_on: bool
) -> tuple[list[StampedSample], int]:
    """Choose the samples that may be sent, and say up to which sequence that decides.

    A span that is still running is held back, and one that may go on behind the chunk too, unless
    it fills the chunk alone.
    """
    whole = list(takewhile(lambda group: group.granularity is groups[0].granularity, groups))
    if len(whole) < len(groups):
        end_seq, goes_on = groups[len(whole)].samples[0].seq - 1, False
    ended = list(takewhile(lambda group: _has_ended(group, now_ms), whole))
    if goes_on and 1 < len(ended) == len(whole) and ended[-1].ends_at_ms is not None:
        ended.pop()
    if len(ended) < len(whole):
        end_seq = whole[len(ended)].samples[0].seq - 1
    return [sample for group in ended for sample in _allowed(group)], end_seq


def _has_ended(group: _Group, now_ms: int) -> bool:
    return group.ends_at_ms is None or now_ms >= group.ends_at_ms + CLOSED_AFTER_MS


def _allowed(group: _Group) -> list[StampedSample]:
    if group.granularity in (Granularity.LIVE, Granularity.TEN_SECONDS):
        return group.samples
    if group.granularity is Granularity.NONE:
        return []
    opening = min(group.samples, key=lambda sample: (sample.taken_at_ms, sample.seq))
    closing = max(group.samples, key=lambda sample: (sample.taken_at_ms, sample.seq))
    edges = [opening] if opening is closing else sorted((opening, closing), key=lambda s: s.seq)
    return [msgspec.structs.replace(edge, registers=_counters(edge)) for edge in edges]


def _counters(sample: StampedSample) -> dict[str, int]:
    return {name: value for name, value in sample.registers.items() if name in COUNTERS}


def _gaps(first_seq: int, last_seq: int, kept: list[int], holes: list[Hole]) -> list[Gap]:
    """Say of every sequence without a sample whether it is damaged, thinned or withheld."""
    if len(kept) == last_seq - first_seq + 1:
        return []
    missing = subtract([(first_seq, last_seq)], [(seq, seq) for seq in kept])
    gaps = [
        Gap(GapKind.WITHHELD, *part)
        for part in subtract(missing, [(hole.first_seq, hole.last_seq) for hole in holes])
    ]
    for kind in (GapKind.DAMAGED, GapKind.THINNED):
        spans = [(hole.first_seq, hole.last_seq) for hole in holes if hole.kind is kind]
        gaps += [Gap(kind, *part) for part in intersect(missing, spans)]
    return sorted(gaps, key=lambda gap: gap.first_seq)
