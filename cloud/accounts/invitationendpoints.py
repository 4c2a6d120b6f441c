"""Invitations: an owner makes one, and somebody uses it, signed in already or as a new person."""

from fastapi import APIRouter, Request, Response
from sqlalchemy import Connection

from cloud.accounts import users
from cloud.accounts.endpoints import REFUSALS, Desk
from cloud.accounts.guesses import Attempt
from cloud.accounts.homes import read_role
from cloud.accounts.homeschemas import (
    AcceptanceBody,
    InvitationList,
    InvitationMade,
    JoinBody,
    RoleBody,
)
from cloud.accounts.schemas import HomeEntry
from cloud.answers import reply
from cloud.auth import ANYONE, HomeOwner, Known, Person, ProvedHomeOwner
from cloud.errors import ProblemError
from cloud.gate import address_of
from cloud.households import invitations as kept
from cloud.households.invitations import Invitation
from cloud.households.members import add_member, check_owner, list_homes
from cloud.households.tenancies import find_household
from cloud.parts import Shared
from cloud.roles import GRANTS
from cloud.transfer.repetition import Once
from shared.instants import format_utc

router = APIRouter(prefix="/v1", tags=["households"], responses=REFUSALS)


@router.post(
    "/households/{household_id}/invitations",
    status_code=201,
    response_model=InvitationMade,
    summary="Invite somebody",
)
def invite(
    parts: Shared, scope: ProvedHomeOwner, caller: Known, wanted: RoleBody, _once: Once
) -> Response:
    """Make a code by which one person becomes a member; it is told now and never again.

    Nothing is sent: hand the code or the link over yourself.
    """
    role = read_role(wanted.role)
    with parts.database.writing(scope) as connection:
        check_owner(connection, scope, caller.user_id)
        made, code = kept.invite(connection, scope, role, caller.user_id, parts.clock.utc_ms())
    base = parts.config.public_url
    link = f"{base}/app/#invitation={code}" if base else None
    response = reply({**entry_of(made), "code": code, "link": link})
    response.status_code = 201
    return response


@router.get(
    "/households/{household_id}/invitations",
    response_model=InvitationList,
    summary="Invitations that wait",
)
def list_all(parts: Shared, scope: HomeOwner) -> Response:
    """List the invitations that can still be used, without their codes."""
    with parts.database.reading(scope) as connection:
        rows = kept.list_invitations(connection, scope, parts.clock.utc_ms())
    return reply({"invitations": [entry_of(row) for row in rows]})


@router.delete(
    "/households/{household_id}/invitations/{invitation}",
    status_code=204,
    summary="Withdraw an invitation",
)
def withdraw(invitation: str, parts: Shared, scope: HomeOwner) -> Response:
    """Take an invitation back before it is used."""
    with parts.database.writing(scope) as connection:
        kept.withdraw(connection, scope, invitation)
    return Response(status_code=204)


@router.post("/invitations/acceptance", response_model=HomeEntry, summary="Use an invitation")
def accept(parts: Shared, person: Person, shown: AcceptanceBody) -> Response:
    """Become a member by an invitation's code, as who is signed in."""
    now_ms = parts.clock.utc_ms()
    with parts.database.writing() as connection:
        invitation = kept.use(connection, shown.code, person.user_id, now_ms)
        return reply(join_home(connection, invitation, person.user_id, now_ms))


@router.post(
    "/users",
    status_code=201,
    response_model=HomeEntry,
    summary="Use an invitation as a new person",
    dependencies=[ANYONE],
)
def join(request: Request, parts: Shared, desk: Desk, shown: JoinBody) -> Response:
    """Make an account by an invitation's code; you are a member once you sign in with it.

    Where the e-mail signs in here already the answer is the same, and nothing of that account
    changes: sign in as before, and the invitation waits at `GET /v1/me/invitations`.
    """
    attempt = Attempt("", address_of(request))
    desk.guesses.begin(attempt, parts.clock.monotonic_ms())
    email, now_ms = users.read_email(shown.email), parts.clock.utc_ms()
    name = shown.name.strip() or shown.name
    # Looked at before any hashing, and used up only with the account made.
    with parts.database.reading() as connection:
        kept.check(connection, shown.code, now_ms)
    desk.guesses.succeed(attempt)
    desk.policy.check(shown.password, email, name)
    hashed = desk.hasher.hash(shown.password)
    with parts.database.writing() as connection:
        made = users.add_user(connection, email, name, hashed, now_ms)
        user = made or users.find_by_email(connection, email)
        # Gone since it was found there: it waits for nobody, and is spent.
        user_id = user.user_id if user is not None else kept.SPENT
        is_of_new = made is not None
        found = kept.claim(connection, shown.code, user_id, now_ms, is_of_new=is_of_new)
        response = reply(_home(connection, found))
    response.status_code = 201
    return response


def entry_of(invitation: Invitation) -> dict[str, object]:
    """Show an invitation without its code."""
    return {
        "invitation": invitation.invitation_id,
        "role": invitation.role,
        "made_at": format_utc(invitation.made_at_ms),
        "expires_at": format_utc(invitation.expires_at_ms),
    }


def join_home(
    connection: Connection, invitation: Invitation, user_id: str, now_ms: int
) -> dict[str, object]:
    """Make a person a member; raises 409 where they are one: no invitation takes a role away."""
    household_id = invitation.household_id
    if household_id in {home.household.household_id for home in list_homes(connection, user_id)}:
        raise ProblemError(409, "you are a member already", code="is-member")
    add_member(connection, household_id, user_id, invitation.role, now_ms)
    return _home(connection, invitation)


def _home(connection: Connection, invitation: Invitation) -> dict[str, object]:
    home = find_household(connection, invitation.household_id)
    return {
        "household": invitation.household_id,
        "name": home.name if home else "",
        "zone": home.zone if home else "",
        "role": invitation.role,
        "permissions": sorted(GRANTS[invitation.role]),
    }
