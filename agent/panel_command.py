"""`hearthlink panel`: what is done with displays from a command line; each action has a module."""

import argparse
from collections.abc import Sequence

from agent.firmware.cli import add_inspect, add_update
from agent.screen.preview import add_preview


def build_parser() -> argparse.ArgumentParser:
    """Return the command's parser; the documentation is checked against it."""
    parser = argparse.ArgumentParser(prog="hearthlink panel", description=run.__doc__)
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    add_preview(actions)
    add_update(actions)
    add_inspect(actions)
    return parser


def run(arguments: Sequence[str]) -> int:
    """Draw what displays show, update the firmware of panels, or look at firmware."""
    chosen = build_parser().parse_args(arguments)
    return int(chosen.act(chosen))
