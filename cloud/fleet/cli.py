"""`hearthlink fleet`: certificates and broker configuration for a self-hosted cloud.

Owns the command's arguments and what it prints; the work is in authority.py and broker.py.
"""

import argparse
import json
from collections.abc import Callable
from pathlib import Path

from cloud.fleet.authority import Authority, Credentials
from cloud.fleet.broker import write_broker_config
from shared.clock import SystemClock

MAX_PORT = 65535

Report = dict[str, object]


def run(arguments: list[str]) -> int:
    """Run one `hearthlink fleet` action; return 0, or raise a HearthlinkError with its hint."""
    options = parser().parse_args(arguments)
    authority = Authority(Path(options.state), SystemClock())
    action: Callable[[Authority, argparse.Namespace], Report] = options.action
    report = action(authority, options)
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
        description="Certificates and broker configuration for a self-hosted cloud.",
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


def _init(authority: Authority, _options: argparse.Namespace) -> Report:
    services = authority.prepare()
    return {
        "authority": str(authority.certificate),
        "server": str(authority.server.certificate),
        "services": ", ".join(service.name for service in services),
    }


def _issue(authority: Authority, options: argparse.Namespace) -> Report:
    return _files(authority.issue(options.thing))


def _broker_config(authority: Authority, options: argparse.Namespace) -> Report:
    authority.prepare()
    path = write_broker_config(authority, options.port, ephemeral=options.ephemeral)
    return {"config": str(path), "port": options.port, "start": f"mosquitto -c {path}"}


def _files(credentials: Credentials) -> Report:
    return {
        "thing": credentials.name,
        "authority": str(credentials.authority),
        "certificate": str(credentials.certificate),
        "key": str(credentials.key),
    }
