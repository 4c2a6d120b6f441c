"""`/v1/me`: the caller's own account."""

from fastapi import APIRouter, Response
from sqlalchemy import Connection

from cloud.accounts import factors, users
from cloud.accounts.endpoints import REFUSALS, Desk, check_is_here
from cloud.accounts.schemas import (
    CodeBody,
    FactorMade,
    Me,
    NameBody,
    PasswordBody,
    RecoveryCodeList,
)
from cloud.accounts.totp import uri_of
from cloud.accounts.users import User
from cloud.answers import reply
from cloud.auth import Known, Person, ProvedPerson
from cloud.fleet import qr
from cloud.households.members import end_membership, list_homes
from cloud.households.tenancies import find_household
from cloud.parts import Shared
from cloud.problems import NotFoundError, ProblemError
from cloud.roles import Principal
from cloud.scope import Scope
from cloud.transfer.repetition import Once

router = APIRouter(prefix="/v1/me", tags=["account"], responses=REFUSALS)


@router.get("", response_model=Me, summary="Who you are")
def get(parts: Shared, caller: Known) -> Response:
    """Tell who the caller is, and what they may do in which household."""
    with parts.database.reading() as connection:
        user = users.find_user(connection, caller.user_id)
        has_factor = factors.needs_code(connection, caller.user_id)
        return reply(
            {
                "kind": caller.kind,
                "user": caller.user_id or None,
                "email": user.email if user else None,
                "name": user.name if user else "",
                "is_operator": caller.is_operator,
                "has_second_factor": has_factor,
                "recovery_codes_left": factors.count_recovery_codes(connection, caller.user_id),
                "households": homes_of(connection, caller),
            }
        )


@router.put("/name", status_code=204, summary="Change your name")
def rename(parts: Shared, person: Person, wanted: NameBody) -> Response:
    """Change what other members see."""
    with parts.database.writing() as connection:
        users.set_name(connection, person.user_id, wanted.name.strip())
    return Response(status_code=204)


@router.put("/password", status_code=204, summary="Change your password")
def change_password(
    parts: Shared, desk: Desk, person: ProvedPerson, wanted: PasswordBody
) -> Response:
    """Change the password; every other session ends."""
    user = _here(parts, person)
    desk.change_password(user, person.session_id, wanted.password)
    return Response(status_code=204)


@router.post("/second-factor", status_code=201, response_model=FactorMade, summary="Add an app")
def begin_factor(parts: Shared, person: ProvedPerson, _once: Once) -> Response:
    """Make the secret of an authenticator app; nothing is asked for until a code confirms it."""
    user = _here(parts, person)
    with parts.database.writing() as connection:
        if factors.needs_code(connection, user.user_id):
            raise ProblemError(
                409, "there is one already", hint="DELETE it first", code="has-second-factor"
            )
        secret = factors.begin_factor(connection, user.user_id)
    uri = uri_of(secret, user.email or "")
    response = reply({"secret": secret, "uri": uri, "qr_svg": qr.svg(uri)})
    response.status_code = 201
    return response


@router.post(
    "/second-factor/confirmation", response_model=RecoveryCodeList, summary="Confirm the app"
)
def confirm_factor(parts: Shared, person: ProvedPerson, shown: CodeBody, _once: Once) -> Response:
    """Ask for a code at every sign-in from now on; the recovery codes are told now, once."""
    user = _here(parts, person)
    with parts.database.writing() as connection:
        if factors.needs_code(connection, user.user_id):
            raise ProblemError(409, "it is confirmed already", code="has-second-factor")
        if not factors.take_code(connection, user.user_id, shown.code, parts.clock.utc_ms()):
            raise ProblemError(
                400,
                "the code is not the app's",
                hint="is the phone's clock right? wait for the next code",
                code="wrong-code",
            )
        return reply({"recovery_codes": factors.confirm_factor(connection, user.user_id)})


@router.delete("/second-factor", status_code=204, summary="Remove the app")
def remove_factor(parts: Shared, person: ProvedPerson) -> Response:
    """Ask for no code any more; the recovery codes are void."""
    user = _here(parts, person)
    with parts.database.writing() as connection:
        factors.remove_factor(connection, user.user_id)
    return Response(status_code=204)


@router.post("/recovery-codes", response_model=RecoveryCodeList, summary="Make new recovery codes")
def renew_codes(parts: Shared, person: ProvedPerson, _once: Once) -> Response:
    """Put ten new recovery codes in the place of the old; told now, once."""
    user = _here(parts, person)
    with parts.database.writing() as connection:
        if not factors.needs_code(connection, user.user_id):
            raise NotFoundError("no second factor", hint="POST /v1/me/second-factor makes one")
        return reply({"recovery_codes": factors.renew_recovery_codes(connection, user.user_id)})


@router.delete("", status_code=204, summary="Delete your account")
def delete(parts: Shared, person: ProvedPerson) -> Response:
    """Forget who signed in, with every session, and end each membership and the keys made.

    What a household has of its meters stays the household's. 409 where other members would be left
    without an owner.
    """
    now_ms = parts.clock.utc_ms()
    with parts.database.writing() as connection:
        for home in list_homes(connection, person.user_id):
            scope = Scope.of(home.household.household_id)
            end_membership(connection, scope, person.user_id, now_ms)
        users.delete_user(connection, person.user_id)
    return Response(status_code=204)


def homes_of(connection: Connection, caller: Principal) -> list[dict[str, object]]:
    """List the caller's households, by name."""
    roles = {
        home.household.household_id: home.role for home in list_homes(connection, caller.user_id)
    }
    found = [find_household(connection, household_id) for household_id in caller.homes]
    return [
        {
            "household": home.household_id,
            "name": home.name,
            "zone": home.zone,
            "role": roles.get(home.household_id),
            "permissions": sorted(caller.homes[home.household_id]),
        }
        for home in sorted(filter(None, found), key=lambda one: (one.name, one.household_id))
    ]


def _here(parts: Shared, person: Principal) -> User:
    """Find the person's account here; raises 403 for whom a provider signs in."""
    check_is_here(person)
    with parts.database.reading() as connection:
        user = users.find_user(connection, person.user_id)
    if user is None:
        raise NotFoundError("the account is gone")
    return user
