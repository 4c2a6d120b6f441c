"""Who has part in a household, as what, and since when. Commits nothing.

A membership that has ended is kept with its end; it opens nothing, nor do the keys its person made.
"""

from typing import NamedTuple

from sqlalchemy import Connection, Update, and_, bindparam, delete, select, update

from cloud.db import within
from cloud.households.repository import Household
from cloud.peopletables import api_keys, invitations, members, users
from cloud.problems import NotFoundError, ProblemError
from cloud.roles import Role
from cloud.scope import Scope
from cloud.tables import households
from cloud.writes import upsert

MEMBERS_MAX = 50
"""Of one household; far more than share a home."""

HOMES_MAX = 50
"""Of one person; an installer leaves a home once it runs."""


class Member(NamedTuple):
    """A person's part in a household; `email` is None for whom a provider signs in."""

    user_id: str
    name: str
    email: str | None
    role: Role
    started_at_ms: int


class Home(NamedTuple):
    """A household that a person has part in."""

    household: Household
    role: Role


OPEN = members.c.ended_at_ms.is_(None)
"""The condition of a membership that lasts."""

_HOMES = (
    select(households.c.household_id, households.c.name, households.c.zone, members.c.role)
    .join(members, households.c.household_id == members.c.household_id)
    .where(members.c.user_id == bindparam("of_user"), OPEN)
    .order_by(households.c.name, households.c.household_id)
)


def list_homes(connection: Connection, user_id: str) -> list[Home]:
    """List the households a person has part in, by name."""
    rows = connection.execute(_HOMES, {"of_user": user_id})
    return [Home(Household(row[0], row[1], row[2]), Role(row[3])) for row in rows]


def list_members(connection: Connection, scope: Scope) -> list[Member]:
    """List who has part in a household, the longest first."""
    query = (
        select(
            users.c.user_id, users.c.name, users.c.email, members.c.role, members.c.started_at_ms
        )
        .join(members, members.c.user_id == users.c.user_id)
        .where(within(members, scope), OPEN)
        .order_by(members.c.started_at_ms, users.c.user_id)
    )
    return [
        Member(row[0], row[1], row[2], Role(row[3]), row[4]) for row in connection.execute(query)
    ]


def find_member(connection: Connection, scope: Scope, user_id: str) -> Member:
    """Find one who has part in a household; raises NotFoundError."""
    for member in list_members(connection, scope):
        if member.user_id == user_id:
            return member
    raise NotFoundError(f"no member {user_id!r}", hint="GET /v1/households/ID/members lists them")


def add_member(
    connection: Connection, household_id: str, user_id: str, role: Role, now_ms: int
) -> None:
    """Give a person a part in a household, or another one than before, since now.

    Raises ProblemError 409 where the household or the person has too many already.
    """
    _lock(connection, Scope.of(household_id))
    present = {one.user_id: one for one in list_members(connection, Scope.of(household_id))}
    if user_id not in present and len(present) >= MEMBERS_MAX:
        raise ProblemError(409, f"the household has {MEMBERS_MAX} members", code="too-many")
    if len(list_homes(connection, user_id)) >= HOMES_MAX:
        raise ProblemError(409, f"you have part in {HOMES_MAX} households", code="too-many")
    started_at_ms = present[user_id].started_at_ms if user_id in present else now_ms
    row = {"household_id": household_id, "user_id": user_id, "role": role.value}
    upsert(
        connection,
        members,
        [{**row, "started_at_ms": started_at_ms, "ended_at_ms": None}],
        keys=("household_id", "user_id"),
        replace=("role", "started_at_ms", "ended_at_ms"),
    )


def change_role(
    connection: Connection, scope: Scope, user_id: str, role: Role, now_ms: int
) -> Member:
    """Give a member another role; raises as `find_member`, and 409 for the last owner."""
    _lock(connection, scope)
    member = find_member(connection, scope, user_id)
    if role is not Role.OWNER:
        _check_other_owner(connection, scope, member)
        _end_given(connection, scope, user_id, now_ms)
    connection.execute(_of(scope, user_id).values(role=role.value))
    return member._replace(role=role)


def end_membership(connection: Connection, scope: Scope, user_id: str, now_ms: int) -> None:
    """End a membership now, and the keys its person made; raises as `change_role`."""
    _lock(connection, scope)
    member = find_member(connection, scope, user_id)
    if len(list_members(connection, scope)) > 1:
        _check_other_owner(connection, scope, member)
    _end_given(connection, scope, user_id, now_ms)
    connection.execute(_of(scope, user_id).values(ended_at_ms=now_ms))


def check_owner(connection: Connection, scope: Scope, user_id: str) -> None:
    """Keep who has part as it is until the commit, and raise 403 for whom is no owner by now.

    Whoever lets others in, or out, asks this in the transaction that does: between finding out who
    calls and that, their own part may have ended. "" is a token, which ends with no membership.
    """
    _lock(connection, scope)
    if user_id and _role_of(connection, scope, user_id) is not Role.OWNER:
        raise ProblemError(403, "you are no owner of the household any more", code="not-permitted")


def has_owner(connection: Connection, scope: Scope) -> bool:
    """Tell whether anybody owns a household."""
    query = select(members.c.user_id).where(
        within(members, scope), OPEN, members.c.role == Role.OWNER.value
    )
    return connection.execute(query.limit(1)).first() is not None


def _role_of(connection: Connection, scope: Scope, user_id: str) -> Role | None:
    query = select(members.c.role).where(within(members, scope), members.c.user_id == user_id, OPEN)
    found = connection.execute(query).scalar_one_or_none()
    return None if found is None else Role(found)


def _of(scope: Scope, user_id: str) -> Update:
    return update(members).where(within(members, scope), members.c.user_id == user_id, OPEN)


def _check_other_owner(connection: Connection, scope: Scope, member: Member) -> None:
    owners = [one for one in list_members(connection, scope) if one.role is Role.OWNER]
    if member.role is Role.OWNER and len(owners) == 1:
        raise ProblemError(
            409,
            "the household's last owner",
            hint="make another member an owner first",
            code="last-owner",
        )


def _end_given(connection: Connection, scope: Scope, user_id: str, now_ms: int) -> None:
    """End what a person let in as an owner: their keys, and invitations nobody has used."""
    own = and_(within(api_keys, scope), api_keys.c.user_id == user_id)
    connection.execute(
        update(api_keys).where(own, api_keys.c.revoked_at_ms.is_(None)).values(revoked_at_ms=now_ms)
    )
    connection.execute(
        delete(invitations).where(within(invitations, scope), invitations.c.made_by == user_id)
    )


def _lock(connection: Connection, scope: Scope) -> None:
    """Let one at a time change who has part: two last owners must not send each other away."""
    query = select(households.c.household_id).where(households.c.household_id == scope.only)
    connection.execute(query.with_for_update())
