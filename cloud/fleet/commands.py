"""The actions of `hearthlink fleet` that work on the cloud's database: claim, revoke, restore."""

import argparse
import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from cloud.bootstrap import open_database
from cloud.config import Config, load
from cloud.db import Database
from cloud.fleet import qr
from cloud.fleet.authority import Authority
from cloud.fleet.desk import ClaimDesk
from cloud.fleet.enrolment import Enrolment
from cloud.fleet.revocation import Publisher, let_in, shut_out
from cloud.households.repository import DEFAULT_HOUSEHOLD
from cloud.scope import Scope
from cloud.times import format_utc
from shared.claims import grouped
from shared.clock import SystemClock
from shared.errors import HearthlinkError
from shared.topics import check_hub, check_thing

Report = dict[str, object]


class _Cloud(NamedTuple):
    config: Config
    database: Database
    clock: SystemClock


def claim(options: argparse.Namespace) -> Report:
    """Make a claim for one hub, and draw it."""
    with _opened(options.config, ("fleet_dir",)) as cloud:
        desk = ClaimDesk(cloud.config, cloud.database, cloud.clock)
        offer = desk.offer(
            Scope.of(DEFAULT_HOUSEHOLD),
            thing=options.thing,
            installer=options.installer,
            minutes=options.minutes,
        )
    if options.out is not None:
        qr.write_picture(offer.text, options.out)
    report: Report = {
        "thing": offer.row.thing,
        "claim": offer.row.claim_id,
        "code": grouped(offer.code),
        "text": offer.text,
        "expires_at": format_utc(offer.row.expires_at_ms),
    }
    if options.out is not None:
        report["picture"] = str(options.out)
    else:
        report["qr"] = qr.terminal_text(offer.text)
    return report


def revoke(options: argparse.Namespace) -> Report:
    """Shut a hub out: ingest from now on, the broker once it has read the list."""
    thing = check_thing(options.thing)
    with _opened(options.config) as cloud:
        authority = _authority(cloud)
        now_ms = cloud.clock.utc_ms()
        with cloud.database.writing() as connection:
            enrolment = Enrolment(authority) if authority is not None else None
            revocation = shut_out(connection, thing, now_ms, enrolment)
        told = _tell_broker(cloud, authority)
    return {
        "thing": thing,
        "revoked_at": format_utc(revocation.revoked_at_ms),
        "broker": told,
    }


def restore(options: argparse.Namespace) -> Report:
    """Let a hub in again."""
    thing = check_hub(options.thing)
    with _opened(options.config) as cloud:
        with cloud.database.writing() as connection:
            was_revoked = let_in(connection, thing, cloud.clock.utc_ms())
        told = _tell_broker(cloud, _authority(cloud))
    return {"thing": thing, "was_revoked": was_revoked, "broker": told}


def _authority(cloud: _Cloud) -> Authority | None:
    if not cloud.config.fleet_dir:
        return None
    authority = Authority(Path(cloud.config.fleet_dir), cloud.clock)
    authority.check()
    return authority


def _tell_broker(cloud: _Cloud, authority: Authority | None) -> str:
    """Bring the broker's list up to date; returns how that went, for a person to read."""
    if authority is None:
        return "not told: set fleet_dir to have its revocation list written"
    try:
        Publisher(cloud.database, authority, cloud.clock, cloud.config.broker_reload).refresh()
    except HearthlinkError as error:
        return str(error)
    return "told"


@contextlib.contextmanager
def _opened(path: Path | None, required: tuple[str, ...] = ()) -> Iterator[_Cloud]:
    clock = SystemClock()
    config = load(path, required=required)
    database = open_database(config, clock)
    try:
        yield _Cloud(config, database, clock)
    finally:
        database.close()
