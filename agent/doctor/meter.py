"""Checks the meter's link, and whether the meter is heard."""

import sqlite3
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import msgspec

from agent.cadence import CADENCE_MS
from agent.config import Config
from agent.doctor.check import Check, Result
from agent.doctor.guard import guard
from agent.doctor.network import CONNECT_S, Attempt, Reach, connect, explain
from agent.doctor.reading import read_boot, read_ledger, read_logs
from agent.home.power import STALE_AFTER_MS
from agent.home.words import format_age, format_span
from agent.reader import LogEntry, LogReader
from firmware_bridge.links.addresses import (
    capture_and_speed,
    check_address,
    device_of,
    network_of,
)
from firmware_bridge.links.devices import Device, joinable_group, list_devices, probe_device
from shared.clock import Clock
from shared.readings import Medium
from shared.units import MS_PER_HOUR, MS_PER_SECOND

LINK = "meter link"
HEARD = "meter heard"

SUBMETER_STALE_MS = 3 * MS_PER_HOUR
"""Gas, water and heat meters are read by the electricity meter each hour; two may be missed."""


def check_links(config: Config, *, hub_runs: bool, is_heard: bool) -> list[Check]:
    """Check every meter's link; where there are several, each check says which it is of."""
    checks = [
        guard(LINK, partial(check_link, meter.link, hub_runs=hub_runs, is_heard=is_heard))
        for meter in config.meters
    ]
    if len(checks) == 1:
        return checks
    return [
        msgspec.structs.replace(check, name=f"{LINK} {place}")
        for place, check in enumerate(checks, start=1)
    ]


def check_link(address: str, *, hub_runs: bool, is_heard: bool) -> Check:
    """Check a link's device, host or file; one that plainly works is left in peace.

    Many TCP adapters serve one client only, so a second connection would take it from the hub.
    """
    check_address(address)
    if address.startswith("replay:"):
        return judge_capture(capture_and_speed(address)[0])
    network = network_of(address)
    if network is not None:
        if hub_runs and is_heard:
            return Check(LINK, Result.OK, f"{address} is in use by the hub, and speaks")
        host, port = network
        attempt = connect(host, port)
        if attempt.stream is not None:
            attempt.stream.close()
        return judge_network(host, port, attempt)
    path = Path(device_of(address))
    return judge_device(path, probe_device(path), list_devices(), hub_runs=hub_runs)


def judge_capture(path: Path) -> Check:
    """Check that a capture can be read."""
    with path.open("rb") as capture:
        has_bytes = bool(capture.read(1))
    if not has_bytes:
        return Check(LINK, Result.FAULT, f"the capture {path} is empty", "name another file")
    return Check(LINK, Result.OK, f"the capture {path} is there")


def judge_network(host: str, port: int, attempt: Attempt) -> Check:
    """Say whether the adapter, or the broker, is reached."""
    if attempt.reach is Reach.CONNECTED:
        return Check(LINK, Result.OK, f"{host}:{port} takes connections")
    finding, fix = explain(attempt.reach, host, port)
    return Check(LINK, Result.FAULT, finding, f"{fix} (meter.link)")


def judge_device(
    path: Path, device: Device, others: list[str], *, hub_runs: bool, setting: str = "meter.link"
) -> Check:
    """Say whether a serial port, which `setting` names, can be had by the hub."""
    if not device.is_there:
        fix = "plug the cable in"
        if others:
            fix = f"plug the cable in, or set {setting} to one of: {', '.join(others)}"
        return Check(LINK, Result.FAULT, f"{path} is not there", fix)
    if not device.is_serial:
        return Check(LINK, Result.FAULT, f"{path} is no serial port", f"correct {setting}")
    if not device.is_permitted:
        group = joinable_group(device)
        finding = f"this user may not open {path}, which belongs to the group {device.group}"
        fix = f"sudo usermod -aG {group} $USER, then log in again; 'dialout' is the usual group"
        return Check(LINK, Result.FAULT, finding, fix)
    if device.holders and not hub_runs:
        finding = f"{path} is in use by {', '.join(device.holders)}, and the hub's page is silent"
        fix = "stop that program if it is not the hub"
        return Check(LINK, Result.WARNING, finding, fix)
    use = f"in use by {', '.join(device.holders)}" if device.holders else "free"
    return Check(LINK, Result.OK, f"{path} is there, {use}")


@dataclass(frozen=True, slots=True)
class Heard:
    """When a meter was last logged: milliseconds ago, or None where no clock tells."""

    meter: str
    medium: Medium
    age_ms: int | None


def check_heard(
    connection: sqlite3.Connection, config: Config, clock: Clock, *, hub_runs: bool
) -> Check:
    """Check when each meter was last logged, by the clock ledger."""
    if all(meter.link.startswith("replay:") for meter in config.meters):
        return Check(HEARD, Result.OK, "a capture is replayed: its readings are as old as it is")
    newest = [
        Heard(entry.meter, entry.medium, _age_ms(connection, config, clock, entry))
        for entry in read_logs(connection)
        if entry.is_open
    ]
    return judge_heard(newest, config, hub_runs=hub_runs)


def _age_ms(
    connection: sqlite3.Connection, config: Config, clock: Clock, entry: LogEntry
) -> int | None:
    """Tell the newest row's age: within this boot by the monotonic clock, else by the ledger."""
    row = LogReader(connection).last_row(entry.log)
    if row is None:
        return None
    if row.boot == read_boot(connection, clock.boot_id):
        return clock.monotonic_ms() - row.monotonic_ms
    resolved = read_ledger(connection, config).resolve(row)
    return None if resolved is None else max(clock.utc_ms() - resolved[0], 0)


def judge_heard(meters: list[Heard], config: Config, *, hub_runs: bool) -> Check:
    """Say whether every meter is heard; a hub that is not running hears none, which is no fault."""
    if not meters:
        fix = "check the cable, the meter's port and the check 'meter link', then wait a minute"
        result = Result.FAULT if hub_runs else Result.WARNING
        return Check(HEARD, result, "no meter was ever heard", fix)
    said = ", ".join(f"{one.meter} ({one.medium.value}) {_said_ago(one.age_ms)}" for one in meters)
    if not any(is_stale(one, config) for one in meters):
        return Check(HEARD, Result.OK, said)
    if not hub_runs:
        return Check(
            HEARD, Result.WARNING, f"{said}; the hub's page does not answer", "start the hub"
        )
    is_electric = any(is_stale(one, config) for one in meters if one.medium is Medium.ELECTRICITY)
    if is_electric:
        fix = "check the cable, and that the meter's port is switched on"
        return Check(HEARD, Result.FAULT, said, fix)
    fix = "the electricity meter hears it by radio: see whether its display still shows it"
    return Check(HEARD, Result.WARNING, said, fix)


def is_stale(heard: Heard, config: Config) -> bool:
    """Tell whether a meter was last logged too long ago; a row is seen only after its commit."""
    if heard.age_ms is None:
        return True
    if heard.medium is not Medium.ELECTRICITY:
        return heard.age_ms > SUBMETER_STALE_MS
    window_ms = int(config.log_commit_window_s * MS_PER_SECOND)
    return heard.age_ms > STALE_AFTER_MS + CADENCE_MS + window_ms + int(CONNECT_S * MS_PER_SECOND)


def _said_ago(age_ms: int | None) -> str:
    if age_ms is None:
        return "at a time not known yet"
    return f"{format_age(age_ms)}" if age_ms >= 0 else f"in {format_span(-age_ms)}"
