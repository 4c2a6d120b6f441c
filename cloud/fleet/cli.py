"""`hearthlink fleet`: claims, certificates, broker configuration and revocation, self-hosted.

Owns the command's arguments and what it prints; the work is in authority.py, broker.py, check.py
and, where the cloud's database is needed, commands.py, which is loaded only then.
"""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path

from cloud.fleet.arguments import add_actions
from cloud.fleet.authority import Authority, Credentials
from cloud.fleet.broker import LOOPBACK, MAX_PORT, write_broker_config
from cloud.fleet.check import check_broker
from cloud.fleet.console import Painter, households_text
from shared.clock import SystemClock
from shared.errors import OperatorError

DRAWING = "qr"
"""Key of a report under which a picture for the terminal stands; it is not printed as JSON."""

FAULTS = "faults"
"""Key of a report whose list, where it is not empty, makes the exit status 1."""

Report = dict[str, object]


def run(arguments: list[str]) -> int:
    """Run one `hearthlink fleet` action; return 0, or raise a HearthlinkError with its hint."""
    options = parser().parse_args(arguments)
    action: Callable[[argparse.Namespace], Report] = options.action
    report = action(options)
    drawing = report.pop(DRAWING, "")
    if options.json:
        print(json.dumps(report, indent=2))
    elif "text" in options:
        print(options.text(report, Painter(is_on=sys.stdout.isatty())))
    else:
        print(drawing, end="")
        for key, value in report.items():
            for line in value if isinstance(value, list) else [value]:
                print(f"{key:<12} {line}")
    return 1 if report.get(FAULTS) else 0


def parser() -> argparse.ArgumentParser:
    """Build the command's argument parser; docs/reference/commands.md is made from it."""
    parser = argparse.ArgumentParser(
        prog="hearthlink fleet",
        description="Claims, certificates, broker configuration and revocation, self-hosted.",
    )
    actions = parser.add_subparsers(title="actions", required=True, metavar="ACTION")
    init = _action(actions, "init", "make the certificate authority and the broker's certificates")
    init.add_argument(
        "--root",
        type=Path,
        metavar="DIR",
        help="keep the root's key in this other folder, to be taken offline; an issuer signs",
    )
    _add_hosts(init)
    init.set_defaults(action=_init)
    issue = _action(actions, "issue", "make a hub's certificate and key")
    issue.add_argument("thing", metavar="THING", help="the hub's name")
    issue.set_defaults(action=_issue)
    _add_broker_config(actions)
    _add_claim(actions)
    prepare = _on_database(
        actions, "prepare", "make what is needed once before the first hub, here or at AWS"
    )
    prepare.set_defaults(action=_prepare)
    add_actions(actions, _on_database)
    summaries = {
        "revoke": "no longer hear a hub, from now on, nor let it connect",
        "restore": "hear a revoked hub again, with the certificates it had",
    }
    for name, summary in summaries.items():
        action = _on_database(actions, name, summary)
        action.add_argument("thing", metavar="THING", help="the hub's name")
        action.set_defaults(action=_revoke if name == "revoke" else _restore)
    return parser


def _add_broker_config(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    config = _action(actions, "broker-config", "write mosquitto.conf and its access list")
    config.add_argument("--port", type=_port, metavar="N", help="TCP port for hubs")
    config.add_argument(
        "--listen",
        default=LOOPBACK,
        metavar="ADDRESS",
        help="address to listen on for hubs; 0.0.0.0 is every IPv4 one",
    )
    config.add_argument(
        "--services-port",
        type=_port,
        default=0,
        metavar="N",
        help="TCP port for the cloud's own services; the one after --port unless given",
    )
    config.add_argument(
        "--services-listen",
        default=LOOPBACK,
        metavar="ADDRESS",
        help="address for those, which no hub is to reach",
    )
    _add_hosts(config)
    config.add_argument("--ephemeral", action="store_true", help="keep nothing over a restart")
    config.add_argument(
        "--check", action="store_true", help="write nothing; say what of the present one is wrong"
    )
    config.set_defaults(action=_broker_config)


def _add_claim(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    claim = _on_database(actions, "claim", "let one hub join within some minutes, by a QR code")
    claim.add_argument("--thing", default="", metavar="NAME", help="the hub's name to be")
    claim.add_argument(
        "--household-id",
        default="",
        metavar="ID",
        help="whose hub it is: the household's id, or its name; needed where there are several",
    )
    claim.add_argument("--installer", default="", metavar="NAME", help="who installs it")
    claim.add_argument(
        "--minutes",
        type=int,
        default=15,
        metavar="N",
        help="how long it holds, 60 at most",
    )
    claim.add_argument(
        "--rejoin",
        action="store_true",
        help="also for a hub that has joined or is revoked: what it has ends with the claim's use",
    )
    claim.add_argument(
        "--out",
        type=Path,
        metavar="FILE",
        help="draw the code into this .svg or .png file; at AWS, write the claim here",
    )
    claim.set_defaults(action=_claim)
    households = _on_database(actions, "households", "list every household and its id")
    households.set_defaults(action=_households, text=households_text)


def _add_hosts(action: argparse.ArgumentParser) -> None:
    action.add_argument(
        "--host",
        action="append",
        default=[],
        dest="hosts",
        metavar="NAME",
        help="a name or address the server's certificate is for, besides loopback; repeatable",
    )


def _on_database(
    actions: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, summary: str
) -> argparse.ArgumentParser:
    action = actions.add_parser(name, help=summary, description=summary)
    action.add_argument(
        "--config", type=Path, metavar="FILE", help="TOML file of the cloud's settings"
    )
    action.add_argument("--json", action="store_true", help="print one JSON object")
    return action


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
    services = authority.prepare(options.root, options.hosts)
    return {
        "authority": str(authority.certificate),
        "server": str(authority.server.certificate),
        "services": ", ".join(service.name for service in services),
    }


def _issue(options: argparse.Namespace) -> Report:
    return _files(_authority(options).issue(options.thing))


def _broker_config(options: argparse.Namespace) -> Report:
    authority = _authority(options)
    if options.check:
        authority.check()
        return {"config": str(authority.directory), FAULTS: check_broker(authority, SystemClock())}
    if options.port is None:
        raise OperatorError("--port is missing", hint="give the TCP port that hubs connect to")
    authority.prepare(hosts=options.hosts)
    path = write_broker_config(
        authority,
        options.port,
        ephemeral=options.ephemeral,
        services_port=options.services_port,
        address=options.listen,
        services_address=options.services_listen,
    )
    return {
        "config": str(path),
        "port": options.port,
        "services_port": options.services_port or options.port + 1,
        "start": f"mosquitto -c {path}",
    }


def _claim(options: argparse.Namespace) -> Report:
    from cloud.fleet import commands  # noqa: PLC0415  # only these actions load the database

    return commands.claim(options)


def _households(options: argparse.Namespace) -> Report:
    from cloud.fleet import commands  # noqa: PLC0415  # as above

    return commands.households(options)


def _prepare(options: argparse.Namespace) -> Report:
    from cloud.fleet import commands  # noqa: PLC0415  # as above

    return commands.prepare(options)


def _revoke(options: argparse.Namespace) -> Report:
    from cloud.fleet import commands  # noqa: PLC0415  # as above

    return commands.revoke(options)


def _restore(options: argparse.Namespace) -> Report:
    from cloud.fleet import commands  # noqa: PLC0415  # as above

    return commands.restore(options)


def _files(credentials: Credentials) -> Report:
    return {
        "thing": credentials.name,
        "authority": str(credentials.authority),
        "certificate": str(credentials.certificate),
        "key": str(credentials.key),
    }
