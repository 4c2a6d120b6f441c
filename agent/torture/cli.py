"""`hearthlink torture`: kill, freeze and cut off the real processes, then prove nothing lost."""

import argparse
import json
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from types import FrameType

from shared.cli import EXIT_FAILED, EXIT_OK

DAYS_PER_FAULT = 0.25
HISTORY_DAYS_MIN = 1.0
HISTORY_DAYS_MAX = 120.0
"""Of simulated history the meter tells in bursts; after it, a telegram a second."""


def build_parser() -> argparse.ArgumentParser:
    """Return the command's parser; the documentation is checked against it."""
    parser = argparse.ArgumentParser(
        prog="hearthlink torture",
        description="Strike the real processes with faults, then prove that nothing was lost.",
    )
    parser.add_argument("--seed", type=int, default=1, help="which schedule of faults (default 1)")
    parser.add_argument("--faults", type=int, default=10, help="how many (default 10)")
    parser.add_argument(
        "--only", metavar="KINDS", help="strike with these alone, by their names with commas"
    )
    parser.add_argument(
        "--state", type=Path, default=Path("state/torture"), help="folder for everything it writes"
    )
    parser.add_argument("--json", action="store_true", help="print the verdict as JSON")
    return parser


def run(arguments: Sequence[str]) -> int:
    """Torture; exit status 0 where nothing was lost, doubled, altered or finer than allowed."""
    chosen = build_parser().parse_args(arguments)
    from agent.torture.cast import Cast  # noqa: PLC0415 (keeps --help quick)
    from agent.torture.evidence import Evidence  # noqa: PLC0415
    from agent.torture.play import play  # noqa: PLC0415
    from agent.torture.strikes import named  # noqa: PLC0415
    from agent.torture.verdict import judge  # noqa: PLC0415
    from agent.torture.volume import take_own_mounts  # noqa: PLC0415

    only = named(chosen.only) if chosen.only else []
    signal.signal(signal.SIGTERM, _interrupt)
    started = time.monotonic()
    wanted_days = DAYS_PER_FAULT * chosen.faults
    history_days = min(max(wanted_days, HISTORY_DAYS_MIN), HISTORY_DAYS_MAX)
    may_mount = take_own_mounts()
    with Cast(chosen.state, chosen.seed, history_days, may_mount=may_mount) as cast:
        evidence = Evidence(cast.hub_database)
        course = play(cast, evidence, chosen.seed, chosen.faults, only)
        verdict = judge(cast, evidence)
    told = {
        "seed": chosen.seed,
        "faults": sum(course.struck.values()),
        "seconds": round(time.monotonic() - started, 1),
        **asdict(verdict),
        "longest_recovery_s": round(course.longest_recovery_s, 1),
        "slowest": course.slowest,
        "struck": course.struck,
        "not_struck": cast.lacking(),
    }
    if chosen.json:
        print(json.dumps(told, indent=2))
    else:
        print(
            f"{told['faults']} faults, {verdict.stored} samples stored: lost {verdict.lost}, "
            f"duplicated {verdict.duplicated}, altered {verdict.altered}, finer than allowed "
            f"{verdict.finer}, wrong at {verdict.wrong_boundaries} of {verdict.boundaries} slot "
            f"boundaries; longest recovery {course.longest_recovery_s:.1f} s ({course.slowest})",
            file=sys.stderr,
        )
    return EXIT_OK if verdict.is_whole() else EXIT_FAILED


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
