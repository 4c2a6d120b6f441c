"""At which revision each row of a log is wanted: what moved its time last. Reads only.

What the clock ledger says of instants is said here of sequences; nothing of it is kept.
"""

from collections.abc import Callable, Iterator

from agent.finding import find_span
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

SpanOf = Callable[[int], int | None]
"""Tells when the span ends that leaves by its two ends; None where consent knows no spans."""


def wanted_revisions(
    reader: LogReader, ledger: ClockLedger, log: int, span_of: SpanOf
) -> list[Wanted]:
    """List the ranges of a log that are wanted at a revision above 0, in order.

    With the rows of a revised stretch go those beside them in the same spans: which of them are the
    ends of a span has changed with the time of the others.
    """
    found: list[Wanted] = []
    for one in ledger.revised():
        rows = find_span(reader, log, one.boot, one.start_ms, one.end_ms)
        if rows is None:
            continue
        first_seq = _beside(reader, ledger, log, rows[0] - 1, span_of, step=-1) + 1
        end_seq = _beside(reader, ledger, log, rows[1], span_of, step=1)
        found.append((first_seq, max(rows[1], end_seq - 1), one.revision))
    return _bounded(_parted(found))


def _beside(
    reader: LogReader, ledger: ClockLedger, log: int, seq: int, span_of: SpanOf, *, step: int
) -> int:
    """Find the first sequence past the span that the nearest dated row is in, in one direction.

    Looks from `seq` on; rows that nothing dates belong to whatever is beside them.
    """
    span: int | None = None
    end = seq
    for row in _rows_from(reader, log, seq, step):
        resolved = ledger.resolve(row)
        if resolved is None:
            continue
        its_span = span_of(resolved[0])
        if its_span is None or (span is not None and its_span != span):
            break
        span, end = its_span, row.seq + step
    return end


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
