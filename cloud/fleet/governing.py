"""Actions of `hearthlink fleet` that govern hubs: list, show, jobs, rollout, report, handover."""

import argparse
import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from cloud.bootstrap import open_database, open_registry
from cloud.config import Config, load
from cloud.db import Database
from cloud.fleet import hubs, reportpage, reports
from cloud.fleet.admission import open_admission
from cloud.fleet.handover import hand_over_hub
from cloud.fleet.jobendpoints import entry
from cloud.fleet.seal import MAX_SEALED_BYTES
from cloud.households.tenancies import HUB, list_tenancies
from cloud.jobs import repository
from cloud.jobs.rollout import Plan
from cloud.jobs.rollouts import Rollouts
from cloud.registry.port import DeviceRegistry
from shared.clock import SystemClock
from shared.errors import OperatorError
from shared.instants import format_utc
from shared.jobs import MAX_DOCUMENT_BYTES
from shared.units import MS_PER_DAY

PAGE = 500
MAX_JOBS = 100
MAX_HUB_JOBS = 20

Report = dict[str, Any]


class Cloud(NamedTuple):
    """What an action works with."""

    config: Config
    database: Database
    clock: SystemClock
    registry: DeviceRegistry


def list_hubs(options: argparse.Namespace) -> Report:
    """List every hub; with `attention` only those that need somebody."""
    found: list[Report] = []
    with opened(options.config) as cloud, cloud.database.reading() as connection:
        after = ""
        while page := hubs.list_views(connection, after, PAGE, cloud.clock.utc_ms()):
            found += [one._asdict() for one in page if one.concerns or not options.attention]
            after = page[-1].thing
    return {"hubs": found}


def show(options: argparse.Namespace) -> Report:
    """Show one hub, what it was asked for, and whose it was."""
    with opened(options.config) as cloud, cloud.database.reading() as connection:
        _, found = hubs.find_view(connection, options.thing, cloud.clock.utc_ms())
        jobs = repository.executions_of_thing(connection, options.thing, MAX_HUB_JOBS)
        tenancies = list_tenancies(connection, HUB, options.thing)
    return {
        **found._asdict(),
        "jobs": [
            {
                "job_id": job.job_id,
                "status": job.status.value,
                "status_details": dict(job.status_details),
            }
            for job in jobs
        ],
        "tenancies": [
            {
                "household_id": one.household_id,
                "started_at": format_utc(one.started_at_ms),
                "ended_at": None if one.ended_at_ms is None else format_utc(one.ended_at_ms),
            }
            for one in tenancies
        ],
    }


def jobs(options: argparse.Namespace) -> Report:
    """List jobs, or show one, cancel it or let it go on."""
    with opened(options.config) as cloud:
        if not options.job:
            if options.cancel or options.resume:
                raise OperatorError("no job is named", hint="give its name before the option")
            with cloud.database.reading() as connection:
                found = repository.list_jobs(connection, None, MAX_JOBS)
            return {"jobs": [entry(cloud.registry.find_job(job.job_id)) for job in found]}
        if options.cancel:
            cloud.registry.cancel_job(options.job)
        if options.resume:
            now_ms = cloud.clock.utc_ms()
            Rollouts(cloud.database).resume(options.job, now_ms, with_retry=options.retry)
        return entry(cloud.registry.find_job(options.job))


def rollout(options: argparse.Namespace) -> Report:
    """Begin a job for hubs that are named, or for all of them."""
    if bool(options.thing) == options.all:
        raise OperatorError("which hubs is not said", hint="give --thing, repeatable, or --all")
    with opened(options.config) as cloud:
        expires_at_ms = cloud.clock.utc_ms() + options.days * MS_PER_DAY
        document: dict[str, Any] = {
            "operation": options.operation,
            "expires_at_ms": expires_at_ms,
        }
        if options.artefact is not None:
            document["artefact"] = msgspec.Raw(_read_file(options.artefact, MAX_DOCUMENT_BYTES))
        plan = Plan(options.stages, options.failure_percent, options.executed_min)
        things: Sequence[str] = options.thing
        begun = cloud.registry.begin_job(options.job, msgspec.json.encode(document), things, plan)
    return entry(begun)


def report(options: argparse.Namespace) -> Report:
    """Make and sign a hub's commissioning report, or verify one."""
    if options.verify is not None:
        return _verify(options)
    if not options.thing:
        raise OperatorError("no hub is named", hint="give THING, or --verify FILE")
    with opened(options.config) as cloud:
        seal = reports.seal_of(cloud.config)
        sealed = reports.commission(
            cloud.database, cloud.clock, seal, options.thing, options.installer
        )
    if options.html is not None:
        page = reportpage.render_page(sealed.report, sealed.jws)
        options.html.write_text(page, encoding="utf-8")
    if options.out is not None:
        options.out.write_bytes(sealed.to_json())
    shown: Report = msgspec.to_builtins(sealed.report)
    return {**shown, "jws": sealed.jws}


def handover(options: argparse.Namespace) -> Report:
    """Give a hub to another household."""
    with opened(options.config) as cloud:
        done = hand_over_hub(
            cloud.config,
            cloud.database,
            cloud.clock,
            open_admission(cloud.config, cloud.database, cloud.clock),
            options.thing,
            options.household,
            options.zone,
            household_id=options.household_id,
            at=options.at,
        )
    return {
        "thing": done.thing,
        "household_id": done.household.household_id,
        "household": done.household.name,
        "started_at": format_utc(done.started_at_ms),
        "meters": done.meters,
        "token": done.token,
    }


def _verify(options: argparse.Namespace) -> Report:
    authority = options.authority or load(options.config).hub_ca
    if not authority:
        raise OperatorError("no root is named", hint="give --authority FILE, or set hub_ca")
    content = _read_file(options.verify, 2 * MAX_SEALED_BYTES)
    verified: Report = msgspec.to_builtins(reports.verify_file(content, str(authority)))
    return verified


def _read_file(path: Path, bytes_max: int) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(bytes_max + 1)
    except OSError as error:
        raise OperatorError(
            f"{path} cannot be read: {error.strerror}", hint="check its name"
        ) from error
    if len(content) > bytes_max:
        raise OperatorError(f"{path} has over {bytes_max} bytes", hint="check its name")
    return content


@contextlib.contextmanager
def opened(path: Path | None) -> Iterator[Cloud]:
    """Open the configured cloud for an action, and close it after."""
    clock = SystemClock()
    config = load(path)
    database = open_database(config, clock)
    try:
        yield Cloud(config, database, clock, open_registry(config, database, clock))
    finally:
        database.close()
