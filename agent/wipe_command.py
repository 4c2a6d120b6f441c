"""`hearthlink wipe`: hands the hub to a new household with nothing of the old one left on it."""

import argparse
import asyncio
import contextlib
import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from shared.cli import EXIT_FAILED, EXIT_OK
from shared.errors import OperatorError

if TYPE_CHECKING:
    from agent.app import Assembly
    from agent.config import Config

DESCRIPTION = (
    "Send the cloud what it does not have yet, tell it, then remove the hub's identity, log, "
    "consent, PIN and all else of this household. The hub must not run."
)
WORD = "wipe"
CONNECT_S = 30.0
LOOK_S = 0.1


class Wiped(msgspec.Struct):
    """What was done: whether the cloud was reached and told, and what is left where."""

    thing: str
    was_told: bool
    lost_samples: int
    left: list[str]
    settings: list[str]


def build_parser() -> argparse.ArgumentParser:
    """Return the command's parser; the documentation is checked against it."""
    parser = argparse.ArgumentParser("hearthlink wipe", description=DESCRIPTION)
    parser.add_argument("--config", type=Path, metavar="FILE", help="the hub's TOML file")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument(
        "--drain-s",
        type=float,
        default=120.0,
        metavar="SECONDS",
        help="how long the backlog may take to leave; 0 gives it up at once (default: 120)",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return parser


def run(arguments: Sequence[str]) -> int:
    """Wipe the hub; raises OperatorError where it runs, or there is nothing."""
    chosen = build_parser().parse_args(arguments)
    from agent.config import load_config  # noqa: PLC0415 (keeps --help quick)
    from agent.ownership import check_owner  # noqa: PLC0415
    from agent.wiping import finish_wiping, settings_left, wipe  # noqa: PLC0415

    config = load_config(chosen.config)
    if not config.hub_state_dir.is_dir():
        raise OperatorError(f"{config.hub_state_dir} is not there: nothing to wipe")
    check_owner(config.hub_state_dir)
    if not chosen.yes and not _is_meant(config):
        print("nothing was changed", file=sys.stderr)
        return EXIT_FAILED
    finish_wiping(config)
    thing, was_told, lost = asyncio.run(_part(config, chosen.drain_s))
    try:
        left = wipe(config)
    except OSError as error:
        raise OperatorError(
            f"not everything could be removed: {error}",
            hint="mend that and run hearthlink wipe again: it goes on",
        ) from error
    wiped = Wiped(thing, was_told, lost, left, settings_left(config))
    print(msgspec.json.encode(wiped).decode() if chosen.json else _in_words(wiped, config))
    return EXIT_OK


def _is_meant(config: "Config") -> bool:
    print(
        f"This removes the readings, identity, consent and PIN in {config.hub_state_dir} for good."
    )
    try:
        return input(f"Type '{WORD}' to go on: ").strip() == WORD
    except EOFError:
        return False


async def _part(config: "Config", drain_s: float) -> tuple[str, bool, int]:
    """Drain the log and tell the cloud; return the thing, whether it was told, and what is lost."""
    from agent.app import assemble  # noqa: PLC0415

    # Nobody else is coming back at this moment: there is no crowd to be spread.
    assembly = assemble(dataclasses.replace(config, uplink_start_delay_s=0))
    hub, session = assembly.hub, assembly.hub.session
    membership = assembly.membership
    thing = membership.state.thing if membership is not None else config.hub_thing
    try:
        was_told = False
        if session is not None and hub.uplink is not None and drain_s > 0:
            running = asyncio.create_task(session.run(), name="session")
            await _wait_answered(assembly, min(CONNECT_S, drain_s))
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await running
            await session.drain(drain_s)
            was_told = await _tell(assembly)
            await hub.uplink.stop()
        return thing, was_told, _unstored(assembly)
    finally:
        hub.log.close()


async def _wait_answered(assembly: "Assembly", patience_s: float) -> None:
    session = assembly.hub.session
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(patience_s):
            while session is not None and not session.is_answered:  # noqa: ASYNC110 (no event)
                await asyncio.sleep(LOOK_S)


async def _tell(assembly: "Assembly") -> bool:
    """Say in the health shadow that the hub is wiped, and that no meter is its any more."""
    from agent.reporting import encode_health, read_health  # noqa: PLC0415
    from agent.uplink.port import Channel  # noqa: PLC0415

    hub = assembly.hub
    lost = _unstored(assembly)
    problem = f"wiped: emptied for a new household; {lost} samples did not reach the cloud"
    health = msgspec.structs.replace(
        read_health(hub, None), meters=[], problems=[problem], backlog_samples=0
    )
    is_told = hub.uplink is not None and hub.uplink.publish(
        Channel.HEALTH_UPDATE, encode_health(health)
    )
    # Disconnecting is in order: what was published before it has left.
    await asyncio.sleep(LOOK_S)
    return is_told


def _unstored(assembly: "Assembly") -> int:
    from shared.ranges import count  # noqa: PLC0415

    session, log = assembly.hub.session, assembly.hub.log
    if session is not None:
        return sum(count(ranges) for _, ranges in session.unstored())
    return sum(log.count_rows(one.log) for one in log.all_logs())


def _in_words(wiped: Wiped, config: "Config") -> str:
    lines = [
        f"{config.hub_state_dir} is empty: nothing of the household is left in it.",
        "The cloud was told."
        if wiped.was_told
        else "The cloud was not reached: hand the hub over there too.",
    ]
    if wiped.lost_samples:
        lines.append(f"{wiped.lost_samples:,} samples had not reached the cloud and are gone.")
    if wiped.left:
        lines.append(f"Not the hub's, and still there: {', '.join(wiped.left)}")
    if wiped.settings:
        lines.append(f"Still in the hub's file: {', '.join(wiped.settings)}: change them.")
    return "\n".join(lines)
