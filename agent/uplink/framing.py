"""Cuts frames from the log: whole coverage of a range, consent enforced, one run a register. Pure.

What consent withholds and what is damaged is said as gaps, so that a hole is never asked for again.
"""

import enum
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate, groupby, takewhile
from typing import NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from agent.consent import Consent
from agent.records import Hole, MeterLog, RunChange
from agent.rows import Instant, LogRow
from agent.timekeeping import METER_CLOCK_TOLERANCE_MS
from shared.calendar import day_of, local_date, slot_of_sample, slot_start_ms
from shared.consent import Granularity
from shared.frames import MAX_SEQ, Frame, Gap, GapKind, frame_of
from shared.ranges import Range, intersect, subtract
from shared.readings import COUNTERS, StampedSample

FRAME_SAMPLES = 720
"""Two hours at ten seconds: with every P1 column about one 5 KB unit, as AWS meters in."""

THINNED_FRAME_ROWS = 17_280
"""Where consent leaves two samples of a slot or a day, two days are read into one frame."""

FRAME_SPANS = 500
"""Of each leave two samples with a gap between them: within `MAX_SAMPLES` and `MAX_GAPS` (1,024).

A hole parts what is withheld around it, which takes as much as a span does. A slow meter has more
spans in the rows of one frame than this: 5,760 in those of one that is read every ten minutes.
"""

CLOSED_AFTER_MS = METER_CLOCK_TOLERANCE_MS + 60_000
"""A slot or day is closed three minutes after its end: what came later would have been heard.

A meter's clock that is believed may be two minutes slow: its samples of the slot go on as long.
"""

WHOLE = (Granularity.LIVE, Granularity.TEN_SECONDS)
"""All of every logged sample leaves the hub."""

_SPANLESS = (*WHOLE, Granularity.NONE)
"""All of a sample leaves the hub, or nothing, whenever its slot or day ends."""

Resolve = Callable[[LogRow], tuple[int, int] | None]


class Cut(NamedTuple):
    """A frame, or none where nothing of the chunk may be sent yet; go on after `last_seq`.

    Where the frame begins after the chunk, what it passed over waits for its span to end.
    """

    frame: Frame | None
    last_seq: int


def rows_to_read(granularity: Granularity) -> int:
    """Say how many rows one frame may be cut from."""
    if granularity in WHOLE:
        return FRAME_SAMPLES
    return THINNED_FRAME_ROWS


class Chunk(NamedTuple):
    """A committed range of a log and its rows; `goes_on` where the next row is to be sent too.

    `before` is the row before the range, which is decided: sent, or withheld. All of it is wanted
    at one `revision`.
    """

    first_seq: int
    last_seq: int
    rows: Iterator[LogRow | Hole]
    goes_on: bool
    before: LogRow | None = None
    revision: int = 0


class _Group(NamedTuple):
    granularity: Granularity
    ends_at_ms: int | None
    samples: list[StampedSample]


class _Behind(enum.Enum):
    """What comes after the last row that is looked at."""

    NOTHING = enum.auto()
    MORE = enum.auto()
    """Rows to be sent, of the same spans perhaps."""
    UNKNOWN = enum.auto()
    """Rows whose time is not known yet."""


class _Part(NamedTuple):
    """Samples of one granularity, and the range that they and the holes among them cover."""

    groups: list[_Group]
    first_seq: int
    last_seq: int
    behind: _Behind


def span_of(
    consent: Consent, zone: ZoneInfo, taken_at_ms: int, heard: Instant
) -> tuple[Granularity, int | None]:
    """Tell what granularity holds for a sample, and when the span ends that it speaks of."""
    granularity = consent.for_sample(taken_at_ms, heard)
    if granularity is Granularity.HALF_HOURLY:
        return granularity, slot_start_ms(slot_of_sample(taken_at_ms) + 1)
    if granularity is Granularity.DAILY:
        return granularity, day_of(local_date(taken_at_ms - 1, zone), zone).end_ms
    return granularity, None


