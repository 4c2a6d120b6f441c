"""Finds which sequences of a log were heard in a span of a boot's monotonic time, by bisection.

Rows are in order of boot and monotonic time, whatever is believed of the time; reads the log only.
"""

from agent.reader import LogReader
from agent.rows import Instant, LogRow
from shared.ranges import Range

FIRST_LOOK_ROWS = 4
MOST_ROWS = 1_440
"""How far a row is looked for at a time where there are holes: four blocks."""


def find_span(reader: LogReader, log: int, boot: int, start_ms: int, end_ms: int) -> Range | None:
    """Find the rows heard in `(start_ms, end_ms]` of a boot; None where there are none."""
    held = reader.held_range(log)
    if held is None:
        return None
    first_seq = _first_from(reader, log, held, (boot, start_ms + 1))
    after_seq = _first_from(reader, log, (first_seq, held[1]), (boot, end_ms + 1))
    return (first_seq, after_seq - 1) if first_seq < after_seq else None


def _first_from(reader: LogReader, log: int, within: Range, instant: Instant) -> int:
    """Find the first sequence such that every row before it was heard before the instant."""
    low, high = within[0], within[1] + 1
    while low < high:
        middle = (low + high) // 2
        row = _next_row(reader, log, middle, high - 1)
        if row is not None and row.instant < instant:
            low = row.seq + 1
        else:
            high = middle
    return low


def _next_row(reader: LogReader, log: int, first_seq: int, last_seq: int) -> LogRow | None:
    rows = FIRST_LOOK_ROWS
    while first_seq <= last_seq:
        end_seq = min(last_seq, first_seq + rows - 1)
        for one in reader.read(log, first_seq, end_seq):
            if isinstance(one, LogRow):
                return one
        first_seq, rows = end_seq + 1, min(rows * 8, MOST_ROWS)
    return None
