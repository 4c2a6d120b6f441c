"""Writes the log's samples as CSV or JSON lines, for whoever wants their own readings."""

import csv
import datetime as dt
import io
from collections.abc import Callable, Iterator
from zoneinfo import ZoneInfo

import msgspec

from agent.reader import LogEntry, LogReader
from agent.rows import LogRow
from agent.timekeeping import ClockLedger
from agent.upkeep.verification import CHUNK_ROWS, Progress
from shared.calendar import Interval
from shared.errors import BadInputError, OperatorError
from shared.instants import parse_instant
from shared.units import MS_PER_SECOND

CSV_HEAD = ("taken_at", "meter", "log_id", "seq", "quality", "register", "value")
"""One line a register and sample: meters differ in their registers, lines do not."""

NEVER_MS = 2**53
"""After every time that a sample can have."""

Line = Callable[[LogEntry, LogRow, int | None, int], str]


def read_range(since: str | None, until: str | None, zone: ZoneInfo) -> Interval | None:
    """Read which samples are wanted, by days of the home or instants with an offset; None for all.

    Raises OperatorError that names what is no time, or a range that holds nothing.
    """
    if since is None and until is None:
        return None
    try:
        start_ms = 0 if since is None else parse_instant(since, "--from", zone)
        end_ms = NEVER_MS if until is None else parse_instant(until, "--to", zone)
    except BadInputError as error:
        raise OperatorError(error.message, hint=error.hint) from error
    if end_ms <= start_ms:
        raise OperatorError(
            f"--to {until} is not after --from {since}", hint="the range is [from, to)"
        )
    return Interval(start_ms, end_ms)


def export_lines(
    reader: LogReader,
    entry: LogEntry,
    ledger: ClockLedger,
    write: Line,
    progress: Progress,
    wanted: Interval | None = None,
) -> Iterator[str]:
    """Yield a log's samples as lines, those of a range alone where one is wanted.

    The time is empty where it was never learnt; such a sample is in no range.
    """
    held = reader.held_range(entry.log)
    if held is None:
        return
    for start in range(held[0], held[1] + 1, CHUNK_ROWS):
        end = min(start + CHUNK_ROWS - 1, held[1])
        for row in reader.read(entry.log, start, end):
            if isinstance(row, LogRow):
                taken_at_ms, quality = ledger.resolve(row) or (None, row.quality)
                if wanted is None or _is_in(wanted, taken_at_ms):
                    yield write(entry, row, taken_at_ms, quality)
        progress(end - held[0] + 1, held[1] - held[0] + 1)


def as_json(entry: LogEntry, row: LogRow, taken_at_ms: int | None, quality: int) -> str:
    """Write a sample as one JSON object."""
    said = {
        "meter": entry.meter,
        "medium": entry.medium.value,
        "log_id": entry.log_id.hex(),
        "seq": row.seq,
        "taken_at_ms": taken_at_ms,
        "quality": quality,
        "registers": row.registers,
    }
    return msgspec.json.encode(said).decode() + "\n"


def as_csv(entry: LogEntry, row: LogRow, taken_at_ms: int | None, quality: int) -> str:
    """Write a sample as a line for each of its registers."""
    lines = io.StringIO()
    writer = csv.writer(lines, lineterminator="\n")
    taken_at = "" if taken_at_ms is None else _iso(taken_at_ms)
    for register, value in row.registers.items():
        writer.writerow(
            (taken_at, entry.meter, entry.log_id.hex(), row.seq, quality, register, value)
        )
    return lines.getvalue()


def _is_in(wanted: Interval, taken_at_ms: int | None) -> bool:
    return taken_at_ms is not None and wanted.start_ms <= taken_at_ms < wanted.end_ms


def _iso(at_ms: int) -> str:
    at = dt.datetime.fromtimestamp(at_ms // MS_PER_SECOND, dt.UTC)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at_ms % MS_PER_SECOND:03d}Z"
