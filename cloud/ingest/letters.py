"""Dead letters: bytes that could not be merged, kept with their reason. Commits nothing.

A letter leaves by being read in (`HubBatch.replay`) or by age; one of a later version, which the
hub was told is stored, by being read in alone.
"""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection, delete, func, select, tuple_, update

from cloud.db import within
from cloud.ingest.intake import LATER_VERSION
from cloud.ingest.merger import digest_of
from cloud.scope import Scope
from cloud.tables import dead_letters
from shared.errors import FrameError
from shared.frames import MAX_FRAME_BYTES
from shared.ranges import count, union

MAX_DEAD_LETTERS_PER_HUB = 256
"""At the largest frame 32 MB: enough to find the fault, not enough to fill a disk."""

MAX_DETAIL_CHARS = 300


class DeadLetter(NamedTuple):
    """Bytes that could not be merged, with the reason; the range is None where unreadable."""

    thing: str
    log_id: str
    revision: int | None
    first_seq: int | None
    last_seq: int | None
    code: str
    detail: str
    received_at_ms: int
    payload: bytes


class Kept(NamedTuple):
    """A letter to be read in again."""

    dead_letter_id: int
    thing: str
    code: str
    received_at_ms: int
    payload: bytes


def add_dead_letter(connection: Connection, scope: Scope, letter: DeadLetter) -> bool:
    """Set bytes aside; the same bytes again are only counted. False where there is no room."""
    digest = digest_of(letter.payload)
    same = (dead_letters.c.thing == letter.thing, dead_letters.c.digest == digest)
    known = connection.execute(
        update(dead_letters)
        .where(within(dead_letters, scope), *same)
        .values(seen_count=dead_letters.c.seen_count + 1, received_at_ms=letter.received_at_ms)
    )
    if known.rowcount:
        return True
    if count_dead_letters(connection, scope).get(letter.thing, 0) >= MAX_DEAD_LETTERS_PER_HUB:
        return False
    row = letter._asdict()
    row["payload"] = letter.payload[:MAX_FRAME_BYTES]
    row["detail"] = letter.detail[:MAX_DETAIL_CHARS]
    connection.execute(
        dead_letters.insert(),
        [{**row, "household_id": scope.only, "seen_count": 1, "digest": digest}],
    )
    return True


def count_dead_letters(connection: Connection, scope: Scope) -> dict[str, int]:
    """Count the dead letters of each hub."""
    query = (
        select(dead_letters.c.thing, func.count().label("letters"))
        .where(within(dead_letters, scope))
        .group_by(dead_letters.c.thing)
    )
    return {row.thing: row.letters for row in connection.execute(query)}


def list_dead_letters(
    connection: Connection, scope: Scope, limit: int, before: tuple[int, int] | None = None
) -> list[dict[str, object]]:
    """List dead letters without their bytes, the latest first.

    `before` is the time and the number of the last one seen.
    """
    columns = [
        column
        for column in dead_letters.c
        if column.name not in ("payload", "digest", "household_id")
    ]
    query = (
        select(*columns, func.length(dead_letters.c.payload).label("size_bytes"))
        .where(within(dead_letters, scope))
        .order_by(dead_letters.c.received_at_ms.desc(), dead_letters.c.dead_letter_id.desc())
        .limit(limit)
    )
    if before is not None:
        place = tuple_(dead_letters.c.received_at_ms, dead_letters.c.dead_letter_id)
        query = query.where(place < before)
    return [dict(row) for row in connection.execute(query).mappings()]


def count_unread(connection: Connection, scope: Scope) -> dict[str, int]:
    """Count by log the places of frames of a later version: stored, and in no answer yet."""
    query = select(dead_letters.c.log_id, dead_letters.c.first_seq, dead_letters.c.last_seq).where(
        within(dead_letters, scope), dead_letters.c.code == LATER_VERSION
    )
    ranges: dict[str, list[tuple[int, int]]] = {}
    for log_id, first, last in connection.execute(query):
        ranges.setdefault(log_id, []).append((first, last))
    return {log_id: count(union(spans)) for log_id, spans in ranges.items()}


def find_letters(
    connection: Connection,
    *,
    ids: Sequence[int] = (),
    scope: Scope | None = None,
    code: str = "",
    after: int = 0,
    limit: int,
) -> list[Kept]:
    """List letters to read in again, in order of id: these ones, else all past `after`."""
    query = select(*[dead_letters.c[name] for name in Kept._fields]).where(
        dead_letters.c.dead_letter_id > after
    )
    if ids:
        query = query.where(dead_letters.c.dead_letter_id.in_(ids))
    if scope is not None:
        query = query.where(within(dead_letters, scope))
    if code:
        query = query.where(dead_letters.c.code == code)
    query = query.order_by(dead_letters.c.dead_letter_id).limit(limit)
    return [Kept(*row) for row in connection.execute(query)]


def remove_letter(connection: Connection, dead_letter_id: int) -> bool:
    """Take a letter out; false where another has done so meanwhile."""
    query = delete(dead_letters).where(dead_letters.c.dead_letter_id == dead_letter_id)
    return bool(connection.execute(query).rowcount)


def note_reason(connection: Connection, dead_letter_id: int, error: FrameError) -> None:
    """Say why a letter still cannot be merged."""
    connection.execute(
        update(dead_letters)
        .where(dead_letters.c.dead_letter_id == dead_letter_id)
        .values(code=error.code, detail=reason_of(error))
    )


def reason_of(error: FrameError) -> str:
    """Put an error in words; it quotes what it refuses, and PostgreSQL keeps no text with a NUL."""
    return str(error).replace("\0", "\ufffd")[:MAX_DETAIL_CHARS]
