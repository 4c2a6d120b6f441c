"""API keys: what a household gives a program, for some of its data and for a time. Commits nothing.

A key is told once; the store has its digest. It ends with its date, when it is revoked, and when
whoever made it is no owner any more.
"""

from collections.abc import Iterable
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, bindparam, delete, func, insert, select, update

from cloud.db import within
from cloud.given import given_rows, write_rows
from cloud.peopletables import api_keys
from cloud.problems import NotFoundError, ProblemError
from cloud.roles import Permission
from cloud.scope import Scope
from cloud.secrets import digest_of, mint_id, mint_key
from shared.units import MS_PER_DAY, MS_PER_MINUTE

KEYS_MAX = 50
"""Of one household, those that are over not counted."""

DAYS_MAX = 730
DAYS_DEFAULT = 365
TOUCH_MS = 5 * MS_PER_MINUTE
"""A key's last use is written this often at most."""

KEPT_MS = 90 * MS_PER_DAY
"""How long a key that is over stays in the list."""

MAX_NAME_CHARS = 100
_PURPOSE = "api key"


class Key(NamedTuple):
    """A key, without what opens; `scopes` has names of permissions with blanks between them."""

    key_id: str
    household_id: str
    user_id: str
    name: str
    scopes: str
    created_at_ms: int
    expires_at_ms: int
    last_used_at_ms: int | None
    revoked_at_ms: int | None

    @property
    def permissions(self) -> frozenset[Permission]:
        """What it may do."""
        return frozenset(Permission(scope) for scope in self.scopes.split())


_KEY = [api_keys.c[name] for name in Key._fields]


def make_key(
    connection: Connection,
    scope: Scope,
    name: str,
    permissions: frozenset[Permission],
    days: int,
    user_id: str,
    now_ms: int,
) -> tuple[Key, str]:
    """Make a key and what opens, told once; raises 409 where there are too many."""
    is_over = (api_keys.c.expires_at_ms < now_ms - KEPT_MS) | (
        api_keys.c.revoked_at_ms < now_ms - KEPT_MS
    )
    connection.execute(delete(api_keys).where(within(api_keys, scope), is_over))
    count = (
        select(func.count())
        .select_from(api_keys)
        .where(
            within(api_keys, scope),
            api_keys.c.revoked_at_ms.is_(None),
            api_keys.c.expires_at_ms > now_ms,
        )
    )
    if connection.execute(count).scalar_one() >= KEYS_MAX:
        raise ProblemError(
            409, f"the household has {KEYS_MAX} keys", hint="revoke one first", code="too-many"
        )
    secret = mint_key()
    scopes = " ".join(sorted(permissions))
    expires_at_ms = now_ms + days * MS_PER_DAY
    key = Key(mint_id(), scope.only, user_id, name, scopes, now_ms, expires_at_ms, None, None)
    connection.execute(insert(api_keys), [{**key._asdict(), "digest": key_digest(secret)}])
    return key, secret


def key_digest(secret: str) -> str:
    """Digest what opens."""
    return digest_of(_PURPOSE, secret)


def list_keys(connection: Connection, scope: Scope) -> list[Key]:
    """List the keys of a household, the newest first."""
    query = select(*_KEY).where(within(api_keys, scope))
    ordered = query.order_by(api_keys.c.created_at_ms.desc(), api_keys.c.key_id)
    return [Key(*row) for row in connection.execute(ordered)]


def revoke_key(connection: Connection, scope: Scope, key_id: str, now_ms: int) -> None:
    """End a key now; again changes nothing. Raises NotFoundError."""
    found = connection.execute(
        update(api_keys)
        .where(within(api_keys, scope), api_keys.c.key_id == key_id)
        .values(revoked_at_ms=func.coalesce(api_keys.c.revoked_at_ms, now_ms))
    )
    if not found.rowcount:
        raise NotFoundError(f"no key {key_id!r}", hint="GET /v1/api-keys lists them")


def find_keys(connection: Connection, shown: Iterable[str], now_ms: int) -> dict[str, Key]:
    """Find the keys that secrets open, by secret; those that are none's, revoked or over lack."""
    secrets = {key_digest(secret): secret for secret in shown}
    rows = write_rows([{"digest": digest} for digest in secrets])
    asked = {"rows": rows, "now_ms": now_ms}
    found = connection.execute(_find(connection.dialect.name), asked)
    return {secrets[digest]: Key(*row) for digest, *row in found}


@cache
def _find(dialect: str) -> Select[Any]:
    """Build the statement once: it is of every request that shows a key."""
    given = given_rows(dialect, {"digest": str})
    return select(api_keys.c.digest, *_KEY).where(
        api_keys.c.digest == given.c.digest,
        api_keys.c.revoked_at_ms.is_(None),
        api_keys.c.expires_at_ms > bindparam("now_ms"),
    )


def touch_key(connection: Connection, key_id: str, now_ms: int) -> None:
    """Note that a key was used."""
    connection.execute(
        update(api_keys).where(api_keys.c.key_id == key_id).values(last_used_at_ms=now_ms)
    )
