"""Lets the collector go on, at start, from what the log says of each meter. Reads the log only."""

from collections.abc import Callable, Iterator

from agent.collector import Collector
from agent.reader import LogReader
from agent.records import MeterLog
from agent.rows import LogRow
from agent.timekeeping import ClockLedger

RESTORED_ROWS = 1_000
"""How far back a counter is looked for: three hours of a ten-second meter's rows."""


def restore_meters(
    reader: LogReader,
    ledger: ClockLedger,
    collector: Collector,
    on_dated: Callable[[int], None],
) -> None:
    """Go on from each meter's last rows; `on_dated` is told the times that are known of them."""
    for one in _newest_logs(reader):
        newest = reader.last_row(one.log)
        if newest is not None:
            rows = reader.rows_back(one.log, newest.seq, RESTORED_ROWS)
            stamped = _stamped(rows, ledger, on_dated)
            runs, closings = reader.runs(one.log), reader.last_closings(one.meter)
            collector.restore(one.meter, one.medium, stamped, runs, closings)


def _newest_logs(reader: LogReader) -> list[MeterLog]:
    """List the newest log with rows of each meter.

    A log just started has no row yet; the one before it goes on in the same runs.
    """
    with_rows: dict[str, MeterLog] = {}
    for one in reader.all_logs():
        if one.meter not in with_rows or reader.held_range(one.log) is not None:
            with_rows[one.meter] = one
    return list(with_rows.values())


def _stamped(
    rows: Iterator[LogRow], ledger: ClockLedger, on_dated: Callable[[int], None]
) -> Iterator[tuple[LogRow, int]]:
    """Yield rows with when they were taken, as far as anybody knows."""
    for row in rows:
        resolved = ledger.resolve(row)
        if resolved is not None:
            on_dated(resolved[0])
        yield row, resolved[0] if resolved else row.meter_clock_ms or row.monotonic_ms
