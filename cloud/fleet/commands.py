"""The actions of `hearthlink fleet` that work on the cloud's database: claim, revoke, restore."""

import argparse
import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from cloud.bootstrap import open_database
from cloud.config import Config, load
from cloud.db import Database
from cloud.fleet import qr
from cloud.fleet.admission import open_admission
from cloud.fleet.exclusion import restore_hub
from cloud.households.repository import list_households
from shared.claims import grouped
from shared.clock import SystemClock
from shared.errors import OperatorError
from shared.instants import format_utc

Report = dict[str, object]

MAX_HOUSEHOLDS = 10_000
"""Households of one cloud that are listed; a page of them for a person is long before that."""


class _Cloud(NamedTuple):
    config: Config
    database: Database
    clock: SystemClock


def claim(options: argparse.Namespace) -> Report:
    """Make a claim for one hub, and draw it."""
    with _opened(options.config) as cloud:
        if cloud.config.fleet_region and options.out is None:
            raise OperatorError(
                "AWS makes a claim with a key, which is nothing to show",
                hint="--out FILE writes it for the hub's boot partition or 'hearthlink provision'",
            )
        ticket = open_admission(*cloud).offer(
            options.thing,
            options.installer,
            options.minutes,
            options.household_id,
            rejoin=options.rejoin,
        )
    report: Report = {
        "thing": ticket.thing,
        "claim": ticket.claim,
        "household_id": ticket.household_id,
        "expires_at": format_utc(ticket.expires_at_ms),
    }
    if ticket.file:
        _write_private(options.out, ticket.file)
        return {**report, "file": str(options.out)}
    report |= {"code": grouped(ticket.code), "text": ticket.text}
    if options.out is not None:
        qr.write_picture(ticket.text, options.out)
        report["picture"] = str(options.out)
    else:
        report["qr"] = qr.terminal_text(ticket.text)
    return report


def households(options: argparse.Namespace) -> Report:
    """List every household."""
    with _opened(options.config) as cloud, cloud.database.reading() as connection:
        found = list_households(connection, MAX_HOUSEHOLDS)
    return {"households": [one._asdict() for one in found]}


def prepare(options: argparse.Namespace) -> Report:
    """Make what is needed once before the first hub."""
    with _opened(options.config) as cloud:
        made = open_admission(*cloud).prepare()
    return {"made": made, "where": cloud.config.fleet_region or cloud.config.fleet_dir}


def revoke(options: argparse.Namespace) -> Report:
    """Shut a hub out: ingest from now on, the broker once it has read the list."""
    with _opened(options.config) as cloud:
        done = open_admission(*cloud).revoke(options.thing)
    return {
        "thing": done.thing,
        "revoked_at": format_utc(done.revoked_at_ms),
        "broker": done.broker,
    }


def restore(options: argparse.Namespace) -> Report:
    """Let a hub in again."""
    with _opened(options.config) as cloud:
        return restore_hub(*cloud, options.thing)._asdict()


def _write_private(path: Path, content: bytes) -> None:
    """Write what holds a key, for this user alone; raises OperatorError where a file is there."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise OperatorError(
            f"{path} cannot be written: {error.strerror}", hint="name another"
        ) from (error)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)


@contextlib.contextmanager
def _opened(path: Path | None, required: tuple[str, ...] = ()) -> Iterator[_Cloud]:
    clock = SystemClock()
    config = load(path, required=required)
    database = open_database(config, clock)
    try:
        yield _Cloud(config, database, clock)
    finally:
        database.close()
