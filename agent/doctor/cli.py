"""The command `hearthlink doctor`: reads the configuration, has everything checked, prints."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from agent.config import load_config
from agent.diagnosis import CheckResult, Diagnosis, as_code, encode, hub_facts
from agent.doctor.check import Check, Result, worst_of
from agent.doctor.examination import examine
from agent.doctor.report import to_json, to_text
from agent.identity.settled import settled
from shared.cli import EXIT_FAILED, EXIT_OK
from shared.clock import SystemClock
from shared.errors import OperatorError

DESCRIPTION = "Check the hub, whether it runs or not, and say what to do; nothing is changed."


def build_parser() -> argparse.ArgumentParser:
    """Build the command's argument parser."""
    parser = argparse.ArgumentParser("hearthlink doctor", description=DESCRIPTION)
    parser.add_argument("--config", type=Path, metavar="FILE", help="the hub's TOML file")
    parser.add_argument(
        "--bundle",
        type=Path,
        metavar="FILE",
        help="also write what may be passed on: each check's result, without its finding",
    )
    parser.add_argument("--json", action="store_true", help="print the checks as JSON")
    return parser


def run(arguments: Sequence[str]) -> int:
    """Check the hub; 0 where nothing is worse than a warning, 1 where there is a fault.

    Raises ConfigError for a configuration that cannot be used (exit status 2).
    """
    chosen = build_parser().parse_args(arguments)
    checks = examine(settled(load_config(chosen.config)), chosen.config, SystemClock())
    if chosen.bundle:
        _write_bundle(chosen.bundle, checks)
    if chosen.json:
        print(to_json(checks))
    else:
        print(to_text(checks, colours=sys.stdout.isatty()))
    return EXIT_FAILED if worst_of(checks) is Result.FAULT else EXIT_OK


def _write_bundle(path: Path, checks: Sequence[Check]) -> None:
    """Write the checks as a diagnosis: their findings name serials and addresses, and stay here."""
    results: dict[str, CheckResult] = {}
    for check in sorted(checks, key=lambda one: worst_of([one]) is Result.FAULT):
        results[as_code(check.name)] = check.result.value
    try:
        path.write_bytes(encode(Diagnosis(SystemClock().utc_ms(), hub_facts(), checks=results)))
    except OSError as error:
        raise OperatorError(f"{path} cannot be written: {error}", hint="name a new file") from error
