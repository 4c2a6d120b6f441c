"""What a caller may do: permissions, the roles that grant them, and who a caller is. Pure.

Every route asks for one permission (cloud/auth.py); nothing else decides by a role's name.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Permission(StrEnum):
    """What a route may ask of its caller."""

    READ = "household:read"
    """Meters, usage, cost, tariffs, live power, exports."""

    WRITE = "household:write"
    """Tariffs, agreements, top-ups, imports, and narrowing what a hub may send."""

    HUBS = "hubs:read"
    """How the hubs do and what is missing of their logs; no reading of a meter."""

    MANAGE = "household:manage"
    """Members, invitations and API keys."""

    FLEET = "fleet"
    """Every hub of the service, whosever it is."""


class Role(StrEnum):
    """What a person is to a household; the operator is one to the service, and to no household."""

    OWNER = "owner"
    MEMBER = "member"
    VIEWER = "viewer"
    INSTALLER = "installer"
    OPERATOR = "operator"


GRANTS: Mapping[Role, frozenset[Permission]] = {
    Role.OWNER: frozenset(
        {Permission.READ, Permission.WRITE, Permission.HUBS, Permission.MANAGE},
    ),
    Role.MEMBER: frozenset({Permission.READ, Permission.WRITE, Permission.HUBS}),
    Role.VIEWER: frozenset({Permission.READ, Permission.HUBS}),
    Role.INSTALLER: frozenset({Permission.HUBS}),
    Role.OPERATOR: frozenset({Permission.FLEET}),
}

HOUSEHOLD_ROLES = (Role.OWNER, Role.MEMBER, Role.VIEWER, Role.INSTALLER)
"""Those that a household gives; it makes nobody an operator."""

KEY_SCOPES = (Permission.READ, Permission.WRITE, Permission.HUBS)
"""What an API key may be given: no key lets anybody in, nor makes another key."""


class Kind(StrEnum):
    """What a caller showed."""

    OPERATOR_TOKEN = "operator-token"  # noqa: S105  # names, no secrets
    HOUSEHOLD_TOKEN = "household-token"  # noqa: S105
    SESSION = "session"
    ACCESS_TOKEN = "access-token"  # noqa: S105
    API_KEY = "api-key"


@dataclass(frozen=True)
class Principal:
    """Who calls, and what they may do in each household that they have part in.

    `name` tells callers apart for the pace; `user_id` is "" where no person is behind the call.
    `proved_at_ms` is when they last proved who they are; None where that is never asked of them.
    """

    kind: Kind
    name: str
    homes: Mapping[str, frozenset[Permission]]
    user_id: str = ""
    is_operator: bool = False
    proved_at_ms: int | None = None
    session_id: str = ""

    @property
    def is_person(self) -> bool:
        """Whether a person signed in, here or at a provider."""
        return self.kind in (Kind.SESSION, Kind.ACCESS_TOKEN)
