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
    first_seq = find_after(reader, log, boot, start_ms)
    if first_seq is None:
        return None
    after_seq = find_after(reader, log, boot, end_ms, first_seq)
    return (first_seq, after_seq - 1) if after_seq is not None and first_seq < after_seq else None


def find_after(reader: LogReader, log: int, boot: int, at_ms: int, from_seq: int = 0) -> int | None:
    """Find the sequence such that the rows before it, and no other, were heard by `at_ms`.

    It may be the one that the next row will have. None where the log holds nothing.
    """
    held = reader.held_range(log)
    if held is None:
        return None
    within = (max(held[0], from_seq), held[1])
    return _first_from(reader, log, within, (boot, at_ms + 1))


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
