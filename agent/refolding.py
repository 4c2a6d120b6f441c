"""Makes the hub's days anew where a piece of the clock ledger has moved samples. Reads only.

Finds which days samples left and came to, and every row that has a say in them; the history takes
the result in once it is durable.
"""

from collections.abc import Iterator, Sequence

from agent.finding import find_span
from agent.pieces import Revised
from agent.reader import LogReader
from agent.rows import LogRow
from agent.timekeeping import MAX_KEPT_AGE_MS, ClockLedger
from shared.calendar import slot_of_sample, utc_day_of_slot
from shared.ranges import Range, union
from shared.units import MS_PER_DAY, MS_PER_HOUR

METER_SLACK_MS = MS_PER_HOUR
"""A believed meter clock is within two minutes of the hub's time; it may have been at two steps."""

READ_ROWS = 20_000
"""How many rows are read at a time: two days of a ten-second meter."""


def moved_days(
    reader: LogReader,
    ledger: ClockLedger,
    before: ClockLedger,
    moved: Sequence[Revised],
    log: int,
    to_seq: int,
) -> set[int]:
    """List the UTC days from and to which a piece has moved rows of a log, up to a sequence.

    `before` is the ledger without the piece, `moved` the spans that it has moved. A row that
    nothing dated before comes to a day, too.
    """
    days: set[int] = set()
    for one in moved:
        span = find_span(reader, log, one.boot, one.start_ms, one.end_ms)
        for row in _read(reader, log, [span] if span else [], to_seq):
            old, new = before.resolve(row), ledger.resolve(row)
            if old != new:
                days |= {_day_of(one[0]) for one in (old, new) if one is not None}
    return days


def rows_of_days(
    reader: LogReader, ledger: ClockLedger, log: int, days: set[int], to_seq: int
) -> Iterator[list[LogRow]]:
    """Yield the rows of a log, up to a sequence, that were taken on these UTC days, in order.

    What a meter kept was heard up to eight days after it was taken.
    """
    spans: list[Range] = []
    for first, last in union((day, day) for day in days):
        start_ms = first * MS_PER_DAY - METER_SLACK_MS
        end_ms = (last + 1) * MS_PER_DAY + MAX_KEPT_AGE_MS + METER_SLACK_MS
        for one in ledger.instants(start_ms, end_ms):
            span = find_span(reader, log, one.boot, one.start_ms, one.end_ms)
            spans += [span] if span else []
    found: list[LogRow] = []
    for row in _read(reader, log, union(spans), to_seq):
        resolved = ledger.resolve(row)
        if resolved is not None and _day_of(resolved[0]) in days:
            found.append(row)
        if len(found) >= READ_ROWS:
            yield found
            found = []
    if found:
        yield found


def _read(reader: LogReader, log: int, spans: Sequence[Range], to_seq: int) -> Iterator[LogRow]:
    for first_seq, last_seq in spans:
        for start in range(first_seq, min(last_seq, to_seq) + 1, READ_ROWS):
            end = min(last_seq, to_seq, start + READ_ROWS - 1)
            for one in reader.read(log, start, end):
                if isinstance(one, LogRow):
                    yield one


def _day_of(taken_at_ms: int) -> int:
    return utc_day_of_slot(slot_of_sample(taken_at_ms))
