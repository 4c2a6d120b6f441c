"""Who shows what: from a token, a key or a cookie to a principal. Decides nothing by itself.

Each request is looked up, those that come together at once; what was found is not kept,
so that what is revoked opens nothing from then on. A session's or key's last use is written now and
then.
"""

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

from sqlalchemy import Connection, Select, and_, bindparam, select
from starlette.concurrency import run_in_threadpool

from cloud.accounts import keys
from cloud.accounts.oidc import Access, Provider
from cloud.accounts.sessions import (
    COLUMNS,
    LASTS,
    TOUCH_MS,
    Session,
    lasting,
    session_digest,
    touch,
)
from cloud.accounts.users import provided_id, put_provided
from cloud.db import Database
from cloud.gate import Credentials
from cloud.gathering import Gathering
from cloud.given import given_rows, write_rows
from cloud.households.members import OPEN
from cloud.households.repository import DEFAULT_HOUSEHOLD
from cloud.households.tenancies import household_by_token
from cloud.peopletables import members, sessions, users
from cloud.roles import GRANTS, Kind, Permission, Principal, Role
from cloud.secrets import KEY_PREFIX
from shared.clock import Clock

LOOK_UPS_AT_ONCE = 1
"""All take the same fraction of a millisecond: whoever comes meanwhile is in the next."""

TOKEN_DOTS = 2
"""A JWT has three parts; a household's token has no dot."""

# Of every request: built once, since building one takes longer than the database takes over it.
_PART = (users.c.is_operator, members.c.household_id, members.c.role)
_PARTS = users.outerjoin(members, and_(members.c.user_id == users.c.user_id, OPEN))
_OF_USER = select(*_PART).select_from(_PARTS).where(users.c.user_id == bindparam("of_user"))


class Door:
    """Tells who a request is from."""

    def __init__(
        self, database: Database, clock: Clock, api_token: str, provider: Provider | None
    ) -> None:
        self._database = database
        self._clock = clock
        self._api_token = api_token.encode()
        self._provider = provider

        self._looked_up: Gathering[Credentials, Principal | None] = Gathering(
            self._look_up, LOOK_UPS_AT_ONCE
        )

    async def identify(self, shown: Credentials) -> Principal | None:
        """Give the principal; None for what is nobody's, over, or revoked."""
        if shown.session:
            return await self._looked_up.ask(shown)
        token = shown.bearer
        # Compared in constant time: how long a wrong token takes must not tell how wrong it is.
        if self._api_token and hmac.compare_digest(token.encode(), self._api_token):
            homes = {DEFAULT_HOUSEHOLD: GRANTS[Role.OWNER]}
            return Principal(Kind.OPERATOR_TOKEN, "operator", homes, is_operator=True)
        is_ours = token.startswith(KEY_PREFIX)
        if self._provider is not None and not is_ours and token.count(".") == TOKEN_DOTS:
            # By itself: the provider's keys may have to be fetched first.
            return await run_in_threadpool(self._of_provided, self._provider, token)
        return await self._looked_up.ask(shown)

    def _look_up(self, shown: Sequence[Credentials]) -> list[Principal | None]:
        """Look sessions, keys and households' tokens up, each kind in one question."""
        now_ms = self._clock.utc_ms()
        sessions_shown = {one.session for one in shown if one.session}
        tokens = {one.bearer for one in shown if not one.session}
        keys_shown = {one for one in tokens if one.startswith(KEY_PREFIX)}
        found: dict[str, Principal] = {}
        with self._database.looking() as connection:
            of_session = _sessions(connection, sessions_shown, now_ms) if sessions_shown else {}
            of_key = keys.find_keys(connection, keys_shown, now_ms) if keys_shown else {}
            for token in tokens - keys_shown:
                household_id = household_by_token(connection, token)
                if household_id is not None:
                    found[token] = _household(household_id)
        self._touch([one for one, _ in of_session.values()], list(of_key.values()), now_ms)
        found |= {token: _of_key(key) for token, key in of_key.items()}
        by_session = {token: _of_session(*one) for token, one in of_session.items()}
        return [
            by_session.get(one.session) if one.session else found.get(one.bearer) for one in shown
        ]

    def _touch(self, used: Sequence[Session], opened: Sequence[keys.Key], now_ms: int) -> None:
        """Write when sessions and keys were last used, where that was a while ago."""
        old = [one for one in used if now_ms - one.seen_at_ms >= TOUCH_MS]
        stale = [one for one in opened if now_ms - (one.last_used_at_ms or 0) >= keys.TOUCH_MS]
        if not old and not stale:
            return
        with self._database.writing() as connection:
            for session_id in sorted({one.session_id for one in old}):
                touch(connection, session_id, now_ms)
            for key_id in sorted({one.key_id for one in stale}):
                keys.touch_key(connection, key_id, now_ms)

    def _of_provided(self, provider: Provider, token: str) -> Principal | None:
        access = provider.read(token)
        return None if access is None else self._of_access(access)

    def _of_access(self, access: Access) -> Principal:
        user_id = provided_id(access.issuer, access.subject)
        with self._database.reading() as connection:
            parts = [tuple(row) for row in connection.execute(_OF_USER, {"of_user": user_id})]
        if not parts:
            with self._database.writing() as connection:
                put_provided(connection, access.issuer, access.subject, self._clock.utc_ms())
        return _person(Kind.ACCESS_TOKEN, user_id, parts, access.proved_at_ms)


_Part = tuple[Any, ...]
"""A person's part in one home, as a row has it."""


def _sessions(
    connection: Connection, tokens: set[str], now_ms: int
) -> Mapping[str, tuple[Session, list[_Part]]]:
    """Find the sessions that tokens open, with what their people have part in."""
    digests = {session_digest(token): token for token in tokens}
    found: dict[str, tuple[Session, list[_Part]]] = {}
    asked = {"rows": write_rows([{"digest": one} for one in digests]), **lasting(now_ms)}
    for digest, *row in connection.execute(_of_sessions(connection.dialect.name), asked):
        session = Session(*row[: len(COLUMNS)])
        _, parts = found.setdefault(digests[digest], (session, []))
        parts.append(tuple(row[len(COLUMNS) :]))
    return found


@cache
def _of_sessions(dialect: str) -> Select[Any]:
    given = given_rows(dialect, {"digest": str})
    return (
        select(sessions.c.digest, *COLUMNS, *_PART)
        .select_from(_PARTS.join(sessions, sessions.c.user_id == users.c.user_id))
        .where(sessions.c.digest == given.c.digest, LASTS)
    )


def _of_session(session: Session, parts: Sequence[_Part]) -> Principal:
    principal = _person(Kind.SESSION, session.user_id, parts, session.proved_at_ms)
    return replace(principal, session_id=session.session_id)


def _of_key(key: keys.Key) -> Principal:
    homes = {key.household_id: key.permissions}
    return Principal(Kind.API_KEY, f"key {key.key_id}", homes)


def _household(household_id: str) -> Principal:
    homes: dict[str, frozenset[Permission]] = {household_id: GRANTS[Role.OWNER]}
    return Principal(Kind.HOUSEHOLD_TOKEN, f"household {household_id}", homes)


def _person(kind: Kind, user_id: str, parts: Sequence[_Part], proved_at_ms: int) -> Principal:
    """Put together who a person is: a row for each home, or one without."""
    return Principal(
        kind,
        f"user {user_id}",
        {home: GRANTS[Role(role)] for _, home, role in parts if home is not None},
        user_id=user_id,
        is_operator=any(is_operator for is_operator, _, _ in parts),
        proved_at_ms=proved_at_ms,
    )
