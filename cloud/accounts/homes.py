"""`/v1/households`: whose homes there are, who has part in them, and what was theirs when."""

from fastapi import APIRouter, Response

from cloud.accounts.endpoints import REFUSALS
from cloud.accounts.homeschemas import (
    HomeBody,
    HomeList,
    MemberEntry,
    MemberList,
    RoleBody,
    TenancyList,
)
from cloud.accounts.me import homes_of
from cloud.accounts.schemas import HomeEntry
from cloud.answers import reply
from cloud.auth import (
    HomeHubReader,
    HomeReader,
    Known,
    Person,
    ProvedHomeOwner,
)
from cloud.households import members as kept
from cloud.households.members import Member
from cloud.households.repository import Household, put_household
from cloud.households.tenancies import tenancies_of
from cloud.parts import Shared
from cloud.roles import GRANTS, HOUSEHOLD_ROLES, Role
from cloud.secrets import mint_id
from cloud.transfer.repetition import Once
from shared.calendar import check_zone
from shared.errors import ConfigError
from shared.instants import format_utc

router = APIRouter(prefix="/v1/households", tags=["households"], responses=REFUSALS)


@router.get("", response_model=HomeList, summary="Your households")
def list_all(parts: Shared, caller: Known) -> Response:
    """List the households of the caller, by name, with what they may do in each."""
    with parts.database.reading() as connection:
        return reply({"households": homes_of(connection, caller)})


@router.post("", status_code=201, response_model=HomeEntry, summary="Make a household")
def make(parts: Shared, person: Person, wanted: HomeBody, _once: Once) -> Response:
    """Make a household, of which the person who asks is the owner; hubs join it by handover.

    A `zone` that is not given is the service's own.
    """
    zone = wanted.zone or str(parts.zone)
    check_zone(zone)
    made = Household(mint_id(), wanted.name.strip() or wanted.name, zone)
    with parts.database.writing() as connection:
        put_household(connection, made)
        kept.add_member(
            connection, made.household_id, person.user_id, Role.OWNER, parts.clock.utc_ms()
        )
    response = reply(
        {
            "household": made.household_id,
            "name": made.name,
            "zone": made.zone,
            "role": Role.OWNER,
            "permissions": sorted(GRANTS[Role.OWNER]),
        }
    )
    response.status_code = 201
    return response


@router.get("/{household_id}", response_model=HomeEntry, summary="One of your households")
def get(parts: Shared, scope: HomeHubReader, caller: Known) -> Response:
    """Tell what a household is called, and what the caller may do in it."""
    with parts.database.reading(scope) as connection:
        found = homes_of(connection, caller)
    return reply(next(one for one in found if one["household"] == scope.only))


@router.get(
    "/{household_id}/tenancies", response_model=TenancyList, summary="Its hubs and meters by time"
)
def list_tenancies(parts: Shared, scope: HomeHubReader) -> Response:
    """List since when, and until when, which hub and meter was the household's.

    What was read before or after is another household's, and is not shown in this one.
    """
    with parts.database.reading(scope) as connection:
        rows = tenancies_of(connection, scope)
    return reply(
        {
            "tenancies": [
                {
                    "kind": row.kind,
                    "name": row.name,
                    "started_at": format_utc(row.started_at_ms) if row.started_at_ms else None,
                    "ended_at": None if row.ended_at_ms is None else format_utc(row.ended_at_ms),
                }
                for row in rows
            ]
        }
    )


@router.get("/{household_id}/members", response_model=MemberList, summary="Its members")
def list_members(parts: Shared, scope: HomeReader) -> Response:
    """List who has part in the household, the longest first."""
    with parts.database.reading() as connection:
        rows = kept.list_members(connection, scope)
    return reply({"members": [entry_of(row) for row in rows]})


@router.put(
    "/{household_id}/members/{user}", response_model=MemberEntry, summary="Change a member's role"
)
def change_role(
    user: str, parts: Shared, scope: ProvedHomeOwner, caller: Known, wanted: RoleBody
) -> Response:
    """Give a member another role; whoever is no owner any more loses the keys they made.

    409 for the last owner.
    """
    role = read_role(wanted.role)
    with parts.database.writing() as connection:
        kept.check_owner(connection, scope, caller.user_id)
        member = kept.change_role(connection, scope, user, role, parts.clock.utc_ms())
    return reply(entry_of(member))


@router.delete("/{household_id}/members/{user}", status_code=204, summary="End a membership")
def end(user: str, parts: Shared, scope: ProvedHomeOwner, caller: Known) -> Response:
    """End another's membership, at once, with the keys they made; 409 for the last owner."""
    with parts.database.writing() as connection:
        kept.check_owner(connection, scope, caller.user_id)
        kept.end_membership(connection, scope, user, parts.clock.utc_ms())
    return Response(status_code=204)


@router.post("/{household_id}/departure", status_code=204, summary="Leave a household")
def leave(parts: Shared, scope: HomeHubReader, person: Person) -> Response:
    """End your own membership, with the keys you made; 409 for the last owner of several."""
    with parts.database.writing() as connection:
        kept.end_membership(connection, scope, person.user_id, parts.clock.utc_ms())
    return Response(status_code=204)


def read_role(written: str) -> Role:
    """Read a role that a household gives; raises ConfigError (422)."""
    if written not in HOUSEHOLD_ROLES:
        raise ConfigError("role", [f"role = {written!r}: give of {', '.join(HOUSEHOLD_ROLES)}"])
    return Role(written)


def entry_of(member: Member) -> dict[str, object]:
    """Show a member."""
    return {
        "user": member.user_id,
        "name": member.name,
        "email": member.email,
        "role": member.role,
        "started_at": format_utc(member.started_at_ms),
    }
