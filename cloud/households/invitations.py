"""Invitations to have part in a household: a code that one person uses, once. Commits nothing.

No e-mail is sent: whoever invites hands the code, or a link with it, over as they like. Who joins
by a code with an e-mail is not told whether it signs in here already: the invitation waits for the
account of that e-mail, made by it or there before, and becomes a part in the household once that
account's person is signed in. What was joined by is spent, and counts until it is over: an owner
can try so many e-mails a week and no more.
"""

from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, delete, func, insert, select, update

from cloud.db import within
from cloud.households.members import add_member
from cloud.peopletables import invitations
from cloud.problems import NotFoundError, ProblemError
from cloud.roles import Role
from cloud.scope import Scope
from cloud.secrets import digest_of, mint_code, mint_id, read_code
from shared.units import MS_PER_DAY

HOLDS_MS = 7 * MS_PER_DAY
OPEN_MAX = 20
"""Invitations of one household that wait."""

SPENT = ""
"""In place of whom an invitation waits for: it was joined by, and is used or withdrawn."""

PURPOSE = "invitation"


class Invitation(NamedTuple):
    """A right to become a member as `role`, until it is used or over.

    `user_id` is whom it waits for: None for whoever has the code, `SPENT` for nobody any more.
    """

    invitation_id: str
    household_id: str
    role: Role
    made_by: str
    made_at_ms: int
    expires_at_ms: int
    user_id: str | None = None


_COLUMNS = [invitations.c[name] for name in Invitation._fields]
_IS_SPENT = and_(invitations.c.user_id.is_not(None), invitations.c.user_id == SPENT)


def invite(
    connection: Connection, scope: Scope, role: Role, made_by: str, now_ms: int
) -> tuple[Invitation, str]:
    """Make an invitation and the code that is told once; raises 409 where too many wait."""
    connection.execute(
        delete(invitations).where(within(invitations, scope), invitations.c.expires_at_ms <= now_ms)
    )
    count = select(func.count()).select_from(invitations).where(within(invitations, scope))
    if connection.execute(count).scalar_one() >= OPEN_MAX:
        raise ProblemError(
            409,
            f"{OPEN_MAX} invitations wait, or were joined by this week",
            hint="withdraw some that nobody joined by, or wait",
            code="too-many",
        )
    code = mint_code()
    made = Invitation(mint_id(), scope.only, role, made_by, now_ms, now_ms + HOLDS_MS)
    row = {**made._asdict(), "role": role.value, "digest": digest_of(PURPOSE, code)}
    connection.execute(insert(invitations), [row])
    return made, code


def list_invitations(connection: Connection, scope: Scope, now_ms: int) -> list[Invitation]:
    """List the invitations that can still be used."""
    query = (
        select(*_COLUMNS)
        .where(within(invitations, scope), invitations.c.expires_at_ms > now_ms, ~_IS_SPENT)
        .order_by(invitations.c.made_at_ms, invitations.c.invitation_id)
    )
    return [_read(tuple(row)) for row in connection.execute(query)]


def withdraw(connection: Connection, scope: Scope, invitation_id: str) -> None:
    """Take an invitation back; raises NotFoundError."""
    query = select(*_COLUMNS).where(
        within(invitations, scope), invitations.c.invitation_id == invitation_id, ~_IS_SPENT
    )
    row = connection.execute(query).one_or_none()
    if row is None or not _end(connection, _read(tuple(row))):
        raise NotFoundError(f"no invitation {invitation_id!r}", hint="used, or over by itself?")


def check(connection: Connection, code: str, now_ms: int, user_id: str | None = None) -> Invitation:
    """Read the invitation of a code that waits for nobody, or for this person.

    Raises ProblemError 404 for a code that is none, used or over.
    """
    row = connection.execute(
        select(*_COLUMNS).where(
            invitations.c.digest == digest_of(PURPOSE, read_code(code)),
            invitations.c.expires_at_ms > now_ms,
        )
    ).one_or_none()
    found = None if row is None else _read(tuple(row))
    if found is None or found.user_id not in {None, user_id}:
        raise _none()
    return found


def use(connection: Connection, code: str, user_id: str, now_ms: int) -> Invitation:
    """Use an invitation up as who is signed in; raises as `check`."""
    invitation = check(connection, code, now_ms, user_id)
    if not _end(connection, invitation):
        raise _none()
    return invitation


def claim(
    connection: Connection, code: str, user_id: str, now_ms: int, *, is_of_new: bool
) -> Invitation:
    """Have an invitation wait for a person, whom joining by it has made or not; as `check`."""
    invitation = check(connection, code, now_ms)
    is_free = and_(invitations.c.invitation_id == invitation.invitation_id, _waits_for(None))
    waits = update(invitations).where(is_free).values(user_id=user_id, is_of_new=is_of_new)
    if not connection.execute(waits).rowcount:
        raise _none()
    return invitation._replace(user_id=user_id)


def list_waiting(
    connection: Connection, user_id: str, now_ms: int, *, is_of_new: bool
) -> list[Invitation]:
    """List what waits for a person, whose account it made or not, the earliest first."""
    query = (
        select(*_COLUMNS)
        .where(
            invitations.c.user_id == user_id,
            invitations.c.expires_at_ms > now_ms,
            invitations.c.is_of_new == is_of_new,
        )
        .order_by(invitations.c.made_at_ms, invitations.c.invitation_id)
    )
    return [_read(tuple(row)) for row in connection.execute(query)] if user_id else []


def take(connection: Connection, user_id: str, invitation_id: str, now_ms: int) -> Invitation:
    """Use up what waits for a person; raises NotFoundError."""
    for one in list_waiting(connection, user_id, now_ms, is_of_new=False):
        if one.invitation_id == invitation_id and _end(connection, one):
            return one
    raise NotFoundError(
        f"no invitation {invitation_id!r} waits for you", hint="used, withdrawn or over by itself?"
    )


def take_up(connection: Connection, user_id: str, now_ms: int) -> None:
    """Make a person who is signed in a member where joining made their account.

    A household or a person that has too many leaves it waiting.
    """
    for one in list_waiting(connection, user_id, now_ms, is_of_new=True):
        try:
            add_member(connection, one.household_id, user_id, one.role, now_ms)
        except ProblemError:
            continue
        _end(connection, one)


def _end(connection: Connection, invitation: Invitation) -> bool:
    """Let an invitation go, or count on where it was joined by; false where another was first."""
    is_as_read = and_(
        invitations.c.invitation_id == invitation.invitation_id, _waits_for(invitation.user_id)
    )
    if invitation.user_id is None:
        return bool(connection.execute(delete(invitations).where(is_as_read)).rowcount)
    spent = update(invitations).where(is_as_read).values(user_id=SPENT)
    return bool(connection.execute(spent).rowcount)


def _waits_for(user_id: str | None) -> ColumnElement[bool]:
    return invitations.c.user_id.is_not_distinct_from(user_id)


def _none() -> ProblemError:
    return ProblemError(
        404,
        "no such invitation, or it was used, withdrawn or is over",
        hint="ask for another one",
        code="no-invitation",
    )


def _read(row: tuple[str, str, str, str, int, int, str | None]) -> Invitation:
    return Invitation(row[0], row[1], Role(row[2]), *row[3:])
