"""`hearthlink cloud`: the API, ingest workers, and the care of their database."""

import argparse
import contextlib
import gc
import logging
import resource
import signal
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from cloud.config import Config, load
from cloud.lake import cli as lake
from shared.clock import SystemClock
from shared.errors import OperatorError

if TYPE_CHECKING:
    from cloud.db import Database
    from cloud.fleet.devices import DeviceService
    from cloud.ingest.worker import IngestWorker

SHUTDOWN_S = 3
"""How long open requests may take to end once asked."""

MAX_FILES = 16_384
"""More than `cloud.live.feed.MAX_VIEWERS` connections, and what else is open."""

MAX_SOCKET_MESSAGE_BYTES = 4 * 1024
"""A client has nothing to say over a WebSocket."""

KEEP_ALIVE_S = 75
"""A connection idle for so long is closed; within it a hub's next request saves a handshake."""


def run(arguments: Sequence[str]) -> int:
    """Run one of the cloud's commands and return its exit status.

    Raises ConfigError, with every fault, for a configuration that will not do.
    """
    chosen = _parser().parse_args(list(arguments))
    logging.basicConfig(
        level=logging.INFO, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s"
    )
    required = {
        "api": ("api_token",),
        "ingest": ("broker_host",),
        "devices": ("broker_host", "fleet_dir"),
    }.get(chosen.command, ())
    # Alembic tells of every step it does not have to take.
    logging.getLogger("alembic").setLevel(logging.WARNING)
    config = load(chosen.config, required=required)
    if chosen.command == "api":
        return _api(config)
    if chosen.command == "ingest":
        return _ingest(config)
    if chosen.command == "devices":
        return _devices(config)
    if chosen.command == "restore":
        return _restore(config, chosen.file)
    return _with_database(config, chosen)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="hearthlink cloud", description=__doc__)
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--config", type=Path, metavar="FILE", help="TOML file of settings")
    commands = parser.add_subparsers(dest="command", required=True)
    summaries = {
        "api": "serve the REST API until told to stop",
        "ingest": "run one ingest worker until told to stop",
        "devices": "answer hubs' provisioning, shadows and jobs, and keep the revocation list",
        "migrate": "bring the database to the newest schema",
        "samples": "print every stored sample as a JSON line",
        "backup": "copy the database into a new file while it is in use",
        "restore": "put a backup in place; every hub then offers again all that it holds",
        "store": "give the store another name, after its database was put back by other means",
        "dead-letters": "list what could not be merged",
        "replay": "try dead letters again, all or those named",
        "users": "add a person who signs in, give one a code for a new password, or list them",
        "tariffs": "import a catalogue of tariffs from a file, or list what it has",
        "prune": "delete frames and dead letters that came over 13 months ago",
        "lake": "export samples as Parquet, prove that all are there, or erase a household's",
    }
    for name, summary in summaries.items():
        commands.add_parser(name, parents=[shared], help=summary, description=summary)
    of = commands.choices
    of["samples"].add_argument(
        "--all", action="store_true", help="print replaced revisions too, not only the highest"
    )
    of["backup"].add_argument("file", type=Path, metavar="FILE", help="file to write, a new one")
    of["restore"].add_argument("file", type=Path, metavar="FILE", help="a file of 'cloud backup'")
    of["store"].add_argument("action", choices=["renew"], help="what to do: renew")
    of["replay"].add_argument(
        "ids", type=int, nargs="*", metavar="ID", help="numbers of letters; none is all"
    )
    _add_tariff_arguments(of["tariffs"])
    _add_user_arguments(of["users"])
    lake.add_arguments(of["lake"])
    for name in ("dead-letters", "replay", "tariffs", "users", "lake"):
        of[name].add_argument("--json", action="store_true", help="print JSON")
    return parser


def _add_tariff_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=["import", "list"], help="what to do")
    parser.add_argument(
        "file",
        type=Path,
        nargs="?",
        metavar="FILE",
        help="with import: a catalogue file (docs/how-to/tariffs.md)",
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="say what would change, and write nothing"
    )
    parser.add_argument(
        "--rates-of", default="", metavar="CODE", help="FILE is one page of this tariff's rates"
    )
    parser.add_argument(
        "--payment-method",
        default="DIRECT_DEBIT",
        metavar="NAME",
        help="with --rates-of: which rows to take, besides those for all",
    )


