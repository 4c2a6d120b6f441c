"""The agent's commands: `run` the hub, import a `tariff`."""

import argparse
import asyncio
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from agent.config import load_config
from shared.cli import EXIT_OK
from shared.errors import OperatorError
from shared.readings import Medium

LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s %(message)s"


def run(arguments: Sequence[str]) -> int:
    """Run the hub until it is told to stop."""
    parser = argparse.ArgumentParser("hearthlink run", description=run.__doc__)
    parser.add_argument("--config", type=Path, help="the hub's TOML file")
    chosen = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format=LOG_FORMAT, stream=sys.stderr)
    from agent.app import serve  # noqa: PLC0415 (keeps --help quick)

    config = load_config(chosen.config)
    try:
        asyncio.run(serve(config))
    except ExceptionGroup as group:
        error = _operator_error(group)
        if error is None:
            raise
        raise error from group
    return EXIT_OK


def _operator_error(group: ExceptionGroup) -> OperatorError | None:
    """Find what a person must change among the errors that ended the hub's tasks."""
    found: BaseException | None = group.subgroup(OperatorError)
    while isinstance(found, BaseExceptionGroup):
        found = found.exceptions[0]
    return found if isinstance(found, OperatorError) else None


def run_tariff(arguments: Sequence[str]) -> int:
    """Import a tariff from a JSON file into the hub."""
    parser = argparse.ArgumentParser("hearthlink tariff", description=run_tariff.__doc__)
    parser.add_argument("action", choices=["import"])
    parser.add_argument("file", type=Path, help="the tariff, JSON (docs/reference/tariff.md)")
    parser.add_argument("--config", type=Path, help="the hub's TOML file")
    parser.add_argument(
        "--medium", choices=[Medium.ELECTRICITY, Medium.GAS], default=Medium.ELECTRICITY
    )
    chosen = parser.parse_args(arguments)
    from agent.log import Log  # noqa: PLC0415
    from agent.tariffs import TariffShelf, read_bounded  # noqa: PLC0415

    config = load_config(chosen.config)
    log = Log(config.database_path)
    tariff = TariffShelf(log, None, None).put(Medium(chosen.medium), read_bounded(chosen.file))
    log.close()
    print(f"{chosen.medium}: {tariff.name}, {len(tariff.versions)} version(s), {tariff.currency}")
    return EXIT_OK
