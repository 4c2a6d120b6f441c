"""`hearthlink demo`: two weeks of a simulated household through the whole way, then live."""

import argparse
import json
import signal
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from types import FrameType

from shared.cli import EXIT_FAILED, EXIT_OK

DEFAULT_PAGE_PORT = 8080
DEFAULT_API_PORT = 8000
DEFAULT_BROKER_PORT = 8883


def build_parser() -> argparse.ArgumentParser:
    """Return the command's parser; the documentation is checked against it."""
    parser = argparse.ArgumentParser(
        prog="hearthlink demo",
        description="Run broker, cloud, hub and a simulated meter, and show the whole way.",
    )
    parser.add_argument(
        "--state", type=Path, default=Path("state/demo"), help="folder for everything it writes"
    )
    parser.add_argument("--seconds", type=float, help="end by itself so long after the start")
    parser.add_argument("--replay", type=Path, metavar="FILE", help="feed this P1 capture instead")
    parser.add_argument("--history-days", type=float, default=14, help="days played before now")
    parser.add_argument("--seed", type=int, default=1, help="which household")
    parser.add_argument(
        "--protocol",
        default="p1",
        help="what the meter speaks (default p1); 'iec62056-asked' or 'mbus-asked': one that is "
        "asked, without a history; or 'mixed': electricity by ZigBee, gas by a Glow's broker and a "
        "solar meter's P1 port in one home",
    )
    parser.add_argument(
        "--faults", metavar="SPEC", help="what goes wrong at the meter: see docs/how-to/simulate.md"
    )
    parser.add_argument("--zone", default="Europe/London", help="time zone of a replayed meter")
    parser.add_argument(
        "--page-port", type=int, default=DEFAULT_PAGE_PORT, help="port of the display"
    )
    parser.add_argument("--api-port", type=int, default=DEFAULT_API_PORT, help="port of the API")
    parser.add_argument(
        "--broker-port", type=int, default=DEFAULT_BROKER_PORT, help="port of the broker"
    )
    parser.add_argument(
        "--panel",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="build and show the panel's C reference, where there is a C compiler (default)",
    )
    parser.add_argument("--json", action="store_true", help="print the summary as JSON at the end")
    return parser


def run(arguments: Sequence[str]) -> int:
    """Run the demo; exit status 0 where nothing was lost, doubled or altered."""
    chosen = build_parser().parse_args(arguments)
    from agent.demo.check import check_demo  # noqa: PLC0415 (keeps --help quick)
    from agent.demo.play import play_demo  # noqa: PLC0415
    from agent.demo.stage import Stage  # noqa: PLC0415

    signal.signal(signal.SIGTERM, _interrupt)
    is_judged = chosen.seconds is not None or chosen.json
    try:
        with Stage(chosen, has_panel=chosen.panel) as stage:
            play_demo(stage, chosen.seconds)
            if not is_judged:
                return EXIT_OK
            stage.end_readings()
            summary = check_demo(stage)
    except KeyboardInterrupt:
        # Stopped by hand before it could say what came of everything.
        return EXIT_FAILED if is_judged else EXIT_OK
    if chosen.json:
        print(json.dumps(asdict(summary), indent=2))
    else:
        print(summary.sentence(), file=sys.stderr)
    return EXIT_OK if summary.is_whole() else EXIT_FAILED


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
