"""At which revision each row of a log is wanted: what moved its time last. Reads only.

What the clock ledger says of instants is said here of sequences; nothing of it is kept.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import islice

from agent.finding import find_after, find_span
from agent.reader import LogReader
from agent.rows import LogRow
from agent.timekeeping import ClockLedger

MAX_REVISED_RANGES = 256
"""Of one log; past it neighbours are joined at the higher revision, and what lies between them is
sent again too: memory and receipts stay small where sources contradict each other for ever."""

MAX_SPAN_ROWS = 17_280
"""How far the ends of a span are looked for: two days at ten seconds, as one frame is cut from."""

LOOK_ROWS = 720

Wanted = tuple[int, int, int]
"""First and last sequence, both included, and the least revision that counts as stored."""

SpanOf = Callable[[LogRow, int], int | None]
"""Tells when the span ends that leaves by its two ends and has a row taken at this time; None where
consent knows no spans."""


def wanted_revisions(
    reader: LogReader,
    ledger: ClockLedger,
    log: int,
    span_of: SpanOf,
    stored: Sequence[Wanted] = (),
) -> list[Wanted]:
    """List the ranges of a log that are wanted at a revision above 0, in order.

    With the rows of a revised stretch go those beside them in the same spans: which of them are the
    ends of a span has changed with the time of the others. So go those of the span that was running
    as the stretch began, and of those that it was in again after a step back: it may have been
    closed too early. What is `stored` at a revision that the ledger has forgotten is wanted at one
    above it: the cloud would go by it for ever.
    """
    found: list[Wanted] = []
    for one in ledger.revised():
        rows = find_span(reader, log, one.boot, one.start_ms, one.end_ms)
        moved = _moved(reader, ledger, log, (*rows, one.revision)) if rows else None
        if moved is not None:
            first_seq = _beside(reader, ledger, log, moved[0] - 1, span_of, step=-1) + 1
            end_seq = _beside(reader, ledger, log, moved[1] + 1, span_of, step=1)
            found.append((first_seq, max(moved[1], end_seq - 1), moved[2]))
        if moved is None or (rows and rows[0] < moved[0]):
            begun = find_after(reader, log, one.boot, one.start_ms)
            found += _running(reader, ledger, log, (begun or 1, one.revision), span_of)
    for step in ledger.steps_back():
        seq = find_after(reader, log, step.boot, step.at_ms)
        found += _stepped(reader, ledger, log, (seq or 1, step.revision), span_of)
    if ledger.base:
        found += [(first, last, ledger.base + 1) for first, last, its in stored if its]
    return _bounded(_parted(found))


def _running(
    reader: LogReader, ledger: ClockLedger, log: int, at: tuple[int, int], span_of: SpanOf
) -> list[Wanted]:
    """Find the span that was running before a sequence, at its revision: a lie may have closed it.

    What moved no row of the stretch, as none was heard in it, still told the hub that it was late.
    """
    seq, revision = at
    first_seq = _beside(reader, ledger, log, seq - 1, span_of, step=-1) + 1
    end_seq = _beside(reader, ledger, log, seq, span_of, step=1)
    return [(first_seq, end_seq - 1, revision)] if first_seq < seq else []


def _stepped(
    reader: LogReader, ledger: ClockLedger, log: int, at: tuple[int, int], span_of: SpanOf
) -> list[Wanted]:
    """Find the spans that were passed twice, as the time stepped back at a sequence."""
    seq, revision = at
    before = _nearest_span(reader, ledger, log, seq - 1, span_of, step=-1)
    after = _nearest_span(reader, ledger, log, seq, span_of, step=1)
    if before is None or after is None or before < after:
        return []
    first_seq = _past(reader, ledger, log, seq - 1, span_of, lambda its: its >= after, step=-1) + 1
    end_seq = _past(reader, ledger, log, seq, span_of, lambda its: its <= before, step=1)
    return [(first_seq, end_seq - 1, revision)]


def _moved(reader: LogReader, ledger: ClockLedger, log: int, stretch: Wanted) -> Wanted | None:
    """Trim a stretch to the rows that it moved, at the revision of what moved one of them last.

    None where it moved none: a meter whose own clock was right all the while. What would be sent
    again there would say nothing new, and consent may let less of it out than it once did.
    """
    first_seq, last_seq, most = stretch
    rows = _between(reader, log, first_seq, last_seq)
    moved = 0
    for row in rows:
        moved = ledger.moved(row)
        if moved:
            break
        first_seq = row.seq + 1
    if not moved:
        return None
    for row in _between(reader, log, last_seq, first_seq):
        by = ledger.moved(row)
        moved = max(moved, by)
        if by:
            break
        last_seq = row.seq - 1
    while moved < most and (row_after := next(rows, None)) is not None:
        moved = max(moved, ledger.moved(row_after))
    return first_seq, last_seq, moved


def _between(reader: LogReader, log: int, seq: int, end_seq: int) -> Iterator[LogRow]:
    """Yield the rows from one sequence to another, both included, forwards or back."""
    step = 1 if end_seq >= seq else -1
    for at in range(seq, end_seq + step, step * LOOK_ROWS):
        until = min(at + LOOK_ROWS - 1, end_seq) if step > 0 else max(at - LOOK_ROWS + 1, end_seq)
        rows = [
            one
            for one in reader.read(log, min(at, until), max(at, until))
            if isinstance(one, LogRow)
        ]
        yield from rows[::step]


def _beside(
    reader: LogReader, ledger: ClockLedger, log: int, seq: int, span_of: SpanOf, *, step: int
) -> int:
    """Find the first sequence past the spans that what moved was in, or is, in one direction.

    Looks from `seq` on. The span of the nearest dated row is one of them; rows that nothing dates
    belong to whatever is beside them.
    """
    spans = _spans_moved(reader, ledger, log, seq - step, span_of, step=-step)
    spans.add(_nearest_span(reader, ledger, log, seq, span_of, step=step))
    return _past(reader, ledger, log, seq, span_of, lambda its: its in spans, step=step)


def _nearest_span(
    reader: LogReader, ledger: ClockLedger, log: int, seq: int, span_of: SpanOf, *, step: int
) -> int | None:
    """Tell the span of the first dated row from a sequence on; None where consent knows none."""
    for row in _rows_from(reader, log, seq, step):
        resolved = ledger.resolve(row)
        if resolved is not None:
            return span_of(row, resolved[0])
    return None


def _past(
    reader: LogReader, ledger: ClockLedger, log: int, seq: int, span_of: SpanOf,
    belongs: Callable[[int], bool], *, step: int,
) -> int:  # fmt: skip
    """Find the first sequence, from this one on, past the rows whose span belongs."""
    end = seq
    for row in _rows_from(reader, log, seq, step):
        resolved = ledger.resolve(row)
        if resolved is None:
            continue
        its_span = span_of(row, resolved[0])
        if its_span is None or not belongs(its_span):
            break
        end = row.seq + step
    return end


def _spans_moved(
    reader: LogReader, ledger: ClockLedger, log: int, seq: int, span_of: SpanOf, *, step: int
) -> set[int | None]:
    """List the spans that the rows at one end of what moved were ever in.

    A meter's clock and the hub's may be minutes apart, so that theirs lie between each other.
    """
    rows = islice(_rows_from(reader, log, seq, step), LOOK_ROWS)
    return {span_of(row, at_ms) for row in rows for at_ms in ledger.datings(row)}


def _rows_from(reader: LogReader, log: int, seq: int, step: int) -> Iterator[LogRow]:
    for looked_at in range(0, MAX_SPAN_ROWS, LOOK_ROWS):
        first = seq + looked_at * step
        last = first + (LOOK_ROWS - 1) * step
        rows = [
            one
            for one in reader.read(log, max(0, min(first, last)), max(first, last))
            if isinstance(one, LogRow)
        ]
        if not rows:
            return
        yield from rows[::step]


def _parted(ranges: list[Wanted]) -> list[Wanted]:
    """Part ranges where they overlap: the highest revision holds."""
    edges = sorted({edge for first, last, _ in ranges for edge in (first, last + 1)})
    parts: list[Wanted] = []
    for place, start in enumerate(edges[:-1]):
        end = edges[place + 1] - 1
        its = [r for first, last, r in ranges if first <= start and end <= last]
        if not its:
            continue
        if parts and parts[-1][1] + 1 == start and parts[-1][2] == max(its):
            parts[-1] = (parts[-1][0], end, max(its))
        else:
            parts.append((start, end, max(its)))
    return parts


def _bounded(parts: list[Wanted]) -> list[Wanted]:
    while len(parts) > MAX_REVISED_RANGES:
        place = min(range(1, len(parts)), key=lambda at: parts[at][0] - parts[at - 1][1])
        joined = (parts[place - 1][0], parts[place][1], max(parts[place - 1][2], parts[place][2]))
        parts[place - 1 : place + 1] = [joined]
    return parts