def _add_user_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=["add", "reset", "list"], help="what to do")
    parser.add_argument(
        "email", nargs="?", default="", metavar="EMAIL", help="with add and reset: whom"
    )
    parser.add_argument("--name", default="", metavar="NAME", help="with add: what to call them")
    parser.add_argument(
        "--household",
        default="home",
        metavar="ID",
        help="with add: which household they have part in; '' is none",
    )
    parser.add_argument(
        "--role",
        choices=["owner", "member", "viewer", "installer"],
        default="owner",
        help="with add: as what",
    )
    parser.add_argument(
        "--operator", action="store_true", help="with add: they govern the fleet, too"
    )
    parser.add_argument(
        "--drop-second-factor",
        action="store_true",
        help="with reset: ask for no code of an app any more",
    )


def _api(config: Config) -> int:
    import uvicorn  # noqa: PLC0415  # only this command pays for loading it

    from cloud.app import create_app  # noqa: PLC0415  # as above
    from cloud.streams.wires import Wires  # noqa: PLC0415  # as above

    # The server hands the signal that ended it on to the handler it found: that must not kill us.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _signal, _frame: None)
    listener = _listen(config.api_host, config.api_port)
    _raise_file_limit()
    app = create_app(config)

    class Server(uvicorn.Server):
        """Ends live streams too when asked to end: they never would by themselves."""

        def handle_exit(self, sig: int, frame: FrameType | None) -> None:
            app.state.parts.live.close()
            super().handle_exit(sig, frame)

    server = Server(
        uvicorn.Config(
            Wires(app),
            log_level="warning",
            access_log=False,
            timeout_graceful_shutdown=SHUTDOWN_S,
            timeout_keep_alive=KEEP_ALIVE_S,
            # Samples are of some hundred bytes: what deflating one keeps in memory is far more.
            ws_per_message_deflate=False,
            ws_max_size=MAX_SOCKET_MESSAGE_BYTES,
            ssl_certfile=config.api_cert or None,
            ssl_keyfile=config.api_key or None,
        )
    )
    # What is loaded now stays for ever: the collector need not walk it during requests.
    gc.collect()
    gc.freeze()
    server.run(sockets=[listener])
    return 0 if server.started else 1


def _raise_file_limit() -> None:
    """Allow as many connections as the system lets this process have: each viewer holds one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MAX_FILES if hard == resource.RLIM_INFINITY else min(hard, MAX_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _listen(host: str, port: int) -> socket.socket:
    """Take the address before anything else is started; raises OperatorError where it is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio sets TCP_NODELAY only where the protocol is named; without it an answer takes 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise OperatorError(
            f"cannot listen on {host} port {port}: {error.strerror}",
            hint="choose another with api_port or HEARTHLINK_CLOUD_API_PORT",
        ) from error
    return listener


def _ingest(config: Config) -> int:
    from cloud.bootstrap import open_database  # noqa: PLC0415  # only this command loads it
    from cloud.ingest.worker import IngestWorker  # noqa: PLC0415  # as above
    from cloud.lake.upkeep import ConfiguredLake  # noqa: PLC0415  # as above

    if config.lake_url:
        lake.check_extra(config)
    clock = SystemClock()
    database = open_database(config, clock)
    configured = ConfiguredLake(config, database, clock) if config.lake_url else None
    return _work(IngestWorker(config, database, clock, configured), database)


def _devices(config: Config) -> int:
    from cloud.bootstrap import open_database  # noqa: PLC0415  # only this command loads it
    from cloud.fleet.devices import DeviceService  # noqa: PLC0415  # as above
    from cloud.fleet.metrics import serving  # noqa: PLC0415  # as above
    from cloud.jobs.requests import JobDesk  # noqa: PLC0415  # as above
    from cloud.shadows.requests import ShadowDesk  # noqa: PLC0415  # as above

    clock = SystemClock()
    database = open_database(config, clock)
    shadows, jobs = ShadowDesk(database), JobDesk(database)
    service = DeviceService(
        config,
        database,
        clock,
        handlers={"shadow": shadows.answer, "jobs": jobs.answer},
        tellers=[shadows.tell, jobs.tell],
    )
    with serving(config.devices_metrics_port, service.metrics):
        return _work(service, database)


def _work(worker: "IngestWorker | DeviceService", database: "Database") -> int:
    """Run until a signal ends it."""

    def stop(_signal: int, _frame: FrameType | None) -> None:
        worker.stop()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    try:
        worker.run()
    finally:
        database.close()
    return 0


