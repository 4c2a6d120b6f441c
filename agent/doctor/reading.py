"""Reads the hub's database beside the hub: opens it without changing it, and knows its tables.

Decides nothing; every function may raise sqlite3.Error.
"""

import sqlite3
import struct
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from agent.config import Config
from agent.consent import Granularity
from agent.database import BUSY_TIMEOUT_MS, open_reader
from agent.rows import LogRow, checksum, decode_body
from agent.timekeeping import ClockLedger, Piece
from shared.errors import BadInputError, OperatorError
from shared.ranges import Range, subtract
from shared.readings import Medium

MAX_HOLES = 1_000
"""Holes looked at of one log: past this the file is a ruin, and said to be one."""

ROW_COLUMNS = "seq, boot, monotonic_ms, meter_clock_ms, captured_at_ms, body, checksum"


class LogEntry(NamedTuple):
    """One meter's log as its table lists it."""

    log: int
    meter: str
    medium: Medium
    next_seq: int
    is_open: bool


@contextmanager
def open_database(path: Path) -> Iterator[sqlite3.Connection]:
    """Open the database for reading; raises OperatorError saying why it cannot be read.

    After a power cut a WAL is left: the last one to close a writable connection would fold it into
    the file, so that one is opened with mode=ro, which leaves both alone. Without a WAL, mode=ro
    would leave an empty one behind, and an ordinary connection leaves nothing.
    """
    is_unfolded = Path(f"{path}-wal").exists()
    try:
        connection = _open_read_only(path) if is_unfolded else open_reader(path)
    except (sqlite3.Error, OperatorError) as error:
        said = str(error.__cause__ or error)
        raise OperatorError(_why_unreadable(path, said), hint=_hint(said)) from error
    with closing(connection):
        yield connection


def _open_read_only(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None
    )
    try:
        connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _why_unreadable(path: Path, said: str) -> str:
    if "not a database" in said or "malformed" in said:
        return f"{path} is damaged: {said}"
    if "unable to open" in said or "readonly" in said:
        return (
            f"{path} cannot be read here: SQLite must be able to write its two side files beside "
            f"it even to read, and this folder or disk does not let this user ({said})"
        )
    return f"{path} cannot be read: {said}"


def _hint(said: str) -> str:
    if "not a database" in said or "malformed" in said:
        return "stop the hub, copy its whole state folder to another disk, then change the card"
    return (
        "run as the user that runs the hub; on a read-only disk copy the folder elsewhere "
        "and point HEARTHLINK_HUB_STATE_DIR at the copy"
    )


def read_logs(connection: sqlite3.Connection) -> list[LogEntry]:
    """List every log, closed ones included."""
    return [
        LogEntry(log, meter, Medium(medium), next_seq, bool(is_open))
        for log, meter, medium, next_seq, is_open in connection.execute(
            "SELECT log, meter, medium, next_seq, is_open FROM logs ORDER BY log"
        )
    ]


def read_held(connection: sqlite3.Connection, log: int) -> list[Range]:
    """List the ranges of sequences that a log has rows of."""
    first, last = connection.execute(
        "SELECT min(seq), max(seq) FROM samples WHERE log = ?", (log,)
    ).fetchone()
    if first is None:
        return []
    holes = connection.execute(
        "SELECT before + 1, seq - 1 FROM (SELECT seq, lag(seq) OVER (ORDER BY seq) AS before "
        "FROM samples WHERE log = ?) WHERE seq > before + 1 LIMIT ?",
        (log, MAX_HOLES),
    ).fetchall()
    return subtract([(first, last)], holes)


def read_stored(connection: sqlite3.Connection, log: int) -> list[Range]:
    """List the ranges that receipts have named as stored."""
    return connection.execute(
        "SELECT first_seq, last_seq FROM stored_ranges WHERE log = ? ORDER BY first_seq", (log,)
    ).fetchall()


def read_refused(connection: sqlite3.Connection, log: int) -> list[tuple[int, int, str]]:
    """List the ranges that the cloud refused for good, with its code."""
    return connection.execute(
        "SELECT first_seq, last_seq, code FROM held_ranges WHERE log = ? ORDER BY first_seq", (log,)
    ).fetchall()


def read_rows(
    connection: sqlite3.Connection, log: int, last_seq: int, limit: int
) -> Iterator[LogRow | int]:
    """Yield up to `limit` rows up to `last_seq`, newest first; a damaged one as its sequence."""
    names = dict(connection.execute("SELECT number, name FROM register_names").fetchall())
    rows = connection.execute(
        f"SELECT {ROW_COLUMNS} FROM samples WHERE log = ? AND seq <= ? "  # noqa: S608 (a constant)
        "ORDER BY seq DESC LIMIT ?",
        (log, last_seq, limit),
    )
    for *columns, kept in rows:
        yield _sound_row(log, columns, kept, names) or columns[0]


def _sound_row(
    log: int, columns: Sequence[Any], kept: int, names: Mapping[int, str]
) -> LogRow | None:
    """Decode a row; None for a damaged one, also where its columns hold values of another kind."""
    seq, boot, monotonic_ms, meter_clock_ms, captured_at_ms, body = columns
    try:
        said = checksum(log, seq, boot, monotonic_ms, meter_clock_ms, captured_at_ms, body)
        if said != kept:
            return None
        registers, quality = decode_body(body, names)
    except (BadInputError, TypeError, ValueError, struct.error):
        return None
    return LogRow(seq, boot, monotonic_ms, meter_clock_ms, captured_at_ms, registers, quality)


def read_row(connection: sqlite3.Connection, log: int, seq: int) -> LogRow | None:
    """Read one sound row; None where there is none."""
    for row in read_rows(connection, log, seq, 1):
        if isinstance(row, LogRow) and row.seq == seq:
            return row
    return None


def read_pieces(connection: sqlite3.Connection) -> list[Piece]:
    """Read the clock ledger, oldest boot first."""
    return [
        Piece(*row)
        for row in connection.execute(
            "SELECT boot, monotonic_ms, utc_ms, uncertainty_ms, source FROM clock_ledger "
            "ORDER BY boot, monotonic_ms"
        )
    ]


def read_ledger(connection: sqlite3.Connection, config: Config) -> ClockLedger:
    """Read the clock ledger to ask it."""
    return ClockLedger(read_pieces(connection), config.meter_clock_tolerance_ms)


def read_boot(connection: sqlite3.Connection, boot_id: str) -> int | None:
    """Find the number of a boot; None where the hub has not run in it."""
    row = connection.execute("SELECT boot FROM boots WHERE boot_id = ?", (boot_id,)).fetchone()
    return None if row is None else int(row[0])


def read_fact(connection: sqlite3.Connection, name: str) -> bytes | None:
    """Read a small fact; None where there is none."""
    row = connection.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
    return None if row is None else bytes(row[0])


def read_consent(connection: sqlite3.Connection) -> Granularity | None:
    """Read the household's newest choice; None where it has made none."""
    row = connection.execute(
        "SELECT granularity FROM consent ORDER BY since_ms DESC LIMIT 1"
    ).fetchone()
    return None if row is None else Granularity(row[0])
