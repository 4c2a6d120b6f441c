"""Readings as far as the meter was the household's own when they were taken. Commits nothing.

A household's rows may hold what is not its own: a handover that is dated back leaves what was read
since with the household before. Rows wholly outside are also hidden by row-level security; what
lies in a row that straddles a tenancy's end, only this cuts off. Every answer to a household is
read through `readings_of`; ingest, which keeps what it is given, is not.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial

from sqlalchemy import ColumnElement, Connection, and_, exists, or_, select, tuple_

from cloud import tables
from cloud.households.spans import Span, spans_of
from cloud.households.tenancies import METER
from cloud.readings.imported import SqlHistory
from cloud.readings.repository import SqlReadingStore
from cloud.readings.store import History, Import, Readings, RunKey, StoredFrame
from cloud.scope import Scope
from shared.frames import MAX_GAPS, Frame, Gap, GapKind, decode_frame, encode_frame, frame_of
from shared.meterdays import Edges, SlotEdges, SlotUsage
from shared.ranges import Range, union
from shared.units import MS_PER_DAY, SLOT_MS

_frames, _tenancies = tables.frames, tables.tenancies
_IS_METERS = _tenancies.c.kind == METER
_SPLIT = "@"
"""Between a run's own name and the tenancy it is read in; no run that a log names holds it."""


SpansOf = Callable[[Scope, str], Sequence[Span]]