class Framer:
    """Cuts one log's rows into frames."""

    def __init__(
        self, meter_log: MeterLog, changes: Sequence[RunChange], consent: Consent, zone: ZoneInfo
    ) -> None:
        self._log = meter_log
        self._changes = changes
        self._consent = consent
        self._zone = zone
        self._heard: dict[int, Instant] = {}

    def cut(self, chunk: Chunk, resolve: Resolve, now_ms: int) -> Cut:
        """Cut the first frame from a chunk of the log.

        `resolve` tells a row's time and quality, None where its time is not known well enough yet.
        Such a row is passed over, to be framed once it is; where consent leaves the ends of spans,
        it holds up those it may belong to. `now_ms` decides which spans have ended.
        """
        stamped: list[StampedSample] = []
        holes: list[Hole] = []
        expected = chunk.first_seq
        end_seq = self._end_of_run(chunk.first_seq, chunk.last_seq)
        behind = _Behind.MORE if chunk.goes_on and end_seq == chunk.last_seq else _Behind.NOTHING
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
                if not stamped and not holes:
                    return Cut(None, self._end_of_unknown(seq, chunk.rows, resolve))
                end_seq, expected, behind = seq - 1, seq, _Behind.UNKNOWN
                break
            self._heard[seq] = row.instant
            stamped.append(StampedSample(seq, time[0], row.registers, time[1]))
        if expected <= end_seq:
            holes.append(Hole(expected, end_seq, GapKind.DAMAGED))
        groups = list(self._groups(stamped))
        closed = self._closed_span(chunk, resolve)
        for part in _parts(groups, (chunk.first_seq, end_seq), behind):
            sent = _sendable(part, now_ms, [hole.first_seq for hole in holes])
            if sent is not None:
                kept = [one for one in sent[0] if not closed or self._span_of(one) != closed]
                covered = chunk._replace(first_seq=part.first_seq, last_seq=sent[1])
                return Cut(self._frame(covered, kept, holes), sent[1])
        return Cut(None, _end_of_future(groups, chunk.first_seq - 1, now_ms))

    def _frame(self, chunk: Chunk, kept: list[StampedSample], holes: list[Hole]) -> Frame:
        first_seq, last_seq = chunk.first_seq, chunk.last_seq
        return frame_of(
            self._log.log_id,
            self._log.meter,
            chunk.revision,
            kept,
            runs={c.register: (c.run, c.modulus) for c in self._changes if c.from_seq <= first_seq},
            gaps=_gaps(first_seq, last_seq, [sample.seq for sample in kept], holes),
        )

    def _span_of(self, sample: StampedSample) -> tuple[Granularity, int | None]:
        """Tell what granularity holds for a sample, and when the span ends that it speaks of."""
        heard = self._heard[sample.seq]
        return span_of(self._consent, self._zone, sample.taken_at_ms, heard)

    def _groups(self, stamped: list[StampedSample]) -> Iterator[_Group]:
        """Group samples by the granularity that holds for them and the span it speaks of."""
        if not stamped:
            return
        times_ms = [sample.taken_at_ms for sample in stamped]
        heard = (self._heard[stamped[0].seq], self._heard[stamped[-1].seq])
        for_all = self._consent.for_all(min(times_ms), max(times_ms), heard)
        if for_all in _SPANLESS:
            yield _Group(for_all, None, stamped)
            return
        for (granularity, ends_at_ms), samples in groupby(stamped, self._span_of):
            yield _Group(granularity, ends_at_ms, list(samples))

    def _closed_span(self, chunk: Chunk, resolve: Resolve) -> tuple[Granularity, int] | None:
        """Tell which span was closed before the chunk: its two ends are out, so nothing more is.

        Rows behind it may be in it all the same, by what the hub has learned of the time since. A
        register's new run has an opening and a closing of its own.
        """
        time = resolve(chunk.before) if chunk.before is not None else None
        if chunk.before is None or time is None:
            return None
        if any(change.from_seq == chunk.first_seq for change in self._changes):
            return None
        granularity, ends_at_ms = span_of(self._consent, self._zone, time[0], chunk.before.instant)
        return (granularity, ends_at_ms) if ends_at_ms is not None else None

    def _end_of_unknown(self, seq: int, rows: Iterator[LogRow | Hole], resolve: Resolve) -> int:
        """Find the last of a stretch of rows whose time is not known.

        Before the first of them where they may belong to the spans of what follows: of a span that
        has been sent nothing more may be.
        """
        if self._consent.for_all(0, MAX_SEQ) not in _SPANLESS:
            return seq - 1
        for row in rows:
            if isinstance(row, LogRow):
                if resolve(row) is not None:
                    break
                seq = row.seq
        return seq

    def _end_of_run(self, first_seq: int, last_seq: int) -> int:
        starts = [c.from_seq for c in self._changes if first_seq < c.from_seq <= last_seq]
        return min(starts) - 1 if starts else last_seq


def _parts(groups: list[_Group], span: Range, behind: _Behind) -> Iterator[_Part]:
    """Part a chunk where another granularity begins to hold: each is sent by its own rule."""
    split = [list(part) for _, part in groupby(groups, lambda group: group.granularity)] or [[]]
    first_seq = span[0]
    for place, part in enumerate(split):
        if place + 1 == len(split):
            yield _Part(part, first_seq, span[1], behind)
            break
        next_seq = split[place + 1][0].samples[0].seq
        yield _Part(part, first_seq, next_seq - 1, _Behind.NOTHING)
        first_seq = next_seq


