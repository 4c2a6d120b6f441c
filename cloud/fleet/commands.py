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
from cloud.fleet.desk import ClaimDesk
from cloud.fleet.exclusion import restore_hub, revoke_hub
from cloud.households.repository import DEFAULT_HOUSEHOLD
from cloud.scope import Scope
from cloud.times import format_utc
from shared.claims import grouped
from shared.clock import SystemClock

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
    with _opened(options.config) as cloud:
        done = revoke_hub(*cloud, options.thing)
    return {
        "thing": done.thing,
        "revoked_at": format_utc(done.revoked_at_ms),
        "broker": done.broker,
    }


def restore(options: argparse.Namespace) -> Report:
    """Let a hub in again."""
    with _opened(options.config) as cloud:
        return restore_hub(*cloud, options.thing)._asdict()


@contextlib.contextmanager
def _opened(path: Path | None, required: tuple[str, ...] = ()) -> Iterator[_Cloud]:
    clock = SystemClock()
    config = load(path, required=required)
    database = open_database(config, clock)
    try:
        yield _Cloud(config, database, clock)
    finally:
        database.close()
