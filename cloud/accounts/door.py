"""Who shows what: from a token, a key or a cookie to a principal. Decides nothing by itself.

One read for each request; a session's or key's last use is written now and then.
"""

import hmac

from sqlalchemy import Connection, bindparam, select

from cloud.accounts import keys
from cloud.accounts.oidc import Access, Provider
from cloud.accounts.sessions import COLUMNS, TOUCH_MS, Session, lasts, session_digest, touch
from cloud.accounts.users import find_user, provided_id, put_provided
from cloud.auth import Credentials
from cloud.db import Database
from cloud.households.members import list_homes
from cloud.households.repository import DEFAULT_HOUSEHOLD
from cloud.households.tenancies import household_by_token
from cloud.peopletables import sessions
from cloud.roles import GRANTS, Kind, Permission, Principal, Role
from cloud.secrets import KEY_PREFIX
from shared.clock import Clock

TOKEN_DOTS = 2
"""A JWT has three parts; a household's token has no dot."""


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
        query = select(*COLUMNS).where(sessions.c.digest == bindparam("of_token"), lasts(now_ms))
        with self._database.reading() as connection:
            row = connection.execute(query, {"of_token": session_digest(token)}).one_or_none()
            if row is None:
                return None
            session = Session(*row)
            principal = _person(connection, Kind.SESSION, session.user_id, session.proved_at_ms)
        if now_ms - session.seen_at_ms >= TOUCH_MS:
            with self._database.writing() as connection:
                touch(connection, session.session_id, now_ms)
        return Principal(**{**vars(principal), "session_id": session.session_id})

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
            principal = _person(connection, Kind.ACCESS_TOKEN, user_id, access.proved_at_ms)
            is_new = find_user(connection, user_id) is None
        if is_new:
            with self._database.writing() as connection:
                put_provided(connection, access.issuer, access.subject, self._clock.utc_ms())
        return principal

    def _of_household(self, token: str) -> Principal | None:
        with self._database.reading() as connection:
            household_id = household_by_token(connection, token)
        if household_id is None:
            return None
        homes: dict[str, frozenset[Permission]] = {household_id: GRANTS[Role.OWNER]}
        return Principal(Kind.HOUSEHOLD_TOKEN, f"household {household_id}", homes)


def _person(connection: Connection, kind: Kind, user_id: str, proved_at_ms: int) -> Principal:
    homes = {
        home.household.household_id: GRANTS[home.role] for home in list_homes(connection, user_id)
    }
    user = find_user(connection, user_id)
    return Principal(
        kind,
        f"user {user_id}",
        homes,
        user_id=user_id,
        is_operator=user is not None and user.is_operator,
        proved_at_ms=proved_at_ms,
    )
