"""At which revision each row of a log is wanted: how often its time was changed. Reads only.

What the clock ledger says of instants is said here of sequences; nothing of it is kept.
"""

from agent.finding import find_span
from agent.reader import LogReader
from agent.rows import LogRow
from agent.timekeeping import ClockLedger
from shared.calendar import slot_of_sample
from shared.ranges import Range

MAX_REVISED_RANGES = 256
"""Of one log; past it neighbours are joined at the higher revision, and what lies between them is
sent again too: memory and receipts stay small where sources contradict each other for ever."""

SLOT_ROWS = 400
"""More than a half hour has of a meter's rows: how far its first one is looked for."""

Wanted = tuple[int, int, int]
"""First and last sequence, both included, and the least revision that counts as stored."""


def wanted_revisions(reader: LogReader, ledger: ClockLedger, log: int) -> list[Wanted]:
    """List the ranges of a log that are wanted at a revision above 0, in order.

    With the rows of a revised stretch go those before them in the same half hour: which of them is
    its closing has changed with the time of those that came after.
    """
    found: list[Wanted] = []
    for one in ledger.revised():
        span = find_span(reader, log, one.boot, one.start_ms, one.end_ms)
        if span is not None:
            found.append((_slot_begins(reader, ledger, log, span[0]), span[1], one.revision))
    return _bounded(_added_up(found))


def _slot_begins(reader: LogReader, ledger: ClockLedger, log: int, seq: int) -> int:
    """Find the first row of the half hour that the row before this one is in."""
    before: Range = (max(0, seq - SLOT_ROWS), seq - 1)
    slot: int | None = None
    for row in reversed(list(reader.read(log, *before)) if before[0] <= before[1] else []):
        resolved = ledger.resolve(row) if isinstance(row, LogRow) else None
        if resolved is None or not isinstance(row, LogRow):
            continue
        if slot is not None and slot_of_sample(resolved[0]) != slot:
            break
        slot, seq = slot_of_sample(resolved[0]), row.seq
    return seq


def _added_up(ranges: list[Wanted]) -> list[Wanted]:
    """Part ranges where they overlap: a place in two of them was changed for both."""
    edges = sorted({edge for first, last, _ in ranges for edge in (first, last + 1)})
    parts: list[Wanted] = []
    for place, start in enumerate(edges[:-1]):
        end = edges[place + 1] - 1
        revision = sum(r for first, last, r in ranges if first <= start and end <= last)
        if not revision:
            continue
        if parts and parts[-1][1] + 1 == start and parts[-1][2] == revision:
            parts[-1] = (parts[-1][0], end, revision)
        else:
            parts.append((start, end, revision))
    return parts


def _bounded(parts: list[Wanted]) -> list[Wanted]:
    while len(parts) > MAX_REVISED_RANGES:
        place = min(range(1, len(parts)), key=lambda at: parts[at][0] - parts[at - 1][1])
        joined = (parts[place - 1][0], parts[place][1], max(parts[place - 1][2], parts[place][2]))
        parts[place - 1 : place + 1] = [joined]
    return parts
