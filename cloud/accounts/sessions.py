"""Sessions of people who signed in here, and the devices they did it on. Commits nothing.

The cookies hold random tokens, the store only their digests. A session ends half an hour after it
was last used, to the minute, and half a day after it began.
"""

from typing import NamedTuple

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from cloud.peopletables import invitations, known_devices, sessions, set_up_codes
from cloud.secrets import digest_of, mint_id, mint_token
from cloud.writes import upsert
from shared.units import MS_PER_HOUR, MS_PER_MINUTE

IDLE_MS = 30 * MS_PER_MINUTE
LIFE_MS = 12 * MS_PER_HOUR
TOUCH_MS = MS_PER_MINUTE
"""A session's last use is written this often at most: reading a page must not be a write."""

SESSIONS_MAX = 20
DEVICES_MAX = 20
"""Of one person; the oldest makes room."""

MAX_DEVICE_CHARS = 200
_SESSION, _DEVICE = "session", "device"


class Session(NamedTuple):
    """A session; `proved_at_ms` is when its person last gave password and code."""

    session_id: str
    user_id: str
    device: str
    created_at_ms: int
    seen_at_ms: int
    proved_at_ms: int

    @property
    def ends_at_ms(self) -> int:
        """When it is over, unless it is used before."""
        return min(self.created_at_ms + LIFE_MS, self.seen_at_ms + IDLE_MS)


COLUMNS = [sessions.c[name] for name in Session._fields]


def open_session(
    connection: Connection, user_id: str, device: str, now_ms: int
) -> tuple[Session, str]:
    """Begin a session and return its cookie's token; clears away what is over."""
    connection.execute(delete(sessions).where(sessions.c.created_at_ms < now_ms - LIFE_MS))
    _drop_oldest(connection, user_id)
    token = mint_token()
    opened = Session(mint_id(), user_id, device[:MAX_DEVICE_CHARS], now_ms, now_ms, now_ms)
    row = {**opened._asdict(), "digest": session_digest(token)}
    connection.execute(insert(sessions), [row])
    return opened, token


def session_digest(token: str) -> str:
    """Digest a session's token."""
    return digest_of(_SESSION, token)


LASTS = (sessions.c.created_at_ms > bindparam("began_after")) & (
    sessions.c.seen_at_ms > bindparam("used_after")
)
"""The condition of a session that is not over; `lasting` gives what it compares with."""


def lasting(now_ms: int) -> dict[str, int]:
    """Give the parameters of `LASTS`."""
    return {"began_after": now_ms - LIFE_MS, "used_after": now_ms - IDLE_MS}


def list_sessions(connection: Connection, user_id: str, now_ms: int) -> list[Session]:
    """List a person's sessions, the latest used first."""
    query = (
        select(*COLUMNS)
        .where(sessions.c.user_id == user_id, LASTS)
        .order_by(sessions.c.seen_at_ms.desc(), sessions.c.session_id)
    )
    return [Session(*row) for row in connection.execute(query, lasting(now_ms))]


def touch(connection: Connection, session_id: str, now_ms: int) -> None:
    """Note that a session was used."""
    connection.execute(
        update(sessions).where(sessions.c.session_id == session_id).values(seen_at_ms=now_ms)
    )


def note_proof(connection: Connection, session_id: str, now_ms: int) -> None:
    """Note that a session's person gave password and code again."""
    connection.execute(
        update(sessions).where(sessions.c.session_id == session_id).values(proved_at_ms=now_ms)
    )


def end_session(connection: Connection, user_id: str, session_id: str) -> bool:
    """End one of a person's sessions; false where there is none of that name."""
    ended = connection.execute(
        delete(sessions).where(sessions.c.session_id == session_id, sessions.c.user_id == user_id)
    )
    return bool(ended.rowcount)


def end_all(connection: Connection, user_id: str) -> None:
    """End every session of a person."""
    connection.execute(delete(sessions).where(sessions.c.user_id == user_id))


def end_everybodys(connection: Connection) -> None:
    """End every session and take every code that works once: a copy put back has used ones too."""
    for table in (sessions, set_up_codes, invitations):
        connection.execute(delete(table))


def know_device(connection: Connection, user_id: str, token: str, now_ms: int) -> str:
    """Remember the device a person signed in on; returns its cookie's token."""
    token = token or mint_token()
    row = {"digest": digest_of(_DEVICE, token), "user_id": user_id, "created_at_ms": now_ms}
    upsert(
        connection,
        known_devices,
        [row],
        keys=("digest",),
        replace=("user_id", "created_at_ms"),
    )
    kept = (
        select(known_devices.c.digest)
        .where(known_devices.c.user_id == user_id)
        .order_by(known_devices.c.created_at_ms.desc(), known_devices.c.digest)
        .limit(DEVICES_MAX)
    )
    connection.execute(
        delete(known_devices).where(
            known_devices.c.user_id == user_id,
            known_devices.c.digest.not_in(list(connection.execute(kept).scalars())),
        )
    )
    return token


def is_known_device(connection: Connection, user_id: str, token: str) -> bool:
    """Tell whether a person has signed in on a device before."""
    query = select(known_devices.c.user_id).where(
        known_devices.c.digest == digest_of(_DEVICE, token)
    )
    return bool(token) and connection.execute(query).scalar_one_or_none() == user_id


def _drop_oldest(connection: Connection, user_id: str) -> None:
    query = (
        select(sessions.c.session_id)
        .where(sessions.c.user_id == user_id)
        .order_by(sessions.c.seen_at_ms.desc())
        .offset(SESSIONS_MAX - 1)
    )
    over = list(connection.execute(query).scalars())
    connection.execute(delete(sessions).where(sessions.c.session_id.in_(over)))
