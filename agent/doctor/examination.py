"""Makes every check in order. Each is bounded in time; none changes anything."""

import sqlite3
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from agent.config import Config
from agent.consent_record import LOST_FACT
from agent.departures import read_totals
from agent.doctor import (
    broker,
    certificates,
    clocks,
    contents,
    history,
    household,
    integrity,
    meter,
    page,
    panel,
    quarantine,
    storage,
    wear,
)
from agent.doctor.check import Check, Result
from agent.doctor.guard import guard
from agent.doctor.reading import open_database, read_choice, read_consent, read_fact
from agent.floor import KnownTime
from agent.uplink.store import CLONE_FACT, read_clone_ms
from shared.clock import Clock
from shared.errors import OperatorError
from shared.readings import Medium
from shared.units import MS_PER_DAY

OF_THE_DATABASE = (
    *("schema", "integrity", "checksums", "sequence", history.IDS),
    *("log", history.ROOM, "backlog", "refused ranges"),
    *("quarantine", meter.HEARD, clocks.LEDGER, clocks.SYSTEM, clocks.FLOOR),
    *(wear.NAME, clocks.UNDATED),
)
"""Checks that cannot be made without the database."""

OF_THE_UPLINK = (
    *(certificates.FILES, certificates.KEY, certificates.PAIR),
    *(certificates.EXPIRY, certificates.AUTHORITY, broker.NAME),
)
"""Checks that nothing is to be said of without a cloud."""


def examine(config: Config, config_file: Path | None, clock: Clock) -> list[Check]:
    """Make every check; takes seconds, a minute where the disk or the network hangs."""
    checks = [
        guard("configuration", lambda: check_configuration(config, config_file)),
        guard("state folder", lambda: storage.check_folder(config.hub_state_dir)),
        guard("free space", lambda: storage.check_free_space(config.hub_state_dir)),
    ]
    page_checks = check_page(config, config_file)
    hub_runs = page_checks[0].result is Result.OK
    with ExitStack() as stack:
        opened = _open(config.database_path, stack)
        connection = None if isinstance(opened, Check) else opened
        if isinstance(opened, Check):
            checks.append(opened)
            checks += [Check(name, Result.ABSENT, _unlooked(opened)) for name in OF_THE_DATABASE]
        else:
            checks += check_contents(opened, config, clock, hub_runs=hub_runs)
        is_heard = any(check.name == meter.HEARD and check.result is Result.OK for check in checks)
        checks += meter.check_links(config, hub_runs=hub_runs, is_heard=is_heard)
        checks += [guard(clocks.KERNEL, clocks.check_kernel)]
        checks += check_uplink(connection, config, clock)
        checks += [*page_checks, *check_household(connection, config, clock)]
        checks.append(guard(panel.NAME, lambda: panel.check_panel(config, hub_runs=hub_runs)))
    return checks


def check_configuration(config: Config, config_file: Path | None) -> Check:
    """Say where the settings come from; that they could be read says that they are right."""
    source = str(config_file) if config_file else "no file; defaults and environment"
    return Check("configuration", Result.OK, f"{source}; this hub is {config.hub_thing!r}")


def check_page(config: Config, config_file: Path | None) -> list[Check]:
    """Check who has the page's port, and how the hub's parts are.

    A port chosen by the system cannot be known.
    """
    if not config.page_port:
        finding = "page.port is 0: the hub takes any free port"
        return [Check(name, Result.ABSENT, finding) for name in (page.NAME, page.PARTS)]
    found = page.Found(page.Listener.NOBODY)

    def probe() -> Check:
        nonlocal found
        found = page.probe_page(config.page_host, config.page_port)
        command = "hearthlink run" + (f" --config {config_file}" if config_file else "")
        return page.judge_page(found, config.page_host, config.page_port, command)

    return [guard(page.NAME, probe), page.judge_parts(found)]


def _open(path: Path, stack: ExitStack) -> sqlite3.Connection | Check:
    name = "database"
    try:
        if not path.exists():
            finding = f"{path} is not there: the hub has not run with this state folder yet"
            return Check(name, Result.WARNING, finding, "run the hub, or correct hub.state_dir")
        return stack.enter_context(open_database(path))
    except OperatorError as error:
        return Check(name, Result.FAULT, error.message, error.hint)
    except OSError as error:
        fix = "run hearthlink doctor as the user that runs the hub"
        return Check(name, Result.FAULT, f"{path} cannot be looked at: {error.strerror}", fix)


def _unlooked(database: Check) -> str:
    if database.result is Result.FAULT:
        return "not looked at: the database cannot be read"
    return "nothing yet: there is no database"


