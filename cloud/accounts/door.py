"""Who shows what: from a token, a key or a cookie to a principal. Decides nothing by itself.

One query for each request; a session's or key's last use is written now and then.
"""

import hmac
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import and_, bindparam, select

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
from cloud.households.members import OPEN
from cloud.households.repository import DEFAULT_HOUSEHOLD
from cloud.households.tenancies import household_by_token
from cloud.peopletables import members, sessions, users
from cloud.roles import GRANTS, Kind, Permission, Principal, Role
from cloud.secrets import KEY_PREFIX
from shared.clock import Clock

TOKEN_DOTS = 2
"""A JWT has three parts; a household's token has no dot."""

# Of every request: built once, since building one takes longer than the database takes over it.
_PART = (users.c.is_operator, members.c.household_id, members.c.role)
_PARTS = users.outerjoin(members, and_(members.c.user_id == users.c.user_id, OPEN))
_OF_USER = select(*_PART).select_from(_PARTS).where(users.c.user_id == bindparam("of_user"))
_OF_SESSION = (
    select(*COLUMNS, *_PART)
    .select_from(_PARTS.join(sessions, sessions.c.user_id == users.c.user_id))
    .where(sessions.c.digest == bindparam("of_token"), LASTS)
)


class Door:
    """Tells who a request is from."""

    def __init__(
        self, database: Database, clock: Clock, api_token: str, provider: Provider | None
    ) -> None:
        self._database = database
        self._clock = clock
        self._api_token = api_token.encode()
        self._provider = provider

    def identify(self, shown: Credentials) -> Principal | None:
        """Give the principal; None for what is nobody's, over, or revoked."""
        if shown.session:
            return self._of_session(shown.session)
        token = shown.bearer
        # Compared in constant time: how long a wrong token takes must not tell how wrong it is.
        if self._api_token and hmac.compare_digest(token.encode(), self._api_token):
            homes = {DEFAULT_HOUSEHOLD: GRANTS[Role.OWNER]}
            return Principal(Kind.OPERATOR_TOKEN, "operator", homes, is_operator=True)
        if token.startswith(KEY_PREFIX):
            return self._of_key(token)
        if self._provider is not None and token.count(".") == TOKEN_DOTS:
            access = self._provider.read(token)
            return None if access is None else self._of_access(access)
        return self._of_household(token)

    def _of_session(self, token: str) -> Principal | None:
        now_ms = self._clock.utc_ms()
        asked = {"of_token": session_digest(token), **lasting(now_ms)}
        with self._database.reading() as connection:
            rows = connection.execute(_OF_SESSION, asked).all()
        if not rows:
            return None
        session = Session(*rows[0][: len(COLUMNS)])
        if now_ms - session.seen_at_ms >= TOUCH_MS:
            with self._database.writing() as connection:
                touch(connection, session.session_id, now_ms)
        parts = [tuple(row[len(COLUMNS) :]) for row in rows]
        principal = _person(Kind.SESSION, session.user_id, parts, session.proved_at_ms)
        return replace(principal, session_id=session.session_id)

    def _of_key(self, token: str) -> Principal | None:
        now_ms = self._clock.utc_ms()
        with self._database.reading() as connection:
            key = keys.find_key(connection, token, now_ms)
        if key is None:
            return None
        if now_ms - (key.last_used_at_ms or 0) >= keys.TOUCH_MS:
            with self._database.writing() as connection:
                keys.touch_key(connection, key.key_id, now_ms)
        homes = {key.household_id: key.permissions}
        return Principal(Kind.API_KEY, f"key {key.key_id}", homes)

    def _of_access(self, access: Access) -> Principal:
        user_id = provided_id(access.issuer, access.subject)
        with self._database.reading() as connection:
            parts = [tuple(row) for row in connection.execute(_OF_USER, {"of_user": user_id})]
        if not parts:
            with self._database.writing() as connection:
                put_provided(connection, access.issuer, access.subject, self._clock.utc_ms())
        return _person(Kind.ACCESS_TOKEN, user_id, parts, access.proved_at_ms)

    def _of_household(self, token: str) -> Principal | None:
        with self._database.reading() as connection:
            household_id = household_by_token(connection, token)
        if household_id is None:
            return None
        homes: dict[str, frozenset[Permission]] = {household_id: GRANTS[Role.OWNER]}
        return Principal(Kind.HOUSEHOLD_TOKEN, f"household {household_id}", homes)


def _person(
    kind: Kind, user_id: str, parts: Sequence[tuple[Any, ...]], proved_at_ms: int
) -> Principal:
    """Put together who a person is: a row for each home, or one without."""
    return Principal(
        kind,
        f"user {user_id}",
        {home: GRANTS[Role(role)] for _, home, role in parts if home is not None},
        user_id=user_id,
        is_operator=any(is_operator for is_operator, _, _ in parts),
        proved_at_ms=proved_at_ms,
    )
