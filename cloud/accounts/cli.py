"""`hearthlink cloud users`: add people, give them a code for a password, list them."""

import json
from typing import Any, NamedTuple

from sqlalchemy import Connection

from cloud.accounts import factors, users
from cloud.accounts.users import SET_UP_MS, User, read_email
from cloud.config import Config
from cloud.db import Database
from cloud.households.members import add_member, list_homes
from cloud.households.tenancies import find_household
from cloud.roles import Role
from shared.clock import Clock
from shared.errors import OperatorError
from shared.instants import format_utc
from shared.units import MS_PER_HOUR


class Asked(NamedTuple):
    """What the command asks for; "" for what it does not say."""

    email: str
    name: str = ""
    household_id: str = ""
    role: str = Role.OWNER
    is_operator: bool = False
    drops_factor: bool = False


def add(config: Config, database: Database, clock: Clock, asked: Asked) -> int:
    """Add a person, or give one that is there another home or part, and tell how to begin.

    Raises OperatorError for a household that there is not.
    """
    email, now_ms = read_email(asked.email), clock.utc_ms()
    with database.writing() as connection:
        home = find_household(connection, asked.household_id)
        if asked.household_id and home is None:
            raise OperatorError(
                f"no household {asked.household_id!r}",
                hint="'hearthlink fleet show THING' tells whose a hub is",
            )
        user = users.add_user(connection, email, asked.name or email, "", now_ms)
        user = user or _find(connection, email)
        if home is not None:
            add_member(connection, home.household_id, user.user_id, Role(asked.role), now_ms)
            print(f"{email} is {asked.role} of {home.name}")
        if asked.is_operator:
            users.set_operator(connection, user.user_id)
            print(f"{email} governs the fleet")
        code = "" if user.password_hash else _code(connection, user, now_ms)
    if code:
        _tell(config, code)
    return 0


def reset(config: Config, database: Database, clock: Clock, asked: Asked) -> int:
    """Give a person a code for a new password; with it, every session ends.

    Raises OperatorError for an e-mail that is nobody's.
    """
    with database.writing() as connection:
        user = _find(connection, read_email(asked.email))
        if asked.drops_factor:
            factors.remove_factor(connection, user.user_id)
            print("no code of an app is asked for any more")
        code = _code(connection, user, clock.utc_ms())
    _tell(config, code)
    return 0


def show(database: Database, *, as_json: bool) -> int:
    """List everybody, with their homes."""
    with database.reading() as connection:
        listed = [_entry(connection, user) for user in users.list_users(connection)]
    if as_json:
        print(json.dumps({"users": listed}, indent=2))
        return 0
    for one in listed:
        homes = ", ".join(f"{role} of {home}" for home, role in one["households"].items())
        marks = " operator" if one["is_operator"] else ""
        print(f"{one['email'] or one['user']}{marks}: {homes or 'no household'}")
    return 0


def _entry(connection: Connection, user: User) -> dict[str, Any]:
    homes = list_homes(connection, user.user_id)
    return {
        "user": user.user_id,
        "email": user.email,
        "name": user.name,
        "is_operator": user.is_operator,
        "has_password": bool(user.password_hash),
        "has_second_factor": factors.needs_code(connection, user.user_id),
        "created_at": format_utc(user.created_at_ms),
        "households": {home.household.household_id: home.role.value for home in homes},
    }


def _find(connection: Connection, email: str) -> User:
    user = users.find_by_email(connection, email)
    if user is None:
        raise OperatorError(f"no user {email!r}", hint="'hearthlink cloud users list' names them")
    return user


def _code(connection: Connection, user: User, now_ms: int) -> str:
    return users.make_set_up_code(connection, user.user_id, now_ms)


def _tell(config: Config, code: str) -> None:
    print(f"code for a password, good for {SET_UP_MS // MS_PER_HOUR} hours, once: {code}")
    if config.public_url:
        print(f"{config.public_url}/#set-up={code}")
