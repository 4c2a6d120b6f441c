"""Which household a claim is for: said by whoever makes it, unless there is only one answer."""

from sqlalchemy import Connection

from cloud.errors import NotFoundError
from cloud.households.repository import (
    Household,
    count_households,
    household_of,
    list_households,
)
from cloud.households.tenancies import find_household, find_named
from shared.errors import BadInputError

LISTED_MAX = 10
"""Households that a refusal names; `hearthlink fleet households` names them all."""


class UnclearHouseholdError(BadInputError):
    """A claim that several households may be meant by; the hint names them, for the operator."""


def choose_household(connection: Connection, thing: str, wanted: str) -> str:
    """Choose the household of a claim for a thing; `wanted` is an id, a name, or "".

    A hub that is somebody's stays theirs: giving it away is a handover. Raises NotFoundError for a
    household that there is not, UnclearHouseholdError where several are there and none is wanted,
    or several have the name, BadInputError for another household's hub.
    """
    chosen = _find(connection, wanted) if wanted else ""
    present = household_of(connection, thing) if thing else None
    if present is not None:
        if chosen not in ("", present):
            raise BadInputError(
                f"hub {thing!r} is household {present!r}'s, not {chosen!r}'s",
                hint="'hearthlink fleet handover' gives it away; or name the hub otherwise",
            )
        return present
    return chosen or _only(connection)


def _find(connection: Connection, wanted: str) -> str:
    if find_household(connection, wanted) is not None:
        return wanted
    named = find_named(connection, wanted, LISTED_MAX)
    if not named:
        raise NotFoundError(
            f"no household {wanted!r}", hint="'hearthlink fleet households' lists them"
        )
    if len(named) > 1:
        raise UnclearHouseholdError(
            f"{len(named)} households are called {wanted!r}", hint=f"give an id: {_listed(named)}"
        )
    return named[0].household_id


def _only(connection: Connection) -> str:
    count = count_households(connection)
    listed = list_households(connection, LISTED_MAX)
    if count > 1:
        more = "" if count == len(listed) else f", and {count - len(listed)} more"
        raise UnclearHouseholdError(
            f"this cloud has {count} households, and the claim names none",
            hint=f"give the household_id, of {_listed(listed)}{more}; "
            "'hearthlink fleet households' lists them",
        )
    return listed[0].household_id


def _listed(households: list[Household]) -> str:
    return ", ".join(f"{one.household_id} ({one.name})" for one in households)
