"""Invitations to have part in a household: a code that one person uses, once. Commits nothing.

No e-mail is sent: whoever invites hands the code, or a link with it, over as they like.
"""

from typing import NamedTuple

from sqlalchemy import Connection, delete, func, insert, select

from cloud.db import within
from cloud.peopletables import invitations
from cloud.problems import NotFoundError, ProblemError
from cloud.roles import Role
from cloud.scope import Scope
from cloud.secrets import digest_of, mint_code, mint_id, read_code
from shared.units import MS_PER_DAY

HOLDS_MS = 7 * MS_PER_DAY
OPEN_MAX = 20
"""Invitations of one household that wait."""

PURPOSE = "invitation"


class Invitation(NamedTuple):
    """A right to become a member as `role`, until it is used or over."""

    invitation_id: str
    household_id: str
    role: Role
    made_by: str
    made_at_ms: int
    expires_at_ms: int


_COLUMNS = [invitations.c[name] for name in Invitation._fields]


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
            409, f"{OPEN_MAX} invitations wait", hint="withdraw some first", code="too-many"
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
        .where(within(invitations, scope), invitations.c.expires_at_ms > now_ms)
        .order_by(invitations.c.made_at_ms, invitations.c.invitation_id)
    )
    return [_read(tuple(row)) for row in connection.execute(query)]


def withdraw(connection: Connection, scope: Scope, invitation_id: str) -> None:
    """Take an invitation back; raises NotFoundError."""
    found = connection.execute(
        delete(invitations).where(
            within(invitations, scope), invitations.c.invitation_id == invitation_id
        )
    )
    if not found.rowcount:
        raise NotFoundError(f"no invitation {invitation_id!r}", hint="used, or over by itself?")


def check(connection: Connection, code: str, now_ms: int) -> Invitation:
    """Read the invitation of a code; raises ProblemError 404 for one that is none, used or over."""
    row = connection.execute(
        select(*_COLUMNS).where(
            invitations.c.digest == digest_of(PURPOSE, read_code(code)),
            invitations.c.expires_at_ms > now_ms,
        )
    ).one_or_none()
    if row is None:
        raise _none()
    return _read(tuple(row))


def use(connection: Connection, code: str, now_ms: int) -> Invitation:
    """Use an invitation up; raises as `check`."""
    invitation = check(connection, code, now_ms)
    used = connection.execute(
        delete(invitations).where(invitations.c.invitation_id == invitation.invitation_id)
    )
    if not used.rowcount:
        raise _none()
    return invitation


def _none() -> ProblemError:
    return ProblemError(
        404,
        "no such invitation, or it was used, withdrawn or is over",
        hint="ask for another one",
        code="no-invitation",
    )


def _read(row: tuple[str, str, str, str, int, int]) -> Invitation:
    return Invitation(row[0], row[1], Role(row[2]), row[3], row[4], row[5])
