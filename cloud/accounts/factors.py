"""The second factor: a person's app of one-time codes, and recovery codes. Commits nothing."""

import secrets
from typing import NamedTuple

from sqlalchemy import Connection, delete, func, insert, select, update

from cloud.accounts.totp import SECRET_BYTES, step_of, write_secret
from cloud.peopletables import recovery_codes, second_factors
from cloud.secrets import digest_of, mint_code, read_code
from cloud.writes import upsert

RECOVERY_CODES = 10
_PURPOSE = "recovery code"


class Factor(NamedTuple):
    """A person's app; `last_step` is the half minute of the last code taken."""

    user_id: str
    secret: str
    is_confirmed: bool
    last_step: int


_FACTOR = [second_factors.c[name] for name in Factor._fields]


def begin_factor(connection: Connection, user_id: str) -> str:
    """Make a new secret, which asks nothing of its person until a code confirms it."""
    secret = write_secret(secrets.token_bytes(SECRET_BYTES))
    upsert(
        connection,
        second_factors,
        [Factor(user_id, secret, False, 0)._asdict()],
        keys=("user_id",),
        replace=("secret", "is_confirmed", "last_step"),
    )
    return secret


def find_factor(connection: Connection, user_id: str) -> Factor | None:
    """Read a person's app, confirmed or not."""
    row = connection.execute(
        select(*_FACTOR).where(second_factors.c.user_id == user_id)
    ).one_or_none()
    return None if row is None else Factor(*row)


def needs_code(connection: Connection, user_id: str) -> bool:
    """Tell whether a person signs in with a second factor."""
    factor = find_factor(connection, user_id)
    return factor is not None and factor.is_confirmed


def take_code(connection: Connection, user_id: str, code: str, now_ms: int) -> bool:
    """Take a code of the app, each at most once; false for a wrong one."""
    factor = find_factor(connection, user_id)
    step = step_of(factor.secret, code, now_ms, factor.last_step) if factor else None
    if step is None:
        return False
    taken = connection.execute(
        update(second_factors)
        .where(second_factors.c.user_id == user_id, second_factors.c.last_step < step)
        .values(last_step=step)
    )
    return bool(taken.rowcount)


def take_recovery_code(connection: Connection, user_id: str, code: str) -> bool:
    """Use a recovery code up; false for a wrong one."""
    used = connection.execute(
        delete(recovery_codes).where(
            recovery_codes.c.user_id == user_id,
            recovery_codes.c.digest == digest_of(_PURPOSE, read_code(code)),
        )
    )
    return bool(used.rowcount)


def confirm_factor(connection: Connection, user_id: str) -> list[str]:
    """Ask for the second factor from now on; returns the recovery codes, told once."""
    connection.execute(
        update(second_factors).where(second_factors.c.user_id == user_id).values(is_confirmed=True)
    )
    return renew_recovery_codes(connection, user_id)


def renew_recovery_codes(connection: Connection, user_id: str) -> list[str]:
    """Put new recovery codes in the place of the old; told once."""
    connection.execute(delete(recovery_codes).where(recovery_codes.c.user_id == user_id))
    codes = [mint_code() for _ in range(RECOVERY_CODES)]
    rows = [{"digest": digest_of(_PURPOSE, code), "user_id": user_id} for code in codes]
    connection.execute(insert(recovery_codes), rows)
    return codes


def count_recovery_codes(connection: Connection, user_id: str) -> int:
    """Count the recovery codes that are left."""
    query = select(func.count()).select_from(recovery_codes)
    return int(connection.execute(query.where(recovery_codes.c.user_id == user_id)).scalar_one())


def remove_factor(connection: Connection, user_id: str) -> None:
    """Ask for no second factor any more."""
    for table in (second_factors, recovery_codes):
        connection.execute(delete(table).where(table.c.user_id == user_id))
