"""`hearthlink update`: what runs and what was tried; the maker's keys, packing and signing."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from shared.cli import EXIT_OK
from shared.errors import BadInputError, OperatorError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from agent.update.slots import Slots
    from shared.jobs import Artefact


def build_parser() -> argparse.ArgumentParser:
    """Return the command's parser; the documentation is checked against it."""
    parser = argparse.ArgumentParser("hearthlink update", description=run.__doc__)
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    status = _add(actions, "status", "say which program runs, and how the last update ended")
    install = _add(actions, "install", "put an artefact from a file into the spare slot")
    install.add_argument("file", type=Path, help="the archive")
    install.add_argument(
        "--artefact", type=Path, required=True, metavar="FILE", help="what it is, signed (JSON)"
    )
    for action in (status, install):
        action.add_argument("--config", type=Path, metavar="FILE", help="the hub's TOML file")
    key = _add(actions, "key", "make a maker's key; prints the line for update.keys_file")
    key.add_argument("file", type=Path, help="the private key's new file")
    key.add_argument("--id", required=True, metavar="KEY-ID", help="the key's name")
    pack = _add(actions, "pack", "make and sign an artefact; prints what it is as JSON")
    pack.add_argument("packages", type=Path, help="the folder of pip install --target")
    pack.add_argument("file", type=Path, help="the archive's new file")
    pack.add_argument("--release", required=True, metavar="X.Y.Z", help="the program's version")
    pack.add_argument("--url", required=True, help="where hubs will fetch the archive")
    pack.add_argument("--key", type=Path, required=True, metavar="FILE", help="the private key")
    pack.add_argument("--key-id", required=True, metavar="KEY-ID", help="the key's name")
    pack.add_argument(
        "--machine", default="", help="x86_64, aarch64 or any; default: this machine's"
    )
    for action in (status, install):
        action.add_argument("--json", action="store_true", help="print one JSON object")
    return parser


def _add(
    actions: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, meaning: str
) -> argparse.ArgumentParser:
    return actions.add_parser(name, help=meaning, description=f"{meaning.capitalize()}.")


def run(arguments: Sequence[str]) -> int:
    """Look after the slots of the hub's program, or make artefacts for them."""
    chosen = build_parser().parse_args(arguments)
    if chosen.action == "key":
        return _make_key(chosen)
    if chosen.action == "pack":
        return _pack(chosen)
    return _install(chosen) if chosen.action == "install" else _status(chosen)


def _slots(config: Path | None) -> tuple["Slots", Path | None]:
    from agent.config import load_config  # noqa: PLC0415 (keeps --help quick)
    from agent.update.slots import Slots  # noqa: PLC0415

    settings = load_config(config)
    if settings.update_slots_dir is None:
        raise OperatorError(
            "update.slots_dir is empty: this hub's program does not lie in slots",
            hint="see docs/how-to/update.md",
        )
    return Slots(settings.update_slots_dir), settings.update_keys_file


def _status(chosen: argparse.Namespace) -> int:
    slots, _ = _slots(chosen.config)
    held = {name: slots.manifest(name) for name in ("a", "b") if slots.is_usable(name)}
    trial = slots.trial()
    if chosen.json:
        said = {"current": slots.current, "slots": held, "floor": slots.floor(), "trial": trial}
        print(msgspec.json.encode(said).decode())
        return EXIT_OK
    for name, manifest in held.items():
        mark = " (current)" if name == slots.current else ""
        print(f"slot {name}: version {manifest.version}{mark}")
    print(f"nothing at or below version {slots.floor()} is installed over the uplink")
    if trial is not None:
        ended = trial.outcome or f"on trial, started {trial.starts} times"
        print(f"last update: {trial.version}: {ended}{': ' if trial.reason else ''}{trial.reason}")
    return EXIT_OK


def _install(chosen: argparse.Namespace) -> int:
    from agent.ownership import check_owner  # noqa: PLC0415
    from agent.update.installing import Updater  # noqa: PLC0415
    from agent.update.slots import Trial  # noqa: PLC0415
    from agent.uplink.tls import server_context  # noqa: PLC0415

    slots, keys_file = _slots(chosen.config)
    check_owner(slots.folder)
    artefact = _read_artefact(chosen.artefact)
    updater = Updater(slots, keys_file, lambda: server_context(None))
    with slots.held():
        is_first = not slots.current
        try:
            if not is_first:
                trial = slots.trial()
                if trial is not None and not trial.outcome and trial.slot == slots.current:
                    raise OperatorError("an update is on trial", hint="wait until it has ended")
            updater.judge_by_hand(artefact, is_first=is_first)
            slot = updater.install(_copied(chosen.file, slots), artefact, lambda: True)
        except BadInputError as error:
            raise OperatorError(f"refused: {error.message}", hint=error.hint) from error
        if is_first:
            slots.adopt(slot)
        else:
            slots.try_out(Trial(slot, slots.current, artefact.version, ""))
    if chosen.json:
        print(msgspec.json.encode({"slot": slot, "version": artefact.version}).decode())
    else:
        then = "start the hub" if is_first else "restart the hub to try it"
        print(f"version {artefact.version} lies in slot {slot}: {then}")
    return EXIT_OK


def _copied(file: Path, slots: "Slots") -> Path:
    """Copy an archive to where it cannot be changed between check and use."""
    target = slots.incoming() / "by-hand.part"
    try:
        target.write_bytes(file.read_bytes())
    except OSError as error:
        raise OperatorError(f"{file} cannot be read: {error}", hint="name the archive") from error
    return target


def _read_artefact(path: Path) -> "Artefact":
    from shared.jobs import Artefact  # noqa: PLC0415

    try:
        return msgspec.json.decode(path.read_bytes(), type=Artefact)
    except (OSError, msgspec.MsgspecError) as error:
        raise OperatorError(
            f"{path} does not describe an artefact: {error}",
            hint="give the JSON that `hearthlink update pack` printed",
        ) from error


def _make_key(chosen: argparse.Namespace) -> int:
    import base64  # noqa: PLC0415

    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (  # noqa: PLC0415
        Ed25519PrivateKey,
    )

    key = Ed25519PrivateKey.generate()
    written = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    try:
        descriptor = os.open(chosen.file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise OperatorError(f"{chosen.file}: {error.strerror}", hint="name a new file") from error
    with os.fdopen(descriptor, "wb") as file:
        file.write(written)
    public = base64.b64encode(key.public_key().public_bytes_raw()).decode()
    print(f"{chosen.id} {public}")
    print("keep the private key offline: it can sign any program for your hubs", file=sys.stderr)
    return EXIT_OK


def _pack(chosen: argparse.Namespace) -> int:
    from agent.update.packing import describe, own_manifest, pack  # noqa: PLC0415

    key = _read_key(chosen.key)
    pack(chosen.packages, own_manifest(chosen.release, chosen.machine), chosen.file)
    artefact = describe(chosen.file, chosen.release, chosen.url, chosen.key_id, key)
    print(msgspec.json.encode(artefact).decode())
    return EXIT_OK


def _read_key(path: Path) -> "Ed25519PrivateKey":
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (  # noqa: PLC0415
        Ed25519PrivateKey,
    )
    from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415

    try:
        key = load_pem_private_key(path.read_bytes(), None)
    except (OSError, ValueError, TypeError) as error:
        raise OperatorError(
            f"{path} cannot be used: {error}", hint="give the maker's key"
        ) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise OperatorError(f"{path} is no Ed25519 key", hint="make one: hearthlink update key")
    return key
