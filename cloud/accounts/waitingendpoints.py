"""`/v1/me/invitations`: those by which somebody joined with the e-mail of who is signed in."""

from fastapi import APIRouter, Response
from sqlalchemy import Connection

from cloud.accounts.endpoints import REFUSALS
from cloud.accounts.homeschemas import WaitingList
from cloud.accounts.invitationendpoints import entry_of, join_home
from cloud.accounts.schemas import HomeEntry
from cloud.answers import reply
from cloud.auth import Person
from cloud.households import invitations as kept
from cloud.households.invitations import Invitation
from cloud.households.tenancies import find_household
from cloud.parts import Shared

router = APIRouter(prefix="/v1/me/invitations", tags=["account"], responses=REFUSALS)


@router.get("", response_model=WaitingList, summary="Homes that wait for you")
def list_all(parts: Shared, person: Person) -> Response:
    """List the invitations that wait for you: somebody joined by them with your e-mail."""
    with parts.database.reading() as connection:
        rows = kept.list_waiting(connection, person.user_id, parts.clock.utc_ms(), is_of_new=False)
        return reply({"invitations": [_entry(connection, row) for row in rows]})


@router.post("/{invitation}/acceptance", response_model=HomeEntry, summary="Take one up")
def accept(invitation: str, parts: Shared, person: Person) -> Response:
    """Become a member by an invitation that waits for you; it is used up by that."""
    now_ms = parts.clock.utc_ms()
    with parts.database.writing() as connection:
        found = kept.take(connection, person.user_id, invitation, now_ms)
        return reply(join_home(connection, found, person.user_id, now_ms))


@router.delete("/{invitation}", status_code=204, summary="Turn one down")
def decline(invitation: str, parts: Shared, person: Person) -> Response:
    """Turn down an invitation that waits for you; nobody is told."""
    with parts.database.writing() as connection:
        kept.take(connection, person.user_id, invitation, parts.clock.utc_ms())
    return Response(status_code=204)


def _entry(connection: Connection, row: Invitation) -> dict[str, object]:
    home = find_household(connection, row.household_id)
    return {**entry_of(row), "household": row.household_id, "name": home.name if home else ""}
