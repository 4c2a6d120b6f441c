"""`hearthlink panel update` and `inspect`: bring firmware into a panel, and look at firmware."""

import argparse
import asyncio
import json
import sys
from collections.abc import Mapping
from pathlib import Path

from firmware_bridge.links.port import DEFAULT_BAUD
from shared.cli import EXIT_FAILED, EXIT_OK
from shared.errors import BadInputError, OperatorError
from shared.progress import Progress


def add_update(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the action that updates a panel's firmware."""
    update = _add(actions, "update", "bring firmware into the panel on a serial port")
    update.set_defaults(act=_update)
    update.add_argument("file", type=Path, help="the signed image, as imgtool made it")
    update.add_argument(
        "--port", metavar="DEVICE", help="the panel's serial port; default: the hub's panel.port"
    )
    update.add_argument(
        "--baud",
        type=int,
        help=f"its speed; default: the hub's panel.baud, {DEFAULT_BAUD} for a port given here",
    )
    update.add_argument(
        "--keys",
        type=Path,
        metavar="FILE",
        help="the makers' public keys (PEM); default: the hub's update.panel_keys_file",
    )
    update.add_argument(
        "--allow-older", action="store_true", help="also bring in what is not newer"
    )
    update.add_argument("--config", type=Path, metavar="FILE", help="the hub's TOML file")


def add_inspect(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the action that looks at a firmware file."""
    inspect = _add(actions, "inspect", "say what a firmware file is: MCUboot, or ZigBee OTA")
    inspect.set_defaults(act=_inspect)
    inspect.add_argument("file", type=Path, help="the file")


def _add(
    actions: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, meaning: str
) -> argparse.ArgumentParser:
    action = actions.add_parser(name, help=meaning, description=f"{meaning.capitalize()}.")
    action.add_argument("--json", action="store_true", help="print one JSON object")
    return action


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise OperatorError(f"{path}: {error.strerror}", hint="name the firmware's file") from error


def _inspect(chosen: argparse.Namespace) -> int:
    from agent.firmware.inspection import inspect  # noqa: PLC0415 (keeps --help quick)

    shown = inspect(_read(chosen.file))
    if chosen.json:
        print(json.dumps(shown))
        return EXIT_OK
    tags = shown.pop("tags")
    for name, told in shown.items():
        print(f"{name.replace('_', ' '):14} {_written(told)}")
    for tag in tags if isinstance(tags, list) else []:
        print(f"tag {_written(tag)}")
    return EXIT_OK


def _written(told: object) -> str:
    if isinstance(told, Mapping):
        kept = {name: one for name, one in told.items() if name != "is_protected"}
        protected = " protected" if told.get("is_protected") else ""
        return " ".join(f"{one}{' bytes' * (name == 'bytes')}" for name, one in kept.items()) + (
            protected
        )
    if isinstance(told, list):
        return " to ".join(map(str, told))
    return "not said" if told is None else str(told)


def _update(chosen: argparse.Namespace) -> int:
    content = _read(chosen.file)
    bar = Progress(chosen.file.name, 100)
    try:
        version, is_installed, is_put_off, reason = asyncio.run(_bring_in(chosen, content, bar))
    except BadInputError as error:
        version, is_installed, is_put_off, reason = "", False, False, f"refused: {error}"
    finally:
        bar.close()
    if chosen.json:
        told = {"version": version, "is_installed": is_installed, "is_put_off": is_put_off}
        print(json.dumps({**told, "reason": reason}))
    elif is_installed:
        print(reason)
    else:
        again = "; do it again to go on" if is_put_off else ""
        print(f"hearthlink panel: not updated: {reason}{again}", file=sys.stderr)
    return EXIT_OK if is_installed else EXIT_FAILED


async def _bring_in(
    chosen: argparse.Namespace, content: bytes, bar: Progress
) -> tuple[str, bool, bool, str]:
    """Do the update; its journal lies beside the image, so that the same command goes on."""
    from agent.firmware.panel import PanelInstaller, admitted  # noqa: PLC0415 (as above)
    from agent.firmware.serial_line import serial_opener  # noqa: PLC0415 (as above)

    port, baud, keys_file = _line_and_keys(chosen)
    version = str(admitted(content, keys_file).version)
    opener = serial_opener(port, baud)
    async with opener():
        # A port that is not there, or another program's, is told at once and not waited for.
        pass
    journal = chosen.file.with_name(f"{chosen.file.name}.journal")
    installer = PanelInstaller(opener, keys_file, journal)
    ended = await installer.update(
        content, lambda _, percent: bar.show(percent), allows_older=chosen.allow_older
    )
    if ended.is_installed:
        installer.forget()
    return version, ended.is_installed, ended.is_put_off, ended.reason


def _line_and_keys(chosen: argparse.Namespace) -> tuple[str, int, Path | None]:
    """Take port, speed and keys as they were given, else as the hub has them."""
    port, baud, keys = chosen.port, chosen.baud, chosen.keys
    if chosen.config is not None:
        from agent.config import load_config  # noqa: PLC0415 (as above)

        config = load_config(chosen.config)
        keys = keys or config.update_panel_keys_file
        if port is None:
            port, baud = config.panel_port, baud or config.panel_baud
    if not port:
        raise OperatorError(
            "no serial port is named, and the hub has no panel",
            hint="give --port DEVICE, or --config FILE with panel.port in it",
        )
    return port, baud or DEFAULT_BAUD, keys
