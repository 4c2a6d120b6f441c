"""The record of consent in a database: the household's choices, and the cloud's limit.

Owns the table `consent` and the facts beside it. What they mean is `agent/consent.py`'s. Whatever
happens to a database, its record never comes to let more out: where it cannot be read, nothing may
leave until the household chooses anew.
"""

import sqlite3
from typing import NamedTuple

from agent.consent import (
    LimitState,
    decode_limit_state,
    encode_limit_state,
    narrower_changes,
    narrower_limits,
)
from shared.consent import Granularity

LIMIT_FACT = "consent.limit"
LOST_FACT = "consent.lost"
"""There while nobody knows what the household allowed: from when the record could not be read until
the household chooses anew."""


class ConsentRecord(NamedTuple):
    """What one database says of consent: choices as [since, granularity], the limit if any."""

    choices: list[tuple[int, Granularity]]
    limits: LimitState | None
    is_lost: bool


def read_record(connection: sqlite3.Connection) -> ConsentRecord | None:
    """Read the record; None where any of it cannot be read or is no choice there is."""
    try:
        for table in ("consent", "facts"):
            (said,) = connection.execute(f"PRAGMA quick_check({table})").fetchone()
            if said != "ok":
                return None
        choices = [
            (int(since_ms), Granularity(granularity))
            for since_ms, granularity in connection.execute(
                "SELECT since_ms, granularity FROM consent ORDER BY since_ms"
            )
        ]
        limit, lost = _fact(connection, LIMIT_FACT), _fact(connection, LOST_FACT)
    except (sqlite3.DatabaseError, TypeError, ValueError):
        return None
    limits = None if limit is None else decode_limit_state(limit)
    return ConsentRecord(choices, limits, lost is not None)


def _fact(connection: sqlite3.Connection, name: str) -> bytes | None:
    row = connection.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
    return None if row is None else bytes(row[0])


def lose_record(connection: sqlite3.Connection) -> None:
    """Let nothing leave, of no time: what the household allowed when is not known any more."""
    connection.execute("DELETE FROM consent")
    connection.execute("INSERT INTO consent VALUES (0, ?)", (Granularity.NONE.value,))
    connection.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (LOST_FACT, b"1"))


def keep_record(connection: sqlite3.Connection, former: ConsentRecord | None) -> None:
    """Let a backup go on under the record of the database that it replaces.

    Where the backup knows choices or limits that the former record does not, the narrower of both
    holds at every time; where either cannot be read, nothing leaves. In the caller's transaction.
    """
    own = read_record(connection)
    if own is None or former is None:
        lose_record(connection)
        return
    _write_record(connection, _joined(own, former))


def _joined(own: ConsentRecord, former: ConsentRecord) -> ConsentRecord:
    choices, limits, is_lost = former
    if not set(own.choices) <= set(former.choices):
        choices = narrower_changes(own.choices, former.choices)
        is_lost = own.is_lost or former.is_lost
    if own.limits is not None:
        limits = narrower_limits(own.limits, former.limits or LimitState())
    return ConsentRecord(choices, limits, is_lost)


def _write_record(connection: sqlite3.Connection, record: ConsentRecord) -> None:
    connection.execute("DELETE FROM consent")
    connection.executemany(
        "INSERT INTO consent VALUES (?, ?)",
        [(since_ms, granularity.value) for since_ms, granularity in record.choices],
    )
    connection.execute("DELETE FROM facts WHERE name IN (?, ?)", (LIMIT_FACT, LOST_FACT))
    if record.limits is not None:
        limits = encode_limit_state(record.limits)
        connection.execute("INSERT INTO facts VALUES (?, ?)", (LIMIT_FACT, limits))
    if record.is_lost:
        connection.execute("INSERT INTO facts VALUES (?, ?)", (LOST_FACT, b"1"))
