"""Reads the hub's database beside the hub: opens it without changing it, and knows its tables.

Decides nothing; every function may raise sqlite3.Error.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from agent.config import Config
from agent.consent import Consent, decode_limit_state
from agent.consent_record import LIMIT_FACT
from agent.database import open_copy
from agent.pieces import Piece
from agent.reader import LogEntry, LogReader
from agent.records import Hole
from agent.rows import LogRow
from agent.timekeeping import ClockLedger
from shared.consent import Granularity
from shared.errors import OperatorError
from shared.ranges import Range

FIRST_SCHEMA_TABLES = """
CREATE TEMP TABLE blocks (log, first_seq, last_seq, row_count, detail, checksum, body);
CREATE TEMP TABLE damaged_ranges (log, first_seq, last_seq, reason);
"""
"""What a database of schema 1 lacks, as this connection's own empty tables: it stays as it is."""


@contextmanager
def open_database(path: Path) -> Iterator[sqlite3.Connection]:
    """Open the database for reading; raises OperatorError saying why it cannot be read.

    It is a copy that is read: a running hub keeps the file to itself, and what a power cut left is
    left as it is for the hub to go on from.
    """
    with ExitStack() as stack:
        try:
            connection = stack.enter_context(open_copy(path))
        except OperatorError as error:
            said = str(error.__cause__ or error)
            raise OperatorError(_why_unreadable(path, said), hint=_hint(said)) from error
        _fill_up(connection)
        yield connection


def _fill_up(connection: sqlite3.Connection) -> None:
    """Let a database be read that the hub has not brought up to date yet."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version == 1:
        connection.execute("PRAGMA query_only = OFF")
        connection.executescript(FIRST_SCHEMA_TABLES)
        connection.execute("PRAGMA query_only = ON")


def _why_unreadable(path: Path, said: str) -> str:
    if "not a database" in said or "malformed" in said:
        return f"{path} is damaged: {said}"
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
    return LogReader(connection).entries()


def read_held(connection: sqlite3.Connection, log: int) -> list[Range]:
    """List the ranges of sequences that a log has rows of, or knows why it has none."""
    return LogReader(connection).held_ranges(log)


def read_stored(connection: sqlite3.Connection, log: int) -> list[Range]:
    """List the ranges that receipts have named as stored."""
    return [(first, last) for first, last, _ in LogReader(connection).stored_ranges(log)]


def read_refused(connection: sqlite3.Connection, log: int) -> list[tuple[int, int, str]]:
    """List the ranges that the cloud refused for good, with its code."""
    return LogReader(connection).held_refused(log)


def read_fact(connection: sqlite3.Connection, name: str) -> bytes | None:
    """Read a small fact; None where there is none."""
    return LogReader(connection).fact(name)


def count_rows(connection: sqlite3.Connection, log: int) -> int:
    """Count the rows a log holds, sealed or not."""
    return LogReader(connection).count_rows(log)


def read_declared(connection: sqlite3.Connection, log: int) -> list[tuple[int, int, str]]:
    """List the ranges that a salvage gave up as damaged, with its reason."""
    return LogReader(connection).declared_damage(log)


def read_rows(connection: sqlite3.Connection, log: int, limit: int) -> Iterator[LogRow | Hole]:
    """Yield about the newest `limit` sequences of a log, newest first; a block comes whole."""
    reader = LogReader(connection)
    held = reader.held_range(log)
    if held is not None:
        yield from reversed(list(reader.read(log, max(held[0], held[1] - limit + 1), held[1])))


def read_row(connection: sqlite3.Connection, log: int, seq: int) -> LogRow | None:
    """Read one sound row; None where there is none."""
    return LogReader(connection).read_row(log, seq)


def read_pieces(connection: sqlite3.Connection) -> list[Piece]:
    """Read the clock ledger, oldest boot first."""
    return LogReader(connection).clock_pieces()


def read_ledger(connection: sqlite3.Connection, config: Config) -> ClockLedger:
    """Read the clock ledger to ask it."""
    return ClockLedger(read_pieces(connection), config.meter_clock_tolerance_ms)


def read_boot(connection: sqlite3.Connection, boot_id: str) -> int | None:
    """Find the number of a boot; None where the hub has not run in it."""
    row = connection.execute("SELECT boot FROM boots WHERE boot_id = ?", (boot_id,)).fetchone()
    return None if row is None else int(row[0])


def read_choice(connection: sqlite3.Connection) -> Granularity | None:
    """Read the household's newest choice; None where it has made none."""
    row = connection.execute(
        "SELECT granularity FROM consent ORDER BY since_ms DESC LIMIT 1"
    ).fetchone()
    return None if row is None else Granularity(row[0])


def read_consent(connection: sqlite3.Connection, config: Config) -> Consent:
    """Read what may leave now: the household's choice, or its setting, and the cloud's limit."""
    row = connection.execute("SELECT value FROM facts WHERE name = ?", (LIMIT_FACT,)).fetchone()
    choice = read_choice(connection) or config.consent_granularity
    return Consent([(0, choice)], decode_limit_state(None if row is None else bytes(row[0])))
