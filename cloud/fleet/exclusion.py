"""Revoking and restoring a hub from beginning to end: rows, revocation list, broker.

What `hearthlink fleet revoke` and `restore` do, and the API alike.
"""

from pathlib import Path
from typing import NamedTuple

from sqlalchemy import Connection

from cloud.changes.kinds import Change, ChangeKind
from cloud.changes.repository import note_changes
from cloud.config import Config
from cloud.db import Database
from cloud.fleet.authority import Authority
from cloud.fleet.enrolment import Enrolment
from cloud.fleet.revocation import Publisher, let_in, shut_out
from cloud.households.repository import household_of
from cloud.registry.port import Excluded
from shared.clock import Clock
from shared.errors import HearthlinkError
from shared.topics import check_hub, check_thing


class Admitted(NamedTuple):
    """A hub that may come again; `broker` as above."""

    thing: str
    was_revoked: bool
    broker: str


def revoke_hub(config: Config, database: Database, clock: Clock, thing: str) -> Excluded:
    """Shut a hub out: ingest from now on, the broker once it has read the list.

    Whether or not it was ever heard. Raises BadInputError for what is no name.
    """
    check_thing(thing)
    enrolment = enrolment_of(config, clock)
    with database.writing() as connection:
        revocation = shut_out(connection, thing, clock.utc_ms(), enrolment)
        _note(connection, thing, clock.utc_ms())
    return Excluded(thing, revocation.revoked_at_ms, tell_broker(config, database, clock))


def restore_hub(config: Config, database: Database, clock: Clock, thing: str) -> Admitted:
    """Let a hub in again with the certificates it was shut out with."""
    check_hub(thing)
    with database.writing() as connection:
        was_revoked = let_in(connection, thing, clock.utc_ms())
        _note(connection, thing, clock.utc_ms())
    return Admitted(thing, was_revoked, tell_broker(config, database, clock))


def _note(connection: Connection, thing: str, now_ms: int) -> None:
    household_id = household_of(connection, thing)
    if household_id is not None:
        note_changes(connection, household_id, [Change(ChangeKind.GATEWAY, thing)], now_ms)


def enrolment_of(config: Config, clock: Clock) -> Enrolment | None:
    """Find who knows certificates carried as files; None where this process has no `fleet_dir`."""
    authority = _authority(config, clock)
    return None if authority is None else Enrolment(authority)


def _authority(config: Config, clock: Clock) -> Authority | None:
    if not config.fleet_dir:
        return None
    authority = Authority(Path(config.fleet_dir), clock)
    authority.check()
    return authority


def tell_broker(config: Config, database: Database, clock: Clock) -> str:
    """Bring the broker's list up to date; returns how that went."""
    authority = _authority(config, clock)
    if authority is None:
        return "not told: set fleet_dir to have its revocation list written"
    try:
        Publisher(database, authority, clock, config.broker_reload).refresh()
    except (HearthlinkError, OSError) as error:
        return str(error)
    return "told"
