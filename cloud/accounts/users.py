"""People: their sign-in name, password and whether they run the service. Commits nothing."""

import hashlib
import unicodedata
from typing import NamedTuple

from sqlalchemy import Connection, delete, insert, select, update

from cloud.peopletables import (
    known_devices,
    members,
    recovery_codes,
    second_factors,
    sessions,
    set_up_codes,
    users,
)
from cloud.secrets import digest_of, mint_code, mint_id, read_code
from cloud.writes import upsert
from shared.errors import BadInputError
from shared.units import MS_PER_DAY

MAX_EMAIL_CHARS = 254
"""RFC 5321's limit of an address."""

MAX_NAME_CHARS = 200
SET_UP_MS = MS_PER_DAY
"""How long a set-up code holds: it is handed over by whoever runs the service."""

_PURPOSE = "set-up code"


class User(NamedTuple):
    """A person; `issuer` is "" where they sign in here, by `email` and a password."""

    user_id: str
    email: str | None
    name: str
    issuer: str
    password_hash: str
    is_operator: bool
    created_at_ms: int


_USER = [users.c[name] for name in User._fields]


def read_email(written: str) -> str:
    """Bring an e-mail to the form it is looked for in; raises BadInputError for what is none.

    It is a name to sign in by: nothing is sent to it, and nobody proved that it is theirs.
    """
    email = unicodedata.normalize("NFKC", written).strip().casefold()
    local, at, domain = email.rpartition("@")
    fits = len(email) <= MAX_EMAIL_CHARS and email.isprintable() and " " not in email
    if not (fits and at and local and domain):
        raise BadInputError("email: no e-mail address", hint="write it as name@example.org")
    return email


def add_user(
    connection: Connection, email: str, name: str, password_hash: str, now_ms: int
) -> User | None:
    """Add a person who signs in here; None where the e-mail is somebody's already."""
    user = User(mint_id(), email, name, "", password_hash, False, now_ms)
    upsert(connection, users, [user._asdict()], keys=("email",))
    found = find_by_email(connection, email)
    return user if found is not None and found.user_id == user.user_id else None


def put_provided(connection: Connection, issuer: str, subject: str, now_ms: int) -> None:
    """Keep a person whom a provider signs in, from when they first come."""
    user = User(provided_id(issuer, subject), None, "", issuer, "", False, now_ms)
    upsert(connection, users, [user._asdict()], keys=("user_id",))


def provided_id(issuer: str, subject: str) -> str:
    """Name the person that a provider calls by a subject: nothing links them to an e-mail here."""
    return hashlib.sha256(f"{issuer}\0{subject}".encode()).hexdigest()[:32]


def find_user(connection: Connection, user_id: str) -> User | None:
    """Read a person."""
    row = connection.execute(select(*_USER).where(users.c.user_id == user_id)).one_or_none()
    return None if row is None else User(*row)


def find_by_email(connection: Connection, email: str) -> User | None:
    """Read a person by what they sign in with."""
    row = connection.execute(select(*_USER).where(users.c.email == email)).one_or_none()
    return None if row is None else User(*row)


def list_users(connection: Connection) -> list[User]:
    """List everybody: for who runs the service."""
    return [User(*row) for row in connection.execute(select(*_USER).order_by(users.c.email))]


def set_operator(connection: Connection, user_id: str) -> None:
    """Make a person one who runs the service."""
    connection.execute(update(users).where(users.c.user_id == user_id).values(is_operator=True))


def set_name(connection: Connection, user_id: str, name: str) -> None:
    """Call a person by another name."""
    connection.execute(update(users).where(users.c.user_id == user_id).values(name=name))


def set_password(connection: Connection, user_id: str, password_hash: str, keep: str = "") -> None:
    """Change a password: every session but `keep` ends, and so do set-up codes and devices."""
    connection.execute(
        update(users).where(users.c.user_id == user_id).values(password_hash=password_hash)
    )
    connection.execute(
        delete(sessions).where(sessions.c.user_id == user_id, sessions.c.session_id != keep)
    )
    for table in (set_up_codes, known_devices):
        connection.execute(delete(table).where(table.c.user_id == user_id))


def rehash(connection: Connection, user: User, password_hash: str) -> None:
    """Keep the same password by a stronger hash, unless it was changed meanwhile."""
    connection.execute(
        update(users)
        .where(users.c.user_id == user.user_id, users.c.password_hash == user.password_hash)
        .values(password_hash=password_hash)
    )


def make_set_up_code(connection: Connection, user_id: str, now_ms: int) -> str:
    """Make the code by which a person chooses a password; the one before is over."""
    connection.execute(delete(set_up_codes).where(set_up_codes.c.user_id == user_id))
    code = mint_code()
    row = {"digest": digest_of(_PURPOSE, code), "user_id": user_id}
    connection.execute(insert(set_up_codes), [{**row, "expires_at_ms": now_ms + SET_UP_MS}])
    return code


def find_set_up(connection: Connection, code: str, now_ms: int) -> User | None:
    """Find whose set-up code this is; None for a code that is none, used or over."""
    query = select(*_USER).join(set_up_codes, set_up_codes.c.user_id == users.c.user_id)
    digest = digest_of(_PURPOSE, read_code(code))
    row = connection.execute(
        query.where(set_up_codes.c.digest == digest, set_up_codes.c.expires_at_ms > now_ms)
    ).one_or_none()
    return None if row is None else User(*row)


def delete_user(connection: Connection, user_id: str) -> None:
    """Forget a person, with all by which they signed in and had part."""
    owned = (sessions, known_devices, second_factors, recovery_codes, set_up_codes, members, users)
    for table in owned:
        connection.execute(delete(table).where(table.c.user_id == user_id))
