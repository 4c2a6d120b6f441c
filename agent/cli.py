"""`hearthlink run`: the hub, until it is told to stop."""

import argparse
import asyncio
import faulthandler
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from agent.entering import enter

UNASKED = ("bz2", "calendar", "html", "http.client", "lzma", "urllib.request")
"""What libraries import at their top for what a hub seldom does, or never: archives, proxies, the
words of an error's page. With what these bring along (e-mail's parser, two thousand names of signs)
they take 2 MB of its memory (measured), whose limit is 45."""

for _name in UNASKED:
    enter(_name)

from agent.allocator import spare_memory  # noqa: E402 (what these import has to be entered first)
from agent.config import load_config, restart_command, service_manager  # noqa: E402
from agent.restarting import become  # noqa: E402
from shared.cli import EXIT_OK  # noqa: E402
from shared.errors import OperatorError  # noqa: E402

LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s %(message)s"


def build_parser() -> argparse.ArgumentParser:
    """Return the command's parser; the documentation is checked against it."""
    parser = argparse.ArgumentParser("hearthlink run", description=run.__doc__)
    parser.add_argument("--config", type=Path, help="the hub's TOML file")
    return parser


def run(arguments: Sequence[str]) -> int:
    """Run the hub until it is told to stop."""
    chosen = build_parser().parse_args(arguments)
    spare_memory()
    # systemd's watchdog ends a hub that hangs with SIGABRT: the journal then shows where it hung.
    faulthandler.enable()
    logging.basicConfig(level=logging.INFO, format=LOG_FORMAT, stream=sys.stderr)
    from agent.app import serve  # noqa: PLC0415 (keeps --help quick)

    config = load_config(chosen.config)
    try:
        is_restart = asyncio.run(serve(config))
    except ExceptionGroup as group:
        error = _operator_error(group)
        if error is None:
            raise
        raise error from group
    # A service manager has been told that this process stops, and starts the next one itself.
    if is_restart and not service_manager().address:
        become(restart_command())
    return EXIT_OK


def _operator_error(group: ExceptionGroup) -> OperatorError | None:
    """Find what a person must change among the errors that ended the hub's tasks."""
    found: BaseException | None = group.subgroup(OperatorError)
    while isinstance(found, BaseExceptionGroup):
        found = found.exceptions[0]
    return found if isinstance(found, OperatorError) else None