def check_contents(
    connection: sqlite3.Connection, config: Config, clock: Clock, *, hub_runs: bool
) -> list[Check]:
    """Make the checks that read the database."""
    path, address = config.database_path, (config.page_host, config.page_port)
    made: list[tuple[str, Callable[[], Check]]] = [
        ("database", lambda: integrity.check_database(path)),
        ("schema", lambda: integrity.check_schema(connection)),
        ("integrity", lambda: integrity.check_integrity(connection)),
        ("checksums", lambda: integrity.check_checksums(connection)),
        ("sequence", lambda: integrity.check_sequences(connection)),
        (history.IDS, lambda: history.check_ids(connection)),
        ("log", lambda: contents.check_log(connection, config, clock)),
        (history.ROOM, lambda: history.check_room(connection, config)),
        (
            "backlog",
            lambda: contents.check_backlog(
                connection, config, clock, page.ask_left_ms(*address) if hub_runs else None
            ),
        ),
        ("refused ranges", lambda: contents.check_refused(connection)),
    ]
    checks = [guard(name, make) for name, make in made]
    try:
        checks += quarantine.check_quarantine(connection, clock)
    except sqlite3.Error as error:
        checks.append(Check("quarantine", Result.FAULT, f"the check itself failed: {error}"))
    made = [
        (meter.HEARD, lambda: meter.check_heard(connection, config, clock, hub_runs=hub_runs)),
        (clocks.LEDGER, lambda: clocks.check_ledger(connection, config, clock)),
        (clocks.SYSTEM, lambda: clocks.check_system(connection, config, clock)),
        (clocks.FLOOR, lambda: clocks.check_floor(connection, config, clock)),
        (wear.NAME, lambda: wear.check_wear(connection, config, clock)),
        (clocks.UNDATED, lambda: clocks.check_undated(connection, config, clock)),
    ]
    return checks + [guard(name, make) for name, make in made]


def check_uplink(
    connection: sqlite3.Connection | None, config: Config, clock: Clock
) -> list[Check]:
    """Make the checks of the way to the cloud."""

    def know_time() -> KnownTime | None:
        if connection is None:
            return None
        return clocks.read_known_time(connection, config, clock)

    certificate, key = config.uplink_certificate_file, config.uplink_key_file
    if not config.uplink_host or certificate is None or key is None:
        finding = "the hub has joined no cloud and works on its own"
        return [Check(name, Result.ABSENT, finding) for name in OF_THE_UPLINK]
    issue = certificates.mend(config)
    now_ms = clock.utc_ms()
    made: list[tuple[str, Callable[[], Check]]] = [
        (certificates.FILES, lambda: certificates.check_files(config)),
        (certificates.KEY, lambda: certificates.check_key(key)),
        (certificates.PAIR, lambda: certificates.check_pair(config, certificate, key)),
        (
            certificates.EXPIRY,
            lambda: certificates.check_expiry(certificates.EXPIRY, certificate, now_ms, issue),
        ),
        (certificates.AUTHORITY, lambda: check_authority(config, now_ms)),
        (broker.NAME, lambda: broker.check_broker(config, certificate, key, know_time)),
    ]
    return [guard(name, make) for name, make in made]


def check_authority(config: Config, now_ms: int) -> Check:
    """Check how long the authority's certificate is valid yet, where one is named."""
    if config.uplink_ca_file is None:
        finding = "uplink.ca_file is empty: the authorities that the system trusts are asked"
        return Check(certificates.AUTHORITY, Result.ABSENT, finding)
    renew = "renew the authority (hearthlink fleet init), then every hub's certificate"
    return certificates.check_expiry(certificates.AUTHORITY, config.uplink_ca_file, now_ms, renew)


def check_household(
    connection: sqlite3.Connection | None, config: Config, clock: Clock
) -> list[Check]:
    """Make the checks of what the household chose."""

    def consent() -> Check:
        if connection is None:
            return household.judge_consent(None, config)
        limit = read_consent(connection, config).limit
        is_lost = read_fact(connection, LOST_FACT) is not None
        return household.judge_consent(read_choice(connection), config, limit, is_lost=is_lost)

    def departures() -> Check:
        if connection is None:
            return Check(household.DEPARTURES, Result.ABSENT, "nothing yet: there is no database")
        return household.judge_departures(read_totals(connection, clock.utc_ms() // MS_PER_DAY))

    def clone() -> Check:
        if connection is None:
            return Check(household.CLONE, Result.ABSENT, "nothing yet: there is no database")
        seen_ms = read_clone_ms(read_fact(connection, CLONE_FACT))
        return household.judge_clone(seen_ms, clock.utc_ms())

    def tariff(medium: Medium) -> Check:
        return household.check_tariff(connection, config, clock, medium)

    window_s = config.log_commit_window_s
    return [
        guard("consent", consent),
        guard(household.DEPARTURES, departures),
        guard(household.CLONE, clone),
        guard("power cut", lambda: household.judge_commit_window(window_s)),
        guard("tariff electricity", lambda: tariff(Medium.ELECTRICITY)),
        guard("tariff gas", lambda: tariff(Medium.GAS)),
    ]