def _sendable(
    part: _Part, now_ms: int, hole_seqs: list[int]
) -> tuple[list[StampedSample], int] | None:
    """Choose the samples that may be sent, and say up to which sequence that decides.

    None where nothing is decided yet: a span that is still running is held back, and one that may
    go on behind the chunk too, unless it fills the chunk alone. What does not fit into one frame
    is left to the next.
    """
    groups, last_seq = part.groups, part.last_seq
    if groups and groups[0].granularity in WHOLE:
        samples = [sample for group in groups for sample in group.samples]
        if len(samples) > FRAME_SAMPLES:
            last_seq = samples[FRAME_SAMPLES].seq - 1
        return samples[:FRAME_SAMPLES], last_seq
    ended = _ended(groups, now_ms)
    if part.behind is not _Behind.NOTHING and ended and ended[0].ends_at_ms is not None:
        newest_ms = max(sample.taken_at_ms for group in groups for sample in group.samples)
        closed = _ended(groups, min(now_ms, newest_ms))
        if part.behind is _Behind.MORE and not closed:
            closed = ended[:-1] if 1 < len(ended) == len(groups) else ended
        ended = closed
    ended = _fitting(ended, hole_seqs)
    if len(ended) < len(groups):
        last_seq = groups[len(ended)].samples[0].seq - 1
    return (_allowed(ended), last_seq) if last_seq >= part.first_seq else None


def _end_of_future(groups: list[_Group], end_seq: int, now_ms: int) -> int:
    """Say up to which sequence a chunk is passed over: what a wrong clock dated ahead of the rest.

    Spans that are still running hold nothing up that is dated well before them, behind them.
    """
    ahead = list(takewhile(lambda group: not _ended([group], now_ms), groups))
    if not 0 < len(ahead) < len(groups):
        return end_seq
    behind = groups[len(ahead)].samples
    earliest_ms = min(sample.taken_at_ms for group in ahead for sample in group.samples)
    if earliest_ms - max(sample.taken_at_ms for sample in behind) <= 2 * METER_CLOCK_TOLERANCE_MS:
        return end_seq
    return behind[0].seq - 1


def _fitting(ended: list[_Group], hole_seqs: list[int]) -> list[_Group]:
    """List the first groups of whole spans that fit into one frame; those of one span at the least.

    What spans lie between each other cannot be told apart, and goes together.
    """
    whole = 0
    for place in _whole_places(ended):
        spans_and_holes = place + bisect_left(hole_seqs, ended[place - 1].samples[-1].seq)
        spans_and_holes -= bisect_left(hole_seqs, ended[0].samples[0].seq)
        if whole and spans_and_holes > FRAME_SPANS:
            break
        whole = place
    return ended[:whole]


def _ended(groups: list[_Group], now_ms: int) -> list[_Group]:
    """List the groups before the first whose span goes on: later, or further back in the chunk.

    Samples of two spans may lie between each other where a clock was put right at their boundary.
    """
    running = (
        place
        for place, group in enumerate(groups)
        if group.ends_at_ms is not None and now_ms < group.ends_at_ms + CLOSED_AFTER_MS
    )
    before = next(running, len(groups))
    return groups[: max((one for one in _whole_places(groups) if one <= before), default=0)]


def _whole_places(groups: list[_Group]) -> list[int]:
    """List after how many groups no span goes on of those before."""
    last_places = {group.ends_at_ms: place for place, group in enumerate(groups)}
    reached = accumulate((last_places[group.ends_at_ms] for group in groups), max)
    return [place + 1 for place, until in enumerate(reached) if until == place]


def _allowed(groups: list[_Group]) -> list[StampedSample]:
    """Choose the opening and the closing of each span, in order of their sequences.

    A sample that tells no counter, as of a meter's credit, is neither: it would hide the one before
    or behind it that does.
    """
    spans: dict[int, list[StampedSample]] = {}
    for group in groups:
        counting = [sample for sample in group.samples if _counters(sample)]
        if group.ends_at_ms is not None and counting:
            spans.setdefault(group.ends_at_ms, []).extend(counting)
    edges = {
        edge.seq: edge
        for samples in spans.values()
        for choose in (min, max)
        for edge in [choose(samples, key=lambda sample: (sample.taken_at_ms, sample.seq))]
    }
    return [
        msgspec.structs.replace(edges[seq], registers=_counters(edges[seq]))
        for seq in sorted(edges)
    ]


def _counters(sample: StampedSample) -> dict[str, int]:
    return {name: value for name, value in sample.registers.items() if name in COUNTERS}


def _gaps(first_seq: int, last_seq: int, kept: list[int], holes: list[Hole]) -> list[Gap]:
    """Say of every sequence without a sample why: damaged, thinned, untimed or withheld."""
    if len(kept) == last_seq - first_seq + 1:
        return []
    missing = subtract([(first_seq, last_seq)], [(seq, seq) for seq in kept])
    gaps = [
        Gap(GapKind.WITHHELD, *part)
        for part in subtract(missing, [(hole.first_seq, hole.last_seq) for hole in holes])
    ]
    for kind in (GapKind.DAMAGED, GapKind.THINNED, GapKind.UNTIMED):
        spans = [(hole.first_seq, hole.last_seq) for hole in holes if hole.kind is kind]
        gaps += [Gap(kind, *part) for part in intersect(missing, spans)]
    return sorted(gaps, key=lambda gap: gap.first_seq)