def _restore(config: Config, file: Path) -> int:
    from cloud.backup import restore  # noqa: PLC0415  # only this command loads it

    restored = restore(config, file, SystemClock())
    print(f"restored as store {restored.store_id}; hubs offer again what they hold")
    if restored.replaced is not None:
        print(f"what was there before is in {restored.replaced}")
    if config.fleet_dir:
        print(f"hubs that were shut out since are shut out again; the broker: {_bar_again(config)}")
    return 0


def _bar_again(config: Config) -> str:
    """Shut out by the revocation list whom a restored database would let in."""
    from cloud.bootstrap import open_database  # noqa: PLC0415  # as above
    from cloud.fleet.exclusion import tell_broker  # noqa: PLC0415  # as above

    clock = SystemClock()
    database = open_database(config, clock)
    try:
        return tell_broker(config, database, clock)
    finally:
        database.close()


def _with_database(config: Config, chosen: argparse.Namespace) -> int:
    """Run one of the commands that look at the database, or change it, and end."""
    from cloud.bootstrap import open_database  # noqa: PLC0415  # only these commands load it

    clock = SystemClock()
    database = open_database(config, clock)
    try:
        return _care_for(config, database, clock, chosen)
    finally:
        database.close()


def _care_for(
    config: Config, database: "Database", clock: SystemClock, chosen: argparse.Namespace
) -> int:
    from cloud import backup  # noqa: PLC0415  # as above
    from cloud.ingest import cli as ingest  # noqa: PLC0415  # as above

    own = {"tariffs": _tariffs, "users": _users, "lake": lake.act}
    if chosen.command in own:
        return own[chosen.command](config, database, clock, chosen)
    if chosen.command == "samples":
        return _samples(database, with_all=chosen.all)
    if chosen.command == "dead-letters":
        return ingest.show_letters(database, as_json=chosen.json)
    if chosen.command == "replay":
        return ingest.replay(config, database, clock, chosen.ids, as_json=chosen.json)
    if chosen.command == "prune":
        return ingest.prune_all(database, clock, _exported_to(config, database, clock))
    if chosen.command == "backup":
        print(f"wrote {backup.back_up(database, chosen.file)} bytes to {chosen.file}, verified")
    elif chosen.command == "store":
        print(f"the store is now {backup.renew(database, clock)}; hubs offer again what they hold")
    else:
        print(f"{database.dialect} database is at the newest schema")
    return 0


def _exported_to(config: Config, database: "Database", clock: SystemClock) -> int | None:
    """Number the last frame that is in the lake; None where there is no lake."""
    from cloud.lake.upkeep import ConfiguredLake  # noqa: PLC0415  # as above

    if not config.lake_url:
        return None
    return ConfiguredLake(config, database, clock).exported_to()


def _tariffs(
    config: Config, database: "Database", clock: SystemClock, chosen: argparse.Namespace
) -> int:
    from cloud.tariffs import cli as tariffs  # noqa: PLC0415  # as above

    if chosen.action == "list":
        return tariffs.show(database, as_json=chosen.json)
    if chosen.file is None:
        raise OperatorError("no file to import", hint="hearthlink cloud tariffs import FILE")
    asked = tariffs.Asked(
        chosen.file, chosen.rates_of, chosen.payment_method, is_dry_run=chosen.dry_run
    )
    return tariffs.import_file(config, database, clock, asked, as_json=chosen.json)


def _users(
    config: Config, database: "Database", clock: SystemClock, chosen: argparse.Namespace
) -> int:
    from cloud.accounts import cli as accounts  # noqa: PLC0415  # as above

    if chosen.action == "list":
        return accounts.show(database, as_json=chosen.json)
    asked = accounts.Asked(
        chosen.email,
        chosen.name,
        chosen.household,
        chosen.role,
        is_operator=chosen.operator,
        drops_factor=chosen.drop_second_factor,
    )
    run = accounts.add if chosen.action == "add" else accounts.reset
    return run(config, database, clock, asked)


def _samples(database: "Database", *, with_all: bool) -> int:
    from cloud.readings.export import samples  # noqa: PLC0415  # as above

    with contextlib.suppress(BrokenPipeError), database.reading() as connection:
        for line in samples(connection, with_all=with_all):
            sys.stdout.buffer.write(line + b"\n")
        sys.stdout.buffer.flush()
    return 0
