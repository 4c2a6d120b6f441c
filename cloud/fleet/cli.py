"""`hearthlink fleet`: certificates, broker configuration and revocation for a self-hosted cloud.

Owns the command's arguments and what it prints; the work is in authority.py, broker.py and the
cloud's database.
"""

import argparse
import contextlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from cloud.fleet.authority import Authority, Credentials
from cloud.fleet.broker import write_broker_config
from cloud.times import format_utc
from shared.clock import SystemClock
from shared.topics import check_thing

if TYPE_CHECKING:
    from sqlalchemy import Connection

MAX_PORT = 65535

Report = dict[str, object]


def run(arguments: list[str]) -> int:
    """Run one `hearthlink fleet` action; return 0, or raise a HearthlinkError with its hint."""
    options = parser().parse_args(arguments)
    action: Callable[[argparse.Namespace], Report] = options.action
    report = action(options)
    if options.json:
        print(json.dumps(report, indent=2))
    else:
        for key, value in report.items():
            print(f"{key:<12} {value}")
    return 0


def parser() -> argparse.ArgumentParser:
    """Build the command's argument parser; docs/reference/commands.md is made from it."""
    parser = argparse.ArgumentParser(
        prog="hearthlink fleet",
        description="Certificates, broker configuration and revocation for a self-hosted cloud.",
    )
    actions = parser.add_subparsers(title="actions", required=True, metavar="ACTION")
    init = _action(actions, "init", "make the certificate authority and the broker's certificates")
    init.set_defaults(action=_init)
    issue = _action(actions, "issue", "make a hub's certificate and key")
    issue.add_argument("thing", metavar="THING", help="the hub's name")
    issue.set_defaults(action=_issue)
    config = _action(actions, "broker-config", "write mosquitto.conf and its access list")
    config.add_argument(
        "--port", type=_port, required=True, metavar="N", help="TCP port to listen on"
    )
    config.add_argument("--ephemeral", action="store_true", help="keep nothing over a restart")
    config.set_defaults(action=_broker_config)
    summaries = {
        "revoke": "no longer hear a hub, from now on, whatever its certificate says",
        "restore": "hear a revoked hub again",
    }
    for name, summary in summaries.items():
        action = actions.add_parser(name, help=summary, description=summary)
        action.add_argument("thing", metavar="THING", help="the hub's name")
        action.add_argument(
            "--config", type=Path, metavar="FILE", help="TOML file of the cloud's settings"
        )
        action.add_argument("--json", action="store_true", help="print one JSON object")
        action.set_defaults(action=_revoke if name == "revoke" else _readmit)
    return parser


def _action(
    actions: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, summary: str
) -> argparse.ArgumentParser:
    action = actions.add_parser(name, help=summary, description=summary)
    action.add_argument("--state", required=True, metavar="DIR", help="folder of the fleet's files")
    action.add_argument("--json", action="store_true", help="print one JSON object")
    return action


def _port(text: str) -> int:
    port = int(text)
    if not 0 < port <= MAX_PORT:
        raise argparse.ArgumentTypeError(f"{text} is not a TCP port (1 to {MAX_PORT})")
    return port


def _authority(options: argparse.Namespace) -> Authority:
    return Authority(Path(options.state), SystemClock())


def _init(options: argparse.Namespace) -> Report:
    authority = _authority(options)
    services = authority.prepare()
    return {
        "authority": str(authority.certificate),
        "server": str(authority.server.certificate),
        "services": ", ".join(service.name for service in services),
    }


def _issue(options: argparse.Namespace) -> Report:
    return _files(_authority(options).issue(options.thing))


def _broker_config(options: argparse.Namespace) -> Report:
    authority = _authority(options)
    authority.prepare()
    path = write_broker_config(authority, options.port, ephemeral=options.ephemeral)
    return {"config": str(path), "port": options.port, "start": f"mosquitto -c {path}"}


def _revoke(options: argparse.Namespace) -> Report:
    from cloud.households.revocations import revoke  # noqa: PLC0415  # only this action loads it

    check_thing(options.thing)
    with _writing(options) as (connection, now_ms):
        revocation = revoke(connection, options.thing, now_ms)
    return {"thing": options.thing, "revoked_at": format_utc(revocation.revoked_at_ms)}


def _readmit(options: argparse.Namespace) -> Report:
    from cloud.households.revocations import readmit  # noqa: PLC0415  # only this action loads it

    with _writing(options) as (connection, now_ms):
        was_revoked = readmit(connection, check_thing(options.thing), now_ms)
    return {"thing": options.thing, "was_revoked": was_revoked}


@contextlib.contextmanager
def _writing(options: argparse.Namespace) -> Iterator[tuple["Connection", int]]:
    """One transaction on the cloud's database, and the time."""
    from cloud.bootstrap import open_database  # noqa: PLC0415  # only these actions load it
    from cloud.config import load  # noqa: PLC0415  # as above

    clock = SystemClock()
    database = open_database(load(options.config), clock)
    try:
        with database.writing() as connection:
            yield connection, clock.utc_ms()
    finally:
        database.close()


def _files(credentials: Credentials) -> Report:
    return {
        "thing": credentials.name,
        "authority": str(credentials.authority),
        "certificate": str(credentials.certificate),
        "key": str(credentials.key),
    }