def held_slots(spans: Sequence[Span]) -> list[tuple[int, int]]:
    """List the slots `[start, end)` that lie wholly within a tenancy."""
    return [(-(-span.start_ms // SLOT_MS), span.end_ms // SLOT_MS) for span in spans]


def readings_of(connection: Connection) -> Readings:
    """Open a household's readings, cut to its tenancies."""
    return TenancyReadings(SqlReadingStore(connection), cache(partial(spans_of, connection)))


def history_of(connection: Connection) -> History:
    """Open a household's imported history, cut to its tenancies."""
    return TenancyHistory(SqlHistory(connection), cache(partial(spans_of, connection)))


def held_frames() -> ColumnElement[bool]:
    """The condition of a query on frames that a meter was the household's while they were taken."""
    t = _tenancies.c
    is_dated = tuple_(_frames.c.household_id, _frames.c.meter).in_(
        select(t.household_id, t.name).where(_IS_METERS)
    )
    is_held = exists().where(
        t.household_id == _frames.c.household_id,
        _IS_METERS,
        t.name == _frames.c.meter,
        or_(
            _frames.c.first_taken_at_ms.is_(None),
            and_(
                t.started_at_ms <= _frames.c.last_taken_at_ms,
                or_(t.ended_at_ms.is_(None), t.ended_at_ms >= _frames.c.first_taken_at_ms),
            ),
        ),
    )
    return or_(~is_dated, is_held)


class TenancyReadings:
    """`Readings` over another, cut to what was taken within a household's tenancies of a meter.

    Where it had the meter twice, each run is two: no difference is taken over the time between.
    """

    def __init__(self, kept: Readings, spans: SpansOf) -> None:
        self._kept = kept
        self._spans = spans

    def frames_of_log(
        self, scope: Scope, log_id: str, ranges: Sequence[Range]
    ) -> list[StoredFrame]:
        """See `Readings.frames_of_log`."""
        found = self._kept.frames_of_log(scope, log_id, ranges)
        return [cut_frame(one, self._spans(scope, one.meter)) for one in found]

    def frames_of_meter(
        self, scope: Scope, meter: str, start_ms: int, end_ms: int, newest: int | None = None
    ) -> list[StoredFrame]:
        """See `Readings.frames_of_meter`."""
        spans = self._spans(scope, meter)
        found: list[StoredFrame] = []
        for span in reversed(spans):
            low, high = max(start_ms, span.start_ms), min(end_ms, span.end_ms)
            if low <= high:
                of_span = self._kept.frames_of_meter(scope, meter, low, high, newest)
                found += [cut_frame(one, [span]) for one in of_span]
        return found[:newest]

    def runs(self, scope: Scope, meter: str) -> dict[RunKey, int]:
        """See `Readings.runs`."""
        known = self._kept.runs(scope, meter)
        spans = self._spans(scope, meter)
        if len(spans) == 1:
            return known
        return {
            RunKey(key.register, f"{key.run}{_SPLIT}{place}"): modulus
            for key, modulus in known.items()
            for place in range(len(spans))
        }

    def days(
        self, scope: Scope, meter: str, key: RunKey, first_day: int, last_day: int
    ) -> dict[int, SlotEdges]:
        """See `Readings.days`."""
        spans = self._spans(scope, meter)
        run, _, place = key.run.rpartition(_SPLIT) if len(spans) > 1 else (key.run, "", "0")
        span = spans[int(place)]
        # The nearest known days are those within: nearer ones outside would be found instead.
        first = min(first_day, span.end_ms // MS_PER_DAY)
        last = max(last_day, span.start_ms // MS_PER_DAY)
        found = self._kept.days(scope, meter, RunKey(key.register, run), first, last)
        cut = {day: cut_edges(edges, span) for day, edges in found.items()}
        return _nearest({day: edges for day, edges in cut.items() if edges}, first_day, last_day)


class TenancyHistory:
    """`History` over another; what it tells of half hours is cut to a household's tenancies."""

    def __init__(self, kept: History, spans: SpansOf) -> None:
        self._kept = kept
        self._spans = spans

    def imported(
        self, scope: Scope, meter: str, slots: tuple[int, int]
    ) -> dict[str, dict[int, SlotUsage]]:
        """See `History.imported`."""
        spans = self._spans(scope, meter)
        return {
            quantity: {
                slot: usage
                for slot, usage in by_slot.items()
                if holds(spans, slot * SLOT_MS, (slot + 1) * SLOT_MS)
            }
            for quantity, by_slot in self._kept.imported(scope, meter, slots).items()
        }

    def imports(self, scope: Scope, meter: str | None = None) -> list[Import]:
        """See `History.imports`."""
        return self._kept.imports(scope, meter)

    def find(self, scope: Scope, import_id: str) -> Import | None:
        """See `History.find`."""
        return self._kept.find(scope, import_id)

    def keep(self, scope: Scope, made: Import, by_slot: Mapping[int, SlotUsage]) -> Import:
        """See `History.keep`."""
        return self._kept.keep(scope, made, by_slot)

    def undo(self, scope: Scope, import_id: str) -> bool:
        """See `History.undo`."""
        return self._kept.undo(scope, import_id)


def cut_edges(edges: SlotEdges, span: Span) -> SlotEdges:
    """Keep the openings and closings read within a tenancy; one alone stands for both."""
    kept: SlotEdges = {}
    for slot, one in edges.items():
        has_opening = span.start_ms <= one.opening_at_ms <= span.end_ms
        has_closing = span.start_ms <= one.closing_at_ms <= span.end_ms
        if has_opening and has_closing:
            kept[slot] = one
        elif has_opening:
            kept[slot] = Edges(*one[:2], *one[:2])
        elif has_closing:
            kept[slot] = Edges(*one[2:], *one[2:])
    return kept


def cut_frame(stored: StoredFrame, spans: Sequence[Span]) -> StoredFrame:
    """Take the samples outside of every tenancy out of a frame, as though they were withheld."""
    first_ms, last_ms = stored.first_taken_at_ms, stored.last_taken_at_ms
    if first_ms is None or last_ms is None:
        return stored
    if holds(spans, first_ms, last_ms):
        return stored
    frame = _cut(decode_frame(stored.payload), spans)
    low = min(span.start_ms for span in spans)
    high = max(span.end_ms for span in spans)
    return stored._replace(
        first_taken_at_ms=max(first_ms, min(low, last_ms)),
        last_taken_at_ms=min(last_ms, max(high, first_ms)),
        payload=encode_frame(frame),
    )


def holds(spans: Sequence[Span], start_ms: int, end_ms: int) -> bool:
    """Tell whether all of `[start_ms, end_ms)` lies within one tenancy."""
    return any(span.start_ms <= start_ms and end_ms <= span.end_ms for span in spans)


def _cut(frame: Frame, spans: Sequence[Span]) -> Frame:
    samples, outside = [], []
    for sample in frame.samples():
        if any(span.start_ms <= sample.taken_at_ms <= span.end_ms for span in spans):
            samples.append(sample)
        else:
            outside.append((sample.seq, sample.seq))
    withheld = [Gap(GapKind.WITHHELD, *places) for places in union(outside)]
    gaps = sorted([*frame.gaps, *withheld], key=lambda gap: gap.first_seq)
    if len(gaps) > MAX_GAPS:
        # More pieces than a frame may have: none of it, rather than too much.
        samples, gaps = [], [Gap(GapKind.WITHHELD, frame.first_seq, frame.last_seq)]
    runs = {one.register: (one.run, one.modulus) for one in frame.columns}
    return frame_of(frame.log_id, frame.meter, frame.revision, samples, runs=runs, gaps=gaps)


def _nearest(days: dict[int, SlotEdges], first_day: int, last_day: int) -> dict[int, SlotEdges]:
    low = max((day for day in days if day < first_day), default=first_day)
    high = min((day for day in days if day > last_day), default=last_day)
    return {day: edges for day, edges in days.items() if low <= day <= high}
